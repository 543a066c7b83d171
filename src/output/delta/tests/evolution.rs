//! Schemas that change.

use super::*;

fn coding(more: Vec<Field>) -> Field {
    let mut coding = vec![text("system")];
    coding.extend(more);
    structure("code", vec![structures("coding", coding.clone()), structure("first", coding)])
}

/// The trap of the library's own merge: rows that the run leaves alone must keep what they have
/// in structs that get new fields, and must not get the run's values.
#[test]
fn nested_fields_are_added_and_no_row_is_touched_by_it() {
    let dir = tempfile::tempdir().unwrap();
    for folder in [memory(), local(&dir)] {
        let old = schema_with(vec![coding(vec![])]);
        let value = |id: &str, time: &str, system: &str| {
            json!({"id": id, "status": "table", "meta": {"lastUpdated": time},
                   "code": {"coding": [{"system": system}, {}], "first": {"system": system}}})
        };
        let table = ["a", "b", "c"].map(|id| value(id, "2024-01-01T00:00:00Z", id));
        TestRun::new(&old, &table).merge(&folder).unwrap();
        TestRun::new(&old, &[value("d", "2024-01-01T00:00:00Z", "d")]).merge(&folder).unwrap();

        // `b` is updated, `c` skipped for its time, `a` and the file with `d` not named at all.
        let new = schema_with(vec![
            coding(vec![text("display"), list("tags", DataType::Int32)]),
            structure("period", vec![text("start")]),
        ]);
        let run = |id: &str, time: &str| {
            json!({"id": id, "status": "run", "meta": {"lastUpdated": time},
                   "code": {"coding": [{"system": "new", "display": "New", "tags": [1, null]}],
                            "first": {"display": "New"}},
                   "period": {"start": "2024"}})
        };
        let updates = [
            run("b", "2024-02-01T00:00:00Z"),
            run("c", "2023-01-01T00:00:00Z"),
            run("e", "2024-02-01T00:00:00Z"),
        ];
        let done = TestRun::new(&new, &updates).merge(&folder).unwrap();
        assert_eq!((done.inserted, done.updated, done.unchanged), (1, 1, 1));

        let rows = rows(&folder);
        assert_eq!(rows["a"], table[0]);
        assert_eq!(rows["b"], updates[0]);
        assert_eq!(rows["c"], table[2]);
        assert_eq!(rows["d"], value("d", "2024-01-01T00:00:00Z", "d"));
        assert_eq!(rows["e"], updates[2]);
        // One version, schema and rows.
        assert_eq!(done.version, 2);
        let actions = actions(&folder, 2);
        assert_eq!(actions.iter().filter(|action| action.get("metaData").is_some()).count(), 1);
    }
}

#[test]
fn columns_that_a_run_lacks_are_kept() {
    let folder = memory();
    let wide = schema_with(vec![coding(vec![text("display")]), text("gender")]);
    let full = json!({"id": "a", "status": "1", "gender": "other",
                      "code": {"coding": [{"system": "s", "display": "d"}]}});
    TestRun::new(&wide, &[full.clone(), row("b", "1")]).merge(&folder).unwrap();
    let narrow = schema_with(vec![text("title"), coding(vec![])]);
    let update =
        json!({"id": "b", "status": "2", "title": "t", "code": {"coding": [{"system": "s"}]}});
    TestRun::new(&narrow, std::slice::from_ref(&update)).merge(&folder).unwrap();
    let rows = rows(&folder);
    assert_eq!((&rows["a"], &rows["b"]), (&full, &update));
    let schema = schema(&folder).unwrap().unwrap();
    let names: Vec<_> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    assert_eq!(names, ["id", "status", "meta", "code", "gender", "title"]);
}

#[test]
fn a_conflicting_type_is_refused_and_names_the_column() {
    let folder = memory();
    let table = schema_with(vec![coding(vec![Field::new("rank", DataType::Int32, true)])]);
    TestRun::new(&table, &[row("a", "1")]).merge(&folder).unwrap();
    let before = folder.list().unwrap();
    let cases = [
        (
            coding(vec![Field::new("rank", DataType::Int64, true)]),
            "column 'code.coding.rank' is integer in the table, but long in this run",
        ),
        (text("code"), "column 'code' is struct in the table, but string in this run"),
        (
            structure("code", vec![list("coding", DataType::Utf8)]),
            "column 'code.coding' is array of struct in the table, but array of string in this run",
        ),
    ];
    for (column, expected) in cases {
        let run = TestRun::new(&schema_with(vec![column]), &[row("b", "2")]);
        let error = run.merge(&folder).unwrap_err().explain_causes();
        assert!(error.contains(expected), "{error}");
        assert_eq!(folder.list().unwrap(), before);
    }
}

#[test]
fn what_others_noted_on_columns_survives() {
    let folder = memory();
    let noted = r#"{"type":"struct","fields":[
        {"name":"id","type":"string","nullable":true,"metadata":{"comment":"hashed"}},
        {"name":"seen","type":"timestamp","nullable":true,"metadata":{}},
        {"name":"extra","type":{"type":"map","keyType":"string","valueType":"integer",
         "valueContainsNull":true},"nullable":true,"metadata":{}}]}"#;
    let metadata = json!({"metaData": {
        "id": "x", "format": {"provider": "parquet", "options": {}}, "schemaString": noted,
        "partitionColumns": [], "configuration": {"delta.checkpointInterval": "7", "mine": "1"},
    }});
    let protocol = json!({"protocol": {"minReaderVersion": 1, "minWriterVersion": 2}});
    Log::open_log(&folder).unwrap().add_version(0, &[protocol, metadata]).unwrap();
    TestRun::new(&plain(), &[row("a", "1")]).merge(&folder).unwrap();
    let actions = actions(&folder, 1);
    let metadata = actions.iter().find_map(|action| action.get("metaData")).unwrap();
    assert_eq!(metadata["id"], "x");
    assert_eq!(metadata["configuration"], json!({"delta.checkpointInterval": "7", "mine": "1"}));
    let schema: Value = serde_json::from_str(metadata["schemaString"].as_str().unwrap()).unwrap();
    assert_eq!(schema["fields"][0]["metadata"], json!({"comment": "hashed"}));
    assert_eq!(schema["fields"][3]["name"], "status");
    assert_eq!(statuses(&folder), "a=1");
}

#[test]
fn every_type_that_delta_knows_is_read_as_arrow() {
    let field = |name: &str, data_type: Value| json!({"name": name, "type": data_type, "nullable": true, "metadata": {}});
    let names = [
        "string",
        "boolean",
        "byte",
        "short",
        "integer",
        "long",
        "float",
        "double",
        "binary",
        "date",
        "timestamp",
        "decimal(12,3)",
    ];
    let mut fields: Vec<Value> = names.iter().map(|name| field(name, json!(name))).collect();
    fields.push(field("s", json!({"type": "struct", "fields": [field("x", json!("long"))]})));
    fields
        .push(field("l", json!({"type": "array", "elementType": "string", "containsNull": true})));
    let json = json!({"type": "struct", "fields": fields});
    let read = TableSchema::read_text(&json.to_string()).unwrap();
    // And back again: nothing that it reads would be written otherwise.
    let again = TableSchema::new(read.arrow_schema()).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&again.json_text()).unwrap(), json);

    let unknown = json!({"type": "struct", "fields": [field("v", json!("variant"))]});
    let error = TableSchema::read_text(&unknown.to_string()).unwrap_err().to_string();
    assert!(error.contains("column 'v' has the type variant"), "{error}");
}
