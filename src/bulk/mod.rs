//! FHIR Bulk Data exports: kick-off, polling, download, and taking up what was interrupted.
//!
//! [`export`] reads from top to bottom as an export goes. Its folder remembers how far it is
//! (`state`), so that it can be killed at any moment and be taken up by the next run, without a
//! second kick-off.

mod commit;
mod download;
mod gate;
pub mod inline;
mod kickoff;
mod log;
mod manifest;
mod outcomes;
mod part;
mod poll;
mod progress;
mod request;
mod rows;
mod settings;
mod state;
mod transfer;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::json;
use tracing::{info, warn};
use url::Url;

use crate::error::{Error, Exit, Result};
use crate::http::{Capabilities, Client, Pace, show_url};
use crate::store::block_on;
use crate::ui::{Bar, thousands};
use download::{Missing, Shared, download};
use gate::Gate;
use log::Log;
use manifest::Entry;
use outcomes::Reported;
use progress::Tally;
use request::KickOff;
pub use request::{Narrowing, Since, Target, instant, split_filters};
pub use settings::{Settings, pace, parse_span};
use state::{Phase, Site, State};

/// Files that are missing, or wrong, of which the names are shown.
const SHOWN: usize = 5;

/// How an export is to be done.
#[derive(Clone, Debug)]
pub struct Options {
    /// What to export.
    pub target: Target,
    /// The types, filters and other parameters.
    pub narrowing: Narrowing,
    /// `_since`; with [`Since::Auto`], `narrowing.since` is what it came to.
    pub since: Option<Since>,
    /// Send the parameters as a body.
    pub post: bool,
    /// Ask the server to overlook what it doesn't know.
    pub lenient: bool,
    /// Take up the export with this status URL.
    pub resume: Option<Url>,
    /// Downloads at once.
    pub max_connections: usize,
    /// How long to wait for the server, in all.
    pub timeout: Duration,
    /// Store files as `.ndjson.gz`.
    pub compress: bool,
    /// Download notes after the export.
    pub inline: Option<inline::Selection>,
    /// The folder goes away at the end.
    pub temporary: bool,
    /// How quick time passes.
    pub pace: Pace,
    /// Draw progress bars.
    pub bars: bool,
}

/// What the steps of one export share.
struct Job<'a> {
    client: &'a Client,
    options: &'a Options,
    log: Log,
    started: DateTime<Utc>,
    bar: Option<Bar>,
}

impl Job<'_> {
    /// Time since the kick-off.
    fn waited(&self) -> Duration {
        (Utc::now() - self.started).to_std().unwrap_or_default()
    }
}

/// Exports to `folder`, or takes up the export that was interrupted there.
///
/// The folder must be empty but for logs and the state of the same export (exit 26 otherwise).
/// When it returns, all that the server has is there; [`finish`] makes it a plain folder.
pub fn export(client: &Client, options: &Options, folder: &Path) -> Result<()> {
    block_on(run(client, options, folder))
}

/// Forgets that the export in `folder` is one that could be taken up.
pub fn finish(folder: &Path) -> Result<()> {
    Site::open(folder)?.forget()
}

/// Ends the interrupted export of `folder` (or that of `status_url`) on the server, and removes
/// what it has left.
pub fn cancel(client: &Client, folder: &Path, status_url: Option<&Url>) -> Result<()> {
    if !folder.is_dir() && status_url.is_none() {
        info!("There is nothing to cancel: '{}' does not exist", folder.display());
        return Ok(());
    }
    if let Some(url) = status_url {
        block_on(kickoff::cancel(client, url))?;
    }
    if !folder.is_dir() {
        return Ok(());
    }
    let site = Site::open(folder)?;
    match site.read()? {
        Some(state) => {
            let url = Url::parse(&state.status_url).ok().filter(|url| Some(url) != status_url);
            if let Some(url) = url {
                block_on(kickoff::cancel(client, &url))?;
            }
            site.clear()?;
            site.forget()
        }
        None if status_url.is_none() => {
            info!("There is nothing to cancel in '{}'", folder.display());
            Ok(())
        }
        None => Ok(()),
    }
}

