//! Lists and maps.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, ListArray, UInt32Array};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::compute::{cast, take};
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::ScalarUDF;

use super::base::{Native, expect_texts, is_text};
use super::faults::{refuse_arguments, row_error};

/// The functions.
pub fn list_functions() -> Vec<Arc<ScalarUDF>> {
    vec![
        Native::make_udf(
            "element_at",
            "element_at(array, index) or element_at(map, key)",
            |types| match types {
                [DataType::List(_), index] if index.is_integer() => {
                    Ok(vec![types[0].clone(), DataType::Int64])
                }
                [DataType::Map(entries, _), _] => {
                    let DataType::Struct(entries) = entries.data_type() else {
                        return refuse_arguments();
                    };
                    let key = entries.first().map(|key| key.data_type().clone());
                    Ok(vec![types[0].clone(), key.map_or_else(refuse_arguments, Ok)?])
                }
                _ => refuse_arguments(),
            },
            |types| match types.first() {
                Some(DataType::List(item)) => Ok(item.data_type().clone()),
                Some(DataType::Map(entries, _)) => match entries.data_type() {
                    DataType::Struct(entries) if entries.len() == 2 => {
                        Ok(entries[1].data_type().clone())
                    }
                    _ => refuse_arguments(),
                },
                _ => refuse_arguments(),
            },
            |args| match args[0].data_type() {
                DataType::List(_) => list_element(&args[0], &args[1]),
                _ => map_element(&args[0], &args[1]),
            },
        ),
        Native::make_udf(
            "contains",
            "contains(array, value) or contains(text, part)",
            |types| match types {
                [DataType::List(item), _] => Ok(vec![types[0].clone(), item.data_type().clone()]),
                [value, part] if is_text(value) && is_text(part) => expect_texts(types, 2, 2),
                _ => refuse_arguments(),
            },
            |_| Ok(DataType::Boolean),
            find_values,
        ),
        Native::make_udf(
            "slice",
            "slice(array, start, length)",
            |types| match types {
                [DataType::List(_), start, length]
                    if whole_or_null(start) && whole_or_null(length) =>
                {
                    Ok(vec![types[0].clone(), DataType::Int64, DataType::Int64])
                }
                _ => refuse_arguments(),
            },
            |types| types.first().map_or_else(refuse_arguments, |data_type| Ok(data_type.clone())),
            slice_lists,
        ),
    ]
}

fn whole_or_null(data_type: &DataType) -> bool {
    data_type.is_integer() || *data_type == DataType::Null
}

/// So many values from a place on; -1 is the last. Where there are none, the list is empty.
fn slice_lists(args: &[ArrayRef]) -> Result<ArrayRef> {
    let lists = args[0].as_list::<i32>();
    let DataType::List(item) = lists.data_type() else { return refuse_arguments() };
    let starts = args[1].as_primitive::<Int64Type>();
    let lengths = args[2].as_primitive::<Int64Type>();
    let (mut places, mut counts, mut valid) = (Vec::new(), Vec::new(), Vec::new());
    for row in 0..lists.len() {
        valid.push(lists.is_valid(row) && starts.is_valid(row) && lengths.is_valid(row));
        if !valid[row] {
            counts.push(0);
            continue;
        }
        let (start, length) = (starts.value(row), lengths.value(row));
        if start == 0 {
            return Err(row_error("slice(): the first value of an array is at 1, not at 0"));
        }
        if length < 0 {
            return Err(row_error("slice(): the length is less than 0"));
        }
        let there = i64::from(lists.value_length(row));
        let first = if start > 0 { start - 1 } else { there.saturating_add(start) };
        let range = match (0..there).contains(&first) {
            true => first..first.saturating_add(length).min(there),
            false => 0..0,
        };
        // The values of all rows stand in one array; a row's begin at its offset.
        let offset = i64::from(lists.value_offsets()[row]);
        counts.push(usize::try_from(range.end - range.start).unwrap_or(0));
        places.extend(range.filter_map(|index| u32::try_from(offset + index).ok()));
    }
    let values = take(lists.values(), &UInt32Array::from(places), None)?;
    let offsets = OffsetBuffer::from_lengths(counts);
    Ok(Arc::new(ListArray::try_new(item.clone(), offsets, values, Some(valid.into()))?))
}

/// The items at these indexes: 1 is the first, -1 the last. The result is null where a list has no such
/// item.
fn list_element(lists: &ArrayRef, indexes: &ArrayRef) -> Result<ArrayRef> {
    let lists = lists.as_list::<i32>();
    let indexes = indexes.as_primitive::<Int64Type>();
    let places = (0..lists.len()).map(|row| {
        if lists.is_null(row) || indexes.is_null(row) {
            return None;
        }
        let (first, length) = (lists.value_offsets()[row], i64::from(lists.value_length(row)));
        let index = match indexes.value(row) {
            index if index > 0 => index - 1,
            index => length.checked_add(index)?,
        };
        let fits = (0..length).contains(&index) && indexes.value(row) != 0;
        fits.then(|| u32::try_from(i64::from(first) + index).ok()).flatten()
    });
    Ok(take(lists.values(), &places.collect::<UInt32Array>(), None)?)
}

fn map_element(maps: &ArrayRef, keys: &ArrayRef) -> Result<ArrayRef> {
    let maps = maps.as_map();
    let mut places = Vec::with_capacity(maps.len());
    for row in 0..maps.len() {
        let wanted = ScalarValue::try_from_array(keys, row)?;
        let mut place = None;
        if maps.is_valid(row) && !wanted.is_null() {
            let (first, last) = (maps.value_offsets()[row], maps.value_offsets()[row + 1]);
            for at in first..last {
                let at = usize::try_from(at).unwrap_or(0);
                if ScalarValue::try_from_array(maps.keys(), at)? == wanted {
                    place = u32::try_from(at).ok();
                }
            }
        }
        places.push(place);
    }
    Ok(take(maps.values(), &UInt32Array::from(places), None)?)
}

/// Null if there is no array or value, or if only a null could be the value.
fn find_values(args: &[ArrayRef]) -> Result<ArrayRef> {
    if !matches!(args[0].data_type(), DataType::List(_)) {
        let (values, parts) = (args[0].as_string::<i32>(), args[1].as_string::<i32>());
        let found = values.iter().zip(parts).map(|(value, part)| Some(value?.contains(part?)));
        return Ok(Arc::new(found.collect::<BooleanArray>()));
    }
    let lists = args[0].as_list::<i32>();
    let wanted = cast(&args[1], lists.values().data_type())?;
    let mut found = Vec::with_capacity(lists.len());
    for row in 0..lists.len() {
        if lists.is_null(row) || wanted.is_null(row) {
            found.push(None);
            continue;
        }
        let (items, wanted) = (lists.value(row), ScalarValue::try_from_array(&wanted, row)?);
        let mut there = false;
        for at in 0..items.len() {
            there |= items.is_valid(at) && ScalarValue::try_from_array(&items, at)? == wanted;
        }
        // SQL's IN: where no value is equal, one that is null might be.
        found.push(if there || items.null_count() == 0 { Some(there) } else { None });
    }
    Ok(Arc::new(BooleanArray::from(found)))
}
