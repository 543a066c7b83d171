//! The rows of a data file, in order, as the file has them.

use std::collections::VecDeque;
use std::fs;
use std::io::Read;
use std::ops::Range;
use std::sync::Arc;

use arrow::datatypes::{DataType, FieldRef, Fields, Schema, TimeUnit};
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt, TryFutureExt};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder,
};
use parquet::arrow::async_reader::AsyncFileReader;
use parquet::arrow::{ParquetRecordBatchStreamBuilder, ProjectionMask};
use parquet::basic::Type;
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader, RowGroupMetaData};
use parquet::file::reader::ChunkReader;

use tokio::sync::mpsc::{Receiver, channel};

use super::snapshot::DataFile;
use crate::error::{Context, Error, Result};
use crate::parquet_bounds::reader_options;
use crate::store::{Folder, Requested, Storage};
use crate::table::DeidentifiedBatch;

const BATCH_ROWS: usize = 8192;
/// The size that a batch of whole rows should not exceed by much.
const BATCH_BYTES: u64 = 8 << 20;
/// Read from a remote file's end at first: most footers fit.
const FOOTER: usize = 256 << 10;
/// Remote files up to this are read as a whole, in one request.
// Less than the smallest part of a download (5 MiB), so that the first request gets all of it.
const SMALL: u64 = 4 << 20;
/// Of these, so many are asked for before their turn.
// With `SMALL` they are 32 MiB at most, and the one that is read.
const AHEAD: usize = 8;

/// Batches of a file's rows.
pub(super) struct FileRows {
    /// Number of rows in the file.
    pub count: u64,
    source: BatchSource,
    shown: String,
    storage: Storage,
}

enum BatchSource {
    /// Pages are read as they are needed.
    Whole {
        open: OpenGroup,
        next: usize,
        groups: usize,
        group: Option<Box<ParquetRecordBatchReader>>,
    },
    /// A row group's columns are fetched together, while the one before is read.
    Remote {
        groups: Receiver<ParquetResult<ParquetRecordBatchReader>>,
        group: Option<Box<ParquetRecordBatchReader>>,
    },
}

/// Opens a row group. Each has batches of its own size, since rows of one may be larger than those of
/// another by far.
type OpenGroup = Box<dyn Fn(usize) -> ParquetResult<ParquetRecordBatchReader> + Send>;

/// Reads all columns of a file, or those named (`meta.lastUpdated` by its path); a named one that
/// the file lacks is left out.
pub(super) fn open_file(
    folder: &Folder,
    file: &DataFile,
    columns: Option<&[String]>,
) -> Result<FileRows> {
    open_requested(folder, file, columns, request_file(folder, file))
}

