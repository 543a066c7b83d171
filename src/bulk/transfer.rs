//! One file: ask, write, check, and try again where that may help.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;

use super::commit::{CompletedDownload, clean_of, part_of};
use super::context::DownloadContext;
use super::downloading::Downloading;
use super::incoming::{Flow, Trouble, find_validator, is_other_version};
use super::manifest::{FileKind, ManifestEntry};
use super::part::{PartialFile, open_text, write_lines};
use super::rows::{RowKind, classify_row};
use super::state::CompletedFile;
use crate::bounded::{LONGEST_LINE, Line, read_line};
use crate::error::{self, Context};
use crate::http::header::{CONTENT_RANGE, IF_RANGE, RANGE};
use crate::http::{self, Client, Method, RetryPlan, outcome_text, retry_after, show_url};
use crate::input::count_entries;
use crate::text::text_of_line;
use crate::ui::format_count;

/// Waits before the second, third … attempt.
const RETRIES: RetryPlan = RetryPlan::of_seconds(&[1, 4, 15, 60, 60]);
/// A broken transfer that brought so much is no failed attempt.
const PROGRESS: u64 = 1 << 20;
/// To be told to wait is no failure, but must not go on for ever either.
const TOLD_TO_WAIT: usize = 50;
/// In this time at least 64 KiB of a file must come, or it is asked for again.
const SLOW: Duration = Duration::from_secs(5 * 60);
/// The least such time, however quick time passes in a test.
const LEAST_SLOW: Duration = Duration::from_secs(10);
/// Rows that are wrong are mostly a broken transfer; if they come again, they are the server's.
const LOOKS: usize = 3;
/// Answers of this size at most can be an OperationOutcome in place of the file.
const OUTCOME_BYTES: u64 = 1 << 20;

/// Why a file is not there.
pub(super) enum TransferError {
    /// The server doesn't give it: message, and status if there was one.
    Server(String, Option<u16>),
    /// This side can't go on at all.
    Local(error::Error),
}

impl From<error::Error> for TransferError {
    fn from(error: error::Error) -> Self {
        Self::Local(error)
    }
}

/// How one attempt ended.
enum Ended {
    Complete,
    /// It may go better.
    Broken(http::Error),
    Refused(http::Error),
}

/// Downloads one file to its `.part`. `client`: the one of this thread.
pub(super) async fn transfer_file(
    shared: &DownloadContext,
    client: &Client,
    entry: &ManifestEntry,
) -> Result<CompletedDownload, TransferError> {
    let stored = shared.stored_name(&entry.name);
    let path = part_of(shared.site.path(), &stored);
    let written = || format!("cannot write '{}'", path.display());
    let url = shared.client.redactor().show_url(&entry.url);
    shared.log.log_event(
        "download_request",
        json!({
            "fileUrl": url,
            "itemType": entry.kind.folder_name(),
            "resourceType": entry.resource_type,
        }),
    );
    let folder = shared.site.path();
    let mut file = Downloading::open_part(folder, &stored, &entry.resource_type, shared.compress)
        .with_context(written)?;
    let (mut failures, mut looks, mut told) = (0, 0, 0);
    let mut furthest = file.part.bytes;
    loop {
        let ended = {
            // The permit ends with the attempt: a file that waits for its next one keeps no other
            // waiting.
            let _pass = shared.gate.acquire_permit().await;
            attempt_transfer(shared, client, entry, &mut file).await.with_context(written)?
        };
        let error = match ended {
            Ended::Complete => {
                file.part.finish_part().with_context(written)?;
                looks += 1;
                match find_problem(&file.part, entry).with_context(written)? {
                    Problem::None => {
                        shared.gate.note_success();
                        return Ok(describe_completed(shared, entry, &file, stored, url, None)
                            .with_context(written)?);
                    }
                    Problem::Rows(problem) if looks >= LOOKS => {
                        shared.log_failure(&url, &problem, None);
                        return Ok(describe_completed(
                            shared,
                            entry,
                            &file,
                            stored,
                            url,
                            Some(problem),
                        )
                        .with_context(written)?);
                    }
                    Problem::Outcome(text) if looks >= LOOKS => {
                        let text = shared.client.redactor().clean(&text);
                        let message =
                            format!("in place of the file came an OperationOutcome: {text}");
                        shared.log_failure(&url, &message, None);
                        file.remove_files();
                        return Err(TransferError::Server(message, None));
                    }
                    Problem::Rows(problem) | Problem::Outcome(problem) => {
                        tracing::debug!("{}: {problem}; trying again", entry.name);
                        file.begin_anew().with_context(written)?;
                        shared.tally.count_retry();
                        let wait = RETRIES.wait_after(looks.max(1), None, shared.pace);
                        tokio::time::sleep(wait.unwrap_or_default()).await;
                        continue;
                    }
                }
            }
            Ended::Refused(error) => {
                shared.log_failure(&url, &error.to_string(), Some(&error));
                return Err(TransferError::Server(error.to_string(), error.status()));
            }
            Ended::Broken(error) => error,
        };
        match error.status() {
            Some(429) => told += 1,
            // A file that is begun anew each time must not pass for one that gets on.
            _ if file.part.bytes >= furthest + PROGRESS => failures = 1,
            _ => failures += 1,
        }
        furthest = furthest.max(file.part.bytes);
        shared.log_failure(&url, &error.to_string(), Some(&error));
        let asked = error.answer().and_then(|answer| retry_after(&answer.headers));
        // A 429 is no failure, but the first wait of the plan is needed after it as well.
        let wait = RETRIES.wait_after(failures.max(1), asked, shared.pace);
        let Some(wait) = wait.filter(|_| told <= TOLD_TO_WAIT) else {
            return Err(TransferError::Server(error.to_string(), error.status()));
        };
        shared.tally.count_retry();
        if let Some(429 | 503) = error.status() {
            let pause = RETRIES.wait_after(1, asked, shared.pace).unwrap_or_default();
            let limit = shared.gate.reduce_limit(pause);
            let downloads = format_count(limit as u64, "download");
            tracing::debug!("the server is busy: {downloads} at a time");
        }
        tokio::time::sleep(wait).await;
    }
}

