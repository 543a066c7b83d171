//! One request: credentials, redirects, and a new token where the old one has run out.

use bytes::Bytes;
use reqwest::header::{self, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, StatusCode};
use url::Url;

use super::auth::Credential;
use super::reach::PrivateAddress;
use super::trust::{Showing, TokenUse};
use super::{Client, Error, Redactor, Response, Result, show_url};
use crate::error::list_causes;

/// As many redirects are followed.
const REDIRECTS: usize = 10;

/// A request that is being put together.
#[derive(Clone, Debug)]
#[must_use = "a request does nothing until it is sent"]
pub struct Request {
    client: Client,
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: Option<Bytes>,
    token: TokenUse,
    /// Sent before it is known what the server is.
    unmet: bool,
}

impl Request {
    pub(super) fn new(client: Client, method: Method, url: Url) -> Self {
        let (headers, token) = (HeaderMap::new(), TokenUse::default());
        Self { client, method, url, headers, body: None, token, unmet: false }
    }

    /// Sets a header; a value that no header can carry is left out.
    pub fn with_header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }

    /// Sets `Accept`.
    pub fn accept_type(self, media_type: &str) -> Self {
        self.with_header(header::ACCEPT, media_type)
    }

    /// Asks for the answer as it is stored, uncompressed: for `Range`.
    pub fn without_compression(self) -> Self {
        self.with_header(header::ACCEPT_ENCODING, "identity")
    }

    /// Says who gets the credentials.
    pub fn with_token(self, token: TokenUse) -> Self {
        Self { token, ..self }
    }

    /// Sets the body and its `Content-Type`.
    pub fn with_body(self, body: impl Into<Bytes>, content_type: &str) -> Self {
        let body = Some(body.into());
        Self { body, ..self.with_header(header::CONTENT_TYPE, content_type) }
    }

    pub(super) fn skip_server_detection(self) -> Self {
        Self { unmet: true, ..self }
    }

    /// Sends it. A status of 400 or more is an error, [`Error::Status`].
    ///
    /// After a 401 the access token is renewed and the request sent once more.
    pub async fn send(self) -> Result<Response> {
        let (response, serial) = self.follow_redirects().await?;
        let (Some(serial), StatusCode::UNAUTHORIZED) = (serial, response.status()) else {
            return response.check_status(&self.method).await;
        };
        // Once: if a new token is refused as well, the server means what it says.
        self.client.authorizer().forget_token(serial).await;
        let (response, _) = self.follow_redirects().await?;
        response.check_status(&self.method).await
    }

    /// The answer at the end of all redirects, and the number of the access token that its
    /// server was shown.
    async fn follow_redirects(&self) -> Result<(Response, Option<u64>)> {
        let (mut url, mut method, mut body) =
            (self.url.clone(), self.method.clone(), self.body.clone());
        let trust = self.client.token_trust();
        let auth = self.client.auth();
        // Once a redirect has led to a host that is not the server's, nothing behind it gets
        // credentials: not the server either, to which another redirect may lead back.
        let mut dropped = None;
        for _ in 0..=REDIRECTS {
            if let Err(what) = self.client.check_reach(&url).await {
                return Err(Error::Refused { url: show_url(&url), what });
            }
            let showing = match &dropped {
                None => trust.showing(&url, self.token, auth.is_basic()),
                Some(why) => Showing::Nothing(Some(String::clone(why))),
            };
            let (credential, withheld) = match showing {
                Showing::Credentials => (self.needed_credential().await?, None),
                Showing::Nothing(why) => {
                    (None, why.filter(|_| !auth.is_none() && self.token != TokenUse::Never))
                }
            };
            let serial = credential.as_ref().and_then(|credential| credential.serial);
            let authorized = credential.is_some();
            let answer = self.send_once(&url, &method, body.clone(), credential).await?;
            let Some(target) = redirect_target(&answer, &url)? else {
                let client = self.client.clone();
                return Ok((Response::new(answer, url, client, authorized, withheld), serial));
            };
            if let Err(what) = trust.check_redirect(&url, &target) {
                return Err(Error::Unusable { url: show_url(&url), what });
            }
            let status = answer.status();
            if target.origin() != url.origin() {
                if !trust.is_own(&target) {
                    dropped.get_or_insert_with(|| {
                        let origin = target.origin().ascii_serialization();
                        format!("no credentials were sent: a redirect led to {origin}")
                    });
                }
                // The body names patients (a kick-off by POST), or stands for this client (an
                // assertion). A 307 or 308 would send it to a host that nobody has named.
                let keeps_body = !matches!(status.as_u16(), 301..=303);
                if body.is_some() && keeps_body {
                    let what = format!("it sends the request's body on to {}", show_url(&target));
                    return Err(Error::Unusable { url: show_url(&url), what });
                }
            }
            // As browsers do (RFC 9110, 15.4): 303 makes a GET of every method, 301 and 302 of POST
            // only.
            let turns_into_get = match status.as_u16() {
                303 => method != Method::HEAD,
                301 | 302 => method == Method::POST,
                _ => false,
            };
            if turns_into_get {
                (method, body) = (Method::GET, None);
            }
            url = target;
        }
        let what = format!("there are more than {REDIRECTS} redirects");
        Err(Error::Unusable { url: show_url(&self.url), what })
    }

    async fn needed_credential(&self) -> Result<Option<Credential>> {
        // To get a token is to send requests, which is why this one is boxed.
        Box::pin(self.client.authorizer().current_credential(&self.client)).await
    }

    async fn send_once(
        &self,
        url: &Url,
        method: &Method,
        body: Option<Bytes>,
        credential: Option<Credential>,
    ) -> Result<reqwest::Response> {
        let mut headers = self.headers.clone();
        if url.origin() == self.client.base().origin()
            && !self.unmet
            && let Some((name, value)) = Box::pin(self.client.epic_header()).await
        {
            headers.insert(name, value);
        }
        if let Some(credential) = credential {
            headers.insert(header::AUTHORIZATION, credential.header);
        }
        // reqwest would send the part before an @ as user and password.
        let mut bare = url.clone();
        let _ = (bare.set_username(""), bare.set_password(None));
        let mut request = self.client.inner_client().request(method.clone(), bare);
        if let Some(body) = body {
            request = request.body(body);
        } else {
            // A redirect has made a GET of the request, which has no body any more.
            headers.remove(header::CONTENT_TYPE);
        }
        let sent = request.headers(headers).send().await;
        sent.map_err(|error| transport_error(self.client.redactor(), url, error))
    }
}

