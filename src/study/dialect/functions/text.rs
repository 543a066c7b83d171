//! Text, patterns, JSON, digests, and what types are called.

use std::fmt::Write as _;
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, ListBuilder, StringArray, StringBuilder,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, Int64Type};
use datafusion::common::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF};
use regex::Regex;
use sha2::{Digest, Sha256, Sha512};

use super::base::{Native, expect_texts, is_text, map_text, text_argument};
use super::bounded::ByteRoom;
use super::faults::{refuse_arguments, row_error};
use super::{TO_VARCHAR, time};

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
    [list_text_functions(), list_pattern_functions(), list_byte_functions()].concat()
}

fn list_text_functions() -> Vec<Arc<ScalarUDF>> {
    vec![
        Native::make_udf(
            TO_VARCHAR,
            "CAST(… AS varchar)",
            |types| match types {
                [DataType::Struct(_) | DataType::List(_) | DataType::Map(_, _)] => {
                    refuse_arguments()
                }
                [_] => Ok(types.to_vec()),
                _ => refuse_arguments(),
            },
            |_| Ok(DataType::Utf8),
            |args| match args[0].data_type() {
                DataType::Timestamp(_, _) => time::show_times(&args[0]),
                _ => Ok(cast(&args[0], &DataType::Utf8)?),
            },
        ),
        Native::make_udf(
            "json_extract_scalar",
            "json_extract_scalar(json, path)",
            |types| expect_texts(types, 2, 2),
            |_| Ok(DataType::Utf8),
            |args| {
                let paths = text_argument(args, 1)?;
                map_text(text_argument(args, 0)?, |row, json| {
                    if paths.is_null(row) {
                        return Ok(None);
                    }
                    json_scalar(json, paths.value(row))
                })
            },
        ),
        Native::make_udf(
            "format",
            "format(pattern, …)",
            |types| match types.split_first() {
                Some((first, rest)) if is_text(first) => {
                    let mut types = vec![DataType::Utf8];
                    types.extend(rest.iter().cloned());
                    Ok(types)
                }
                _ => refuse_arguments(),
            },
            |_| Ok(DataType::Utf8),
            format_rows,
        ),
        Native::make_udf(
            "typeof",
            "typeof(value)",
            |types| if types.len() == 1 { Ok(types.to_vec()) } else { refuse_arguments() },
            |_| Ok(DataType::Utf8),
            |args| {
                let name = type_name(args[0].data_type());
                Ok(Arc::new(StringArray::from_iter_values(vec![name; args[0].len()])))
            },
        ),
    ]
}

/// `regexp_…`.
fn list_pattern_functions() -> Vec<Arc<ScalarUDF>> {
    vec![
        Native::make_udf(
            "regexp_extract",
            "regexp_extract(text, pattern[, group])",
            pattern_types,
            |_| Ok(DataType::Utf8),
            |args| {
                let mut patterns = Patterns::new(text_argument(args, 1)?);
                map_text(text_argument(args, 0)?, |row, value| {
                    let Some(pattern) = patterns.pattern_at(row)? else { return Ok(None) };
                    let Some(group) = group_argument(args, row)? else { return Ok(None) };
                    let found = pattern.captures(value);
                    Ok(found.and_then(|found| Some(found.get(group)?.as_str().to_owned())))
                })
            },
        ),
        Native::make_udf(
            "regexp_extract_all",
            "regexp_extract_all(text, pattern[, group])",
            pattern_types,
            |_| Ok(text_list()),
            |args| {
                make_lists(args, |pattern, row, value, out| {
                    let Some(group) = group_argument(args, row)? else { return Ok(false) };
                    for found in pattern.captures_iter(value) {
                        out.push(found.get(group).map(|found| found.as_str().to_owned()));
                    }
                    Ok(true)
                })
            },
        ),
        Native::make_udf(
            "regexp_split",
            "regexp_split(text, pattern)",
            |types| expect_texts(types, 2, 2),
            |_| Ok(text_list()),
            |args| {
                make_lists(args, |pattern, _, value, out| {
                    out.extend(pattern.split(value).map(|part| Some(part.to_owned())));
                    Ok(true)
                })
            },
        ),
        Native::make_udf(
            "regexp_replace",
            "regexp_replace(text, pattern[, replacement])",
            |types| expect_texts(types, 2, 3),
            |_| Ok(DataType::Utf8),
            |args| {
                let mut patterns = Patterns::new(text_argument(args, 1)?);
                let by = if args.len() == 3 { Some(text_argument(args, 2)?) } else { None };
                let values = text_argument(args, 0)?;
                let mut room = ByteRoom::new("regexp_replace", values.value_data().len());
                map_text(values, |row, value| {
                    let Some(pattern) = patterns.pattern_at(row)? else { return Ok(None) };
                    let by = match by {
                        None => "",
                        Some(by) if by.is_null(row) => return Ok(None),
                        Some(by) => by.value(row),
                    };
                    replace_found(pattern, value, &convert_groups(by), &mut room).map(Some)
                })
            },
        ),
    ]
}

