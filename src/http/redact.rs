//! Keeping secrets out of what people read.

use std::sync::{Arc, LazyLock, RwLock};

use regex::{Captures, Regex};
use reqwest::header::{self, HeaderMap, HeaderValue};
use url::Url;

use super::Secret;
use super::recorded::is_export;
use crate::poison::ignore_poison;

/// Stands in a secret's place.
const HIDDEN: &str = "***";

/// Parameters of a kick-off whose values are shown.
const SHOWN: [&str; 5] = ["_type", "_since", "_until", "_outputFormat", "_elements"];

/// Names of parameters whose values are secrets or patients.
const NAMES: &str = r"(?:[\w.-]*(?:token|secret|passw(?:or)?d|assertion|credential|signature|api[-_]?key|subscription-key)|sig|key|patient(?:[:.][\w.:-]*)?|subject(?:[:.][\w.:-]*)?)";

/// `name=value` in URLs, forms, and messages about them.
static PAIR: LazyLock<Regex> = LazyLock::new(|| {
    regex(&format!(r#"(?i)(^|[?&;\s"'(]|%3F|%26)({NAMES})(=|%3D)([^&\s"'<>)]*)"#))
});
/// `"name": "value"` in JSON, escaped or not, whose values are never of use to a reader.
static MEMBER: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r#"(?i)(\\?"(?:[\w-]*token|client_assertion|client_secret|password|passwd|assertion)\\?"\s*:\s*\\?")([^"\\]*)"#,
    )
});
/// An Authorization header's value.
// Twenty characters at least: "Basic authentication is required" is to stay readable.
static HEADER: LazyLock<Regex> =
    LazyLock::new(|| regex(r"(?i)\b(bearer|basic)(\s+|%20)([A-Za-z0-9._~+/-]{20,}=*)"));
/// A JSON Web Token.
static JWT: LazyLock<Regex> =
    LazyLock::new(|| regex(r"\beyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?"));
