//! Arrays brought to another form of their type: that of a table's schema.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, ListArray, MapArray, RecordBatch, RecordBatchOptions, StructArray,
    new_null_array,
};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field, Fields, SchemaRef};
use arrow::error::ArrowError;

/// Which of `fields` a name means, if any: by its place.
pub type Find = fn(fields: &Fields, name: &str) -> Option<usize>;

/// The field that a name means: the one of that spelling, or else the only one that differs from it in
/// case, since most engines take names so.
pub fn find_field(fields: &Fields, name: &str) -> Option<usize> {
    if let Some((index, _)) = fields.find(name) {
        return Some(index);
    }
    let same = |(index, field): (usize, &Arc<Field>)| {
        field.name().eq_ignore_ascii_case(name).then_some(index)
    };
    let mut same = fields.iter().enumerate().filter_map(same);
    same.next().filter(|_| same.next().is_none())
}

/// The batch with exactly the columns of `schema`: those that it lacks, at any depth, are null.
/// Columns that `schema` lacks are left out. Names may differ in case; no table that is written has
/// two that differ in nothing else.
///
/// # Errors
/// A column whose type cannot be brought to that of the schema.
pub fn fit_columns(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    if batch.schema_ref() == schema {
        return Ok(batch.clone());
    }
    let known = batch.schema_ref().fields();
    let columns = schema.fields().iter().map(|field| match find_field(known, field.name()) {
        Some(index) => fit_array(batch.column(index), field.data_type(), find_field),
        None => Ok(new_null_array(field.data_type(), batch.num_rows())),
    });
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(schema.clone(), columns, &options)
}

/// The array as `to`. Fields of structs, at any depth, are found by `find`: those that it lacks are
/// null, those that `to` lacks are left out.
///
/// # Errors
/// A value that can't be had in the type.
pub fn fit_array(array: &ArrayRef, to: &DataType, find: Find) -> Result<ArrayRef, ArrowError> {
    if array.data_type() == to {
        return Ok(array.clone());
    }
    match (array.data_type(), to) {
        (DataType::Struct(from), DataType::Struct(fields)) => {
            let array = array.as_struct();
            let children = fields.iter().map(|field| match find(from, field.name()) {
                Some(index) => fit_array(array.column(index), field.data_type(), find),
                None => Ok(new_null_array(field.data_type(), array.len())),
            });
            let children = children.collect::<Result<Vec<_>, _>>()?;
            let (nulls, len) = (array.nulls().cloned(), array.len());
            Ok(Arc::new(StructArray::try_new_with_length(fields.clone(), children, nulls, len)?))
        }
        (DataType::List(_), DataType::List(item)) => {
            let array = array.as_list::<i32>();
            let values = fit_array(array.values(), item.data_type(), find)?;
            let (offsets, nulls) = (array.offsets().clone(), array.nulls().cloned());
            Ok(Arc::new(ListArray::try_new(item.clone(), offsets, values, nulls)?))
        }
        (DataType::LargeList(item) | DataType::FixedSizeList(item, _), DataType::List(_)) => {
            fit_array(&cast_array(array, &DataType::List(item.clone()))?, to, find)
        }
        (DataType::Map(_, _), DataType::Map(entries, sorted)) => {
            let array = array.as_map();
            let items: ArrayRef = Arc::new(array.entries().clone());
            let items = fit_array(&items, entries.data_type(), find)?;
            let (offsets, nulls) = (array.offsets().clone(), array.nulls().cloned());
            let items = items.as_struct().clone();
            Ok(Arc::new(MapArray::try_new(entries.clone(), offsets, items, nulls, *sorted)?))
        }
        _ => cast_array(array, to),
    }
}

/// A value that doesn't fit is an error, not a null.
fn cast_array(array: &ArrayRef, to: &DataType) -> Result<ArrayRef, ArrowError> {
    cast_with_options(array, to, &CastOptions { safe: false, ..CastOptions::default() })
}
