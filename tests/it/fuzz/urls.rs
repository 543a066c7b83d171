//! URLs as people and servers write them: the base of a FHIR server, references in rows, and what is
//! shown and recorded of a URL. An input is a base and a reference, separated by a line end.

use std::sync::Arc;

use cumulus_etl::bulk::{ExportTarget, split_filters};
use cumulus_etl::deid::{Anonymizer, Codebook};
use cumulus_etl::fhir::ServerBase;
use cumulus_etl::http::{recorded_url, show_url};
use url::Url;

/// Takes the input as a base and a reference, and panics where a promise is broken. Whether the base
/// is a server's.
pub fn check(data: &[u8]) -> bool {
    let text = String::from_utf8_lossy(data);
    let (base, reference) = text.split_once('\n').unwrap_or((&text, ""));
    let own = ServerBase::of_url(base);
    if let Some(own) = &own {
        let again = ServerBase::of_url(&own.to_string());
        assert_eq!(again.as_ref(), Some(own), "the base of '{base}' is its own base");
    }
    let target = ExportTarget::parse(base);
    if let Ok(target) = &target {
        let url = target.export_url();
        assert!(matches!(url.scheme(), "http" | "https") && url.has_host(), "{url}");
        assert!(url.path().ends_with("/$export"), "{url}");
        assert!(target.base.path().ends_with('/'), "{}", target.base);
        assert!(url.username().is_empty() && url.password().is_none(), "{url}");
        // A URL that was asked for can be asked for again.
        let again = ExportTarget::parse(url.as_str()).expect("an export's URL is a target");
        assert_eq!(again.export_url(), url);
    }

    for url in [base, reference] {
        check_recorded(url);
    }
    // Filters are told apart, and nothing of them is lost.
    let filters = split_filters(reference);
    let dense =
        |text: &str| text.chars().filter(|c| !c.is_whitespace() && *c != ',').collect::<String>();
    assert_eq!(dense(&filters.concat()), dense(reference));
    assert!(filters.iter().all(|filter| !filter.is_empty()), "{filters:?}");

    let codebook = Arc::new(Codebook::throwaway());
    let bases: Arc<[ServerBase]> = own.iter().cloned().collect();
    let hashed = |reference: &str, of: Option<&str>| {
        let mut out = String::new();
        Anonymizer::new(codebook.clone(), bases.clone()).push_reference(reference, of, &mut out);
        out
    };
    for of in [None, Some("Patient"), Some(" Group ")] {
        let out = hashed(reference, of);
        assert_eq!(out, hashed(reference, of), "the same each time");
        // A type or a mark may stand before the hash; nothing stands behind it.
        let hash = out.rsplit(['/', '#']).next().expect("there is a last part");
        let digits = hash.bytes().all(|c| c.is_ascii_digit() || (b'a'..=b'f').contains(&c));
        assert!(hash.len() == 64 && digits, "{out}");
        assert!(out.matches('/').count() <= 1, "{out}");
    }
    // An absolute reference to the server's own row is as good as a relative one.
    if let Some(own) = &own {
        let id = reference.trim_matches(|c: char| !c.is_ascii_alphanumeric());
        if id.bytes().all(|c| c.is_ascii_alphanumeric()) && !id.is_empty() {
            let (one, other) = (format!("{own}/Patient/{id}"), format!("Patient/{id}"));
            assert_eq!(hashed(&one, None), hashed(&other, None), "of {own}");
        }
    }
    target.is_ok()
}

/// The recorded and shown form of a URL names no user, no password, and no patient.
fn check_recorded(text: &str) {
    if let Some(recorded) = recorded_url(text) {
        let url = Url::parse(&recorded).expect("what is recorded is a URL");
        assert!(url.username().is_empty() && url.password().is_none(), "{recorded}");
        assert!(url.fragment().is_none(), "{recorded}");
        for (name, value) in url.query_pairs() {
            assert!(matches!(&*name, "_type" | "_since" | "_outputFormat"), "{recorded}");
            let known = |c: char| c.is_ascii_alphanumeric() || "-:.+, /".contains(c);
            assert!(value.chars().all(known), "{recorded}");
        }
        assert_eq!(recorded_url(&recorded).as_ref(), Some(&recorded), "of {text}");
    }
    if let Ok(url) = Url::parse(text) {
        let shown = show_url(&url);
        // The hidden part may be the one that has parted a host from the `@` of a path.
        if let Ok(shown) = Url::parse(&shown)
            && shown.host() == url.host()
        {
            assert!(shown.username().is_empty() && shown.password().is_none(), "{shown}");
            assert!(shown.fragment().is_none(), "{shown}");
        }
        assert!(!shown.contains(char::is_control), "{shown:?}");
    }
}

/// Valid inputs.
#[allow(dead_code, reason = "fuzz targets read them from files")]
pub fn seeds() -> Vec<Vec<u8>> {
    let hosts = ["https://ehr.example", "http://127.0.0.1:8080", "https://[::1]:8443", "HTTPS://E"];
    let paths = ["/fhir", "/fhir/", "/api/FHIR/R4", ""];
    let scopes = [
        "",
        "/Patient",
        "/Group/g-1",
        "/Group/a%20b",
        "/$export",
        "/$export?_outputFormat=application%2Ffhir%2Bndjson&patient=p1&_type=Patient",
        "/$export?_type=Patient,Device&_since=2024-08-06T18:12:57%2B02:00&_typeFilter=Patient%3Fa%3D1",
    ];
    let references = [
        "https://user:pw@EHR.example:443/fhir/Patient/p1/%24export;s=1?token=t&patient=p1#p1",
        "Transport/t1",
        "Observation?category=a,b, Patient?active=true",
        "https://ehr.example/fhir/Patient/$export?_since=2024-01-02&_type=A,B%3Fc",
        "Patient/p1",
        "https://ehr.example/fhir/Patient/p1",
        "#contained",
        "urn:uuid:c3f1e5a2-0b1d-4b7e-9d3c-2f6f8a1b0c9d",
        "Patient?identifier=http://x|1",
        "Encounter/e1/_history/2",
        "p1",
    ];
    let mut seeds = Vec::new();
    for (n, host) in hosts.iter().cycle().take(48).enumerate() {
        let (path, scope) = (paths[n / 4 % 4], scopes[n % scopes.len()]);
        let reference = references[n % references.len()];
        seeds.push(format!("{host}{path}{scope}\n{reference}").into_bytes());
    }
    seeds
}
