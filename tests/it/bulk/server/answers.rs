//! The right answers.

use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::header::{
    ACCEPT, ACCEPT_ENCODING, ACCEPT_RANGES, CONTENT_ENCODING, CONTENT_LOCATION, CONTENT_RANGE,
    CONTENT_TYPE, ETAG, HeaderName, HeaderValue, IF_RANGE, LAST_MODIFIED,
};
use hyper::{Response, StatusCode};
use serde_json::{Value, json};

use super::{Content, Job, List, Recorded, Shared, lock};

pub(super) type Body = UnsyncBoxBody<Bytes, std::io::Error>;

pub(super) fn whole(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

fn plain(status: u16, text: &str) -> Response<Body> {
    let mut answer = Response::new(whole(text.to_owned()));
    *answer.status_mut() = StatusCode::from_u16(status).unwrap();
    answer
}

fn outcome(status: u16, text: &str) -> Response<Body> {
    let issue = json!([{"severity": "error", "code": "processing", "diagnostics": text}]);
    json_answer(status, &json!({"resourceType": "OperationOutcome", "issue": issue}))
}

fn json_answer(status: u16, value: &Value) -> Response<Body> {
    let answer = plain(status, &value.to_string());
    header(answer, CONTENT_TYPE, "application/fhir+json")
}

fn header(mut answer: Response<Body>, name: HeaderName, value: &str) -> Response<Body> {
    answer.headers_mut().insert(name, HeaderValue::from_str(value).unwrap());
    answer
}

pub(super) fn answer(shared: &Shared, request: &Recorded) -> Response<Body> {
    // A copy: nothing that is served may block another request.
    let content = lock(&shared.content);
    let path = request.path.clone();
    if let Some(index) = path.strip_prefix("/files/") {
        if content.requires_token && !allowed(shared, &content, request) {
            return outcome(401, "a token is needed");
        }
        return file(shared, &content, request, index);
    }
    if let ("/token", Some(uses)) = (path.as_str(), content.token_uses) {
        return token(shared, uses);
    }
    let Some(fhir) = path.strip_prefix("/fhir/") else { return plain(404, "nothing here") };
    match fhir {
        "metadata" => match &content.capability {
            Some(statement) => json_answer(200, statement),
            None => plain(404, "no metadata"),
        },
        ".well-known/smart-configuration" => match &content.smart {
            Some(configuration) => json_answer(200, configuration),
            None if content.token_uses.is_some() => {
                let token = format!("{}/token", shared.origin);
                json_answer(200, &json!({"token_endpoint": token}))
            }
            None => plain(404, "no SMART"),
        },
        _ if !allowed(shared, &content, request) => outcome(401, "a token is needed"),
        _ if fhir.ends_with("$export") => kickoff(shared, &content, request),
        _ if fhir.starts_with("jobs/") => match request.method.as_str() {
            "DELETE" => remove(shared, fhir),
            _ => status(shared, &content, request, fhir),
        },
        _ => note(&content, request),
    }
}

fn allowed(shared: &Shared, content: &Content, request: &Recorded) -> bool {
    let found = request.header("authorization");
    if content.token_uses.is_some() {
        let mut tokens = lock(&shared.tokens);
        let good = tokens.left > 0 && found == format!("Bearer {}", access_token(tokens.given));
        tokens.left -= usize::from(good);
        return good;
    }
    content.expected_auth.as_deref().is_none_or(|expected| expected == found)
}

/// The `n`-th access token, counted from 1.
pub fn access_token(n: usize) -> String {
    format!("t0ken-0123456789-abcdefghij-{n}.")
}

fn token(shared: &Shared, uses: usize) -> Response<Body> {
    let mut tokens = lock(&shared.tokens);
    tokens.given += 1;
    tokens.left = uses;
    let token = access_token(tokens.given);
    json_answer(200, &json!({"access_token": token, "token_type": "bearer", "expires_in": 300}))
}

fn kickoff(shared: &Shared, content: &Content, request: &Recorded) -> Response<Body> {
    if !request.header("prefer").contains("respond-async") {
        return outcome(400, "Prefer: respond-async is missing");
    }
    if request.header(ACCEPT.as_str()) != "application/fhir+json" {
        return outcome(400, "Accept must be application/fhir+json");
    }
    let mut jobs = lock(&shared.jobs);
    jobs.push(Job::default());
    let path = format!("/fhir/jobs/{}", jobs.len() - 1);
    let location = match content.relative_location {
        true => path,
        false => format!("{}{path}", shared.origin),
    };
    header(plain(202, ""), CONTENT_LOCATION, &location)
}

fn job_of(fhir: &str) -> usize {
    fhir.trim_start_matches("jobs/").parse().unwrap_or(usize::MAX)
}

fn remove(shared: &Shared, fhir: &str) -> Response<Body> {
    match lock(&shared.jobs).get_mut(job_of(fhir)) {
        Some(job) => {
            job.deleted = true;
            plain(202, "")
        }
        None => outcome(404, "no such job"),
    }
}

fn status(shared: &Shared, content: &Content, request: &Recorded, fhir: &str) -> Response<Body> {
    let mut jobs = lock(&shared.jobs);
    let Some(job) = jobs.get_mut(job_of(fhir)) else { return outcome(404, "no such job") };
    if job.deleted {
        return if content.haunted { plain(202, "") } else { outcome(404, "no such job") };
    }
    if job.polls < content.polls {
        job.polls += 1;
        let progress = format!("{} of {} polls", job.polls, content.polls);
        let name = HeaderName::from_static("x-progress");
        let mut answer = plain(202, "");
        if content.partial {
            let list = manifest(shared, content, fhir, 0, 1);
            answer = json_answer(202, &list);
        }
        let answer = header(answer, name, &progress);
        return header(answer, HeaderName::from_static("retry-after"), "1");
    }
    let page = request.query.strip_prefix("page=").and_then(|page| page.parse().ok());
    let size = if content.page_size == 0 { usize::MAX } else { content.page_size };
    json_answer(200, &manifest(shared, content, fhir, page.unwrap_or(0), size))
}

fn manifest(shared: &Shared, content: &Content, fhir: &str, page: usize, size: usize) -> Value {
    let start = page.saturating_mul(size).min(content.files.len());
    let end = start.saturating_add(size).min(content.files.len());
    let list = |wanted: List| -> Vec<Value> {
        let files = content.files.iter().enumerate().take(end).skip(start);
        let files = files.filter(|(_, file)| file.list == wanted);
        let entry = files.map(|(index, file)| {
            let own = || format!("{}/files/{index}?signature=s3cret", shared.origin);
            let mut entry = json!({
                "type": file.resource_type,
                "url": file.url.clone().unwrap_or_else(own),
            });
            if let Some(count) = file.count {
                entry["count"] = json!(count);
            }
            entry
        });
        entry.collect()
    };
    let mut manifest = json!({
        "transactionTime": content.transaction_time,
        "request": format!("{}/fhir/$export", shared.origin),
        "requiresAccessToken": content.requires_token,
        "output": list(List::Output),
        "deleted": list(List::Deleted),
        "error": list(List::Error),
    });
    if end < content.files.len() || content.endless {
        let next = format!("{}/fhir/{fhir}?page={}", shared.origin, page + 1);
        manifest["link"] = json!([{"relation": "next", "url": next}]);
    }
    manifest
}

fn file(shared: &Shared, content: &Content, request: &Recorded, index: &str) -> Response<Body> {
    let found =
        index.parse().ok().and_then(|index: usize| Some((index, content.files.get(index)?)));
    let Some((index, file)) = found else { return outcome(404, "no such file") };
    let kind = "application/fhir+ndjson";
    let body = &file.body;
    let total = body.len();
    let range = request.header("range").strip_prefix("bytes=").and_then(|range| {
        let (start, end) = range.split_once('-')?;
        Some((start.parse::<usize>().ok()?, end.parse::<usize>().ok()))
    });
    let accepted = request.header(ACCEPT_ENCODING.as_str()).contains("gzip");
    let compressed = content.gzip && accepted;
    let tag = content.etag.as_ref().map(|tag| match (tag.strip_prefix("W/"), compressed) {
        (Some(tag), _) => format!("W/\"{index}-{tag}\""),
        (None, true) => format!("\"{index}-{tag}-gzip\""),
        (None, false) => format!("\"{index}-{tag}\""),
    });
    let versioned = |mut answer: Response<Body>| {
        if let Some(tag) = &tag {
            answer = header(answer, ETAG, tag);
        }
        match &content.last_modified {
            Some(time) => header(answer, LAST_MODIFIED, time),
            None => answer,
        }
    };
    let wanted = request.header(IF_RANGE.as_str());
    let is_same = wanted.is_empty()
        || content.ignores_if_range
        || tag.as_deref().is_some_and(|tag| tag == wanted && !tag.starts_with("W/"))
        || content.last_modified.as_deref() == Some(wanted);
    if let (Some((start, None)), true) = (range, content.ranges && is_same) {
        if start >= total {
            let answer = versioned(plain(416, ""));
            return header(answer, CONTENT_RANGE, &format!("bytes */{total}"));
        }
        let mut answer = Response::new(whole(body.slice(start..)));
        *answer.status_mut() = StatusCode::PARTIAL_CONTENT;
        let shown = format!("bytes {start}-{}/{total}", total - 1);
        return versioned(header(header(answer, CONTENT_RANGE, &shown), CONTENT_TYPE, kind));
    }
    let mut answer = if compressed {
        let mut compressed = lock(&shared.compressed);
        let bytes = compressed.entry(index).or_insert_with(|| gzip(body)).clone();
        header(Response::new(whole(bytes)), CONTENT_ENCODING, "gzip")
    } else {
        Response::new(whole(body.clone()))
    };
    if content.ranges {
        answer = header(answer, ACCEPT_RANGES, "bytes");
    }
    versioned(header(answer, CONTENT_TYPE, kind))
}

pub fn gzip(bytes: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap().into()
}

fn note(content: &Content, request: &Recorded) -> Response<Body> {
    let Some((kind, bytes)) = content.notes.get(&request.path) else {
        return outcome(404, "no such resource");
    };
    header(Response::new(whole(bytes.clone())), CONTENT_TYPE, kind)
}
