//! Batches brought to a table's schema.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, StringArray, new_null_array};
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;

use crate::table::{find_field, fit};

/// The batch with exactly the columns of `schema`: those that it lacks, at any depth, are null.
/// Columns that `schema` lacks are left out. Names may differ in case; no table that is written has
/// two that differ in nothing else.
///
/// # Errors
/// A column whose type cannot be brought to the table's.
pub(super) fn adapt(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    if batch.schema_ref() == schema {
        return Ok(batch.clone());
    }
    let known = batch.schema_ref().fields();
    let columns = schema.fields().iter().map(|field| match find_field(known, field.name()) {
        Some(index) => fit(batch.column(index), field.data_type(), find_field),
        None => Ok(new_null_array(field.data_type(), batch.num_rows())),
    });
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(schema.clone(), columns, &options)
}

/// Fills partition columns, which data files need not have, with what the log says of the file.
pub(super) fn fill(
    batch: RecordBatch,
    columns: &[&str],
    values: &HashMap<String, String>,
) -> Result<RecordBatch, ArrowError> {
    let (schema, mut arrays, rows) = batch.into_parts();
    for name in columns {
        let (Ok(index), Some(value)) = (schema.index_of(name), values.get(*name)) else { continue };
        let text: ArrayRef = Arc::new(StringArray::from_iter_values(vec![value; rows]));
        arrays[index] = fit(&text, schema.field(index).data_type(), find_field)?;
    }
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(schema, arrays, &options)
}
