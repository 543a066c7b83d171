//! Tables that others made.

use std::sync::Arc;

use arrow::array::{Int32Array, StringArray};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;

use super::*;

const COLUMNS: &str = r#"{"type":"struct","fields":[
    {"name":"id","type":"string","nullable":true,"metadata":{}},
    {"name":"status","type":"string","nullable":true,"metadata":{}}]}"#;

pub(super) fn metadata(schema: &str, partition: &[&str], configuration: Value) -> Value {
    json!({"metaData": {
        "id": "11111111-2222-3333-4444-555555555555",
        "format": {"provider": "parquet", "options": {}},
        "schemaString": schema,
        "partitionColumns": partition,
        "configuration": configuration,
        "createdTime": 1_700_000_000_000_i64,
    }})
}

fn writer_features(features: &[&str]) -> Value {
    json!({"protocol":
        {"minReaderVersion": 1, "minWriterVersion": 7, "writerFeatures": features}})
}

fn both_features(features: &[&str]) -> Value {
    json!({"protocol": {"minReaderVersion": 3, "minWriterVersion": 7,
                        "writerFeatures": features, "readerFeatures": features}})
}

/// A data file as Spark writes them: snappy, and its name in the log as a URL.
fn put_file(folder: &Folder, name: &str, ids: &[&str]) -> Value {
    let batch = RecordBatch::try_from_iter([
        ("id", Arc::new(StringArray::from(ids.to_vec())) as _),
        ("status", Arc::new(StringArray::from(vec!["spark"; ids.len()])) as _),
    ])
    .unwrap();
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let size = bytes.len();
    folder.write(name, bytes).unwrap();
    json!({"path": name, "partitionValues": {}, "size": size, "modificationTime": 1,
           "dataChange": true})
}

pub(super) fn commit_all(folder: &Folder, actions: &[Value]) {
    assert!(Log::open_log(folder).unwrap().add_version(0, actions).unwrap());
}

/// A table as Cumulus ETL makes it through Spark.
fn clustered(folder: &Folder, columns: Value) {
    let file = put_file(folder, "part-00000-0a.c000.snappy.parquet", &["a", "b"]);
    let configuration = json!({"clusteringColumns": columns, "domainName": "delta.clustering"});
    let domain = json!({"domainMetadata": {
        "domain": "delta.clustering",
        "configuration": configuration.to_string(),
        "removed": false,
    }});
    commit_all(
        folder,
        &[
            writer_features(&["clustering", "domainMetadata", "appendOnly", "invariants"]),
            metadata(COLUMNS, &[], json!({})),
            domain,
            json!({"add": file}),
        ],
    );
}

#[test]
fn a_clustered_table_is_carried_on() {
    let folder = memory();
    clustered(&folder, json!([["id"]]));
    let run = TestRun::new(&plain(), &[row("b", "run"), row("c", "run")]);
    let done = run.merge(&folder).unwrap();
    assert_eq!((done.inserted, done.updated, done.rows), (1, 1, 3));
    assert_eq!(statuses(&folder), "a=spark b=run c=run");
    for add in actions(&folder, 1).iter().filter_map(|action| action.get("add")) {
        // The protocol asks this of every writer of a clustered table.
        let stats: Value = serde_json::from_str(add["stats"].as_str().unwrap()).unwrap();
        assert!(stats["numRecords"].is_u64() && stats["minValues"]["id"].is_string(), "{stats}");
        assert!(stats["maxValues"]["id"].is_string() && stats["nullCount"]["id"] == 0, "{stats}");
        assert!(add.get("clusteringProvider").is_none());
    }
    // The domain is still there when the first version isn't read any more.
    optimize_table(&folder, &WriteOptions::default()).unwrap();
    let log = Log::open_log(&folder).unwrap();
    log.write_checkpoint().unwrap();
    let version = log.read_snapshot().unwrap().unwrap().version;
    for old in 0..version {
        folder.remove(&format!("_delta_log/{old:020}.json")).unwrap();
    }
    let table = Log::open_log(&folder).unwrap().read_snapshot().unwrap().unwrap();
    assert_eq!(table.clustering, [["id"]]);
    assert_eq!(statuses(&folder), "a=spark b=run c=run");
}

