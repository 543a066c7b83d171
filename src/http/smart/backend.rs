//! Discovery, scopes, and the token request.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::Value;
use tracing::debug;
use url::{Url, form_urlencoded};

use super::{PrivateKey, assertion};
use crate::http::{Client, Error, Result, Secret, TokenUse, show_url};

/// A token is renewed so long before its end.
const MARGIN: Duration = Duration::from_secs(30);

/// The lifetime of a token whose server tells none, as SMART recommends it.
const LIFETIME: Duration = Duration::from_secs(300);

/// The longest answer of a token endpoint or a SMART configuration, in bytes.
const LONGEST_ANSWER: usize = 1 << 20;

/// A client that is registered with a server.
#[derive(Debug)]
pub struct Backend {
    client_id: String,
    key: PrivateKey,
    token_url: Option<String>,
    scope: Option<String>,
    resource_types: Vec<String>,
}

/// Where tokens are, and in which words to ask for them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The token endpoint, as the server spells it: it is the assertion's `aud`.
    pub url: String,
    /// The scopes to ask for, separated by blanks.
    pub scope: String,
}

/// An access token.
#[derive(Debug)]
pub struct Token {
    /// The text of the `Authorization` header after `Bearer`.
    pub value: Secret,
    /// When to get another one.
    pub renew_at: Instant,
}

impl Backend {
    /// The registered client `client_id` with its key.
    pub fn new(client_id: impl Into<String>, key: PrivateKey) -> Self {
        Self {
            client_id: client_id.into(),
            key,
            token_url: None,
            scope: None,
            resource_types: Vec::new(),
        }
    }

    /// Takes this token endpoint instead of the one that the server names.
    #[must_use]
    pub fn with_token_url(self, token_url: Option<String>) -> Self {
        Self { token_url, ..self }
    }

    /// Asks for these scopes (separated by blanks) instead of those worked out.
    #[must_use]
    pub fn with_scope(self, scope: Option<String>) -> Self {
        Self { scope, ..self }
    }

    /// Asks for access to these resource types; without any, to all.
    #[must_use]
    pub fn with_resource_types(self, resource_types: Vec<String>) -> Self {
        Self { resource_types, ..self }
    }

    /// The client's ID.
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// Finds the token endpoint: in the SMART configuration, else in the CapabilityStatement.
    pub async fn discover_endpoint(&self, client: &Client) -> Result<Endpoint> {
        if let (Some(url), Some(scope)) = (&self.token_url, &self.scope) {
            return Ok(Endpoint { url: url.clone(), scope: scope.clone() });
        }
        let configuration = smart_configuration(client).await;
        let scopes_v2 = configuration.as_ref().is_ok_and(only_scopes_v2);
        let scope = match &self.scope {
            Some(scope) => scope.clone(),
            None => self.token_scopes(client, scopes_v2).await,
        };
        if let Some(url) = &self.token_url {
            return Ok(Endpoint { url: url.clone(), scope });
        }
        let named = configuration.as_ref().ok().and_then(token_endpoint);
        let (url, cause) = match named {
            Some(url) => (Some(url), None),
            // Not `Client::capabilities`: the request that waits for this token may be asking for
            // those.
            None => match client.fetch_statement(TokenUse::Never).await {
                Ok(statement) => (statement.token_url, configuration.err()),
                Err(error) if error.is_retryable() => (None, Some(error)),
                Err(error) => (None, Some(configuration.err().unwrap_or(error))),
            },
        };
        match url {
            Some(url) => Ok(Endpoint { url: absolute_url(client, &url)?, scope }),
            None => {
                let base = show_url(client.base());
                let what = match &cause {
                    // Nothing was heard of the server, or nothing that it means to say.
                    Some(error) if error.is_retryable() || error.answer().is_none() => {
                        format!(
                            "cannot ask {base} where to get access tokens (--token-url names it)"
                        )
                    }
                    _ => format!("{base} names no token endpoint (--token-url can)"),
                };
                Err(token_error(&what, cause))
            }
        }
    }

    /// Gets an access token.
    pub async fn fetch_token(&self, client: &Client, endpoint: &Endpoint) -> Result<Token> {
        // Epic's answers 400 now and then to what it takes the next time.
        match self.request_token(client, endpoint).await {
            Err(error) if bad_request(&error) => {
                debug!("the token endpoint has answered 400; asking once more");
                self.request_token(client, endpoint).await
            }
            result => result,
        }
    }

