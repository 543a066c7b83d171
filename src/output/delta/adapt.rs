//! Batches brought to a table's schema.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, ListArray, RecordBatch, RecordBatchOptions, StringArray, StructArray,
    new_null_array,
};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, SchemaRef};
use arrow::error::ArrowError;

/// The batch with exactly the columns of `schema`: those that it lacks, at any depth, are null.
/// Columns that `schema` lacks are left out.
///
/// # Errors
/// A column whose type cannot be brought to the table's.
pub(super) fn adapt(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    if batch.schema_ref() == schema {
        return Ok(batch.clone());
    }
    let columns = schema.fields().iter().map(|field| match batch.column_by_name(field.name()) {
        Some(column) => adapt_array(column, field.data_type()),
        None => Ok(new_null_array(field.data_type(), batch.num_rows())),
    });
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(schema.clone(), columns, &options)
}

fn adapt_array(array: &ArrayRef, to: &DataType) -> Result<ArrayRef, ArrowError> {
    if array.data_type() == to {
        return Ok(array.clone());
    }
    match (array.data_type(), to) {
        (DataType::Struct(_), DataType::Struct(fields)) => {
            let array = array.as_struct();
            let children = fields.iter().map(|field| match array.column_by_name(field.name()) {
                Some(child) => adapt_array(child, field.data_type()),
                None => Ok(new_null_array(field.data_type(), array.len())),
            });
            let children = children.collect::<Result<Vec<_>, _>>()?;
            let nulls = array.nulls().cloned();
            Ok(Arc::new(StructArray::try_new_with_length(
                fields.clone(),
                children,
                nulls,
                array.len(),
            )?))
        }
        (DataType::List(_), DataType::List(item)) => {
            let array = array.as_list::<i32>();
            let values = adapt_array(array.values(), item.data_type())?;
            let (offsets, nulls) = (array.offsets().clone(), array.nulls().cloned());
            Ok(Arc::new(ListArray::try_new(item.clone(), offsets, values, nulls)?))
        }
        // The union of the schemas has seen to it that this changes the spelling of a type only.
        _ => cast_with_options(array, to, &CastOptions { safe: false, ..CastOptions::default() }),
    }
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
        arrays[index] = adapt_array(&text, schema.field(index).data_type())?;
    }
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(schema, arrays, &options)
}
