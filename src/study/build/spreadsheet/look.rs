//! A look at the members of a spreadsheet before they are read.

/// The findings about a member while it is unpacked.
#[derive(Default)]
pub struct Look {
    /// Its bytes so far.
    pub bytes: u64,
    /// Bytes since the last tag began, and the most there were.
    run: u64,
    pub longest: u64,
    /// The largest number that comes after [`PROMISE`].
    pub promised: u64,
    /// How much of [`PROMISE`] was just seen; past its end, that its number is awaited.
    matched: usize,
    number: Option<u64>,
    pub places: CellPlaces,
}

/// Looks for names of cells, and of parts of a sheet, that no sheet has. The library adds up their letters
/// and digits, however many there are.
#[derive(Default)]
pub struct CellPlaces {
    at: At,
    /// The quote that ends the value of an attribute, within one.
    quote: Option<u8>,
    /// The value of the attribute, as far as it was seen.
    value: Vec<u8>,
    /// Whether there was one.
    beyond: bool,
}

/// The part of ` r="B7"` or ` ref="A1:B7"` that was just seen.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum At {
    #[default]
    Elsewhere,
    Blank,
    /// So many letters of `ref`; all of `r`, and all of `ref`.
    Name(usize),
    Equals,
}

impl CellPlaces {
    /// Letters and digits of the last cell that a sheet may have: `XFD1048576`.
    const LETTERS: usize = 3;
    const DIGITS: usize = 7;
    /// Letters and digits that can be added up.
    // The library adds up in 32 bits: six letters (26^6) and nine digits fit, one more may not.
    const WORD: usize = 6;
    const NUMBER: usize = 9;
    /// Bytes of a value that are looked at: a part of a sheet has two places.
    const LONGEST: usize = 64;

    /// Whether there was a place that no sheet has.
    pub fn has_beyond(&self) -> bool {
        self.beyond
    }

    fn note_byte(&mut self, byte: u8) {
        if self.quote == Some(byte) {
            self.end_value();
        } else if self.quote.is_some() && self.value.len() <= Self::LONGEST {
            self.value.push(byte);
        }
        self.at = match (self.at, byte) {
            // Also where a value seems to be open: this one may begin in the value of another attribute.
            (At::Equals, b'"' | b'\'') => {
                self.end_value();
                self.quote = Some(byte);
                At::Blank
            }
            (At::Equals | At::Name(1 | 3), byte) if is_blank(byte) => self.at,
            // A value of another attribute may end, and the next name follow without a blank.
            (_, byte) if is_blank(byte) || matches!(byte, b'"' | b'\'') => At::Blank,
            (At::Blank, b'r') => At::Name(1),
            (At::Name(1), b'e') => At::Name(2),
            (At::Name(2), b'f') => At::Name(3),
            (At::Name(1 | 3), b'=') => At::Equals,
            _ => At::Elsewhere,
        };
    }

    fn end_value(&mut self) {
        self.beyond |= self.quote.take().is_some() && Self::is_beyond(&self.value);
        self.value.clear();
    }

    fn is_beyond(value: &[u8]) -> bool {
        let mut first: Option<(&[u8], &[u8])> = None;
        let is_cut = value.len() > Self::LONGEST;
        for part in value.split(|byte| *byte == b':') {
            let end = part.iter().position(|byte| !byte.is_ascii_alphabetic());
            let (letters, digits) = part.split_at(end.unwrap_or(part.len()));
            let count = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
            // The library adds up a word as far as the word looks like a place, before it finds that the
            // word is no place.
            if letters.len() > Self::WORD || count > Self::NUMBER {
                return true;
            }
            if count < digits.len() {
                return false;
            }
            let is_last = part.as_ptr_range().end == value.as_ptr_range().end;
            if digits.is_empty() {
                return is_cut && is_last;
            }
            if letters.len() > Self::LETTERS || digits.len() > Self::DIGITS {
                return true;
            }
            let Some(first) = first.replace((letters, digits)) else { continue };
            // The library subtracts the first place of a part from its last, without a check.
            let number = |digits: &[u8]| {
                digits.iter().fold(0, |number, digit| number * 10 + u32::from(digit - b'0'))
            };
            let column = |letters: &[u8]| {
                let letters = letters.iter().map(|letter| letter.to_ascii_uppercase() - b'A' + 1);
                letters.fold(0, |number, letter| number * 26 + u32::from(letter))
            };
            if number(digits) < number(first.1) || column(letters) < column(first.0) {
                return true;
            }
        }
        // Places and nothing else, as far as it was seen: no part of a sheet is named by so many.
        is_cut
    }
}

