//! How an export begins: taken up where another run has left it, or with a kick-off.

use std::path::Path;

use chrono::Utc;
use tracing::{info, warn};

use super::deadline::{Deadline, Passed};
use super::kickoff::{Begun, Ending, HOW_TO_END};
use super::log::EventLog;
use super::request::KickOff;
use super::state::{ExportDir, ExportState, Phase};
use super::{ExportFilters, ExportOptions, Since, kickoff, redacted_url};
use crate::error::{Context, Error, FolderFault, Result, RunFault};
use crate::http::{Capabilities, Client, show_url};
use crate::ui::choose_form;

/// Said of a state that was written before the kick-off, and never after it.
pub(super) const NO_ANSWER: &str = "an earlier run ended while it asked for an export: if the server \
    has begun one, its URL is not known here";

/// The export that was interrupted, if it is the one that is asked for.
pub(super) fn take_up(
    options: &ExportOptions,
    site: &ExportDir,
    state: ExportState,
    fingerprint: &str,
) -> Result<ExportState> {
    is_same(options, site, &state, fingerprint)?;
    info!("Taking up the export of {} in '{}'", state.started, site.path().display());
    Ok(state)
}

fn is_same(
    options: &ExportOptions,
    site: &ExportDir,
    state: &ExportState,
    fingerprint: &str,
) -> Result<()> {
    // --resume names the server's job itself. Which request began that job is not known here, so
    // two runs that take it up need not have the same fingerprint.
    let same = match &options.resume {
        Some(url) => state.status_url == url.as_str(),
        None => state.fingerprint == fingerprint,
    };
    if same {
        return Ok(());
    }
    Err(Error::new(
        FolderFault::NotEmpty,
        format!(
            "'{}' holds an interrupted export of another request. Give the options that it was \
             begun with to take it up, --cancel to end it, or name another folder",
            site.path().display()
        ),
    ))
}

pub(super) fn not_empty(site: &ExportDir) -> Error {
    let message = format!(
        "'{}' is not empty: an export goes to an empty or a new folder. If this is a complete \
         export, give the folder as INPUT",
        site.path().display()
    );
    Error::new(FolderFault::NotEmpty, message)
}

/// Kicks off, or takes a status URL from the user; it is on the disk when this returns.
///
/// The folder gets a state and a log before the server is asked: one that can't be written to must
/// show before there is an export on the server.
pub(super) async fn begin_export(
    client: &Client,
    options: &ExportOptions,
    site: &ExportDir,
    fingerprint: &str,
    deadline: Deadline,
) -> Result<ExportState> {
    let mut state = ExportState {
        fingerprint: fingerprint.to_owned(),
        status_url: String::new(),
        started: Utc::now().to_rfc3339(),
        foreign: false,
        types: Vec::new(),
        phase: Phase::Asking,
        files: Vec::new(),
        transaction_time: None,
    };
    if let Some(url) = &options.resume {
        (state.status_url, state.foreign) = (url.to_string(), true);
        state.phase = Phase::Running;
        site.write_state(&state)?;
        info!("The export runs at {}", redacted_url(client, url));
        return Ok(state);
    }
    site.write_state(&state)?;
    let log = EventLog::open_log(site.path(), "")?;
    let asked = deadline.run_within(kick_off(client, options, &log, &mut state.types)).await;
    let late = |Passed| {
        let message = "the server did not begin the export within --export-timeout. If it does so \
                       later, the export's URL is not known here";
        Err(Error::new(RunFault::ExportIncomplete, message))
    };
    let begun = match asked.unwrap_or_else(late) {
        Ok(begun) => begun,
        Err(error) => {
            // The message says all that is known. A state left behind would have the next run warn
            // once more of an export whose URL was lost.
            site.forget_export()?;
            return Err(error);
        }
    };
    state.status_url = begun.url.to_string();
    state.started = begun.asked.to_rfc3339();
    state.phase = Phase::Running;
    let url = redacted_url(client, &begun.url);
    if let Err(error) = site.write_state(&state) {
        // Nobody would ever ask for it again.
        let told = match kickoff::end_export(client, &begun.url, options.pace).await {
            Ending::Ended => "it was ended on the server".to_owned(),
            _ => format!("the server could not be told to end it: {HOW_TO_END}"),
        };
        return Err(error).with_context(|| format!("the export {url} has begun, but {told}"));
    }
    // The event waits until here for its `exportId`: the status URL, by which readers of the log
    // find the events of one export.
    log.with_export_id(&url).log_event("kickoff", begun.event);
    info!("The export runs at {url}");
    if options.temporary && options.storage.shutdown().is_asked() {
        // When the signal came, there was nothing to give up yet.
        let _ = kickoff::end_export(client, &begun.url, options.pace).await;
    }
    // A signal has waited until here, where the URL is on the disk or the job has ended again (test
    // `a_signal_amid_the_kick_off_does_not_lose_the_export`).
    drop(begun.writer);
    Ok(state)
}

