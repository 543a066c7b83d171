//! FHIR Bulk Data exports: kick-off, polling, download, and taking up what was interrupted.
//!
//! [`export`] reads from top to bottom as an export goes. Its folder remembers how far it is
//! (`state`), so that it can be killed at any moment and be taken up by the next run, without a
//! second kick-off.

mod begin;
mod commit;
mod context;
mod deadline;
mod download;
mod downloading;
mod ending;
mod gate;
mod incoming;
pub mod inline;
mod kickoff;
mod log;
mod manifest;
mod note_selection;
mod options;
mod outcomes;
mod part;
mod poll;
#[doc(hidden)]
pub mod probe;
mod progress;
mod request;
mod rows;
mod settings;
mod state;
mod transfer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::json;
use tracing::{debug, info, warn};
use url::Url;

use crate::error::{Error, Result};
use crate::http::Client;
use crate::store::Storage;
use crate::ui::{Bar, format_count};
pub use begin::check_folder;
use begin::{begin_export, not_empty, request_fingerprint, take_up};
use context::DownloadContext;
use deadline::Deadline;
use download::download_files;
use ending::{
    abandon_export, check_reports, damaged_error, incomplete_error, require_files, total_counts,
};
use gate::ConcurrencyLimit;
use kickoff::Ending;
use log::EventLog;
use manifest::ManifestEntry;
pub use note_selection::{NOTE_MIMETYPES, NOTE_RESOURCES, NoteSelection};
pub use options::ExportOptions;
use poll::ExportManifest;
use progress::DownloadProgress;
use request::KickOff;
pub use request::{ExportFilters, ExportTarget, Since, split_filters, to_instant};
pub use settings::{ExportSettings, parse_span, read_pace};
use state::{ExportDir, ExportState, Phase};

/// The parts that the steps of one export share.
struct ExportContext<'a> {
    client: &'a Client,
    options: &'a ExportOptions,
    log: EventLog,
    started: DateTime<Utc>,
    /// Whether another program has begun it.
    foreign: bool,
    deadline: Deadline,
    bar: Option<Bar>,
}

impl ExportContext<'_> {
    /// Time since the kick-off.
    fn time_waited(&self) -> Duration {
        (Utc::now() - self.started).to_std().unwrap_or_default()
    }
}

/// Exports to `folder`, or takes up the export that was interrupted there.
///
/// The folder must be empty but for logs and the state of the same export
/// (`FolderFault::NotEmpty` otherwise).
/// When it returns, all that the server has is there; [`finish`] makes it a plain folder. The
/// result is the types that the server was asked for; empty if that is not known.
pub fn export(client: &Client, options: &ExportOptions, folder: &Path) -> Result<Vec<String>> {
    // Only for an export whose folder goes away. One that is kept stays on the server after a
    // signal, so that the next run takes it up.
    let ahead = options.temporary.then(|| {
        let (client, folder) = (client.clone(), folder.to_owned());
        options
            .storage
            .shutdown()
            .before_end(move || Some(Box::pin(abandon_export(&client, &folder)?)))
    });
    let result = options.storage.block_on(run_export(client, options, folder));
    // Before the export is given up below: a signal must not have it given up a second time.
    drop(ahead);
    if result.is_err()
        && options.temporary
        && let Some(telling) = abandon_export(client, folder)
    {
        options.storage.block_on(telling);
    }
    result
}

/// Forgets that the export in `folder` is one that could be taken up.
pub fn finish(folder: &Path) -> Result<()> {
    ExportDir::open_locked(folder)?.forget_export()
}

