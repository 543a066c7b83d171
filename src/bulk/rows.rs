//! Checks rows as they come in: one JSON object a line, of the promised type.

use sonic_rs::{JsonValueTrait, LazyValue};

// Longer lines are counted without a look into them: the main job rejects them.
use crate::bounded::{LONGEST_LINE, is_too_deep};
use crate::input;
use crate::text::BYTE_ORDER_MARK;

/// The kind of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RowKind {
    Valid,
    /// An OperationOutcome among the data.
    Outcome,
    /// A resource of another type.
    WrongType,
    /// Not a JSON object.
    Invalid,
}

/// Looks at one line, which is not blank.
pub(super) fn classify_row(line: &[u8], resource_type: &str) -> RowKind {
    if is_too_deep(line) {
        return RowKind::Invalid;
    }
    // The parser takes it for granted that text is UTF-8.
    let Ok(line) = std::str::from_utf8(line) else { return RowKind::Invalid };
    // The whole line is checked, with what may stand behind the object.
    match sonic_rs::from_str::<LazyValue<'_>>(line) {
        Ok(value) if value.is_object() => {}
        _ => return RowKind::Invalid,
    }
    let found = input::resource_type(line.as_bytes());
    match found.as_deref() {
        Some(name) if name == resource_type => RowKind::Valid,
        Some("OperationOutcome") => RowKind::Outcome,
        _ => RowKind::WrongType,
    }
}

/// Counts the rows of a file that comes in pieces.
#[derive(Debug, Default)]
pub(super) struct RowCheck {
    resource_type: String,
    /// The beginning of a line whose end has not come yet.
    partial: Vec<u8>,
    too_long: bool,
    /// Lines so far, blank ones too.
    lines: u64,
    /// Rows of whatever kind.
    pub rows: u64,
    /// OperationOutcomes among them.
    pub outcomes: u64,
    /// The line of the first row that is wrong, and how.
    pub first_wrong: Option<(u64, RowKind)>,
}

impl RowCheck {
    pub(super) fn new(resource_type: &str) -> Self {
        Self { resource_type: resource_type.to_owned(), ..Self::default() }
    }

    /// Takes the next piece.
    pub(super) fn add_bytes(&mut self, mut bytes: &[u8]) {
        while let Some(end) = memchr::memchr(b'\n', bytes) {
            let (line, rest) = (&bytes[..end], &bytes[end + 1..]);
            if self.partial.is_empty() && !self.too_long {
                self.add_line(line);
            } else {
                self.keep_partial(line);
                self.end_partial();
            }
            bytes = rest;
        }
        self.keep_partial(bytes);
    }

    /// The file is over: a last line need not have an end.
    pub(super) fn finish_file(&mut self) {
        if !self.partial.is_empty() || self.too_long {
            self.end_partial();
        }
    }

    fn keep_partial(&mut self, bytes: &[u8]) {
        if self.too_long || self.partial.len() + bytes.len() > LONGEST_LINE {
            self.too_long = true;
            // `clear` would keep the room of up to 64 MiB to the file's end, for each download
            // under way.
            self.partial = Vec::new();
        } else {
            self.partial.extend_from_slice(bytes);
        }
    }

    fn end_partial(&mut self) {
        if std::mem::take(&mut self.too_long) {
            self.lines += 1;
            self.rows += 1;
            return;
        }
        let mut line = std::mem::take(&mut self.partial);
        self.add_line(&line);
        line.clear();
        self.partial = line;
    }

    fn add_line(&mut self, line: &[u8]) {
        self.lines += 1;
        // Also within the file: some servers join files that have one each.
        let line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line);
        if line.trim_ascii().is_empty() {
            return;
        }
        self.rows += 1;
        match classify_row(line, &self.resource_type) {
            RowKind::Valid => {}
            RowKind::Outcome => self.outcomes += 1,
            wrong => {
                self.first_wrong.get_or_insert((self.lines, wrong));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_told_apart() {
        for (line, expected) in [
            (r#"{"resourceType":"Patient","id":"1"}"#, RowKind::Valid),
            (r#" {"id":{"a":[1,{}]},"resourceType":"Patient"} "#, RowKind::Valid),
            (r#"{"resourceType":"OperationOutcome"}"#, RowKind::Outcome),
            (r#"{"resourceType":"Device"}"#, RowKind::WrongType),
            (r#"{"id":"1"}"#, RowKind::WrongType),
            (r#"{"resourceType":"Patient","id":"1""#, RowKind::Invalid),
            (r#"{"resourceType":"Patient"} x"#, RowKind::Invalid),
            (r#"{"resourceType":"Patient","a":tru}"#, RowKind::Invalid),
            ("[]", RowKind::Invalid),
            ("<html>", RowKind::Invalid),
        ] {
            assert_eq!(classify_row(line.as_bytes(), "Patient"), expected, "{line}");
        }
        assert_eq!(
            classify_row(b"{\"resourceType\":\"Patient\",\"id\":\"\xff\"}", "Patient"),
            RowKind::Invalid
        );
    }

    #[test]
    fn pieces_of_any_size_count_alike() {
        let text = "\u{feff}{\"resourceType\":\"Patient\"}\n\n\u{feff}{\"resourceType\":\"Patient\"}\r\n\
                    {\"resourceType\":\"OperationOutcome\"}\n{\"resourceType\":\"Pat";
        for size in 1..text.len() {
            let mut rows = RowCheck::new("Patient");
            text.as_bytes().chunks(size).for_each(|piece| rows.add_bytes(piece));
            rows.finish_file();
            assert_eq!((rows.rows, rows.outcomes), (4, 1), "{size}");
            assert_eq!(rows.first_wrong, Some((5, RowKind::Invalid)), "{size}");
        }
    }
}