/// Asks the server for the export. `types` becomes what it is asked for.
async fn kick_off(
    client: &Client,
    options: &ExportOptions,
    log: &EventLog,
    types: &mut Vec<String>,
) -> Result<Begun> {
    let capabilities = client.capabilities().await;
    // The statement only leaves out types that the server lacks, and gives the log the server's
    // name. The export goes on without it.
    if let Err(error) = &capabilities {
        tracing::debug!("the server's CapabilityStatement: {error}");
    }
    let capabilities = capabilities.ok();
    let narrowing = match options.named {
        // The user knows better than the statement.
        true => options.narrowing.clone(),
        false => filter_supported(&options.narrowing, capabilities)?,
    };
    types.clone_from(&narrowing.types);
    warn_of_times(&narrowing);
    let kickoff = KickOff::new(&options.target, &narrowing, options.post);
    info!("Asking {} for an export", show_url(&options.target.export_url()));
    kickoff::kick_off(client, options, &kickoff, capabilities, log).await
}

/// Whether an export with these options could go to `folder`, which stays as it is.
///
/// # Errors
/// [`FolderFault::NotEmpty`] if the folder has something else, or another run is at work in it.
pub fn check_folder(options: &ExportOptions, folder: &Path) -> Result<()> {
    // `open_locked` would make the folder, and --check changes nothing.
    if !folder.exists() {
        return Ok(());
    }
    let site = ExportDir::open_locked(folder)?;
    match site.read_state()? {
        Some(state) if state.phase != Phase::Asking => {
            is_same(options, &site, &state, &request_fingerprint(options))
        }
        _ if site.has_data()? => Err(not_empty(&site)),
        _ => Ok(()),
    }
}

/// Leaves out types that the server does not have.
fn filter_supported(
    narrowing: &ExportFilters,
    capabilities: Option<&Capabilities>,
) -> Result<ExportFilters> {
    let mut narrowing = narrowing.clone();
    let Some(capabilities) = capabilities else { return Ok(narrowing) };
    let (has, lacks): (Vec<_>, Vec<_>) =
        narrowing.types.into_iter().partition(|name| capabilities.has(name));
    if !lacks.is_empty() {
        warn!(
            "the server does not have {}, which {} left out (--type LIST asks for {} all the same)",
            lacks.join(", "),
            choose_form(lacks.len() as u64, "is", "are"),
            choose_form(lacks.len() as u64, "it", "them")
        );
    }
    if has.is_empty() {
        let message = "the server has none of the resource types of the tables to make (--task); \
                       its CapabilityStatement (BASE/metadata) lists those that it has. Types that \
                       --type names are asked for all the same";
        return Err(Error::new(RunFault::NoResources, message));
    }
    narrowing.types = has;
    Ok(narrowing)
}

fn warn_of_times(narrowing: &ExportFilters) {
    let times = [("--since", &narrowing.since), ("--until", &narrowing.until)];
    for (name, _) in times.iter().filter(|(_, time)| time.is_some()) {
        warn!(
            "{name}: few servers keep to it, and some take it for another time than that of the \
             last change; see that the result is what you expect"
        );
    }
}

/// Of the request as the user has it: what is worked out may be another the next time.
pub(super) fn request_fingerprint(options: &ExportOptions) -> String {
    let mut asked = options.narrowing.clone();
    if let Some(Since::Auto) = options.since {
        asked.since = Some("auto".to_owned());
    }
    KickOff::new(&options.target, &asked, options.post).fingerprint
}