/// Ends the interrupted export of `folder` (or that of `status_url`) on the server, and removes
/// what it has left.
pub fn cancel(
    client: &Client,
    folder: &Path,
    status_url: Option<&Url>,
    storage: &Storage,
) -> Result<()> {
    if !folder.is_dir() && status_url.is_none() {
        info!("There is nothing to cancel: '{}' does not exist", folder.display());
        return Ok(());
    }
    if let Some(url) = status_url {
        storage.block_on(kickoff::cancel_job(client, url, settings::read_pace()))?;
    }
    if !folder.is_dir() {
        return Ok(());
    }
    let site = ExportDir::open_locked(folder)?;
    match site.read_state()? {
        Some(state) => {
            if state.phase == Phase::Asking {
                info!("{}", begin::NO_ANSWER);
            }
            let url = Url::parse(&state.status_url).ok().filter(|url| Some(url) != status_url);
            if let Some(url) = url {
                storage.block_on(kickoff::cancel_job(client, &url, settings::read_pace()))?;
            }
            // The state goes last: if this run is killed in between, --cancel still knows what to
            // remove.
            site.remove_files()?;
            site.forget_export()
        }
        None if status_url.is_none() => {
            info!("There is nothing to cancel in '{}'", folder.display());
            Ok(())
        }
        None => Ok(()),
    }
}

/// Tells the server that nobody waits for the exports any more whose runs were killed: in these
/// folders, which go away. Many servers run one at a time.
pub fn end_killed(client: &Client, folders: &[PathBuf], storage: &Storage) {
    for telling in folders.iter().filter_map(|folder| abandon_export(client, folder)) {
        storage.block_on(telling);
    }
}

/// The transaction time of the last export of `target` that the log in `folder` has to its end.
pub fn last_time(folder: &Path, target: &ExportTarget) -> Option<String> {
    log::last_time(folder, &target.export_url())
}

async fn run_export(
    client: &Client,
    options: &ExportOptions,
    folder: &Path,
) -> Result<Vec<String>> {
    let deadline = Deadline::after_span(options.timeout);
    let site = Arc::new(ExportDir::open_locked(folder)?);
    let fingerprint = request_fingerprint(options);
    hide_what_is_asked(client, options);
    let found = site.read_state()?;
    let taken_up = found.as_ref().is_some_and(|state| state.phase != Phase::Asking);
    let mut state = match found {
        Some(state) if taken_up => take_up(options, &site, state, &fingerprint)?,
        found => {
            if found.is_some() {
                warn!("{}; a new export begins", begin::NO_ANSWER);
            }
            if site.has_data()? {
                return Err(not_empty(&site));
            }
            begin_export(client, options, &site, &fingerprint, deadline).await?
        }
    };
    if matches!(state.phase, Phase::Complete | Phase::Downloaded) {
        require_files(&site)?;
    }
    if state.phase == Phase::Complete {
        let time = state.transaction_time.as_deref().unwrap_or("unknown time");
        info!("'{}' has the whole export already, as of {time}", folder.display());
        return check_reports(client, options, &site).map(|()| state.types);
    }
    if state.phase == Phase::Running {
        let run = ExportRun { client, options, site: &site, fingerprint: &fingerprint, deadline };
        run.fetch_files(&mut state, taken_up).await?;
    }
    // `Phase::Downloaded` is on the disk before the DELETE is sent. A run that is killed here must
    // not poll a job that is gone, and begin a second export. If the DELETE is sent twice, the
    // server answers 404, which counts as an end.
    let status_url = status_url(&state)?;
    kickoff::release_job(client, &status_url, options.pace).await;

    let attachments = match &options.inline {
        Some(selection) => {
            let summary = inline::in_folder(client, folder, selection, options).await?;
            summary.print_counts();
            summary.check_result()?;
            Some(summary.downloaded + summary.present)
        }
        None => None,
    };
    let (files, rows, bytes) = total_counts(&site);
    let log = EventLog::open_log(folder, &client.redactor().show_url(&status_url))?;
    let duration = Utc::now() - started_at(&state);
    // The event comes before the phase: `--since auto` goes by the event, and a run that finds
    // `Phase::Complete` writes none. At worst the event is there twice.
    log.log_event(
        "export_complete",
        json!({
            "files": files,
            "resources": rows,
            "bytes": bytes,
            "attachments": attachments,
            "duration": duration.num_milliseconds(),
        }),
    );
    state.phase = Phase::Complete;
    site.write_state(&state)?;
    check_reports(client, options, &site).map(|()| state.types)
}

