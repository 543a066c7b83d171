use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use super::*;
use crate::needs::{need, shared};

fn element(of: &str, name: &str) -> &'static Element {
    let found = type_named(of).unwrap_or_else(|| panic!("no type {of}"));
    found.element(name).unwrap_or_else(|| panic!("no element {name} in {of}"))
}

fn names(of: &str) -> Vec<&'static str> {
    type_named(of).unwrap().elements.iter().map(|element| element.name).collect()
}

#[test]
fn types_are_found_by_name() {
    for r4_type in r4::TYPES {
        assert_eq!(type_named(r4_type.name).map(|found| found.name), Some(r4_type.name));
    }
    for absent in ["", "patient", "Patient.name", "string", "MoneyQuantity", "Zzz"] {
        assert!(type_named(absent).is_none(), "{absent}");
    }
}

#[test]
fn all_resources_and_datatypes_are_there() {
    let resources = r4::TYPES.iter().filter(|t| t.resource);
    assert_eq!(resources.clone().count(), 146);
    for resource in resources {
        assert!(!resource.name.contains('.'), "{}", resource.name);
        let first: Vec<_> = resource.elements.iter().map(|e| e.name).take(4).collect();
        assert_eq!(first, ["id", "meta", "implicitRules", "language"], "{}", resource.name);
    }
    // With these two the 148 codes of R4's value set resource-types.
    assert!(!type_named("Resource").unwrap().resource);
    assert!(!type_named("DomainResource").unwrap().resource);
    let datatypes = r4::TYPES.iter().filter(|t| !t.resource && !t.name.contains('.'));
    let datatypes: BTreeSet<_> = datatypes.map(|t| t.name).collect();
    let expected = "Address Age Annotation Attachment BackboneElement CodeableConcept Coding \
        ContactDetail ContactPoint Contributor Count DataRequirement Distance DomainResource \
        Dosage Duration Element ElementDefinition Expression Extension HumanName Identifier \
        MarketingStatus Meta Money Narrative ParameterDefinition Period Population \
        ProdCharacteristic ProductShelfLife Quantity Range Ratio Reference RelatedArtifact \
        Resource SampledData Signature SubstanceAmount Timing TriggerDefinition UsageContext";
    assert_eq!(datatypes, expected.split_whitespace().collect());
}

#[test]
fn every_object_has_a_type_and_every_name_is_its_own() {
    for r4_type in r4::TYPES {
        let mut seen = BTreeSet::new();
        for element in r4_type.elements {
            assert!(seen.insert(element.name), "{} has {} twice", r4_type.name, element.name);
            if let Kind::Object(of) = element.kind {
                assert!(type_named(of).is_some(), "{}.{}: {of}", r4_type.name, element.name);
            }
        }
    }
}

#[test]
fn every_backbone_element_is_used() {
    let objects = r4::TYPES.iter().flat_map(|t| t.elements).filter_map(|e| match e.kind {
        Kind::Object(of) => Some(of),
        _ => None,
    });
    let objects: BTreeSet<_> = objects.collect();
    for r4_type in r4::TYPES.iter().filter(|t| t.name.contains('.')) {
        assert!(objects.contains(r4_type.name), "{}", r4_type.name);
    }
}

#[test]
fn choices_are_spelled_as_in_json_and_in_order() {
    let values: Vec<_> =
        names("Observation").into_iter().filter(|name| name.starts_with("value")).collect();
    let expected = "valueQuantity valueCodeableConcept valueString valueBoolean valueInteger \
        valueRange valueRatio valueSampledData valueTime valueDateTime valuePeriod";
    assert_eq!(values, expected.split_whitespace().collect::<Vec<_>>());
    assert_eq!(element("Observation", "valueQuantity").kind, Kind::Object("Quantity"));
    assert_eq!(element("Observation", "valueInteger").kind, Kind::Integer);
    assert_eq!(element("Observation", "valueTime").kind, Kind::Text);
    assert_eq!(element("Extension", "valueBase64Binary").kind, Kind::Text);
    assert_eq!(element("Extension", "valueDecimal").kind, Kind::Decimal);
    // id, extension, url, and the 50 types of the open choice.
    assert_eq!(names("Extension").len(), 53);
    for r4_type in r4::TYPES {
        assert!(r4_type.elements.iter().all(|e| !e.name.contains('[')), "{}", r4_type.name);
    }
}

