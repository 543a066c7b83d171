//! One file: ask, write, check, and try again where that may help.

use std::fs;
use std::io;
use std::time::Duration;

use serde_json::json;

use super::commit::{Arrived, clean_of, part_of};
use super::download::Shared;
use super::log::headers;
use super::manifest::{Entry, Kind};
use super::part::{Part, write_lines};
use super::rows::{Row, look};
use super::state::Done;
use crate::error::{self, Context};
use crate::http::header::{CONTENT_RANGE, RANGE};
use crate::http::{self, Client, Method, outcome_text, retry_after, show_url};

/// Waits before the second, third … attempt.
const WAITS: [u64; 5] = [1, 4, 15, 60, 60];
/// A broken transfer that brought so much is no failed attempt.
const PROGRESS: u64 = 1 << 20;
/// To be told to wait is no failure, but must not go on for ever either.
const TOLD_TO_WAIT: usize = 50;
/// Rows that are wrong are mostly a broken transfer; if they come again, they are the server's.
const LOOKS: usize = 3;
/// Answers of this size at most can be an OperationOutcome in place of the file.
const OUTCOME_BYTES: u64 = 1 << 20;

/// Why a file is not there.
pub(super) enum Failure {
    /// The server doesn't give it: message, and status if there was one.
    Server(String, Option<u16>),
    /// This side can't go on at all.
    Local(error::Error),
}

