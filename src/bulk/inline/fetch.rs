//! One note from the server.

use std::time::Duration;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use url::Url;

use super::row::{charset, media_type};
use crate::http::header::CONTENT_TYPE;
use crate::http::{self, Client, Method, Pace, retry_after};

/// The longest note, in bytes.
const LONGEST: usize = 32 << 20;
/// Waits before the second and third attempt, where the server names none.
const WAITS: [u64; 2] = [2, 10];

/// A note.
pub(super) struct Fetched {
    /// With its charset, where that is known.
    pub content_type: String,
    pub bytes: Vec<u8>,
}

impl Fetched {
    /// What FHIR wants as an attachment's `hash`.
    pub(super) fn sha1(&self) -> Vec<u8> {
        digest(&SHA1_FOR_LEGACY_USE_ONLY, &self.bytes).as_ref().to_vec()
    }
}

/// Asks for notes.
pub(super) struct Fetcher {
    client: Client,
    mimetypes: Vec<String>,
    pace: Pace,
}

impl Fetcher {
    pub(super) fn new(client: &Client, mimetypes: Vec<String>, pace: Pace) -> Self {
        Self { client: client.clone(), mimetypes, pace }
    }

    /// Downloads the note at `url`, which may be relative to the server's base. `kind` is its
    /// media type; `declared` that with parameters. The error is a reason that many notes share.
    pub(super) async fn fetch(
        &self,
        url: &str,
        kind: Option<&str>,
        declared: Option<&str>,
    ) -> Result<Fetched, String> {
        let url = self.absolute(url)?;
        let mut failures = 0;
        let (bytes, answered) = loop {
            let error = match self.ask(&url, kind).await {
                Ok(found) => break found,
                Err(error) => error,
            };
            failures += 1;
            let asked = error.answer().and_then(|answer| retry_after(&answer.headers));
            match WAITS.get(failures - 1).filter(|_| error.retryable()) {
                Some(wait) => {
                    let wait = asked.unwrap_or(Duration::from_secs(*wait));
                    tokio::time::sleep(self.pace.of(wait)).await;
                }
                None => return Err(reason(&error)),
            }
        };
        let is_json = answered.as_deref().is_some_and(|kind| media_type(kind).ends_with("json"));
        let (bytes, answered) = match is_json && kind.is_none_or(|kind| !kind.ends_with("json")) {
            true => from_json(&bytes)?,
            false => (bytes, answered),
        };
        self.checked(bytes, answered, kind, declared)
    }

    fn absolute(&self, url: &str) -> Result<Url, String> {
        let odd = || "the attachment's URL can't be used".to_owned();
        let absolute = match Url::parse(url) {
            Ok(absolute) => absolute,
            Err(url::ParseError::RelativeUrlWithoutBase) => self.client.url(url),
            Err(_) => return Err(odd()),
        };
        match absolute.scheme() {
            "http" | "https" => Ok(absolute),
            _ => Err(odd()),
        }
    }

    async fn ask(&self, url: &Url, kind: Option<&str>) -> http::Result<(Vec<u8>, Option<String>)> {
        let accept = match kind {
            Some(kind) => kind.to_owned(),
            None => self.mimetypes.join(", "),
        };
        let response = self.client.request(Method::GET, url.clone()).accept(&accept).send().await?;
        let answered = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let answered = answered.map(str::to_owned);
        Ok((response.bytes(LONGEST * 4 / 3 + 4096).await?.to_vec(), answered))
    }

    fn checked(
        &self,
        bytes: Vec<u8>,
        answered: Option<String>,
        kind: Option<&str>,
        declared: Option<&str>,
    ) -> Result<Fetched, String> {
        if bytes.len() > LONGEST {
            return Err(format!("it is longer than {} MiB", LONGEST >> 20));
        }
        let found = answered.as_deref().map(media_type).filter(|kind| !kind.is_empty());
        let found = match (found, kind) {
            (Some(found), _) if self.mimetypes.contains(&found) => found,
            // A server that names no type, or none in particular.
            (None, Some(kind)) => kind.to_owned(),
            (Some(found), Some(kind)) if found == "application/octet-stream" => kind.to_owned(),
            (Some(found), _) => return Err(format!("it came as {found}")),
            (None, None) => return Err("its kind is not known".to_owned()),
        };
        let charset = answered
            .as_deref()
            .and_then(charset)
            .or_else(|| declared.and_then(charset))
            .or_else(|| std::str::from_utf8(&bytes).is_ok().then(|| "utf-8".to_owned()));
        let content_type = match charset {
            Some(charset) => format!("{found}; charset={charset}"),
            None => found,
        };
        Ok(Fetched { content_type, bytes })
    }
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

/// Without what names the note: its ID is a patient's data.
fn reason(error: &http::Error) -> String {
    match error {
        http::Error::Status(answer) => format!("the server answers {}", answer.status),
        http::Error::Transport { .. } => "there was no answer".to_owned(),
        http::Error::Unusable { .. } => "its answer can't be used".to_owned(),
        http::Error::Refused { what, .. } => what.clone(),
        http::Error::Local { .. } | http::Error::Token { .. } => error.to_string(),
    }
}
