//! The text of an error's body.

use serde_json::Value;

use crate::text::{BYTE_ORDER_MARK, escape_controls, shorten_text};

/// The longest text that is taken from a body, in characters.
const LONGEST: usize = 1000;

/// The texts of an OperationOutcome's issues, of an OAuth 2.0 error (RFC 6749, 5.2), or of a store's
/// error in XML, with control characters escaped; `None` for any other body.
pub fn outcome_text(body: &[u8]) -> Option<String> {
    let body = body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body);
    if body.trim_ascii_start().starts_with(b"<") {
        let text = xml_text(&String::from_utf8_lossy(body))?;
        return Some(shorten_text(&escape_controls(&text), LONGEST).into_owned());
    }
    let body: Value = serde_json::from_slice(body).ok()?;
    let text = match body["resourceType"].as_str() {
        Some("OperationOutcome") => {
            let issues = body["issue"].as_array()?;
            issues.iter().filter_map(issue_text).collect::<Vec<_>>().join("; ")
        }
        _ => oauth_text(&body)?,
    };
    let text = shorten_text(&escape_controls(&text), LONGEST).into_owned();
    Some(text).filter(|text| !text.is_empty())
}

/// Code and message of S3's, Azure's and Google's errors. The texts beside them may hold what was
/// signed.
fn xml_text(body: &str) -> Option<String> {
    let between = |name: &str| {
        let (_, rest) = body.split_once(&format!("<{name}>"))?;
        let (text, _) = rest.split_once(&format!("</{name}>"))?;
        let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"");
        // `&amp;` comes last: `&amp;lt;` stands for the text `&lt;`.
        let text = text.replace("&apos;", "'").replace("&amp;", "&");
        let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
        Some(line).filter(|line| !line.is_empty())
    };
    let code = between("Code")?;
    Some(match between("Message") {
        Some(message) => format!("{code}: {message}"),
        None => code,
    })
}

fn issue_text(issue: &Value) -> Option<String> {
    let details = &issue["details"];
    let coded = details["coding"].as_array().and_then(|codings| codings.first());
    let words = [
        issue["diagnostics"].as_str(),
        details["text"].as_str(),
        coded.and_then(|coding| coding["display"].as_str()),
        coded.and_then(|coding| coding["code"].as_str()),
        issue["code"].as_str(),
    ];
    let mut words = words.into_iter().flatten().map(str::trim).filter(|text| !text.is_empty());
    let first = words.next()?;
    // Diagnostics of some servers are a number, the sentence is in the details.
    let sentence = [Some(first), issue["details"]["text"].as_str().map(str::trim)];
    let [diagnostics, details] = sentence.map(Option::unwrap_or_default);
    Some(match details.is_empty() || diagnostics.contains(details) {
        true => diagnostics.to_owned(),
        false => format!("{details} ({diagnostics})"),
    })
}

fn oauth_text(body: &Value) -> Option<String> {
    let code = body["error"].as_str()?;
    let mut text = code.to_owned();
    if let Some(description) = body["error_description"].as_str() {
        text = format!("{text}: {description}");
    }
    // Cerner's sentences are behind this link.
    if let Some(uri) = body["error_uri"].as_str() {
        text = format!("{text} (see {uri})");
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sentences_of_an_operation_outcome_are_found() {
        let text = outcome_text(
            br#"{"resourceType":"OperationOutcome","issue":[
                {"severity":"error","code":"processing","diagnostics":"Group/1 is unknown"},
                {"severity":"fatal","code":"exception","details":{"text":"Try again"},"diagnostics":"E-17"},
                {"severity":"warning","code":"too-costly"},
                {"details":{"coding":[{"code":"4113","display":"Queue full"}]}}]}"#,
        );
        let expected = "Group/1 is unknown; Try again (E-17); too-costly; Queue full";
        assert_eq!(text.as_deref(), Some(expected));
    }

    #[test]
    fn an_oauth_error_is_understood() {
        let text = outcome_text(
            br#"{"error":"invalid_client","error_description":"no such key","error_uri":"https://x/1"}"#,
        );
        assert_eq!(text.as_deref(), Some("invalid_client: no such key (see https://x/1)"));
    }

    #[test]
    fn the_error_of_a_store_is_understood() {
        let azure = "\u{feff}<?xml version=\"1.0\"?><Error><Code>AuthenticationFailed</Code>\
            <Message>Server failed to authenticate.\nRequestId:7</Message>\
            <AuthenticationErrorDetail>Signature s3cret</AuthenticationErrorDetail></Error>";
        let expected = "AuthenticationFailed: Server failed to authenticate. RequestId:7";
        assert_eq!(outcome_text(azure.as_bytes()).as_deref(), Some(expected));
        let s3 =
            b" <Error><Code>AccessDenied</Code><Message>a &lt; b &amp;amp; c</Message></Error>";
        assert_eq!(outcome_text(s3).as_deref(), Some("AccessDenied: a < b &amp; c"));
        assert_eq!(outcome_text(b"<Error><Code>X</Code></Error>").as_deref(), Some("X"));
    }

    #[test]
    fn what_servers_say_can_not_move_the_cursor() {
        for body in [
            r#"{"resourceType":"OperationOutcome","issue":[{"diagnostics":"a\u001b[2J\nb"}]}"#,
            r#"{"error":"a\u001b[2J\nb"}"#,
        ] {
            assert_eq!(outcome_text(body.as_bytes()).as_deref(), Some("a\\u{1b}[2J\\nb"));
        }
        let text = outcome_text(b"<Error><Code>a\x1b[2J</Code></Error>");
        assert_eq!(text.as_deref(), Some("a\\u{1b}[2J"));
    }

    #[test]
    fn other_bodies_have_no_text() {
        let marked = outcome_text("\u{feff}{\"error\":\"invalid_scope\"}".as_bytes());
        assert_eq!(marked.as_deref(), Some("invalid_scope"));
        for body in ["", "<html>", "{}", r#"{"resourceType":"OperationOutcome"}"#, "[1]", "null"] {
            assert_eq!(outcome_text(body.as_bytes()), None, "{body}");
        }
    }
}
