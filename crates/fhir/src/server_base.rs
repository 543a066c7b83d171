//! The base URL of a FHIR server, and which references are its own.

use std::fmt;

use url::Url;

/// A FHIR server's base: the part before `/Patient/123` in its absolute references.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerBase {
    /// `http` or `https`.
    scheme: String,
    host: String,
    port: u16,
    /// Without a `/` at its end.
    path: String,
}

impl ServerBase {
    /// The base within a server's URL, which may go on to an export or another operation, a Group or
    /// a Patient. `None` for a text that is no URL of a server.
    pub fn of_url(url: &str) -> Option<Self> {
        let url = Url::parse(url.trim()).ok()?;
        if !matches!(url.scheme(), "http" | "https") {
            return None;
        }
        let mut path = url.path().trim_end_matches('/');
        // A loop, for `…/Patient/p1/$export`: first the operation goes, then the Patient.
        while let Some(above) = above_request(path) {
            path = above.trim_end_matches('/');
        }
        Some(Self {
            scheme: url.scheme().to_owned(),
            host: url.host_str()?.to_owned(),
            port: url.port_or_known_default()?,
            path: path.to_owned(),
        })
    }

    /// The part behind the base and a `/` in a reference to this server; `None` for any other text.
    /// Schemes and hosts have no case, and the scheme's own port may be named. A user name before the
    /// host is no part of the base.
    pub fn relative_to<'t>(&self, reference: &'t str) -> Option<&'t str> {
        let (scheme, rest) = reference.split_at_checked(self.scheme.len())?;
        if !scheme.eq_ignore_ascii_case(&self.scheme) {
            return None;
        }
        let rest = rest.strip_prefix("://")?;
        let (authority, path) = rest.split_at(rest.find('/')?);
        let place = authority.rsplit_once('@').map_or(authority, |(_, place)| place);
        let (host, port) = match place.rsplit_once(':') {
            // In `[::1]` the last colon is part of an IPv6 address.
            Some((host, port)) if !port.ends_with(']') => (host, port),
            _ => (place, ""),
        };
        let port = match (port, self.scheme.as_str()) {
            ("", "http") => 80,
            ("", _) => 443,
            (port, _) => port.parse().ok()?,
        };
        if port != self.port || !host.eq_ignore_ascii_case(&self.host) {
            return None;
        }
        // With its case, unlike the host: FHIR's URLs are case sensitive (R4, http).
        path.strip_prefix(self.path.as_str())?.strip_prefix('/')
    }
}

/// The path without its request: an operation, a Group or a Patient.
fn above_request(path: &str) -> Option<&str> {
    let is_compartment = |part: &str| matches!(part, "Patient" | "Group");
    let (above, last) = path.rsplit_once('/')?;
    if is_compartment(last) || last.starts_with('$') || last.starts_with("%24") {
        return Some(above);
    }
    let (above, of) = above.rsplit_once('/')?;
    is_compartment(of).then_some(above)
}

impl fmt::Display for ServerBase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}:{}{}", self.scheme, self.host, self.port, self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_base_is_what_stands_before_the_export() {
        let base = ServerBase::of_url("https://h/r4").unwrap();
        for url in [
            "https://h/r4/Group/1/$export?x=1",
            "https://h/r4/Group/1/%24export",
            "https://h/r4/Group/$export",
            "https://h/r4/Group/1",
            "https://h/r4/Group/1/$davinci-data-export",
            "https://h/r4/Patient/$export",
            "https://h/r4/Patient/p1/$export",
            "https://h/r4/Patient/%24export/",
            "https://h/r4/$export",
            "https://h/r4/%24export?_type=Patient",
            "https://h/r4/",
            "HTTPS://H:443/r4",
            "https://user:pw@h/r4/$export#x",
        ] {
            assert_eq!(ServerBase::of_url(url).as_ref(), Some(&base), "{url}");
            assert_eq!(ServerBase::of_url(&base.to_string()).as_ref(), Some(&base), "{base}");
        }
        for url in ["not a url", "h/r4", "", "ftp://h/r4", "file:///r4", "urn:uuid:1", "https://"] {
            assert_eq!(ServerBase::of_url(url), None, "{url}");
        }
    }

    #[test]
    fn references_to_the_server_are_relative_however_the_server_is_spelled() {
        let base = ServerBase::of_url("https://ehr/fhir").unwrap();
        for reference in [
            "https://ehr/fhir/Patient/1",
            "HTTPS://EHR/fhir/Patient/1",
            "https://ehr:443/fhir/Patient/1",
            "https://who@ehr/fhir/Patient/1",
        ] {
            assert_eq!(base.relative_to(reference), Some("Patient/1"), "{reference}");
        }
        for reference in [
            "Patient/1",
            "https://ehr/fhirbox/Patient/1",
            "https://ehr/FHIR/Patient/1",
            "https://ehr:8443/fhir/Patient/1",
            "https://ehr:x/fhir/Patient/1",
            "http://ehr/fhir/Patient/1",
            "https://ehr.example/fhir/Patient/1",
            "https://ehr",
            "é",
        ] {
            assert_eq!(base.relative_to(reference), None, "{reference}");
        }
        let bare = ServerBase::of_url("http://[::1]:8080").unwrap();
        assert_eq!(bare.relative_to("http://[::1]:8080/Patient/1"), Some("Patient/1"));
        assert_eq!(bare.relative_to("http://[::1]/Patient/1"), None);
    }
}
