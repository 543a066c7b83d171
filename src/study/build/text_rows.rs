//! Rows of text on their way from a file to columns.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringBuilder};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use crate::error::{Context, Result};

/// Rows of a batch; fewer where there are many columns.
const BATCH_ROWS: usize = 8192;
const BATCH_CELLS: usize = 1 << 20;
/// Bytes of the texts of a batch, but for its last row: a column of a batch has room for 2 GiB.
const BATCH_BYTES: usize = 32 << 20;

/// Rows of text, which become columns of text; an empty cell is null.
pub(super) struct TextRows {
    pub schema: SchemaRef,
    columns: Vec<StringBuilder>,
    rows: usize,
    bytes: usize,
    /// Rows of a batch.
    most: usize,
}

impl TextRows {
    pub fn new<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        let fields: Vec<_> = names.map(|name| Field::new(name, DataType::Utf8, true)).collect();
        // Without room to begin with: the usual 1024 rows for each of 4096 columns would be 20 MB for
        // any small file.
        let columns = fields.iter().map(|_| StringBuilder::with_capacity(0, 0)).collect();
        let most = (BATCH_CELLS / fields.len().max(1)).clamp(1, BATCH_ROWS);
        Self { schema: Arc::new(Schema::new(fields)), columns, rows: 0, bytes: 0, most }
    }

    /// Adds a row; true if there are enough for a batch.
    pub fn add_row<'a>(&mut self, mut cells: impl Iterator<Item = Option<&'a str>>) -> bool {
        for column in &mut self.columns {
            let cell = cells.next().flatten().filter(|cell| !cell.is_empty());
            self.bytes += cell.map_or(0, str::len);
            column.append_option(cell);
        }
        self.rows += 1;
        self.rows == self.most || self.bytes >= BATCH_BYTES
    }

    /// The rows so far, if there are any.
    pub fn take_batch(&mut self) -> Option<Result<RecordBatch>> {
        if std::mem::take(&mut self.rows) == 0 {
            return None;
        }
        self.bytes = 0;
        let columns = self.columns.iter_mut().map(|column| Arc::new(column.finish()) as ArrayRef);
        let batch = RecordBatch::try_new(self.schema.clone(), columns.collect());
        Some(batch.context("cannot load"))
    }
}
