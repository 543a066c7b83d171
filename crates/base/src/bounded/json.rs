//! Others' JSON as a tree whose size is bounded.
//!
//! A tree takes many times the bytes of its text: `{"a":0}` some hundred, so that a text of a few
//! megabytes could take gigabytes.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// Bytes that a value takes in a list that grows as it is read.
// Twice, as a vector doubles its room when it is full.
const VALUE: usize = 2 * size_of::<Value>();
/// Bytes that a list or an object takes at least, with its first member.
const LIST: usize = 300;
const OBJECT: usize = 500;

/// Why there is no tree.
#[derive(Debug)]
pub enum Fault {
    /// The parser's error, which is of JSON's grammar and has no values.
    NotJson(serde_json::Error),
    /// The tree would be larger than it may be.
    TooLarge,
}

/// Reads a text as one JSON value that takes about `most` bytes of memory, and no more.
///
/// # Errors
/// It is no JSON, or takes more.
pub fn parse_json(text: &[u8], most: usize) -> Result<Value, Fault> {
    let room = Room { left: Cell::new(most), is_exceeded: Cell::new(false) };
    let mut parser = serde_json::Deserializer::from_slice(text);
    let read = Tree(&room).deserialize(&mut parser).and_then(|tree| parser.end().map(|()| tree));
    // An error of serde has no kind of its own: the flag tells which of the two it was.
    read.map_err(|error| match room.is_exceeded.get() {
        true => Fault::TooLarge,
        false => Fault::NotJson(error),
    })
}

/// The bytes that are left for the tree.
struct Room {
    left: Cell<usize>,
    is_exceeded: Cell<bool>,
}

impl Room {
    fn take_bytes<E: serde::de::Error>(&self, bytes: usize) -> Result<(), E> {
        match self.left.get().checked_sub(bytes) {
            Some(left) => {
                self.left.set(left);
                Ok(())
            }
            None => {
                self.is_exceeded.set(true);
                Err(E::custom("too large"))
            }
        }
    }
}

#[derive(Clone, Copy)]
struct Tree<'a>(&'a Room);

impl<'de> DeserializeSeed<'de> for Tree<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Tree<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Value, E> {
        self.0.take_bytes(value.len())?;
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(value) = access.next_element_seed(self)? {
            self.0.take_bytes(if list.is_empty() { LIST } else { VALUE })?;
            list.push(value);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = access.next_key::<String>()? {
            let fixed = if object.is_empty() { OBJECT } else { VALUE };
            // Taken before the value is read, so that a name of megabytes is refused without its value.
            self.0.take_bytes(fixed + name.len() + size_of::<String>())?;
            object.insert(name, access.next_value_seed(self)?);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_is_what_the_text_says() {
        for text in [
            r#"{"a":[1,-2,3.5,1e300,18446744073709551615,true,null,"é\n"],"b":{},"c":[],"a":7}"#,
            "[]",
            "\"x\"",
            " 1 ",
        ] {
            let expected: Value = serde_json::from_str(text).unwrap();
            assert_eq!(parse_json(text.as_bytes(), 1 << 20).unwrap(), expected, "{text}");
        }
        for text in ["", "{", "[1,]", "1 2", "{\"a\":1}}", "1e400", "nul", "\"\\ud800\""] {
            assert!(serde_json::from_str::<Value>(text).is_err(), "{text}");
            assert!(
                matches!(parse_json(text.as_bytes(), 1 << 20), Err(Fault::NotJson(_))),
                "{text}"
            );
        }
        let deep = "[".repeat(1 << 16);
        assert!(matches!(parse_json(deep.as_bytes(), usize::MAX), Err(Fault::NotJson(_))));
    }

    #[test]
    fn what_a_tree_takes_is_bounded_whatever_it_is_made_of() {
        const MOST: usize = 1 << 20;
        for (one, most) in [
            ("[],", MOST / VALUE),
            ("{},", MOST / VALUE),
            ("0,", MOST / VALUE),
            ("[0],", MOST / (VALUE + LIST)),
            ("{\"a\":0},", MOST / (VALUE + OBJECT)),
            ("\"xxxxxxxxxxxxxxxxxxxxxxxx\",", MOST / VALUE),
        ] {
            let text = |count: usize| format!("[{}0]", one.repeat(count));
            assert!(parse_json(text(most / 2).as_bytes(), MOST).is_ok(), "{one}");
            let beyond = parse_json(text(most + 1).as_bytes(), MOST);
            assert!(matches!(beyond, Err(Fault::TooLarge)), "{one}");
        }
        let names: String = (0..9000).map(|number| format!("\"{number}\":0,")).collect();
        let object = format!("{{{names}\"x\":0}}");
        assert!(matches!(parse_json(object.as_bytes(), MOST), Err(Fault::TooLarge)));
    }
}
