//! A FHIR server on loopback that follows the Bulk Data Access IG, and misbehaves on command.
//!
//! It holds one data set ([`Content`]), records every request, and applies [`Fault`]s to those
//! that match. Each instance is an origin of its own: a second one is "another host".

mod answers;
mod faults;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::header::{HeaderMap, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;

use crate::tls::Identity;
pub use answers::{access_token, gzip};
pub use faults::Fault;
use faults::Faults;

/// The list of a manifest that a file is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum List {
    Output,
    Error,
    Deleted,
}

/// One file of the export.
#[derive(Clone, Debug)]
pub struct ExportFile {
    pub list: List,
    pub resource_type: String,
    pub body: Bytes,
    pub count: Option<u64>,
    /// The URL in the manifest, where it is not the server's own.
    pub url: Option<String>,
}

/// The files that the server serves, and how.
#[derive(Clone, Debug)]
pub struct Content {
    pub files: Vec<ExportFile>,
    /// Files per manifest page; 0: all on one.
    pub page_size: usize,
    /// How many polls are answered with 202.
    pub polls: usize,
    /// Polls with 202 already list the files that are ready.
    pub partial: bool,
    pub transaction_time: String,
    pub requires_token: bool,
    /// `Authorization` that FHIR and file requests must have.
    pub expected_auth: Option<String>,
    /// It has a token endpoint, and FHIR and file requests must have a token of it, each of which
    /// is good for so many requests.
    pub token_uses: Option<usize>,
    pub gzip: bool,
    pub ranges: bool,
    /// Files have an `ETag`, which is of the same version as long as this is the same. Another one
    /// has those that come compressed.
    pub etag: Option<String>,
    /// Files have a `Last-Modified`.
    pub last_modified: Option<String>,
    /// `If-Range` is not known to the server, nor are versions in its partial answers.
    pub ignores_if_range: bool,
    /// Each page of the manifest leads to another one.
    pub endless: bool,
    /// `Content-Location` without scheme and host.
    pub relative_location: bool,
    /// After DELETE the status is still answered with 202.
    pub haunted: bool,
    pub capability: Option<Value>,
    pub smart: Option<Value>,
    /// Paths of notes, and their content types and bytes.
    pub notes: BTreeMap<String, (String, Bytes)>,
    /// How long a file's answer takes to begin, and polls.
    pub delay: Duration,
}

impl Default for Content {
    fn default() -> Self {
        Self {
            files: Vec::new(),
            page_size: 0,
            polls: 1,
            partial: false,
            transaction_time: "2024-08-06T18:12:57Z".to_owned(),
            requires_token: true,
            expected_auth: None,
            token_uses: None,
            gzip: true,
            ranges: true,
            etag: Some("v1".to_owned()),
            last_modified: None,
            ignores_if_range: false,
            endless: false,
            relative_location: false,
            haunted: false,
            capability: None,
            smart: None,
            notes: BTreeMap::new(),
            delay: Duration::ZERO,
        }
    }
}

impl Content {
    /// Adds an output file with these rows.
    pub fn file(mut self, resource_type: &str, rows: &[Value]) -> Self {
        let body: String = rows.iter().map(|row| format!("{row}\n")).collect();
        self.push(List::Output, resource_type, body, Some(rows.len() as u64));
        self
    }

    /// Adds a file of any kind.
    pub fn push(
        &mut self,
        list: List,
        resource_type: &str,
        body: impl Into<Bytes>,
        count: Option<u64>,
    ) {
        let (resource_type, body) = (resource_type.to_owned(), body.into());
        self.files.push(ExportFile { list, resource_type, body, count, url: None });
    }
}

/// A request as it came in, and what it was answered with.
#[derive(Clone, Debug)]
pub struct Recorded {
    pub method: String,
    pub path: String,
    pub query: String,
    pub headers: HeaderMap,
    pub body: Bytes,
    pub status: u16,
}

impl Recorded {
    /// A header's text; empty where there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// One export job.
#[derive(Debug, Default)]
struct Job {
    polls: usize,
    deleted: bool,
}

/// The access tokens that were given out.
#[derive(Debug, Default)]
struct Tokens {
    given: usize,
    /// Requests that the last one is still good for.
    left: usize,
}

struct Shared {
    content: Mutex<Content>,
    faults: Mutex<Faults>,
    requests: Mutex<Vec<Recorded>>,
    jobs: Mutex<Vec<Job>>,
    tokens: Mutex<Tokens>,
    compressed: Mutex<BTreeMap<usize, Bytes>>,
    origin: String,
    /// PEM, of a server with TLS.
    certificate: String,
    record: bool,
}

/// The running server; it ends with this.
pub struct Server {
    shared: Arc<Shared>,
    _runtime: tokio::runtime::Runtime,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|e| e.into_inner())
}

