//! A table's store that lists the table's log when it is told to, and not whenever the library
//! wants to know: from a bucket each listing is a request.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use chrono::Utc;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

use super::LOG_FOLDER;
use crate::poison::ignore_poison;

/// Where writers note which checkpoint is the newest.
const HINT: &str = "_last_checkpoint";

/// The store, rooted at the table's folder.
#[derive(Debug)]
pub(super) struct ListingCache {
    inner: Arc<dyn ObjectStore>,
    /// The log as it was listed last, in order.
    log: Mutex<Option<Vec<ObjectMeta>>>,
}

impl ListingCache {
    pub fn new(inner: Arc<dyn ObjectStore>) -> Self {
        Self { inner, log: Mutex::default() }
    }

    fn lock_log(&self) -> MutexGuard<'_, Option<Vec<ObjectMeta>>> {
        ignore_poison(self.log.lock())
    }

    fn set_log(&self, mut log: Vec<ObjectMeta>) {
        log.sort_unstable_by(|a, b| a.location.cmp(&b.location));
        *self.lock_log() = Some(log);
    }

    /// Lists the log.
    pub async fn refresh_log(&self) -> Result<()> {
        let log = self.inner.list(Some(&Path::from(LOG_FOLDER))).try_collect().await?;
        self.set_log(log);
        Ok(())
    }

    /// Lists the whole table; gives what is not of the log.
    pub async fn refresh_all(&self) -> Result<Vec<ObjectMeta>> {
        let all: Vec<ObjectMeta> = self.inner.list(None).try_collect().await?;
        let (log, rest) = all.into_iter().partition(|object| is_log(&object.location));
        self.set_log(log);
        Ok(rest)
    }

    /// Whether the log has been listed.
    pub fn is_loaded(&self) -> bool {
        self.lock_log().is_some()
    }

    /// The log as it is known.
    pub fn cached_log(&self) -> Vec<ObjectMeta> {
        self.lock_log().clone().unwrap_or_default()
    }

    /// Notes an object that we have added to the log.
    pub fn add_entry(&self, name: &str, size: usize) {
        let object = ObjectMeta {
            location: Path::from_iter([LOG_FOLDER, name]),
            last_modified: Utc::now(),
            size: size as u64,
            e_tag: None,
            version: None,
        };
        let log = self.lock_log().take();
        if let Some(mut log) = log {
            // A checkpoint may be written again under its name,
            // after a run that died before it was durable.
            log.retain(|known| known.location != object.location);
            log.push(object);
            self.set_log(log);
        }
    }

    /// The known part of the log, if `prefix` is its folder.
    fn cached_below(&self, prefix: Option<&Path>) -> Option<Vec<ObjectMeta>> {
        let log = prefix.is_some_and(|prefix| prefix.as_ref() == LOG_FOLDER);
        log.then(|| self.lock_log().clone()).flatten()
    }
}

fn is_log(location: &Path) -> bool {
    location.parts().next().is_some_and(|part| part.as_ref() == LOG_FOLDER)
}

impl fmt::Display for ListingCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.inner, f)
    }
}

#[async_trait]
impl ObjectStore for ListingCache {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        let size = payload.content_length();
        let put = self.inner.put_opts(location, payload, options).await?;
        // The library writes checkpoints through this store.
        // Our own commits go past it (`Log::add_version`).
        if let Some(name) = location.filename().filter(|_| is_log(location)) {
            self.add_entry(name, size);
        }
        Ok(put)
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        // With the whole listing at hand the library needs no hint.
        if is_log(location) && location.filename() == Some(HINT) && self.lock_log().is_some() {
            let source = "not needed".into();
            return Err(Error::NotFound { path: location.to_string(), source });
        }
        self.inner.get_opts(location, options).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        match self.cached_below(prefix) {
            Some(log) => stream::iter(log).map(Ok).boxed(),
            None => self.inner.list(prefix),
        }
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        match self.cached_below(prefix) {
            Some(mut log) => {
                // `list_with_offset` gives what comes after the offset, without it.
                log.retain(|object| object.location > *offset);
                stream::iter(log).map(Ok).boxed()
            }
            None => self.inner.list_with_offset(prefix, offset),
        }
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}
