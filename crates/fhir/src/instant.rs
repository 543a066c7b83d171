//! FHIR instants as numbers that compare.

/// Stands for a time that is absent or cannot be understood; it is before every other.
pub const UNKNOWN_TIME: i64 = i64::MIN;

/// Microseconds since 1970 UTC of a FHIR `instant`: `2024-05-06T07:08:09.123-04:00`, with any
/// number of fraction digits (those below a microsecond are dropped) and `Z` or an offset.
///
/// Everything else, a date or a time without an offset among it, gives [`UNKNOWN_TIME`]
/// (spec "Tables": an unknown time never makes an update look old). Does not allocate.
pub fn parse_instant(text: &str) -> i64 {
    parse_bytes(text.as_bytes()).unwrap_or(UNKNOWN_TIME)
}

fn parse_bytes(text: &[u8]) -> Option<i64> {
    // The length of `2024-05-06T07:08:09`.
    let (local, rest) = text.split_at_checked(19)?;
    for (at, separator) in [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')] {
        if local[at] != separator {
            return None;
        }
    }
    let year = read_digits(&local[..4])?;
    let month = check_range(read_digits(&local[5..7])?, 1, 12)?;
    let day = check_range(read_digits(&local[8..10])?, 1, days_in_month(year, month))?;
    let hour = check_range(read_digits(&local[11..13])?, 0, 23)?;
    let minute = check_range(read_digits(&local[14..16])?, 0, 59)?;
    // A leap second counts as the second after it.
    let second = check_range(read_digits(&local[17..])?, 0, 60)?;
    let (micros, zone) = read_fraction(rest)?;
    let days = days_since_1970(year, month, day);
    let seconds = ((days * 24 + hour) * 60 + minute - offset_minutes(zone)?) * 60 + second;
    Some(seconds * 1_000_000 + micros)
}

/// Microseconds of a leading `.123`, and the text behind it.
fn read_fraction(text: &[u8]) -> Option<(i64, &[u8])> {
    let Some(digits) = text.strip_prefix(b".") else { return Some((0, text)) };
    let len = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = digits.split_at(len);
    let kept = &digits[..len.min(6)];
    let scale = 10_i64.pow(6 - kept.len() as u32);
    // A point without digits is no instant.
    (len > 0).then_some(())?;
    Some((read_digits(kept)? * scale, rest))
}

fn offset_minutes(zone: &[u8]) -> Option<i64> {
    let (sign, offset) = match zone.split_first()? {
        (b'Z', []) => return Some(0),
        (b'+', offset) => (1, offset),
        (b'-', offset) => (-1, offset),
        _ => return None,
    };
    if offset.len() != 5 || offset[2] != b':' {
        return None;
    }
    let hours = check_range(read_digits(&offset[..2])?, 0, 23)?;
    Some(sign * (hours * 60 + check_range(read_digits(&offset[3..])?, 0, 59)?))
}

fn read_digits(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |value, byte| {
        byte.is_ascii_digit().then(|| value * 10 + i64::from(byte - b'0'))
    })
}

fn check_range(value: i64, min: i64, max: i64) -> Option<i64> {
    (min..=max).contains(&value).then_some(value)
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 in the proleptic Gregorian calendar: years begin in March here, so that
/// a leap day is a year's last.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month > 2 { year } else { year - 1 };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    // From March on, any five months in a row have 153 days.
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    // 719,468 days lie between 0000-03-01 and 1970-01-01.
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_compare_across_offsets_and_fractions() {
        let expect =
            |text: &str| chrono::DateTime::parse_from_rfc3339(text).unwrap().timestamp_micros();
        for text in [
            "1970-01-01T00:00:00Z",
            "1969-12-31T23:59:59.5Z",
            "2024-02-29T23:59:59.999999-05:00",
            "2024-05-06T07:08:09.123+05:30",
            "2024-05-06T07:08:09.12345678901Z",
            "2000-03-01T00:00:00+00:00",
            "1900-02-28T00:00:00-00:00",
            "0001-01-01T00:00:00Z",
            "9999-12-31T23:59:59Z",
        ] {
            assert_eq!(parse_instant(text), expect(text), "{text}");
        }
        assert_eq!(
            parse_instant("2024-01-01T00:30:00+01:00"),
            parse_instant("2023-12-31T23:30:00.000Z")
        );
        assert_eq!(parse_instant("2016-12-31T23:59:60Z"), parse_instant("2017-01-01T00:00:00Z"));
    }

    #[test]
    fn anything_but_an_instant_is_unknown() {
        for text in [
            "",
            "2024",
            "2024-05-06",
            "2024-05-06T07:08:09",
            "2024-05-06T07:08Z",
            "2024-05-06T07:08:09.Z",
            "2024-05-06 07:08:09Z",
            "2024-05-06t07:08:09z",
            "2024-13-06T07:08:09Z",
            "2023-02-29T07:08:09Z",
            "2024-05-06T24:00:00Z",
            "2024-05-06T07:08:09+0500",
            "2024-05-06T07:08:09+05:00 ",
            "+024-05-06T07:08:09Z",
            "2024-05-06T07:08:09é",
            "２024-05-06T07:08:09Z",
        ] {
            assert_eq!(parse_instant(text), UNKNOWN_TIME, "{text}");
        }
    }
}
