//! Values that are kept in part. A value without the shape that the part is cut from is not kept at
//! all: it may be anything, a name included.

/// Prefixes with so few people that even three digits could identify someone (HIPAA Safe
/// Harbor, after the census).
const SMALL_ZIPS: [&str; 14] = [
    "036", "059", "102", "203", "205", "369", "556", "692", "821", "823", "878", "879", "884",
    "893",
];

/// Appends the first three digits of a US ZIP code (`02139`, `02139-4307`, `021394307`), with every
/// later digit zero. False, and nothing appended, for anything else.
pub(super) fn push_zip(code: &str, out: &mut String) -> bool {
    let bytes = code.as_bytes();
    let digits = |range: &[u8]| range.iter().all(u8::is_ascii_digit);
    let rest = match bytes {
        zip if zip.len() == 5 && digits(zip) => "00",
        zip if zip.len() == 9 && digits(zip) => "000000",
        [zip @ .., b'-', _, _, _, _] if zip.len() == 5 && digits(zip) && digits(&bytes[6..]) => {
            "00-0000"
        }
        _ => return false,
    };
    let first = &code[..3];
    out.push_str(if SMALL_ZIPS.contains(&first) { "000" } else { first });
    out.push_str(rest);
    true
}

/// The year of a FHIR date or time: `1958`, `1958-03`, `1958-03-17`, `1958-03-17T…`. `None` for
/// anything else: the first characters of another text are not a year.
pub(super) fn parse_year(text: &str) -> Option<&str> {
    let bytes = text.as_bytes();
    let number = |from: usize| match bytes.get(from..from + 2)? {
        [tens @ b'0'..=b'9', ones @ b'0'..=b'9'] => Some((tens - b'0') * 10 + (ones - b'0')),
        _ => None,
    };
    let month = || bytes.get(4) == Some(&b'-') && matches!(number(5), Some(1..=12));
    let day = || bytes.get(7) == Some(&b'-') && matches!(number(8), Some(1..=31));
    let fits = bytes.get(..4)?.iter().all(u8::is_ascii_digit)
        && bytes[..4] != *b"0000"
        && match bytes.len() {
            4 => true,
            7 => month(),
            10 => month() && day(),
            // The time behind the `T` is not looked at: only the year is kept.
            11.. => month() && day() && bytes[10] == b'T',
            _ => false,
        };
    fits.then(|| &text[..4])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zip_code_is_kept_in_part_and_nothing_else_is() {
        let zip = |code: &str| {
            let mut out = String::new();
            push_zip(code, &mut out).then_some(out)
        };
        for (code, kept) in [
            ("02139", "02100"),
            ("02139-4307", "02100-0000"),
            ("021394307", "021000000"),
            ("03601", "00000"),
            ("89312-1234", "00000-0000"),
        ] {
            assert_eq!(zip(code).as_deref(), Some(kept), "{code}");
            // Once more, as `convert` does.
            assert_eq!(zip(kept).as_deref(), Some(kept), "{code}");
        }
        for code in [
            "",
            "Jane Doe",
            "SW1A 1AA",
            "12345 Jane",
            "12345-",
            "12345-67",
            "12345-Jane",
            "12345–6789",
            "12345 6789",
            "021",
            "2139",
            "123456",
            "１２３４５",
            "٠٢١٣٩",
            "0213é",
            "+2139",
            "2139é-4307",
        ] {
            assert_eq!(zip(code), None, "{code}");
        }
    }

    #[test]
    fn a_date_keeps_its_year_and_other_texts_nothing() {
        for date in ["1958", "1958-03", "1958-03-17", "1958-03-17T", "1958-03-17T01:02:03.4+05:00"]
        {
            assert_eq!(parse_year(date), Some("1958"), "{date}");
        }
        for text in [
            "",
            "58",
            "195",
            "17.03.1958",
            "17/03/1958",
            "1958/03/17",
            "19580317",
            "+1958",
            "-1958",
            "1958 ",
            "1958-",
            "1958-3-17",
            "1958-13",
            "1958-03-32",
            "1958-03-17 Jane",
            "1234-5678",
            "Jane Doe",
            "MRN1-22",
            "１９５８",
            "19é",
            "0000",
        ] {
            assert_eq!(parse_year(text), None, "{text}");
        }
    }
}