/// Where an answer sends us, if it does.
fn redirect_target(answer: &reqwest::Response, url: &Url) -> Result<Option<Url>> {
    if !matches!(answer.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let unusable = |what: &str| {
        Err(Error::Unusable { url: show_url(url), what: format!("it is a redirect {what}") })
    };
    let location = answer.headers().get(header::LOCATION).map(HeaderValue::to_str);
    let Some(Ok(location)) = location else { return unusable("to nowhere") };
    match url.join(location) {
        Ok(target) if ["http", "https"].contains(&target.scheme()) => Ok(Some(target)),
        _ => unusable("to what is no HTTP URL"),
    }
}

/// The error of a request that had no, or no whole, answer.
pub(super) fn transport_error(redactor: &Redactor, url: &Url, error: reqwest::Error) -> Error {
    // reqwest's own text repeats the whole URL, with the signature of a presigned one.
    let error = error.without_url();
    if let Some(private) = find_cause::<PrivateAddress>(&error) {
        return Error::Refused { url: show_url(url), what: private.to_string() };
    }
    let untrusted = find_cause::<rustls::Error>(&error)
        .is_some_and(|error| matches!(error, rustls::Error::InvalidCertificate(_)));
    let mut what = redactor.clean(&list_causes(&error));
    if error.is_timeout() {
        what = format!("it took too long ({what})");
    }
    if untrusted {
        what.push_str(" (name the authority that signed the server's certificate: SSL_CERT_FILE)");
    }
    let retryable = !untrusted && !error.is_builder();
    Error::Transport { url: show_url(url), what, retryable }
}

/// The cause of this type, if it is one of the error's.
fn find_cause<'e, T: std::error::Error + 'static>(
    error: &'e (dyn std::error::Error + 'static),
) -> Option<&'e T> {
    let mut next = Some(error);
    while let Some(error) = next {
        // An I/O error names not what it wraps, but the cause of that.
        let wrapped = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        if let Some(found) = wrapped.and_then(|inner| find_cause(inner)) {
            return Some(found);
        }
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}
