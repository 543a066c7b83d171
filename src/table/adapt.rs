//! Batches of whatever shape, brought to a table's schema.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, ListArray, NullBufferBuilder, RecordBatch, RecordBatchOptions,
    StructArray, new_null_array,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::kernels::zip::zip;
use arrow::compute::{concat, is_not_null};
use arrow::datatypes::{DataType, SchemaRef};
use arrow::error::ArrowError;

use super::deidentified::DeidentifiedBatch;
use super::schema::RESOURCE_TYPE;

/// How many values of contained resources fitted no column, by resource type and element.
pub type Misfits = BTreeMap<(String, String), u64>;

/// Joins batches and brings them to `schema`: columns in its order, nulls for those that a batch
/// lacks, at every depth. Fields that the schema doesn't have are left out; a non-null value of a
/// contained resource that is lost this way is counted in `misfits`.
pub fn adapt_batch(
    batches: &[DeidentifiedBatch],
    schema: &SchemaRef,
    misfits: &mut Misfits,
) -> Result<DeidentifiedBatch, ArrowError> {
    let lens: Vec<usize> = batches.iter().map(DeidentifiedBatch::num_rows).collect();
    let mut nulls = Nulls::default();
    let mut columns = Vec::with_capacity(schema.fields().len());
    for field in schema.fields() {
        let mut parts = Vec::with_capacity(batches.len());
        for batch in batches {
            let part = batch.as_arrow().column_by_name(field.name());
            let part = match part.and_then(|array| Some((array, contained_items(array)?))) {
                Some((_, list)) => {
                    Some(overlay_contained(list, field.data_type(), &mut nulls, misfits)?)
                }
                None => part.cloned(),
            };
            parts.push(part);
        }
        columns.push(join_parts(&parts, &lens, field.data_type(), &mut nulls)?);
    }
    let options = RecordBatchOptions::new().with_row_count(Some(lens.iter().sum()));
    RecordBatch::try_new_with_options(schema.clone(), columns, &options).map(DeidentifiedBatch::new)
}

/// Parts of one column, one after the other, as `target`. A part of a type that has nothing in
/// common with it counts as missing; a missing part is null.
fn join_parts(
    parts: &[Option<ArrayRef>],
    lens: &[usize],
    target: &DataType,
    nulls: &mut Nulls,
) -> Result<ArrayRef, ArrowError> {
    let total = lens.iter().sum();
    // One batch whose column fits already is not copied.
    if let [Some(only)] = parts
        && only.data_type() == target
    {
        return Ok(only.clone());
    }
    match target {
        DataType::Struct(fields) => {
            let parts: Vec<Option<&StructArray>> =
                parts.iter().map(|part| part.as_ref()?.as_struct_opt()).collect();
            if parts.iter().all(Option::is_none) {
                return nulls.null_array(target, total);
            }
            let children = fields
                .iter()
                .map(|field| {
                    let child = |part: &Option<&StructArray>| {
                        (*part)?.column_by_name(field.name()).cloned()
                    };
                    let children: Vec<_> = parts.iter().map(child).collect();
                    join_parts(&children, lens, field.data_type(), nulls)
                })
                .collect::<Result<Vec<_>, ArrowError>>()?;
            let valid = join_validity(parts.iter().map(|part| part.map(|p| p as &dyn Array)), lens);
            let array = StructArray::try_new_with_length(fields.clone(), children, valid, total)?;
            Ok(Arc::new(array))
        }
        DataType::List(item) => {
            // Of a list whose items have no place nothing is left, rather than as many nulls.
            let fits = |list: &&ListArray| same_kind(list.values().data_type(), item.data_type());
            let parts: Vec<Option<&ListArray>> =
                parts.iter().map(|part| part.as_ref()?.as_list_opt::<i32>().filter(fits)).collect();
            if parts.iter().all(Option::is_none) {
                return nulls.null_array(target, total);
            }
            let mut offsets = Vec::with_capacity(total + 1);
            offsets.push(0);
            let (mut values, mut value_lens) = (Vec::new(), Vec::new());
            for (part, len) in parts.iter().zip(lens) {
                let end = offsets.last().copied().unwrap_or_default();
                let Some(list) = part else {
                    offsets.resize(offsets.len() + len, end);
                    continue;
                };
                // The offsets of a list that was cut out of a longer one do not begin at 0.
                let first = list.value_offsets().first().copied().unwrap_or_default();
                let own = list.value_offsets().iter().skip(1);
                offsets.extend(own.map(|offset| offset - first + end));
                let count = offsets.last().copied().unwrap_or_default() - end;
                values.push(Some(list.values().slice(first as usize, count as usize)));
                value_lens.push(count as usize);
            }
            let values = join_parts(&values, &value_lens, item.data_type(), nulls)?;
            let valid = join_validity(parts.iter().map(|part| part.map(|p| p as &dyn Array)), lens);
            let offsets = OffsetBuffer::new(offsets.into());
            Ok(Arc::new(ListArray::try_new(item.clone(), offsets, values, valid)?))
        }
        scalar => {
            let fits =
                |part: &Option<ArrayRef>| part.clone().filter(|array| array.data_type() == scalar);
            let fitting: Vec<Option<ArrayRef>> = parts.iter().map(fits).collect();
            if fitting.iter().all(Option::is_none) {
                return nulls.null_array(target, total);
            }
            let arrays = fitting
                .into_iter()
                .zip(lens)
                .map(|(part, len)| part.map_or_else(|| nulls.null_array(scalar, *len), Ok))
                .collect::<Result<Vec<_>, _>>()?;
            let arrays: Vec<&dyn Array> = arrays.iter().map(AsRef::as_ref).collect();
            concat(&arrays)
        }
    }
}

