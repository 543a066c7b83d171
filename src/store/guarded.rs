//! A cloud's store with errors in our words, and writes that never overwrite unnoticed.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryFutureExt, TryStreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error as StoreError, GetOptions, GetResult, GetResultPayload, ListResult,
    MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutMultipartOptions,
    PutOptions, PutPayload, PutResult, Result, UploadPart,
};
use tokio::sync::OnceCell;
use tokio::time::sleep;
use tracing::debug;
use uuid::Uuid;

use super::explain::{BucketPlace, StoreAction, is_unanswered};

/// Deletes that are under way at the same time.
const DELETES: usize = 8;
/// Attempts when the server does not answer, beyond those that the library makes.
// Five pauses from 0.2 s to 3.2 s are 6.2 s together. The library itself tries up to 3
// minutes where it knows that it may: on 5xx, and on time-outs of idempotent requests.
const ATTEMPTS: u32 = 6;
/// Before the second attempt; doubled for each further one.
const PAUSE: Duration = Duration::from_millis(200);

/// The store of a bucket.
#[derive(Debug)]
pub(super) struct Guarded<S> {
    inner: Arc<S>,
    place: Arc<BucketPlace>,
    /// Whether it must be shown first that the server has conditional writes.
    doubtful: bool,
    checked: OnceCell<()>,
}

/// Asks again while the server does not answer.
async fn ask_again<T, F: Future<Output = Result<T>>>(mut ask: impl FnMut() -> F) -> Result<T> {
    let mut pause = PAUSE;
    for _ in 1..ATTEMPTS {
        match ask().await {
            Err(error) if is_unanswered(&error) => sleep(pause).await,
            done => return done,
        }
        pause *= 2;
    }
    ask().await
}

/// A listing as a stream, whole before its first entry.
fn list_whole<F>(list: impl FnMut() -> F + Send + 'static) -> BoxStream<'static, Result<ObjectMeta>>
where
    F: Future<Output = Result<Vec<ObjectMeta>>> + Send,
{
    // A listing that breaks off is asked for from its beginning again. If
    // its entries had been passed on already, they would come twice.
    let entries = async move { ask_again(list).await.map(|all| stream::iter(all).map(Ok)) };
    stream::once(entries).try_flatten().boxed()
}

impl<S: ObjectStore> Guarded<S> {
    /// `doubtful`: whether the server might ignore the condition of a conditional write.
    pub fn new(inner: S, place: BucketPlace, doubtful: bool) -> Self {
        debug!("'{}' is asked for at: {}", place.bucket, place.at);
        Self { inner: Arc::new(inner), place: Arc::new(place), doubtful, checked: OnceCell::new() }
    }

    fn explain_action(
        &self,
        action: StoreAction,
    ) -> impl Fn(StoreError) -> StoreError + Send + Sync + use<S> {
        let place = self.place.clone();
        move |error| place.explain_error(action, error)
    }

    /// Creates an object. The server may have created it without us hearing of it: then the
    /// next attempt finds it there, and the caller compares.
    async fn create_object(
        &self,
        location: &Path,
        payload: &PutPayload,
        options: &PutOptions,
    ) -> Result<PutResult> {
        ask_again(|| self.inner.put_opts(location, payload.clone(), options.clone())).await
    }

    /// Refuses a server that overwrites where it was asked not to.
    async fn check_overwrite(&self, location: &Path) -> Result<()> {
        if !self.doubtful {
            return Ok(());
        }
        let check = || async {
            // Beside the object that is to be written: the
            // credentials may allow writing below one prefix only.
            let probe = Path::from(format!("{location}.probe-{}", Uuid::new_v4().simple()));
            let create = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
            self.create_object(&probe, &PutPayload::from_static(b"1"), &create).await?;
            let again = self.create_object(&probe, &PutPayload::from_static(b"2"), &create).await;
            // A probe that may not be removed stays behind, and does no harm.
            let _ = self.inner.delete(&probe).await;
            match again {
                Err(StoreError::AlreadyExists { .. }) => Ok(()),
                Err(error) => Err(error),
                // Servers that do not know `If-None-Match` on a PUT
                // ignore it and overwrite, with status 200.
                Ok(_) => {
                    let source = Box::new(self.place.no_conditional_writes());
                    Err(StoreError::Generic { store: "bucket", source })
                }
            }
        };
        // A check that fails is not kept: the next write asks again.
        self.checked.get_or_try_init(check).await.map(|_| ())
    }
}

impl<S: ObjectStore> fmt::Display for Guarded<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.place.bucket)
    }
}

