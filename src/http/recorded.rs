//! The part of an export's URL that records keep.

use url::{Url, form_urlencoded};

use crate::fhir::resource_type_ignoring_case;

/// The output formats that the Bulk Data specification names.
const FORMATS: [&str; 3] = ["application/fhir+ndjson", "application/ndjson", "ndjson"];

/// A kick-off URL as files may keep it that others read: its scheme, host and port, its path up to
/// `$export`, and of its query `_type`, `_since` and `_outputFormat`, as far as they hold what such
/// parameters hold; those are spelled as they were. All other parts may name a patient
/// (`patient`, `_typeFilter`, the ID of a single patient's export) or be a secret (`token`, a user and
/// password). `None` for what is no URL of a server.
pub fn recorded_url(text: &str) -> Option<String> {
    record_url(&Url::parse(text.trim()).ok()?, 0)
}

/// The same of a request to the server with this base URL, all of which is kept.
pub fn recorded_request(url: &Url, base: &Url) -> Option<String> {
    let own = base.path().trim_end_matches('/');
    let is_below = url.origin() == base.origin()
        && url.path().strip_prefix(own).is_some_and(|rest| rest.starts_with('/'));
    record_url(url, if is_below { own.matches('/').count() } else { 0 })
}

/// `own`: parts of the path that are the server's address for sure.
fn record_url(url: &Url, own: usize) -> Option<String> {
    let host = url.host_str().filter(|_| matches!(url.scheme(), "http" | "https"))?;
    let mut recorded = format!("{}://{host}", url.scheme());
    if let Some(port) = url.port() {
        recorded.push_str(&format!(":{port}"));
    }
    // Where nothing is exported, a word of the server's address may be spelled nearly like the type.
    let exports = url.path_segments()?.any(is_export);
    let mut after_patient = false;
    for (at, segment) in url.path_segments()?.enumerate() {
        // The part behind a semicolon is a session's (`;jsessionid=…`).
        let segment = segment.split(';').next().unwrap_or_default();
        if is_export(segment) {
            recorded.push_str("/$export");
            break;
        }
        let plain = decode(segment);
        // A segment that hides several parts (`Patient%2F17`) is all of them.
        let is_type =
            |part: &str| part == "Patient" || exports && part.eq_ignore_ascii_case("Patient");
        let names_patient = at >= own && plain.split('/').any(is_type);
        // A Group's ID names no patient, wherever it stands.
        after_patient &= plain != "Group";
        // Dots that a session's part kept from being resolved would be when this is read again.
        let is_dots = matches!(&*plain, "." | "..");
        let hidden =
            is_dots || after_patient && !segment.is_empty() || names_patient && plain.contains('/');
        recorded.push('/');
        recorded.push_str(if hidden { "***" } else { segment });
        after_patient |= names_patient;
    }
    let pairs = url.query().unwrap_or_default().split('&');
    let kept: Vec<_> = pairs.filter_map(recorded_pair).collect();
    if !kept.is_empty() {
        recorded.push('?');
        recorded.push_str(&kept.join("&"));
    }
    Some(recorded)
}

/// The recordable part of `name=value`, encoded as in a URL: the same text where nothing is left out.
fn recorded_pair(pair: &str) -> Option<String> {
    let (name, value) = form_urlencoded::parse(pair.as_bytes()).next()?;
    let kept = recorded_parameter(&name, &value)?;
    if kept == value && pair.starts_with(&format!("{name}=")) {
        return Some(pair.to_owned());
    }
    // Readers of records take a bare `+` for a blank, as `time` has to.
    Some(format!("{name}={}", kept.replace('+', "%2B")))
}

/// The recordable part of a kick-off's parameter, as [`recorded_url`] records it.
pub fn recorded_parameter(name: &str, value: &str) -> Option<String> {
    let kept = match name {
        "_type" => types(value),
        "_since" => time(value)?,
        "_outputFormat" => FORMATS.contains(&value).then(|| value.to_owned())?,
        _ => return None,
    };
    Some(kept).filter(|kept| !kept.is_empty())
}

/// Whether a part of a path is the operation's name, however it is spelled and whatever was added to
/// it: no part of the server's address has such a name.
pub(super) fn is_export(segment: &str) -> bool {
    const NAME: &str = "$export";
    decode(segment).get(..NAME.len()).is_some_and(|name| name.eq_ignore_ascii_case(NAME))
}

