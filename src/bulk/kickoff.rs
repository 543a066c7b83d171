//! Beginning an export, and ending it (Bulk Data IG, "Kick-off Request", "Delete Request").

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};
use tokio::time::{sleep, timeout};
use tracing::{info, warn};
use url::Url;
use uuid::Uuid;

use super::log::{EventLog, shown_headers};
use super::progress::format_span;
use super::request::KickOff;
use super::{ExportOptions, ExportTarget};
use crate::error::{Error, ErrorKind, Result, RunFault};
use crate::http::header::{CONTENT_LOCATION, HeaderMap, HeaderName};
use crate::http::{
    self, Capabilities, Client, Method, Pace, RetryPlan, recorded_parameter, recorded_request,
    show_url,
};
use crate::stop::Writer;

/// How a user ends an export whose URL is known.
pub(super) const HOW_TO_END: &str = "cumulus-etl export SERVER DIR --resume URL --cancel ends it";

/// As often a kick-off is tried again where the server has no room for it.
const ATTEMPTS: usize = 4;
/// Waits before the second and third attempt to end an export, in seconds.
const RETRIES: RetryPlan = RetryPlan::of_seconds(&[2, 10]);
/// The longest wait for an answer to that.
const PATIENCE: Duration = Duration::from_secs(60);

/// An export that the server has begun.
pub(super) struct Begun {
    /// The status URL.
    pub url: Url,
    /// When the request was sent.
    pub asked: DateTime<Utc>,
    /// The text of the log's event.
    pub event: Value,
    /// A signal waits until the URL is kept somewhere.
    pub writer: Writer,
}

/// Sends the kick-off request. `log` is told only of failures.
pub(super) async fn kick_off(
    client: &Client,
    options: &ExportOptions,
    kickoff: &KickOff,
    capabilities: Option<&Capabilities>,
    log: &EventLog,
) -> Result<Begun> {
    let mut failures = 0;
    loop {
        // The time is taken before the request: where the server names no `transactionTime` it
        // stands in for that, and must not be later than the data.
        let (asked, writer) = (Utc::now(), options.storage.shutdown().begin_writer()?);
        let error = match send_kickoff(client, options, kickoff).await {
            Ok((url, headers)) => {
                let event = failure_detail(client, kickoff, capabilities, Ok(&headers));
                return Ok(Begun { url, asked, event, writer });
            }
            Err(error) => error,
        };
        // There is no URL to keep: a signal need not wait through the pauses below.
        drop(writer);
        // A request without an answer is not sent again: the server may have begun an export by it,
        // and a second one would be in the first one's way.
        let passing = matches!(error.status(), Some(429 | 500..)) && error.is_retryable();
        failures += 1;
        if !passing || failures > ATTEMPTS {
            let event = failure_detail(client, kickoff, capabilities, Err(&error));
            log.with_export_id(&Uuid::new_v4().to_string()).log_event("kickoff", event);
            let hint = match error.status() {
                Some(429) => {
                    format!(
                        " (many servers run one export at a time: an earlier one that was not taken \
                         to its end may be in the way; {HOW_TO_END})"
                    )
                }
                _ => String::new(),
            };
            let text = format!("the server does not begin the export: {error}{hint}");
            return Err(Error::new(error.into_error(RunFault::ExportIncomplete).kind(), text));
        }
        let answer = error.answer().map(|answer| answer.headers.clone()).unwrap_or_default();
        let wait = options.pace.poll(&answer);
        info!("{error}; asking again in {}", format_span(wait.as_secs_f64()));
        tokio::time::sleep(wait).await;
    }
}

async fn send_kickoff(
    client: &Client,
    options: &ExportOptions,
    kickoff: &KickOff,
) -> http::Result<(Url, HeaderMap)> {
    let method = if kickoff.body.is_some() { Method::POST } else { Method::GET };
    // By the Bulk Data IG a server should refuse parameters that it does not support, unless the
    // request says that it is lenient (RFC 7240).
    let prefer = match options.lenient {
        true => "respond-async, handling=lenient",
        false => "respond-async",
    };
    let mut request = client
        .request(method, kickoff.url.clone())
        .accept_type("application/fhir+json")
        .with_header(HeaderName::from_static("prefer"), prefer);
    if let Some(body) = &kickoff.body {
        request = request.with_body(body.to_string(), "application/fhir+json");
    }
    let response = request.send().await?;
    // After all redirects, as a relative Content-Location is relative to the URL that has answered.
    let answered = response.url().clone();
    let location = response.headers().get(CONTENT_LOCATION).and_then(|value| value.to_str().ok());
    let url = location.and_then(|location| answered.join(location).ok());
    match url.filter(|url| matches!(url.scheme(), "http" | "https")) {
        Some(url) => Ok((url, response.headers().clone())),
        None => {
            let what = format!(
                "it has the status {} and does not say where to ask for the export \
                 (Content-Location); does the server have $export?",
                response.status()
            );
            Err(http::Error::Unusable { url: show_url(&answered), what })
        }
    }
}