/// Whether the reader takes a byte as a blank between the parts of a tag.
fn is_blank(byte: u8) -> bool {
    byte.is_ascii_whitespace()
}

/// The attribute with the number of shared strings.
const PROMISE: &[u8] = b"uniqueCount";

impl Look {
    /// Looks at the next piece of it.
    pub fn look_at(&mut self, piece: &[u8]) {
        self.bytes += piece.len() as u64;
        for byte in piece {
            self.places.note_byte(*byte);
            self.run = if *byte == b'<' { 0 } else { self.run + 1 };
            self.longest = self.longest.max(self.run);
            if self.matched == PROMISE.len() {
                self.note_digit(*byte);
            } else if *byte == PROMISE[self.matched] {
                self.matched += 1;
            } else {
                self.matched = usize::from(*byte == PROMISE[0]);
            }
        }
    }

    fn note_digit(&mut self, byte: u8) {
        if byte.is_ascii_digit() {
            let number = self.number.unwrap_or(0);
            let number = number.saturating_mul(10).saturating_add(u64::from(byte - b'0'));
            self.number = Some(number);
            self.promised = self.promised.max(number);
            return;
        }
        // However many blanks there are before it.
        let may_come = is_blank(byte) || matches!(byte, b'=' | b'"' | b'\'' | b'+');
        if self.number.is_some() || !may_come {
            self.number = None;
            self.matched = usize::from(byte == PROMISE[0]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_beyond(text: &str) -> bool {
        let mut look = Look::default();
        // Wherever pieces are cut.
        text.as_bytes().chunks(3).for_each(|piece| look.look_at(piece));
        look.places.has_beyond()
    }

    #[test]
    fn places_that_no_sheet_has_are_found() {
        for text in [
            r#"<c r="AAAA1">"#,
            r#"<c t="s"r='A12345678'/>"#,
            "<row\n r =\t\"99999999999\">",
            r#"<dimension ref="A1:ABCDE5">"#,
            r#"<row r="worksheets/1">"#,
            r#"<row r="A99999999999/1">"#,
            r#"<dimension ref="ZZZZZZZZ:A2"/>"#,
            r#"<dimension ref="B2:A2"/>"#,
            r#"<dimension ref="A2:A1"/>"#,
            "<c r\x0c=\x0c\"AAAA1\">",
            "<c\x0cr=\"AAAA1\">",
            r#"<c t='r="' r="AAAA1" x='"'>"#,
            r#"<c r="AAAAAAA1 r='A1'">"#,
            &format!(r#"<dimension ref="{}A1:ZZZZZZZZ1"/>"#, "A1:".repeat(30)),
            &format!(r#"<dimension ref="{}ABZZZZZZ1"/>"#, "A1:".repeat(21)),
            &format!(r#"<dimension ref="{}A123"/>"#, "A1:".repeat(21)),
        ] {
            assert!(is_beyond(text), "{text}");
        }
        for text in [
            r#"<c r="XFD1048576">"#,
            r#"<row r="7" spans="1:2">"#,
            r#"<dimension ref="A1:B2"/><x ref="A1"/>"#,
            r#"<c er="AAAA1" name="99999999999" rf="ABCDE1">"#,
            r#"<Relationship r:id="rIdentifier99999999"/>"#,
            r#"<x ref="https://example.org/12345678"/>"#,
            &format!(r#"<x ref="https://example.org/{}"/>"#, "a:".repeat(60)),
            r#"<x ref="A1" y="ABCDEFGHI1"/>"#,
        ] {
            assert!(!is_beyond(text), "{text}");
        }
    }

    #[test]
    fn promised_texts_are_counted_however_they_are_written() {
        for between in ["=\"", " = '+", "\x0c=\x0c\"000", &format!("{}=\"", " ".repeat(65))] {
            let mut look = Look::default();
            look.look_at(format!("<sst uniqueCount{between}999999999999\">").as_bytes());
            assert_eq!(look.promised, 999_999_999_999, "{between}");
        }
        let mut look = Look::default();
        look.look_at(b"<sst uniqueCount=\"\" uniqueCount=\"7\">");
        assert_eq!(look.promised, 7);
        look.look_at(b"<t>uniqueCount of 1000</t>");
        assert_eq!(look.promised, 7);
    }
}
