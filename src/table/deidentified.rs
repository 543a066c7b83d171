//! The types that may be staged and written: rows that were de-identified, as Arrow or as JSON lines.
//!
//! Both types are made of [`Deidentified`] rows, and nothing else here takes raw data. The other
//! way into them is named, and `grep -rn from_former_output crates src` lists it: rows that a
//! former run has de-identified, and that a table is made of again. The rows of the completion tables are made in
//! [`super::completion`].
//!
//! Raw lines of an export cannot be staged:
//!
//! ```compile_fail,E0308
//! use cumulus_etl::table::{Block, Scratch};
//! let raw: Vec<u8> = b"{\"resourceType\": \"Patient\", \"id\": \"p1\"}\n".to_vec();
//! Block::of_lines(&raw, &mut Scratch::default());
//! ```
//!
//! Nor can a batch that somebody has made of them:
//!
//! ```compile_fail,E0308
//! use arrow::array::{ArrayRef, RecordBatch, StringArray};
//! use cumulus_etl::table::{Block, Scratch};
//! let names: ArrayRef = std::sync::Arc::new(StringArray::from(vec!["Jane Doe"]));
//! let raw = RecordBatch::try_from_iter([("name", names)]).unwrap();
//! Block::of_batch(&raw, &mut Scratch::default());
//! ```
//!
//! Nor can either be passed off as de-identified:
//!
//! ```compile_fail,E0423
//! use cumulus_etl::table::DeidentifiedLines;
//! DeidentifiedLines(b"{\"resourceType\": \"Patient\", \"id\": \"p1\"}\n".to_vec());
//! ```
//!
//! ```compile_fail,E0624
//! use cumulus_etl::table::DeidentifiedLines;
//! DeidentifiedLines::new(b"{\"resourceType\": \"Patient\", \"id\": \"p1\"}\n".to_vec());
//! ```

use std::ops::Range;

use arrow::array::{BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;

use super::fit::fit_columns;
use crate::deid::Deidentified;
use crate::deid::json::write_row;

/// Rows of one table as Arrow, all of them de-identified.
#[derive(Clone, Debug, PartialEq)]
pub struct DeidentifiedBatch(RecordBatch);

impl DeidentifiedBatch {
    pub(super) fn new(batch: RecordBatch) -> Self {
        Self(batch)
    }

    /// Rows that a table has already: a former run has de-identified them. An escape from what the
    /// types promise; each use says where the rows come from.
    pub fn from_former_output(batch: RecordBatch) -> Self {
        Self(batch)
    }

    /// No rows of this schema.
    pub fn empty(schema: SchemaRef) -> Self {
        Self(RecordBatch::new_empty(schema))
    }

    /// The rows, for reading.
    pub fn as_arrow(&self) -> &RecordBatch {
        &self.0
    }

    /// Number of rows.
    pub fn num_rows(&self) -> usize {
        self.0.num_rows()
    }

    /// The columns.
    pub fn schema(&self) -> SchemaRef {
        self.0.schema()
    }

    /// The rows that `keep` says.
    ///
    /// # Errors
    /// A filter of another length than the batch.
    pub fn filter(&self, keep: &BooleanArray) -> Result<Self, ArrowError> {
        filter_record_batch(&self.0, keep).map(Self)
    }

    /// The rows of `range`, as far as there are such.
    #[must_use]
    pub fn slice(&self, range: Range<usize>) -> Self {
        let end = range.end.min(self.num_rows());
        let start = range.start.min(end);
        Self(self.0.slice(start, end - start))
    }

    /// The batch with exactly the columns of `schema`; see [`fit_columns`].
    ///
    /// # Errors
    /// A column whose type cannot be brought to that of the schema.
    pub fn fit_to(&self, schema: &SchemaRef) -> Result<Self, ArrowError> {
        fit_columns(&self.0, schema).map(Self)
    }
}

/// Rows of one table as lines of JSON, all of them de-identified.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DeidentifiedLines(Vec<u8>);

impl DeidentifiedLines {
    pub(super) fn new(lines: Vec<u8>) -> Self {
        Self(lines)
    }

    /// Lines that a test has made up.
    #[cfg(test)]
    pub(crate) fn of_test(lines: &[u8]) -> Self {
        Self(lines.to_vec())
    }

    /// Adds a row, with its line end.
    pub fn push(&mut self, row: &Deidentified<'_>) {
        write_row(row, &mut self.0);
        self.0.push(b'\n');
    }

    /// The lines, each with its line end.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}
