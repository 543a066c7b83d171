//! Rows of one table become a record batch.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, StringBuilder};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::error::ArrowError;

use super::column::ObjectColumn;
use super::deidentified::DeidentifiedBatch;
use super::schema::RESOURCE_TYPE;
use crate::deid::{Deidentified, Event};
use crate::fhir::Type;

/// Collects de-identified rows of one resource type. Its batches have the columns that those
/// rows show; [`adapt_batch`](super::adapt_batch) brings them to the table's schema.
pub struct TableBuilder {
    r4: &'static Type,
    rows: ObjectColumn,
}

impl TableBuilder {
    /// A builder for rows of this resource type.
    pub fn new(r4: &'static Type) -> Self {
        Self { r4, rows: ObjectColumn::new(r4) }
    }

    /// Takes a row.
    pub fn append(&mut self, row: &Deidentified<'_>) {
        let mut events = row.read_events();
        if let Some(Event::Object(_)) = events.next() {
            self.rows.append(&mut events);
        }
    }

    /// The rows since the last call.
    pub fn finish(&mut self) -> Result<DeidentifiedBatch, ArrowError> {
        // New columns for each batch: one that only an earlier batch had must not come back as nulls.
        let rows = std::mem::replace(&mut self.rows, ObjectColumn::new(self.r4));
        let len = rows.len();
        let (mut fields, mut arrays) = rows.finish_children()?;
        let mut resource_type = StringBuilder::with_capacity(len, len * self.r4.name.len());
        (0..len).for_each(|_| resource_type.append_value(self.r4.name));
        fields.insert(0, Field::new(RESOURCE_TYPE, DataType::Utf8, true));
        arrays.insert(0, Arc::new(resource_type.finish()) as ArrayRef);
        let options = RecordBatchOptions::new().with_row_count(Some(len));
        RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options)
            .map(DeidentifiedBatch::new)
    }
}