/// Opens files one after the other; small ones are asked for before their turn.
pub(super) fn open_each<'f>(
    folder: &'f Folder,
    files: impl IntoIterator<Item = &'f DataFile> + 'f,
) -> impl Iterator<Item = (&'f DataFile, Result<FileRows>)> + 'f {
    let mut files = files.into_iter();
    let mut requested = VecDeque::new();
    std::iter::from_fn(move || {
        while requested.len() <= AHEAD {
            let Some(file) = files.next() else { break };
            requested.push_back((file, request_file(folder, file)));
        }
        let (file, request) = requested.pop_front()?;
        Some((file, open_requested(folder, file, None, request)))
    })
}

/// Asks for a small remote file.
fn request_file(folder: &Folder, file: &DataFile) -> Option<Requested> {
    let small = folder.local().is_none() && file.size <= SMALL;
    small.then(|| folder.request_object(&file.name))
}

fn open_requested(
    folder: &Folder,
    file: &DataFile,
    columns: Option<&[String]>,
    requested: Option<Requested>,
) -> Result<FileRows> {
    let shown = folder.show(&file.name);
    let context = || format!("cannot read the data file '{shown}'");
    let (count, source) = match (folder.local(), requested) {
        (Some(path), _) => {
            let opened = Arc::new(fs::File::open(path.join(&file.name)).with_context(context)?);
            let metadata = read_metadata(&*opened).with_context(context)?;
            whole_columns(move || opened.try_clone().map_err(ParquetError::from), metadata, columns)
        }
        (None, Some(requested)) => {
            let gone = || Error::failed(format!("{}: it is gone", context()));
            let mut bytes = Vec::new();
            let mut reader = requested.open_requested()?.ok_or_else(gone)?;
            reader.read_to_end(&mut bytes).with_context(context)?;
            let bytes = Bytes::from(bytes);
            let metadata = read_metadata(&bytes).with_context(context)?;
            whole_columns(move || Ok(bytes.clone()), metadata, columns)
        }
        (None, None) => {
            let mut remote = RemoteFile {
                store: folder.store().clone(),
                path: folder.path(&file.name),
                size: file.size,
            };
            let metadata = folder
                .storage()
                .block_on(ArrowReaderMetadata::load_async(&mut remote, reader_options()));
            let metadata = metadata.and_then(keep_instants).with_context(context)?;
            let count = rows_of(metadata.metadata());
            let groups = metadata.metadata().row_groups().iter();
            // The stream has one size of batches for all row
            // groups: that of the group with the largest rows.
            let rows = groups.map(|group| batch_rows(group, columns)).min().unwrap_or(BATCH_ROWS);
            let mask = project_columns(&metadata, columns);
            let mut stream = ParquetRecordBatchStreamBuilder::new_with_metadata(remote, metadata)
                .with_projection(mask)
                .with_batch_size(rows)
                .build()
                .with_context(context)?;
            // Room for one row group: the next is fetched while one is read, and no more are held.
            let (put, groups) = channel(1);
            folder.storage().runtime().spawn_task(async move {
                while let Some(group) = stream.next_row_group().await.transpose() {
                    // The reader has gone, after an error or the end of the run.
                    if put.send(group).await.is_err() {
                        break;
                    }
                }
            });
            (count, BatchSource::Remote { groups, group: None })
        }
    };
    Ok(FileRows { count, source, shown, storage: folder.storage().clone() })
}

fn read_metadata(file: &impl ChunkReader) -> ParquetResult<ArrowReaderMetadata> {
    ArrowReaderMetadata::load(file, reader_options()).and_then(keep_instants)
}

/// A file that is read where it is.
fn whole_columns<F: ChunkReader + 'static>(
    file: impl Fn() -> ParquetResult<F> + Send + 'static,
    metadata: ArrowReaderMetadata,
    columns: Option<&[String]>,
) -> (u64, BatchSource) {
    let count = rows_of(metadata.metadata());
    let mask = project_columns(&metadata, columns);
    let groups = metadata.metadata().row_groups();
    let rows: Vec<usize> = groups.iter().map(|group| batch_rows(group, columns)).collect();
    let groups = rows.len();
    let open: OpenGroup = Box::new(move |index| {
        ParquetRecordBatchReaderBuilder::new_with_metadata(file()?, metadata.clone())
            .with_projection(mask.clone())
            .with_row_groups(vec![index])
            .with_batch_size(rows.get(index).copied().unwrap_or(BATCH_ROWS))
            .build()
    });
    (count, BatchSource::Whole { open, next: 0, groups, group: None })
}

fn rows_of(metadata: &ParquetMetaData) -> u64 {
    u64::try_from(metadata.file_metadata().num_rows()).unwrap_or(0)
}

/// The facts of a Parquet file's footer.
pub(super) fn read_footer(folder: &Folder, name: &str, size: u64) -> Result<Arc<ParquetMetaData>> {
    let mut file = RemoteFile { store: folder.store().clone(), path: folder.path(name), size };
    folder
        .storage()
        .block_on(file.get_metadata(None))
        .with_context(|| format!("cannot read the Parquet file '{}'", folder.show(name)))
}

/// The old timestamps of Spark and Hive (INT96) as microseconds, as Delta's are: the nanoseconds that
/// readers make of them by themselves overflow before 1677 and after 2262.
fn keep_instants(read: ArrowReaderMetadata) -> ParquetResult<ArrowReaderMetadata> {
    let metadata = read.metadata().clone();
    let columns = metadata.file_metadata().schema_descr().columns();
    if columns.iter().all(|column| column.physical_type() != Type::INT96) {
        return Ok(read);
    }
    let mut leaves = columns.iter().map(|column| column.physical_type() == Type::INT96);
    let fields = read.schema().fields().iter().map(|field| with_instants(field, &mut leaves));
    let schema = Arc::new(Schema::new(fields.collect::<Fields>()));
    ArrowReaderMetadata::try_new(metadata, reader_options().with_schema(schema))
}

