//! Bounds on the bytes that are read from files and servers.
//!
//! A length that another program states, or the size that a compressed file unpacks to, must never
//! decide how much memory this process uses. Every reader of foreign data takes its bound from here.

mod depth;
pub mod json;

pub use depth::is_too_deep;

use std::io::{self, BufRead, Read};

use crate::error::{Context, Error, Result};

/// The longest line of NDJSON that is read, in bytes. Longer lines are rejected or skipped.
pub const LONGEST_LINE: usize = 64 << 20;

/// The longest line that is read as a tree of values, in bytes: an event of an export's log, a report
/// of an error. A tree takes up to thirty times the room of its text.
pub const LONGEST_EVENT: usize = 4 << 20;

/// Reads all of `reader`, which may have `limit` bytes at most. `name` names it in messages.
///
/// # Errors
/// When it cannot be read, or has more than `limit` bytes.
pub fn read_all(reader: impl Read, limit: u64, name: &str) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let failed = || format!("cannot read {name}");
    // One byte more than the limit tells a longer text from one of just that length.
    reader.take(limit.saturating_add(1)).read_to_end(&mut bytes).with_context(failed)?;
    if bytes.len() as u64 > limit {
        let message =
            format!("{name} is larger than {limit} bytes, which is the most that is read");
        return Err(Error::failed(message));
    }
    Ok(bytes)
}

/// The result of [`read_line`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// A line; it ends with its line feed unless it is the last one.
    Whole,
    /// A line of more than the limit; its bytes were skipped.
    TooLong,
    /// The end of the file: there was no line.
    End,
}

/// Reads the next line of at most `limit` bytes into `line`, which is emptied first.
///
/// # Errors
/// When `reader` fails.
pub fn read_line(reader: &mut impl BufRead, limit: usize, line: &mut Vec<u8>) -> io::Result<Line> {
    line.clear();
    let mut too_long = false;
    loop {
        let buffer = match reader.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            result => result?,
        };
        if buffer.is_empty() {
            return Ok(match (too_long, line.is_empty()) {
                (true, _) => Line::TooLong,
                (false, true) => Line::End,
                (false, false) => Line::Whole,
            });
        }
        let end = memchr::memchr(b'\n', buffer).map(|at| at + 1);
        let used = end.unwrap_or(buffer.len());
        if too_long || line.len() + used > limit {
            // The bytes that were collected are of no use any more.
            too_long = true;
            // Not `clear`: that would keep up to `limit` bytes for the rest of the file.
            *line = Vec::new();
        } else {
            line.extend_from_slice(&buffer[..used]);
        }
        reader.consume(used);
        if end.is_some() {
            return Ok(if too_long { Line::TooLong } else { Line::Whole });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_over_the_limit_are_skipped_and_the_next_ones_read() {
        let text = b"ab\nabcdefgh\n\nabcd";
        let mut reader = io::BufReader::with_capacity(3, &text[..]);
        let mut line = Vec::new();
        let mut seen = Vec::new();
        loop {
            let found = read_line(&mut reader, 4, &mut line).unwrap();
            if found == Line::End {
                break;
            }
            seen.push((found, line.clone()));
        }
        let expected: [(Line, &[u8]); 4] = [
            (Line::Whole, b"ab\n"),
            (Line::TooLong, b""),
            (Line::Whole, b"\n"),
            (Line::Whole, b"abcd"),
        ];
        assert_eq!(seen, expected.map(|(found, bytes)| (found, bytes.to_vec())));
    }

    #[test]
    fn a_file_over_its_limit_is_an_error() {
        assert_eq!(read_all(&b"abcd"[..], 4, "x").unwrap(), b"abcd");
        let error = read_all(io::repeat(b'x'), 4, "the page").unwrap_err();
        assert!(error.to_string().contains("the page is larger than 4 bytes"), "{error}");
    }
}
