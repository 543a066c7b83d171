use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use cumulus_fhir::{ServerBase, TABLE_TYPES};
use serde_json::{Value, json};

use super::policy::Policy;
use super::*;
use crate::json::write_row;

mod memory_folder;
mod odd_rows;
mod output;
mod shapes;

pub(crate) use memory_folder::MemoryFolder;

const SALT: &str = "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20";

fn phi(codebook: &str) -> MemoryFolder {
    let folder = MemoryFolder::default();
    folder.write_file("codebook.json", codebook.to_owned());
    folder
}

fn codebook() -> Arc<Codebook> {
    let text = json!({"version": 1, "codebook_id": "one", "id_salt": SALT}).to_string();
    Arc::new(Codebook::open(&phi(&text)).unwrap())
}

fn scrubber() -> Scrubber {
    let bases = Arc::from([ServerBase::of_url("https://ehr.example/fhir").unwrap()]);
    Scrubber::new(Anonymizer::new(codebook(), bases))
}

/// The row as it leaves de-identification, or why it does not.
fn scrub_text(line: &str, resource_type: &'static str) -> Result<Value, (Reason, String)> {
    let mut scrubber = scrubber();
    let row = scrubber
        .scrub(line.as_bytes(), resource_type)
        .map_err(|reject| (reject.reason, reject.element()))?;
    let mut out = Vec::new();
    write_row(&row, &mut out);
    Ok(serde_json::from_slice(&out).unwrap())
}

fn scrub(row: Value) -> Result<Value, (Reason, String)> {
    let resource_type = row["resourceType"].as_str().unwrap_or("Patient").to_owned();
    let known = TABLE_TYPES.into_iter().find(|known| *known == resource_type);
    scrub_text(&row.to_string(), known.unwrap_or("Patient"))
}

/// The kept form of one element of a Patient.
fn patient(element: &str, value: Value) -> Value {
    let row = scrub(json!({"resourceType": "Patient", "id": "p", element: value})).unwrap();
    row.get(element).cloned().unwrap_or(Value::Null)
}

fn hash(id: &str) -> String {
    codebook().anonymize_id("Observation", id).to_string()
}

fn masked() -> Value {
    json!([{
        "url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason",
        "valueCode": "masked",
    }])
}

#[test]
fn the_hash_is_hmac_sha256_of_the_id() {
    // Made with Python: hmac.new(bytes.fromhex(SALT), b"abc", "sha256").hexdigest()
    let expected = "a21b1f5d4cf4f73a4dd939750f7a066a7f98cc131cb16a6692759021cfab8181";
    assert_eq!(hash("abc"), expected);
    assert_eq!(
        scrub(json!({"resourceType": "Patient", "id": " abc "})).unwrap()["id"],
        hash("abc")
    );
}

#[test]
fn what_the_policy_does_not_name_is_dropped() {
    let row = json!({
        "resourceType": "Patient", "id": "p", "name": [{"family": "Brenvalk"}],
        "telecom": [{"value": "555"}], "gender": "male", "invented": {"x": 1},
        "contact": [{"name": {"family": "Brenvalk"}, "gender": "female"}],
        "address": [{"line": ["1 Main St"], "city": "Here", "state": "MA", "postalCode": "02139-1234"}],
    });
    assert_eq!(
        scrub(row).unwrap(),
        json!({
            "resourceType": "Patient", "id": hash("p"), "gender": "male",
            "contact": [{"gender": "female"}],
            "address": [{"state": "MA", "postalCode": "02100-0000"}],
        })
    );
}

#[test]
fn texts_are_trimmed_and_empty_things_vanish() {
    assert_eq!(patient("gender", json!(" \u{1f}male\u{a0}")), "male");
    assert_eq!(patient("gender", json!("  ")), Value::Null);
    assert_eq!(
        patient("maritalStatus", json!({"coding": [{"code": " "}], "text": ""})),
        Value::Null
    );
    assert_eq!(patient("contact", json!([{"name": {"family": "x"}}])), Value::Null);
}