/// The log's `kickoff` event.
fn failure_detail(
    client: &Client,
    kickoff: &KickOff,
    capabilities: Option<&Capabilities>,
    result: Result<&HeaderMap, &http::Error>,
) -> Value {
    let parameters = recorded_parameters(kickoff.parameters.iter().cloned());
    let answer = result.err().and_then(http::Error::answer);
    let (shown, message) = match result {
        Ok(found) => (Some(shown_headers(client, found)), None),
        Err(error) => {
            (answer.map(|answer| shown_headers(client, &answer.headers)), Some(error.to_string()))
        }
    };
    let of =
        |part: fn(&Capabilities) -> &Option<String>| capabilities.and_then(|c| part(c).clone());
    json!({
        "exportUrl": recorded_request(&kickoff.url, client.base()),
        "softwareName": of(|c| &c.software_name),
        "softwareVersion": of(|c| &c.software_version),
        "softwareReleaseDate": of(|c| &c.software_release_date),
        "fhirVersion": of(|c| &c.fhir_version),
        "requestParameters": parameters,
        "errorCode": answer.map(|answer| answer.status.as_u16()),
        "errorBody": answer.map(|answer| answer.body.clone()).or(message),
        "responseHeaders": shown,
    })
}

/// The `kickoff` event of an export that was begun elsewhere.
pub(super) fn log_taken_up(log: &EventLog, target: &ExportTarget, request: Option<&str>) {
    let url = request.and_then(|url| Url::parse(url).ok()).unwrap_or_else(|| target.export_url());
    let parameters = recorded_parameters(url.query_pairs().into_owned());
    let recorded = recorded_request(&url, &target.base);
    log.log_event("kickoff", json!({"exportUrl": recorded, "requestParameters": parameters}));
}

/// Only what names no patient.
fn recorded_parameters(parameters: impl Iterator<Item = (String, String)>) -> Map<String, Value> {
    let recorded = |(name, value): (String, String)| {
        let value = recorded_parameter(&name, &value)?;
        Some((name, json!(value)))
    };
    parameters.filter_map(recorded).collect()
}

/// The outcome of ending an export on the server.
#[derive(Debug)]
pub(super) enum Ending {
    /// It has ended, or the server knows none.
    Ended,
    /// The server says that it will not end it: asking again is no use.
    Refused(http::Error),
    /// It may still be there.
    Unknown(String, ErrorKind),
}

/// Ends an export on the server (`DELETE`). Failures that may pass are tried again, for a moment.
pub(super) async fn end_export(client: &Client, status_url: &Url, pace: Pace) -> Ending {
    let mut failures = 0;
    loop {
        let sent = client.request(Method::DELETE, status_url.clone()).send();
        let (what, kind, passing) = match timeout(PATIENCE, sent).await {
            Ok(Ok(_)) => return Ending::Ended,
            Ok(Err(error)) => match error.status() {
                // Without credentials, some servers deny that there is anything.
                Some(404) if error.is_withheld() => {
                    return Ending::Unknown(error.to_string(), RunFault::ExportIncomplete.into());
                }
                Some(404 | 410) => return Ending::Ended,
                // 401 and 403 may pass with other credentials, 408 and 429 with time. They are not
                // among these, so that the export stays known.
                Some(400 | 402 | 405..=407 | 409 | 411..=428 | 430..=499 | 501 | 505) => {
                    return Ending::Refused(error);
                }
                _ => {
                    let passing = error.is_retryable();
                    let error = error.into_error(RunFault::ExportIncomplete);
                    (error.explain_causes(), error.kind(), passing)
                }
            },
            Err(_) => ("it does not answer".to_owned(), RunFault::ExportIncomplete.into(), true),
        };
        failures += 1;
        match RETRIES.wait_after(failures, None, pace).filter(|_| passing) {
            Some(wait) => sleep(wait).await,
            None => return Ending::Unknown(what, kind),
        }
    }
}

/// Tells the server that the export is not needed any more, as all of it is here. A failure is only
/// a warning.
pub(super) async fn release_job(client: &Client, status_url: &Url, pace: Pace) {
    let what = match end_export(client, status_url, pace).await {
        Ending::Ended => return,
        Ending::Refused(error) => error.to_string(),
        Ending::Unknown(what, _) => what,
    };
    let url = client.redactor().show_url(status_url);
    warn!(
        "could not tell the server that the files of {url} are no longer needed: {what}. If it refuses \
         the next export: {HOW_TO_END}"
    );
}

/// Ends an export on the server, because the user wants it.
pub(super) async fn cancel_job(client: &Client, status_url: &Url, pace: Pace) -> Result<()> {
    match end_export(client, status_url, pace).await {
        Ending::Ended => info!("The export has ended on the server"),
        Ending::Refused(error) => {
            let url = client.redactor().show_url(status_url);
            warn!("the server does not end the export {url}, which is forgotten here: {error}");
        }
        Ending::Unknown(what, kind) => {
            return Err(Error::new(kind, format!("cannot cancel the export: {what}")));
        }
    }
    Ok(())
}
