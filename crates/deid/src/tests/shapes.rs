//! Values that are kept in part, and values without the shape that the part is cut from.

use super::*;

#[test]
fn birth_dates_keep_their_year() {
    assert_eq!(patient("birthDate", json!("1980-05-06")), "1980");
    assert_eq!(patient("birthDate", json!(" 1980 ")), "1980");
    for text in ["198", "17.03.1958", "+1958", "58", "1958 Jane", "１９５８"] {
        assert_eq!(patient("birthDate", json!(text)), Value::Null, "{text}");
    }
}

#[test]
fn zip_codes_keep_three_digits_at_most() {
    for (code, kept) in [
        ("02139", "02100"),
        ("02139-1234", "02100-0000"),
        ("03601", "00000"),
        (" 89312-5678 ", "89300-0000"),
    ] {
        let kept = if code.contains("893") { "00000-0000" } else { kept };
        assert_eq!(
            patient("address", json!([{"postalCode": code}])),
            json!([{"postalCode": kept}])
        );
    }
}

#[test]
fn what_is_no_zip_code_is_masked() {
    for code in ["K1A 0B1", "SW1A 1AA", "Jane Doe", "12", "02139 Jane", "０２１３９"] {
        let expected = json!([{"state": "MA", "_postalCode": {"extension": masked()}}]);
        for address in [
            json!({"state": "MA", "postalCode": code}),
            json!({"_postalCode": {"id": " "}, "postalCode": code, "state": "MA"}),
        ] {
            assert_eq!(patient("address", json!([address])), expected, "{code}");
        }
    }
    // The extension beside a code that is kept stays.
    let known = json!([{"postalCode": "02100", "_postalCode": {"extension": masked()}}]);
    let address = json!({"postalCode": "02139", "_postalCode": {"extension": masked()}});
    assert_eq!(patient("address", json!([address])), known);
}

#[test]
fn a_contained_address_and_one_in_an_extension_follow_the_same_shape() {
    let row = json!({"resourceType": "Patient", "id": "p", "contained": [
        {"resourceType": "Patient", "id": "c", "birthDate": "Jane", "address": [{"postalCode": "Jane"}]}],
        "extension": [{"url": "http://hl7.org/fhir/us/core/StructureDefinition/us-core-jurisdiction",
            "valueAddress": {"postalCode": "12345 Jane"}}]});
    let kept = scrub(row).unwrap();
    assert!(!kept.to_string().contains("Jane"), "{kept}");
    assert_eq!(kept["extension"][0]["valueAddress"]["_postalCode"]["extension"], masked());
    assert_eq!(kept["contained"][0]["address"][0]["_postalCode"]["extension"], masked());
    assert_eq!(kept["contained"][0].get("birthDate"), None);
}

#[test]
fn only_the_names_of_resource_types_stand_where_types_belong() {
    let kept = |reference: Value| patient("managingOrganization", reference);
    for (name, known) in [
        ("Organization", Some("Organization")),
        (" Organization ", Some("Organization")),
        ("http://hl7.org/fhir/StructureDefinition/Organization", Some("Organization")),
        // Of R5, of R6, and of R4 alone.
        ("Transport", Some("Transport")),
        ("DeviceAlert", Some("DeviceAlert")),
        ("Media", Some("Media")),
        ("Jane Doe", None),
        ("organization", None),
        ("Ｏrganization", None),
        ("Organization/Jane", None),
        ("http://example.org/StructureDefinition/Jane", None),
        ("Period", None),
    ] {
        let value = kept(json!({"reference": "12345", "type": name}));
        let expected = match known {
            Some(known) => {
                let reference = format!("{known}/{}", hash("12345"));
                json!({"reference": reference, "type": name.trim()})
            }
            None => json!({"reference": hash("12345")}),
        };
        assert_eq!(value, expected, "{name}");
    }
    for name in ["Transport", "DeviceAlert", "Citation"] {
        let value = kept(json!({"reference": format!("{name}/t1")}));
        assert_eq!(value["reference"], format!("{name}/{}", hash("t1")));
    }
    let contained = |name: &str| {
        let row = json!({"resourceType": "Patient", "id": "p", "contained": [
            {"resourceType": name, "id": "c", "language": "en"}]});
        scrub(row).unwrap().get("contained").map(|list| list[0]["resourceType"].clone())
    };
    for name in ["Claim", "Transport", "PersonalRelationship"] {
        assert_eq!(contained(name), Some(json!(name)));
    }
    for name in ["Jane Doe", "claim", "Period", "Resource", "DomainResource"] {
        assert_eq!(contained(name), None, "{name}");
    }
}

#[test]
fn rows_of_a_former_output_keep_no_more_than_a_run_would_have_kept() {
    let mut scrubber =
        Scrubber::again(Anonymizer::new(Arc::new(Codebook::throwaway()), Arc::from(Vec::new())));
    let fake = "0".repeat(64);
    let row = json!({"resourceType": "Patient", "id": fake, "birthDate": "17.0",
        "address": [{"postalCode": "SW1A 0AA"}, {"postalCode": "02100-0000"}],
        "managingOrganization": {"reference": format!("Jane Doe/{fake}"), "type": "Jane Doe"},
        "generalPractitioner": [{"reference": format!("Practitioner/{fake}")}, {"reference": fake},
            {"reference": format!("#{fake}")}]});
    let mut out = Vec::new();
    write_row(&scrubber.scrub(row.to_string().as_bytes(), "Patient").unwrap(), &mut out);
    let kept: Value = serde_json::from_slice(&out).unwrap();
    assert_eq!(
        kept,
        json!({"resourceType": "Patient", "id": fake,
            "address": [{"_postalCode": {"extension": masked()}}, {"postalCode": "02100-0000"}],
            "managingOrganization": {"reference": fake},
            "generalPractitioner": row["generalPractitioner"]})
    );
}
