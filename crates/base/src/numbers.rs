//! Numbers in messages.

/// A count with thousands separated, as the summaries show it.
pub fn format_thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// So many of a thing, as in "1 table" and "1,234 tables": `one` is its name, whose plural has an s.
pub fn format_count(number: u64, one: &str) -> String {
    format!("{} {one}{}", format_thousands(number), choose_form(number, "", "s"))
}

/// The form of a word that goes with so many: `one` for a single thing, else `many`.
pub fn choose_form<'t>(number: u64, one: &'t str, many: &'t str) -> &'t str {
    if number == 1 { one } else { many }
}

/// A sentence about so many of a thing: "1 note was not asked for", "1,234 notes were not asked for".
pub fn tell_count(number: u64, one: &str, what: &str) -> String {
    format!("{} {} {what}", format_count(number, one), choose_form(number, "was", "were"))
}

/// A sentence about so many rows: "1 row was rejected", "1,234 rows were rejected".
pub fn tell_rows(rows: u64, what: &str) -> String {
    tell_count(rows, "row", what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_thing_is_told_in_the_singular() {
        for (number, count, told) in [
            (0, "0 notes", "0 notes were downloaded"),
            (1, "1 note", "1 note was downloaded"),
            (2, "2 notes", "2 notes were downloaded"),
            (1_001, "1,001 notes", "1,001 notes were downloaded"),
        ] {
            assert_eq!(format_count(number, "note"), count);
            assert_eq!(tell_count(number, "note", "downloaded"), told);
        }
        assert_eq!(
            [0, 1, 2].map(|n| choose_form(n, "study", "studies")),
            ["studies", "study", "studies"]
        );
        assert_eq!(tell_rows(1, "rejected"), "1 row was rejected");
    }
}