#[async_trait]
impl<S: ObjectStore> ObjectStore for Guarded<S> {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        if options.mode == PutMode::Overwrite {
            let put = || self.inner.put_opts(location, payload.clone(), options.clone());
            return ask_again(put).await.map_err(self.explain_action(StoreAction::Write));
        }
        if options.mode != PutMode::Create {
            // Asked once: a second attempt could not tell whether the first was done.
            let put = self.inner.put_opts(location, payload, options).await;
            return put.map_err(self.explain_action(StoreAction::Write));
        }
        let created = match self.check_overwrite(location).await {
            Ok(()) => self.create_object(location, &payload, &options).await,
            Err(error) => Err(error),
        };
        created.map_err(self.explain_action(StoreAction::Create))
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let begin = || self.inner.put_multipart_opts(location, options.clone());
        let upload = ask_again(begin).await;
        let inner = upload.map_err(self.explain_action(StoreAction::Write))?;
        Ok(Box::new(GuardedUpload {
            inner,
            store: self.inner.clone(),
            place: self.place.clone(),
            location: location.clone(),
            bytes: 0,
            parts: 0,
        }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let got = ask_again(|| self.inner.get_opts(location, options.clone())).await;
        let got = got.map_err(self.explain_action(StoreAction::Read))?;
        let payload = match got.payload {
            GetResultPayload::Stream(parts) => GetResultPayload::Stream(
                parts.map_err(self.explain_action(StoreAction::Read)).boxed(),
            ),
            file => file,
        };
        Ok(GetResult { payload, ..got })
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let got = ask_again(|| self.inner.get_ranges(location, ranges)).await;
        got.map_err(self.explain_action(StoreAction::Read))
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        // The library does not try a delete again that got no answer.
        let (inner, words) = (self.inner.clone(), self.explain_action(StoreAction::Delete));
        let delete = move |location: Result<Path>| {
            let inner = inner.clone();
            async move {
                let location = location?;
                ask_again(|| inner.delete(&location)).await?;
                Ok(location)
            }
        };
        locations.map(delete).buffered(DELETES).map_err(words).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let (inner, prefix) = (self.inner.clone(), prefix.cloned());
        let list = move || {
            let (inner, prefix) = (inner.clone(), prefix.clone());
            async move { inner.list(prefix.as_ref()).try_collect::<Vec<_>>().await }
        };
        list_whole(list).map_err(self.explain_action(StoreAction::List)).boxed()
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        let (inner, prefix, offset) = (self.inner.clone(), prefix.cloned(), offset.clone());
        let list = move || {
            let (inner, prefix, offset) = (inner.clone(), prefix.clone(), offset.clone());
            async move { inner.list_with_offset(prefix.as_ref(), &offset).try_collect::<Vec<_>>().await }
        };
        list_whole(list).map_err(self.explain_action(StoreAction::List)).boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        // The library does not try a listing again whose answer was cut off.
        let listed = ask_again(|| self.inner.list_with_delimiter(prefix)).await;
        listed.map_err(self.explain_action(StoreAction::List))
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner
            .copy_opts(from, to, options)
            .await
            .map_err(self.explain_action(StoreAction::Write))
    }
}

#[derive(Debug)]
struct GuardedUpload<S> {
    inner: Box<dyn MultipartUpload>,
    store: Arc<S>,
    place: Arc<BucketPlace>,
    location: Path,
    bytes: u64,
    parts: u32,
}

impl<S: ObjectStore> GuardedUpload<S> {
    /// Whether the object is there as we have sent it.
    fn is_there(&self) -> impl Future<Output = bool> + Send + use<S> {
        let (store, location) = (self.store.clone(), self.location.clone());
        let (bytes, parts) = (self.bytes, self.parts);
        async move {
            let Ok(there) = ask_again(|| store.head(&location)).await else { return false };
            // The entity tag of an object in parts ends with their number.
            let tag = there.e_tag.as_deref().and_then(|tag| tag.trim_matches('"').rsplit_once('-'));
            let found = tag.and_then(|(_, parts)| parts.parse::<u32>().ok());
            there.size == bytes && found.is_none_or(|found| found == parts)
        }
    }
}

#[async_trait]
impl<S: ObjectStore> MultipartUpload for GuardedUpload<S> {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        // Counted, as `is_there` knows the object by its size and its number of parts only.
        self.bytes += data.content_length() as u64;
        self.parts += 1;
        let place = self.place.clone();
        let part = self.inner.put_part(data);
        Box::pin(part.map_err(move |error| place.explain_error(StoreAction::Write, error)))
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let done = self.inner.complete().await;
        match done {
            // The server has completed it before, without us hearing of it: then the library's
            // next attempt does not find the upload any more.
            Err(StoreError::NotFound { .. }) if self.is_there().await => {
                Ok(PutResult { e_tag: None, version: None })
            }
            Err(error) if is_unanswered(&error) => {
                // The server may be about to: the parts of a large object take their time.
                let mut pause = PAUSE;
                for _ in 0..ATTEMPTS {
                    if self.is_there().await {
                        return Ok(PutResult { e_tag: None, version: None });
                    }
                    sleep(pause).await;
                    pause *= 2;
                }
                Err(self.place.explain_error(StoreAction::Write, error))
            }
            done => done.map_err(|error| self.place.explain_error(StoreAction::Write, error)),
        }
    }

    async fn abort(&mut self) -> Result<()> {
        self.inner
            .abort()
            .await
            .map_err(|error| self.place.explain_error(StoreAction::Write, error))
    }
}