/// The transaction time of the last export of `target` that the log in `folder` has to its end.
pub fn last_time(folder: &Path, target: &Target) -> Option<String> {
    log::last_time(folder, &target.export_url())
}

async fn run(client: &Client, options: &Options, folder: &Path) -> Result<()> {
    let site = Arc::new(Site::open(folder)?);
    let fingerprint = fingerprint(options);
    let mut state = match site.read()? {
        Some(state) => take_up(options, &site, state, &fingerprint)?,
        None if site.has_data()? => return Err(not_empty(&site)),
        None => begin(client, options, &site, &fingerprint).await?,
    };
    if state.phase == Phase::Complete {
        let time = state.transaction_time.as_deref().unwrap_or("unknown time");
        info!("'{}' has the whole export already, as of {time}", folder.display());
        return verdict(client, options, &site);
    }
    let resumed = state.phase == Phase::Downloaded;
    if state.phase == Phase::Running {
        fetch(client, options, &site, &mut state, &fingerprint).await?;
    }
    let status_url = status_url(&state)?;
    kickoff::release(client, &status_url, resumed).await;

    let attachments = match &options.inline {
        Some(selection) => {
            let summary = inline::in_folder(client, folder, selection, options).await?;
            summary.print();
            Some(summary.downloaded + summary.present)
        }
        None => None,
    };
    let (files, rows, bytes) = totals(&site);
    let log = Log::open(folder, &client.redactor().clean(&show_url(&status_url)))?;
    let duration = Utc::now() - begun(&state);
    log.event(
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
    site.write(&state)?;
    verdict(client, options, &site)
}

/// Waits for the server and downloads its files.
async fn fetch(
    client: &Client,
    options: &Options,
    site: &Arc<Site>,
    state: &mut State,
    fingerprint: &str,
) -> Result<()> {
    let (mut job, manifest) = loop {
        let url = status_url(state)?;
        let known = log::has_kickoff(site.path(), &shown(client, &url));
        let job = job(client, options, site, state)?;
        match poll::wait(&job, &url).await {
            Ok(manifest) => {
                if !known {
                    let request = manifest.request.as_deref();
                    kickoff::log_taken_up(client, &job.log, &options.target, request);
                }
                break (job, manifest);
            }
            Err(poll::Failure::Gone(error)) if known && options.resume.is_none() => {
                warn!("{error}. The export that was interrupted is lost; a new one begins");
                site.clear()?;
                site.forget()?;
                *state = begin(client, options, site, fingerprint).await?;
            }
            Err(poll::Failure::Gone(error) | poll::Failure::Dead(error)) => {
                // Nothing that a next run could take up.
                site.clear()?;
                site.forget()?;
                return Err(error);
            }
            Err(poll::Failure::Stuck(error)) => return Err(error),
        }
    };
    if let Some(bar) = job.bar.take() {
        bar.finish();
    }
    let entries: Arc<[Entry]> = manifest.entries.into();
    let files = identities(&entries);
    if !state.files.is_empty() && state.files != files {
        warn!("the server has made other files than before; all are downloaded anew");
        site.clear()?;
    }
    state.files = files;
    state.transaction_time = manifest.transaction_time;
    site.write(state)?;
    info!("The server has made {} files", thousands(entries.len() as u64));

    let shared = || {
        Arc::new(Shared {
            client: client.clone(),
            site: site.clone(),
            log: job.log.clone(),
            pace: options.pace,
            gate: Gate::new(options.max_connections),
            tally: Arc::new(Tally::new(entries.len(), options.bars)),
            compress: options.compress,
        })
    };
    let mut round = shared();
    let mut missing = download(round.clone(), entries.clone()).await?;
    if missing.iter().any(|file| matches!(file.status, Some(401 | 403 | 404 | 410))) {
        // The files' URLs may have run out; a manifest of today has others.
        info!("{} files could not be had; asking for their URLs again", missing.len());
        if let Ok(again) = poll::wait(&job, &status_url(state)?).await
            && identities(&again.entries) == state.files
        {
            round.tally.hide();
            round = shared();
            let fresh: Arc<[Entry]> = again.entries.into();
            missing = download(round.clone(), fresh).await?;
        }
    }
    round.tally.finish();
    if !missing.is_empty() {
        return Err(not_all(&entries, &missing));
    }
    download::tidy(site);
    state.phase = Phase::Downloaded;
    site.write(state)
}

fn job<'a>(
    client: &'a Client,
    options: &'a Options,
    site: &Site,
    state: &State,
) -> Result<Job<'a>> {
    let url = status_url(state)?;
    let log = Log::open(site.path(), &shown(client, &url))?;
    let bar = options.bars.then(|| Bar::waiting("export"));
    Ok(Job { client, options, log, started: begun(state), bar })
}

