//! A row group under way, its columns encoded on several threads.

use std::io::Write;
use std::mem;
use std::sync::{Mutex, MutexGuard};

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, SchemaRef};
use parquet::arrow::arrow_writer::{ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves};
use parquet::errors::Result as ParquetResult;
use parquet::file::writer::SerializedFileWriter;

use crate::error::{Context, Result};
use crate::output::parallel;
use crate::poison::ignore_poison;

/// Rows below which a batch is not worth the threads.
const FEW_ROWS: usize = 512;

/// Rows encoded column by column, in memory.
pub(super) struct RowGroup {
    schema: SchemaRef,
    /// For each top-level column the writers of its leaves. Locked by one thread at a time.
    columns: Vec<Mutex<Vec<ArrowColumnWriter>>>,
    rows: usize,
}

impl RowGroup {
    /// An empty row group, the `index`th of its file.
    pub fn new(
        factory: &ArrowRowGroupWriterFactory,
        schema: &SchemaRef,
        index: usize,
    ) -> ParquetResult<Self> {
        let mut writers = factory.create_column_writers(index)?.into_iter();
        let columns = schema
            .fields()
            .iter()
            .map(|field| {
                // The library makes one writer a leaf, in the order of the schema.
                Mutex::new(writers.by_ref().take(count_leaves(field.data_type())).collect())
            })
            .collect();
        Ok(Self { schema: schema.clone(), columns, rows: 0 })
    }

    pub fn row_count(&self) -> usize {
        self.rows
    }

    /// Bytes held in memory, about.
    pub fn memory_bytes(&self) -> usize {
        self.sum_columns(ArrowColumnWriter::memory_size)
    }

    /// Bytes that the file will have of it, about.
    pub fn byte_count(&self) -> usize {
        self.sum_columns(ArrowColumnWriter::get_estimated_total_bytes)
    }

    fn sum_columns(&self, of: impl Fn(&ArrowColumnWriter) -> usize) -> usize {
        self.columns.iter().map(|column| lock_columns(column).iter().map(&of).sum::<usize>()).sum()
    }

    /// Adds rows.
    pub fn write(&mut self, batch: &RecordBatch, threads: usize) -> Result<()> {
        let threads = if batch.num_rows() < FEW_ROWS { 1 } else { threads };
        let fields = self.schema.fields();
        parallel::run(threads, self.columns.len(), |index| {
            let leaves = compute_leaves(&fields[index], batch.column(index));
            let leaves = leaves.context("a column cannot be encoded")?;
            // Each job has a column of its own, so nobody waits: the lock only shows the compiler that.
            let mut writers = lock_columns(&self.columns[index]);
            let mut pairs = writers.iter_mut().zip(&leaves);
            pairs.try_for_each(|(writer, leaf)| writer.write(leaf)).context("a column failed")
        })?;
        self.rows += batch.num_rows();
        Ok(())
    }

    /// Puts the row group into its file.
    pub fn finish_group<W: Write + Send>(
        self,
        file: &mut SerializedFileWriter<W>,
        threads: usize,
    ) -> Result<()> {
        let failed = "a row group cannot be ended";
        // Closing compresses the last pages, so it is done on
        // all threads; only the copying into the file is not.
        let chunks = parallel::run(threads, self.columns.len(), |index| {
            let writers = mem::take(&mut *lock_columns(&self.columns[index])).into_iter();
            writers.map(ArrowColumnWriter::close).collect::<ParquetResult<Vec<_>>>().context(failed)
        })?;
        let mut group = file.next_row_group().context(failed)?;
        for chunk in chunks.into_iter().flatten() {
            chunk.append_to_row_group(&mut group).context(failed)?;
        }
        group.close().map(|_| ()).context(failed)
    }
}

fn lock_columns(column: &Mutex<Vec<ArrowColumnWriter>>) -> MutexGuard<'_, Vec<ArrowColumnWriter>> {
    ignore_poison(column.lock())
}

/// How many Parquet columns an Arrow column has.
fn count_leaves(data_type: &DataType) -> usize {
    match data_type {
        DataType::Struct(members) => {
            members.iter().map(|member| count_leaves(member.data_type())).sum()
        }
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            count_leaves(item.data_type())
        }
        DataType::Map(entries, _) => count_leaves(entries.data_type()),
        _ => 1,
    }
}
