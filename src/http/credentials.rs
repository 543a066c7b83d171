//! The credentials that a user has given, before anything is read of them.

use url::Url;

use super::smart::{Backend, PrivateKey};
use super::{AllowedServers, Auth, ClientOptions, Secret};
use crate::error::{CredentialFault, Error, Result, SettingsFault};

/// Credentials for a FHIR server, as options and settings give them. At most one of three kinds:
/// a client ID with a key, a user with a password, a token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Credentials {
    /// The ID that the client is registered by, or the path of a file with it.
    pub smart_client_id: Option<String>,
    /// The private key, or the path of a file with it: a JWK Set, JWK, or PEM.
    pub smart_key: Option<Secret>,
    /// The user of Basic authentication.
    pub basic_user: Option<String>,
    /// The password, or the path of a file with it.
    pub basic_passwd: Option<Secret>,
    /// An access token, or the path of a file with it.
    pub bearer_token: Option<Secret>,
    /// The token endpoint, instead of the one that the server names.
    pub token_url: Option<String>,
    /// The scopes to ask for, instead of those worked out.
    pub scope: Option<String>,
    /// The hosts that may be asked, and see credentials, beyond the server's own origin.
    pub allowed: AllowedServers,
}

impl Credentials {
    /// Refuses more than one kind (`CredentialFault::TooMany`), and half of a pair
    /// (`IncompleteSmart`, `IncompleteBasic`). Reads no file.
    pub fn check_consistency(&self) -> Result<()> {
        let basic = self.basic_user.is_some() || self.basic_passwd.is_some();
        let kinds = [self.smart_key.is_some(), basic, self.bearer_token.is_some()];
        if kinds.into_iter().filter(|given| *given).count() > 1 {
            return Err(Error::new(
                CredentialFault::TooMany,
                "there is more than one kind of credentials: give --smart-key, or --basic-user and \
                 --basic-passwd, or --bearer-token (CUMULUS_ETL_ variables and the configuration \
                 file count, too)",
            ));
        }
        let half = |fault, given: &str, missing: &str| {
            Err(Error::new(fault, format!("{given} needs {missing} beside it")))
        };
        match (&self.basic_user, &self.basic_passwd) {
            (Some(_), None) => {
                return half(CredentialFault::IncompleteBasic, "--basic-user", "--basic-passwd");
            }
            (None, Some(_)) => {
                return half(CredentialFault::IncompleteBasic, "--basic-passwd", "--basic-user");
            }
            _ => {}
        }
        match (&self.smart_client_id, &self.smart_key) {
            (None, Some(_)) => {
                half(CredentialFault::IncompleteSmart, "--smart-key", "--smart-client-id")
            }
            // Epic wants the ID also beside other credentials.
            (Some(_), None) if !kinds.contains(&true) => {
                half(CredentialFault::IncompleteSmart, "--smart-client-id", "--smart-key")
            }
            _ => Ok(()),
        }
    }

    /// Reads the files. `resource_types` are those that SMART's scopes shall allow to read; without
    /// any, all. A value that can't be read or used ends with `CredentialFault::Unreadable`.
    pub fn auth(&self, resource_types: &[String]) -> Result<Auth> {
        self.check_consistency()?;
        let client_id = match &self.smart_client_id {
            Some(id) => {
                Some(Secret::new(id).read("--smart-client-id")?.expose_text().trim().to_owned())
            }
            None => None,
        };
        if let Some(key) = &self.smart_key {
            let key = PrivateKey::read_option("--smart-key", key.expose_text())?;
            let backend = Backend::new(client_id.unwrap_or_default(), key)
                .with_token_url(self.token_url()?)
                .with_scope(self.scope.clone())
                .with_resource_types(resource_types.to_vec());
            return Ok(Auth::smart(backend));
        }
        let auth = match (&self.basic_user, &self.basic_passwd, &self.bearer_token) {
            (Some(user), Some(password), _) => Auth::basic(user, password.read("--basic-passwd")?),
            (_, _, Some(token)) => Auth::bearer(token.read("--bearer-token")?),
            _ => Auth::none(),
        };
        Ok(auth.with_client_id(client_id))
    }

    /// How a client with these credentials behaves.
    pub fn options(&self) -> ClientOptions {
        ClientOptions { allowed: self.allowed.clone(), ..ClientOptions::default() }
    }

    fn token_url(&self) -> Result<Option<String>> {
        let Some(text) = &self.token_url else { return Ok(None) };
        match Url::parse(text) {
            Ok(url) if ["http", "https"].contains(&url.scheme()) => Ok(Some(text.clone())),
            _ => {
                let message = "--token-url must be a URL like https://ehr.example/oauth2/token";
                Err(Error::new(SettingsFault::InvalidValue, message))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    fn given(names: &[&str]) -> Credentials {
        let text = |name| names.contains(&name).then(|| "x".to_owned());
        let secret = |name| text(name).map(Secret::new);
        Credentials {
            smart_client_id: text("id"),
            smart_key: secret("key"),
            basic_user: text("user"),
            basic_passwd: secret("password"),
            bearer_token: secret("token"),
            ..Default::default()
        }
    }

    #[test]
    fn one_kind_of_credentials_is_enough() {
        for (names, fault) in [
            (&[][..], None),
            (&["id", "key"], None),
            (&["user", "password"], None),
            (&["token"], None),
            (&["id", "user", "password"], None),
            (&["id", "token"], None),
            (&["key", "token"], Some(CredentialFault::TooMany)),
            (&["id", "key", "user"], Some(CredentialFault::TooMany)),
            (&["password", "token"], Some(CredentialFault::TooMany)),
            (&["id"], Some(CredentialFault::IncompleteSmart)),
            (&["key"], Some(CredentialFault::IncompleteSmart)),
            (&["user"], Some(CredentialFault::IncompleteBasic)),
            (&["id", "password"], Some(CredentialFault::IncompleteBasic)),
        ] {
            let found = given(names).check_consistency().err().map(|error| error.kind());
            assert_eq!(found, fault.map(ErrorKind::from), "{names:?}");
        }
    }

    #[test]
    fn a_token_url_must_be_one() {
        let key = PrivateKey::generate_key(super::super::smart::Algorithm::Es384).unwrap();
        let credentials = Credentials {
            smart_key: Some(Secret::new(key.private_jwks().unwrap().as_str())),
            token_url: Some("ehr.example/token".to_owned()),
            ..given(&["id"])
        };
        assert_eq!(credentials.auth(&[]).unwrap_err().kind(), SettingsFault::InvalidValue.into());
        let credentials = Credentials { token_url: None, ..credentials };
        assert!(credentials.auth(&[]).unwrap().is_smart());
    }
}
