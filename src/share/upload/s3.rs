//! The answer of the store that the link leads to.

use super::Failure;
use super::aggregator::Link;
use crate::error::UploadFault;
use crate::http::Answer;
use crate::text::{escape_controls, text_between};

/// The file's fingerprint if the store has taken it: 204, or the status that the form asks for.
pub(super) fn judge_answer(answer: &Answer, link: &Link) -> Result<Option<String>, Failure> {
    let status = answer.status.as_u16();
    if status == link.expected_status() {
        let e_tag = answer.headers.get("etag").and_then(|value| value.to_str().ok());
        return Ok(e_tag.map(|text| text.trim_matches('"').to_owned()));
    }
    let code = text_between(&answer.body, "<Code>", "</Code>").unwrap_or_default().trim();
    let message = text_between(&answer.body, "<Message>", "</Message>").unwrap_or_default().trim();
    let words = match (code, message) {
        ("", _) => answer.status.to_string(),
        (code, "") => format!("{} {code}", status),
        (code, message) => format!("{status} {code}: {message}"),
    };
    let words = escape_controls(&words);
    let host = link.host();
    let failure = |kind, what: &str| Failure::new(kind, format!("{what} ({host}: {words})"));
    let expired = code == "ExpiredToken"
        // S3 says so of a form whose policy has run out ("Policy expired"), with the code of every
        // refusal.
        || (code == "AccessDenied" && message.to_ascii_lowercase().contains("expired"));
    Err(match (status, code) {
        _ if expired => failure(
            UploadFault::ExpiredLink,
            "the link to upload to has expired: it is valid for an hour at most. Run again; if it \
             happens again, the connection is too slow for this file",
        ),
        (_, "EntityTooLarge" | "MaxPostPreDataLengthExceeded") | (413, _) => failure(
            UploadFault::Undelivered,
            "the file is larger than the Aggregator takes; ask its administrator",
        ),
        (_, "EntityTooSmall") => failure(
            UploadFault::Undelivered,
            "the file is smaller than the Aggregator takes; ask its administrator",
        ),
        (_, "RequestTimeout" | "SlowDown" | "InternalError" | "ServiceUnavailable")
        | (408 | 429 | 500 | 502..=504, _) => {
            failure(UploadFault::Undelivered, "the store has not taken the file").or_retryable()
        }
        // The store's own refusals have a code in their XML; a proxy's page has none.
        (401 | 403, _) if code.is_empty() => failure(
            UploadFault::Undelivered,
            "something on the way refuses the upload; does a proxy or firewall let uploads to that \
             server through?",
        ),
        (400 | 401 | 403 | 404, _) => failure(
            UploadFault::Undelivered,
            "the store refuses the file by the conditions of the Aggregator's own link. Nothing on \
             this side can change that: send this message to the Aggregator's administrator",
        ),
        (200..=399, _) => failure(
            UploadFault::Undelivered,
            "the answer is not the store's (204 was expected), so the file may not have arrived. Is \
             there a proxy in between?",
        ),
        _ => failure(UploadFault::Undelivered, "the store has not taken the file"),
    })
}