#[test]
fn a_table_clustered_by_what_has_no_statistics_is_refused() {
    for columns in [json!([["id"], ["missing"]]), json!([["a", "b", "c"]]), json!([["id", "x"]])] {
        let folder = memory();
        clustered(&folder, columns);
        let run = TestRun::new(&plain(), &[row("b", "run")]);
        let error = run.merge(&folder).unwrap_err().to_string();
        assert!(error.contains("clustering by a column without statistics"), "{error}");
    }
}

#[test]
fn what_is_not_honoured_is_refused_before_anything_is_written() {
    let noted =
        |note: &str| COLUMNS.replacen("\"metadata\":{}", &format!("\"metadata\":{{{note}}}"), 1);
    let plain_columns = || metadata(COLUMNS, &[], json!({}));
    let set = |key: &str, value: &str| metadata(COLUMNS, &[], json!({key: value}));
    let writer =
        |version: u64| json!({"protocol": {"minReaderVersion": 1, "minWriterVersion": version}});
    let cases = [
        ("rowTracking", writer_features(&["rowTracking", "domainMetadata"]), plain_columns()),
        ("somethingNew", writer_features(&["somethingNew"]), plain_columns()),
        ("icebergCompatV1", writer_features(&["icebergCompatV1", "appendOnly"]), plain_columns()),
        ("changeDataFeed", writer(4), set("delta.enableChangeDataFeed", "true")),
        ("checkConstraints", writer(3), set("delta.constraints.c", "id > 'a'")),
        (
            "deletionVectors",
            both_features(&["deletionVectors"]),
            set("delta.enableDeletionVectors", "true"),
        ),
        (
            "inCommitTimestamp",
            writer_features(&["inCommitTimestamp"]),
            set("delta.enableInCommitTimestamps", "true"),
        ),
        ("invariants", writer(2), metadata(&noted(r#""delta.invariants":"{}""#), &[], json!({}))),
        (
            "generatedColumns",
            writer(4),
            metadata(&noted(r#""delta.generationExpression":"1""#), &[], json!({})),
        ),
        (
            "identityColumns",
            writer(6),
            metadata(&noted(r#""delta.identity.start":1"#), &[], json!({})),
        ),
        (
            "NOT NULL columns",
            writer(2),
            metadata(&COLUMNS.replacen("true", "false", 1), &[], json!({})),
        ),
        ("partition columns", writer(2), metadata(COLUMNS, &["status"], json!({}))),
    ];
    for (feature, protocol, metadata) in cases {
        let folder = memory();
        commit_all(&folder, &[protocol, metadata]);
        let before = folder.list().unwrap();
        let run = TestRun::new(&plain(), &[row("a", "1")]);
        let error = run.merge(&folder).unwrap_err().to_string();
        assert!(
            error.contains(feature) && error.contains("cumulus-etl convert"),
            "{feature}: {error}"
        );
        assert!(create_table(&folder, plain()).is_err(), "{feature}");
        assert!(optimize_table(&folder, &WriteOptions::default()).is_err(), "{feature}");
        assert_eq!(folder.list().unwrap(), before, "{feature}");
        assert_eq!(statuses(&folder), "", "{feature}: reading works");
    }
}

#[test]
fn advice_is_such_as_would_be_taken() {
    let column = |name: &str, number: u64| {
        json!({"name": name, "type": "string", "nullable": true, "metadata": {
            "delta.columnMapping.id": number,
            "delta.columnMapping.physicalName": format!("col-{number}"),
        }})
    };
    let columns = json!({"type": "struct", "fields": [column("id", 1), column("status", 2)]});
    for mode in ["name", "id"] {
        // Alone, and with something that `convert` could do away with.
        for partition in [&[][..], &["status"]] {
            let folder = memory();
            let settings =
                json!({"delta.columnMapping.mode": mode, "delta.columnMapping.maxColumnId": "2"});
            let metadata = metadata(&columns.to_string(), partition, settings);
            commit_all(&folder, &[both_features(&["columnMapping"]), metadata]);
            let run = TestRun::new(&plain(), &[row("a", "1")]);
            let refusals = [
                run.merge(&folder).unwrap_err(),
                create_table(&folder, plain()).unwrap_err(),
                optimize_table(&folder, &WriteOptions::default()).unwrap_err(),
                read(&folder, &mut |_| Ok(())).unwrap_err(),
            ];
            for error in refusals.map(|error| error.to_string()) {
                assert!(!error.contains("cumulus-etl convert"), "{mode}: {error}");
                assert!(error.contains("without column mapping"), "{mode}: {error}");
            }
        }
    }
}

#[test]
fn features_that_are_named_but_not_used_are_no_obstacle() {
    let folder = memory();
    let names = [
        "appendOnly",
        "invariants",
        "checkConstraints",
        "changeDataFeed",
        "generatedColumns",
        "identityColumns",
        "vacuumProtocolCheck",
        "v2Checkpoint",
        "deletionVectors",
    ];
    let mut protocol = writer_features(&names);
    protocol["protocol"]["minReaderVersion"] = 3.into();
    protocol["protocol"]["readerFeatures"] =
        json!(["vacuumProtocolCheck", "v2Checkpoint", "deletionVectors"]);
    commit_all(&folder, &[protocol, metadata(COLUMNS, &[], json!({"delta.appendOnly": "false"}))]);
    TestRun::new(&plain(), &[row("a", "1")]).merge(&folder).unwrap();
    TestRun::new(&plain(), &[row("a", "2")]).merge(&folder).unwrap();
    optimize_table(&folder, &WriteOptions::default()).unwrap();
    assert_eq!(statuses(&folder), "a=2");
}

#[test]
fn an_append_only_table_takes_new_rows_only() {
    let folder = memory();
    let protocol = json!({"protocol": {"minReaderVersion": 1, "minWriterVersion": 2}});
    commit_all(&folder, &[protocol, metadata(COLUMNS, &[], json!({"delta.appendOnly": "true"}))]);
    TestRun::new(&plain(), &[row("a", "1")]).merge(&folder).unwrap();
    let before = folder.list().unwrap();
    for run in
        [TestRun::new(&plain(), &[row("a", "2")]), TestRun::new(&plain(), &[]).deleting(&["a"])]
    {
        let error = run.merge(&folder).unwrap_err().to_string();
        assert!(error.contains("append-only"), "{error}");
    }
    assert_eq!(folder.list().unwrap(), before);
    TestRun::new(&plain(), &[row("b", "1")]).merge(&folder).unwrap();
    assert_eq!(statuses(&folder), "a=1 b=1");
}

#[test]
fn deleted_rows_and_partition_values_are_read_for_a_copy() {
    let folder = memory();
    let schema = r#"{"type":"struct","fields":[
        {"name":"id","type":"string","nullable":true,"metadata":{}},
        {"name":"status","type":"string","nullable":true,"metadata":{}},
        {"name":"year","type":"integer","nullable":true,"metadata":{}}]}"#;
    let mut one =
        put_file(&folder, "year=2024/part-00000-0a.c000.snappy.parquet", &["a", "b", "c"]);
    one["partitionValues"] = json!({"year": "2024"});
    // Rows 0 and 2, as a roaring bitmap within the log.
    one["deletionVector"] = json!({"storageType": "i", "pathOrInlineDv": inline_vector(&[0, 2]),
                                   "sizeInBytes": 40, "cardinality": 2});
    let mut two = put_file(&folder, "year=x/part-00000-0b.c000.snappy.parquet", &["d"]);
    two["partitionValues"] = json!({"year": null});
    commit_all(
        &folder,
        &[
            both_features(&["deletionVectors"]),
            metadata(schema, &["year"], json!({})),
            json!({"add": one}),
            json!({"add": two}),
        ],
    );
    let rows = rows(&folder);
    assert_eq!(rows["b"], json!({"id": "b", "status": "spark", "year": 2024}));
    assert_eq!(rows["d"], json!({"id": "d", "status": "spark"}));
    assert_eq!(rows.len(), 2);
}

/// A deletion vector as it stands in the log: magic number, one 32-bit roaring bitmap with one
/// array container, in Z85.
fn inline_vector(rows: &[u16]) -> String {
    let mut bytes = Vec::new();
    bytes.extend(1_681_511_377_u32.to_le_bytes());
    bytes.extend(1_u64.to_le_bytes());
    bytes.extend(0_u32.to_le_bytes());
    bytes.extend(12_346_u32.to_le_bytes());
    bytes.extend(1_u32.to_le_bytes());
    bytes.extend(0_u16.to_le_bytes());
    bytes.extend((rows.len() as u16 - 1).to_le_bytes());
    bytes.extend(16_u32.to_le_bytes());
    rows.iter().for_each(|row| bytes.extend(row.to_le_bytes()));
    const DIGITS: &[u8; 85] =
        b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";
    let words = bytes.chunks_exact(4).map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]));
    words
        .flat_map(|word| (0..5).rev().map(move |power| word / 85_u32.pow(power) % 85))
        .map(|digit| char::from(DIGITS[digit as usize]))
        .collect()
}

#[test]
fn file_names_are_read_as_the_urls_they_are() {
    let dir = tempfile::tempdir().unwrap();
    let folder = local(&dir);
    let protocol = json!({"protocol": {"minReaderVersion": 1, "minWriterVersion": 2}});
    let mut spaced = put_file(&folder, "a b+c.parquet", &["a"]);
    spaced["path"] = "a%20b%2Bc.parquet".into();
    let mut whole = put_file(&folder, "d.parquet", &["d"]);
    whole["path"] = format!("{}d.parquet", folder.url()).into();
    let adds = [json!({"add": spaced}), json!({"add": whole})];
    let head = [protocol, metadata(COLUMNS, &[], json!({}))];
    commit_all(&folder, &[&head[..], &adds].concat());
    assert_eq!(statuses(&folder), "a=spark d=spark");
    TestRun::new(&plain(), &[row("a", "2"), row("d", "2")]).merge(&folder).unwrap();
    assert_eq!(statuses(&folder), "a=2 d=2");
    let removed: Vec<Value> = actions(&folder, 1)
        .iter()
        .filter_map(|action| action["remove"].get("path").cloned())
        .collect();
    assert!(removed.contains(&adds[0]["add"]["path"]) && removed.contains(&adds[1]["add"]["path"]));

    let elsewhere = memory();
    let mut outside = put_file(&elsewhere, "a.parquet", &["a"]);
    for path in ["s3://other/table/a.parquet", "/other/a.parquet", "../a.parquet"] {
        outside["path"] = path.into();
        let folder = memory();
        commit_all(&folder, &[&head[..], &[json!({"add": outside})]].concat());
        let error = TestRun::new(&plain(), &[row("a", "2")]).merge(&folder).unwrap_err();
        assert!(error.explain_causes().contains(path), "{error}");
    }
}

#[test]
fn a_key_that_is_not_text_is_refused() {
    let folder = memory();
    let schema = COLUMNS.replacen("string", "integer", 1);
    let batch = RecordBatch::try_from_iter([("id", Arc::new(Int32Array::from(vec![1])) as _)]);
    let batch = batch.unwrap();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    folder.write("n.parquet", bytes.clone()).unwrap();
    let protocol = json!({"protocol": {"minReaderVersion": 1, "minWriterVersion": 2}});
    let add = json!({"add": {"path": "n.parquet", "partitionValues": {}, "size": bytes.len(),
                             "modificationTime": 1, "dataChange": true}});
    commit_all(&folder, &[protocol, metadata(&schema, &[], json!({})), add]);
    let error =
        TestRun::new(&plain(), &[row("a", "1")]).merge(&folder).unwrap_err().explain_causes();
    assert!(error.contains("column 'id' is integer in the table"), "{error}");
}

#[test]
fn a_damaged_table_is_an_error_and_no_panic() {
    let folder = memory();
    TestRun::new(&plain(), &[row("a", "1")]).merge(&folder).unwrap();
    let file = parquet_files(&folder).remove(0);
    let whole = folder.read(&file).unwrap().unwrap();
    for damage in
        [b"".to_vec(), b"PAR1".to_vec(), whole[..whole.len() / 2].to_vec(), vec![0; whole.len()]]
    {
        folder.write(&file, damage).unwrap();
        let error = TestRun::new(&plain(), &[row("a", "2")]).merge(&folder).unwrap_err();
        assert!(error.to_string().contains(&file), "{error}");
    }
    folder.remove(&file).unwrap();
    let error = TestRun::new(&plain(), &[row("a", "2")]).merge(&folder).unwrap_err();
    assert!(error.to_string().contains(&file), "{error}");
    folder.write("_delta_log/00000000000000000000.json", "{").unwrap();
    let error = schema(&folder).unwrap_err().to_string();
    assert!(error.contains("cannot read the Delta table"), "{error}");
}
