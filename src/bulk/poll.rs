//! Waiting for the server (Bulk Data IG, "Status Request").

use std::collections::HashSet;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};
use tracing::{info, warn};
use url::Url;

use super::ExportContext;
use super::deadline::Passed;
use super::log::shown_headers;
use super::manifest::{FileKind, ManifestEntry, Page, list_entries};
use super::progress::format_span;
use crate::error::{Error, Result, RunFault, SettingsFault};
use crate::http::header::{HeaderMap, RETRY_AFTER};
use crate::http::{self, Method, RetryPlan, SHORTEST_WAIT, TokenUse, show_url};
use crate::text::escape_controls;
use crate::ui::format_count;

/// Waits after the first, second, … failure in a row to be asked again, in seconds.
const RETRIES: RetryPlan = RetryPlan::of_seconds(&[60, 120, 240, 480]);
/// The longest manifest page, in bytes: some list a hundred thousand files, with signed URLs.
const LONGEST_MANIFEST: usize = 128 << 20;
/// The longest answer that says "not yet".
const LONGEST_PROGRESS: usize = 1 << 20;
/// The media types that the status is asked for as, in order.
const ACCEPT: [&str; 2] =
    ["application/json", "application/fhir+json, application/json;q=0.9, */*;q=0.1"];

/// Pages of a manifest, at most: one that goes on after that has no end.
const MOST_PAGES: usize = 10_000;
/// Files of a manifest, at most.
const MOST_FILES: usize = 1_000_000;

/// A manifest with all its pages.
pub(super) struct ExportManifest {
    /// As of when the data is: an instant. `None` only where the user knows it.
    pub transaction_time: Option<String>,
    /// The kick-off URL, as the server has seen it.
    pub request: Option<String>,
    pub entries: Vec<ManifestEntry>,
    /// Reports that stand in the manifest itself.
    pub outcomes: Vec<Value>,
}

/// Why there is no manifest.
pub(super) enum PollError {
    /// The server does not know the export (404, 410).
    Gone(Error),
    /// It has failed, and will not do better.
    Dead(Error),
    /// It may still come to something: another run can take it up.
    Stuck(Error),
}

/// Polls until the export is complete, and reads its manifest.
pub(super) async fn wait_for_manifest(
    job: &ExportContext<'_>,
    status_url: &Url,
) -> Result<ExportManifest, PollError> {
    let pages = read_pages(job, status_url).await?;
    let time = find_time(job, &pages)?;
    job.log.log_event("status_complete", json!({"transactionTime": time}));
    for page in &pages {
        job.log.log_event(
            "status_page_complete",
            json!({
                "transactionTime": time,
                "outputFileCount": page.count_files(FileKind::Output),
                "deletedFileCount": page.count_files(FileKind::Deleted),
                "errorFileCount": page.count_files(FileKind::Error),
            }),
        );
    }
    let count = |kind| pages.iter().map(|page| page.count_files(kind)).sum::<usize>();
    job.log.log_event(
        "manifest_complete",
        json!({
            "transactionTime": time,
            "totalOutputFileCount": count(FileKind::Output),
            "totalDeletedFileCount": count(FileKind::Deleted),
            "totalErrorFileCount": count(FileKind::Error),
            "totalManifests": pages.len(),
        }),
    );
    let request = pages.iter().find_map(|page| page.request.clone());
    let entries = list_entries(&pages);
    let outcomes = pages.into_iter().flat_map(|page| page.outcomes).collect();
    Ok(ExportManifest { transaction_time: time, request, entries, outcomes })
}

/// The pages of the manifest, each once, however they point to each other.
async fn read_pages(job: &ExportContext<'_>, status_url: &Url) -> Result<Vec<Page>, PollError> {
    let (mut pages, mut files) = (Vec::new(), 0);
    let mut seen = HashSet::from([status_url.clone()]);
    let mut url = status_url.clone();
    loop {
        let page = fetch_page(job, &url, pages.is_empty()).await?;
        let next = page.next.clone();
        files += page.files.len();
        pages.push(page);
        let Some(next) = next else { return Ok(pages) };
        if !seen.insert(next.clone()) {
            warn!(
                "the last page of the server's manifest leads back to an earlier one ({}); all \
                 that there are have been read",
                job.client.redactor().show_url(&next)
            );
            return Ok(pages);
        }
        if pages.len() >= MOST_PAGES || files > MOST_FILES {
            let message = format!(
                "the export has failed: the server's manifest has no end; {} with {} were read",
                format_count(pages.len() as u64, "page"),
                format_count(files as u64, "file")
            );
            return Err(PollError::Dead(Error::new(RunFault::ExportIncomplete, message)));
        }
        url = next;
    }
}

