//! INPUT is a FHIR server: its export is the input folder.

use tracing::{info, warn};

use super::config::EtlConfig;
use super::context;
use super::former_runs::check_codebook;
use super::run_input::ServerInput;
use crate::bulk::{self, ExportOptions, Since};
use crate::error::{Error, Result, SettingsFault};
use crate::http::Client;
use crate::store::{Folder, WorkFolder};
use crate::ui::Bars;

/// Where the files of an export that is not kept are, below the work folder.
const EXPORT: &str = "export";

/// An export that was made for this run.
pub(super) struct ServerExport {
    /// Where the files are.
    pub folder: Folder,
    /// The types that were asked for.
    pub types: Vec<String>,
    /// The key of its time in `context.json`.
    pub key: String,
    /// Goes away with this.
    _temporary: Option<WorkFolder>,
}

impl ServerInput {
    /// The request to the server, so that these tables can be made.
    pub(super) fn export_options(
        &self,
        config: &EtlConfig,
        selected: &[&'static str],
        bars: &Bars,
    ) -> Result<ExportOptions> {
        config.export.options(&self.target, selected, &config.storage, bars)
    }

    /// A client for the server, that may do what the options ask for.
    pub(super) fn make_client(
        &self,
        config: &EtlConfig,
        options: &ExportOptions,
    ) -> Result<Client> {
        let auth = config.credentials.auth(&bulk::scope_types(options))?;
        Client::new(&self.target.base, auth, &config.credentials.options())
    }

    /// Exports what the tables need. `None` if the user only wanted to end an export.
    pub(super) fn export_files(
        &self,
        config: &EtlConfig,
        selected: &[&'static str],
        output: &Folder,
        phi: &Folder,
        bars: &Bars,
    ) -> Result<Option<ServerExport>> {
        let mut options = self.export_options(config, selected, bars)?;
        let client = self.make_client(config, &options)?;
        // Before the export: a PHI folder that does not fit must not be refused after hours of it.
        check_codebook(output, phi)?;
        options.time.clone_from(&config.export_timestamp);
        let key = context::export_key(output, &bulk::identity(&options));
        if config.export.cancel {
            self.cancel_export(&client, &options)?;
            return Ok(None);
        }
        if options.since == Some(Since::Auto) {
            options.narrowing.since = find_last_time(output, phi, &key)?;
        }
        let (folder, temporary) = match &self.keep {
            // The documentation of --export-to has always promised files named `.ndjson`.
            Some(folder) => {
                options.compress = false;
                (folder.clone(), None)
            }
            None => {
                // Before `make_export_folder`, which removes the work folders of dead runs: the
                // URLs of their exports are in these.
                end_killed_exports(config, phi, &client)?;
                options.temporary = true;
                let (folder, work) = make_export_folder(phi)?;
                (folder, Some(work))
            }
        };
        let not_local = || Error::failed("exported files need a local folder");
        let path = folder.local().ok_or_else(not_local)?;
        let asked = bulk::export(&client, &options, path)?;
        // Of an export that was begun elsewhere only the user knows what it is of.
        let types = if asked.is_empty() { options.narrowing.types } else { asked };
        Ok(Some(ServerExport { folder, types, key, _temporary: temporary }))
    }

    fn cancel_export(&self, client: &Client, options: &ExportOptions) -> Result<()> {
        let folder = self.keep.as_ref().and_then(Folder::local).ok_or_else(|| {
            let message = "--cancel needs --export-to: without it, no export is ever interrupted";
            Error::new(SettingsFault::InvalidValue, message)
        })?;
        bulk::cancel(client, folder, options.resume.as_ref(), &options.storage)
    }
}

impl ServerExport {
    /// The main job has had it: nothing is left to take up.
    pub(super) fn finish_export(&self) -> Result<()> {
        self.folder.local().map_or(Ok(()), bulk::finish)
    }
}

/// Ends on the server what runs that died have begun there and not kept.
fn end_killed_exports(config: &EtlConfig, phi: &Folder, client: &Client) -> Result<()> {
    phi.create()?;
    let mut killed = Vec::new();
    // Earlier versions had exports below --work-dir.
    let wanted = config.work_dir.iter().map(|wanted| Some(wanted.as_str()));
    for place in std::iter::once(None).chain(wanted) {
        WorkFolder::look_at_stale(place, phi, |path| killed.push(path.join(EXPORT)))?;
    }
    bulk::end_killed(client, &killed, phi.storage());
    Ok(())
}

/// A folder for an export that is not kept: patients' data as it is, so it is below PHI, wherever
/// other temporary files go.
fn make_export_folder(phi: &Folder) -> Result<(Folder, WorkFolder)> {
    let work = WorkFolder::below_phi(phi)?;
    let path = work.path().join(EXPORT);
    Ok((phi.storage().open_local(&path)?.private(), work))
}

/// As of when OUTPUT has this export; the user is told.
fn find_last_time(output: &Folder, phi: &Folder, key: &str) -> Result<Option<String>> {
    let time = context::last_export_time(phi, key)?;
    match &time {
        Some(time) => info!("'{output}' has all of this as of {time}"),
        None => warn!(
            "--since auto: '{output}' has no earlier export of this Group with these types; all \
             is exported"
        ),
    }
    Ok(time)
}