/// The parts that the steps of one run share.
struct ExportRun<'a> {
    client: &'a Client,
    options: &'a ExportOptions,
    site: &'a Arc<ExportDir>,
    fingerprint: &'a str,
    deadline: Deadline,
}

impl ExportRun<'_> {
    /// Waits for the server and downloads its files. `taken_up`: an earlier run has begun the
    /// export.
    async fn fetch_files(&self, state: &mut ExportState, taken_up: bool) -> Result<()> {
        let Self { client, options, site, deadline, .. } = *self;
        let (mut job, manifest) = self.wait_for_manifest(state, taken_up).await?;
        if let Some(bar) = job.bar.take() {
            bar.remove_bar();
        }
        // Another program sent the kick-off. Only the server's copy of its URL says which types
        // were asked for, and so which of them have no rows rather than no export.
        if state.foreign {
            state.types = manifest.request.as_deref().map(read_types).unwrap_or_default();
        }
        let entries: Arc<[ManifestEntry]> = manifest.entries.into();
        let files = file_identities(&entries);
        // Files are named by their places in the manifest: of another list, the same name is
        // another file.
        if !state.files.is_empty() && state.files != files {
            warn!("the server has made other files than before; all are downloaded anew");
            site.remove_files()?;
        }
        state.files = files;
        state.transaction_time = manifest.transaction_time;
        site.write_state(state)?;
        info!("The server has made {}", format_count(entries.len() as u64, "file"));

        // One for each round, as `find_missing` adds the files that are there to the progress each
        // time.
        let shared = || {
            Arc::new(DownloadContext {
                client: client.clone(),
                site: site.clone(),
                log: job.log.clone(),
                pace: options.pace,
                deadline,
                gate: ConcurrencyLimit::new(options.max_connections),
                tally: Arc::new(DownloadProgress::new(entries.len(), &options.bars)),
                compress: options.compress,
            })
        };
        let mut round = shared();
        let mut missing = download_files(round.clone(), entries.clone()).await?;
        if missing.iter().any(|file| matches!(file.status, Some(401 | 403 | 404 | 410))) {
            // The files' URLs may have run out; a manifest of today has others.
            let files = format_count(missing.len() as u64, "file");
            info!("{files} could not be had; asking for their URLs again");
            if let Ok(again) = poll::wait_for_manifest(&job, &status_url(state)?).await
                && file_identities(&again.entries) == state.files
            {
                round.tally.hide_bar();
                round = shared();
                let fresh: Arc<[ManifestEntry]> = again.entries.into();
                missing = download_files(round.clone(), fresh).await?;
            }
        }
        round.tally.finish_bar();
        if !missing.is_empty() {
            return Err(match deadline.has_passed() {
                true => deadline.timeout_error(options),
                false => incomplete_error(options, &entries, &missing),
            });
        }
        download::keep_outcomes(&round, &entries, &manifest.outcomes)?;
        download::remove_empty_folders(site);
        // Only what is whole may be gone from the server.
        let wrong = site.files_with_problems();
        if !wrong.is_empty() {
            return Err(damaged_error(client, options, site, &wrong)?);
        }
        state.phase = Phase::Downloaded;
        site.write_state(state)
    }

    /// Waits for the manifest. An export that an earlier run has begun, and that the server does
    /// not know any more, is begun anew, once.
    async fn wait_for_manifest(
        &self,
        state: &mut ExportState,
        mut taken_up: bool,
    ) -> Result<(ExportContext<'_>, ExportManifest)> {
        let Self { client, options, site, deadline, .. } = *self;
        loop {
            let url = status_url(state)?;
            let log = EventLog::open_log(site.path(), &redacted_url(client, &url))?;
            let bar = options.bars.begin_waiting("export");
            let (started, foreign) = (started_at(state), state.foreign);
            let job = ExportContext { client, options, log, started, foreign, deadline, bar };
            let (error, again) = match poll::wait_for_manifest(&job, &url).await {
                Ok(manifest) => {
                    // The main job finds the export's Group and time by the last `kickoff` event of
                    // this log. An export that was begun elsewhere has its event in another log.
                    if !log::has_kickoff(site.path(), &redacted_url(client, &url)) {
                        let request = manifest.request.as_deref();
                        kickoff::log_taken_up(&job.log, &options.target, request);
                    }
                    return Ok((job, manifest));
                }
                Err(poll::PollError::Stuck(error)) => return Err(error),
                // A server that answers 404 each time would be sent kick-offs for ever (test
                // `a_server_that_knows_no_export_is_not_asked_for_ever`). A URL that the user named
                // stands for no other export.
                Err(poll::PollError::Gone(error)) => (error, taken_up && options.resume.is_none()),
                Err(poll::PollError::Dead(error)) => (error, false),
            };
            self.end_export(&url, &error).await?;
            if !again {
                return Err(error);
            }
            warn!("{error:#}. The export that was interrupted is lost; a new one begins");
            taken_up = false;
            *state = begin_export(client, options, site, self.fingerprint, deadline).await?;
        }
    }

    /// Ends an export that has come to nothing because of `error`. Where the server may still have
    /// it, the folder remembers it.
    async fn end_export(&self, url: &Url, error: &Error) -> Result<()> {
        let shown = redacted_url(self.client, url);
        match kickoff::end_export(self.client, url, self.options.pace).await {
            Ending::Ended => debug!("the server has ended the export"),
            Ending::Refused(refusal) => {
                warn!("the server does not end the export {shown}: {refusal}");
            }
            Ending::Unknown(what, _) => {
                let message = format!(
                    "{error:#}. The server could not be told to end the export {shown}: {what}; {}",
                    self.options.resume_hint()
                );
                return Err(Error::new(error.kind(), message));
            }
        }
        self.site.remove_files()?;
        self.site.forget_export()
    }
}

