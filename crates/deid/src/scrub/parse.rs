//! A line becomes a JSON value.

use cumulus_base::bounded::is_too_deep;
use sonic_rs::Value;

use super::Scrub;
use crate::reject::{Reason, Reject};

/// Parses a row.
pub(super) fn parse_line(line: &[u8]) -> Scrub<Value> {
    if is_too_deep(line) {
        return Err(Reject::new(Reason::TooDeep));
    }
    match sonic_rs::from_slice(line) {
        Ok(value) => Ok(value),
        // Only after a failure: to keep numbers as text costs time, and nearly no row needs it.
        Err(_) => parse_with_any_number(line),
    }
}

/// Parses a row with a number that the program's number types can't hold, such as `1e400`: where the
/// number is of no concern, the row is taken, and else it is said where the number stands.
fn parse_with_any_number(line: &[u8]) -> Scrub<Value> {
    // The parser takes it for granted that text is UTF-8.
    let line = std::str::from_utf8(line).map_err(|_| Reject::new(Reason::NotJson))?;
    let mut parser = sonic_rs::Deserializer::from_str(line).use_rawnumber();
    let value = parser.deserialize::<Value>();
    value.and_then(|value| parser.end().map(|()| value)).map_err(|_| Reject::new(Reason::NotJson))
}
