//! Cells of CSV files that a spreadsheet would take for formulas.

use std::borrow::Cow;

use arrow_schema::DataType;

/// The treatment of cells that a spreadsheet would run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Formulas {
    /// A `'` goes before them: spreadsheets then show them as text.
    #[default]
    Escape,
    /// They stay as they are.
    Keep,
}

impl Formulas {
    /// A cell as it is written.
    pub fn escape_cell(self, text: &str) -> Cow<'_, str> {
        if self == Self::Keep || !split_cells(text).any(is_formula) {
            return Cow::Borrowed(text);
        }
        let escaped = split_cells(text).map(|piece| match (is_formula(piece), at_sign(piece)) {
            (false, _) => piece.to_owned(),
            // At the beginning of the cell, so that no blank hides it.
            (true, _) if piece.as_ptr() == text.as_ptr() => format!("'{piece}"),
            (true, at) => format!("{}'{}", &piece[..at], &piece[at..]),
        });
        Cow::Owned(escaped.collect())
    }

    /// Whether cells of a type need not be looked at: they are numbers and times.
    pub fn needs_no_escape(self, data_type: &DataType) -> bool {
        // A negative number begins with a sign, too, and has to stay a number.
        self == Self::Keep || data_type.is_primitive() || *data_type == DataType::Boolean
    }
}

/// Whether a spreadsheet could take a text for a formula: it begins with a sign that begins one, in
/// any width, or with characters before it that a spreadsheet leaves out. A number does not count.
fn is_formula(text: &str) -> bool {
    let seen = &text[at_sign(text)..];
    match seen.chars().next() {
        Some('\t' | '\r' | '\n') => true,
        Some('=' | '@' | '＝' | '＠' | '＋' | '－') => true,
        // The minus of mathematics, and its small and superscript forms, become one.
        Some('−' | '﹣' | '﹢' | '﹦' | '﹫') => true,
        // The piece ends with its `;`, if it has one.
        Some('+' | '-') => !is_number(seen.trim_end_matches(';').trim_end()),
        _ => false,
    }
}

/// The parts of a text that could become cells of their own: where a comma is the decimal sign,
/// spreadsheets take `;` for the separator of cells, and quotes do not hold them together.
fn split_cells(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive(';')
}

/// Where a text's first sign is. A mark of UTF-8, and blanks of any width, are not seen, nor is a quote
/// that a cell may begin with.
fn at_sign(text: &str) -> usize {
    let hidden = |c: char| {
        matches!(c, '\u{feff}' | '\u{200b}' | '\0' | '"')
            || c.is_whitespace() && !matches!(c, '\t' | '\r' | '\n')
    };
    text.len() - text.trim_start_matches(hidden).len()
}

/// A number as people write it: a sign, digits, a point, an exponent.
fn is_number(text: &str) -> bool {
    let plain = |byte: &u8| byte.is_ascii_digit() || b"+-.eE".contains(byte);
    // `parse` alone also takes "inf" and "nan", which are names to a spreadsheet.
    text.as_bytes().iter().all(plain) && text.parse::<f64>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_spreadsheet_would_run_is_shown_as_text() {
        for text in [
            "=HYPERLINK(\"http://x\")",
            "+cmd|' /C calc'!A0",
            "-2+3+cmd|' /C calc'!A0",
            "@SUM(1)",
            "\t=1",
            "\r=1",
            "\n=1",
            "＝1+1",
            "＋1",
            "－x",
            "＠x",
            "\u{feff}=1",
            "-",
            "+1-1",
            "-inf",
            " =1+1",
            "\u{a0}@SUM(1)",
            "\u{3000}＝1",
            " -x",
            "\"=1+1\"",
            "−1+1",
            "﹣x",
            "﹢x",
            "﹦1",
            "﹫x",
        ] {
            assert_eq!(Formulas::Escape.escape_cell(text), format!("'{text}"));
            assert_eq!(Formulas::Keep.escape_cell(text), text);
        }
    }

    #[test]
    fn only_numbers_times_and_truth_values_need_no_escape() {
        let types = [DataType::Int64, DataType::Float64, DataType::Date32, DataType::Boolean];
        for data_type in types {
            assert!(Formulas::Escape.needs_no_escape(&data_type), "{data_type}");
        }
        for data_type in [DataType::Utf8, DataType::Utf8View, DataType::Binary, DataType::Null] {
            assert!(!Formulas::Escape.needs_no_escape(&data_type), "{data_type}");
            assert!(Formulas::Keep.needs_no_escape(&data_type), "{data_type}");
        }
    }

    #[test]
    fn what_another_separator_makes_a_cell_is_shown_as_text_too() {
        for (text, shown) in [
            ("x;=cmd|' /C calc'!A0", "x;'=cmd|' /C calc'!A0"),
            ("x; \"@SUM(1)\"", "x; \"'@SUM(1)\""),
            (";;+a;-1", ";;'+a;-1"),
            ("=1;=2", "'=1;'=2"),
        ] {
            assert_eq!(Formulas::Escape.escape_cell(text), shown);
        }
    }

    #[test]
    fn other_texts_stay_as_they_are() {
        for text in ["x; y", "x;-5", "x; -5; 6", "a;", ";", " x", "\"x\"", " -1 "] {
            assert_eq!(Formulas::Escape.escape_cell(text), text);
        }
        for text in ["", "a=b", "-1", "+1.5", "-1e-5", "1-2", "'=1", "x@y", "J45-46", "–", "{=1}"]
        {
            assert_eq!(Formulas::Escape.escape_cell(text), text);
        }
    }
}
