//! Rows that no server should send.

use super::*;

const KEPT: &str = "http://hl7.org/fhir/StructureDefinition/data-absent-reason";

/// A Patient with extensions inside each other, `levels` deep.
fn nested(levels: usize) -> String {
    let open = format!(r#"{{"url":"{KEPT}","extension":["#).repeat(levels);
    let close = "]}".repeat(levels);
    format!(
        r#"{{"resourceType":"Patient","id":"p","extension":[{open}{{"url":"{KEPT}","valueCode":"x"}}{close}]}}"#
    )
}

#[test]
fn rows_nested_beyond_reason_are_rejected_at_any_depth() {
    assert!(scrub_text(&nested(22), "Patient").is_ok());
    for levels in [23, 30, 31, 1_000, 100_000] {
        let (reason, _) = scrub_text(&nested(levels), "Patient").unwrap_err();
        assert_eq!(reason, Reason::TooDeep, "{levels}");
    }
}

#[test]
fn what_a_mask_adds_counts_as_depth() {
    let row = |levels: usize, value: &str| nested(levels).replace(r#""valueCode":"x""#, value);
    let masked = r#""valueCoding":{"system":"urn:oid:1.2.840.114350.1","code":"Jane"}"#;
    assert!(scrub_text(&row(20, masked), "Patient").is_ok());
    // The Coding is the deepest there may be, and its mask one too deep.
    assert!(scrub_text(&row(21, r#""valueCoding":{"code":"x"}"#), "Patient").is_ok());
    assert_eq!(scrub_text(&row(21, masked), "Patient").unwrap_err().0, Reason::TooDeep);
    let zip = r#""valueAddress":{"postalCode":"Jane"}"#;
    assert!(scrub_text(&row(19, zip), "Patient").is_ok());
    assert_eq!(scrub_text(&row(20, zip), "Patient").unwrap_err().0, Reason::TooDeep);
}

#[test]
fn a_number_that_no_computer_holds_costs_the_row_only_where_it_is_kept() {
    let row = |element: &str| {
        let line = format!(r#"{{"resourceType":"Observation","id":"o",{element}}}"#);
        scrub_text(&line, "Observation")
    };
    for number in ["1e400", "-1E+999", "1e0400"] {
        let unfit = row(&format!(r#""valueQuantity":{{"value":{number}}}"#)).unwrap_err();
        assert_eq!(unfit, (Reason::DoesNotFit, "valueQuantity.value".into()), "{number}");
        assert!(row(&format!(r#""unknown":[{number}],"valueInteger":5"#)).is_ok(), "{number}");
    }
    assert_eq!(row(r#""valueInteger":1e400"#).unwrap_err().0, Reason::DoesNotFit);
    let kept = row(r#""x":1e400,"valueQuantity":{"value":1.50}"#).unwrap();
    assert_eq!(kept["valueQuantity"]["value"], 1.5);
    let mut line = br#"{"resourceType":"Patient","id":"p","x":1e400,"gender":"?"}"#.to_vec();
    let at = line.iter().position(|byte| *byte == b'?').unwrap();
    line[at] = 0xe9;
    let rejected = scrubber().scrub(&line, "Patient").map(|_| ()).unwrap_err();
    assert_eq!(rejected.reason, Reason::NotJson);
    for broken in [r#""x":1e"#, r#""x":1e400}}"#, r#""x":01e400"#, r#""x":1e400,"#] {
        assert_eq!(row(broken).unwrap_err().0, Reason::NotJson, "{broken}");
    }
}

#[test]
fn depth_in_what_is_dropped_does_not_matter() {
    let deep = "[".repeat(500) + &"]".repeat(500);
    let row =
        scrub_text(&format!(r#"{{"resourceType":"Patient","id":"p","x":{deep}}}"#), "Patient");
    assert_eq!(row.unwrap(), json!({"resourceType": "Patient", "id": hash("p")}));
    // The parser would run out of stack.
    for text in ["[".repeat(1_000_000), "{\"a\":".repeat(1_000_000)] {
        assert_eq!(scrub_text(&text, "Patient").unwrap_err().0, Reason::TooDeep);
    }
}

#[test]
fn the_last_of_a_repeated_name_counts_wherever_it_stands() {
    let row = r#"{"id":"a","resourceType":"Claim","gender":"male","maritalStatus":{"text":"x"},
        "active":true,"active":null,"id":"b","resourceType":"Patient","gender":"female",
        "maritalStatus":{"coding":[{"code":"1","code":"2"}]},"x":1,"x":2}"#;
    let kept = scrub_text(row, "Patient").unwrap();
    let expected = json!({
        "resourceType": "Patient", "id": hash("b"), "gender": "female",
        "maritalStatus": {"coding": [{"code": "2"}]},
    });
    assert_eq!(kept, expected);
}

#[test]
fn repeated_names_on_every_level_cost_no_more_than_one_more_walk() {
    let open = r#"{"url":"x","extension":["#.repeat(21);
    let close = format!(r#"],"url":"{KEPT}"}}"#).repeat(21);
    let row = format!(
        r#"{{"resourceType":"Patient","id":"p","extension":[{open}{{"url":"{KEPT}","valueCode":"x"}}{close}]}}"#
    );
    // Twice the work at each of 21 levels would take minutes.
    let kept = scrub_text(&row, "Patient").unwrap();
    assert!(kept.to_string().contains("valueCode"));
}

#[test]
fn what_is_counted_of_a_row_with_repeated_names_is_counted_once() {
    let row = r#"{"resourceType":"Patient","id":"p","extension":[{"url":"http://x/unknown"}],
        "gender":"male","gender":"female"}"#;
    let mut scrubber = scrubber();
    scrubber.scrub(row.as_bytes(), "Patient").unwrap();
    assert_eq!(scrubber.take_report().dropped_extensions["Patient"]["http://x/unknown"], 1);
}