impl Server {
    pub fn start(content: Content) -> Self {
        Self::start_on(content, "127.0.0.1:0", 2, true)
    }

    /// The same with TLS, for `https`.
    pub fn start_tls(content: Content) -> Self {
        Self::start_as(content, "127.0.0.1:0", 2, true, Some(Identity::new(true)))
    }

    /// Listens on `address`; `record`: keep every request.
    pub fn start_on(content: Content, address: &str, threads: usize, record: bool) -> Self {
        Self::start_as(content, address, threads, record, None)
    }

    fn start_as(
        content: Content,
        address: &str,
        threads: usize,
        record: bool,
        identity: Option<Identity>,
    ) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(threads)
            .enable_all()
            .build()
            .unwrap();
        let listener = runtime.block_on(TcpListener::bind(address)).unwrap();
        let address: SocketAddr = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            content: Mutex::new(content),
            faults: Mutex::default(),
            requests: Mutex::default(),
            jobs: Mutex::default(),
            tokens: Mutex::default(),
            compressed: Mutex::default(),
            origin: match &identity {
                Some(_) => format!("https://{address}"),
                None => format!("http://{address}"),
            },
            certificate: identity.as_ref().map(|own| own.certificate.clone()).unwrap_or_default(),
            record,
        });
        let state = shared.clone();
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let _ = stream.set_nodelay(true);
                let state = state.clone();
                let acceptor = identity.as_ref().map(|own| own.acceptor.clone());
                tokio::spawn(async move {
                    let service = service_fn(move |request| serve(state.clone(), request));
                    let http = hyper::server::conn::http1::Builder::new();
                    match acceptor {
                        None => drop(http.serve_connection(TokioIo::new(stream), service).await),
                        // A client that does not trust the certificate goes away.
                        Some(acceptor) => {
                            if let Ok(stream) = acceptor.accept(stream).await {
                                drop(http.serve_connection(TokioIo::new(stream), service).await);
                            }
                        }
                    }
                });
            }
        });
        Self { shared, _runtime: runtime }
    }

    /// The certificate that it shows, PEM.
    pub fn certificate(&self) -> &str {
        &self.shared.certificate
    }

    /// `http://127.0.0.1:port`, with TLS `https://`.
    pub fn origin(&self) -> &str {
        &self.shared.origin
    }

    /// The FHIR base URL.
    pub fn base(&self) -> String {
        format!("{}/fhir", self.shared.origin)
    }

    /// Changes what is served.
    pub fn change(&self, change: impl FnOnce(&mut Content)) {
        lock(&self.shared.compressed).clear();
        change(&mut lock(&self.shared.content));
    }

    /// The next `times` requests with this method (or `*`) whose path contains `path` fail so.
    pub fn fault(&self, method: &str, path: &str, times: usize, fault: Fault) {
        lock(&self.shared.faults).add(method, path, times, fault);
    }

    /// Whether the faults on this path have all happened.
    pub fn is_over(&self, path: &str) -> bool {
        lock(&self.shared.faults).is_over(path)
    }

    pub fn clear_faults(&self) {
        *lock(&self.shared.faults) = Faults::default();
    }

    pub fn requests(&self) -> Vec<Recorded> {
        lock(&self.shared.requests).clone()
    }

    /// The requests with this method (or `*`) whose path contains `path`.
    pub fn seen(&self, method: &str, path: &str) -> Vec<Recorded> {
        let matches = |request: &Recorded| {
            (method == "*" || request.method == method) && request.path.contains(path)
        };
        self.requests().into_iter().filter(matches).collect()
    }

    /// How many exports were begun.
    pub fn kickoffs(&self) -> usize {
        lock(&self.shared.jobs).len()
    }

    /// Forgets what was asked so far.
    pub fn forget(&self) {
        lock(&self.shared.requests).clear();
    }
}

async fn serve(
    shared: Arc<Shared>,
    request: Request<Incoming>,
) -> Result<Response<answers::Body>, Infallible> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let mut recorded = Recorded {
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: parts.headers,
        body,
        status: 0,
    };
    let fault = lock(&shared.faults).take(&recorded.method, &recorded.path);
    let delay = lock(&shared.content).delay;
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    let answer = match fault {
        None => answers::answer(&shared, &recorded),
        Some(Fault::Stall(time)) => {
            tokio::time::sleep(time).await;
            answers::answer(&shared, &recorded)
        }
        Some(fault) => fault.apply(|| answers::answer(&shared, &recorded)).await,
    };
    let mut answer = answer;
    answer.headers_mut().insert("x-request-id", HeaderValue::from_static("test"));
    recorded.status = answer.status().as_u16();
    if shared.record {
        lock(&shared.requests).push(recorded);
    }
    Ok(answer)
}