#[test]
fn references_keep_their_type_and_hide_the_rest() {
    let reference = |reference: Value| {
        let value = patient("managingOrganization", reference);
        value["reference"].as_str().unwrap().to_owned()
    };
    for (text, expected) in [
        ("Organization/1", format!("Organization/{}", hash("1"))),
        ("Organization/1/_history/2", format!("Organization/{}", hash("1/_history/2"))),
        ("Practitioner?identifier=a|b", format!("Practitioner/{}", hash("identifier=a|b"))),
        ("#o1", format!("#{}", hash("o1"))),
        ("https://ehr.example/fhir/Organization/1", format!("Organization/{}", hash("1"))),
        (
            "https://other.example/fhir/Organization/1",
            format!("Organization/{}", hash("https://other.example/fhir/Organization/1")),
        ),
        (
            "https://ehr.example/fhirbox/Organization/1/_history/2",
            format!(
                "Organization/{}",
                hash("https://ehr.example/fhirbox/Organization/1/_history/2")
            ),
        ),
        ("urn:uuid:123", hash("urn:uuid:123")),
        ("12345", hash("12345")),
        // The text before the slash is kept only if it is a type: it might be a name.
        ("Brenvalk/1", hash("Brenvalk/1")),
        ("Organization/", hash("Organization/")),
    ] {
        assert_eq!(reference(json!({"reference": text})), expected, "{text}");
    }
    for (text, expected) in [
        ("12345", format!("Organization/{}", hash("12345"))),
        ("urn:uuid:123", format!("Organization/{}", hash("urn:uuid:123"))),
        ("Patient/1", format!("Patient/{}", hash("1"))),
    ] {
        let value = json!({"reference": text, "type": "Organization"});
        assert_eq!(reference(value), expected, "{text} with a type");
    }
}

#[test]
fn references_lose_display_and_identifier() {
    let value =
        json!({"reference": "Organization/1", "display": "A", "identifier": {"value": "x"}});
    let kept = patient("managingOrganization", value);
    assert_eq!(kept, json!({"reference": format!("Organization/{}", hash("1"))}));
}

#[test]
fn masked_values_say_so_at_their_sibling() {
    let observation = |members: Value| {
        let mut row = json!({"resourceType": "Observation", "id": "o"});
        row.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        let mut kept = scrub(row).unwrap();
        kept.as_object_mut().unwrap().retain(|name, _| name.contains("value"));
        kept
    };
    assert_eq!(
        observation(json!({"valueString": "secret"})),
        json!({"_valueString": {"extension": masked()}})
    );
    assert_eq!(observation(json!({"valueString": " "})), json!({}));
    // A reason that is there already stays the only one; the order of members is no matter.
    let reason = json!([{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}]);
    for row in [
        json!({"valueString": "secret", "_valueString": {"extension": reason}}),
        json!({"_valueString": {"extension": reason}, "valueString": "secret"}),
    ] {
        assert_eq!(observation(row), json!({"_valueString": {"extension": reason}}));
    }
    let unknown = json!({"valueString": "secret", "_valueString": {"extension": [{"url": "x", "valueString": "y"}]}});
    assert_eq!(observation(unknown), json!({"_valueString": {"extension": masked()}}));
}

#[test]
fn notes_lose_their_text() {
    let attachment =
        json!({"contentType": "text/plain", "data": "c2VjcmV0", "url": "Binary/1", "title": "x"});
    let row = json!({"resourceType": "DocumentReference", "id": "d", "content": [{"attachment": attachment}]});
    let kept = scrub(row).unwrap();
    assert_eq!(
        kept["content"][0]["attachment"],
        json!({"contentType": "text/plain", "_data": {"extension": masked()}, "_url": {"extension": masked()}})
    );
}

#[test]
fn custom_codes_of_epic_are_masked_where_they_may_be_free_text() {
    let coding =
        |coding: Value| patient("maritalStatus", json!({"coding": [coding]}))["coding"][0].clone();
    let system = "urn:oid:1.2.840.114350.1.13.1";
    let keep = json!({"system": system, "code": "-12", "display": "Fine"});
    assert_eq!(coding(keep.clone()), keep);
    assert_eq!(
        coding(json!({"system": system, "code": "0", "display": "Jane"})),
        json!({"system": system, "code": "0", "extension": masked()})
    );
    assert_eq!(
        coding(json!({"display": "Jane", "system": system})),
        json!({"system": system, "extension": masked()})
    );
    assert_eq!(
        coding(
            json!({"code": "Jane", "display": "Jane", "extension": [{"url": "x"}], "system": system})
        ),
        json!({"system": system, "extension": masked()})
    );
    for system in
        ["1.2.840.114350.1.13.1", "URN:OID:1.2.840.114350.1", " Urn:Oid:1.2.840.114350.1 "]
    {
        assert_eq!(
            coding(json!({"system": system, "code": "Jane", "display": "Jane"})),
            json!({"system": system.trim(), "extension": masked()})
        );
    }
    let elsewhere = json!({"system": "http://loinc.org", "code": "a-b", "display": "X"});
    assert_eq!(coding(elsewhere.clone()), elsewhere);
}

