//! The rows of the completion tables: which data of which Group has been processed (spec: "Tables").
//!
//! They hold names, times and anonymous IDs, and are [`DeidentifiedBatch`]es by that.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch, StringArray, StringBuilder};
use arrow::error::ArrowError;

use super::deidentified::DeidentifiedBatch;
use super::schema;
use crate::deid::AnonId;

/// The text that one run writes of one table.
#[derive(Clone, Copy, Debug)]
pub struct CompletionRow<'a> {
    /// The table's name.
    pub table: &'a str,
    /// The Group; empty for none.
    pub group: &'a str,
    /// When the data was exported.
    pub export_time: &'a str,
    /// The kick-off URL, where known, without secrets.
    pub export_url: Option<&'a str>,
    /// When this run began.
    pub etl_time: &'a str,
    /// Excluded resources; empty for none.
    pub excluded: &'a str,
}

impl CompletionRow<'_> {
    /// The row as a batch.
    ///
    /// # Errors
    /// Those of Arrow.
    pub fn to_batch(self) -> Result<DeidentifiedBatch, ArrowError> {
        let text = |text: Option<&str>| -> ArrayRef { Arc::new(StringArray::from(vec![text])) };
        let columns = vec![
            text(Some(self.table)),
            text(Some(self.group)),
            text(Some(self.export_time)),
            text(self.export_url),
            text(Some(env!("CARGO_PKG_VERSION"))),
            text(Some(self.etl_time)),
            text(Some(self.excluded)),
        ];
        RecordBatch::try_new(schema::completion_schema(), columns).map(DeidentifiedBatch::new)
    }
}

/// Encounters of an export, on their way into their completion table.
#[derive(Default)]
pub struct CompletedEncounters {
    ids: StringBuilder,
}

impl CompletedEncounters {
    /// Adds an encounter.
    pub fn push(&mut self, id: &AnonId<'_>) {
        self.ids.append_value(id.as_str());
    }

    /// One row for each encounter since the last call: it was processed with this export.
    ///
    /// # Errors
    /// Those of Arrow.
    pub fn finish(
        &mut self,
        group: &str,
        export_time: &str,
        excluded: &str,
    ) -> Result<DeidentifiedBatch, ArrowError> {
        let ids = self.ids.finish();
        let rows = ids.len();
        let constant = |text: &str| -> ArrayRef {
            let mut column = StringBuilder::with_capacity(rows, rows * text.len());
            (0..rows).for_each(|_| column.append_value(text));
            Arc::new(column.finish())
        };
        let columns = vec![
            Arc::new(ids) as ArrayRef,
            constant(group),
            constant(export_time),
            constant(excluded),
        ];
        RecordBatch::try_new(schema::completion_encounters(), columns).map(DeidentifiedBatch::new)
    }
}
