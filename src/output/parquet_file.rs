//! Parquet files, written within bounded memory.
//!
//! Shared by the Delta tables and the plain Parquet format. Row groups end by rows or by bytes,
//! whichever comes first, so that wide rows cost small row groups rather than memory. Columns
//! are encoded on several threads: most tables have one file, and hundreds of columns.

mod row_group;

use std::cmp::Ordering;
use std::io::{self, Write};
use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, SchemaRef};
use parquet::arrow::ArrowSchemaConverter;
use parquet::arrow::arrow_writer::ArrowRowGroupWriterFactory;
use parquet::basic::{Compression, LogicalType, Type, ZstdLevel};
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::statistics::Statistics;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{ColumnDescriptor, ColumnPath};

use self::row_group::RowGroup;
use crate::error::{Context, Error, Result};
use crate::memory::WritingShare;
use crate::store::{Folder, Upload};
use crate::table::DeidentifiedBatch;

/// Bytes that are handed to the encoders in one piece: between two pieces the row group may end.
const PIECE: usize = 16 << 20;
/// Rows after which a row group ends.
const GROUP_ROWS: usize = 128 << 10;

/// How a file is laid out.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Columns (`meta.lastUpdated` by its path) whose values hardly repeat: no dictionary is
    /// tried for them.
    pub unique_columns: Vec<String>,
    /// Rows after which a row group ends.
    pub row_group_rows: usize,
    /// Bytes that a row group may hold in memory before it ends.
    pub row_group_bytes: usize,
    /// Bytes of values after which it ends, however little memory they take.
    pub row_group_values: usize,
    /// Columns that are encoded at the same time.
    pub threads: usize,
}

impl Settings {
    /// Row groups of the usual number of rows.
    pub fn new(unique_columns: Vec<String>, memory: &WritingShare, threads: usize) -> Self {
        let WritingShare { row_group_bytes, row_group_values, .. } = *memory;
        let row_group_rows = GROUP_ROWS;
        Self { unique_columns, row_group_rows, row_group_bytes, row_group_values, threads }
    }
}

/// A Parquet file (zstd) that is being written. It appears on [`ParquetFile::finish_file`], durably
/// on a local disk; dropped before that, nothing appears. Holds some 64 MiB at most: one row
/// group and the parts under way.
pub struct ParquetFile {
    writer: SerializedFileWriter<Sink>,
    groups: ArrowRowGroupWriterFactory,
    schema: SchemaRef,
    /// The row group under way.
    group: Option<RowGroup>,
    /// About how many bytes its values have.
    group_values: usize,
    shown: String,
    rows: u64,
    row_group_rows: usize,
    row_group_bytes: usize,
    row_group_values: usize,
    threads: usize,
}

/// The size of a written file.
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    /// Number of rows.
    pub rows: u64,
    /// Size of the file in bytes.
    pub bytes: u64,
    /// Of scalar columns, and of those right inside a struct.
    pub stats: Vec<ColumnStats>,
}

/// The content of a file's column.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnStats {
    /// The column's name, after those of the structs around it.
    pub path: Vec<String>,
    /// Rows without a value.
    pub nulls: u64,
    /// A lower and an upper bound of the values; of long strings not the closest ones. `None`
    /// where all are null, or where the type has no order that JSON shows.
    pub bounds: Option<(Bound, Bound)>,
}

/// A bound of a column's values.
#[derive(Clone, Debug, PartialEq, PartialOrd)]
pub enum Bound {
    /// Of a boolean column.
    Boolean(bool),
    /// Of an integer column.
    Integer(i64),
    /// Of a decimal number column; finite.
    Float(f64),
    /// Of a text column.
    Text(String),
}