/// As of when the data is: what the server says, else the time of the kick-off, which is earlier. No
/// next export misses anything then.
fn find_time(job: &ExportContext<'_>, pages: &[Page]) -> Result<Option<String>, PollError> {
    if let Some(time) = pages.iter().find_map(|page| page.time.clone()) {
        return Ok(Some(time));
    }
    const LACKS: &str =
        "the server does not say as of when its data is (no usable transactionTime)";
    if job.options.time.is_some() {
        warn!("{LACKS}; --export-timestamp does");
        return Ok(None);
    }
    if job.foreign {
        let message = format!(
            "{LACKS}, and it is not known when the export was begun. Give --export-timestamp TIME: \
             cumulus-etl URL OUTPUT PHI --export-to DIR --resume URL --export-timestamp TIME"
        );
        // `Stuck`, as the export itself is good: the server keeps it for a run with
        // --export-timestamp (test `where_nobody_knows_the_time_the_server_keeps_the_export`).
        return Err(PollError::Stuck(Error::new(SettingsFault::MissingCompletion, message)));
    }
    let time = job.started.to_rfc3339_opts(SecondsFormat::Millis, true);
    warn!("{LACKS}; the time of the kick-off is taken: {time}");
    Ok(Some(time))
}

/// Waits for one page.
async fn fetch_page(job: &ExportContext<'_>, url: &Url, first: bool) -> Result<Page, PollError> {
    let (mut failures, mut lost) = (0, 0);
    let (mut said, mut accept) = (String::new(), ACCEPT[0]);
    let passed = || PollError::Stuck(job.deadline.timeout_error(job.options));
    loop {
        let asked = job.deadline.run_within(ask_status(job, url, accept)).await;
        let (error, wait) = match asked.map_err(|Passed| passed())? {
            Ok(Asked::Page(page, expires)) => {
                if let Some(expires) = expires.filter(|_| first) {
                    info!("The server keeps the files until {expires}");
                }
                return Ok(*page);
            }
            Ok(Asked::NotYet { headers, body }) => {
                (failures, lost) = (0, 0);
                report_progress(job, &headers, &body, &mut said);
                (None, job.options.pace.poll(&headers))
            }
            Err(error) => {
                let answer = error.answer();
                job.log.log_event(
                    "status_error",
                    json!({
                        "body": answer.map(|answer| answer.body.as_str()),
                        "code": answer.map(|answer| answer.status.as_u16()),
                        "message": error.to_string(),
                        "responseHeaders": answer.map(|answer| shown_headers(job.client, &answer.headers)),
                    }),
                );
                match error.status() {
                    // No failure: we ask too often.
                    Some(429) => {
                        let headers = answer.map(|answer| answer.headers.clone());
                        let wait = job.options.pace.poll(&headers.unwrap_or_default());
                        (Some(error), wait)
                    }
                    // Without credentials, some servers deny that there is anything.
                    Some(404) if lost > 0 && error.is_withheld() => {
                        return Err(PollError::Stuck(failure_error(error)));
                    }
                    Some(404 | 410) if lost > 0 => {
                        return Err(PollError::Gone(failure_error(error)));
                    }
                    Some(404 | 410) => {
                        // Where several machines answer, one may not have heard of it yet.
                        lost += 1;
                        (Some(error), job.options.pace.of(Duration::from_secs(5)))
                    }
                    // Some servers have only one media type for it, and not that of the standard.
                    Some(406) if accept == ACCEPT[0] => {
                        accept = ACCEPT[1];
                        (Some(error), job.options.pace.of(SHORTEST_WAIT))
                    }
                    _ if is_passing(&error) => {
                        failures += 1;
                        match RETRIES.wait_after(failures, None, job.options.pace) {
                            Some(wait) => (Some(error), wait),
                            None => return Err(PollError::Stuck(no_more(job, error))),
                        }
                    }
                    // Other credentials or scopes may mend it, so the job is not given up.
                    Some(401 | 403) => return Err(PollError::Stuck(failure_error(error))),
                    // The next run may allow it.
                    _ if matches!(error, http::Error::Refused { .. }) => {
                        return Err(PollError::Stuck(failure_error(error)));
                    }
                    _ if error.is_auth() => return Err(PollError::Stuck(failure_error(error))),
                    _ => return Err(PollError::Dead(failure_error(error))),
                }
            }
        };
        if !job.deadline.allows_wait(wait) {
            return Err(passed());
        }
        if let Some(error) = error {
            info!("{error}; asking again in {}", format_span(wait.as_secs_f64()));
        }
        tokio::time::sleep(wait).await;
    }
}