/// Asks for the file, or for what is missing of it. An error is one of writing.
async fn attempt_transfer(
    shared: &DownloadContext,
    client: &Client,
    entry: &ManifestEntry,
    file: &mut Downloading,
) -> io::Result<Ended> {
    let mut request = client
        .request(Method::GET, entry.url.clone())
        .accept_type("application/fhir+ndjson")
        .with_token(entry.token);
    // Only of the same version of the file is the rest of use.
    let version = file.incoming.validator.clone().filter(|_| file.incoming.offset > 0);
    match &version {
        // The bytes of a compressed transfer are others than those that we have.
        Some(version) => {
            let range = format!("bytes={}-", file.incoming.offset);
            request = request
                .without_compression()
                .with_header(RANGE, &range)
                .with_header(IF_RANGE, version);
        }
        None if file.incoming.offset > 0 => file.begin_anew()?,
        None => {}
    }
    let ended = match request.send().await {
        Ok(response) => receive_file(shared, response, version.as_deref(), file).await?,
        Err(error) => return judge_refusal(error, version.as_deref(), file),
    };
    Ok(match ended {
        Received::Whole => Ended::Complete,
        Received::Broken(error) => {
            // A file below `WORTH_IT`, too: the next run may have to go on from here.
            file.note_version()?;
            Ended::Broken(error)
        }
        Received::Odd(what) => Ended::Broken(make_error(entry, what)),
        Received::Useless(what) => {
            file.begin_anew()?;
            Ended::Broken(make_error(entry, what))
        }
    })
}

fn make_error(entry: &ManifestEntry, what: impl Into<String>) -> http::Error {
    http::Error::Transport { url: show_url(&entry.url), what: what.into(), retryable: true }
}

/// The meaning of an answer of 400 or more, or of no answer. `version`: of the rest that was asked for.
fn judge_refusal(
    error: http::Error,
    version: Option<&str>,
    file: &mut Downloading,
) -> io::Result<Ended> {
    let is_same = |version: &str| {
        error.answer().is_some_and(|answer| !is_other_version(&answer.headers, version))
    };
    Ok(match (error.status(), version) {
        (Some(416), Some(version)) => {
            // The transfer broke behind the last byte. The text that a decompressor still holds is of the file, too,
            // and its checksum is still to be compared.
            if is_same(version)
                && read_size(&error) == Some(file.incoming.offset)
                && end_file(file)?
            {
                return Ok(Ended::Complete);
            }
            file.begin_anew()?;
            Ended::Broken(error)
        }
        // A file may be a moment late, a token may have run out just now.
        (Some(401 | 404), _) => Ended::Broken(error),
        _ if error.is_retryable() => Ended::Broken(error),
        _ => Ended::Refused(error),
    })
}

