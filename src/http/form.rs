//! A form with a file at its end (`multipart/form-data`, RFC 7578), sent as a stream: what a
//! presigned POST of S3 wants.

use std::io::{self, Seek, SeekFrom};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{StatusCode, redirect};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncRead, ReadBuf};
use url::Url;
use uuid::Uuid;

use super::request::transport_error;
use super::{Error, Redactor, Result, roots, show_url};
use crate::error;

/// Bytes that one read takes from the file.
const STEP: usize = 128 << 10;
/// As much of an answer's body is kept, in bytes.
const ANSWER: usize = 64 << 10;

const CHANGED: &str = "it has changed since it was checked";

/// A file to send.
#[derive(Debug)]
pub struct File {
    /// Open for reading; it is sent from its start.
    pub file: std::fs::File,
    /// Its size in bytes.
    pub size: u64,
    /// The SHA-256 of its bytes. If it has others by now, its last bytes are not sent.
    pub sha256: [u8; 32],
    /// Its name there.
    pub name: String,
}

/// The answer, of any status.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers, as they came.
    pub headers: HeaderMap,
    /// The beginning of the body, without secrets.
    pub body: String,
}

/// Why there is no answer.
#[derive(Debug)]
pub struct SendError {
    /// The fault.
    pub error: Error,
    /// Whether all bytes had been sent: then the server may have the file.
    pub all_sent: bool,
}

/// Sends forms to servers that want no credentials but those in the form. It follows no
/// redirects.
#[derive(Clone, Debug)]
pub struct Poster {
    http: reqwest::Client,
    redactor: Redactor,
    silence: Duration,
}

