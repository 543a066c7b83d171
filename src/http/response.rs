//! An answer.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};
use serde_json::Value;
use url::Url;

use super::request::transport_error;
use super::{Client, Error, Result, StatusError, outcome_text, show_url};
use crate::bounded::json;
use crate::text::BYTE_ORDER_MARK;

/// As much of an error's body is kept, in bytes.
const ERROR_BODY: usize = 64 << 10;
/// The longest wait for the body of an error.
const LONGEST_ERROR: Duration = Duration::from_secs(30);
/// The longest wait for a body that is needed as a whole. Each byte that comes restarts the time
/// limit for reading: one a second would be waited for without an end.
const LONGEST_BODY: Duration = Duration::from_secs(15 * 60);
/// Bytes that the tree of an answer's JSON may take, however short the answer must be.
const LEAST_TREE: usize = 16 << 20;

/// An answer with a status below 400, whose body has yet to come.
#[derive(Debug)]
pub struct Response {
    answer: reqwest::Response,
    url: Url,
    client: Client,
    authorized: bool,
    withheld: Option<String>,
}

impl Response {
    pub(super) fn new(
        answer: reqwest::Response,
        url: Url,
        client: Client,
        authorized: bool,
        withheld: Option<String>,
    ) -> Self {
        Self { answer, url, client, authorized, withheld }
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.answer.status()
    }

    /// The headers.
    pub fn headers(&self) -> &HeaderMap {
        self.answer.headers()
    }

    /// Where the answer came from, after all redirects.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The next bytes of the body, decompressed; `None` at its end. A body that breaks off is an
    /// error.
    pub async fn next_chunk(&mut self) -> Result<Option<Bytes>> {
        let chunk = self.answer.chunk().await;
        chunk.map_err(|error| transport_error(self.client.redactor(), &self.url, error))
    }

    /// The whole body, which must have at most `limit` bytes, and must not take longer than
    /// [`LONGEST_BODY`].
    pub async fn bytes(self, limit: usize) -> Result<Bytes> {
        let url = show_url(&self.url);
        match tokio::time::timeout(LONGEST_BODY, self.collect_body(limit)).await {
            Ok(collected) => collected,
            Err(_) => {
                let minutes = LONGEST_BODY.as_secs() / 60;
                let what = format!("it was not complete after {minutes} minutes");
                Err(Error::Transport { url, what, retryable: true })
            }
        }
    }

    async fn collect_body(mut self, limit: usize) -> Result<Bytes> {
        let mut body = BytesMut::new();
        while let Some(chunk) = self.next_chunk().await? {
            if body.len() + chunk.len() > limit {
                let what = format!("it is longer than {limit} bytes");
                return Err(Error::Unusable { url: show_url(&self.url), what });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    }

    /// The whole body as JSON, which must have at most `limit` bytes, and as a tree take at most
    /// four times as many. A byte order mark at its start is left out.
    pub async fn json(self, limit: usize) -> Result<Value> {
        let url = show_url(&self.url);
        let body = self.bytes(limit).await?;
        let text = body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&body);
        json::parse_json(text, limit.saturating_mul(4).max(LEAST_TREE)).map_err(|fault| match fault
        {
            json::Fault::NotJson(error) => Error::NotJson { url, what: error.to_string() },
            json::Fault::TooLarge => {
                let what = "there is more in it than in any answer that is of use".to_owned();
                Error::Unusable { url, what }
            }
        })
    }

    /// Makes an error of a status of 400 or more.
    pub(super) async fn check_status(mut self, method: &Method) -> Result<Self> {
        if self.status().as_u16() < 400 {
            return Ok(self);
        }
        let mut body = BytesMut::new();
        let end = tokio::time::Instant::now() + LONGEST_ERROR;
        while body.len() < ERROR_BODY {
            // The beginning of a body that breaks off, or takes too long, may say enough.
            let chunk = tokio::time::timeout_at(end, self.next_chunk()).await;
            let Ok(Ok(Some(chunk))) = chunk else { break };
            body.extend_from_slice(&chunk);
        }
        body.truncate(ERROR_BODY);
        let redactor = self.client.redactor();
        Err(Error::Status(Box::new(StatusError {
            method: method.to_string(),
            url: show_url(&self.url),
            status: self.status(),
            headers: redactor.clean_headers(self.headers()),
            body: redactor.clean(&String::from_utf8_lossy(&body)),
            text: outcome_text(&body).map(|text| redactor.clean(&text)),
            authorized: self.authorized,
            withheld: self.withheld,
        })))
    }
}
