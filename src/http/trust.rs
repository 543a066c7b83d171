//! Which host may see the credentials, and over which scheme.
//!
//! Every request passes here, and so does every redirect on its way: kick-off, status, pages of
//! manifests, files, notes, discovery, the token endpoint, and what is asked of an Aggregator.
//!
//! | | the server's own origin, or a host of `--token-host` | another origin |
//! | --- | --- | --- |
//! | user and password | the own origin only | never |
//! | access token | yes, unless a manifest says that its files need none | if a manifest of the own origin says so |
//! | over `http` | only where the server's own URL is `http` | the same |
//!
//! Where the server's own URL is `https`, nothing at all is asked over `http` unless the user allows
//! it, and even then the credentials stay here.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::sync::Mutex;

use tracing::{info, warn};
use url::Url;

use crate::poison::ignore_poison;

/// The hosts that the user allows beyond the server's own origin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowedServers {
    /// Ask also over `http` where the server's own URL is `https`; without credentials.
    pub http: bool,
    /// Other hosts of the server, which may see the access token as the server itself does.
    pub token_hosts: Vec<HostName>,
    /// Whether the user's command has the options that allow this, so that messages name them.
    pub has_options: bool,
}

/// A host as users name it: `files.example`, `files.example:8443`, `[2001:db8::1]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostName {
    /// In lower case, names of other scripts in ASCII, without a dot at the end.
    host: String,
    port: Option<u16>,
}

impl HostName {
    /// Whether the URL's host is this one, at the port that was named; if none was, at any.
    pub fn covers_host(&self, url: &Url) -> bool {
        let port = url.port_or_known_default();
        host_of(url) == self.host && self.port.is_none_or(|named| Some(named) == port)
    }

    /// The same, but without a port only the usual one of the URL's scheme.
    fn has_exactly(&self, url: &Url) -> bool {
        self.covers_host(url) && (self.port.is_some() || url.port().is_none())
    }

    /// Whether this is the host's name in a look-up of addresses.
    pub(super) fn is_named(&self, name: &str) -> bool {
        name.trim_end_matches('.').eq_ignore_ascii_case(&self.host)
    }
}

impl FromStr for HostName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || {
            format!(
                "'{text}' is no host; write it like files.example.org or files.example.org:8443"
            )
        };
        let named = text.trim();
        let named = named.strip_prefix("https://").unwrap_or(named);
        let named = named.strip_suffix('/').unwrap_or(named);
        let parse = |scheme: &str| {
            let url = Url::parse(&format!("{scheme}://{named}/")).map_err(|_| refused())?;
            let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
            let nobody = url.username().is_empty() && url.password().is_none();
            if bare && nobody && !named.contains('@') { Ok(url) } else { Err(refused()) }
        };
        // A URL forgets the port that its scheme has anyway.
        let (one, other) = (parse("https")?, parse("http")?);
        let host = host_of(&one);
        if host.is_empty() {
            return Err(refused());
        }
        Ok(Self { host, port: one.port().or(other.port()) })
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.host)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

fn host_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

/// The receivers of credentials.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TokenUse {
    /// The FHIR server's own origin (scheme, host and port), and hosts that the user has named.
    #[default]
    SameOrigin,
    /// Also another origin, if it is encrypted: the manifest says that the file needs the access
    /// token (`requiresAccessToken`).
    Required,
    /// Nobody: the manifest says that the file needs no access token. Links that are signed are
    /// refused by many stores if a token comes with them.
    Unneeded,
    /// Nobody: what the request is good for is in its body, for a token endpoint.
    InBody,
    /// Nobody.
    Never,
}

/// The credentials that a request shows to a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Showing {
    Credentials,
    /// Nothing; why, as the user may read it where the host says no.
    Nothing(Option<String>),
}

/// The server's own URL, and what is allowed beyond it.
#[derive(Debug)]
pub(super) struct Trust {
    base: Url,
    allowed: AllowedServers,
    /// The messages about hosts that were shown already.
    said: Mutex<BTreeSet<String>>,
}

impl Trust {
    pub(super) fn new(base: Url, allowed: AllowedServers) -> Self {
        Self { base, allowed, said: Mutex::default() }
    }

    /// Whether the URL is one of the server itself, so that what it says of credentials counts.
    pub(super) fn is_own(&self, url: &Url) -> bool {
        url.origin() == self.base.origin() || self.is_named(url)
    }

    fn is_named(&self, url: &Url) -> bool {
        self.is_safe(url) && self.allowed.token_hosts.iter().any(|host| host.has_exactly(url))
    }