/// Bytes, and digests of them.
fn list_byte_functions() -> Vec<Arc<ScalarUDF>> {
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

fn text_list() -> DataType {
    DataType::List(Arc::new(Field::new_list_field(DataType::Utf8, true)))
}

fn pattern_types(types: &[DataType]) -> Result<Vec<DataType>> {
    match types {
        [value, pattern] if is_text(value) && is_text(pattern) => expect_texts(types, 2, 2),
        [value, pattern, group] if is_text(value) && is_text(pattern) && group.is_integer() => {
            Ok(vec![DataType::Utf8, DataType::Utf8, DataType::Int64])
        }
        _ => refuse_arguments(),
    }
}

/// The group asked for: the whole where the call names none; `None` where it is null.
fn group_argument(args: &[ArrayRef], row: usize) -> Result<Option<usize>> {
    let Some(groups) = args.get(2) else { return Ok(Some(0)) };
    if groups.is_null(row) {
        return Ok(None);
    }
    let group = usize::try_from(groups.as_primitive::<Int64Type>().value(row));
    group.map(Some).map_err(|_| row_error("a group of a pattern is 0 or more"))
}

/// `$1` and `$name` as the library takes them; a `\$` is a dollar.
fn convert_groups(by: &str) -> String {
    let mut out = String::with_capacity(by.len());
    let mut letters = by.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => match letters.next() {
                Some('$') => out.push_str("$$"),
                Some(other) => out.push(other),
                None => {}
            },
            '$' => {
                let mut name = String::new();
                while let Some(digit) = letters.next_if(char::is_ascii_digit) {
                    name.push(digit);
                }
                match name.is_empty() {
                    true => out.push('$'),
                    false => {
                        // In braces: without them the library reads `$1a` as a group called `1a`.
                        let _ = write!(out, "${{{name}}}");
                    }
                }
            }
            other => out.push(other),
        }
    }
    out
}

/// Patterns, compiled once as long as they stay the same.
struct Patterns<'a> {
    texts: &'a StringArray,
    last: Option<(&'a str, Regex)>,
}

impl<'a> Patterns<'a> {
    fn new(texts: &'a StringArray) -> Self {
        Self { texts, last: None }
    }

    fn pattern_at(&mut self, row: usize) -> Result<Option<&Regex>> {
        if self.texts.is_null(row) {
            return Ok(None);
        }
        let text = self.texts.value(row);
        if self.last.as_ref().is_none_or(|(last, _)| *last != text) {
            let pattern = Regex::new(text).map_err(|_| {
                row_error(
                    "a pattern is no regular expression that the embedded engine knows: it has no \
                     look-around and no back references",
                )
            })?;
            self.last = Some((text, pattern));
        }
        Ok(self.last.as_ref().map(|(_, pattern)| pattern))
    }
}

