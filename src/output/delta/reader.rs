//! The rows of a data file, in order, as the file has them.

use std::fs;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::RecordBatch;
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, TryFutureExt};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use parquet::arrow::arrow_reader::{
    ArrowReaderBuilder, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder,
};
use parquet::arrow::async_reader::AsyncFileReader;
use parquet::arrow::{ParquetRecordBatchStreamBuilder, ProjectionMask, async_reader};
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};

use super::log::DataFile;
use crate::error::{Context, Result};
use crate::store::{Folder, block_on};

const BATCH_ROWS: usize = 8192;
/// What a batch of whole rows should not exceed by much.
const BATCH_BYTES: usize = 8 << 20;
/// Read from a remote file's end at first: most footers fit.
const FOOTER: usize = 64 << 10;

/// Batches of a file's rows.
pub(super) struct Rows {
    /// Number of rows in the file.
    pub count: u64,
    source: Source,
    shown: String,
}

enum Source {
    /// Pages are read as they are needed.
    Local(Box<ParquetRecordBatchReader>),
    /// A row group's columns are fetched together.
    Remote(Box<async_reader::ParquetRecordBatchStream<RemoteFile>>),
}

/// Reads all columns of a file, or those named (`meta.lastUpdated` by its path); a named one that
/// the file lacks is left out.
pub(super) fn open(folder: &Folder, file: &DataFile, columns: Option<&[String]>) -> Result<Rows> {
    let shown = folder.show(&file.name);
    let context = || format!("cannot read the data file '{shown}'");
    let (count, source) = match folder.local() {
        Some(path) => {
            let opened = fs::File::open(path.join(&file.name)).with_context(context)?;
            let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(opened, options());
            let (count, builder) = prepare(builder.with_context(context)?, columns);
            (count, Source::Local(Box::new(builder.build().with_context(context)?)))
        }
        None => {
            let remote = RemoteFile {
                store: folder.store().clone(),
                path: folder.path(&file.name),
                size: file.size,
            };
            let builder =
                block_on(ParquetRecordBatchStreamBuilder::new_with_options(remote, options()));
            let (count, builder) = prepare(builder.with_context(context)?, columns);
            (count, Source::Remote(Box::new(builder.build().with_context(context)?)))
        }
    };
    Ok(Rows { count, source, shown })
}

/// What a Parquet file's footer tells.
pub(super) fn footer(folder: &Folder, name: &str, size: u64) -> Result<Arc<ParquetMetaData>> {
    let mut file = RemoteFile { store: folder.store().clone(), path: folder.path(name), size };
    block_on(file.get_metadata(None))
        .with_context(|| format!("cannot read the Parquet file '{}'", folder.show(name)))
}

/// The Arrow types that another writer noted (large strings, dictionaries) are left aside: what
/// counts is the table's schema.
fn options() -> ArrowReaderOptions {
    ArrowReaderOptions::new().with_skip_arrow_metadata(true)
}

fn prepare<T>(
    builder: ArrowReaderBuilder<T>,
    columns: Option<&[String]>,
) -> (u64, ArrowReaderBuilder<T>) {
    let metadata = builder.metadata();
    let count = u64::try_from(metadata.file_metadata().num_rows()).unwrap_or(0);
    let Some(columns) = columns else {
        let row_bytes = (decoded_bytes(metadata) / count.max(1)).max(1) as usize;
        return (count, builder.with_batch_size((BATCH_BYTES / row_bytes).clamp(64, BATCH_ROWS)));
    };
    let names = columns.iter().map(String::as_str);
    let mask = ProjectionMask::columns(builder.parquet_schema(), names);
    (count, builder.with_projection(mask).with_batch_size(BATCH_ROWS))
}

/// About what the file's rows take as Arrow arrays: where the writer noted it, with the values of
/// dictionaries at every row.
fn decoded_bytes(metadata: &ParquetMetaData) -> u64 {
    let columns = metadata.row_groups().iter().flat_map(|group| group.columns());
    let bytes = columns.map(|column| {
        column.uncompressed_size().max(column.unencoded_byte_array_data_bytes().unwrap_or(0))
    });
    bytes.map(|bytes| bytes.max(0) as u64).sum()
}

impl Iterator for Rows {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        let context = || format!("cannot read the data file '{}'", self.shown);
        Some(match &mut self.source {
            Source::Local(reader) => reader.next()?.with_context(context),
            Source::Remote(stream) => block_on(stream.next())?.with_context(context),
        })
    }
}

/// A file in a bucket.
struct RemoteFile {
    store: Arc<dyn ObjectStore>,
    path: Path,
    size: u64,
}

fn external(error: object_store::Error) -> ParquetError {
    ParquetError::External(Box::new(error))
}

impl AsyncFileReader for RemoteFile {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, ParquetResult<Bytes>> {
        self.store.get_range(&self.path, range).map_err(external).boxed()
    }

    fn get_byte_ranges(
        &mut self,
        ranges: Vec<Range<u64>>,
    ) -> BoxFuture<'_, ParquetResult<Vec<Bytes>>> {
        async move { self.store.get_ranges(&self.path, &ranges).await.map_err(external) }.boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        _options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, ParquetResult<Arc<ParquetMetaData>>> {
        async move {
            let size = self.size;
            let reader = ParquetMetaDataReader::new().with_prefetch_hint(Some(FOOTER));
            reader.load_and_finish(self, size).await.map(Arc::new)
        }
        .boxed()
    }
}
