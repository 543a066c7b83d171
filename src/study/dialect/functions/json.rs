//! Values of JSON texts.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::Array;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::logical_expr::ScalarUDF;
use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde_json::Deserializer;
use serde_json::value::RawValue;

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

/// The scalar at a path of JSON, as text; nothing if the path leads nowhere or to no scalar. A number has
/// the digits that it has in the JSON text, as in Trino.
fn json_scalar(json: &str, path: &str) -> Result<Option<String>> {
    let steps = json_path(path)
        .ok_or_else(|| row_error("a path of JSON is like $.name[0].name or $['name']"))?;
    let Ok(mut at) = serde_json::from_str::<&RawValue>(json) else { return Ok(None) };
    for step in steps {
        // A value of another kind than the step is for is an error of the parser: nothing is there.
        match FindStep(&step).deserialize(&mut Deserializer::from_str(at.get())) {
            Ok(Some(next)) => at = next,
            Ok(None) | Err(_) => return Ok(None),
        }
    }
    let text = at.get();
    Ok(match text.as_bytes().first() {
        Some(b'"') => serde_json::from_str(text).ok(),
        Some(b'{' | b'[' | b'n') | None => None,
        Some(_) => Some(text.to_owned()),
    })
}

/// Reads a value of JSON for the one at a step of it. Of members with the same name the first counts.
struct FindStep<'s>(&'s Step);

impl<'de> DeserializeSeed<'de> for FindStep<'_> {
    type Value = Option<&'de RawValue>;

    fn deserialize<D: de::Deserializer<'de>>(self, value: D) -> Result<Self::Value, D::Error> {
        match self.0 {
            Step::Name(_) => value.deserialize_map(self),
            Step::Index(_) => value.deserialize_seq(self),
        }
    }
}

impl<'de> Visitor<'de> for FindStep<'_> {
    type Value = Option<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or a list")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(name) = members.next_key::<Cow<'de, str>>()? {
            let value = members.next_value::<&RawValue>()?;
            if matches!(self.0, Step::Name(step) if *step == name) {
                found.get_or_insert(value);
            }
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        let mut index = 0;
        while let Some(item) = items.next_element::<&RawValue>()? {
            if matches!(self.0, Step::Index(step) if *step == index) {
                found = Some(item);
            }
            index += 1;
        }
        Ok(found)
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_are_given_as_they_are_written() {
        let json = r#" {"n": 12345678901234567890123, "e": 1.50e2, "t": "a\"\u00e4", "b": [true, null, {"c": -0.0}],
            "twice": 1, "twice": 2, "a\u0062": "named", "o": {}} "#;
        for (path, expected) in [
            ("$.n", Some("12345678901234567890123")),
            ("$.e", Some("1.50e2")),
            ("$.t", Some("a\"ä")),
            ("$.b[0]", Some("true")),
            ("$.b[1]", None),
            ("$.b[2].c", Some("-0.0")),
            ("$.b[3]", None),
            ("$.b.c", None),
            ("$['twice']", Some("1")),
            ("$.ab", Some("named")),
            ("$.o", None),
            ("$.b", None),
            ("$.n.x", None),
            ("$.absent", None),
        ] {
            assert_eq!(json_scalar(json, path).unwrap().as_deref(), expected, "{path}");
        }
        for broken in ["", "{", "[1, 2", "{\"n\": 1} x", "{\"n\": 1, }"] {
            assert_eq!(json_scalar(broken, "$.n").unwrap(), None, "{broken}");
        }
        assert_eq!(json_scalar(" \"whole\" ", "$").unwrap().as_deref(), Some("whole"));
        json_scalar("{}", "n").unwrap_err();
    }
}