impl ParquetFile {
    /// Begins the file `name` below `folder`, for batches of this schema.
    ///
    /// # Errors
    /// A type that Parquet has no place for; a store that refuses.
    pub fn create_file(
        folder: &Folder,
        name: &str,
        schema: SchemaRef,
        settings: &Settings,
    ) -> Result<Self> {
        let shown = folder.show(name);
        let level = ZstdLevel::try_new(1).context("zstd has no level 1")?;
        let mut properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(level))
            .set_created_by(concat!("cumulus-etl ", env!("CARGO_PKG_VERSION")).to_owned())
            .set_max_row_group_row_count(Some(settings.row_group_rows))
            // Of a wide table, most columns have little in a batch: fewer, larger steps.
            .set_write_batch_size(16 << 10)
            // Page indexes cost as much as the footer of a wide table, and IDs are not sorted.
            .set_statistics_enabled(EnabledStatistics::None)
            .set_offset_index_disabled(true);
        for column in &settings.unique_columns {
            let path = ColumnPath::new(column.split('.').map(str::to_owned).collect());
            properties = properties.set_column_dictionary_enabled(path, false);
        }
        for path in shallow_columns(&schema) {
            let path = ColumnPath::new(path);
            properties = properties.set_column_statistics_enabled(path, EnabledStatistics::Chunk);
        }
        // Readers take a table's types from its own metadata; the Arrow schema that could be
        // embedded would say the same again in every file.
        let failed = || format!("cannot write '{shown}'");
        let root = ArrowSchemaConverter::new().convert(&schema).with_context(failed)?;
        let sink = Sink(Some(folder.upload(name)?));
        let properties = Arc::new(properties.build());
        let writer = SerializedFileWriter::new(sink, root.root_schema_ptr(), properties);
        let writer = writer.with_context(failed)?;
        Ok(Self {
            groups: ArrowRowGroupWriterFactory::new(&writer, schema.clone()),
            writer,
            schema,
            group: None,
            group_values: 0,
            shown,
            rows: 0,
            row_group_rows: settings.row_group_rows.max(1),
            row_group_bytes: settings.row_group_bytes,
            row_group_values: settings.row_group_values,
            threads: settings.threads,
        })
    }

    /// Adds rows.
    pub fn write(&mut self, batch: &DeidentifiedBatch) -> Result<()> {
        let batch = batch.as_arrow();
        let row_bytes = bytes_of(batch) / batch.num_rows().max(1);
        // Memory is looked at between pieces, so that a group
        // is never more than half a limit beyond it.
        let limit = PIECE.min(self.row_group_bytes / 2);
        let step = (limit / row_bytes.max(1)).max(1);
        let mut start = 0;
        while start < batch.num_rows() {
            let group = match &mut self.group {
                Some(group) => group,
                none => none.insert(
                    RowGroup::new(
                        &self.groups,
                        &self.schema,
                        self.writer.flushed_row_groups().len(),
                    )
                    .with_context(|| format!("cannot write '{}'", self.shown))?,
                ),
            };
            let rows =
                // The file's writer does not cut groups by itself here:
                // the properties' limit is for Arrow's own writer.
                step.min(batch.num_rows() - start).min(self.row_group_rows - group.row_count());
            group
                .write(&batch.slice(start, rows), self.threads)
                .with_context(|| format!("cannot write '{}'", self.shown))?;
            start += rows;
            self.rows += rows as u64;
            self.group_values += rows * row_bytes;
            if group.row_count() >= self.row_group_rows
                || group.memory_bytes() >= self.row_group_bytes
                || self.group_values >= self.row_group_values
            {
                self.end_group()?;
            }
        }
        Ok(())
    }

    fn end_group(&mut self) -> Result<()> {
        self.group_values = 0;
        let Some(group) = self.group.take() else { return Ok(()) };
        group
            .finish_group(&mut self.writer, self.threads)
            .with_context(|| format!("cannot write '{}'", self.shown))
    }

    /// Rows written so far.
    pub fn row_count(&self) -> u64 {
        self.rows
    }

    /// About how many bytes the file has so far.
    pub fn byte_count(&self) -> u64 {
        (self.writer.bytes_written() + self.group.as_ref().map_or(0, RowGroup::byte_count)) as u64
    }

    /// Makes the file appear.
    pub fn finish_file(mut self) -> Result<Written> {
        self.end_group()?;
        let metadata =
            self.writer.finish().with_context(|| format!("cannot write '{}'", self.shown))?;
        // `finish` has written the footer, but `into_inner` would want to write it again.
        let upload = self.writer.inner_mut().0.take();
        let upload = upload.ok_or_else(|| Error::failed("the file was finished before"))?;
        Ok(Written {
            rows: self.rows,
            bytes: upload.finish()?,
            stats: column_statistics(&metadata),
        })
    }
}

/// Scalar columns, and those right inside a struct: what queries filter by. A wide table has a
/// thousand others, for which statistics would cost more than the values.
fn shallow_columns(schema: &SchemaRef) -> Vec<Vec<String>> {
    let mut paths = Vec::new();
    for field in schema.fields() {
        match field.data_type() {
            DataType::Struct(members) => {
                let scalars = members.iter().filter(|member| !member.data_type().is_nested());
                paths.extend(scalars.map(|s| vec![field.name().clone(), s.name().clone()]));
            }
            nested if nested.is_nested() => {}
            _ => paths.push(vec![field.name().clone()]),
        }
    }
    paths
}

