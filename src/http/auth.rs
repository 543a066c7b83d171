//! The program's credentials at a server.

use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::HeaderValue;
use tokio::sync::{Mutex, OnceCell};

use super::smart::{Backend, Token};
use super::{Client, Error, Result, Secret};

/// How requests are authenticated.
#[derive(Debug)]
pub struct Auth {
    scheme: Scheme,
    client_id: Option<String>,
}

#[derive(Debug)]
enum Scheme {
    None,
    Basic { user: String, password: Secret },
    Bearer(Secret),
    Smart(Box<Backend>),
}

impl Auth {
    /// Not at all: open servers, and those that trust the network.
    pub fn none() -> Self {
        Self { scheme: Scheme::None, client_id: None }
    }

    /// With user and password (RFC 7617).
    pub fn basic(user: impl Into<String>, password: Secret) -> Self {
        Self { scheme: Scheme::Basic { user: user.into(), password }, client_id: None }
    }

    /// With a token that someone else has got (RFC 6750).
    pub fn bearer(token: Secret) -> Self {
        Self { scheme: Scheme::Bearer(token), client_id: None }
    }

    /// With tokens that this program gets for itself (SMART Backend Services).
    pub fn smart(backend: Backend) -> Self {
        let client_id = Some(backend.client_id().to_owned());
        Self { scheme: Scheme::Smart(Box::new(backend)), client_id }
    }

    /// Names the client to Epic, which wants that of every client, whatever its credentials.
    #[must_use]
    pub fn with_client_id(self, client_id: Option<String>) -> Self {
        Self { client_id: client_id.or(self.client_id), ..self }
    }

    /// Whether there are no credentials.
    pub fn is_none(&self) -> bool {
        matches!(self.scheme, Scheme::None)
    }

    /// Whether they are user and password, which are for one server alone.
    pub fn is_basic(&self) -> bool {
        matches!(self.scheme, Scheme::Basic { .. })
    }

    /// Whether there are SMART credentials.
    pub fn is_smart(&self) -> bool {
        matches!(self.scheme, Scheme::Smart(_))
    }

    /// The client's ID, where it is known.
    pub fn client_id(&self) -> Option<&str> {
        self.client_id.as_deref()
    }
}

/// The credentials in use, with the access token at hand.
#[derive(Debug)]
pub(super) struct Authorizer {
    auth: Auth,
    /// One at a time asks for a token; the others wait for that one.
    token: Mutex<HeldToken>,
    endpoint: OnceCell<super::smart::Endpoint>,
}

#[derive(Debug, Default)]
struct HeldToken {
    token: Option<Token>,
    /// How many tokens there were; the present one's number.
    serial: u64,
}

/// The credentials that a request shows.
pub(super) struct Credential {
    pub(super) header: HeaderValue,
    /// The number of the access token, if it can be renewed.
    pub(super) serial: Option<u64>,
}

impl Authorizer {
    pub(super) fn new(auth: Auth) -> Self {
        Self { auth, token: Mutex::default(), endpoint: OnceCell::new() }
    }

    pub(super) fn auth(&self) -> &Auth {
        &self.auth
    }

    /// Tells the redactor what must not be shown.
    pub(super) fn hide_secrets(&self, redactor: &super::Redactor) {
        match &self.auth.scheme {
            // The tokens of SMART are hidden as they come (`backend::read_token`).
            Scheme::None | Scheme::Smart(_) => {}
            Scheme::Bearer(token) => redactor.hide(token.expose_text()),
            Scheme::Basic { user, password } => {
                redactor.hide(password.expose_text());
                redactor.hide(&basic_header(user, password));
            }
        }
    }

    /// The credential for a request to the server of `client`.
    pub(super) async fn current_credential(&self, client: &Client) -> Result<Option<Credential>> {
        let (scheme, value) = match &self.auth.scheme {
            Scheme::None => return Ok(None),
            Scheme::Basic { user, password } => ("Basic", basic_header(user, password)),
            Scheme::Bearer(token) => ("Bearer", token.expose_text().to_owned()),
            Scheme::Smart(backend) => {
                let mut held = self.token.lock().await;
                let due = held.token.as_ref().is_none_or(|token| token.renew_at <= Instant::now());
                if due {
                    let endpoint =
                        self.endpoint.get_or_try_init(|| backend.discover_endpoint(client)).await?;
                    held.token = Some(backend.fetch_token(client, endpoint).await?);
                    held.serial += 1;
                }
                let value = held.token.as_ref().map(|token| token.value.expose_text().to_owned());
                let header = credential_header("Bearer", &value.unwrap_or_default())?;
                return Ok(Some(Credential { header, serial: Some(held.serial) }));
            }
        };
        Ok(Some(Credential { header: credential_header(scheme, &value)?, serial: None }))
    }

    /// Forgets the access token of that number, which the server has refused.
    pub(super) async fn forget_token(&self, serial: u64) {
        let mut held = self.token.lock().await;
        // Several requests may be refused with the same token. The first one has it renewed, and
        // the others must not drop the new one.
        if held.serial == serial {
            held.token = None;
        }
    }
}

fn basic_header(user: &str, password: &Secret) -> String {
    STANDARD.encode(format!("{user}:{}", password.expose_text()))
}

fn credential_header(scheme: &str, value: &str) -> Result<HeaderValue> {
    let mut header = HeaderValue::from_str(&format!("{scheme} {value}")).map_err(|_| {
        let what = "the token has characters that no HTTP header can carry, such as a line break; \
                    is it the right file?";
        Error::Token { what: what.to_owned(), cause: None }
    })?;
    // Debug output shows no such value, and HTTP/2 keeps it out of its compression tables.
    header.set_sensitive(true);
    Ok(header)
}