impl Poster {
    /// One that gives up when nothing moves for `silence`. Texts that `redactor` knows are not shown.
    pub fn new(redactor: Redactor, silence: Duration) -> error::Result<Self> {
        let builder = reqwest::Client::builder()
            .user_agent(concat!("cumulus-etl/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(Duration::from_secs(30))
            .tcp_keepalive(Duration::from_secs(60))
            // The form holds a signature and a study's file. A redirect could lead both to any
            // host.
            .redirect(redirect::Policy::none());
        let http = roots::trust_roots(builder)?.build().map_err(|error| {
            error::Error::failed(format!("cannot set up HTTPS: {}", error::list_causes(&error)))
        })?;
        Ok(Self { http, redactor, silence })
    }

    /// Sends `fields` in their order, then the file as `file`; `moved` hears of bytes of the file
    /// as they go.
    pub async fn post_form(
        &self,
        url: &Url,
        fields: &[(String, String)],
        file: &File,
        moved: impl Fn(u64) + Send + Sync + 'static,
    ) -> Result<Answer, SendError> {
        let unreadable = |error: io::Error| SendError {
            error: Error::Local { what: format!("it can't be read here: {error}") },
            all_sent: false,
        };
        let boundary = format!("cumulus-etl-{}", Uuid::new_v4().simple());
        let track = Arc::new(Track::default());
        let form = Form::new(&boundary, fields, file, track.clone(), Box::new(moved));
        let form = form.map_err(unreadable)?;
        let total = form.left();
        let request = self
            .http
            .post(url.clone())
            .header(CONTENT_TYPE, format!("multipart/form-data; boundary={boundary}"))
            .body(reqwest::Body::wrap(form));
        // There is no limit of time for the whole, as a slow line may need hours for a large file.
        // The wait ends when no byte moves any more.
        let answer = tokio::select! {
            answer = self.read_answer(request, url) => answer,
            () = wait_for_silence(&track.sent, self.silence) => Err(Error::Transport {
                url: show_url(url),
                what: format!("nothing has moved for {} s", self.silence.as_secs()),
                retryable: true,
            }),
        };
        answer.map_err(|error| match track.changed.load(Ordering::Relaxed) {
            true => unreadable(io::Error::other(CHANGED)),
            false => SendError { error, all_sent: track.sent.load(Ordering::Relaxed) == total },
        })
    }

    async fn read_answer(&self, request: reqwest::RequestBuilder, url: &Url) -> Result<Answer> {
        let failed = |error| transport_error(&self.redactor, url, error);
        let mut answer = request.send().await.map_err(failed)?;
        let mut body = BytesMut::new();
        while body.len() < ANSWER {
            // The beginning of a body that breaks off may say enough.
            let Ok(Some(chunk)) = answer.chunk().await else { break };
            body.extend_from_slice(&chunk);
        }
        body.truncate(ANSWER);
        let body = self.redactor.clean(&String::from_utf8_lossy(&body));
        Ok(Answer { status: answer.status(), headers: answer.headers().clone(), body })
    }
}

/// How far a form is.
#[derive(Default)]
struct Track {
    /// Bytes.
    sent: AtomicU64,
    /// Whether the file is another than was checked.
    changed: AtomicBool,
}

/// Ends when the number stays the same for so long.
async fn wait_for_silence(sent: &AtomicU64, silence: Duration) {
    loop {
        let before = sent.load(Ordering::Relaxed);
        tokio::time::sleep(silence).await;
        if sent.load(Ordering::Relaxed) == before {
            return;
        }
    }
}

/// The form's bytes: the fields, the file, the end.
struct Form {
    head: Bytes,
    file: tokio::fs::File,
    left_in_file: u64,
    tail: Bytes,
    hash: Sha256,
    expected: [u8; 32],
    track: Arc<Track>,
    moved: Box<dyn Fn(u64) + Send + Sync>,
    buffer: Vec<u8>,
}

impl Form {
    fn new(
        boundary: &str,
        fields: &[(String, String)],
        file: &File,
        track: Arc<Track>,
        moved: Box<dyn Fn(u64) + Send + Sync>,
    ) -> io::Result<Self> {
        let mut head = String::new();
        for (name, value) in fields {
            let name = escaped(name);
            head += &format!(
                "--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
            );
        }
        // S3 ignores what follows the file.
        head += &format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{}\"\r\n\
             Content-Type: application/zip\r\n\r\n",
            escaped(&file.name)
        );
        let mut handle = file.file.try_clone()?;
        handle.seek(SeekFrom::Start(0))?;
        Ok(Self {
            head: head.into(),
            file: tokio::fs::File::from_std(handle),
            left_in_file: file.size,
            tail: format!("\r\n--{boundary}--\r\n").into(),
            hash: Sha256::new(),
            expected: file.sha256,
            track,
            moved,
            buffer: vec![0; STEP],
        })
    }

    fn left(&self) -> u64 {
        self.head.len() as u64 + self.left_in_file + self.tail.len() as u64
    }

    fn frame(&self, bytes: Bytes) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.track.sent.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Poll::Ready(Some(Ok(Frame::data(bytes))))
    }
}

impl Body for Form {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let form = self.get_mut();
        if !form.head.is_empty() {
            let head = std::mem::take(&mut form.head);
            return form.frame(head);
        }
        if form.left_in_file > 0 {
            // A file that has grown must not become longer than Content-Length says.
            let most = form.left_in_file.min(STEP as u64) as usize;
            let mut buffer = ReadBuf::new(&mut form.buffer[..most]);
            ready!(Pin::new(&mut form.file).poll_read(context, &mut buffer))?;
            let bytes = Bytes::copy_from_slice(buffer.filled());
            form.hash.update(&bytes);
            form.left_in_file -= bytes.len() as u64;
            // The hash is compared before the last bytes go: without them the server has no whole
            // form, and keeps nothing.
            let whole = form.left_in_file > 0
                || form.hash.clone().finalize().as_slice() == form.expected.as_slice();
            if bytes.is_empty() || !whole {
                form.track.changed.store(true, Ordering::Relaxed);
                return Poll::Ready(Some(Err(io::Error::other(CHANGED))));
            }
            (form.moved)(bytes.len() as u64);
            return form.frame(bytes);
        }
        if !form.tail.is_empty() {
            let tail = std::mem::take(&mut form.tail);
            return form.frame(tail);
        }
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        self.left() == 0
    }

    fn size_hint(&self) -> SizeHint {
        // hyper makes Content-Length of an exact size. S3 refuses a form in chunks (411).
        SizeHint::with_exact(self.left())
    }
}

/// A name in a header of a part, as browsers write it.
fn escaped(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}