/// User and password of a URL.
static USERINFO: LazyLock<Regex> = LazyLock::new(|| regex(r#"://[^/?#@\s"']*@"#));

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("the patterns above are valid")
}

/// Takes secrets out of texts: those it was told, and whatever looks like one.
#[derive(Clone, Debug, Default)]
pub struct Redactor {
    values: Arc<RwLock<Vec<Secret>>>,
}

impl Redactor {
    /// From now on, `value` is not shown: a token, or a patient that was asked for.
    pub fn hide(&self, value: &str) {
        if value.is_empty() {
            return;
        }
        let mut values = ignore_poison(self.values.write());
        if !values.iter().any(|known| known.expose_text() == value) {
            values.push(Secret::new(value));
        }
    }

    /// The text without secrets.
    pub fn clean(&self, text: &str) -> String {
        // Known values first: a pattern may cover a part of one, and leave the rest.
        without_patterns(&self.without_values(text))
    }

    /// A URL as messages and logs may show it: as [`show_url`] does, and without what it was told.
    pub fn show_url(&self, url: &Url) -> String {
        without_patterns(&self.without_values(plain(url).as_str()))
    }

    fn without_values(&self, text: &str) -> String {
        let values = ignore_poison(self.values.read());
        values.iter().fold(text.to_owned(), |text, value| without_word(&text, value.expose_text()))
    }

    /// The headers without cookies and credentials.
    pub fn clean_headers(&self, headers: &HeaderMap) -> HeaderMap {
        let mut clean = HeaderMap::with_capacity(headers.len());
        for (name, value) in headers {
            if [header::SET_COOKIE, header::COOKIE, header::AUTHORIZATION].contains(name) {
                continue;
            }
            let text = self.clean(&String::from_utf8_lossy(value.as_bytes()));
            if let Ok(value) = HeaderValue::from_str(&text) {
                clean.append(name.clone(), value);
            }
        }
        clean
    }
}

/// Replaces `word` where it stands alone: the patient `1` is no part of the status `410`. Letters of
/// ASCII have no case: a server that looks for `mrn-1a` may say that it was asked for `MRN-1A`.
fn without_word(text: &str, word: &str) -> String {
    let inner = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    // As long as the texts, so that places in them are the same.
    let (folded, sought) = (text.to_ascii_lowercase(), word.to_ascii_lowercase());
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = folded[folded.len() - rest.len()..].find(&sought) {
        let (before, found) = (&rest[..start], &rest[start..start + word.len()]);
        let after = &rest[start + word.len()..];
        clean.push_str(before);
        // Both ends matter only where the word's own end is a part of words.
        let joined = inner(word.chars().next()) && inner(clean.chars().next_back())
            || inner(word.chars().next_back()) && inner(after.chars().next());
        clean.push_str(if joined { found } else { HIDDEN });
        rest = after;
    }
    clean.push_str(rest);
    clean
}

fn without_patterns(text: &str) -> String {
    // Most texts have nothing of the kind, which a look for a character tells far sooner than a
    // pattern does: an export's log names each of its files twice.
    let mut text = text.to_owned();
    if text.contains('@') {
        text = USERINFO.replace_all(&text, "://").into_owned();
    }
    if text.contains('=') || text.contains("%3D") || text.contains("%3d") {
        let hidden = |found: &Captures| format!("{}{}{}{HIDDEN}", &found[1], &found[2], &found[3]);
        text = PAIR.replace_all(&text, hidden).into_owned();
    }
    if text.contains('"') {
        let hidden = |found: &Captures| format!("{}{HIDDEN}", &found[1]);
        text = MEMBER.replace_all(&text, hidden).into_owned();
    }
    let hidden = |found: &Captures| format!("{} {HIDDEN}", &found[1]);
    text = HEADER.replace_all(&text, hidden).into_owned();
    if text.contains("eyJ") {
        text = JWT.replace_all(&text, HIDDEN).into_owned();
    }
    text
}

/// A URL as messages and logs may show it: without user and password, without the values of
/// parameters that are secrets (`X-Amz-Signature`, `token`) or patients, without fragment.
pub fn show_url(url: &Url) -> String {
    without_patterns(plain(url).as_str())
}

/// Without user, password and fragment, and without the values of a kick-off's parameters that may
/// name patients.
fn plain(url: &Url) -> Url {
    let mut url = url.clone();
    if let Some(query) = url.query()
        && url.path_segments().is_some_and(|mut segments| segments.any(is_export))
    {
        let shown = query.split('&').map(|pair| match pair.split_once('=') {
            Some((name, _)) if !SHOWN.contains(&name) => format!("{name}={HIDDEN}"),
            _ => pair.to_owned(),
        });
        let shown = shown.collect::<Vec<_>>().join("&");
        url.set_query(Some(&shown));
    }
    url.set_fragment(None);
    // Fails only for URLs that can't have them.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(url: &str) -> String {
        show_url(&Url::parse(url).unwrap())
    }

    #[test]
    fn urls_are_shown_without_secrets_and_patients() {
        let pairs = [
            (
                "https://u:pw@ehr/fhir/$export?_type=Patient#x",
                "https://ehr/fhir/$export?_type=Patient",
            ),
            (
                "https://ehr/$export?_since=2020&patient=Patient/1,Patient/2",
                "https://ehr/$export?_since=2020&patient=***",
            ),
            ("https://ehr/poll?_jobId=5b1f&page=2", "https://ehr/poll?_jobId=5b1f&page=2"),
            (
                "https://s3/f?X-Amz-Credential=AK%2F1&X-Amz-Signature=ab&X-Amz-Expires=60",
                "https://s3/f?X-Amz-Credential=***&X-Amz-Signature=***&X-Amz-Expires=60",
            ),
            ("https://blob/f?sv=1&sig=a%2Bb", "https://blob/f?sv=1&sig=***"),
            (
                "https://ehr/$export?_typeFilter=Observation%3Fpatient%3D17%26code%3Dx",
                "https://ehr/$export?_typeFilter=***",
            ),
            (
                "https://ehr/%24Export;s=1?_typeFilter=MRN",
                "https://ehr/%24Export;s=1?_typeFilter=***",
            ),
        ];
        for (url, expected) in pairs {
            assert_eq!(shown(url), expected);
        }
    }

    #[test]
    fn what_looks_like_a_secret_is_taken_out_of_texts() {
        let redactor = Redactor::default();
        let pairs = [
            ("bad header 'Bearer abcdefghijklmnopqrstuvwxyz'", "bad header 'Bearer ***'"),
            ("Basic authentication is required", "Basic authentication is required"),
            ("got eyJhbGciOiJub25lIn0.eyJpc3MiOiJ4In0.c2ln here", "got *** here"),
            (r#"{"access_token":"tiny","scope":"s"}"#, r#"{"access_token":"***","scope":"s"}"#),
            (
                "grant_type=x&client_assertion=abc&scope=y",
                "grant_type=x&client_assertion=***&scope=y",
            ),
            ("proxy http://me:word@proxy:3128 refused", "proxy http://proxy:3128 refused"),
            ("the token endpoint, as it stands", "the token endpoint, as it stands"),
        ];
        for (text, expected) in pairs {
            assert_eq!(redactor.clean(text), expected);
        }
    }

    #[test]
    fn what_it_was_told_is_taken_out_where_it_stands_alone() {
        let redactor = Redactor::default();
        redactor.hide("Patient/1");
        redactor.hide("s3cr+t=");
        redactor.hide("");
        assert_eq!(redactor.clean("no Patient/1, but Patient/17"), "no ***, but Patient/17");
        assert_eq!(redactor.clean("é PATIENT/1 Patient/17 patient/1"), "é *** Patient/17 ***");
        assert_eq!(redactor.clean("password 's3cr+t='"), "password '***'");
    }

    #[test]
    fn headers_lose_cookies_and_secrets() {
        let redactor = Redactor::default();
        let mut headers = HeaderMap::new();
        headers.insert(header::SET_COOKIE, HeaderValue::from_static("session=1"));
        headers.insert(header::LOCATION, HeaderValue::from_static("https://x/?token=1&a=2"));
        let clean = redactor.clean_headers(&headers);
        assert_eq!(clean.len(), 1);
        assert_eq!(clean[header::LOCATION], "https://x/?token=***&a=2");
    }
}
