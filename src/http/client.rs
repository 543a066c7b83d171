//! The client of one FHIR server.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{HeaderName, HeaderValue};
use reqwest::{Method, redirect};
use tokio::sync::OnceCell;
use tracing::warn;
use url::{Host, Url};

use super::auth::{Auth, Authorizer};
use super::reach::{Reach, Resolver};
use super::trust::{AllowedServers, Trust};
use super::{Capabilities, HostName, Redactor, Request, Result, TokenUse, roots};
use crate::error::{self, SettingsFault};

/// The longest CapabilityStatement, in bytes. Epic's has a few megabytes.
const LONGEST_STATEMENT: usize = 64 << 20;

/// How a client behaves.
#[derive(Clone, Debug)]
pub struct ClientOptions {
    /// Ask for compressed answers, and decompress them.
    pub gzip: bool,
    /// The longest wait for a connection.
    pub connect_timeout: Duration,
    /// The longest wait for the next bytes of an answer; the whole may take any time.
    pub read_timeout: Duration,
    /// The hosts that the user allows beyond the server's own origin.
    pub allowed: AllowedServers,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            gzip: true,
            connect_timeout: Duration::from_secs(30),
            read_timeout: Duration::from_secs(5 * 60),
            allowed: AllowedServers::default(),
        }
    }
}

/// A client of one FHIR server. Clones share connections and access token.
///
/// Proxies are those of `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    inner: Arc<ClientState>,
    /// The hosts that are asked; `None`: any.
    reach: Option<Arc<Reach>>,
}

#[derive(Debug)]
struct ClientState {
    options: ClientOptions,
    base: Url,
    trust: Trust,
    authorizer: Authorizer,
    redactor: Redactor,
    capabilities: OnceCell<Capabilities>,
    /// Done once the server was asked whether it is Epic, whatever came of it.
    met: OnceCell<()>,
}

impl Client {
    /// A client of the FHIR server with this base URL (`https://ehr.example/fhir`).
    pub fn new(base: &Url, auth: Auth, options: &ClientOptions) -> error::Result<Self> {
        let invalid = |message: String| error::Error::new(SettingsFault::InvalidValue, message);
        if !["http", "https"].contains(&base.scheme()) || base.host().is_none() {
            return Err(invalid(format!("'{}' is not an HTTP URL", super::show_url(base))));
        }
        if !base.username().is_empty() || base.password().is_some() {
            return Err(invalid(format!(
                "the URL of {} must not hold credentials: give --basic-user and --basic-passwd",
                super::show_url(base)
            )));
        }
        if base.scheme() == "http" && !auth.is_none() && !is_this_machine(base) {
            warn!("{} is not encrypted: credentials can be read on the way", super::show_url(base));
        }
        let mut base = base.clone();
        base.set_query(None);
        base.set_fragment(None);
        let path = base.path().trim_end_matches('/').to_owned();
        base.set_path(&path);
        let http = build_client(options, None)?;
        let trust = Trust::new(base.clone(), options.allowed.clone());
        let (authorizer, redactor) = (Authorizer::new(auth), Redactor::default());
        authorizer.hide_secrets(&redactor);
        let (capabilities, met) = (OnceCell::new(), OnceCell::new());
        let options = options.clone();
        let inner = ClientState { options, base, trust, authorizer, redactor, capabilities, met };
        Ok(Self { http, inner: Arc::new(inner), reach: None })
    }

    /// The same client with connections of its own: for a thread that does all its work itself.
    pub(crate) fn with_own_connections(&self) -> error::Result<Self> {
        let http = build_client(&self.inner.options, self.reach.as_ref())?;
        Ok(Self { http, inner: self.inner.clone(), reach: self.reach.clone() })
    }

    /// The same client, that asks nobody but the server itself and these hosts, and these only at
    /// addresses of the internet unless the server is at a private one itself: for URLs that rows
    /// name.
    pub(crate) fn limited_to(&self, hosts: Vec<HostName>) -> error::Result<Self> {
        let reach = Some(Arc::new(Reach::new(self.inner.base.clone(), hosts)));
        // reqwest has a resolver for a whole client only, not for a request.
        let http = build_client(&self.inner.options, reach.as_ref())?;
        Ok(Self { http, inner: self.inner.clone(), reach })
    }

    /// Says no to a URL that this client must not ask.
    pub(super) async fn check_reach(&self, url: &Url) -> Result<(), String> {
        self.inner.trust.check_url(url)?;
        match &self.reach {
            Some(reach) => reach.check_host(url).await,
            None => Ok(()),
        }
    }

    /// Whether the URL is one of the server itself, or of a host that the user trusts as much: what
    /// comes from there decides who gets the access token.
    pub fn is_own(&self, url: &Url) -> bool {
        self.inner.trust.is_own(url)
    }

