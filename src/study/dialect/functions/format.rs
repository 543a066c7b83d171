//! `format`, by the rules of `java.util.Formatter`, which Trino uses.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::logical_expr::ScalarUDF;

use super::base::{Native, is_text, map_text, text_argument};
use super::bounded::ByteRoom;
use super::faults::{refuse_arguments, row_error};
use super::time;

/// `format`.
pub fn make_function() -> Arc<ScalarUDF> {
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
    )
}

/// One text for each row, of its pattern and its arguments.
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