/// About how many bytes the values of a batch have.
fn bytes_of(batch: &RecordBatch) -> usize {
    batch.columns().iter().map(|column| array_bytes(column)).sum()
}

/// Of a part of a list array only the items of that part count. Where the size is not known, it is
/// what is handed to the encoders in one piece.
fn array_bytes(array: &dyn Array) -> usize {
    if let Some(list) = array.as_list_opt::<i32>() {
        let offsets = list.value_offsets();
        let first = offsets.first().copied().unwrap_or_default();
        let count = offsets.last().copied().unwrap_or_default() - first;
        let items = list.values().slice(first as usize, count as usize);
        return size_of_val(offsets) + array_bytes(&items);
    }
    match array.as_struct_opt() {
        Some(fields) => fields.columns().iter().map(|column| array_bytes(column)).sum(),
        None => array.to_data().get_slice_memory_size().unwrap_or(PIECE),
    }
}

/// Lets the upload be taken back out of the Parquet writer.
struct Sink(Option<Upload>);

impl Write for Sink {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        match &mut self.0 {
            Some(upload) => upload.write(data),
            None => Err(io::Error::other("the file has ended")),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn column_statistics(metadata: &ParquetMetaData) -> Vec<ColumnStats> {
    let columns = metadata.file_metadata().schema_descr().columns();
    // Delta's statistics are of rows. In a list the number of values is not the number of rows.
    let flat = columns.iter().enumerate().filter(|(_, column)| column.max_rep_level() == 0);
    flat.filter_map(|(index, column)| column_stats(metadata.row_groups(), index, column)).collect()
}

/// `None` where a row group says nothing of the column.
fn column_stats(
    groups: &[RowGroupMetaData],
    index: usize,
    column: &ColumnDescriptor,
) -> Option<ColumnStats> {
    let path = column.path().parts().to_vec();
    let (mut nulls, mut bounds, mut known) = (0, None, true);
    for group in groups {
        // One group without statistics makes the whole column's unknown: a
        // bound that is too narrow would have readers skip rows.
        let statistics = group.column(index).statistics()?;
        let group_nulls = statistics.null_count_opt()?;
        nulls += group_nulls;
        if group_nulls == group.num_rows() as u64 {
            continue;
        }
        match bounds_of(statistics, column) {
            Some(of_group) => bounds = Some(widen_statistics(bounds, of_group)),
            None => known = false,
        }
    }
    Some(ColumnStats { path, nulls, bounds: bounds.filter(|_| known) })
}

fn widen_statistics(bounds: Option<(Bound, Bound)>, (min, max): (Bound, Bound)) -> (Bound, Bound) {
    match bounds {
        None => (min, max),
        Some((low, high)) => (
            if min.partial_cmp(&low) == Some(Ordering::Less) { min } else { low },
            if max.partial_cmp(&high) == Some(Ordering::Greater) { max } else { high },
        ),
    }
}

fn bounds_of(statistics: &Statistics, column: &ColumnDescriptor) -> Option<(Bound, Bound)> {
    let text = |bytes: &[u8]| Some(Bound::Text(std::str::from_utf8(bytes).ok()?.to_owned()));
    // JSON has no NaN and no infinity.
    let float = |value: f64| value.is_finite().then_some(Bound::Float(value));
    // Dates, times and decimals are numbers too, but JSON shows them otherwise.
    let plain = match column.physical_type() {
        Type::BYTE_ARRAY => matches!(column.logical_type_ref(), Some(LogicalType::String)),
        _ => column.logical_type_ref().is_none(),
    };
    match statistics {
        _ if !plain => None,
        Statistics::Boolean(s) => {
            Some((Bound::Boolean(*s.min_opt()?), Bound::Boolean(*s.max_opt()?)))
        }
        Statistics::Int32(s) => {
            Some((Bound::Integer((*s.min_opt()?).into()), Bound::Integer((*s.max_opt()?).into())))
        }
        Statistics::Int64(s) => {
            Some((Bound::Integer(*s.min_opt()?), Bound::Integer(*s.max_opt()?)))
        }
        Statistics::Float(s) => {
            Some((float((*s.min_opt()?).into())?, float((*s.max_opt()?).into())?))
        }
        Statistics::Double(s) => Some((float(*s.min_opt()?)?, float(*s.max_opt()?)?)),
        Statistics::ByteArray(s) => Some((text(s.min_bytes_opt()?)?, text(s.max_bytes_opt()?)?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
