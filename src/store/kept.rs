//! Commits and checkpoints of Delta logs, kept in memory once they were read or written: they
//! never change, the library reads them again and again, and from a bucket each time is a request.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard};

use async_trait::async_trait;
use bytes::Bytes;
use chrono::Utc;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

use crate::poison::ignore_poison;

/// The largest object that is kept.
const OBJECT: u64 = 4 << 20;
/// The most that is kept altogether.
const ALL: u64 = 32 << 20;

/// A store that answers for such objects itself, once it has seen them.
#[derive(Debug)]
pub(super) struct Kept<S> {
    inner: S,
    objects: Mutex<HashMap<Path, (ObjectMeta, Bytes)>>,
}

impl<S: ObjectStore> Kept<S> {
    pub fn new(inner: S) -> Self {
        Self { inner, objects: Mutex::default() }
    }

    fn lock_objects(&self) -> MutexGuard<'_, HashMap<Path, (ObjectMeta, Bytes)>> {
        ignore_poison(self.objects.lock())
    }

    fn keep_object(&self, meta: ObjectMeta, bytes: Bytes) {
        let mut objects = self.lock_objects();
        let held: u64 = objects.values().map(|(meta, _)| meta.size).sum();
        if held + meta.size > ALL {
            objects.clear();
        }
        objects.insert(meta.location.clone(), (meta, bytes));
    }
}

/// Whether Delta's protocol says that it never changes: a commit, or a checkpoint in one file.
fn never_changes(location: &Path) -> bool {
    let mut parts = location.parts().rev();
    let name = parts.next();
    let log = parts.next().is_some_and(|folder| folder.as_ref() == "_delta_log");
    let name = name.as_ref().map_or("", |name| name.as_ref());
    // Delta's log names a version by 20 digits. `_last_checkpoint`
    // is not kept: each checkpoint overwrites it.
    let (version, kind) = name.split_at_checked(20).unwrap_or_default();
    log && version.bytes().all(|byte| byte.is_ascii_digit())
        && matches!(kind, ".json" | ".checkpoint.parquet")
}

/// Whether it is the object, or a part of it, that is asked for, and nothing else about it.
fn is_plain(options: &GetOptions) -> bool {
    !options.head
        && options.if_match.is_none()
        && options.if_none_match.is_none()
        && options.if_modified_since.is_none()
        && options.if_unmodified_since.is_none()
        && options.version.is_none()
}

fn answer_from(meta: ObjectMeta, bytes: &Bytes, options: &GetOptions) -> Option<GetResult> {
    let range = match &options.range {
        Some(range) => range.as_range(meta.size).ok()?,
        None => 0..meta.size,
    };
    let part = bytes.slice(usize::try_from(range.start).ok()?..usize::try_from(range.end).ok()?);
    let payload = GetResultPayload::Stream(stream::once(async { Ok(part) }).boxed());
    Some(GetResult { payload, meta, range, attributes: Default::default() })
}

impl<S: ObjectStore> fmt::Display for Kept<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.inner, f)
    }
}

#[async_trait]
impl<S: ObjectStore> ObjectStore for Kept<S> {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        // Before the request: if its answer is lost, nobody knows which object is there.
        self.lock_objects().remove(location);
        // An object that was created keeps its content. An overwritten one may be overwritten again.
        let created = options.mode == PutMode::Create && never_changes(location);
        let size = payload.content_length() as u64;
        let ours = (created && size <= OBJECT).then(|| payload.clone());
        let put = self.inner.put_opts(location, payload, options).await?;
        if let Some(ours) = ours {
            let meta = ObjectMeta {
                location: location.clone(),
                last_modified: Utc::now(),
                size,
                e_tag: put.e_tag.clone(),
                version: put.version.clone(),
            };
            self.keep_object(meta, ours.into());
        }
        Ok(put)
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.lock_objects().remove(location);
        self.inner.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        if !never_changes(location) || !is_plain(&options) {
            return self.inner.get_opts(location, options).await;
        }
        let kept = self.lock_objects().get(location).cloned();
        if let Some(found) = kept.and_then(|(meta, bytes)| answer_from(meta, &bytes, &options)) {
            return Ok(found);
        }
        let whole = self.inner.get_opts(location, GetOptions::default()).await?;
        if whole.meta.size > OBJECT {
            // The body of the first answer is not read. To drop it ends its transfer.
            return self.inner.get_opts(location, options).await;
        }
        let meta = whole.meta.clone();
        let bytes = whole.bytes().await?;
        self.keep_object(meta.clone(), bytes.clone());
        match answer_from(meta, &bytes, &options) {
            Some(found) => Ok(found),
            // The store's own error says what is wrong with the range.
            None => self.inner.get_opts(location, options).await,
        }
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        // Vacuum and clean-ups only; what is gone is not asked for again.
        self.lock_objects().clear();
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.lock_objects().remove(to);
        self.inner.copy_opts(from, to, options).await
    }
}

#[cfg(test)]
mod tests {
    use object_store::memory::InMemory;
    use object_store::{GetRange, ObjectStoreExt};

    use super::*;
    use crate::store::Storage;

    #[test]
    fn only_what_never_changes_is_kept_and_parts_of_it_are_right() {
        let store = Kept::new(InMemory::new());
        let commit = Path::from("lake/patient/_delta_log/00000000000000000007.json");
        let pointer = Path::from("lake/patient/_delta_log/_last_checkpoint");
        let storage = Storage::for_tests();
        let read = |path: &Path| storage.block_on(async { store.get(path).await?.bytes().await });
        for path in [&commit, &pointer] {
            storage.block_on(store.put(path, "first".into())).unwrap();
            assert_eq!(read(path).unwrap(), "first");
            // Behind our back.
            storage.block_on(store.inner.put(path, "second".into())).unwrap();
        }
        assert_eq!(read(&commit).unwrap(), "first");
        assert_eq!(read(&pointer).unwrap(), "second");
        assert_eq!(storage.block_on(store.get_range(&commit, 1..3)).unwrap(), "ir");
        let end = GetOptions { range: Some(GetRange::Suffix(2)), ..GetOptions::default() };
        let end = storage.block_on(async { store.get_opts(&commit, end).await?.bytes().await });
        assert_eq!(end.unwrap(), "st");
        assert!(storage.block_on(store.get_range(&commit, 9..10)).is_err());

        storage.block_on(store.put(&commit, "third".into())).unwrap();
        assert_eq!(read(&commit).unwrap(), "third");
        let create = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        assert!(storage.block_on(store.put_opts(&commit, "fourth".into(), create)).is_err());
        storage.block_on(store.delete(&commit)).unwrap();
        assert!(read(&commit).is_err());
    }
}
