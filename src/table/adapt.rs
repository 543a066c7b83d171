//! Batches of whatever shape, brought to a table's schema.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, ListArray, RecordBatch, RecordBatchOptions, StructArray,
    new_null_array,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::is_not_null;
use arrow::compute::kernels::zip::zip;
use arrow::datatypes::{DataType, Fields, SchemaRef};
use arrow::error::ArrowError;

use super::schema::RESOURCE_TYPE;

/// How many values of contained resources fitted no column, by resource type and element.
pub type Misfits = BTreeMap<(String, String), u64>;

/// Brings a batch to `schema`: columns in its order, nulls for those the batch lacks, at every
/// depth. What the schema doesn't have is left out; a non-null value of a contained resource
/// that is lost this way is counted in `misfits`.
pub fn adapt(
    batch: &RecordBatch,
    schema: &SchemaRef,
    misfits: &mut Misfits,
) -> Result<RecordBatch, ArrowError> {
    let rows = batch.num_rows();
    let mut nulls = Nulls::default();
    let mut columns = Vec::with_capacity(schema.fields().len());
    for field in schema.fields() {
        let fitted = match batch.column_by_name(field.name()) {
            None => None,
            Some(array) => match contained_items(array) {
                Some(list) => Some(contained(list, field.data_type(), &mut nulls, misfits)?),
                None => fit(array, field.data_type(), &mut nulls)?,
            },
        };
        columns.push(match fitted {
            Some(array) => array,
            None => nulls.array(field.data_type(), rows)?,
        });
    }
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(schema.clone(), columns, &options)
}

/// An array as `target`; `None` where the two have nothing in common.
fn fit(
    array: &ArrayRef,
    target: &DataType,
    nulls: &mut Nulls,
) -> Result<Option<ArrayRef>, ArrowError> {
    if array.data_type() == target {
        return Ok(Some(array.clone()));
    }
    match (array.data_type(), target) {
        (DataType::List(_), DataType::List(item)) => {
            let list = array.as_list::<i32>();
            let Some(values) = fit(list.values(), item.data_type(), nulls)? else {
                return Ok(None);
            };
            let offsets = list.offsets().clone();
            let list = ListArray::try_new(item.clone(), offsets, values, list.nulls().cloned())?;
            Ok(Some(Arc::new(list)))
        }
        (DataType::Struct(_), DataType::Struct(fields)) => {
            Ok(Some(Arc::new(fit_struct(array.as_struct(), fields, nulls)?)))
        }
        _ => Ok(None),
    }
}

fn fit_struct(
    array: &StructArray,
    fields: &Fields,
    nulls: &mut Nulls,
) -> Result<StructArray, ArrowError> {
    let children = fields
        .iter()
        .map(|field| {
            let fitted = match array.column_by_name(field.name()) {
                Some(child) => fit(child, field.data_type(), nulls)?,
                None => None,
            };
            match fitted {
                Some(child) => Ok(child),
                None => nulls.array(field.data_type(), array.len()),
            }
        })
        .collect::<Result<Vec<_>, ArrowError>>()?;
    StructArray::try_new_with_length(fields.clone(), children, array.nulls().cloned(), array.len())
}

/// All-null arrays. A table has columns for all that any row shows, so most of most batches is
/// null: columns of the same type share one array.
#[derive(Default)]
struct Nulls {
    scalars: Vec<ArrayRef>,
}

impl Nulls {
    fn array(&mut self, data_type: &DataType, len: usize) -> Result<ArrayRef, ArrowError> {
        Ok(match data_type {
            DataType::Struct(fields) => {
                let children = fields
                    .iter()
                    .map(|field| self.array(field.data_type(), len))
                    .collect::<Result<Vec<_>, _>>()?;
                let nulls = Some(NullBuffer::new_null(len));
                Arc::new(StructArray::try_new_with_length(fields.clone(), children, nulls, len)?)
            }
            DataType::List(item) => {
                let values = self.array(item.data_type(), 0)?;
                let offsets = OffsetBuffer::new_zeroed(len);
                let nulls = Some(NullBuffer::new_null(len));
                Arc::new(ListArray::try_new(item.clone(), offsets, values, nulls)?)
            }
            scalar => {
                let known = self.scalars.iter().find(|a| a.len() == len && a.data_type() == scalar);
                match known {
                    Some(array) => array.clone(),
                    None => {
                        let array = new_null_array(scalar, len);
                        self.scalars.push(array.clone());
                        array
                    }
                }
            }
        })
    }
}

/// The list of contained resources as the builder makes it: a struct per resource type.
fn contained_items(array: &ArrayRef) -> Option<&ListArray> {
    let list = array.as_list_opt::<i32>()?;
    let items = list.values().as_struct_opt()?;
    let tagged = items.fields().iter().all(|field| {
        field.name() == RESOURCE_TYPE || field.name().starts_with(|c: char| c.is_ascii_uppercase())
    });
    (tagged && items.column_by_name(RESOURCE_TYPE).is_some()).then_some(list)
}

/// Lays the structs of all contained types over each other.
fn contained(
    list: &ListArray,
    target: &DataType,
    nulls: &mut Nulls,
    misfits: &mut Misfits,
) -> Result<ArrayRef, ArrowError> {
    let DataType::List(item) = target else { return Ok(new_null_array(target, list.len())) };
    let DataType::Struct(fields) = item.data_type() else {
        return Ok(new_null_array(target, list.len()));
    };
    let tagged = list.values().as_struct();
    let mut columns = Vec::with_capacity(fields.len());
    for field in fields {
        let mut column = new_null_array(field.data_type(), tagged.len());
        for (tag, resource) in tagged.fields().iter().zip(tagged.columns()) {
            let from = match tag.name() == RESOURCE_TYPE {
                true => (field.name() == RESOURCE_TYPE).then_some(resource),
                false => resource.as_struct().column_by_name(field.name()),
            };
            let Some(from) = from else { continue };
            match fit(from, field.data_type(), nulls)? {
                // Of the types, at most one has a value in a slot.
                Some(fitted) => {
                    let lost = leaves(from).saturating_sub(leaves(&fitted));
                    count(misfits, tag.name(), field.name(), lost);
                    column = zip(&is_not_null(&fitted)?, &fitted, &column)?;
                }
                None => {
                    let lost = (from.len() - from.null_count()) as u64;
                    count(misfits, tag.name(), field.name(), lost);
                }
            }
        }
        columns.push(column);
    }
    let present = tagged.nulls().cloned();
    let items = StructArray::try_new_with_length(fields.clone(), columns, present, tagged.len())?;
    let offsets = list.offsets().clone();
    let list = ListArray::try_new(item.clone(), offsets, Arc::new(items), list.nulls().cloned())?;
    Ok(Arc::new(list))
}

fn count(misfits: &mut Misfits, resource_type: &str, element: &str, lost: u64) {
    if lost > 0 {
        *misfits.entry((resource_type.to_owned(), element.to_owned())).or_default() += lost;
    }
}

/// Non-null scalars at any depth.
fn leaves(array: &ArrayRef) -> u64 {
    match array.data_type() {
        DataType::List(_) => leaves(array.as_list::<i32>().values()),
        DataType::Struct(_) => array.as_struct().columns().iter().map(leaves).sum(),
        _ => (array.len() - array.null_count()) as u64,
    }
}
