//! INPUT is a FHIR server: its export is the input folder.

use serde_json::{Map, Value, json};
use tracing::{info, warn};

use super::config::EtlConfig;
use super::records;
use crate::bulk::{self, ExportTarget, Since};
use crate::error::{Error, Exit, Result};
use crate::http::Client;
use crate::store::{Folder, WorkFolder};

/// What `context.json` in PHI has the exports under.
pub(super) const EXPORTS: &str = "last_exports";

/// Where the files of an export that is not kept are, below the work folder.
const EXPORT: &str = "export";

/// An export that was made for this run.
pub(super) struct Exported {
    /// Where the files are.
    pub folder: Folder,
    /// The types that were asked for.
    pub types: Vec<String>,
    /// The same for exports of the same thing, whatever their times.
    identity: String,
    /// Goes away with this.
    _temporary: Option<WorkFolder>,
}

/// Whether INPUT is a server.
pub(super) fn is_server(input: &str) -> bool {
    let lower = input.to_ascii_lowercase();
    lower.starts_with("http://") || lower.starts_with("https://")
}

/// The folder that exported files are kept in, if the user names one.
pub(super) fn kept(config: &EtlConfig) -> Result<Option<Folder>> {
    let Some(location) = &config.export.export_to else { return Ok(None) };
    let not_local = || {
        let message = format!("--export-to must be a local folder, not '{location}'");
        Error::new(Exit::ExportFolderNotLocal, message)
    };
    if location.contains("://") && !location.starts_with("file://") {
        return Err(not_local());
    }
    let folder = Folder::open(location)?.private();
    if folder.local().is_none() { Err(not_local()) } else { Ok(Some(folder)) }
}

/// Exports what the tables need. `None` if the user only wanted to end an export.
pub(super) fn export(
    config: &EtlConfig,
    selected: &[&'static str],
    output: &Folder,
    phi: &Folder,
    bars: bool,
) -> Result<Option<Exported>> {
    let target = ExportTarget::parse(&config.input)?;
    let mut options = config.export.options(&target, selected, bars)?;
    let auth = config.credentials.auth(&bulk::scope_types(&options))?;
    let client = Client::new(&target.base, auth, &config.credentials.options())?;
    records::check_codebook(output, phi)?;
    options.time.clone_from(&config.export_timestamp);
    let identity = bulk::identity(&options);
    let kept = kept(config)?;
    if config.export.cancel {
        let folder = kept.as_ref().and_then(Folder::local).ok_or_else(|| {
            let message = "--cancel needs --export-to: without it, no export is ever interrupted";
            Error::new(Exit::ArgsInvalid, message)
        })?;
        bulk::cancel(&client, folder, options.resume.as_ref())?;
        return Ok(None);
    }
    if options.since == Some(Since::Auto) {
        options.narrowing.since = last_time(output, phi, &identity)?;
    }
    let (folder, temporary) = match kept {
        // Kept files are as the documentation has always said.
        Some(folder) => {
            options.compress = false;
            (folder, None)
        }
        None => {
            phi.create()?;
            let mut killed = Vec::new();
            // Earlier versions had exports below --work-dir.
            let wanted = config.work_dir.iter().map(|wanted| Some(wanted.as_str()));
            for place in std::iter::once(None).chain(wanted) {
                WorkFolder::look_at_stale(place, phi, |path| killed.push(path.join(EXPORT)))?;
            }
            bulk::end_killed(&client, &killed);
            // Patients' data as it is: below PHI, wherever other temporary files go.
            let work = WorkFolder::below_phi(phi)?;
            let path = work.path().join(EXPORT);
            options.temporary = true;
            (Folder::open(&path.display().to_string())?.private(), Some(work))
        }
    };
    let path = folder.local().ok_or_else(|| Error::failed("exported files need a local folder"))?;
    let asked = bulk::export(&client, &options, path)?;
    // Of an export that was begun elsewhere only the user knows what it is of.
    let types = if asked.is_empty() { options.narrowing.types } else { asked };
    Ok(Some(Exported { folder, types, identity, _temporary: temporary }))
}

impl Exported {
    /// The main job has had it: nothing is left to take up.
    pub(super) fn finish(&self) -> Result<()> {
        self.folder.local().map_or(Ok(()), bulk::finish)
    }

    /// Notes in PHI as of when this OUTPUT has this export.
    pub(super) fn note(&self, context: &mut Map<String, Value>, output: &Folder, time: &str) {
        let exports = context.entry(EXPORTS).or_insert_with(|| json!({}));
        if let Some(exports) = exports.as_object_mut() {
            exports.insert(key(output, &self.identity), json!(time));
        }
    }
}

/// Another OUTPUT has not seen what this one has.
fn key(output: &Folder, identity: &str) -> String {
    format!("{identity} {output}")
}

fn last_time(output: &Folder, phi: &Folder, identity: &str) -> Result<Option<String>> {
    let context = phi.read(records::CONTEXT)?.unwrap_or_default();
    let context: Value = serde_json::from_slice(&context).unwrap_or_default();
    let time = context[EXPORTS][key(output, identity)].as_str().map(str::to_owned);
    match &time {
        Some(time) => info!("'{output}' has all of this as of {time}"),
        None => warn!(
            "--since auto: '{output}' has no earlier export of this Group with these types; all \
             is exported"
        ),
    }
    Ok(time)
}
