//! `format`, by the rules of `java.util.Formatter`, which Trino uses.

use std::borrow::Cow;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{DataFusionError, Result};
use datafusion::logical_expr::ScalarUDF;

use super::base::{Native, is_text, map_text, text_argument};
use super::bounded::ByteRoom;
use super::faults::{refuse_arguments, row_error};
use super::time;

/// `format`.
pub fn make_function() -> Arc<ScalarUDF> {
    Native::make_udf(
        "format",
        "format(pattern, …)",
        |types| match types.split_first() {
            Some((first, rest)) if is_text(first) => {
                let mut types = vec![DataType::Utf8];
                types.extend(rest.iter().cloned());
                Ok(types)
            }
            _ => refuse_arguments(),
        },
        |_| Ok(DataType::Utf8),
        format_rows,
    )
}

/// One text for each row, of its pattern and its arguments.
fn format_rows(args: &[ArrayRef]) -> Result<ArrayRef> {
    let texts = args.iter().skip(1).map(|array| match array.data_type() {
        DataType::Timestamp(_, _) => time::show_times(array),
        _ => Ok(cast(array, &DataType::Utf8)?),
    });
    let texts = texts.collect::<Result<Vec<_>>>()?;
    let given = texts.iter().map(|array| array.as_string::<i32>().value_data().len()).sum();
    let mut room = ByteRoom::new("format", given);
    map_text(text_argument(args, 0)?, |row, pattern| {
        let values = texts.iter().map(|array| {
            let array = array.as_string::<i32>();
            array.is_valid(row).then(|| array.value(row))
        });
        let made = format_row(pattern, &values.collect::<Vec<_>>())?;
        room.take_bytes(made.len())?;
        Ok(Some(made))
    })
}