    pub(super) fn token_trust(&self) -> &Trust {
        &self.inner.trust
    }

    /// The server's base URL.
    pub fn base(&self) -> &Url {
        &self.inner.base
    }

    /// The URL of what stands below the base: `Patient/$export`, `metadata`. A query is kept.
    pub fn url(&self, below: &str) -> Url {
        let mut url = self.inner.base.clone();
        let (path, query) = match below.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (below, None),
        };
        let base = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{base}/{}", path.trim_start_matches('/')));
        url.set_query(query);
        url
    }

    /// A request, to this server or to wherever it points; [`Request::send`] sends it.
    pub fn request(&self, method: Method, url: Url) -> Request {
        Request::new(self.clone(), method, url)
    }

    /// Keeps secrets out of texts; it knows this client's tokens.
    pub fn redactor(&self) -> &Redactor {
        &self.inner.redactor
    }

    /// How requests are authenticated.
    pub fn auth(&self) -> &Auth {
        self.inner.authorizer.auth()
    }

    /// Gets the access token, if there is one to get, so that wrong credentials show early.
    pub async fn authorize(&self) -> Result<()> {
        self.inner.authorizer.current_credential(self).await.map(drop)
    }

    /// The server's CapabilityStatement, asked for once.
    pub async fn capabilities(&self) -> Result<&Capabilities> {
        // Boxed, as the future would contain itself: to ask is to send a request, and a request
        // asks whether this is Epic (`epic_header`).
        self.inner.capabilities.get_or_try_init(|| Box::pin(self.ask_for_capabilities())).await
    }

    async fn ask_for_capabilities(&self) -> Result<Capabilities> {
        // It is public by the standard, but some servers guard it.
        match self.fetch_statement(TokenUse::Never).await {
            Err(error) if matches!(error.status(), Some(401 | 403)) && !self.auth().is_none() => {
                self.fetch_statement(TokenUse::SameOrigin).await
            }
            result => result,
        }
    }

    /// The CapabilityStatement as far as it takes no token to read it: for who is about to get one.
    pub(super) async fn public_capabilities(&self) -> Option<Capabilities> {
        if let Some(known) = self.inner.capabilities.get() {
            return Some(known.clone());
        }
        let statement = self.fetch_statement(TokenUse::Never).await.ok()?;
        // A request that asks for it at this moment may be waiting for the token.
        let _ = self.inner.capabilities.set(statement.clone());
        Some(statement)
    }

    /// Asks for the CapabilityStatement. On the way to a token only without one.
    pub(super) async fn fetch_statement(&self, token: TokenUse) -> Result<Capabilities> {
        let request = self
            .request(Method::GET, self.url("metadata"))
            .with_token(token)
            .skip_server_detection();
        let response = request.accept_type("application/fhir+json").send().await?;
        let url = super::show_url(response.url());
        let statement = response.json(LONGEST_STATEMENT).await?;
        Capabilities::read(&statement).ok_or_else(|| {
            let what = "it is no CapabilityStatement; is this the base URL of a FHIR server?";
            super::Error::Unusable { url, what: what.to_owned() }
        })
    }

    /// The header that Epic wants, if this is Epic and the client's ID is known.
    pub(super) async fn epic_header(&self) -> Option<(HeaderName, HeaderValue)> {
        let client_id = self.auth().client_id()?;
        self.inner
            .met
            .get_or_init(|| async {
                // Not to know is no reason to fail.
                let _ = self.capabilities().await;
            })
            .await;
        if !self.inner.capabilities.get()?.is_epic() {
            return None;
        }
        let value = HeaderValue::from_str(client_id).ok()?;
        Some((HeaderName::from_static("epic-client-id"), value))
    }

    pub(super) fn inner_client(&self) -> &reqwest::Client {
        &self.http
    }

    pub(super) fn authorizer(&self) -> &Authorizer {
        &self.inner.authorizer
    }
}

fn build_client(
    options: &ClientOptions,
    reach: Option<&Arc<Reach>>,
) -> error::Result<reqwest::Client> {
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("cumulus-etl/", env!("CARGO_PKG_VERSION")))
        .gzip(options.gzip)
        .connect_timeout(options.connect_timeout)
        .read_timeout(options.read_timeout)
        // A firewall may forget a connection that is silent while a server works on an answer.
        .tcp_keepalive(Duration::from_secs(60))
        // A fixed window bounds a download to its size for each round trip.
        .http2_adaptive_window(true)
        // At each step of the way `trust` decides which server may see the credentials.
        .redirect(redirect::Policy::none());
    if let Some(reach) = reach {
        builder = builder.dns_resolver(Arc::new(Resolver(reach.clone())));
    }
    roots::trust_roots(builder)?.build().map_err(|error| {
        let message = format!("cannot set up HTTPS: {}", error::list_causes(&error));
        error::Error::failed(message)
    })
}

fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}
