//! Objects of any size, read as a stream.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::sync::Arc;

use bytes::{Buf, Bytes};
use object_store::path::Path;
use object_store::{Error as StoreError, GetOptions, ObjectStore, ObjectStoreExt};
use tokio::task::JoinHandle;

use super::{Folder, StoreRuntime, unwrap_error};
use crate::error::{Context, Error, Result};

/// Reads an object from its start.
pub type Reader = Box<dyn Read + Send>;

impl Folder {
    /// Opens an object for reading from its start; `None` where there is none.
    ///
    /// From a bucket it comes in parts, some ahead of the reader: no request lasts as long as
    /// what is done with the data. All parts are of the object as it was when it was opened.
    pub fn open_reader(&self, name: &str) -> Result<Option<Reader>> {
        self.check_is_file(name)?;
        self.request_object(name).open_requested()
    }

    /// Asks for the beginning of an object without waiting for it, so that the objects to be
    /// read next come while others are read. On a disk nothing happens before it is opened.
    pub fn request_object(&self, name: &str) -> Requested {
        self.request_first(name, self.storage.options().part_bytes)
    }

    /// The same, where `bytes` of the object may be enough: more come only when half of them have
    /// been read.
    pub fn request_first(&self, name: &str, bytes: usize) -> Requested {
        let first = self.local().is_none().then(|| {
            let (store, path) = (self.store().clone(), self.path(name));
            Task(self.storage.runtime().spawn_task(fetch_first(
                store,
                path,
                bytes.clamp(1, self.storage.options().part_bytes) as u64,
            )))
        });
        Requested {
            folder: self.clone(),
            name: name.to_owned(),
            first,
            whole: bytes >= self.storage.options().part_bytes,
        }
    }

    /// Bytes of an object that one request asks for.
    pub fn part_bytes(&self) -> u64 {
        self.storage.options().part_bytes as u64
    }

    /// Not by the store, which has no names for files with control characters in theirs.
    fn local_reader(&self, name: &str) -> Result<Option<Reader>> {
        let failed = || format!("cannot read '{}'", self.show(name));
        let child = self.child(name);
        let Some(path) = child.local() else { return Ok(None) };
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(failed),
        };
        let is_folder = file.metadata().with_context(failed)?.is_dir();
        Ok((!is_folder).then(|| Box::new(file) as Reader))
    }
}

/// An object whose beginning is on its way.
pub struct Requested {
    folder: Folder,
    name: String,
    /// Of an object in a bucket.
    first: Option<Task<object_store::Result<First>>>,
    /// Whether all of it is wanted in any case.
    whole: bool,
}

impl Requested {
    /// Waits for the beginning; `None` where there is no such object.
    pub fn open_requested(self) -> Result<Option<Reader>> {
        let Self { folder, name, first, whole } = self;
        let failed = || format!("cannot read '{}'", folder.show(&name));
        let Some(first) = first else { return folder.local_reader(&name) };
        let first = match folder.storage.block_on(first.end_task()).with_context(failed)? {
            Ok(first) => first,
            Err(StoreError::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(unwrap_error(error)).with_context(failed),
        };
        let mut download = Download {
            runtime: folder.storage.runtime().clone(),
            store: folder.store().clone(),
            path: folder.path(&name),
            e_tag: first.e_tag,
            size: first.size,
            next: first.bytes.len() as u64,
            step: folder.storage.options().part_bytes as u64,
            ahead: folder.storage.options().parts_in_flight,
            under_way: VecDeque::new(),
            // The next parts are asked for while half of the first is
            // unread, so that the reader need not wait for them.
            patience: if whole { usize::MAX } else { first.bytes.len() / 2 },
            part: first.bytes,
        };
        if whole {
            download.fetch_parts();
        }
        Ok(Some(Box::new(download)))
    }
}

/// A task that ends when nobody waits for it any more.
struct Task<T>(JoinHandle<T>);

impl<T> Task<T> {
    async fn end_task(mut self) -> Result<T> {
        (&mut self.0).await.map_err(|_| Error::failed("a request has ended unexpectedly"))
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The beginning of an object, and what that tells of it.
struct First {
    bytes: Bytes,
    size: u64,
    e_tag: Option<String>,
}

async fn fetch_first(
    store: Arc<dyn ObjectStore>,
    path: Path,
    bytes: u64,
) -> object_store::Result<First> {
    let options = GetOptions { range: Some((0..bytes).into()), ..GetOptions::default() };
    let got = match store.get_opts(&path, options).await {
        Ok(got) => got,
        Err(error @ StoreError::NotFound { .. }) => return Err(error),
        // An empty object has no byte 0: any range of it is an error.
        Err(error) if is_of_range(&error) => match store.head(&path).await {
            Ok(meta) if meta.size == 0 => {
                return Ok(First { bytes: Bytes::new(), size: 0, e_tag: meta.e_tag });
            }
            _ => return Err(error),
        },
        Err(error) => return Err(error),
    };
    let (size, e_tag) = (got.meta.size, got.meta.e_tag.clone());
    Ok(First { bytes: got.bytes().await?, size, e_tag })
}

/// Whether the error may be that there is nothing in the range.
fn is_of_range(error: &StoreError) -> bool {
    // Every store answers a range beyond the end in its own way (S3 by 416, others by an error of
    // their own), and `object_store` has no variant for it. A wrong guess costs a `head` only.
    let text = error.to_string();
    text.contains("416") || text.contains("range")
}

struct Download {
    runtime: StoreRuntime,
    store: Arc<dyn ObjectStore>,
    path: Path,
    e_tag: Option<String>,
    size: u64,
    /// Where the next part begins.
    next: u64,
    step: u64,
    /// Parts kept under way.
    ahead: usize,
    under_way: VecDeque<Task<object_store::Result<Bytes>>>,
    /// Bytes of the first part that are left when the next ones are asked for.
    patience: usize,
    part: Bytes,
}

impl Download {
    /// Keeps some parts under way.
    fn fetch_parts(&mut self) {
        while self.next < self.size && self.under_way.len() < self.ahead {
            let range = self.next..self.size.min(self.next.saturating_add(self.step));
            self.next = range.end;
            let part = fetch_part(self.store.clone(), self.path.clone(), self.e_tag.clone(), range);
            self.under_way.push_back(Task(self.runtime.spawn_task(part)));
        }
    }
}

async fn fetch_part(
    store: Arc<dyn ObjectStore>,
    path: Path,
    e_tag: Option<String>,
    range: Range<u64>,
) -> object_store::Result<Bytes> {
    let options =
        // With `If-Match` an object that was replaced meanwhile is an
        // error (412). Without it, parts of two objects would be joined.
        GetOptions { range: Some(range.into()), if_match: e_tag, ..GetOptions::default() };
    store.get_opts(&path, options).await?.bytes().await
}

impl Read for Download {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.part.is_empty() {
            // Nothing is under way only at the end: the first part was used
            // up, which has the others asked for, or `next` is at `size`.
            let Some(part) = self.under_way.pop_front() else { return Ok(0) };
            let part = self.runtime.block_on(part.end_task()).map_err(io::Error::other)?;
            self.part = part.map_err(|error| match error {
                StoreError::Precondition { .. } | StoreError::NotFound { .. } => {
                    io::Error::other("it was replaced or removed while it was read")
                }
                error => io::Error::other(unwrap_error(error)),
            })?;
            self.fetch_parts();
        }
        let count = self.part.len().min(buffer.len());
        self.part.copy_to_slice(&mut buffer[..count]);
        if self.part.len() <= self.patience {
            self.patience = usize::MAX;
            self.fetch_parts();
        }
        Ok(count)
    }
}
