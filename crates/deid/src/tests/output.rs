//! What leaves de-identification beside the elements: text form, times, types, counts.

use super::*;
use crate::json::write_text;
use crate::report::shown_url;

/// The line's row as JSON text: a parsed one does not show how numbers and repeated names are written.
fn scrub_to_text(line: &str, resource_type: &'static str) -> String {
    let mut scrubber = scrubber();
    let mut out = Vec::new();
    write_row(&scrubber.scrub(line.as_bytes(), resource_type).unwrap(), &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn texts_are_escaped_as_json_asks_and_no_more() {
    let written = |text: &str| {
        let mut out = Vec::new();
        write_text(text, &mut out);
        String::from_utf8(out).unwrap()
    };
    assert_eq!(written("a\"b\\c\nd\re\tf\u{1}g\u{1f}h"), r#""a\"b\\c\nd\re\tf\u0001g\u001fh""#);
    assert_eq!(written("\u{10}"), r#""\u0010""#);
    // Told by whether there is any, not by whether their number is odd.
    assert_eq!(written("\"x\""), r#""\"x\"""#);
    for text in ["", "plain", "é ü 漢 \u{7f}", "/ ' <>&"] {
        assert_eq!(written(text), format!("\"{text}\""));
    }
}

#[test]
fn truth_values_and_numbers_are_written_as_json_has_them() {
    for active in [true, false] {
        let row = json!({"resourceType": "Patient", "id": "p", "active": active});
        let text = scrub_to_text(&row.to_string(), "Patient");
        assert!(text.contains(&format!("\"active\":{active}")), "{text}");
    }
    // From 2^53 on a float does not tell which whole number it was.
    for (number, written) in [
        ("2.0", "2"),
        ("1e3", "1000"),
        ("-7.0", "-7"),
        ("2.5", "2.5"),
        ("9007199254740991.0", "9007199254740991"),
        ("9007199254740992.0", "9007199254740992.0"),
        ("9007199254740993", "9007199254740993"),
    ] {
        let line = format!(
            "{{\"resourceType\":\"Observation\",\"id\":\"o\",\"valueQuantity\":{{\"value\":{number}}}}}"
        );
        let text = scrub_to_text(&line, "Observation");
        assert!(text.ends_with(&format!("\"valueQuantity\":{{\"value\":{written}}}}}")), "{text}");
    }
}

#[test]
fn the_time_of_a_row_is_that_of_its_own_meta() {
    let row = json!({
        "resourceType": "Patient",
        "id": "p",
        "meta": {"lastUpdated": "2024-01-02T03:04:05Z", "versionId": "7"},
        "contained": [{
            "resourceType": "Observation",
            "id": "o",
            "meta": {"lastUpdated": "2030-01-01T00:00:00Z"},
        }],
    });
    let mut scrubber = scrubber();
    let scrubbed = scrubber.scrub(row.to_string().as_bytes(), "Patient").unwrap();
    assert_eq!(scrubbed.last_updated(), Some("2024-01-02T03:04:05Z"));
    let row = json!({
        "resourceType": "Patient",
        "id": "p",
        "contained": [{
            "resourceType": "Observation",
            "id": "o",
            "meta": {"lastUpdated": "2030-01-01T00:00:00Z"},
        }],
    });
    let scrubbed = scrubber.scrub(row.to_string().as_bytes(), "Patient").unwrap();
    assert_eq!(scrubbed.last_updated(), None);
}

#[test]
fn contained_resources_are_counted_by_their_own_types() {
    let row = json!({
        "resourceType": "Patient",
        "id": "p",
        "contained": [
            {"resourceType": "Observation", "id": "o", "extension": [{"url": "http://h.example/x"}]},
            {"resourceType": "Encounter", "id": "e"},
        ],
    });
    let mut scrubber = scrubber();
    scrubber.scrub(row.to_string().as_bytes(), "Patient").unwrap();
    let types: Vec<_> = scrubber.take_contained_types().into_iter().collect();
    assert_eq!(types, ["Encounter", "Observation"]);
    assert!(scrubber.take_contained_types().is_empty());
    let report = scrubber.take_report();
    let dropped = &report.dropped_extensions["Observation"];
    assert_eq!(dropped["http://h.example/x"], 1);
    assert_eq!(report.dropped_extensions.len(), 1);
    assert_eq!(scrubber.take_report(), Report::default());
    // The ID of a contained encounter is one of an encounter.
    assert_eq!(
        save_identities(&mut scrubber),
        json!({"Patient": {"p": hash("p")}, "Encounter": {"e": hash("e")}})
    );
}

#[test]
fn elements_of_parts_that_r4_does_not_know_are_counted_by_the_part() {
    let row = json!({
        "resourceType": "Patient",
        "id": "p",
        "communication": [{"preferred": true, "noSuchElement": "x"}],
    });
    let mut scrubber = scrubber();
    scrubber.scrub(row.to_string().as_bytes(), "Patient").unwrap();
    let report = scrubber.take_report();
    let counts: Vec<_> = report.non_r4_elements["Patient"].values().collect();
    assert_eq!(counts, [&1]);
}

#[test]
fn names_in_urls_are_shown_up_to_their_bounds() {
    let host = |length: usize| format!("http://{}/x", "h".repeat(length));
    assert_eq!(shown_url(Some(&host(253))), host(253));
    assert_eq!(shown_url(Some(&host(254))), "(not a URL)");
    let kind = |length: usize| format!("urn:{}:x", "k".repeat(length));
    assert_eq!(shown_url(Some(&kind(31))), format!("urn:{}:…", "k".repeat(31)));
    assert_eq!(shown_url(Some(&kind(30))), format!("urn:{}:…", "k".repeat(30)));
    assert_eq!(shown_url(Some(&kind(32))), "(not a URL)");
    for (name, is_shown) in [
        ("v1234", true),
        ("v12345", false),
        ("1234-5678", true),
        ("1234-5678-9", false),
        ("12-34-56-78", true),
    ] {
        let shown = shown_url(Some(&format!("http://h/{name}")));
        assert_eq!(shown, format!("http://h/{}", if is_shown { name } else { "…" }));
    }
    let name = |length: usize| format!("http://h/{}", "n".repeat(length));
    assert_eq!(shown_url(Some(&name(80))), name(80));
    assert_eq!(shown_url(Some(&name(81))), "http://h/…");
}

#[test]
fn a_codebook_is_looked_at_without_a_change() {
    let empty = MemoryFolder::default();
    assert!(Codebook::look(&empty).unwrap().is_none());
    assert_eq!(Codebook::id_in(&empty).unwrap(), None);
    let folder = phi(&json!({"version": 1, "codebook_id": "one", "id_salt": SALT}).to_string());
    let looked = Codebook::look(&folder).unwrap().unwrap();
    assert_eq!(looked.id(), "one");
    assert_eq!(looked.anonymize_id("Device", "abc").as_str(), hash("abc"));
    assert_eq!(Codebook::id_in(&folder).unwrap().as_deref(), Some("one"));
    assert_eq!(Codebook::id_in(&phi("{\"version\":1}")).unwrap(), None);
}

#[test]
fn each_reason_of_a_rejection_has_words_of_its_own() {
    let reasons = [
        Reason::NotJson,
        Reason::NotAnObject,
        Reason::WrongResourceType,
        Reason::NoId,
        Reason::WrongKind,
        Reason::ListInList,
        Reason::DoesNotFit,
        Reason::UnknownModifierExtension,
        Reason::TooLong,
        Reason::TooDeep,
    ];
    let words: std::collections::BTreeSet<_> =
        reasons.iter().map(ToString::to_string).filter(|words| !words.is_empty()).collect();
    assert_eq!(words.len(), reasons.len());
    assert_eq!(Reason::NotJson.to_string(), "not JSON");
}

#[test]
fn a_repeated_name_is_written_once() {
    for line in [
        r#"{"resourceType":"Patient","id":"a","gender":"male","gender":"female"}"#,
        r#"{"resourceType":"Patient","id":"a","id":"b","active":true,"active":false}"#,
        r#"{"resourceType":"Patient","id":"a","maritalStatus":{"text":"x","text":"y"}}"#,
    ] {
        let text = scrub_to_text(line, "Patient");
        for name in ["gender", "id", "active", "text"] {
            assert!(text.matches(&format!("\"{name}\":")).count() <= 1, "{text}");
        }
    }
}

#[test]
fn a_sibling_is_not_taken_for_the_element_behind_its_own() {
    let sibling = json!({"extension": masked()});
    let row = json!({
        "resourceType": "Patient", "id": "p",
        "active": true, "_active": sibling, "gender": "male", "_gender": sibling,
        "birthDate": "1980-02-03", "_birthDate": sibling, "deceasedBoolean": false,
    });
    let kept = scrub(row).unwrap();
    assert_eq!(kept["gender"], "male");
    assert_eq!(kept["_gender"], sibling);
    assert_eq!(kept["birthDate"], "1980");
    assert_eq!(kept["deceasedBoolean"], false);
}

#[test]
fn the_sibling_of_an_element_that_is_dropped_is_dropped_too() {
    let sibling = json!({"extension": masked()});
    for name in ["_name", "_telecom", "_photo"] {
        assert_eq!(patient(name, sibling.clone()), Value::Null, "{name}");
    }
}

#[test]
fn a_list_among_extensions_is_told_from_a_text() {
    for (item, reason) in [
        (json!([{"url": "http://h/x"}]), Reason::ListInList),
        (json!("x"), Reason::WrongKind),
        (json!(7), Reason::WrongKind),
    ] {
        let coding = json!([{"system": "http://loinc.org", "code": "1", "extension": [item]}]);
        let row =
            json!({"resourceType": "Patient", "id": "p", "maritalStatus": {"coding": coding}});
        assert_eq!(scrub(row).unwrap_err().0, reason, "{item}");
    }
}

#[test]
fn elements_of_a_contained_type_without_rules_are_not_counted() {
    let row = json!({
        "resourceType": "Patient",
        "id": "p",
        "contained": [{"resourceType": "Basic", "id": "b", "code": {"text": "x"}, "noSuch": 1}],
    });
    let mut scrubber = scrubber();
    scrubber.scrub(row.to_string().as_bytes(), "Patient").unwrap();
    assert_eq!(scrubber.take_report(), Report::default());
}

#[test]
fn a_reference_to_the_row_itself_is_hashed_as_any_other() {
    let row = json!({"resourceType": "Condition", "id": "c", "subject": {"reference": "#"}});
    assert_eq!(scrub(row).unwrap()["subject"]["reference"], format!("#{}", hash("")));
}

#[test]
fn misfits_of_contained_resources_add_up() {
    let mut report = Report::default();
    report.count_misfits("Observation", "valueQuantity", 2);
    report.count_misfits("Observation", "valueQuantity", 3);
    assert_eq!(report.contained_misfits["Observation"]["valueQuantity"], 5);
}

#[test]
fn hosts_and_kinds_that_are_none_are_not_shown() {
    for url in ["http:///x", "http://h_ost/x", "http://a b/x", "urn::x", "urn:a-b:x", "urn:x"] {
        assert_eq!(shown_url(Some(url)), "(not a URL)", "{url}");
    }
    // Only the arcs of an OID are no name.
    assert_eq!(shown_url(Some("urn:k:1.2")), "urn:k:…");
    assert_eq!(shown_url(Some("urn:oid:smith")), "urn:oid:…");
    assert_eq!(shown_url(Some("urn:oid:1.2")), "urn:oid:1.2");
}

#[test]
fn a_salt_has_64_hexadecimal_digits() {
    let with = |salt: &str| {
        let text = json!({"version": 1, "codebook_id": "one", "id_salt": salt}).to_string();
        Codebook::open(&phi(&text))
    };
    assert!(with(SALT).is_ok());
    for salt in [&SALT[2..], &format!("{SALT}00"), &"+1".repeat(32), &"zz".repeat(32), ""] {
        assert!(with(salt).is_err(), "{salt}");
    }
}