/// A text with what a pattern finds replaced.
fn replace_found(pattern: &Regex, value: &str, by: &str, room: &mut ByteRoom) -> Result<String> {
    let mut out = String::new();
    let mut end = 0;
    let literal = !by.contains('$');
    let mut put = |out: &mut String, start: usize, stop: usize| {
        out.push_str(&value[end..start]);
        end = stop;
    };
    if literal {
        for found in pattern.find_iter(value) {
            put(&mut out, found.start(), found.end());
            out.push_str(by);
            if out.len() > room.next() {
                return room.refuse_more();
            }
        }
    } else {
        // A replacement may name a group again and again.
        let named = by.matches('$').count();
        for found in pattern.captures_iter(value) {
            let whole = found.get_match();
            put(&mut out, whole.start(), whole.end());
            let most = by.len().saturating_add(named.saturating_mul(whole.len()));
            if most > room.next() {
                return room.refuse_more();
            }
            found.expand(by, &mut out);
            if out.len() > room.next() {
                return room.refuse_more();
            }
        }
    }
    out.push_str(&value[end..]);
    room.take_bytes(out.len())?;
    Ok(out)
}

/// Lists of texts that patterns give: `make` says whether there is one.
fn make_lists(
    args: &[ArrayRef],
    mut make: impl FnMut(&Regex, usize, &str, &mut Vec<Option<String>>) -> Result<bool>,
) -> Result<ArrayRef> {
    let values = text_argument(args, 0)?;
    let mut patterns = Patterns::new(text_argument(args, 1)?);
    let mut out = ListBuilder::new(StringBuilder::new());
    let mut found = Vec::new();
    for (row, value) in values.iter().enumerate() {
        let pattern = patterns.pattern_at(row)?;
        match (value, pattern) {
            (Some(value), Some(pattern)) => {
                let is_valid = make(pattern, row, value, &mut found)?;
                for value in found.drain(..) {
                    out.values().append_option(value);
                }
                out.append(is_valid);
            }
            _ => out.append(false),
        }
    }
    Ok(Arc::new(out.finish()))
}

/// The scalar at a path of JSON, as text; nothing for what is not there or no scalar.
fn json_scalar(json: &str, path: &str) -> Result<Option<String>> {
    let steps = json_path(path)
        .ok_or_else(|| row_error("a path of JSON is like $.name[0].name or $['name']"))?;
    let Ok(value) = serde_json::from_str::<serde_json::Value>(json) else { return Ok(None) };
    let mut at = &value;
    for step in steps {
        let next = match (&step, at) {
            (Step::Name(name), serde_json::Value::Object(object)) => object.get(name),
            (Step::Index(index), serde_json::Value::Array(items)) => items.get(*index),
            _ => None,
        };
        match next {
            Some(next) => at = next,
            None => return Ok(None),
        }
    }
    Ok(match at {
        serde_json::Value::String(text) => Some(text.clone()),
        serde_json::Value::Number(number) => Some(number.to_string()),
        serde_json::Value::Bool(value) => Some(value.to_string()),
        _ => None,
    })
}

enum Step {
    Name(String),
    Index(usize),
}

fn json_path(path: &str) -> Option<Vec<Step>> {
    let mut rest = path.strip_prefix('$')?;
    let mut steps = Vec::new();
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('.') {
            let end = after.find(['.', '[']).unwrap_or(after.len());
            let (name, after) = after.split_at(end);
            steps.push(Step::Name(name.trim_matches('"').to_owned()));
            rest = after;
        } else {
            let (inside, after) = rest.strip_prefix('[')?.split_once(']')?;
            steps.push(match inside.parse() {
                Ok(index) => Step::Index(index),
                Err(_) => Step::Name(inside.trim_matches(['"', '\'']).to_owned()),
            });
            rest = after;
        }
    }
    Some(steps)
}

/// `%s`, `%d`, `%f`, `%x` with width, precision, `0`, `,` and `-`.
fn format_rows(args: &[ArrayRef]) -> Result<ArrayRef> {
    let texts = args.iter().skip(1).map(|array| match array.data_type() {
        DataType::Timestamp(_, _) => time::show_times(array),
        _ => Ok(cast(array, &DataType::Utf8)?),
    });
    let texts = texts.collect::<Result<Vec<_>>>()?;
    let given = texts.iter().map(|array| array.as_string::<i32>().value_data().len()).sum();
    let mut room = ByteRoom::new("format", given);
    map_text(text_argument(args, 0)?, |row, pattern| {
        let values = texts.iter().map(|array| {
            let array = array.as_string::<i32>();
            array.is_valid(row).then(|| array.value(row))
        });
        let made = format_row(pattern, values.collect())?;
        room.take_bytes(made.len())?;
        Ok(Some(made))
    })
}