/// The export that was interrupted, if it is the one that is asked for.
fn take_up(options: &Options, site: &Site, state: State, fingerprint: &str) -> Result<State> {
    let same = match &options.resume {
        Some(url) => state.status_url == url.as_str(),
        None => state.fingerprint == fingerprint,
    };
    let folder = site.path().display();
    if same {
        info!("Taking up the export of {} in '{folder}'", state.started);
        return Ok(state);
    }
    Err(Error::new(
        Exit::FolderNotEmpty,
        format!(
            "'{folder}' holds an interrupted export of another request. Give the options that it \
             was begun with to take it up, --cancel to end it, or name another folder"
        ),
    ))
}

fn not_empty(site: &Site) -> Error {
    let message = format!(
        "'{}' is not empty: an export goes to an empty or a new folder. If this is a complete \
         export, give the folder as INPUT",
        site.path().display()
    );
    Error::new(Exit::FolderNotEmpty, message)
}

/// Kicks off, or takes a status URL from the user; it is on the disk when this returns.
async fn begin(
    client: &Client,
    options: &Options,
    site: &Site,
    fingerprint: &str,
) -> Result<State> {
    let url = match &options.resume {
        Some(url) => url.clone(),
        None => {
            let capabilities = client.capabilities().await;
            if let Err(error) = &capabilities {
                tracing::debug!("the server's CapabilityStatement: {error}");
            }
            let capabilities = capabilities.ok();
            let narrowing = supported(&options.narrowing, capabilities)?;
            warn_of_times(&narrowing);
            let kickoff = KickOff::new(&options.target, &narrowing, options.post);
            kickoff.patients.iter().for_each(|patient| client.redactor().hide(patient));
            info!("Asking {} for an export", show_url(&options.target.export_url()));
            kickoff::kick_off(client, options, &kickoff, capabilities, site).await?
        }
    };
    let state = State {
        fingerprint: fingerprint.to_owned(),
        status_url: url.to_string(),
        started: Utc::now().to_rfc3339(),
        phase: Phase::Running,
        files: Vec::new(),
        transaction_time: None,
    };
    site.write(&state)?;
    info!("The export runs at {}", shown(client, &url));
    Ok(state)
}

/// Leaves out types that the server does not have.
fn supported(narrowing: &Narrowing, capabilities: Option<&Capabilities>) -> Result<Narrowing> {
    let mut narrowing = narrowing.clone();
    let Some(capabilities) = capabilities else { return Ok(narrowing) };
    let (has, lacks): (Vec<_>, Vec<_>) =
        narrowing.types.into_iter().partition(|name| capabilities.has(name));
    if !lacks.is_empty() {
        warn!("the server does not have {}, which are left out", lacks.join(", "));
    }
    if has.is_empty() {
        let message = "the server has none of the resource types that were asked for (--type, \
                       --task); its CapabilityStatement (BASE/metadata) lists those that it has";
        return Err(Error::new(Exit::ResourcesMissing, message));
    }
    narrowing.types = has;
    Ok(narrowing)
}

