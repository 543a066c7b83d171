//! Names in lower case, as Athena has them, and arrays brought to such a schema.
//!
//! SQL on these tables knows no case: `recordedDate`, `"recordeddate"` and `RECORDEDDATE` are one
//! column, and the same holds for fields of structs. So queries see every name in lower case, and a
//! file's columns are found whatever their spelling. How a name was spelled is kept beside the
//! schema, for the names of columns that come out.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, MapArray, StructArray, new_null_array};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema, SchemaRef};
use arrow::error::ArrowError;

use crate::error::{Error, Result};

/// The schema with every name in lower case, at every depth. Metadata is left out.
///
/// # Errors
/// Two columns, or two fields of a struct, that differ in case only.
pub fn lowered(schema: &Schema) -> Result<SchemaRef> {
    Ok(Arc::new(Schema::new(lowered_fields(schema.fields())?)))
}

fn lowered_fields(fields: &Fields) -> Result<Fields> {
    let mut seen = HashSet::new();
    let lower = |field: &FieldRef| {
        let name = field.name().to_lowercase();
        if !seen.insert(name.clone()) {
            let message = format!("there are two columns '{name}', which differ in case only");
            return Err(Error::failed(message));
        }
        Ok(Field::new(name, lowered_type(field.data_type())?, true))
    };
    fields.iter().map(lower).collect()
}

fn lowered_type(data_type: &DataType) -> Result<DataType> {
    Ok(match data_type {
        DataType::Struct(fields) => DataType::Struct(lowered_fields(fields)?),
        DataType::List(item) | DataType::LargeList(item) | DataType::ListView(item) => {
            DataType::new_list(lowered_type(item.data_type())?, true)
        }
        DataType::FixedSizeList(item, _) => {
            DataType::new_list(lowered_type(item.data_type())?, true)
        }
        // One form of text and of bytes, so that tables from different writers can be compared.
        DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8,
        DataType::LargeBinary | DataType::BinaryView => DataType::Binary,
        DataType::Dictionary(_, values) => lowered_type(values)?,
        other => other.clone(),
    })
}

/// The field of this name in any spelling, and where it is.
pub fn find<'a>(fields: &'a Fields, name: &str) -> Option<(usize, &'a FieldRef)> {
    let exact = fields.iter().position(|field| field.name() == name);
    let index = exact.or_else(|| fields.iter().position(|field| same(field.name(), name)))?;
    Some((index, &fields[index]))
}

/// Whether two names are the same but for case.
pub fn same(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b) || a.to_lowercase() == b.to_lowercase()
}

/// The array as `to`: fields of structs, at any depth, by name in any spelling; those that it lacks
/// are null, those that `to` lacks are left out.
///
/// # Errors
/// A value that can't be had in the type.
pub fn fit(array: &ArrayRef, to: &DataType) -> Result<ArrayRef, ArrowError> {
    if array.data_type() == to {
        return Ok(array.clone());
    }
    match (array.data_type(), to) {
        (DataType::Struct(from), DataType::Struct(fields)) => {
            let array = array.as_struct();
            let children = fields.iter().map(|field| match find(from, field.name()) {
                Some((index, _)) => fit(array.column(index), field.data_type()),
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
            let values = fit(array.values(), item.data_type())?;
            let (offsets, nulls) = (array.offsets().clone(), array.nulls().cloned());
            Ok(Arc::new(ListArray::try_new(item.clone(), offsets, values, nulls)?))
        }
        (DataType::LargeList(item) | DataType::FixedSizeList(item, _), DataType::List(_)) => {
            let list = cast_with_options(array, &DataType::List(item.clone()), &options())?;
            fit(&list, to)
        }
        (DataType::Map(_, _), DataType::Map(entries, sorted)) => {
            let array = array.as_map();
            let items: ArrayRef = Arc::new(array.entries().clone());
            let items = fit(&items, entries.data_type())?;
            let (offsets, nulls) = (array.offsets().clone(), array.nulls().cloned());
            let items = items.as_struct().clone();
            Ok(Arc::new(MapArray::try_new(entries.clone(), offsets, items, nulls, *sorted)?))
        }
        _ => cast_with_options(array, to, &options()),
    }
}

/// A value that doesn't fit is an error, not a null.
fn options() -> CastOptions<'static> {
    CastOptions { safe: false, ..CastOptions::default() }
}

/// The union of two schemas, in any spelling: what only `more` has comes last, at every depth. Where
/// types differ and are not both structs or lists, text is the one that holds both.
pub fn union(first: &Schema, more: &Schema) -> Schema {
    Schema::new(union_fields(first.fields(), more.fields()))
}

fn union_fields(first: &Fields, more: &Fields) -> Fields {
    let mut fields: Vec<FieldRef> = first.iter().cloned().collect();
    for field in more {
        match find(first, field.name()) {
            None => fields.push(field.clone()),
            Some((index, known)) => {
                let data_type = union_type(known.data_type(), field.data_type());
                fields[index] = Arc::new(Field::new(known.name(), data_type, true));
            }
        }
    }
    fields.into()
}

fn union_type(first: &DataType, more: &DataType) -> DataType {
    use DataType::{Float64, Int8, Int16, Int32, Int64, List, Null, Struct, Utf8};
    match (first, more) {
        (a, b) if a == b => a.clone(),
        (Null, other) | (other, Null) => other.clone(),
        (Struct(a), Struct(b)) => Struct(union_fields(a, b)),
        (List(a), List(b)) => {
            let item = union_type(a.data_type(), b.data_type());
            List(Arc::new(Field::new(a.name(), item, true)))
        }
        (Int8 | Int16 | Int32 | Int64, Int8 | Int16 | Int32 | Int64) => Int64,
        (Int8 | Int16 | Int32 | Int64 | Float64, Int8 | Int16 | Int32 | Int64 | Float64) => Float64,
        _ => Utf8,
    }
}
