//! Temporary files of the engine, which hold rows: see [`EncryptedFile`].

use std::fmt;
use std::io::{self, Write};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use chrono::DateTime;
use datafusion::common::Result as EngineResult;
use datafusion::execution::{SpillFile, SpillWriter, TempFileFactory};
use futures::stream::{self, BoxStream, Stream, StreamExt};
use object_store::path::Path;
use object_store::{
    Attributes, CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult,
    MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions, PutOptions, PutPayload,
    PutResult, Result,
};

use crate::encrypted::{EncryptedFile, EncryptedWriter};
use crate::poison::ignore_poison;

/// Bytes of a spilled file that are read together.
const CHUNK: u64 = 256 << 10;

/// The place where operators put rows that do not fit into memory.
pub struct Spills(pub PathBuf);

impl TempFileFactory for Spills {
    fn create_temp_file(&self, _: &str) -> EngineResult<Arc<dyn SpillFile>> {
        Ok(Arc::new(EncryptedSpill(EncryptedFile::create_in(&self.0)?)))
    }
}

struct EncryptedSpill(EncryptedFile);

impl SpillFile for EncryptedSpill {
    fn size(&self) -> Option<u64> {
        Some(self.0.byte_count())
    }

    fn read_stream(&self) -> EngineResult<Pin<Box<dyn Stream<Item = EngineResult<Bytes>> + Send>>> {
        let chunks = stream::try_unfold((self.0.clone(), 0), |(file, at)| async move {
            // It may grow while it is read.
            let end = file.byte_count().min(at + CHUNK);
            if at >= end {
                return Ok(None);
            }
            let bytes = read(&file, at..end).await?;
            Ok(Some((bytes, (file, end))))
        });
        Ok(Box::pin(chunks.fuse()))
    }

    fn open_writer(&self) -> EngineResult<Box<dyn SpillWriter>> {
        Ok(Box::new(SpillEnd(self.0.open_writer())))
    }
}

struct SpillEnd(EncryptedWriter);

impl Write for SpillEnd {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl SpillWriter for SpillEnd {
    fn finish(&mut self) -> EngineResult<()> {
        Ok(self.0.flush()?)
    }
}

async fn read(file: &EncryptedFile, range: std::ops::Range<u64>) -> io::Result<Bytes> {
    let file = file.clone();
    // Waiting for the disk, and deciphering, would hold up a worker that other partitions run on.
    let read = tokio::task::spawn_blocking(move || file.read_range(range)).await;
    read.map_err(io::Error::other)?.map(Bytes::from)
}

/// The files that tables were rewritten to, as a store that the engine can read: by number.
#[derive(Debug, Default)]
pub struct Veils {
    files: Mutex<Vec<EncryptedFile>>,
}

impl Veils {
    /// Its name as a store.
    pub const URL: &str = "veiled://work";

    /// Keeps a file as long as there is the store; where it is in it.
    pub fn keep_file(&self, file: EncryptedFile) -> Path {
        let mut files = ignore_poison(self.files.lock());
        files.push(file);
        Path::from((files.len() - 1).to_string())
    }

    fn find_file(&self, location: &Path) -> Result<EncryptedFile> {
        let files = ignore_poison(self.files.lock());
        let number: Option<usize> = location.as_ref().parse().ok();
        number.and_then(|number| files.get(number).cloned()).ok_or_else(|| Error::NotFound {
            path: location.to_string(),
            source: "there is no such temporary file".into(),
        })
    }
}

impl fmt::Display for Veils {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("temporary files")
    }
}

fn wrap_error(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::Generic { store: "temporary files", source: source.into() }
}

fn refuse_call<T>() -> Result<T> {
    Err(Error::NotSupported { source: "temporary files are only read".into() })
}

#[async_trait]
impl ObjectStore for Veils {
    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let file = self.find_file(location)?;
        let meta = ObjectMeta {
            location: location.clone(),
            last_modified: DateTime::UNIX_EPOCH,
            size: file.byte_count(),
            e_tag: None,
            version: None,
        };
        let range = match &options.range {
            Some(range) => range.as_range(meta.size).map_err(wrap_error)?,
            None => 0..meta.size,
        };
        let bytes = match options.head {
            true => Bytes::new(),
            false => read(&file, range.clone()).await.map_err(wrap_error)?,
        };
        let payload = GetResultPayload::Stream(stream::once(async { Ok(bytes) }).boxed());
        Ok(GetResult { payload, meta, range, attributes: Attributes::default() })
    }

    async fn put_opts(&self, _: &Path, _: PutPayload, _: PutOptions) -> Result<PutResult> {
        refuse_call()
    }

    async fn put_multipart_opts(
        &self,
        _: &Path,
        _: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        refuse_call()
    }

    fn delete_stream(
        &self,
        _: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        stream::once(async { refuse_call() }).boxed()
    }

    fn list(&self, _: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        // Tables name their files: nothing is found by listing here.
        stream::empty().boxed()
    }

    async fn list_with_delimiter(&self, _: Option<&Path>) -> Result<ListResult> {
        refuse_call()
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> Result<()> {
        refuse_call()
    }
}