enum Asked {
    Page(Box<Page>, Option<String>),
    NotYet { headers: HeaderMap, body: String },
}

async fn ask_status(job: &ExportContext<'_>, url: &Url, accept: &str) -> http::Result<Asked> {
    let request = job.client.request(Method::GET, url.clone()).accept_type(accept);
    let response = request.send().await?;
    let headers = response.headers().clone();
    if response.status().as_u16() == 202 {
        // With partial manifests it lists what is ready; all of it is in the last one, too.
        // The body is for the log alone: one that breaks off does not stop the waiting.
        let body = response.bytes(LONGEST_PROGRESS).await.unwrap_or_default();
        let body = job.client.redactor().clean(&String::from_utf8_lossy(&body));
        return Ok(Asked::NotYet { headers, body });
    }
    let from = response.url().clone();
    let value = response.json(LONGEST_MANIFEST).await?;
    let mut page = Page::read_page(&value, &from).map_err(|what| {
        let text = http::outcome_text(value.to_string().as_bytes());
        let text = text.map(|text| format!(": {}", job.client.redactor().clean(&text)));
        let what = format!("{what}{}", text.unwrap_or_default());
        http::Error::Unusable { url: show_url(url), what }
    })?;
    // An answer of another host must not decide which servers get the token.
    if page.token == TokenUse::Required && !job.client.is_own(&from) {
        let origin = from.origin().ascii_serialization();
        warn!(
            "the manifest at {origin} says that its files need the access token. It is not believed, \
             as that is not the server's own origin; if it belongs to the server, give --token-host"
        );
        page.token = TokenUse::SameOrigin;
    }
    let expires = headers.get("expires").and_then(|value| value.to_str().ok());
    // Web frameworks send a date that has passed, or 0, to keep an answer out of caches. That says
    // nothing of the files.
    let future = |text: &&str| {
        DateTime::parse_from_rfc2822(text).is_ok_and(|time| time.to_utc() > Utc::now())
    };
    Ok(Asked::Page(Box::new(page), expires.filter(future).map(str::to_owned)))
}

fn report_progress(job: &ExportContext<'_>, headers: &HeaderMap, body: &str, said: &mut String) {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let fit = |status| escape_controls(&job.client.redactor().clean(status)).into_owned();
    let status = text("x-progress").map(fit);
    let body = match serde_json::from_str::<Value>(body) {
        Ok(value) => value,
        Err(_) if body.is_empty() => Value::Null,
        Err(_) => json!(body),
    };
    job.log.log_event(
        "status_progress",
        json!({"body": body, "xProgress": status, "retryAfter": text(RETRY_AFTER.as_str())}),
    );
    let status = status.unwrap_or_else(|| "in progress".to_owned());
    let waited = format_span(job.time_waited().as_secs_f64());
    match &job.bar {
        Some(bar) => bar.show_text(&format!("{status} ({waited})")),
        // Every minute the same would fill a log in a day.
        None if *said != status => info!("The server: {status} (after {waited})"),
        None => {}
    }
    *said = status;
}

/// Whether it may be over soon: a manifest that is cut off is, too.
fn is_passing(error: &http::Error) -> bool {
    matches!(error, http::Error::NotJson { .. }) || error.is_retryable()
}

fn failure_error(error: http::Error) -> Error {
    let text = format!("the export has failed: {error}");
    let kind = error.into_error(RunFault::ExportIncomplete).kind();
    Error::new(kind, text)
}

fn no_more(job: &ExportContext<'_>, error: http::Error) -> Error {
    let text = format!("{error}, five times in a row; {}", job.options.resume_hint());
    let kind = error.into_error(RunFault::ExportIncomplete).kind();
    Error::new(kind, text)
}
