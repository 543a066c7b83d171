//! A proxy between us and a store's server: it adds latency, and it fails on command.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex as StdMutex};
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, BodyStream, Full, StreamBody};
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1::SendRequest;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, client, server};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;

/// Ways in which a request fails.
pub const FAULTS: [&str; 7] = [
    // The connection goes before the server has heard of it; after the server has done it.
    "reset",
    "reset-after",
    "500",
    "503", // Half of the answer; half of the request.
    "short",
    "short-request", // No answer.
    "timeout",
];

type Answer = Response<BoxBody<Bytes, io::Error>>;

/// The proxy's treatment of requests, from the next one on.
#[derive(Default)]
pub struct Behaviour {
    /// Milliseconds before each request goes on.
    pub delay: AtomicU64,
    /// 1 request in so many fails; 0: none does.
    pub faults: AtomicU64,
    asked: AtomicU64,
    random: StdMutex<u64>,
    failed: StdMutex<BTreeMap<(&'static str, Method), u64>>,
}

impl Behaviour {
    /// Requests seen so far.
    #[allow(dead_code, reason = "of interest to scripts only")]
    pub fn asked(&self) -> u64 {
        self.asked.load(Relaxed)
    }

    /// How many requests have failed so far, by fault and method.
    pub fn failed(&self) -> BTreeMap<(&'static str, Method), u64> {
        self.failed.lock().unwrap().clone()
    }

    /// How the next request fails.
    fn fault(&self, method: &Method) -> Option<&'static str> {
        self.asked.fetch_add(1, Relaxed);
        let one_in = self.faults.load(Relaxed);
        let mut random = self.random.lock().unwrap();
        // Xorshift: the same faults each time, as far as requests come in the same order.
        let mut next = |below: u64| {
            *random ^= (*random << 13) | 1;
            *random ^= *random >> 7;
            *random ^= *random << 17;
            (*random >> 11) % below
        };
        if one_in == 0 || next(one_in) != 0 {
            return None;
        }
        let fault = FAULTS[next(FAULTS.len() as u64) as usize];
        *self.failed.lock().unwrap().entry((fault, method.clone())).or_default() += 1;
        Some(fault)
    }
}

/// Serves on `listener` what `server` answers, until the process ends.
pub async fn serve(listener: TcpListener, server: SocketAddr, behaviour: Arc<Behaviour>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let _ = stream.set_nodelay(true);
        // A connection that we close is reset, not ended in good order.
        let _ = stream.set_zero_linger();
        let behaviour = behaviour.clone();
        tokio::spawn(async move {
            let upstream = Arc::new(Mutex::new(None));
            let service = service_fn(move |request| {
                pass(request, server, upstream.clone(), behaviour.clone())
            });
            let connection = server::conn::http1::Builder::new()
                .preserve_header_case(true)
                .serve_connection(TokioIo::new(stream), service);
            let _ = connection.await;
        });
    }
}

type Upstream = Arc<Mutex<Option<SendRequest<BoxBody<Bytes, io::Error>>>>>;

async fn pass(
    request: Request<Incoming>,
    server: SocketAddr,
    upstream: Upstream,
    behaviour: Arc<Behaviour>,
) -> io::Result<Answer> {
    let fault = behaviour.fault(request.method());
    let delay = behaviour.delay.load(Relaxed);
    if delay > 0 {
        tokio::time::sleep(Duration::from_millis(delay)).await;
    }
    let reset = || Err(io::ErrorKind::ConnectionReset.into());
    match fault {
        Some("reset") => return reset(),
        Some("timeout") => std::future::pending().await,
        Some(status @ ("500" | "503")) => {
            let _ = request.into_body().collect().await;
            let code = if status == "500" { "InternalError" } else { "SlowDown" };
            let body = format!("<Error><Code>{code}</Code><Message>later</Message></Error>");
            let answer = Response::builder().status(status);
            return answer.body(whole(body)).map_err(io::Error::other);
        }
        _ => {}
    }
    let length = request.body().size_hint().exact().unwrap_or(0);
    let cut = (fault == Some("short-request") && length > 1).then_some(length / 2);
    let request = request.map(|body| half(body, cut));
    let mut upstream = upstream.lock().await;
    let sender = match upstream.as_mut().filter(|sender| !sender.is_closed()) {
        Some(sender) => sender,
        None => upstream.insert(connect(server).await?),
    };
    sender.ready().await.map_err(io::Error::other)?;
    let answer = sender.send_request(request).await.map_err(io::Error::other)?;
    if fault == Some("reset-after") {
        let _ = answer.into_body().collect().await;
        return reset();
    }
    let length = answer.body().size_hint().exact().unwrap_or(0);
    let cut = (fault == Some("short") && length > 1).then_some(length / 2);
    Ok(answer.map(|body| half(body, cut)))
}

async fn connect(server: SocketAddr) -> io::Result<SendRequest<BoxBody<Bytes, io::Error>>> {
    let stream = TcpStream::connect(server).await?;
    stream.set_nodelay(true)?;
    let handshake = client::conn::http1::Builder::new()
        .preserve_header_case(true)
        .handshake(TokioIo::new(stream))
        .await;
    let (sender, connection) = handshake.map_err(io::Error::other)?;
    tokio::spawn(connection);
    Ok(sender)
}

fn whole(body: String) -> BoxBody<Bytes, io::Error> {
    Full::from(body).map_err(|never: Infallible| match never {}).boxed()
}

/// The body, or its first `bytes` bytes and an error.
fn half(body: Incoming, bytes: Option<u64>) -> BoxBody<Bytes, io::Error> {
    let Some(mut left) = bytes else { return body.map_err(io::Error::other).boxed() };
    let frames = BodyStream::new(body).map(move |frame| {
        let mut frame = frame.map_err(io::Error::other)?;
        if let Some(data) = frame.data_mut() {
            if left == 0 {
                return Err(io::ErrorKind::ConnectionReset.into());
            }
            data.truncate(usize::try_from(left).unwrap_or(usize::MAX));
            left -= data.len() as u64;
        }
        Ok(frame)
    });
    // After the half, nothing follows where all came in one piece.
    let end = futures::stream::once(async { Err(io::ErrorKind::ConnectionReset.into()) });
    BodyExt::boxed(StreamBody::new(frames.chain(end)))
}