#[test]
fn backbone_elements_go_by_their_path() {
    let contact = element("Patient", "contact");
    assert_eq!((contact.kind, contact.list), (Kind::Object("Patient.contact"), true));
    let telecom = element("Patient.contact", "telecom");
    assert_eq!((telecom.kind, telecom.list), (Kind::Object("ContactPoint"), true));
    assert_eq!(names("Patient.contact")[..3], ["id", "extension", "modifierExtension"]);
    // Inside a datatype they may be plain elements, without modifierExtension.
    let repeat = element("Timing", "repeat");
    assert_eq!((repeat.kind, repeat.list), (Kind::Object("Timing.repeat"), false));
    assert_eq!(names("Timing.repeat")[..3], ["id", "extension", "boundsDuration"]);
    assert_eq!(element("Timing.repeat", "timeOfDay").kind, Kind::Text);
    assert!(element("Dosage", "doseAndRate").list);
    assert_eq!(element("Bundle.entry", "request").kind, Kind::Object("Bundle.entry.request"));
}

#[test]
fn a_reference_to_content_is_the_type_referred_to() {
    let range = element("Observation.component", "referenceRange");
    assert_eq!((range.kind, range.list), (Kind::Object("Observation.referenceRange"), true));
    // Types that hold themselves.
    let item = element("Questionnaire.item", "item");
    assert_eq!((item.kind, item.list), (Kind::Object("Questionnaire.item"), true));
    assert_eq!(element("Bundle.entry", "link").kind, Kind::Object("Bundle.link"));
}

#[test]
fn inherited_elements_come_first() {
    let domain = [
        "id",
        "meta",
        "implicitRules",
        "language",
        "text",
        "contained",
        "extension",
        "modifierExtension",
    ];
    assert_eq!(names("DomainResource"), domain);
    assert_eq!(names("Patient")[..9], [&domain[..], &["identifier"]].concat());
    assert_eq!(names("Resource"), domain[..4]);
    assert_eq!(
        names("Binary"),
        [&domain[..4], &["contentType", "securityContext", "data"]].concat()
    );
    let contained = element("Patient", "contained");
    assert_eq!((contained.kind, contained.list), (Kind::Object("Resource"), true));
    assert_eq!(element("Bundle.entry", "resource").kind, Kind::Object("Resource"));
    assert_eq!(element("Period", "extension").kind, Kind::Object("Extension"));
}

#[test]
fn scalars_have_the_kind_json_gives_them() {
    for (of, name, kind) in [
        ("Patient", "id", Kind::Text),
        ("Patient", "birthDate", Kind::Text),
        ("Patient", "active", Kind::Boolean),
        ("Patient", "multipleBirthInteger", Kind::Integer),
        ("Meta", "lastUpdated", Kind::Text),
        ("Narrative", "div", Kind::Text),
        ("Attachment", "data", Kind::Text),
        ("Attachment", "size", Kind::Integer),
        ("ContactPoint", "rank", Kind::Integer),
        ("Quantity", "value", Kind::Decimal),
        ("Timing.repeat", "offset", Kind::Integer),
    ] {
        assert_eq!(element(of, name).kind, kind, "{of}.{name}");
    }
    assert!(element("HumanName", "given").list);
    assert!(!element("HumanName", "family").list);
}

#[test]
fn narrowed_quantities_have_the_elements_of_quantity() {
    let quantity = type_named("Quantity").unwrap().elements;
    for narrowed in ["Age", "Count", "Distance", "Duration"] {
        assert_eq!(type_named(narrowed).unwrap().elements, quantity, "{narrowed}");
    }
    assert_eq!(element("Condition", "onsetAge").kind, Kind::Object("Age"));
    // Narrowed by a profile only (SimpleQuantity): still Quantity.
    assert_eq!(element("Observation.referenceRange", "low").kind, Kind::Object("Quantity"));
}

/// The name that the schema files give an element's scalar, or `None` for an object.
fn scalar(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Text => Some("string"),
        Kind::Integer => Some("int32"),
        Kind::Decimal => Some("double"),
        Kind::Boolean => Some("bool"),
        Kind::Object(_) => None,
    }
}