#[test]
fn quantities_are_checked_by_system_too() {
    let row = json!({"resourceType": "Observation", "id": "o", "valueQuantity": {
        "value": 1.5, "code": "Jane", "system": "urn:oid:1.2.840.114350.1"}});
    assert_eq!(
        scrub(row).unwrap()["valueQuantity"],
        json!({"value": 1.5, "system": "urn:oid:1.2.840.114350.1", "extension": masked()})
    );
}

#[test]
fn extensions_are_kept_by_url_and_counted_otherwise() {
    let mut scrubber = scrubber();
    let row = json!({"resourceType": "Patient", "id": "p", "extension": [
        {"url": "http://hl7.org/fhir/us/core/StructureDefinition/us-core-race", "extension": [
            {"url": "text", "valueString": "White", "extension": [{"url": "nested", "valueId": "7"}]}]},
        {"url": "http://hl7.org/fhir/StructureDefinition/patient-birthPlace"},
        {"url": "http://example.org/unknown"},
        {"url": "Jane Doe, 1 Main Street"},
    ], "gender": "male"});
    let mut out = Vec::new();
    write_row(&scrubber.scrub(row.to_string().as_bytes(), "Patient").unwrap(), &mut out);
    let kept: Value = serde_json::from_slice(&out).unwrap();
    assert_eq!(kept["extension"].as_array().unwrap().len(), 1);
    assert_eq!(kept["extension"][0]["extension"][0]["extension"][0]["valueId"], hash("7"));
    let report = scrubber.take_report();
    let dropped: Vec<_> = report.dropped_extensions["Patient"].clone().into_iter().collect();
    assert_eq!(
        dropped,
        [("(not a URL)".to_owned(), 1), ("http://example.org/unknown".to_owned(), 1)]
    );
}

#[test]
fn an_unknown_modifier_extension_costs_the_row() {
    let modifier = |url: &str| json!([{"url": url, "valueCode": "x"}]);
    let row =
        |url| json!({"resourceType": "Patient", "id": "p", "modifierExtension": modifier(url)});
    assert!(
        scrub(row("http://fhir-registry.smarthealthit.org/StructureDefinition/nlp-source")).is_ok()
    );
    let rejected = scrub(row("http://example.org/not")).unwrap_err();
    assert_eq!(rejected.0, Reason::UnknownModifierExtension);
    let nested = json!({"resourceType": "Patient", "id": "p", "contact": [{"modifierExtension": modifier("x")}]});
    assert_eq!(
        scrub(nested).unwrap_err(),
        (Reason::UnknownModifierExtension, "contact.modifierExtension".into())
    );
}

#[test]
fn contained_resources_follow_their_own_type() {
    let row = json!({"resourceType": "Patient", "id": "p", "contained": [
        {"resourceType": "Organization", "id": "o", "name": "Clinic", "telecom": [{"value": "555"}]},
        {"resourceType": "Claim", "id": "c", "status": "active", "language": "en"},
        {"id": "no type"},
    ]});
    assert_eq!(
        scrub(row).unwrap()["contained"],
        json!([
            {"resourceType": "Organization", "id": hash("o"), "name": "Clinic"},
            {"resourceType": "Claim", "id": hash("c"), "language": "en"},
        ])
    );
}

#[test]
fn identifiers_are_kept_by_system() {
    let npi = json!({"system": "http://hl7.org/fhir/sid/us-npi", "value": "1"});
    let row = json!({"resourceType": "Location", "id": "l", "identifier": [
        {"system": "http://example.org/mrn", "value": "2"}, npi, {"value": "3"}]});
    assert_eq!(scrub(row).unwrap()["identifier"], json!([npi]));
}

#[test]
fn nulls_keep_their_place_in_lists_of_primitives_only() {
    let row = json!({"resourceType": "Location", "id": "l", "status": null, "alias": ["a", null, ""],
        "_alias": [null, {"id": "x"}, null]});
    let kept = scrub(row).unwrap();
    assert_eq!(kept["alias"], json!(["a", null]));
    assert_eq!(kept.get("status"), None);
    let row = json!({"resourceType": "Patient", "id": "p", "contact": [null]});
    assert_eq!(scrub(row).unwrap_err(), (Reason::WrongKind, "contact".into()));
}