/// Whether values of one type can be brought to the other.
fn same_kind(from: &DataType, to: &DataType) -> bool {
    match (from, to) {
        (DataType::Struct(_), DataType::Struct(_)) => true,
        (DataType::List(from), DataType::List(to)) => same_kind(from.data_type(), to.data_type()),
        (from, to) => from == to,
    }
}

/// Which slots of joined parts are there; `None` where all are.
fn join_validity<'a>(
    parts: impl Iterator<Item = Option<&'a dyn Array>>,
    lens: &[usize],
) -> Option<NullBuffer> {
    let mut valid = NullBufferBuilder::new(lens.iter().sum());
    for (part, len) in parts.zip(lens) {
        match part {
            None => valid.append_n_nulls(*len),
            Some(array) => match array.nulls() {
                Some(nulls) => valid.append_buffer(nulls),
                None => valid.append_n_non_nulls(*len),
            },
        }
    }
    valid.finish()
}

/// All-null arrays. A table has columns for all that any row shows, so most of most batches is
/// null: columns of the same type share one array.
#[derive(Default)]
struct Nulls {
    scalars: Vec<ArrayRef>,
}

impl Nulls {
    fn null_array(&mut self, data_type: &DataType, len: usize) -> Result<ArrayRef, ArrowError> {
        Ok(match data_type {
            DataType::Struct(fields) => {
                let children = fields
                    .iter()
                    .map(|field| self.null_array(field.data_type(), len))
                    .collect::<Result<Vec<_>, _>>()?;
                let nulls = Some(NullBuffer::new_null(len));
                Arc::new(StructArray::try_new_with_length(fields.clone(), children, nulls, len)?)
            }
            DataType::List(item) => {
                let values = self.null_array(item.data_type(), 0)?;
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
fn overlay_contained(
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
            let part = Some(from.clone());
            let fitted = join_parts(&[part], &[from.len()], field.data_type(), nulls)?;
            let lost = count_leaves(from).saturating_sub(count_leaves(&fitted));
            count_misfits(misfits, tag.name(), field.name(), lost);
            // Of the types, at most one has a value in a slot.
            column = zip(&is_not_null(&fitted)?, &fitted, &column)?;
        }
        columns.push(column);
    }
    // Resources inside contained ones, which FHIR forbids, have no column at all.
    for (tag, resource) in tagged.fields().iter().zip(tagged.columns()) {
        let Some(resource) = resource.as_struct_opt() else { continue };
        for (element, values) in resource.fields().iter().zip(resource.columns()) {
            if fields.find(element.name()).is_none() {
                count_misfits(misfits, tag.name(), element.name(), count_leaves(values));
            }
        }
    }
    // From the list, not from the columns: a contained
    // resource of which no column is left is still an item.
    let present = tagged.nulls().cloned();
    let items = StructArray::try_new_with_length(fields.clone(), columns, present, tagged.len())?;
    let offsets = list.offsets().clone();
    let list = ListArray::try_new(item.clone(), offsets, Arc::new(items), list.nulls().cloned())?;
    Ok(Arc::new(list))
}

fn count_misfits(misfits: &mut Misfits, resource_type: &str, element: &str, lost: u64) {
    if lost > 0 {
        *misfits.entry((resource_type.to_owned(), element.to_owned())).or_default() += lost;
    }
}

/// Non-null scalars at any depth.
fn count_leaves(array: &ArrayRef) -> u64 {
    match array.data_type() {
        DataType::List(_) => count_leaves(array.as_list::<i32>().values()),
        DataType::Struct(_) => array.as_struct().columns().iter().map(count_leaves).sum(),
        _ => (array.len() - array.null_count()) as u64,
    }
}