/// Compares a struct of a schema file with a type. Below the columns only the objects that the
/// schema shows, but every scalar.
fn compare(of: &Type, schema: &Value, column: bool, at: &str, wrong: &mut Vec<String>) {
    let Some(fields) = schema.as_object() else {
        return wrong.push(format!("{at}: not an object in the schema"));
    };
    for name in fields.keys().filter(|name| of.element(name).is_none()) {
        if !(column && name == "resourceType") {
            wrong.push(format!("{at}.{name}: only in the schema"));
        }
    }
    for element in of.elements {
        let at = format!("{at}.{}", element.name);
        let item = match (fields.get(element.name), element.list) {
            (Some(Value::Array(items)), true) if items.len() == 1 => &items[0],
            (Some(item), false) => item,
            (Some(_), true) => {
                wrong.push(format!("{at}: a list only in the definitions"));
                continue;
            }
            (None, _) => {
                if column || scalar(element.kind).is_some() {
                    wrong.push(format!("{at}: only in the definitions"));
                }
                continue;
            }
        };
        match element.kind {
            Kind::Object(of) => compare(type_named(of).unwrap(), item, false, &at, wrong),
            kind if item.as_str() == scalar(kind) => {}
            kind => wrong.push(format!("{at}: {kind:?} in the definitions, {item} in the schema")),
        }
    }
}

#[test]
fn empty_tables_have_a_column_for_each_element() {
    let folder = need!(shared("golden/synthea-10/schema/empty"));
    let mut wrong = Vec::new();
    let mut tables = 0;
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let table = path.file_stem().unwrap().to_str().unwrap();
        let of = r4::TYPES.iter().find(|t| t.resource && t.name.eq_ignore_ascii_case(table));
        let schema: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        compare(of.unwrap(), &schema, true, table, &mut wrong);
        tables += 1;
    }
    assert_eq!(tables, 20);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_allow_list_names_elements_of_r4() {
    let file = need!(shared("spec/deid-elements.csv"));
    let mut rows = csv::Reader::from_path(file).unwrap();
    let mut unknown = Vec::new();
    let mut known = 0;
    for row in rows.records() {
        let row = row.unwrap();
        let (of, path) = (&row[0], &row[1]);
        // Not elements: the parent type, and `resourceType`, which JSON alone has.
        if path == "(extends)" || (of, path) == ("Resource", "resourceType") {
            continue;
        }
        let mut at = type_named(of);
        let mut last = None;
        for name in path.split('.') {
            last = at.and_then(|t| t.element(name));
            at = last.and_then(|element| match element.kind {
                Kind::Object(of) => type_named(of),
                _ => None,
            });
        }
        match last {
            Some(_) => known += 1,
            None => unknown.push(format!("{of}.{path}")),
        }
    }
    assert!(unknown.is_empty(), "{}", unknown.join("\n"));
    assert!(known > 600, "{known}");
}

#[test]
fn no_type_has_two_elements_that_differ_in_case_only() {
    // Resources of all types that keep more than their IDs: contained ones share their columns.
    let kept = crate::TABLE_TYPES;
    let mut all = std::collections::BTreeMap::new();
    for r4 in r4::TYPES {
        let mut names: Vec<String> = r4.elements.iter().map(|e| e.name.to_lowercase()).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), r4.elements.len(), "{}", r4.name);
        for element in r4.elements.iter().filter(|_| kept.contains(&r4.name)) {
            let known = *all.entry(element.name.to_lowercase()).or_insert(element.name);
            assert_eq!(known, element.name, "{}", r4.name);
        }
    }
}

#[test]
fn texts_are_taken_without_the_space_around_them() {
    let around = ["", " ", "\t\r\n", "\u{1c}\u{1f}", "\u{a0}", "\u{2003}\u{85}"];
    for text in ["", "a", "é", "a b", "a\u{a0}é", "é a", "\u{200b}", "a\u{7f}"] {
        for before in around {
            for after in around {
                assert_eq!(trim_text(&format!("{before}{text}{after}")), text);
            }
        }
    }
}
