//! The rows of a data file, in order, as the file has them.

use std::collections::VecDeque;
use std::fs;
use std::io::Read;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::RecordBatch;
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt, TryFutureExt};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use parquet::arrow::arrow_reader::{
    ArrowReaderBuilder, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder,
};
use parquet::arrow::async_reader::AsyncFileReader;
use parquet::arrow::{ParquetRecordBatchStreamBuilder, ProjectionMask};
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};

use tokio::sync::mpsc::{Receiver, channel};

use super::log::DataFile;
use crate::error::{Context, Result};
use crate::stop;
use crate::store::{Folder, Requested, block_on, spawn};

const BATCH_ROWS: usize = 8192;
/// What a batch of whole rows should not exceed by much.
const BATCH_BYTES: usize = 8 << 20;
/// Read from a remote file's end at first: most footers fit.
const FOOTER: usize = 256 << 10;
/// Remote files up to this are read as a whole, in one request.
const SMALL: u64 = 4 << 20;
/// Of these, so many are asked for before their turn.
const AHEAD: usize = 8;

/// Batches of a file's rows.
pub(super) struct Rows {
    /// Number of rows in the file.
    pub count: u64,
    source: Source,
    shown: String,
}

enum Source {
    /// Pages are read as they are needed.
    Whole(Box<ParquetRecordBatchReader>),
    /// A row group's columns are fetched together, while the one before is read.
    Remote {
        groups: Receiver<ParquetResult<ParquetRecordBatchReader>>,
        group: Option<Box<ParquetRecordBatchReader>>,
    },
}

/// Reads all columns of a file, or those named (`meta.lastUpdated` by its path); a named one that
/// the file lacks is left out.
pub(super) fn open(folder: &Folder, file: &DataFile, columns: Option<&[String]>) -> Result<Rows> {
    open_requested(folder, file, columns, request(folder, file))
}

/// Opens files one after the other; small ones are asked for before their turn.
pub(super) fn each<'f>(
    folder: &'f Folder,
    files: impl IntoIterator<Item = &'f DataFile> + 'f,
) -> impl Iterator<Item = (&'f DataFile, Result<Rows>)> + 'f {
    let mut files = files.into_iter();
    let mut requested = VecDeque::new();
    std::iter::from_fn(move || {
        while requested.len() <= AHEAD {
            let Some(file) = files.next() else { break };
            requested.push_back((file, request(folder, file)));
        }
        let (file, request) = requested.pop_front()?;
        Some((file, open_requested(folder, file, None, request)))
    })
}

/// Asks for a small remote file.
fn request(folder: &Folder, file: &DataFile) -> Option<Requested> {
    let small = folder.local().is_none() && file.size <= SMALL;
    small.then(|| folder.request(&file.name))
}

fn open_requested(
    folder: &Folder,
    file: &DataFile,
    columns: Option<&[String]>,
    requested: Option<Requested>,
) -> Result<Rows> {
    let shown = folder.show(&file.name);
    let context = || format!("cannot read the data file '{shown}'");
    let (count, source) = match (folder.local(), requested) {
        (Some(path), _) => {
            let opened = fs::File::open(path.join(&file.name)).with_context(context)?;
            let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(opened, options());
            let (count, builder) = prepare(builder.with_context(context)?, columns);
            (count, Source::Whole(Box::new(builder.build().with_context(context)?)))
        }
        (None, Some(requested)) => {
            let mut bytes = Vec::new();
            if let Some(mut reader) = requested.open()? {
                reader.read_to_end(&mut bytes).with_context(context)?;
            }
            let bytes = Bytes::from(bytes);
            let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(bytes, options());
            let (count, builder) = prepare(builder.with_context(context)?, columns);
            (count, Source::Whole(Box::new(builder.build().with_context(context)?)))
        }
        (None, None) => {
            let remote = RemoteFile {
                store: folder.store().clone(),
                path: folder.path(&file.name),
                size: file.size,
            };
            let builder =
                block_on(ParquetRecordBatchStreamBuilder::new_with_options(remote, options()));
            let (count, builder) = prepare(builder.with_context(context)?, columns);
            let mut stream = builder.build().with_context(context)?;
            // The next one waits here for its turn.
            let (put, groups) = channel(1);
            spawn(async move {
                while let Some(group) = stream.next_row_group().await.transpose() {
                    if put.send(group).await.is_err() {
                        break;
                    }
                }
            });
            (count, Source::Remote { groups, group: None })
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
        if let Err(error) = stop::check() {
            return Some(Err(error));
        }
        let context = || format!("cannot read the data file '{}'", self.shown);
        match &mut self.source {
            Source::Whole(reader) => Some(reader.next()?.with_context(context)),
            Source::Remote { groups, group } => loop {
                if let Some(batch) = group.as_mut().and_then(|group| group.next()) {
                    return Some(batch.with_context(context));
                }
                *group = match block_on(groups.recv())? {
                    Ok(next) => Some(Box::new(next)),
                    Err(error) => return Some(Err(error).with_context(context)),
                };
            },
        }
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