    async fn request_token(&self, client: &Client, endpoint: &Endpoint) -> Result<Token> {
        let url = Url::parse(&endpoint.url)
            .ok()
            .filter(|url| ["http", "https"].contains(&url.scheme()))
            .ok_or_else(|| token_error("the token endpoint's URL can't be used", None))?;
        let signed = assertion::sign_assertion(&self.key, &self.client_id, &endpoint.url)
            .map_err(|error| token_error(&error.explain_causes(), None))?;
        // An endpoint that refuses the request may repeat it in its error.
        client.redactor().hide(&signed);
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "client_credentials")
            .append_pair("scope", &endpoint.scope)
            .append_pair(
                "client_assertion_type",
                "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            )
            .append_pair("client_assertion", &signed)
            .finish();
        // To find out whether the server is Epic may take the token that is asked for here.
        let request = client
            .request(Method::POST, url.clone())
            .with_token(TokenUse::InBody)
            .skip_server_detection();
        let request = request.accept_type("application/json");
        let sent = request.with_body(form, "application/x-www-form-urlencoded").send().await;
        let failed = |cause| token_error("cannot get an access token", Some(cause));
        let response = sent.map_err(failed)?;
        let asked = Instant::now();
        let answer = response.json(LONGEST_ANSWER).await.map_err(failed)?;
        read_token(&answer, asked, client).map_err(|what| {
            let what = format!("the answer of the token endpoint {} {what}", show_url(&url));
            token_error(&what, None)
        })
    }

    /// The scopes for the resource types. Those of types that the server lacks could cost the
    /// whole token; if it has none of them, the export says so later.
    async fn token_scopes(&self, client: &Client, scopes_v2: bool) -> String {
        let action = if scopes_v2 { "rs" } else { "read" };
        let of = |name: &String| format!("system/{name}.{action}");
        if self.resource_types.is_empty() {
            return of(&"*".to_owned());
        }
        let capabilities = client.public_capabilities().await.unwrap_or_default();
        // Servers that have notes don't always list what they keep them in.
        let has = |name: &&String| *name == "Binary" || capabilities.has(name);
        let mut scopes: Vec<_> = self.resource_types.iter().filter(has).map(of).collect();
        if scopes.is_empty() {
            scopes = self.resource_types.iter().map(of).collect();
        }
        scopes.join(" ")
    }
}

async fn smart_configuration(client: &Client) -> Result<Value> {
    let url = client.url(".well-known/smart-configuration");
    let request =
        client.request(Method::GET, url).with_token(TokenUse::Never).skip_server_detection();
    request.accept_type("application/json").send().await?.json(LONGEST_ANSWER).await
}

fn token_endpoint(configuration: &Value) -> Option<String> {
    let url = configuration["token_endpoint"].as_str()?;
    Some(url.to_owned()).filter(|url| !url.is_empty())
}

/// Whether a server has the scopes of SMART 2, but not those of SMART 1.
fn only_scopes_v2(configuration: &Value) -> bool {
    let has = |name: &str| {
        let capabilities = configuration["capabilities"].as_array();
        capabilities.is_some_and(|list| list.iter().any(|item| item == name))
    };
    has("permission-v2") && !has("permission-v1")
}

fn absolute_url(client: &Client, url: &str) -> Result<String> {
    match Url::parse(url) {
        // As it is spelled: the server compares it with the assertion's `aud`.
        Ok(_) => Ok(url.to_owned()),
        Err(_) => client.url("").join(url).map(String::from).map_err(|_| {
            token_error("the server's token endpoint has a URL that can't be used", None)
        }),
    }
}

fn bad_request(error: &Error) -> bool {
    match error {
        Error::Token { cause: Some(cause), .. } => cause.status() == Some(400),
        _ => false,
    }
}

fn token_error(what: &str, cause: Option<Error>) -> Error {
    Error::Token { what: what.to_owned(), cause: cause.map(Box::new) }
}

/// Reads a token response (RFC 6749, 5.1), or says what is wrong with it.
fn read_token(answer: &Value, asked: Instant, client: &Client) -> Result<Token, &'static str> {
    let value = answer["access_token"].as_str().filter(|token| !token.is_empty());
    let value = value.ok_or("has no access token")?;
    client.redactor().hide(value);
    let bearer = match &answer["token_type"] {
        Value::Null => true,
        kind => kind.as_str().is_some_and(|kind| kind.eq_ignore_ascii_case("bearer")),
    };
    if !bearer {
        return Err("has a token that is not of the type Bearer");
    }
    let lifetime = token_lifetime(&answer["expires_in"]);
    // By the margin alone a token of 30 seconds would be due as it comes, and each request would
    // get one of its own.
    let renew_after = lifetime - MARGIN.min(lifetime / 2);
    Ok(Token { value: Secret::new(value), renew_at: asked + renew_after })
}

/// `expires_in`: seconds, by some servers as text.
fn token_lifetime(value: &Value) -> Duration {
    let seconds = match value {
        Value::String(text) => text.trim().parse::<f64>().ok(),
        value => value.as_f64(),
    };
    // A year is for ever, and no clock runs over.
    let seconds = seconds.filter(|seconds| *seconds > 0.0).map(|s| s.min(31_536_000.0));
    seconds.map_or(LIFETIME, Duration::from_secs_f64)
}
