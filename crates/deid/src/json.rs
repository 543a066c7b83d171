//! De-identified rows as compact JSON text.

use std::io::Write;

use super::row::{Deidentified, Event};

/// Appends a row as one JSON object, without a line end.
pub fn write_row(row: &Deidentified<'_>, out: &mut Vec<u8>) {
    // One bit a level: whether a comma is due before the next item.
    let mut levels: Vec<(bool, u8)> = Vec::with_capacity(16);
    let mut after_name = false;
    for event in row.read_events() {
        match event {
            Event::End => {
                if let Some((_, close)) = levels.pop() {
                    out.push(close);
                }
                after_name = false;
                continue;
            }
            _ if after_name => after_name = false,
            _ => {
                if let Some((comma, _)) = levels.last_mut()
                    && std::mem::replace(comma, true)
                {
                    out.push(b',');
                }
            }
        }
        match event {
            Event::Object(_) => {
                out.push(b'{');
                levels.push((false, b'}'));
            }
            Event::List => {
                out.push(b'[');
                levels.push((false, b']'));
            }
            Event::Field(field) => {
                // Names come from the policy: none needs escaping.
                out.push(b'"');
                out.extend_from_slice(field.name.as_bytes());
                out.extend_from_slice(b"\":");
                after_name = true;
            }
            Event::Text(text) => write_text(text, out),
            Event::Integer(number) => write_integer(number, out),
            Event::Decimal(number) => write_decimal(number, out),
            Event::Boolean(value) => write_boolean(value, out),
            Event::Null => out.extend_from_slice(b"null"),
            Event::End => {}
        }
    }
}

/// Appends a number without a fraction.
pub fn write_integer(number: i64, out: &mut Vec<u8>) {
    // Writing to memory cannot fail.
    let _ = write!(out, "{number}");
}

/// Appends any other number; `null` for a value that JSON has no number for.
pub fn write_decimal(number: f64, out: &mut Vec<u8>) {
    let _ = serde_json::to_writer(out, &number);
}

/// Appends `true` or `false`.
#[inline]
pub fn write_boolean(value: bool, out: &mut Vec<u8>) {
    out.extend_from_slice(if value { b"true" } else { b"false" });
}

/// Whether JSON asks for this byte of a text to be escaped.
fn is_escaped(byte: u8) -> bool {
    (byte < b' ') | (byte == b'"') | (byte == b'\\')
}

/// Appends a text in quotation marks.
pub fn write_text(text: &str, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    let bytes = text.as_bytes();
    // Nearly no text needs it; told without a branch per byte.
    if !bytes.iter().fold(false, |found, byte| found | is_escaped(*byte)) {
        out.extend_from_slice(bytes);
        out.push(b'"');
        return;
    }
    let mut start = 0;
    for (index, &byte) in bytes.iter().enumerate() {
        if !is_escaped(byte) {
            continue;
        }
        out.extend_from_slice(&bytes[start..index]);
        start = index + 1;
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            _ => {
                out.extend_from_slice(b"\\u00");
                out.push(HEX[usize::from(byte >> 4)]);
                out.push(HEX[usize::from(byte & 15)]);
            }
        }
    }
    out.extend_from_slice(&bytes[start..]);
    out.push(b'"');
}
