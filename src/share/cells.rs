//! Cells of CSV files that a spreadsheet would take for formulas.

use std::borrow::Cow;

use arrow::datatypes::DataType;

/// What happens to cells that a spreadsheet would run.
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
    pub fn cell(self, text: &str) -> Cow<'_, str> {
        match self == Self::Escape && is_formula(text) {
            true => Cow::Owned(format!("'{text}")),
            false => Cow::Borrowed(text),
        }
    }

    /// Whether cells of a type need not be looked at: they are numbers and times.
    pub fn passes(self, data_type: &DataType) -> bool {
        self == Self::Keep || data_type.is_primitive() || *data_type == DataType::Boolean
    }
}

/// Whether a spreadsheet could take a text for a formula: it begins with a sign that begins one, in
/// any width, or with what a spreadsheet leaves out before it. A number does not count.
fn is_formula(text: &str) -> bool {
    // A mark of UTF-8, and blanks of no width, are not seen.
    let seen = text.trim_start_matches(['\u{feff}', '\u{200b}', '\0']);
    match seen.chars().next() {
        Some('=' | '@' | '\t' | '\r' | '\n' | '＝' | '＠' | '＋' | '－') => true,
        // The minus of mathematics, and its small and superscript forms, become one.
        Some('−' | '﹣' | '﹢' | '﹦' | '﹫') => true,
        Some('+' | '-') => !is_number(seen),
        _ => false,
    }
}

/// A number as people write it: a sign, digits, a point, an exponent.
fn is_number(text: &str) -> bool {
    let plain = |byte: &u8| byte.is_ascii_digit() || b"+-.eE".contains(byte);
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
        ] {
            assert_eq!(Formulas::Escape.cell(text), format!("'{text}"));
            assert_eq!(Formulas::Keep.cell(text), text);
        }
    }

    #[test]
    fn other_texts_stay_as_they_are() {
        for text in ["", "a=b", "-1", "+1.5", "-1e-5", "1-2", "'=1", "x@y", "J45-46", "–", "{=1}"]
        {
            assert_eq!(Formulas::Escape.cell(text), text);
        }
    }
}
