//! One note from the server.

use std::collections::BTreeSet;
use std::sync::Mutex;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tokio::sync::Semaphore;
use url::Url;

use super::MissingNote;
use super::breaker::Breaker;
use super::content_type::{parse_charset, parse_media_type};
use crate::bulk::note_selection::NoteSelection;
use crate::error;
use crate::http::header::CONTENT_TYPE;
use crate::http::{self, Client, Method, Pace, RetryPlan, retry_after};
use crate::poison::ignore_poison;

/// The longest note, in bytes.
const LONGEST: usize = 32 << 20;
/// Waits before the second and third attempt, where the server names none.
const RETRIES: RetryPlan = RetryPlan::of_seconds(&[2, 10]);
/// The resources that a server wraps a note in if it does not give the note by itself.
const FHIR: &str = "application/fhir+json";
/// As many refused hosts are named.
const HOSTS: usize = 10;

/// A note.
pub(super) struct Fetched {
    /// With its charset, where that is known and the note is text.
    pub content_type: String,
    pub bytes: Vec<u8>,
}

impl Fetched {
    /// The SHA-1 of the bytes: FHIR's `hash` of an attachment.
    pub(super) fn sha1_hash(&self) -> Vec<u8> {
        digest(&SHA1_FOR_LEGACY_USE_ONLY, &self.bytes).as_ref().to_vec()
    }
}

/// Asks for notes.
pub(super) struct Fetcher {
    client: Client,
    mimetypes: Vec<String>,
    pace: Pace,
    breaker: Breaker,
    /// Requests that may be under way.
    connections: Semaphore,
    /// Hosts that are not asked, as far as they were named.
    refused: Mutex<BTreeSet<String>>,
}

impl Fetcher {
    pub(super) fn new(
        client: &Client,
        selection: &NoteSelection,
        max_connections: usize,
        pace: Pace,
    ) -> error::Result<Self> {
        Ok(Self {
            // Anybody may have written what a row points at.
            client: client.limited_to(selection.hosts.clone())?,
            mimetypes: selection.mimetypes.clone(),
            pace,
            breaker: Breaker::default(),
            connections: Semaphore::new(max_connections),
            refused: Mutex::default(),
        })
    }

    /// Downloads the note at `url`, which may be relative to the server's base. `kind` is its
    /// media type; `declared` that with parameters.
    pub(super) async fn fetch_note(
        &self,
        url: &str,
        kind: Option<&str>,
        declared: Option<&str>,
    ) -> Result<Fetched, MissingNote> {
        let url = self.absolute_url(url).map_err(MissingNote::Failed)?;
        if self.breaker.is_open(&url) {
            return Err(MissingNote::NotAsked);
        }
        let mut failures = 0;
        let (bytes, answered) = loop {
            let error = match self.ask_server(&url, kind).await {
                Ok(found) => {
                    self.breaker.note_answer(&url);
                    break found;
                }
                Err(error) => error,
            };
            failures += 1;
            let asked = error.answer().and_then(|answer| retry_after(&answer.headers));
            let wait = RETRIES.wait_after(failures, asked, self.pace);
            match wait.filter(|_| error.is_retryable()) {
                // Others may have found out meanwhile that there is no use.
                Some(_) if self.breaker.is_open(&url) => return Err(MissingNote::NotAsked),
                Some(wait) => tokio::time::sleep(wait).await,
                None => return Err(self.missing_note(&url, &error)),
            }
        };
        let is_json =
            answered.as_deref().is_some_and(|kind| parse_media_type(kind).ends_with("json"));
        // JSON in the place of a text is a Binary that wraps it. A note whose own kind is JSON is
        // taken as it comes.
        let note = match is_json && kind.is_none_or(|kind| !kind.ends_with("json")) {
            true => from_json(&bytes),
            false => Ok((bytes, answered)),
        };
        let note =
            note.and_then(|(bytes, answered)| self.check_note(bytes, answered, kind, declared));
        note.map_err(MissingNote::Failed)
    }

    /// By RFC 3986: what is relative stands below the base, what begins with `/` below the host.
    fn absolute_url(&self, url: &str) -> Result<Url, String> {
        // `url` ends the base with a slash. Without it `join` would replace the base's last part.
        let absolute = self.client.url("").join(url.trim()).ok();
        absolute
            .filter(|url| matches!(url.scheme(), "http" | "https"))
            .ok_or_else(|| "the attachment's URL can't be used".to_owned())
    }