/// A pattern with the arguments of one row in it; null is `None`.
///
/// # Errors
/// Java refuses the pattern, or it has a conversion or a flag that is not known here: a text that differs
/// from Trino's would go unnoticed.
fn format_row(pattern: &str, values: &[Option<&str>]) -> Result<String> {
    let mut out = String::new();
    let mut next = 0;
    let mut rest = pattern;
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        if let Some(after) = after.strip_prefix('%') {
            out.push('%');
            rest = after;
            continue;
        }
        let (directive, after) = Directive::parse_directive(after).ok_or_else(refuse_pattern)?;
        // A numbered argument (`%2$s`) does not move the place of the next one without a number.
        let index = directive.argument.unwrap_or_else(|| {
            next += 1;
            next - 1
        });
        let value = values.get(index).ok_or_else(|| row_error("format() has too few arguments"))?;
        directive.write_value(*value, &mut out)?;
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

fn refuse_pattern() -> DataFusionError {
    row_error(
        "format() knows %s, %d, %f, %x and %% on the embedded engine, with a width, a precision, the number \
         of an argument, and the flags '-', '0', ',', '+' and ' ' where Java allows them",
    )
}

/// A part of a pattern that an argument takes the place of, such as `%-8s` or `%2$,.1f`.
#[derive(Default)]
struct Directive {
    /// The index of its argument, if it names one.
    argument: Option<usize>,
    left: bool,
    zeros: bool,
    thousands: bool,
    plus: bool,
    space: bool,
    width: usize,
    precision: Option<usize>,
    kind: char,
}

impl Directive {
    /// The directive that `text` begins with, behind its `%`, and the text after it.
    fn parse_directive(text: &str) -> Option<(Self, &str)> {
        let mut directive = Self::default();
        let mut rest = text;
        let (number, after) = split_digits(rest);
        if let Some(after) = after.strip_prefix('$') {
            directive.argument = Some(number.parse::<usize>().ok()?.checked_sub(1)?);
            rest = after;
        }
        while let Some(flag) = rest.chars().next() {
            let field = match flag {
                '-' => &mut directive.left,
                '0' => &mut directive.zeros,
                ',' => &mut directive.thousands,
                '+' => &mut directive.plus,
                ' ' => &mut directive.space,
                _ => break,
            };
            if std::mem::replace(field, true) {
                return None;
            }
            rest = &rest[1..];
        }
        let (width, after) = split_digits(rest);
        rest = after;
        // A number in a pattern must not say how much memory is taken.
        let read_number = |digits: &str| digits.parse().ok().filter(|number| *number <= 1000);
        if !width.is_empty() {
            directive.width = read_number(width)?;
        }
        if let Some(after) = rest.strip_prefix('.') {
            let (precision, after) = split_digits(after);
            directive.precision = Some(read_number(precision)?);
            rest = after;
        }
        directive.kind = rest.chars().next()?;
        directive.is_allowed().then(|| (directive, &rest[1..]))
    }

    /// Whether Java takes these flags together, and for this conversion.
    fn is_allowed(&self) -> bool {
        let signs = self.plus || self.space;
        let fits = match self.kind {
            's' => !(self.zeros || self.thousands || signs),
            'd' => self.precision.is_none(),
            'x' => self.precision.is_none() && !(self.thousands || signs),
            'f' => true,
            _ => false,
        };
        let excluded = self.left && self.zeros || self.plus && self.space;
        fits && !excluded && (self.width > 0 || !(self.left || self.zeros))
    }

    fn write_value(&self, value: Option<&str>, out: &mut String) -> Result<()> {
        let of_a_number =
            || row_error("format() has an argument of another type than its pattern says");
        let read_integer = |value: &str| value.parse::<i64>().map_err(|_| of_a_number());
        match (self.kind, value) {
            // As in Java, the precision cuts the word, too: `%.2f` makes "nu" of null.
            (_, None) => self.write_text("null", out),
            ('s', Some(value)) => self.write_text(value, out),
            ('x', Some(value)) => self.write_number(&format!("{:x}", read_integer(value)?), out),
            ('d', Some(value)) => self.write_number(&read_integer(value)?.to_string(), out),
            (_, Some(value)) => match write_plainly(value).ok_or_else(of_a_number)? {
                Ok(plain) => {
                    self.write_number(&round_half_up(&plain, self.precision.unwrap_or(6)), out);
                }
                Err(word) => {
                    let of_a_word = Self { zeros: false, thousands: false, ..*self };
                    of_a_word.write_number(word, out);
                }
            },
        }
        Ok(())
    }

    fn write_text(&self, text: &str, out: &mut String) {
        match self.precision {
            Some(most) => self.pad_text(&text.chars().take(most).collect::<String>(), out),
            None => self.pad_text(text, out),
        }
    }

    fn write_number(&self, number: &str, out: &mut String) {
        let (sign, digits) = match number.strip_prefix('-') {
            Some(digits) => ("-", digits),
            None if self.plus => ("+", number),
            None if self.space => (" ", number),
            None => ("", number),
        };
        let digits = match self.thousands {
            true => Cow::Owned(group_thousands(digits)),
            false => Cow::Borrowed(digits),
        };
        let missing =
            if self.zeros { self.width.saturating_sub(sign.len() + digits.len()) } else { 0 };
        self.pad_text(&format!("{sign}{}{digits}", "0".repeat(missing)), out);
    }

    fn pad_text(&self, text: &str, out: &mut String) {
        let missing = " ".repeat(self.width.saturating_sub(text.chars().count()));
        let (before, after) = if self.left { ("", &*missing) } else { (&*missing, "") };
        out.extend([before, text, after]);
    }
}

fn split_digits(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

/// A number without an exponent; as an error, the word for one that is not finite. `None`: it is no number.
fn write_plainly(number: &str) -> Option<Result<Cow<'_, str>, &'static str>> {
    // Numbers of the type decimal may have more digits than a double keeps.
    let digits = number.strip_prefix('-').unwrap_or(number);
    if digits.starts_with(|c: char| c.is_ascii_digit())
        && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
    {
        return Some(Ok(Cow::Borrowed(number)));
    }
    let number: f64 = number.parse().ok()?;
    Some(match number {
        _ if number.is_nan() => Err("NaN"),
        f64::INFINITY => Err("Infinity"),
        f64::NEG_INFINITY => Err("-Infinity"),
        // The shortest digits that mean this number; Java, too, rounds those.
        _ => Ok(Cow::Owned(number.to_string())),
    })
}

/// A plain decimal number with so many digits behind its point; a half goes up, away from zero.
fn round_half_up(number: &str, places: usize) -> String {
    let (sign, digits) = match number.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", number),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let kept = &fraction[..places.min(fraction.len())];
    let mut digits: Vec<u8> = whole.bytes().chain(kept.bytes()).collect();
    digits.resize(whole.len() + places, b'0');
    if fraction.as_bytes().get(places).is_some_and(|digit| *digit >= b'5') {
        let nines = digits.iter().rev().take_while(|digit| **digit == b'9').count();
        let turned = digits.len() - nines;
        digits[turned..].fill(b'0');
        match turned.checked_sub(1) {
            Some(last) => digits[last] += 1,
            None => digits.insert(0, b'1'),
        }
    }
    let point = digits.len() - places;
    let mut out = sign.to_owned();
    out.extend(digits[..point].iter().map(|digit| char::from(*digit)));
    if places > 0 {
        out.push('.');
        out.extend(digits[point..].iter().map(|digit| char::from(*digit)));
    }
    out
}

/// The digits of a number without a sign, with a comma before every three of the whole.
fn group_thousands(digits: &str) -> String {
    let (whole, rest) = digits.split_at(digits.find('.').unwrap_or(digits.len()));
    let mut out = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values that `String.format(Locale.US, pattern, argument)` gives in Java.
    #[test]
    fn flags_width_and_precision_mean_what_they_mean_in_java() {
        for (pattern, value, expected) in [
            ("%s|", "ab", "ab|"),
            ("%5s|", "ab", "   ab|"),
            ("%-5s|", "ab", "ab   |"),
            ("%.1s|", "äb", "ä|"),
            ("%d", "-42", "-42"),
            ("%+d", "42", "+42"),
            ("% d", "42", " 42"),
            ("%+d", "-42", "-42"),
            ("%05d", "-42", "-0042"),
            ("%+,08d", "1234", "+001,234"),
            ("%,d", "-1234567", "-1,234,567"),
            ("%-6d|", "42", "42    |"),
            ("%x", "-1", "ffffffffffffffff"),
            ("%04x", "255", "00ff"),
            ("%f", "2", "2.000000"),
            ("%.1f", "2.55", "2.6"),
            ("%.2f", "1.005", "1.01"),
            ("%.2f", "0.125", "0.13"),
            ("%.0f", "-0.5", "-1"),
            ("%.1f", "99.95", "100.0"),
            ("%.1f", "1e3", "1000.0"),
            ("%.3f", "1e-7", "0.000"),
            ("%.1f", "12345678901234567890.25", "12345678901234567890.3"),
            ("%,.2f", "-1234.5", "-1,234.50"),
            ("%010.2f", "-3.14159", "-000003.14"),
            ("%06f|", "NaN", "   NaN|"),
            ("%+,f", "inf", "+Infinity"),
            ("100%%: %s%%", "a", "100%: a%"),
        ] {
            let made = format_row(pattern, &[Some(value)]);
            assert_eq!(made.unwrap(), expected, "{pattern} of {value}");
        }
        assert_eq!(format_row("%d %5s %.2f", &[None, None, None]).unwrap(), "null  null nu");
    }

    #[test]
    fn arguments_with_a_number_do_not_move_the_others() {
        let values = [Some("a"), Some("b"), Some("c")];
        assert_eq!(format_row("%2$s %s %1$s %s", &values).unwrap(), "b a a b");
        assert_eq!(format_row("%3$-3s|", &values).unwrap(), "c  |");
        for pattern in ["%4$s", "%s%s%s%s"] {
            format_row(pattern, &values).unwrap_err();
        }
    }

    #[test]
    fn patterns_that_java_refuses_or_that_are_not_known_here_are_refused() {
        for pattern in [
            "%",
            "%5",
            "%q",
            "%-d",
            "%0d",
            "%-05d",
            "%+ d",
            "%++d",
            "%+s",
            "%,s",
            "%05s",
            "%.1d",
            "%.1x",
            "%,x",
            "%+x",
            "%.f",
            "%0$d",
            "%#x",
            "%(d",
            "%<d",
            "%e",
            "%S",
            "%5%",
            "%ä",
            "%1001d",
            "%99999999999999999999d",
        ] {
            assert!(format_row(pattern, &[Some("1"), Some("2")]).is_err(), "{pattern}");
        }
        for (pattern, value) in [("%d", "1.5"), ("%x", "a"), ("%f", "a")] {
            assert!(format_row(pattern, &[Some(value)]).is_err(), "{pattern} of {value}");
        }
    }
}
