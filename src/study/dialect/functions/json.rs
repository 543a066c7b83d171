//! Values of JSON texts.

use std::sync::Arc;

use datafusion::arrow::array::Array;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::logical_expr::ScalarUDF;

use super::base::{Native, expect_texts, map_text, text_argument};
use super::faults::row_error;

/// `json_extract_scalar`.
pub fn make_function() -> Arc<ScalarUDF> {
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
    )
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
