//! Faults of a server, on command.

use std::time::Duration;

use bytes::Bytes;
use futures::stream;
use http_body_util::{BodyExt, StreamBody};
use hyper::Response;
use hyper::body::Frame;
use hyper::header::{CONTENT_LENGTH, HeaderName, HeaderValue};

use super::answers::{Body, whole};

/// One misbehaviour.
#[derive(Clone, Debug)]
pub enum Fault {
    /// Another answer: status, headers, body.
    Answer(u16, Vec<(&'static str, String)>, Bytes),
    /// The connection breaks after so many bytes of the body.
    Break(usize),
    /// The body ends after so many bytes, as if that were all.
    Truncate(usize),
    /// The right body, with other headers on top.
    Headers(Vec<(&'static str, String)>),
    /// The right answer, late.
    Stall(Duration),
    /// The right headers, and a body without an end: a byte at a time, with a pause after each.
    Trickle(Duration),
    /// The right answer with a byte order mark before its body.
    Marked,
}

impl Fault {
    pub fn status(code: u16) -> Self {
        Self::Answer(code, Vec::new(), Bytes::new())
    }

    /// A status with `Retry-After`.
    pub fn later(code: u16, retry_after: &str) -> Self {
        Self::Answer(code, vec![("retry-after", retry_after.to_owned())], Bytes::new())
    }

    /// A status with an OperationOutcome.
    pub fn outcome(code: u16, text: &str) -> Self {
        let issue = serde_json::json!([{"severity": "error", "code": "processing",
            "diagnostics": text}]);
        let body = serde_json::json!({"resourceType": "OperationOutcome", "issue": issue});
        let kind = vec![("content-type", "application/fhir+json".to_owned())];
        Self::Answer(code, kind, body.to_string().into())
    }

    /// A manifest of its own.
    pub fn manifest(manifest: &serde_json::Value) -> Self {
        let kind = vec![("content-type", "application/json".to_owned())];
        Self::Answer(200, kind, manifest.to_string().into())
    }

    pub fn redirect(code: u16, url: String) -> Self {
        Self::Answer(code, vec![("location", url)], Bytes::new())
    }

    pub(super) async fn apply(self, right: impl FnOnce() -> Response<Body>) -> Response<Body> {
        match self {
            Self::Answer(code, headers, body) => {
                let mut answer = Response::new(whole(body));
                *answer.status_mut() = code.try_into().unwrap();
                with(answer, headers)
            }
            Self::Headers(headers) => with(right(), headers),
            Self::Stall(_) => right(),
            Self::Trickle(pause) => {
                let (mut parts, _) = right().into_parts();
                parts.headers.remove(CONTENT_LENGTH);
                let frames = stream::unfold((), move |()| async move {
                    tokio::time::sleep(pause).await;
                    Some((Ok(Frame::data(Bytes::from_static(b" "))), ()))
                });
                Response::from_parts(parts, BodyExt::boxed_unsync(StreamBody::new(frames)))
            }
            Self::Marked => {
                let (mut parts, body) = right().into_parts();
                let body = body.collect().await.unwrap_or_else(|_| unreachable!()).to_bytes();
                parts.headers.remove(CONTENT_LENGTH);
                Response::from_parts(parts, whole([b"\xef\xbb\xbf", &body[..]].concat()))
            }
            Self::Truncate(bytes) => {
                let (mut parts, body) = right().into_parts();
                let body = body.collect().await.unwrap_or_else(|_| unreachable!()).to_bytes();
                parts.headers.remove(CONTENT_LENGTH);
                Response::from_parts(parts, whole(body.slice(..bytes.min(body.len()))))
            }
            Self::Break(bytes) => {
                let (parts, body) = right().into_parts();
                let body = body.collect().await.unwrap_or_else(|_| unreachable!()).to_bytes();
                let first = Ok(Frame::data(body.slice(..bytes.min(body.len()))));
                let broken = Err(std::io::Error::other("broken on command"));
                // The pause lets the first part reach the other side.
                let frames = stream::unfold(vec![broken, first], |mut left| async move {
                    let next = left.pop()?;
                    if next.is_err() {
                        tokio::time::sleep(Duration::from_millis(30)).await;
                    }
                    Some((next, left))
                });
                Response::from_parts(parts, BodyExt::boxed_unsync(StreamBody::new(frames)))
            }
        }
    }
}

fn with(mut answer: Response<Body>, headers: Vec<(&'static str, String)>) -> Response<Body> {
    for (name, value) in headers {
        let value = HeaderValue::from_str(&value).unwrap();
        answer.headers_mut().insert(HeaderName::from_static(name), value);
    }
    answer
}

/// The faults that are still to come.
#[derive(Debug, Default)]
pub(super) struct Faults {
    rules: Vec<Rule>,
}

#[derive(Debug)]
struct Rule {
    method: String,
    path: String,
    times: usize,
    fault: Fault,
}

impl Faults {
    pub(super) fn add(&mut self, method: &str, path: &str, times: usize, fault: Fault) {
        let (method, path) = (method.to_owned(), path.to_owned());
        self.rules.push(Rule { method, path, times, fault });
    }

    pub(super) fn is_over(&self, path: &str) -> bool {
        self.rules.iter().all(|rule| rule.path != path || rule.times == 0)
    }

    /// The first fault that matches, which is then used up by one.
    pub(super) fn take(&mut self, method: &str, path: &str) -> Option<Fault> {
        let rule = self.rules.iter_mut().find(|rule| {
            rule.times > 0
                && (rule.method == "*" || rule.method == method)
                && path.contains(&rule.path)
        })?;
        rule.times -= 1;
        Some(rule.fault.clone())
    }
}