#[test]
fn of_a_repeated_name_the_last_counts() {
    let line = r#"{"resourceType":"Patient","gender":"male","id":"a","gender":"female","id":"b","maritalStatus":{"text":"x","text":"y"}}"#;
    let kept = scrub_text(line, "Patient").unwrap();
    assert_eq!(kept["gender"], "female");
    assert_eq!(kept["id"], hash("b"));
    assert_eq!(kept["maritalStatus"]["text"], "y");
}

#[test]
fn rows_that_cannot_be_taken_say_why_and_where() {
    let reject = |line: &str| scrub_text(line, "Patient").unwrap_err();
    let at = |reason, element: &str| (reason, element.to_owned());
    assert_eq!(reject("{\"resourceType\":"), at(Reason::NotJson, ""));
    assert_eq!(reject("[1]"), at(Reason::NotAnObject, ""));
    assert_eq!(reject("{\"id\":\"x\"}"), at(Reason::WrongResourceType, ""));
    assert_eq!(
        reject("{\"resourceType\":\"Encounter\",\"id\":\"x\"}"),
        at(Reason::WrongResourceType, "")
    );
    assert_eq!(reject("{\"resourceType\":\"Patient\"}"), at(Reason::NoId, ""));
    assert_eq!(reject("{\"resourceType\":\"Patient\",\"id\":\" \"}"), at(Reason::NoId, ""));
    for (member, expected) in [
        (r#""gender":{"x":1}"#, at(Reason::WrongKind, "gender")),
        (r#""maritalStatus":"M""#, at(Reason::WrongKind, "maritalStatus")),
        (r#""maritalStatus":[{"text":"M"}]"#, at(Reason::WrongKind, "maritalStatus")),
        (r#""address":{"state":"MA"}"#, at(Reason::WrongKind, "address")),
        (r#""address":[[{"state":"MA"}]]"#, at(Reason::ListInList, "address")),
        (r#""gender":5"#, at(Reason::DoesNotFit, "gender")),
        (r#""active":"true""#, at(Reason::DoesNotFit, "active")),
        (r#""multipleBirthInteger":"2""#, at(Reason::DoesNotFit, "multipleBirthInteger")),
        (r#""multipleBirthInteger":3000000000"#, at(Reason::DoesNotFit, "multipleBirthInteger")),
        (r#""multipleBirthInteger":1.5"#, at(Reason::DoesNotFit, "multipleBirthInteger")),
        (r#""contact":[{"period":{"start":{}}}]"#, at(Reason::WrongKind, "contact.period.start")),
    ] {
        let line = format!(r#"{{"resourceType":"Patient","id":"p",{member}}}"#);
        assert_eq!(reject(&line), expected, "{member}");
    }
    // Elements that are dropped may be anything.
    assert!(scrub(json!({"resourceType": "Patient", "id": "p", "name": "odd", "text": 5})).is_ok());
}

#[test]
fn a_list_too_many_or_too_few_matters_only_where_something_is_kept() {
    for (element, nothing) in [
        ("gender", json!([])),
        ("gender", json!([" "])),
        ("maritalStatus", json!([])),
        ("maritalStatus", json!([{"invented": 1}])),
        ("address", json!({})),
        ("address", json!({"line": ["1 Elm St"]})),
        ("_address", json!({"id": "a"})),
        ("extension", json!({"url": "http://x/unknown"})),
        ("maritalStatus", json!({"coding": [{"extension": {"url": "http://x/unknown"}}]})),
    ] {
        assert_eq!(patient(element, nothing.clone()), Value::Null, "{element}: {nothing}");
    }
    let coding = json!({"extension": {"url": masked()[0]["url"], "valueCode": "unknown"}});
    let row = json!({"resourceType": "Patient", "id": "p", "maritalStatus": {"coding": [coding]}});
    let at = "maritalStatus.coding.extension".to_owned();
    assert_eq!(scrub(row), Err((Reason::WrongKind, at)));
}

#[test]
fn every_supported_type_has_rules_and_a_definition() {
    for name in TABLE_TYPES {
        let rules = Policy::built_in().resource_rules(name);
        assert_eq!(rules.name, name);
        assert!(
            rules.r4.is_some()
                && rules.field_named("subject").or(rules.field_named("id")).is_some()
        );
    }
}

#[test]
fn a_codebook_is_made_once_and_completed_where_it_lacks_something() {
    let folder = MemoryFolder::default();
    let first = Codebook::open(&folder).unwrap();
    let again = Codebook::open(&folder).unwrap();
    assert_eq!(
        (first.id(), first.anonymize_id("X", "1")),
        (again.id(), again.anonymize_id("X", "1"))
    );
    let saved: Value =
        serde_json::from_slice(&folder.read_file("codebook.json").unwrap().unwrap()).unwrap();
    assert_eq!((&saved["version"], saved["id_salt"].as_str().unwrap().len()), (&json!(1), 64));

    let partial = phi(&json!({"version": 1, "id_salt": SALT, "kept": true}).to_string());
    assert_eq!(Codebook::open(&partial).unwrap().anonymize_id("X", "1").as_str(), hash("1"));
    let saved: Value =
        serde_json::from_slice(&partial.read_file("codebook.json").unwrap().unwrap()).unwrap();
    assert_eq!((saved["id_salt"].as_str().unwrap(), &saved["kept"]), (SALT, &json!(true)));
    assert!(saved["codebook_id"].is_string());
}

#[test]
fn earlier_ids_win_over_the_hash() {
    let old =
        json!({"mrn": {"real-p": {"deid": "fake-p", "encounter": {"real-e": {"deid": "fake-e"}}}}});
    let folder = phi(&old.to_string());
    let book = Codebook::open(&folder).unwrap();
    assert_eq!(book.anonymize_id("Patient", "real-p").as_str(), "fake-p");
    assert_eq!(book.anonymize_id("Encounter", "real-e").as_str(), "fake-e");
    assert_ne!(book.anonymize_id("Condition", "real-p").as_str(), "fake-p");
    assert_eq!(
        Codebook::open(&folder).unwrap().anonymize_id("Patient", "real-p").as_str(),
        "fake-p"
    );
}

#[test]
fn a_codebook_that_cannot_be_used_is_an_error_without_its_content() {
    for text in [
        "not json",
        r#"{"version": 2}"#,
        r#"{"version": 1, "codebook_id": "x", "id_salt": "topsecret"}"#,
        r#"{"no": "version"}"#,
    ] {
        let message = Codebook::open(&phi(text)).err().unwrap().to_string();
        assert!(!message.contains("topsecret") && message.contains("codebook.json"), "{message}");
    }
}

fn identities(ids: impl Iterator<Item = String>) -> Phi<Identities> {
    let mut scrubber = scrubber();
    for id in ids {
        let row =
            json!({"resourceType": "Encounter", "id": id, "subject": {"reference": "Patient/1"}});
        scrubber.scrub(row.to_string().as_bytes(), "Encounter").unwrap();
    }
    scrubber.take_identities()
}

fn scratch() -> File {
    tempfile::tempfile().unwrap()
}

fn saved(folder: &MemoryFolder) -> Value {
    let bytes = folder.read_file("codebook-cached-mappings.json").unwrap();
    bytes.map_or(Value::Null, |bytes| serde_json::from_slice(&bytes).unwrap())
}

/// The mapping in a folder, of which a thousand new pairs stay in memory.
fn open_mapping(folder: &MemoryFolder, scratch: File) -> Mapping<MemoryFolder> {
    Mapping::open_mapping(&PhiFolder::new(folder.clone()), scratch, Path::new("work"), 1_000)
        .unwrap()
}

/// The mapping in a new folder, after the IDs that a scrubber has met have gone there.
fn save_identities(scrubber: &mut Scrubber) -> Value {
    let folder = MemoryFolder::default();
    let mut mapping = open_mapping(&folder, scratch());
    mapping.add(scrubber.take_identities()).unwrap();
    mapping.persist(&codebook()).unwrap();
    saved(&folder)
}

#[test]
fn the_mapping_grows_and_keeps_what_was_there() {
    let folder = MemoryFolder::default();
    let before = json!({"Patient": {"old": hash("old"), "bad": "wrong"}, "Other": [1]});
    folder.write_file("codebook-cached-mappings.json", before.to_string());
    let mut mapping = open_mapping(&folder, scratch());
    mapping.add(identities(["a".into(), "b".into(), "a".into()].into_iter())).unwrap();
    mapping.persist(&codebook()).unwrap();
    assert_eq!(
        saved(&folder),
        json!({
            "Patient": {"old": hash("old"), "bad": hash("bad"), "1": hash("1")},
            "Other": [1],
            "Encounter": {"a": hash("a"), "b": hash("b")},
        })
    );
}

#[test]
fn a_mapping_beyond_memory_is_complete_and_its_spill_unreadable() {
    let folder = MemoryFolder::default();
    let file = scratch();
    let mut mapping = open_mapping(&folder, file.try_clone().unwrap());
    let count = 2_500;
    for part in (0..count).collect::<Vec<u32>>().chunks(400) {
        mapping.add(identities(part.iter().map(|n| format!("real-id-{n}")))).unwrap();
    }
    let mut spilled = Vec::new();
    std::io::Read::read_to_end(
        &mut {
            std::io::Seek::rewind(&mut &file).unwrap();
            &file
        },
        &mut spilled,
    )
    .unwrap();
    assert!(spilled.len() > 100_000);
    assert!(memchr::memmem::find(&spilled, b"real-id-").is_none());
    mapping.persist(&codebook()).unwrap();
    let all = saved(&folder);
    assert_eq!(all["Encounter"].as_object().unwrap().len(), count as usize);
    assert_eq!(all["Encounter"]["real-id-2499"], hash("real-id-2499"));
}

#[test]
fn two_runs_add_to_one_mapping() {
    let folder = MemoryFolder::default();
    let mut one = open_mapping(&folder, scratch());
    let mut two = open_mapping(&folder, scratch());
    one.add(identities(["a".into()].into_iter())).unwrap();
    two.add(identities(["a".into(), "b".into()].into_iter())).unwrap();
    one.persist(&codebook()).unwrap();
    two.persist(&codebook()).unwrap();
    assert_eq!(saved(&folder)["Encounter"], json!({"a": hash("a"), "b": hash("b")}));
}

#[test]
fn a_run_that_has_lost_its_lock_leaves_the_mapping_of_the_other() {
    let folder = MemoryFolder::default();
    let mut mapping = open_mapping(&folder, scratch());
    mapping.add(identities(["a".into()].into_iter())).unwrap();
    folder.lose_locks(true);
    let error = mapping.persist(&codebook()).unwrap_err().to_string();
    assert!(error.contains("another run has taken over"), "{error}");
    assert_eq!(saved(&folder), Value::Null);
}

#[test]
fn rejected_rows_leave_no_ids_in_the_mapping() {
    let mut scrubber = scrubber();
    let row = json!({"resourceType": "Encounter", "id": "e", "subject": {"reference": "Patient/1"}, "status": {}});
    let folder = MemoryFolder::default();
    let mut mapping = open_mapping(&folder, scratch());
    assert!(scrubber.scrub(row.to_string().as_bytes(), "Encounter").is_err());
    mapping.add(scrubber.take_identities()).unwrap();
    mapping.persist(&codebook()).unwrap();
    assert_eq!(saved(&folder), Value::Null);
    // Nor are they taken for IDs of the next row.
    assert!(scrubber.scrub(row.to_string().as_bytes(), "Encounter").is_err());
    let row = json!({"resourceType": "Patient", "id": "2"}).to_string();
    assert!(scrubber.scrub(row.as_bytes(), "Patient").is_ok());
    mapping.add(scrubber.take_identities()).unwrap();
    mapping.persist(&codebook()).unwrap();
    assert_eq!(saved(&folder), json!({"Patient": {"2": hash("2")}, "Encounter": {}}));
}

#[test]
fn a_patient_and_an_encounter_of_one_id_are_two_pairs() {
    let mut scrubber = scrubber();
    // The kind is in one bit of a pair's key: with several IDs each value of that bit occurs.
    let ids: Vec<_> = (0..16).map(|id| id.to_string()).collect();
    for (resource_type, id) in
        ids.iter().flat_map(|id| [("Encounter", id.as_str()), ("Patient", id.as_str())])
    {
        let row = json!({"resourceType": resource_type, "id": id}).to_string();
        assert!(scrubber.scrub(row.as_bytes(), resource_type).is_ok());
    }
    let pairs: serde_json::Map<_, _> = ids.iter().map(|id| (id.clone(), json!(hash(id)))).collect();
    assert_eq!(save_identities(&mut scrubber), json!({"Patient": pairs, "Encounter": pairs}));
}
