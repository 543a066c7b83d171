//! `cumulus-etl inline DIR --fhir-url URL`

use clap::Args;

use super::Process;
use super::credentials::CredentialArgs;
use super::declared::{FileArgs, Layered};
use super::exporting::NotesArgs;
use super::layers::Layers;
use super::logging::LoggingArgs;
use super::store::StoreArgs;
use crate::bulk::{self, ExportTarget, inline};
use crate::claim::{self, Role};
use crate::error::{Error, FolderFault, Result, SettingsFault};
use crate::http::Client;

/// Options of `inline`.
#[derive(Args, Debug)]
pub struct InlineArgs {
    /// Folder or bucket URL of FHIR NDJSON; its files are replaced by ones with notes
    #[arg(value_name = "DIR")]
    dir: String,
    #[command(flatten)]
    file: FileArgs,
    #[command(flatten)]
    logging: LoggingArgs,
    #[command(flatten)]
    settings: Layered<InlineSettings>,
}

/// The settings of `inline`.
#[derive(Args)]
struct InlineSettings {
    /// The FHIR server that the data came from [default: none, it is needed]
    #[arg(long, value_name = "URL")]
    fhir_url: Option<String>,
    #[command(flatten)]
    notes: NotesArgs,
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    credentials: CredentialArgs,
}

impl InlineArgs {
    /// Downloads the notes.
    pub fn run(self, process: &Process) -> Result<()> {
        let bars = self.logging.init(&process.console);
        let mut layers = Layers::new(&self.settings, self.file.config.as_deref())?;
        let url = layers.text("fhir-url");
        // Its error waits for `finish`, which tells of all settings that can't be used.
        let selection = NotesArgs::read_selection(&mut layers);
        let max_connections = NotesArgs::max_connections(&mut layers);
        let credentials = CredentialArgs::read_credentials(&mut layers);
        let store = StoreArgs::read_options(&mut layers, process.budget.part_mib);
        layers.finish()?;
        let selection = selection?;
        credentials.check_consistency()?;
        let url = url.ok_or_else(|| {
            let message = "--fhir-url is needed: the FHIR server that the data came from";
            Error::new(SettingsFault::Usage, message)
        })?;
        let target = ExportTarget::parse(&url)?;
        let folder = process.storage.with_options(store).open_folder(&self.dir)?;
        // Notes are patients' data as it is.
        claim::refuse_claimed(&folder, "DIR", &[Role::Phi, Role::Output])?;
        claim::refuse_inside(&folder, "DIR", Role::Output)?;
        process.handle_signals()?;
        // Of a bucket only what is in it tells.
        if !folder.exists() || folder.list_direct()? == Default::default() {
            folder.require_folder("folder")?;
            let message = match folder.local() {
                Some(_) => format!("The folder '{folder}' is empty"),
                None => format!("The folder '{folder}' does not exist"),
            };
            return Err(Error::new(FolderFault::Missing, message));
        }
        let types: Vec<_> =
            // An attachment's URL mostly leads to a Binary, which needs a scope of its own (FHIR
            // R4, Attachment.url).
            selection.resources.iter().cloned().chain(["Binary".to_owned()]).collect();
        let auth = credentials.auth(&types)?;
        let client = Client::new(&target.base, auth, &credentials.options())?;
        let summary = inline::inline_notes(
            &client,
            &folder,
            &selection,
            max_connections,
            bulk::read_pace(),
            &bars,
        )?;
        summary.print_counts();
        summary.check_result()
    }
}