/// A part of a path with its `%41` decoded; bytes that are no UTF-8 become `\u{fffd}`.
fn decode(segment: &str) -> String {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let [first, tail @ ..] = rest {
        let digits = tail.get(..2).filter(|_| *first == b'%');
        let digits = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = digits.filter(|digits| digits.bytes().all(|d| d.is_ascii_hexdigit()));
        let byte = byte.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The names of types in a list. Another word that stands among them may be a patient's name.
fn types(list: &str) -> String {
    let names = list.split(',').filter_map(|name| resource_type_ignoring_case(name.trim()));
    names.collect::<Vec<_>>().join(",")
}

/// An instant or a date; a `+` that nobody has encoded reads as a blank.
fn time(text: &str) -> Option<String> {
    let known = |c: char| c.is_ascii_digit() || "-:.TZ+ ".contains(c);
    let text = text.trim();
    (text.len() <= 40 && text.chars().all(known)).then(|| text.replace(' ', "+"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_no_secret_and_no_patient_is_recorded() {
        for (url, recorded) in [
            (
                "https://ehr/fhir/Group/g-7/$export?_type=Patient,Condition&_since=2024-01-02T00:00:00Z",
                "https://ehr/fhir/Group/g-7/$export?_type=Patient,Condition&_since=2024-01-02T00:00:00Z",
            ),
            (
                "https://ehr/fhir/$export?_typeFilter=Patient%3Fidentifier%3DMRN-1",
                "https://ehr/fhir/$export",
            ),
            (
                "https://ehr/fhir/$export?_typefilter=x&_TYPE=y&patient=1&token=t",
                "https://ehr/fhir/$export",
            ),
            (
                "HTTPS://me:pw@EHR.example:8443/fhir/$export#MRN-1",
                "https://ehr.example:8443/fhir/$export",
            ),
            (
                "https://ehr:443/fhir/%24export?_since=2024-01-02T00:00:00+05:00",
                "https://ehr/fhir/$export?_since=2024-01-02T00:00:00%2B05:00",
            ),
            (
                "https://ehr/$export?_outputFormat=application%2Ffhir%2Bndjson&_type=Patient%2CDevice",
                "https://ehr/$export?_outputFormat=application%2Ffhir%2Bndjson&_type=Patient%2CDevice",
            ),
            (
                "https://ehr/$export?_outputFormat=ndjson&x",
                "https://ehr/$export?_outputFormat=ndjson",
            ),
            (
                "https://ehr/$export?_outputFormat=MRN-1&%5Ftype=Device",
                "https://ehr/$export?_type=Device",
            ),
            ("https://ehr/fhir/Patient/$export", "https://ehr/fhir/Patient/$export"),
            ("https://ehr/fhir/Patient/MRN-1/$export", "https://ehr/fhir/Patient/***/$export"),
            ("https://ehr/fhir/Patient/MRN-1", "https://ehr/fhir/Patient/***"),
            (
                "https://ehr/fhir/Group/1/$export;jsessionid=7/more/MRN-1",
                "https://ehr/fhir/Group/1/$export",
            ),
            (
                "https://ehr/fhir/$export?_type=Patient%3Fidentifier%3DMRN-1,Device&_since=MRN-1",
                "https://ehr/fhir/$export?_type=Device",
            ),
            ("http://[2001:db8::1]:8080/$export", "http://[2001:db8::1]:8080/$export"),
            // However the parts of the path are spelled, and whatever lies between them.
            ("https://ehr/fhir/patient/MRN-1/$export", "https://ehr/fhir/patient/***/$export"),
            (
                "https://ehr/fhir/%50atient/MRN-1/%24EXPORT",
                "https://ehr/fhir/%50atient/***/$export",
            ),
            ("https://ehr/fhir/Patient%2FMRN-1/%24%65xport", "https://ehr/fhir/***/$export"),
            ("https://ehr/fhir/Patient//MRN-1/$export", "https://ehr/fhir/Patient//***/$export"),
            (
                "https://ehr/fhir/Patient/a/MRN-1/$export",
                "https://ehr/fhir/Patient/***/***/$export",
            ),
            ("https://ehr/fhir/$export-MRN-1", "https://ehr/fhir/$export"),
            ("https://ehr/patient/r4", "https://ehr/patient/r4"),
            ("https://ehr/patient/Group/g/$export", "https://ehr/patient/Group/g/$export"),
            // A word among the types may be anything.
            (
                "https://ehr/$export?_type=patient,Doe,Transport",
                "https://ehr/$export?_type=Patient,Transport",
            ),
        ] {
            assert_eq!(recorded_url(url).as_deref(), Some(recorded), "{url}");
        }
        let of = |url: &str| {
            let base = Url::parse("https://ehr/patient/r4/").unwrap();
            recorded_request(&Url::parse(url).unwrap(), &base).unwrap()
        };
        for (url, recorded) in [
            ("https://ehr/patient/r4/$export?patient=1", "https://ehr/patient/r4/$export"),
            (
                "https://ehr/patient/r4/Patient/1/$export",
                "https://ehr/patient/r4/Patient/***/$export",
            ),
            ("https://other/patient/r4/$export", "https://other/patient/***/$export"),
            ("https://ehr/patient/r42/$export", "https://ehr/patient/***/$export"),
        ] {
            assert_eq!(of(url), recorded);
        }
        for none in ["", "MRN-1", "/fhir/$export?patient=1", "file:///home/mrn-1", "urn:uuid:1"] {
            assert_eq!(recorded_url(none), None, "{none}");
        }
    }
}