fn warn_of_times(narrowing: &Narrowing) {
    let times = [("--since", &narrowing.since), ("--until", &narrowing.until)];
    for (name, _) in times.iter().filter(|(_, time)| time.is_some()) {
        warn!(
            "{name}: few servers keep to it, and some take it for another time than that of the \
             last change; see that the result is what you expect"
        );
    }
}

/// The same for exports of the same thing, whatever `_since` they have. It tells nothing about it.
pub fn identity(options: &Options) -> String {
    let narrowing = Narrowing { since: None, ..options.narrowing.clone() };
    KickOff::new(&options.target, &narrowing, options.post).fingerprint
}

/// The resource types that an access token must be good for.
pub fn scope_types(options: &Options) -> Vec<String> {
    let mut types = options.narrowing.types.clone();
    if options.inline.is_some() {
        types.push("Binary".to_owned());
    }
    types
}

/// Of the request as the user has it: what is worked out may be another the next time.
fn fingerprint(options: &Options) -> String {
    let mut asked = options.narrowing.clone();
    if let Some(Since::Auto) = options.since {
        asked.since = Some("auto".to_owned());
    }
    KickOff::new(&options.target, &asked, options.post).fingerprint
}

fn status_url(state: &State) -> Result<Url> {
    Url::parse(&state.status_url)
        .map_err(|_| Error::failed("the export's state has no usable URL; empty the folder"))
}

fn shown(client: &Client, url: &Url) -> String {
    client.redactor().clean(&show_url(url))
}

fn begun(state: &State) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(&state.started).map_or_else(|_| Utc::now(), |time| time.to_utc())
}

/// What files are, whatever signatures their URLs have today.
fn identities(entries: &[Entry]) -> Vec<(String, String)> {
    let identity = |entry: &Entry| {
        let mut url = entry.url.clone();
        url.set_query(None);
        (entry.name.clone(), url.to_string())
    };
    entries.iter().map(identity).collect()
}

fn totals(site: &Site) -> (u64, u64, u64) {
    site.done().values().fold((0, 0, 0), |(files, rows, bytes), done| {
        (files + 1, rows + done.rows, bytes + done.bytes)
    })
}

fn not_all(entries: &[Entry], missing: &[Missing]) -> Error {
    let mut lines: Vec<String> = missing
        .iter()
        .take(SHOWN)
        .map(|file| format!("\n  {}: {}", entries[file.index].name, file.message))
        .collect();
    if missing.len() > SHOWN {
        lines.push(format!("\n  and {} others", missing.len() - SHOWN));
    }
    let message = format!(
        "{} of {} files could not be downloaded; the same command tries again, with --cancel the \
         export ends:{}",
        missing.len(),
        entries.len(),
        lines.concat()
    );
    Error::new(Exit::BulkFailed, message)
}

/// Shows what the server, or a look at the files, says went wrong. With errors, the data must
/// not be used unseen.
fn verdict(client: &Client, options: &Options, site: &Site) -> Result<()> {
    let reported = Reported::read(site.path())?;
    let lines = reported.lines();
    for line in &lines {
        warn!("The server says: {}", client.redactor().clean(line));
    }
    let done = site.done();
    let wrong: Vec<_> = done
        .values()
        .filter_map(|d| Some(format!("{}: {}", d.name, d.problem.as_ref()?)))
        .collect();
    for line in wrong.iter().take(SHOWN) {
        warn!("{line}");
    }
    if reported.failures == 0 && wrong.is_empty() {
        if reported.warnings > 0 {
            info!("The server has sent {} warnings", thousands(reported.warnings));
        }
        return Ok(());
    }
    // It will not get better: another export is a new one.
    site.forget()?;
    let advice = match options.temporary {
        true => "Run it with --export-to DIR to keep and see what there is".to_owned(),
        false => format!(
            "What there is, is in '{}' (errors below error/); if it will do, give that folder as \
             INPUT",
            site.path().display()
        ),
    };
    let message = format!(
        "the export is not complete: {} errors of the server, {} files with missing or broken \
         rows. {advice}",
        thousands(reported.failures),
        thousands(wrong.len() as u64)
    );
    Err(Error::new(Exit::BulkFailed, message))
}