impl From<error::Error> for Failure {
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
pub(super) async fn transfer(
    shared: &Shared,
    client: &Client,
    entry: &Entry,
) -> Result<Arrived, Failure> {
    let stored = shared.stored(&entry.name);
    let path = part_of(shared.site.path(), &stored);
    let written = || format!("cannot write '{}'", path.display());
    let url = shared.client.redactor().show_url(&entry.url);
    shared.log.event(
        "download_request",
        json!({
            "fileUrl": url,
            "itemType": entry.kind.name(),
            "resourceType": entry.resource_type,
        }),
    );
    let mut part =
        Part::open(&path, &entry.resource_type, shared.compress).with_context(written)?;
    let (mut failures, mut looks, mut told) = (0, 0, 0);
    loop {
        let before = part.bytes;
        let ended = {
            let _pass = shared.gate.enter().await;
            attempt(shared, client, entry, &mut part).await.with_context(written)?
        };
        let error = match ended {
            Ended::Complete => {
                part.finish().with_context(written)?;
                looks += 1;
                match problem(&part, entry).with_context(written)? {
                    Problem::None => {
                        shared.gate.calm();
                        return Ok(arrived(shared, entry, &part, stored, url, None)
                            .with_context(written)?);
                    }
                    Problem::Rows(problem) if looks >= LOOKS => {
                        shared.failed(&url, &problem, None);
                        return Ok(arrived(shared, entry, &part, stored, url, Some(problem))
                            .with_context(written)?);
                    }
                    Problem::Outcome(text) if looks >= LOOKS => {
                        let text = shared.client.redactor().clean(&text);
                        let message =
                            format!("in place of the file came an OperationOutcome: {text}");
                        shared.failed(&url, &message, None);
                        let _ = fs::remove_file(&path);
                        return Err(Failure::Server(message, None));
                    }
                    Problem::Rows(problem) | Problem::Outcome(problem) => {
                        tracing::debug!("{}: {problem}; trying again", entry.name);
                        part.restart().with_context(written)?;
                        shared.tally.retry();
                        shared.sleep(looks).await;
                        continue;
                    }
                }
            }
            Ended::Refused(error) => {
                shared.failed(&url, &error.to_string(), Some(&error));
                return Err(Failure::Server(error.to_string(), error.status()));
            }
            Ended::Broken(error) => error,
        };
        match error.status() {
            Some(429) => told += 1,
            _ if part.bytes >= before + PROGRESS => failures = 1,
            _ => failures += 1,
        }
        shared.failed(&url, &error.to_string(), Some(&error));
        if failures > WAITS.len() || told > TOLD_TO_WAIT {
            return Err(Failure::Server(error.to_string(), error.status()));
        }
        shared.tally.retry();
        let asked = error.answer().and_then(|answer| retry_after(&answer.headers));
        if let Some(429 | 503) = error.status() {
            let pause = shared.pace.of(asked.unwrap_or(Duration::from_secs(WAITS[0])));
            let limit = shared.gate.busy(pause);
            tracing::debug!("the server is busy: {limit} downloads at once");
        }
        match asked {
            Some(wait) => tokio::time::sleep(shared.pace.of(wait)).await,
            None => shared.sleep(failures).await,
        }
    }
}

/// An error is one of writing.
async fn attempt(
    shared: &Shared,
    client: &Client,
    entry: &Entry,
    part: &mut Part,
) -> io::Result<Ended> {
    let start = part.bytes;
    let mut request = client
        .request(Method::GET, entry.url.clone())
        .accept("application/fhir+ndjson")
        .token(entry.token);
    if start > 0 {
        // The bytes of a compressed transfer are others than those that we have.
        request = request.identity().header(RANGE, &format!("bytes={start}-"));
    }
    let mut response = match request.send().await {
        Ok(response) => response,
        Err(error) => {
            return Ok(match error.status() {
                Some(416) if start > 0 => {
                    if total(&error) == Some(start) {
                        return Ok(Ended::Complete);
                    }
                    part.restart()?;
                    Ended::Broken(error)
                }
                // A file may be a moment late, a token may have run out just now.
                Some(401 | 404) => Ended::Broken(error),
                _ if error.retryable() => Ended::Broken(error),
                _ => Ended::Refused(error),
            });
        }
    };
    if start > 0 {
        let range = response.headers().get(CONTENT_RANGE).and_then(|value| value.to_str().ok());
        let begins = |range: &str| range.starts_with(&format!("bytes {start}-"));
        if response.status().as_u16() != 206 || !range.is_some_and(begins) {
            part.restart()?;
            if response.status().as_u16() == 206 {
                let what = "the server sent another part of the file than was asked for".to_owned();
                let url = show_url(&entry.url);
                return Ok(Ended::Broken(http::Error::Transport { url, what, retryable: true }));
            }
        }
    }
    loop {
        match response.chunk().await {
            Ok(Some(bytes)) => {
                part.write(&bytes)?;
                shared.tally.add(bytes.len() as u64);
            }
            Ok(None) => return Ok(Ended::Complete),
            Err(error) => return Ok(Ended::Broken(error)),
        }
    }
}

/// The size of a file, by `Content-Range: bytes */123`.
fn total(error: &http::Error) -> Option<u64> {
    let range = error.answer()?.headers.get(CONTENT_RANGE)?.to_str().ok()?;
    range.rsplit_once('/')?.1.parse().ok()
}

enum Problem {
    None,
    Rows(String),
    /// The whole answer is an OperationOutcome.
    Outcome(String),
}

fn problem(part: &Part, entry: &Entry) -> io::Result<Problem> {
    let rows = &part.rows;
    if entry.kind != Kind::Error && part.bytes > 0 && part.bytes <= OUTCOME_BYTES {
        let nothing_else = rows.outcomes == rows.rows;
        if rows.first_wrong.is_some() || nothing_else {
            let text = part.text(OUTCOME_BYTES)?;
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
            Row::WrongType => format!("is not of type {}", entry.resource_type),
            _ => "is not a whole JSON object".to_owned(),
        };
        return Ok(Problem::Rows(format!("line {line} {what}")));
    }
    match entry.count {
        Some(count) if rows.rows < count => {
            let text = format!("{} rows, but the server promised {count}", rows.rows);
            Ok(Problem::Rows(text))
        }
        Some(count) if rows.rows - rows.outcomes > count => {
            tracing::warn!(
                "{}: {} rows, more than the {count} that the server promised",
                entry.name,
                rows.rows
            );
            Ok(Problem::None)
        }
        _ => Ok(Problem::None),
    }
}

/// What the committer needs; OperationOutcomes among the data go to a file of their own.
fn arrived(
    shared: &Shared,
    entry: &Entry,
    part: &Part,
    stored: String,
    url: String,
    problem: Option<String>,
) -> io::Result<Arrived> {
    let mut done =
        Done { name: entry.name.clone(), rows: part.rows.rows, bytes: part.bytes, problem };
    let mut outcomes = None;
    if entry.kind == Kind::Output && part.rows.outcomes > 0 {
        let folder = shared.site.path();
        let name = format!("error/{stored}");
        let (path, other) = (part_of(folder, &stored), part_of(folder, &name));
        let is_outcome = |line: &[u8]| look(line, "") == Row::Outcome;
        write_lines(&path, &other, shared.compress, is_outcome)?;
        let clean = clean_of(folder, &stored);
        write_lines(&path, &clean, shared.compress, |line| !is_outcome(line))?;
        done.rows -= part.rows.outcomes;
        outcomes = Some(name);
    }
    Ok(Arrived { done, stored, outcomes, url })
}

impl Shared {
    /// Waits before the next attempt, after so many failures.
    async fn sleep(&self, failures: usize) {
        let seconds = WAITS[failures.clamp(1, WAITS.len()) - 1];
        tokio::time::sleep(self.pace.of(Duration::from_secs(seconds))).await;
    }

    /// Puts a failed attempt into the log.
    fn failed(&self, url: &str, message: &str, error: Option<&http::Error>) {
        let answer = error.and_then(http::Error::answer);
        self.log.event(
            "download_error",
            json!({
                "fileUrl": url,
                "body": answer.map(|answer| answer.body.as_str()),
                "code": answer.map(|answer| answer.status.as_u16()),
                "message": message,
                "responseHeaders": answer.map(|answer| headers(&self.client, &answer.headers)),
            }),
        );
    }
}
