//! Regular expressions.

use std::fmt::Write as _;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, ListBuilder, StringArray, StringBuilder};
use datafusion::arrow::datatypes::{DataType, Field, Int64Type};
use datafusion::common::Result;
use datafusion::logical_expr::ScalarUDF;
use regex::Regex;

use super::base::{Native, expect_texts, is_text, map_text, text_argument};
use super::bounded::ByteRoom;
use super::faults::{refuse_arguments, row_error};

/// `regexp_…`.
pub fn list_functions() -> Vec<Arc<ScalarUDF>> {
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

/// A text with the matches of a pattern replaced.
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
