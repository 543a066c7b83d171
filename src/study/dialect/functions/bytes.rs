//! Bytes, and digests of them.

use std::fmt::Write as _;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BinaryArray, StringArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, Int64Type};
use datafusion::common::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF};
use sha2::{Digest, Sha256, Sha512};

use super::base::{Native, expect_texts, is_text};
use super::faults::refuse_arguments;

/// A digest of bytes as bytes, as in Trino; of text as hexadecimal text, as in DuckDB.
macro_rules! digest_udf {
    ($name:literal, $of:ident) => {
        Native::make_udf(
            $name,
            concat!($name, "(bytes or text)"),
            digest_types,
            digest_type,
            |args| $of(&args[0]),
        )
    };
}

/// The functions.
pub fn list_functions() -> Vec<Arc<ScalarUDF>> {
    vec![
        Native::make_udf(
            "to_utf8",
            "to_utf8(text)",
            |types| expect_texts(types, 1, 1),
            |_| Ok(DataType::Binary),
            |args| Ok(cast(&args[0], &DataType::Binary)?),
        ),
        Native::make_udf(
            "from_utf8",
            "from_utf8(bytes)",
            expect_bytes,
            |_| Ok(DataType::Utf8),
            |args| {
                let values = args[0].as_binary::<i32>().iter();
                let texts = values.map(|value| Some(String::from_utf8_lossy(value?).into_owned()));
                Ok(Arc::new(texts.collect::<StringArray>()))
            },
        ),
        Native::make_udf(
            "to_hex",
            "to_hex(bytes or number)",
            |types| match types {
                [number] if number.is_integer() => Ok(vec![DataType::Int64]),
                _ => expect_bytes(types),
            },
            |_| Ok(DataType::Utf8),
            |args| match args[0].data_type() {
                DataType::Int64 => {
                    let values = args[0].as_primitive::<Int64Type>().iter();
                    let texts = values.map(|value| value.map(|value| format!("{value:x}")));
                    Ok(Arc::new(texts.collect::<StringArray>()))
                }
                _ => write_hex(&args[0], false),
            },
        ),
        digest_udf!("md5", hash_md5),
        digest_udf!("sha256", hash_sha256),
        digest_udf!("sha512", hash_sha512),
    ]
}

fn expect_bytes(types: &[DataType]) -> Result<Vec<DataType>> {
    match types {
        [DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::Null] => {
            Ok(vec![DataType::Binary])
        }
        _ => refuse_arguments(),
    }
}

fn digest_types(types: &[DataType]) -> Result<Vec<DataType>> {
    match types {
        [only] if is_text(only) => Ok(vec![DataType::Utf8]),
        _ => expect_bytes(types),
    }
}

fn digest_type(types: &[DataType]) -> Result<DataType> {
    Ok(match types {
        [DataType::Binary] => DataType::Binary,
        _ => DataType::Utf8,
    })
}

fn hash_sha256(array: &ArrayRef) -> Result<ArrayRef> {
    digest_values(array, |value| Sha256::digest(value).to_vec())
}

fn hash_sha512(array: &ArrayRef) -> Result<ArrayRef> {
    digest_values(array, |value| Sha512::digest(value).to_vec())
}

/// The engine's own, which gives text.
fn hash_md5(array: &ArrayRef) -> Result<ArrayRef> {
    // The crate for SHA-2 has no MD5, and the engine brings one.
    let function = datafusion::functions::crypto::md5();
    let field =
        |name: &str, data_type: &DataType| Arc::new(Field::new(name, data_type.clone(), true));
    let bytes = cast(array, &DataType::Binary)?;
    let return_type = function.return_type(&[DataType::Binary])?;
    let args = ScalarFunctionArgs {
        arg_fields: vec![field("value", bytes.data_type())],
        number_rows: bytes.len(),
        return_field: field("md5", &return_type),
        config_options: Arc::default(),
        args: vec![ColumnarValue::Array(bytes)],
    };
    let texts = function.invoke_with_args(args)?.into_array(array.len())?;
    let texts = cast(&texts, &DataType::Utf8)?;
    if *array.data_type() != DataType::Binary {
        return Ok(texts);
    }
    let values = texts.as_string::<i32>().iter().map(|text| {
        let text = text?.as_bytes();
        let digit = |byte: u8| char::from(byte).to_digit(16).map_or(0, |digit| digit as u8);
        Some(
            text.chunks(2)
                .map(|pair| pair.iter().fold(0_u8, |value, byte| value << 4 | digit(*byte)))
                .collect::<Vec<u8>>(),
        )
    });
    Ok(Arc::new(values.collect::<BinaryArray>()))
}

fn digest_values(array: &ArrayRef, of: fn(&[u8]) -> Vec<u8>) -> Result<ArrayRef> {
    let is_binary = *array.data_type() == DataType::Binary;
    let values = cast(array, &DataType::Binary)?;
    let values = values.as_binary::<i32>().iter().map(|value| value.map(of));
    let digests: ArrayRef = Arc::new(values.collect::<BinaryArray>());
    if is_binary { Ok(digests) } else { write_hex(&digests, true) }
}

fn write_hex(array: &ArrayRef, lower: bool) -> Result<ArrayRef> {
    let texts = array.as_binary::<i32>().iter().map(|value| {
        value.map(|value| {
            value.iter().fold(String::with_capacity(value.len() * 2), |mut text, byte| {
                let _ = match lower {
                    true => write!(text, "{byte:02x}"),
                    false => write!(text, "{byte:02X}"),
                };
                text
            })
        })
    });
    Ok(Arc::new(texts.collect::<StringArray>()))
}
