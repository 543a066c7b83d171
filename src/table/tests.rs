use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch, StructArray};
use arrow::datatypes::{DataType, SchemaRef};
use serde_json::{Value, json};

use super::*;
use crate::deid::{Anonymizer, Codebook, Scrubber};
use crate::fhir::{self, TABLE_TYPES};

/// Rows through de-identification (with IDs left as they are), each in a batch of its own, into
/// a batch of the table.
fn table(rows: &[Value]) -> (RecordBatch, Misfits) {
    let name = rows[0]["resourceType"].as_str().unwrap();
    let name = TABLE_TYPES.into_iter().find(|known| *known == name).unwrap();
    let codebook = Arc::new(Codebook::throwaway());
    let mut scrubber = Scrubber::again(Anonymizer::new(codebook, Arc::from(Vec::new())));
    let r4 = fhir::type_named(name).unwrap();
    let mut builder = TableBuilder::new(r4);
    let mut shape = Shape::default();
    let mut batches = Vec::new();
    for row in rows {
        builder.append(&scrubber.scrub(row.to_string().as_bytes(), name).unwrap());
        batches.push(builder.finish().unwrap());
    }
    batches.iter().for_each(|batch| shape.add(&batch.schema()));
    let schema = schema::table_schema(r4, &shape, &scrubber.take_contained_types());
    let mut misfits = Misfits::new();
    (adapt_batch(&batches, &schema, &mut misfits).unwrap().as_arrow().clone(), misfits)
}

fn json(batch: RecordBatch) -> Vec<Value> {
    let rows = StructArray::from(batch);
    let row = |index| {
        let mut out = Vec::new();
        json::write_value(&rows, index, &mut out);
        serde_json::from_slice(&out).unwrap()
    };
    (0..rows.len()).map(row).collect()
}

/// A struct's or a list of structs' members.
fn members(schema: &SchemaRef, path: &[&str]) -> Vec<String> {
    let mut fields = schema.fields().clone();
    for name in path {
        let field = fields.iter().find(|field| field.name() == name).unwrap().clone();
        let data_type = match field.data_type() {
            DataType::List(item) => item.data_type().clone(),
            other => other.clone(),
        };
        let DataType::Struct(inner) = data_type else { panic!("{name} is no struct") };
        fields = inner;
    }
    fields.iter().map(|field| field.name().clone()).collect()
}

#[test]
fn rows_come_back_as_they_went_in() {
    let rows = [
        json!({"resourceType": "Observation", "id": "a", "status": "final",
            "category": [{"coding": [{"code": "x"}, {"code": "y"}]}, {"text": "z"}],
            "valueQuantity": {"value": 1.5, "unit": "mg"},
            "component": [{"valueInteger": -3}, {"valueBoolean": false}]}),
        json!({"resourceType": "Observation", "id": "b", "valueInteger": 2_147_483_647,
            "_valueString": {"extension": [{
                "url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason",
                "valueCode": "masked"}]}}),
        json!({"resourceType": "Observation", "id": "c", "category": [{"text": "late"}],
            "effectiveTiming": {"event": ["2020", null, "2021"]}}),
    ];
    assert_eq!(json(table(&rows).0), rows);
}

#[test]
fn columns_are_wide_always_and_deep_as_seen() {
    let rows = [json!({"resourceType": "Patient", "id": "a",
        "contact": [{"relationship": [{"text": "x"}]}],
        "managingOrganization": {"reference": "Organization/1"}})];
    let schema = table(&rows).0.schema();
    // Not seen, yet there: every column, with the scalars right below it.
    assert_eq!(
        members(&schema, &["name"]),
        ["id", "use", "text", "family", "given", "prefix", "suffix"]
    );
    // Complete wherever present, but for extensions and structs that would be empty.
    assert_eq!(members(&schema, &["managingOrganization"]), ["id", "reference", "type", "display"]);
    assert_eq!(members(&schema, &["contact"]), ["id", "relationship", "gender"]);
    assert_eq!(members(&schema, &["contact", "relationship"]), ["id", "coding", "text"]);
    assert_eq!(
        members(&schema, &["contact", "relationship", "coding"]),
        ["id", "system", "version", "code", "display", "userSelected"]
    );
    assert!(schema.fields().iter().all(|field| field.is_nullable()));
    assert!(schema.field_with_name("_birthDate").is_err());
}

#[test]
fn contained_resources_share_columns_and_the_last_type_wins() {
    let rows = [json!({"resourceType": "MedicationRequest", "id": "a", "contained": [
        {"resourceType": "Organization", "id": "o", "name": "Clinic",
            "contact": [{"purpose": {"text": "p"}, "address": {"state": "MA"}}]},
        {"resourceType": "Patient", "id": "p", "gender": "other",
            "contact": [{"gender": "male", "address": {"state": "NY"}}]},
        {"resourceType": "Medication", "id": "m", "status": "active"},
    ]})];
    let (batch, misfits) = table(&rows);
    assert_eq!(
        members(&batch.schema(), &["contained"]),
        ["resourceType", "contact", "gender", "id", "name", "status"]
    );
    let mut expected = rows[0].clone();
    // Patient.contact has no purpose, and Patient comes last.
    expected["contained"][0]["contact"][0].as_object_mut().unwrap().remove("purpose");
    assert_eq!(json(batch), [expected]);
    let lost: Vec<_> = misfits.into_iter().collect();
    assert_eq!(lost, [(("Organization".to_owned(), "contact".to_owned()), 1)]);
}

#[test]
fn what_a_contained_resource_contains_is_dropped_and_counted() {
    let inner = json!([{"resourceType": "Organization", "id": "o", "name": "Clinic"}]);
    let rows = [json!({"resourceType": "MedicationRequest", "id": "a", "contained": [
        {"resourceType": "Medication", "id": "m", "contained": inner}]})];
    let (batch, misfits) = table(&rows);
    assert_eq!(members(&batch.schema(), &["contained"]), ["resourceType", "id"]);
    let lost: Vec<_> = misfits.into_iter().collect();
    assert_eq!(lost, [(("Medication".to_owned(), "contained".to_owned()), 3)]);
}

#[test]
fn an_unseen_contained_has_three_columns() {
    let (batch, _) = table(&[json!({"resourceType": "Patient", "id": "a"})]);
    assert_eq!(members(&batch.schema(), &["contained"]), ["id", "implicitRules", "language"]);
    assert_eq!(batch.column_by_name("contained").unwrap().as_list::<i32>().null_count(), 1);
}

#[test]
fn text_is_escaped_as_json_asks() {
    let text = "quote \" backslash \\ line\nend\ttab \u{1} é 漢 \u{2028} end";
    let rows = [json!({"resourceType": "Patient", "id": "a", "maritalStatus": {"text": text}})];
    assert_eq!(json(table(&rows).0), rows);
}

#[test]
fn shapes_add_up() {
    let one = table(&[json!({"resourceType": "Patient", "id": "a", "active": true})]).0;
    let two = table(&[json!({"resourceType": "Patient", "id": "a",
        "link": [{"other": {"reference": "Patient/1"}}]})])
    .0;
    let mut shape = Shape::default();
    shape.add(one.schema_ref());
    shape.add(two.schema_ref());
    let r4 = fhir::type_named("Patient").unwrap();
    let schema = schema::table_schema(r4, &shape, &BTreeSet::new());
    assert_eq!(members(&schema, &["link"]), ["id", "other", "type"]);
}
