//! Parquet files.

use std::io;

use ::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use arrow::array::AsArray;
use bytes::Bytes;

use super::existing::Readable;
use super::{FileFormat, FileShare};
use crate::error::Result;
use crate::output::parquet_file::{ParquetFile, Settings};
use crate::output::rows::Batches;
use crate::output::table::TableRun;
use crate::parquet_bounds;
use crate::store::{Folder, Reader};
use crate::table::find_field;

/// Apache Parquet.
pub struct Parquet;

impl FileFormat for Parquet {
    fn file_extension(&self) -> &'static str {
        "parquet"
    }

    /// Row groups are held in memory, so some columns of one file are written at the same time.
    fn takes_all_threads(&self) -> bool {
        true
    }

    fn write_file(
        &self,
        folder: &Folder,
        name: &str,
        run: &TableRun<'_>,
        batches: Batches<'_>,
        share: FileShare,
    ) -> Result<(u64, u64)> {
        let unique_columns = run.key_columns.iter().map(|s| (*s).to_owned()).collect();
        let settings = Settings::new(unique_columns, &share.memory, share.threads);
        let mut file = ParquetFile::create_file(folder, name, run.rows.schema(), &settings)?;
        for batch in batches {
            file.write(&batch?)?;
        }
        let written = file.finish_file()?;
        Ok((written.rows, written.bytes))
    }

    fn read_keys(
        &self,
        mut reader: Reader,
        columns: &[&str],
        visit: &mut dyn FnMut(&[&str]),
    ) -> io::Result<Readable> {
        let mut bytes = Vec::new();
        // A Parquet reader needs the end of the file first, and
        // `Reader` is a stream. Completion files are small.
        reader.read_to_end(&mut bytes)?;
        let bytes = Bytes::from(bytes);
        let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(
            bytes,
            parquet_bounds::reader_options(),
        );
        let Ok(builder) = builder else {
            return Ok(Readable::InPart);
        };
        let Ok(batches) = builder.build() else { return Ok(Readable::InPart) };
        for batch in batches {
            let Ok(batch) = batch else { return Ok(Readable::InPart) };
            let column = |name: &&str| {
                let index = find_field(batch.schema_ref().fields(), name)?;
                batch.column(index).as_string_opt::<i32>()
            };
            let Some(arrays) = columns.iter().map(column).collect::<Option<Vec<_>>>() else {
                return Ok(Readable::InPart);
            };
            for row in 0..batch.num_rows() {
                // A null gives "", as in the other formats: key
                // columns of completion rows are never null.
                visit(&arrays.iter().map(|array| array.value(row)).collect::<Vec<_>>());
            }
        }
        Ok(Readable::Whole)
    }
}