/// How the body of an answer came.
enum Received {
    Whole,
    /// The bytes that have come are good.
    Broken(http::Error),
    /// It was no part of the file.
    Odd(String),
    /// The bytes that are here are of no use.
    Useless(&'static str),
}

/// Takes the body of an answer. `version`: of the rest that was asked for.
async fn receive_file(
    shared: &DownloadContext,
    mut response: http::Response,
    version: Option<&str>,
    file: &mut Downloading,
) -> io::Result<Received> {
    const OTHER_PART: &str = "the server sent another part of the file than was asked for";
    const DAMAGED: &str = "the file is compressed, and damaged";
    let range = response.headers().get(CONTENT_RANGE).and_then(|value| value.to_str().ok());
    let range = range.and_then(read_range);
    let mut expected = None;
    match (response.status().as_u16(), version) {
        (200 | 203, _) => {
            if version.is_some() {
                file.begin_anew()?;
            }
            file.incoming.validator = find_validator(response.headers());
        }
        (204, None) => return Ok(Received::Whole),
        // This request named no range. A part will do only if it is all of the file.
        (206, None)
            if range.is_some_and(|(first, last, size)| {
                first == 0 && last.checked_add(1) == size && size.is_some()
            }) => {}
        (206, Some(version)) => match range {
            Some((first, _, size))
                if first == file.incoming.offset
                    && !is_other_version(response.headers(), version) =>
            {
                expected = size;
            }
            _ => return Ok(Received::Useless(OTHER_PART)),
        },
        (206, None) => return Ok(Received::Useless(OTHER_PART)),
        // Nothing but the file is the file: it may not be ready yet.
        (status, _) => {
            return Ok(Received::Odd(format!("the server sent the status {status} in its place")));
        }
    }
    let (begun, mut flow) = (Instant::now(), Flow::new(shared.pace.of(SLOW).max(LEAST_SLOW)));
    loop {
        let bytes = match response.next_chunk().await {
            Ok(Some(bytes)) => bytes,
            Ok(None) => break,
            Err(error) => return Ok(Received::Broken(error)),
        };
        match file.take_bytes(&bytes) {
            Ok(()) => {}
            Err(Trouble::Damaged) => return Ok(Received::Useless(DAMAGED)),
            Err(Trouble::Write(error)) => return Err(error),
        }
        shared.tally.add_bytes(bytes.len() as u64);
        if !flow.is_quick_enough(bytes.len() as u64, begun.elapsed()) {
            let (url, what) = (show_url(response.url()), "it comes too slowly".to_owned());
            let error = http::Error::Transport { url, what, retryable: true };
            return Ok(Received::Broken(error));
        }
    }
    if expected.is_some_and(|expected| expected != file.incoming.offset) {
        return Ok(Received::Useless(OTHER_PART));
    }
    match end_file(file)? {
        true => Ok(Received::Whole),
        false => Ok(Received::Useless(DAMAGED)),
    }
}

/// Writes what is left of a file whose last byte has come; false if it is damaged.
fn end_file(file: &mut Downloading) -> io::Result<bool> {
    match file.end_file() {
        Ok(()) => Ok(true),
        Err(Trouble::Damaged) => Ok(false),
        Err(Trouble::Write(error)) => Err(error),
    }
}

/// First and last byte, by `Content-Range: bytes 100-199/200`, and the size of the file, if the
/// server knows it (`*` where it does not).
fn read_range(range: &str) -> Option<(u64, u64, Option<u64>)> {
    let (part, size) = range.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = part.split_once('-')?;
    let size = match size.trim() {
        "*" => None,
        size => Some(size.parse().ok()?),
    };
    Some((first.trim().parse().ok()?, last.trim().parse().ok()?, size))
}

/// The size of a file, by `Content-Range: bytes */123`.
fn read_size(error: &http::Error) -> Option<u64> {
    let range = error.answer()?.headers.get(CONTENT_RANGE)?.to_str().ok()?;
    range.rsplit_once('/')?.1.parse().ok()
}

enum Problem {
    None,
    Rows(String),
    /// The whole answer is an OperationOutcome.
    Outcome(String),
}

fn find_problem(part: &PartialFile, entry: &ManifestEntry) -> io::Result<Problem> {
    // Of reports nothing is asked: whatever they are, they are shown.
    if entry.kind == FileKind::Error {
        return Ok(Problem::None);
    }
    let rows = &part.rows;
    if part.bytes > 0 && part.bytes <= OUTCOME_BYTES {
        let nothing_else = rows.outcomes == rows.rows;
        if rows.first_wrong.is_some() || nothing_else {
            let text = part.read_text(OUTCOME_BYTES)?;
            if let Ok(value) = serde_json::from_slice::<serde_json::Value>(&text)
                && value["resourceType"] == "OperationOutcome"
            {
                let text = outcome_text(&text).unwrap_or_else(|| "it says nothing".to_owned());
                return Ok(Problem::Outcome(text));
            }
        }
    }
    if let Some((line, row)) = rows.first_wrong {
        let what = match row {
            RowKind::WrongType => format!("is not of type {}", entry.resource_type),
            _ => "is not a whole JSON object".to_owned(),
        };
        return Ok(Problem::Rows(format!("line {line} {what}")));
    }
    if let Some(problem) = find_lack(entry, rows.rows, part.file_path())? {
        return Ok(Problem::Rows(problem));
    }
    if let Some(count) = entry.count.filter(|count| rows.rows - rows.outcomes > *count) {
        tracing::warn!(
            "{}: {}, more than the {count} that the server promised",
            entry.name,
            format_count(rows.rows, "row")
        );
    }
    Ok(Problem::None)
}

/// How many rows a file of so many lacks, in words, if the server has promised more. `path`: the file.
pub(super) fn find_lack(
    entry: &ManifestEntry,
    rows: u64,
    path: &Path,
) -> io::Result<Option<String>> {
    let Some(count) = entry.count.filter(|count| rows < *count) else { return Ok(None) };
    // Some servers count the deletes rather than the Bundles that hold them.
    let is_enough = match entry.kind {
        FileKind::Deleted => count_deletes(path)? >= count,
        // Of reports nothing is asked.
        FileKind::Error => true,
        _ => false,
    };
    let rows = format_count(rows, "row");
    Ok((!is_enough).then(|| format!("{rows}, but the server promised {count}")))
}

/// Bundles and their entries.
fn count_deletes(path: &Path) -> io::Result<u64> {
    let (mut text, mut line, mut count) = (open_text(path)?, Vec::new(), 0);
    while read_line(&mut text, LONGEST_LINE, &mut line)? != Line::End {
        count += count_entries(text_of_line(&line));
    }
    Ok(count)
}

/// The parts for the committer; OperationOutcomes among the data go to a file of their own.
fn describe_completed(
    shared: &DownloadContext,
    entry: &ManifestEntry,
    file: &Downloading,
    stored: String,
    url: String,
    problem: Option<String>,
) -> io::Result<CompletedDownload> {
    let part = &file.part;
    let mut done = CompletedFile {
        name: entry.name.clone(),
        rows: part.rows.rows,
        bytes: part.bytes,
        problem,
    };
    let mut outcomes = None;
    if entry.kind == FileKind::Output && part.rows.outcomes > 0 {
        let folder = shared.site.path();
        let name = format!("error/{stored}");
        let (path, other) = (part_of(folder, &stored), part_of(folder, &name));
        let is_outcome = |line: &[u8]| classify_row(line, "") == RowKind::Outcome;
        // Lines that are too long to be looked at stay among the rows: the main job rejects and
        // counts them.
        write_lines(&path, &other, shared.compress, false, is_outcome)?;
        let clean = clean_of(folder, &stored);
        write_lines(&path, &clean, shared.compress, true, |line| !is_outcome(line))?;
        done.rows -= part.rows.outcomes;
        outcomes = Some(name);
    }
    Ok(CompletedDownload { done, stored, outcomes, url, noted: file.noted })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_file_are_told_with_and_without_its_size() {
        assert_eq!(read_range("bytes 100-199/200"), Some((100, 199, Some(200))));
        assert_eq!(read_range(" bytes 0-9/*"), Some((0, 9, None)));
        for odd in ["", "bytes */200", "bytes 1-/2", "items 0-9/10", "bytes 0-9", "bytes -1-2/3"] {
            assert_eq!(read_range(odd), None, "{odd}");
        }
    }
}
