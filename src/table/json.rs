//! Values of Arrow arrays as compact JSON text.

use arrow::array::{Array, AsArray};
use arrow::datatypes::{DataType, Float64Type, Int32Type};

use crate::deid::json::{write_boolean, write_decimal, write_integer, write_text};

/// Appends one value of an array. Null members of structs are left out.
pub fn write_value(array: &dyn Array, index: usize, out: &mut Vec<u8>) {
    if array.is_null(index) {
        out.extend_from_slice(b"null");
        return;
    }
    match array.data_type() {
        DataType::Utf8 => write_text(array.as_string::<i32>().value(index), out),
        DataType::Int32 => {
            write_integer(array.as_primitive::<Int32Type>().value(index).into(), out);
        }
        DataType::Float64 => write_decimal(array.as_primitive::<Float64Type>().value(index), out),
        DataType::Boolean => write_boolean(array.as_boolean().value(index), out),
        DataType::List(_) => {
            let items = array.as_list::<i32>().value(index);
            out.push(b'[');
            for item in 0..items.len() {
                if item > 0 {
                    out.push(b',');
                }
                write_value(&items, item, out);
            }
            out.push(b']');
        }
        // FHIR's JSON has no null members, and a table has a column for all that any row has.
        DataType::Struct(fields) => {
            let members = array.as_struct().columns();
            out.push(b'{');
            let mut first = true;
            for (field, member) in fields.iter().zip(members) {
                if member.is_valid(index) {
                    if !std::mem::take(&mut first) {
                        out.push(b',');
                    }
                    write_text(field.name(), out);
                    out.push(b':');
                    write_value(member, index, out);
                }
            }
            out.push(b'}');
        }
        // Tables hold no other types.
        _ => out.extend_from_slice(b"null"),
    }
}
