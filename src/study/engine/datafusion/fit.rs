//! Names in lower case, as Athena has them, and arrays brought to a schema of such names.
//!
//! SQL on these tables knows no case: `recordedDate`, `"recordeddate"` and `RECORDEDDATE` are one
//! column, and the same holds for fields of structs. So queries see every name in lower case, and a
//! file's columns are found whatever their spelling. How a name was spelled is kept beside the
//! schema, for the names of columns that come out.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema, SchemaRef};
use arrow::error::ArrowError;

use crate::error::{Error, Result};

/// The schema with every name in lower case, at every depth. Metadata is left out.
///
/// # Errors
/// Two columns, or two fields of a struct, that differ in case only.
pub fn lower_names(schema: &Schema) -> Result<SchemaRef> {
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
pub fn find_field<'a>(fields: &'a Fields, name: &str) -> Option<(usize, &'a FieldRef)> {
    let exact = fields.iter().position(|field| field.name() == name);
    let index =
        exact.or_else(|| fields.iter().position(|field| is_same_name(field.name(), name)))?;
    Some((index, &fields[index]))
}

/// Whether two names are the same but for case.
pub fn is_same_name(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b) || a.to_lowercase() == b.to_lowercase()
}

/// The array as `to`; see [`crate::table::fit_array`]. Names mean fields in any spelling.
pub fn fit_array(array: &ArrayRef, to: &DataType) -> Result<ArrayRef, ArrowError> {
    crate::table::fit_array(array, to, |fields, name| {
        find_field(fields, name).map(|(index, _)| index)
    })
}

/// The union of two schemas, in any spelling: fields that only `more` has come last, at every depth. Where
/// types differ and are not both structs or lists, text is the one that holds both.
pub fn unite_schemas(first: &Schema, more: &Schema) -> Schema {
    Schema::new(union_fields(first.fields(), more.fields()))
}

fn union_fields(first: &Fields, more: &Fields) -> Fields {
    let mut fields: Vec<FieldRef> = first.iter().cloned().collect();
    for field in more {
        match find_field(first, field.name()) {
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
        // Lines that have only null for a field show this type, until one has a value.
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