    async fn ask_server(
        &self,
        url: &Url,
        kind: Option<&str>,
    ) -> http::Result<(Vec<u8>, Option<String>)> {
        let accept = match kind {
            Some(kind) => kind.to_owned(),
            None => self.mimetypes.join(", "),
        };
        // More rows than that are under way, so that a slow note holds up no others. It is never closed.
        let _connection = self.connections.acquire().await;
        let asked =
            |accept: &str| self.client.request(Method::GET, url.clone()).accept_type(accept);
        let response = match asked(&accept).send().await {
            // The server has notes in its own format only.
            Err(error) if error.status() == Some(406) => asked(FHIR).send().await?,
            result => result?,
        };
        let answered = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let answered = answered.map(str::to_owned);
        // A Binary has four characters of base64 for three bytes of the note, and some JSON around
        // them.
        Ok((response.bytes(LONGEST * 4 / 3 + 4096).await?.to_vec(), answered))
    }

    fn check_note(
        &self,
        bytes: Vec<u8>,
        answered: Option<String>,
        kind: Option<&str>,
        declared: Option<&str>,
    ) -> Result<Fetched, String> {
        if bytes.len() > LONGEST {
            return Err(format!("it is longer than {} MiB", LONGEST >> 20));
        }
        let found = answered.as_deref().map(parse_media_type).filter(|kind| !kind.is_empty());
        let found = match (found, kind) {
            (Some(found), _) if self.mimetypes.contains(&found) => found,
            // A server that names no type, or none in particular.
            (None, Some(kind)) => kind.to_owned(),
            (Some(found), Some(kind)) if found == "application/octet-stream" => kind.to_owned(),
            (Some(found), _) => return Err(format!("it came as {}", shown_kind(&found))),
            (None, None) => return Err("its kind is not known".to_owned()),
        };
        let charset = || {
            answered
                .as_deref()
                .and_then(parse_charset)
                .or_else(|| declared.and_then(parse_charset))
                // Text in another charset is hardly ever valid UTF-8. Of other bytes nothing is
                // claimed.
                .or_else(|| std::str::from_utf8(&bytes).is_ok().then(|| "utf-8".to_owned()))
        };
        let content_type = match is_text(&found).then(charset).flatten() {
            Some(charset) => format!("{found}; charset={charset}"),
            None => found,
        };
        Ok(Fetched { content_type, bytes })
    }

    /// Why a note is not there, without what names it: its ID is a patient's data. Many notes share
    /// the reason.
    fn missing_note(&self, url: &Url, error: &http::Error) -> MissingNote {
        if error.is_auth() || error.is_retryable() {
            self.breaker.note_failure(url);
        } else if error.answer().is_some() {
            self.breaker.note_answer(url);
        }
        match error {
            http::Error::Status(answer) if error.is_auth() => {
                let why = answer.withheld.as_ref().map(|why| format!(": {why}"));
                let why = why.unwrap_or_default();
                MissingNote::Unauthorized(format!("the server answers {}{why}", answer.status))
            }
            http::Error::Status(answer) => {
                MissingNote::Failed(format!("the server answers {}", answer.status))
            }
            http::Error::Transport { .. } => MissingNote::Failed("there was no answer".to_owned()),
            http::Error::Unusable { .. } | http::Error::NotJson { .. } => {
                MissingNote::Failed("its answer can't be used".to_owned())
            }
            http::Error::Refused { what, .. } => MissingNote::Failed(self.refusal_text(url, what)),
            http::Error::Token { .. } if error.is_auth() => {
                MissingNote::Unauthorized(error.to_string())
            }
            http::Error::Local { .. } | http::Error::Token { .. } => {
                MissingNote::Failed(error.to_string())
            }
        }
    }

    /// A million rows may name as many hosts.
    fn refusal_text(&self, url: &Url, what: &str) -> String {
        let host = url.host_str().unwrap_or_default().to_owned();
        let mut refused = ignore_poison(self.refused.lock());
        if refused.contains(&host) || refused.len() < HOSTS {
            refused.insert(host);
            return what.to_owned();
        }
        "its URL is not the server's, nor at a host of --note-host".to_owned()
    }
}

/// A media type that a server names, fit for a message.
fn shown_kind(kind: &str) -> String {
    let known = |c: char| c.is_ascii_alphanumeric() || "/+-._".contains(c);
    match kind.len() < 80 && kind.chars().all(known) {
        true => kind.to_owned(),
        false => "something else".to_owned(),
    }
}

/// Whether a media type has a charset.
fn is_text(kind: &str) -> bool {
    kind.starts_with("text/") || kind.ends_with("+xml") || kind == "application/xml"
}

/// A Binary's content and its type.
fn from_json(bytes: &[u8]) -> Result<(Vec<u8>, Option<String>), String> {
    let value: Value =
        serde_json::from_slice(bytes).map_err(|_| "it came as JSON that is none".to_owned())?;
    if value["resourceType"] != "Binary" {
        return Err("a FHIR resource came that is no Binary".to_owned());
    }
    let data = value["data"].as_str().ok_or_else(|| "its Binary has no data".to_owned())?;
    let data: String = data.split_whitespace().collect();
    let data = STANDARD.decode(data).map_err(|_| "its Binary's data is not base64".to_owned())?;
    Ok((data, value["contentType"].as_str().map(str::to_owned)))
}
