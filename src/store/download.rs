//! Objects of any size, read as a stream.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::ops::Range;
use std::sync::Arc;

use bytes::{Buf, Bytes};
use object_store::path::Path;
use object_store::{
    Error as StoreError, GetOptions, GetResultPayload, ObjectStore, ObjectStoreExt,
};
use tokio::task::JoinHandle;

use super::{Folder, RUNTIME, block_on, plain};
use crate::error::{Context, Result};

/// Parts fetched ahead of the reader.
const AHEAD: usize = 2;

impl Folder {
    /// Opens an object for reading from its start; `None` where there is none.
    ///
    /// From a bucket it comes in parts, some ahead of the reader: no request lasts as long as
    /// what is done with the data. All parts are of the object as it was when it was opened.
    pub fn reader(&self, name: &str) -> Result<Option<Box<dyn Read + Send>>> {
        let failed = || format!("cannot read '{}'", self.show(name));
        let path = self.path(name);
        if self.local().is_some() {
            return match block_on(self.store().get(&path)) {
                Ok(result) => match result.payload {
                    GetResultPayload::File(file, _) => Ok(Some(Box::new(file))),
                    GetResultPayload::Stream(_) => {
                        let bytes = block_on(result.bytes()).with_context(failed)?;
                        Ok(Some(Box::new(bytes.reader())))
                    }
                },
                Err(StoreError::NotFound { .. }) => Ok(None),
                Err(error) => Err(error).with_context(failed),
            };
        }
        let meta = match block_on(self.store().head(&path)) {
            Ok(meta) => meta,
            Err(StoreError::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(plain(error)).with_context(failed),
        };
        let mut download = Download {
            store: self.store().clone(),
            path,
            e_tag: meta.e_tag,
            size: meta.size,
            next: 0,
            step: self.parts.bytes as u64,
            under_way: VecDeque::new(),
            part: Bytes::new(),
        };
        download.fetch();
        Ok(Some(Box::new(download)))
    }
}

struct Download {
    store: Arc<dyn ObjectStore>,
    path: Path,
    e_tag: Option<String>,
    size: u64,
    /// Where the next part begins.
    next: u64,
    step: u64,
    under_way: VecDeque<JoinHandle<object_store::Result<Bytes>>>,
    part: Bytes,
}

impl Download {
    /// Keeps some parts under way.
    fn fetch(&mut self) {
        while self.next < self.size && self.under_way.len() < AHEAD {
            let range = self.next..self.size.min(self.next.saturating_add(self.step));
            self.next = range.end;
            let part = part(self.store.clone(), self.path.clone(), self.e_tag.clone(), range);
            self.under_way.push_back(RUNTIME.spawn(part));
        }
    }
}

async fn part(
    store: Arc<dyn ObjectStore>,
    path: Path,
    e_tag: Option<String>,
    range: Range<u64>,
) -> object_store::Result<Bytes> {
    let options =
        GetOptions { range: Some(range.into()), if_match: e_tag, ..GetOptions::default() };
    store.get_opts(&path, options).await?.bytes().await
}

impl Read for Download {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.part.is_empty() {
            let Some(part) = self.under_way.pop_front() else { return Ok(0) };
            let part = block_on(part).map_err(io::Error::other)?;
            self.part = part.map_err(|error| match error {
                StoreError::Precondition { .. } | StoreError::NotFound { .. } => {
                    io::Error::other("it was replaced or removed while it was read")
                }
                error => io::Error::other(plain(error)),
            })?;
            self.fetch();
        }
        let count = self.part.len().min(buffer.len());
        self.part.copy_to_slice(&mut buffer[..count]);
        Ok(count)
    }
}

impl Drop for Download {
    fn drop(&mut self) {
        self.under_way.iter().for_each(JoinHandle::abort);
    }
}
