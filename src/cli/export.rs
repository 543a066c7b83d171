//! `cumulus-etl export URL DIR`

use std::path::{Path, PathBuf};

use clap::Args;
use tracing::{info, warn};

use super::Process;
use super::credentials::CredentialArgs;
use super::declared::{FileArgs, Layered};
use super::exporting::ExportingArgs;
use super::layers::Layers;
use super::logging::LoggingArgs;
use crate::bulk::{self, ExportTarget, Since};
use crate::claim::{self, Role};
use crate::error::{Error, FolderFault, Result};
use crate::fhir::TABLE_TYPES;
use crate::http::Client;
use crate::store::Storage;

/// Options of `export`.
#[derive(Args, Debug)]
pub struct ExportArgs {
    /// The FHIR server, like https://ehr.example/fhir or https://ehr.example/fhir/Group/ID
    #[arg(value_name = "URL")]
    url: String,
    /// Where the files go: an empty or a new folder, or that of an interrupted export
    #[arg(value_name = "DIR")]
    dir: String,
    #[command(flatten)]
    file: FileArgs,
    #[command(flatten)]
    logging: LoggingArgs,
    #[command(flatten)]
    settings: Layered<ExportCommandSettings>,
}

/// The settings of `export`.
#[derive(Args)]
struct ExportCommandSettings {
    #[command(flatten)]
    exporting: ExportingArgs,
    #[command(flatten)]
    credentials: CredentialArgs,
}

impl ExportArgs {
    /// Exports, or cancels an export.
    pub fn run(self, process: &Process) -> Result<()> {
        let bars = self.logging.init(&process.console);
        let mut layers = Layers::new(&self.settings, self.file.config.as_deref())?;
        let settings = ExportingArgs::read_settings(&mut layers);
        let credentials = CredentialArgs::read_credentials(&mut layers);
        layers.finish()?;
        let settings = settings?;
        credentials.check_consistency()?;
        let target = ExportTarget::parse(&self.url)?;
        let folder = local_path(&self.dir, &process.storage)?;
        let place = process.storage.open_local(&folder)?;
        claim::refuse_claimed(&place, "DIR", &[Role::Phi, Role::Output])?;
        claim::refuse_inside(&place, "DIR", Role::Output)?;
        process.handle_signals()?;

        let mut options = settings.options(&target, &TABLE_TYPES, &process.storage, &bars)?;
        let auth = credentials.auth(&bulk::scope_types(&options))?;
        let client = Client::new(&target.base, auth, &credentials.options())?;
        // After the client is made: the server is told, too, and may want a token for that.
        if settings.cancel {
            return bulk::cancel(&client, &folder, options.resume.as_ref(), &process.storage);
        }
        if options.since == Some(Since::Auto) {
            options.narrowing.since = since_last(&folder, &target);
        }
        bulk::export(&client, &options, &folder)?;
        bulk::finish(&folder)?;
        info!("The export is in '{}'", folder.display());
        Ok(())
    }
}

fn since_last(folder: &Path, target: &ExportTarget) -> Option<String> {
    let time = bulk::last_time(folder, target);
    match &time {
        Some(time) => info!("The last export in the log was of {time}"),
        None => warn!("--since auto: the log has no earlier export of this; all is exported"),
    }
    time
}

/// A local folder's path.
fn local_path(location: &str, storage: &Storage) -> Result<PathBuf> {
    let refused = || {
        let message = format!("'{location}' is not a local folder, which exported files need");
        Error::new(FolderFault::NotLocal, message)
    };
    if location.contains("://") && !location.starts_with("file://") {
        return Err(refused());
    }
    storage.open_folder(location)?.local().map(Path::to_owned).ok_or_else(refused)
}