fn format_row(pattern: &str, values: Vec<Option<&str>>) -> Result<String> {
    let unknown = || row_error("format() knows %s, %d, %f, %x and %% on the embedded engine");
    let mut out = String::new();
    let mut values = values.into_iter();
    let mut rest = pattern;
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        let end = after.find(|c: char| c.is_ascii_alphabetic() || c == '%').ok_or_else(unknown)?;
        let (flags, kind) = (&after[..end], after[end..].chars().next().unwrap_or('%'));
        // The letter at `end` is an ASCII one, so it has one byte.
        rest = &after[end + 1..];
        if kind == '%' {
            out.push('%');
            continue;
        }
        let value = values.next().ok_or_else(|| row_error("format() has too few arguments"))?;
        let (left, zero, comma) =
            (flags.contains('-'), flags.starts_with('0'), flags.contains(','));
        let numbers = flags.trim_start_matches(['-', '0', ',', '+', ' ']);
        let (width, precision) = numbers.split_once('.').unwrap_or((numbers, ""));
        // A number in a pattern must not say how much memory is taken.
        let width = width.parse::<usize>().unwrap_or(0).min(1000);
        let shown = match (kind, value) {
            ('s', value) => value.unwrap_or("null").to_owned(),
            (_, None) => "null".to_owned(),
            ('d', Some(value)) => {
                let number: i64 = value.parse().map_err(|_| unknown())?;
                if comma { group_thousands(&number.to_string()) } else { number.to_string() }
            }
            ('x', Some(value)) => {
                let number: i64 = value.parse().map_err(|_| unknown())?;
                format!("{number:x}")
            }
            ('f', Some(value)) => {
                let number: f64 = value.parse().map_err(|_| unknown())?;
                let text = format!("{number:.*}", precision.parse::<usize>().unwrap_or(6).min(30));
                if comma { group_thousands(&text) } else { text }
            }
            _ => return Err(unknown()),
        };
        let missing = width.saturating_sub(shown.chars().count());
        match (left, zero && kind != 's') {
            (true, _) => {
                out.push_str(&shown);
                out.extend(std::iter::repeat_n(' ', missing));
            }
            (false, true) => {
                let (sign, digits) = match shown.strip_prefix('-') {
                    Some(digits) => ("-", digits),
                    None => ("", shown.as_str()),
                };
                out.push_str(sign);
                out.extend(std::iter::repeat_n('0', missing));
                out.push_str(digits);
            }
            (false, false) => {
                out.extend(std::iter::repeat_n(' ', missing));
                out.push_str(&shown);
            }
        }
    }
    out.push_str(rest);
    Ok(out)
}

fn group_thousands(number: &str) -> String {
    let (whole, rest) = number.split_at(number.find('.').unwrap_or(number.len()));
    let (sign, digits) = match whole.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", whole),
    };
    let mut out = sign.to_owned();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out + rest
}

/// What Trino calls a type.
fn type_name(data_type: &DataType) -> String {
    match data_type {
        DataType::Null => "unknown".to_owned(),
        DataType::Boolean => "boolean".to_owned(),
        DataType::Int8 => "tinyint".to_owned(),
        DataType::Int16 => "smallint".to_owned(),
        DataType::Int32 => "integer".to_owned(),
        DataType::Int64 => "bigint".to_owned(),
        DataType::Float32 => "real".to_owned(),
        DataType::Float64 => "double".to_owned(),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "varchar".to_owned(),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => "varbinary".to_owned(),
        DataType::Date32 | DataType::Date64 => "date".to_owned(),
        DataType::Timestamp(_, None) => "timestamp".to_owned(),
        DataType::Timestamp(_, Some(_)) => "timestamp with time zone".to_owned(),
        DataType::Decimal128(precision, scale) => format!("decimal({precision},{scale})"),
        DataType::List(item) => format!("array({})", type_name(item.data_type())),
        DataType::Struct(fields) => {
            let fields: Vec<_> = fields
                .iter()
                .map(|field| format!("{} {}", field.name(), type_name(field.data_type())))
                .collect();
            format!("row({})", fields.join(", "))
        }
        other => other.to_string().to_lowercase(),
    }
}