    /// Whether a URL is as safe from readers on the way as the server's own.
    fn is_safe(&self, url: &Url) -> bool {
        url.scheme() == "https" || self.base.scheme() == "http"
    }

    /// Says no to a URL that must not be asked at all.
    pub(super) fn check_url(&self, url: &Url) -> Result<(), String> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err("it is no HTTP URL".to_owned());
        }
        if self.is_safe(url) {
            return Ok(());
        }
        if !self.allowed.http {
            let hint =
                self.hint(" (--allow-http lets it pass; credentials are not sent there even then)");
            return Err(format!("it is not encrypted, but the server's own URL is{hint}"));
        }
        if self.is_news("http", url) {
            let origin = url.origin().ascii_serialization();
            warn!(
                "{origin} is asked although it is not encrypted (--allow-http): others can read \
                 and change on the way what it sends"
            );
        }
        Ok(())
    }

    /// Whether an answer may send a request on from one URL to the other, as far as their schemes
    /// go.
    pub(super) fn check_redirect(&self, from: &Url, to: &Url) -> Result<(), String> {
        let downgrade = from.scheme() == "https" && to.scheme() == "http";
        match downgrade && !self.allowed.http {
            true => {
                let hint = self.hint(" (--allow-http lets it pass)");
                Err(format!("it is a redirect to a URL that is not encrypted{hint}"))
            }
            false => Ok(()),
        }
    }

    /// The credentials that a request shows to the URL's host. `basic`: they are user and password.
    pub(super) fn showing(&self, url: &Url, token: TokenUse, basic: bool) -> Showing {
        let nothing = |why: String| Showing::Nothing(Some(why));
        match token {
            TokenUse::Never => return Showing::Nothing(None),
            TokenUse::InBody => {
                return nothing(
                    "the token endpoint does not accept this client: is the public key registered \
                     there for this --smart-client-id?"
                        .to_owned(),
                );
            }
            TokenUse::Unneeded => {
                return nothing(
                    "no credentials were sent, as the manifest says that its files need none"
                        .to_owned(),
                );
            }
            TokenUse::SameOrigin | TokenUse::Required => {}
        }
        if url.origin() == self.base.origin() {
            return Showing::Credentials;
        }
        let origin = url.origin().ascii_serialization();
        if !self.is_safe(url) {
            return nothing(format!("no credentials were sent: {origin} is not encrypted"));
        }
        // Before the hosts that the user has named: --token-host is for access tokens. A password
        // is for the one server that has this user.
        if basic {
            return nothing(format!(
                "no credentials were sent: user and password are for {} only",
                self.base.origin().ascii_serialization()
            ));
        }
        if self.is_named(url) {
            return Showing::Credentials;
        }
        if token == TokenUse::Required {
            if self.is_news("token", url) {
                info!("The access token goes to {origin}, too: the server's manifest asks for it");
            }
            return Showing::Credentials;
        }
        let host = url.host_str().unwrap_or_default();
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        let own = self.base.origin().ascii_serialization();
        let hint = format!(
            ". If it belongs to the server, --token-host {host}{port} sends it the access token"
        );
        nothing(format!(
            "no credentials were sent: {origin} is not the server's own origin, {own}{}",
            self.hint(&hint)
        ))
    }

    /// Names an option, where there is that option.
    fn hint<'h>(&self, hint: &'h str) -> &'h str {
        if self.allowed.has_options { hint } else { "" }
    }

    /// Whether nothing of this kind was said of this origin yet.
    fn is_news(&self, kind: &str, url: &Url) -> bool {
        let mut said = ignore_poison(self.said.lock());
        said.insert(format!("{kind} {}", url.origin().ascii_serialization()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    fn trust(base: &str, http: bool, hosts: &[&str]) -> Trust {
        let token_hosts = hosts.iter().map(|host| host.parse().unwrap()).collect();
        Trust::new(url(base), AllowedServers { http, token_hosts, has_options: true })
    }

    fn shows(trust: &Trust, to: &str, token: TokenUse, basic: bool) -> bool {
        trust.showing(&url(to), token, basic) == Showing::Credentials
    }

    #[test]
    fn hosts_are_the_same_however_they_are_spelled() {
        for (named, there, same) in [
            ("files.example", "https://files.example/x", true),
            ("FILES.example.", "https://files.EXAMPLE./x", true),
            ("files.example", "https://files.example:8443/x", true),
            ("files.example:8443", "https://files.example:8443/x", true),
            ("files.example:443", "https://files.example/x", true),
            ("files.example:443", "https://files.example:8443/x", false),
            ("files.example:80", "https://files.example/x", false),
            ("b\u{fc}cher.example", "https://xn--bcher-kva.example/", true),
            ("[2001:DB8:0::1]", "https://[2001:db8::1]/", true),
            ("https://files.example/", "https://files.example/", true),
            ("files.example", "https://files.example.evil/", false),
            ("files.example", "https://files.example@evil/", false),
            ("0x7f.1", "http://127.0.0.1:9/", true),
        ] {
            let host: HostName = named.parse().unwrap();
            assert_eq!(host.covers_host(&url(there)), same, "{named} {there}");
        }
        for text in ["", "a b", "host/path", "user@host", "host?x", "http://host", "host:99999"] {
            assert!(text.parse::<HostName>().is_err(), "{text}");
        }
    }

    #[test]
    fn credentials_stay_at_the_own_origin() {
        let trust = trust("https://ehr.example/fhir", true, &[]);
        for (to, own) in [
            ("https://ehr.example/files/1", true),
            ("HTTPS://EHR.example:443/files/1", true),
            ("https://ehr.example:8443/files/1", false),
            ("https://ehr.example./files/1", false),
            ("https://ehr.example@other/", false),
            ("https://other/", false),
            ("http://ehr.example/files/1", false),
            ("http://ehr.example:443/files/1", false),
        ] {
            for basic in [false, true] {
                assert_eq!(shows(&trust, to, TokenUse::SameOrigin, basic), own, "{to}");
                for none in [TokenUse::Never, TokenUse::Unneeded, TokenUse::InBody] {
                    assert!(!shows(&trust, to, none, basic), "{to}");
                }
            }
        }
    }

    #[test]
    fn a_required_token_goes_elsewhere_only_encrypted_and_passwords_never_do() {
        let safe = trust("https://ehr.example/fhir", true, &[]);
        for (to, token) in [
            ("https://other/f", true),
            ("https://[2001:db8::1]/f", true),
            ("http://other/f", false),
            ("http://127.0.0.1/f", false),
            ("http://ehr.example/f", false),
        ] {
            assert_eq!(shows(&safe, to, TokenUse::Required, false), token, "{to}");
            assert!(!shows(&safe, to, TokenUse::Required, true), "{to}");
        }
        // A run that exports over HTTP has let others read the token already.
        let open = trust("http://ehr.example/fhir", false, &[]);
        assert!(shows(&open, "http://other/f", TokenUse::Required, false));
        assert!(!shows(&open, "http://other/f", TokenUse::Required, true));
        assert!(!shows(&open, "http://other/f", TokenUse::SameOrigin, false));
    }

    #[test]
    fn a_host_that_the_user_names_is_as_the_server() {
        let trust = trust("https://ehr.example/fhir", true, &["proxy.example", "alt:8443"]);
        for (to, own) in [
            ("https://proxy.example/jobs/1", true),
            ("https://PROXY.example./jobs/1", true),
            ("https://proxy.example:9/jobs/1", false),
            ("http://proxy.example/jobs/1", false),
            ("https://alt:8443/jobs/1", true),
            ("https://alt/jobs/1", false),
        ] {
            assert_eq!(trust.is_own(&url(to)), own, "{to}");
            assert_eq!(shows(&trust, to, TokenUse::SameOrigin, false), own, "{to}");
            assert!(!shows(&trust, to, TokenUse::SameOrigin, true), "{to}");
        }
    }

    #[test]
    fn nothing_is_asked_over_http_where_the_server_is_encrypted() {
        let strict = trust("https://ehr.example/fhir", false, &[]);
        for refused in ["http://ehr.example/x", "http://127.0.0.1/", "ftp://ehr.example/"] {
            assert!(strict.check_url(&url(refused)).is_err(), "{refused}");
        }
        assert!(strict.check_url(&url("https://other/")).is_ok());
        let lax = trust("https://ehr.example/fhir", true, &[]);
        assert!(lax.check_url(&url("http://ehr.example/x")).is_ok());
        assert!(lax.check_url(&url("file:///etc/passwd")).is_err());
        // Where there is no option, none is named.
        let without = Trust::new(url("https://ehr.example"), AllowedServers::default());
        let said = [
            without.check_url(&url("http://other/")),
            without.check_redirect(&url("https://ehr.example"), &url("http://other/")),
        ];
        assert!(said.iter().all(|said| !said.as_ref().unwrap_err().contains("--")), "{said:?}");
        let open = trust("http://ehr.example/fhir", false, &[]);
        assert!(open.check_url(&url("http://other/x")).is_ok());
        assert!(open.check_redirect(&url("https://other/"), &url("http://other/")).is_err());
        assert!(open.check_redirect(&url("http://other/"), &url("http://more/")).is_ok());
    }
}
