//! Columns that the log tells of, and the data files do not have.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, StringArray};
use arrow::error::ArrowError;

use crate::table::{DeidentifiedBatch, find_field, fit_array};

/// Fills partition columns, which data files need not have, with what the log says of the file.
pub(super) fn fill_partitions(
    batch: &DeidentifiedBatch,
    columns: &[&str],
    values: &HashMap<String, String>,
) -> Result<DeidentifiedBatch, ArrowError> {
    let (schema, mut arrays, rows) = batch.as_arrow().clone().into_parts();
    for name in columns {
        let (Ok(index), Some(value)) = (schema.index_of(name), values.get(*name)) else { continue };
        let text: ArrayRef = Arc::new(StringArray::from_iter_values(vec![value; rows]));
        arrays[index] = fit_array(&text, schema.field(index).data_type(), find_field)?;
    }
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    let batch = RecordBatch::try_new_with_options(schema, arrays, &options)?;
    // The rows and the values were the table's before: the values stand in its log.
    Ok(DeidentifiedBatch::from_former_output(batch))
}
