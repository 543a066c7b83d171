//! Tables whose columns are spelled otherwise, as catalogs without case spell them.

use super::*;

/// Rows of a table that other programs have made, with everything in lower case.
fn lower_case(folder: &Folder) {
    let schema = Arc::new(Schema::new(vec![
        text("ID"),
        text("status"),
        structure("meta", vec![text("lastupdated"), text("versionid")]),
        structures("valueset", vec![text("url"), structure("useperiod", vec![text("START")])]),
    ]));
    let rows = [
        json!({"ID": "a", "status": "old", "meta": {"lastupdated": "2024-01-01T00:00:00Z", "versionid": "1"},
            "valueset": [{"url": "u", "useperiod": {"START": "s"}}]}),
        json!({"ID": "b", "status": "old", "meta": {"lastupdated": "2026-01-01T00:00:00Z"}}),
    ];
    let mut run = rows.clone();
    // The test's own keys go by `id`.
    run.iter_mut().for_each(|row| row["id"] = row["ID"].clone());
    TestRun::new(&schema, &run)
        .merge_with(folder, Merge::Append, &WriteOptions::default())
        .unwrap();
}

fn run_schema() -> SchemaRef {
    schema_with(vec![
        structures(
            "valueSet",
            vec![text("url"), structure("usePeriod", vec![text("start"), text("end")])],
        ),
        text("resourceType"),
    ])
}

/// Every column, at any depth, with its path.
fn columns(fields: &Fields, path: &str, into: &mut Vec<String>) {
    for field in fields {
        let path = format!("{path}.{}", field.name());
        let mut data_type = field.data_type();
        if let DataType::List(item) = data_type {
            data_type = item.data_type();
        }
        if let DataType::Struct(fields) = data_type {
            columns(fields, &path, into);
        }
        into.push(path);
    }
}

#[test]
fn a_column_that_differs_in_case_is_the_one_that_is_there() {
    let folder = memory();
    lower_case(&folder);
    let new = |id: &str, time: &str| {
        json!({"id": id, "status": "new", "meta": {"lastUpdated": time}, "resourceType": "ValueSet",
            "valueSet": [{"url": "v", "usePeriod": {"start": "t", "end": "e"}}]})
    };
    // One that replaces a row, one that is older than what is there, and a new one.
    let time = "2025-01-01T00:00:00Z";
    let run = TestRun::new(&run_schema(), &[new("a", time), new("b", time), new("c", time)]);
    let done = run.merge(&folder).unwrap();
    assert_eq!((done.inserted, done.updated, done.unchanged, done.rows), (1, 1, 1, 3));

    let schema = schema(&folder).unwrap().unwrap();
    let mut found = Vec::new();
    columns(schema.fields(), "", &mut found);
    let mut lower: Vec<String> = found.iter().map(|name| name.to_lowercase()).collect();
    lower.sort();
    lower.dedup();
    assert_eq!(lower.len(), found.len(), "{found:?}");
    assert!(found.contains(&".valueset.useperiod.START".to_owned()), "{found:?}");
    assert!(found.contains(&".valueset.useperiod.end".to_owned()), "{found:?}");

    let mut statuses = Vec::new();
    read(&folder, &mut |batch| {
        let mut lines = Vec::new();
        let mut writer = LineDelimitedWriter::new(&mut lines);
        writer.write(batch.as_arrow()).unwrap();
        writer.finish().unwrap();
        let lines = String::from_utf8(lines).unwrap();
        statuses.extend(lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()));
        Ok(())
    })
    .unwrap();
    statuses.sort_by_key(|row| row["ID"].as_str().unwrap().to_owned());
    assert_eq!(
        statuses[0],
        json!({"ID": "a", "status": "new", "meta": {"lastupdated": time}, "resourceType": "ValueSet",
            "valueset": [{"url": "v", "useperiod": {"START": "t", "end": "e"}}]})
    );
    assert_eq!((&statuses[1]["status"], &statuses[2]["status"]), (&json!("old"), &json!("new")));
    // The log names key columns as the table does.
    let add = actions(&folder, 1).into_iter().find_map(|action| action.get("add").cloned());
    let stats: Value = serde_json::from_str(add.unwrap()["stats"].as_str().unwrap()).unwrap();
    assert!(stats["minValues"]["ID"].is_string(), "{stats}");
}

#[test]
fn deletes_find_rows_whose_key_is_spelled_otherwise() {
    let folder = memory();
    lower_case(&folder);
    let done = TestRun::new(&plain(), &[]).deleting(&["a"]).merge(&folder).unwrap();
    assert_eq!((done.deleted, done.rows), (1, 1));
    // And the compaction keeps what is left.
    TestRun::new(&plain(), &[row("d", "new")]).merge(&folder).unwrap();
    assert_eq!(optimize_table(&folder, &WriteOptions::default()).unwrap().compacted, 2);
}

#[test]
fn a_table_with_columns_that_differ_in_case_only_is_refused() {
    for (one, other) in [
        (text("gender"), text("Gender")),
        (structure("link", vec![text("type"), text("TYPE")]), text("x")),
    ] {
        let folder = memory();
        // As an earlier version of this program has made it.
        let written = Schema::new(vec![text("id"), one, other]);
        let json = delta_json(written.fields());
        super::protocols::commit_all(
            &folder,
            &[
                json!({"protocol": {"minReaderVersion": 1, "minWriterVersion": 2}}),
                super::protocols::metadata(&json.to_string(), &[], json!({})),
            ],
        );
        let brought = schema_with(vec![structure("link", vec![text("type")])]);
        let error = TestRun::new(&brought, &[row("a", "1")]).merge(&folder).unwrap_err();
        assert!(error.explain_causes().contains("Duplicate field name"), "{error}");
        assert_eq!(Log::open_log(&folder).unwrap().latest_version().unwrap(), Some(0));
    }
}

fn delta_json(fields: &Fields) -> Value {
    let fields = fields.iter().map(|field| {
        let kind = match field.data_type() {
            DataType::Struct(fields) => delta_json(fields),
            _ => json!("string"),
        };
        json!({"name": field.name(), "type": kind, "nullable": true, "metadata": {}})
    });
    json!({"type": "struct", "fields": fields.collect::<Vec<_>>()})
}
