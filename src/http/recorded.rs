//! What records keep of an export's URL.

use url::Url;

/// A kick-off URL as files may keep it that others read: its scheme, host and port, its path up to
/// `$export`, and of its query `_type` and `_since`. Whatever else stands in it may name a patient
/// (`patient`, `_typeFilter`, the ID of a single patient's export) or be a secret (`token`, a user and
/// password). `None` for what is no URL of a server.
pub fn recorded_url(text: &str) -> Option<String> {
    let url = Url::parse(text.trim()).ok()?;
    let host = url.host_str().filter(|_| matches!(url.scheme(), "http" | "https"))?;
    let mut recorded = format!("{}://{host}", url.scheme());
    if let Some(port) = url.port() {
        recorded.push_str(&format!(":{port}"));
    }
    let mut after_patient = false;
    for segment in url.path_segments()? {
        // What follows a semicolon is a session's (`;jsessionid=…`).
        let segment = segment.split(';').next().unwrap_or_default();
        if is_export(segment) {
            recorded.push_str("/$export");
            break;
        }
        recorded.push('/');
        recorded.push_str(if after_patient && !segment.is_empty() { "***" } else { segment });
        after_patient = segment == "Patient";
    }
    let kept: Vec<_> = url
        .query_pairs()
        .filter_map(|(name, value)| {
            let value = recorded_parameter(&name, &value)?;
            Some(format!("{name}={}", value.replace('+', "%2B")))
        })
        .collect();
    if !kept.is_empty() {
        recorded.push('?');
        recorded.push_str(&kept.join("&"));
    }
    Some(recorded)
}

/// What may be recorded of a kick-off's parameter, as [`recorded_url`] records it.
pub fn recorded_parameter(name: &str, value: &str) -> Option<String> {
    let kept = match name {
        "_type" => types(value),
        "_since" => time(value)?,
        _ => return None,
    };
    Some(kept).filter(|kept| !kept.is_empty())
}

/// Whether a part of a path is the operation's name, however it is encoded.
pub(super) fn is_export(segment: &str) -> bool {
    segment == "$export" || segment.eq_ignore_ascii_case("%24export")
}

/// The names of types in a list; a filter that stands among them is left out.
fn types(list: &str) -> String {
    let is_name = |name: &&str| {
        name.len() < 64 && !name.is_empty() && name.chars().all(|c| c.is_ascii_alphabetic())
    };
    list.split(',').map(str::trim).filter(is_name).collect::<Vec<_>>().join(",")
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
        ] {
            assert_eq!(recorded_url(url).as_deref(), Some(recorded), "{url}");
        }
        for none in ["", "MRN-1", "/fhir/$export?patient=1", "file:///home/mrn-1", "urn:uuid:1"] {
            assert_eq!(recorded_url(none), None, "{none}");
        }
    }
}