/// The types that a kick-off URL asks for.
fn read_types(request: &str) -> Vec<String> {
    let Ok(url) = Url::parse(request) else { return Vec::new() };
    let lists = url.query_pairs().filter(|(name, _)| name == "_type");
    let names = lists.flat_map(|(_, list)| {
        list.split(',').map(|name| settings::canonical_type(name.trim())).collect::<Vec<_>>()
    });
    names.filter(|name| !name.is_empty()).collect()
}

/// The same for exports of the same thing, whatever `_since` they have. It tells nothing about it.
pub fn identity(options: &ExportOptions) -> String {
    let narrowing = ExportFilters { since: None, ..options.narrowing.clone() };
    KickOff::new(&options.target, &narrowing, options.post).fingerprint
}

/// The resource types that an access token must be good for.
pub fn scope_types(options: &ExportOptions) -> Vec<String> {
    let mut types = options.narrowing.types.clone();
    if options.inline.is_some() {
        types.push("Binary".to_owned());
    }
    types
}

/// The part of the request that a server repeats is not for messages and logs.
fn hide_what_is_asked(client: &Client, options: &ExportOptions) {
    let kickoff = KickOff::new(&options.target, &options.narrowing, options.post);
    kickoff.hidden.iter().for_each(|value| client.redactor().hide(value));
}

fn status_url(state: &ExportState) -> Result<Url> {
    Url::parse(&state.status_url)
        .map_err(|_| Error::failed("the export's state has no usable URL; empty the folder"))
}

fn redacted_url(client: &Client, url: &Url) -> String {
    client.redactor().show_url(url)
}

fn started_at(state: &ExportState) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(&state.started).map_or_else(|_| Utc::now(), |time| time.to_utc())
}

/// The identity of files, whatever signatures their URLs have today.
fn file_identities(entries: &[ManifestEntry]) -> Vec<(String, String)> {
    let identity = |entry: &ManifestEntry| {
        let mut url = entry.url.clone();
        url.set_query(None);
        (entry.name.clone(), url.to_string())
    };
    entries.iter().map(identity).collect()
}