/// The field with the types that its leaves should have; `leaves` tells of each leaf of the file, in
/// order, whether it is an old timestamp.
fn with_instants(field: &FieldRef, leaves: &mut impl Iterator<Item = bool>) -> FieldRef {
    let data_type = match field.data_type() {
        DataType::Struct(fields) => {
            DataType::Struct(fields.iter().map(|field| with_instants(field, leaves)).collect())
        }
        DataType::List(item) => DataType::List(with_instants(item, leaves)),
        DataType::Map(entries, sorted) => DataType::Map(with_instants(entries, leaves), *sorted),
        leaf => match leaves.next() {
            Some(true) => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            _ => leaf.clone(),
        },
    };
    Arc::new(field.as_ref().clone().with_data_type(data_type))
}

/// The leaves of the columns that are wanted. Names may differ in case.
fn project_columns(metadata: &ArrowReaderMetadata, columns: Option<&[String]>) -> ProjectionMask {
    let Some(columns) = columns else { return ProjectionMask::all() };
    let schema = metadata.parquet_schema();
    let is_wanted = |path: &str| {
        columns.iter().any(|column| match path.split_at_checked(column.len()) {
            Some((start, rest)) => {
                start.eq_ignore_ascii_case(column) && (rest.is_empty() || rest.starts_with('.'))
            }
            None => false,
        })
    };
    let leaves = schema.columns().iter().enumerate();
    let wanted = leaves.filter(|(_, leaf)| is_wanted(&leaf.path().string()));
    ProjectionMask::leaves(schema, wanted.map(|(index, _)| index).collect::<Vec<_>>())
}

/// Rows of a batch: as many as have some megabytes.
fn batch_rows(group: &RowGroupMetaData, columns: Option<&[String]>) -> usize {
    // Only keys and times are asked for by name, and they are short.
    if columns.is_some() {
        return BATCH_ROWS;
    }
    let rows = u64::try_from(group.num_rows()).unwrap_or(0).max(1);
    let row_bytes = (decoded_bytes(group) / rows).max(1);
    ((BATCH_BYTES / row_bytes) as usize).clamp(1, BATCH_ROWS)
}

/// About what the group's rows take as Arrow arrays: where the writer noted it, with the values of
/// dictionaries at every row.
fn decoded_bytes(group: &RowGroupMetaData) -> u64 {
    let bytes = group.columns().iter().map(|column| {
        column.uncompressed_size().max(column.unencoded_byte_array_data_bytes().unwrap_or(0))
    });
    bytes.map(|bytes| bytes.max(0) as u64).sum()
}

impl Iterator for FileRows {
    type Item = Result<DeidentifiedBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Err(error) = self.storage.shutdown().check_stop() {
            return Some(Err(error));
        }
        let context = || format!("cannot read the data file '{}'", self.shown);
        match &mut self.source {
            BatchSource::Whole { open, next, groups, group } => loop {
                if let Some(batch) = group.as_mut().and_then(|group| group.next()) {
                    return Some(
                        batch.map(DeidentifiedBatch::from_former_output).with_context(context),
                    );
                }
                if *next >= *groups {
                    return None;
                }
                *group = match open(*next) {
                    Ok(opened) => Some(Box::new(opened)),
                    Err(error) => return Some(Err(error).with_context(context)),
                };
                *next += 1;
            },
            BatchSource::Remote { groups, group } => loop {
                if let Some(batch) = group.as_mut().and_then(|group| group.next()) {
                    return Some(
                        batch.map(DeidentifiedBatch::from_former_output).with_context(context),
                    );
                }
                *group = match self.storage.block_on(groups.recv())? {
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

fn external_error(error: object_store::Error) -> ParquetError {
    ParquetError::External(Box::new(error))
}

impl AsyncFileReader for RemoteFile {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, ParquetResult<Bytes>> {
        self.store.get_range(&self.path, range).map_err(external_error).boxed()
    }

    fn get_byte_ranges(
        &mut self,
        ranges: Vec<Range<u64>>,
    ) -> BoxFuture<'_, ParquetResult<Vec<Bytes>>> {
        async move { self.store.get_ranges(&self.path, &ranges).await.map_err(external_error) }
            .boxed()
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
