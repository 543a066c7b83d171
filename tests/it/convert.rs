//! `convert`: former outputs become Delta tables.

use std::fs;
use std::process::Command;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray, StructArray};
use arrow::datatypes::{DataType, Field};
use cumulus_etl::output::delta;
use parquet::arrow::ArrowWriter;
use serde_json::json;

use crate::support::{Ended, Site, dated, deletes, end, open_folder, patient, resource};

fn convert(site: &Site, from: &str, to: &str) -> Ended {
    let mut command: Command = site.command();
    end(command.args(["convert", from, to]))
}

/// Two exports, the second with updates, deletes and new elements; runs both.
fn two_runs(site: &Site, between: impl Fn()) {
    let encounter = |id: &str| resource("Encounter", id, json!({"status": "finished"}));
    site.rows(
        "p.ndjson",
        &[dated("a", "1", "2020-01-01T00:00:00Z"), patient("b", "1"), patient("c", "1")],
    );
    site.rows("e.ndjson", &[encounter("e"), encounter("f")]);
    between();
    site.clear_input();
    let mut nested = dated("b", "2", "2020-01-01T00:00:00Z");
    nested["communication"] = json!([{"language": {"coding": [{"code": "en"}]}}]);
    nested["birthDate"] = "1970-05-05".into();
    nested["address"] = json!([{"postalCode": "12345", "_city": null}]);
    site.rows("p.ndjson", &[dated("a", "2", "2019-01-01T00:00:00Z"), nested]);
    site.rows("e.ndjson", &[encounter("f"), encounter("g")]);
    site.rows("deleted/d.ndjson", &[deletes(&["Patient/c", "Condition/x"])]);
    between();
}

#[test]
fn ndjson_converted_run_by_run_equals_delta() {
    let site = Site::new();
    two_runs(&site, || {
        site.run(&[]);
        // The same data as NDJSON, and that converted into a Delta output of its own.
        let mut job = site.command();
        job.args(["in", "lines", "phi", "--export-group=g", "--output-format=ndjson"]);
        job.arg("--export-timestamp=2024-08-06T14:12:57-04:00");
        let ended = end(&mut job);
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        let ended = convert(&site, "lines", "converted");
        assert_eq!(ended.code, Some(0), "{}", ended.err);
    });
    for table in ["patient", "encounter", "condition"] {
        let expected = site.by_id("out", "deltalake", table);
        assert_eq!(site.by_id("converted", "deltalake", table), expected, "{table}");
    }
    assert_eq!(site.by_id("out", "deltalake", "patient").len(), 2);
    let completed = |root: &str| {
        let rows = site.table(root, "deltalake", "etl__completion");
        let mut tables: Vec<_> = rows.iter().map(|row| row["table_name"].to_string()).collect();
        tables.sort();
        tables
    };
    assert_eq!(completed("converted"), completed("out"));
    let encounters = |root: &str| site.table(root, "deltalake", "etl__completion_encounters").len();
    assert_eq!((encounters("converted"), encounters("out")), (3, 3));
    // Once more changes nothing.
    let before = site.by_id("converted", "deltalake", "patient");
    assert_eq!(convert(&site, "lines", "converted").code, Some(0));
    assert_eq!(site.by_id("converted", "deltalake", "patient"), before);
    assert_eq!(completed("converted"), completed("out"));
    // The target is an output folder from now on.
    site.rows("p.ndjson", &[patient("z", "3")]);
    let mut job = site.command();
    job.args(["in", "converted", "phi", "--export-group=g", "--export-timestamp=2024-08-07"]);
    assert_eq!(end(&mut job).code, Some(0));
    assert_eq!(site.by_id("converted", "deltalake", "patient").len(), 3);
}

#[test]
fn only_output_folders_are_converted() {
    let site = Site::new();
    let ended = convert(&site, "nothing", "to");
    assert_eq!(ended.code, Some(54), "{}", ended.err);
    let ended = convert(&site, "in", "to");
    assert_eq!(ended.code, Some(23), "{}", ended.err);
    assert!(ended.err.contains("JobConfig"), "{}", ended.err);
    assert!(!site.path("to").exists());
    site.rows("p.ndjson", &[patient("p", "x")]);
    site.run(&["--output-format=ndjson"]);
    let before = site.listing("out");
    for target in ["out", "out/delta", "."] {
        let ended = convert(&site, "out", target);
        assert_eq!(ended.code, Some(22), "{}", ended.err);
    }
    assert_eq!(site.listing("out"), before);
}

#[test]
fn outputs_of_different_phi_folders_do_not_mix() {
    let site = Site::new();
    site.rows("p.ndjson", &[patient("a", "1")]);
    for (out, phi, format) in [("one", "phi1", "ndjson"), ("two", "phi2", "deltalake")] {
        let mut job = site.command();
        job.args(["in", out, phi, "--export-group=g", "--export-timestamp=2024-08-07"]);
        job.arg(format!("--output-format={format}"));
        assert_eq!(end(&mut job).code, Some(0));
    }
    let before = site.listing("two");
    let ended = convert(&site, "one", "two");
    assert_eq!(ended.code, Some(41), "{}", ended.err);
    assert_eq!(site.listing("two"), before);
}

#[test]
fn a_conversion_that_ends_amid_its_tables_tells_which_codebook_they_are_of() {
    let site = Site::new();
    site.rows("e.ndjson", &[resource("Encounter", "e", json!({"status": "finished"}))]);
    site.rows("p.ndjson", &[patient("a", "1")]);
    let run = |out: &str, phi: &str, format: &str| {
        let mut job = site.command();
        job.args(["in", out, phi, "--export-group=g", "--export-timestamp=2024-08-07"]);
        end(job.arg(format!("--output-format={format}")))
    };
    for (out, phi, format) in
        [("one", "phi1", "ndjson"), ("lines", "phi2", "ndjson"), ("delta", "phi2", "deltalake")]
    {
        let ended = run(out, phi, format);
        assert_eq!(ended.code, Some(0), "{}", ended.err);
    }
    // Encounters are the first table; the next one is damaged.
    site.file("one/patient/patient.meta", "no JSON");
    let ended = convert(&site, "one", "target");
    assert_eq!(ended.code, Some(70), "{}", ended.err);
    assert_eq!(site.by_id("target", "deltalake", "encounter").len(), 1);
    let before = site.listing("target");
    for ended in [
        convert(&site, "lines", "target"),
        convert(&site, "delta", "target"),
        run("target", "phi2", "deltalake"),
    ] {
        assert_eq!(ended.code, Some(41), "{}", ended.err);
        assert_eq!(site.listing("target"), before);
    }
    // Once it is mended, the same conversion is completed.
    fs::remove_file(site.path("one/patient/patient.meta")).unwrap();
    let ended = convert(&site, "one", "target");
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let ended = run("target", "phi1", "deltalake");
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert_eq!(site.by_id("target", "deltalake", "patient").len(), 1);
}

#[test]
fn a_conversion_that_writes_nothing_leaves_the_target_to_other_codebooks() {
    let site = Site::new();
    site.rows("p.ndjson", &[patient("a", "1")]);
    site.run(&["--output-format=ndjson"]);
    let record = r#"{"codebook_id": "another"}"#;
    site.file("other/JobConfig/2024-01-01__00.00.00/job_config.json", record);
    site.file("other/patient/patient.000.parquet", "not converted");
    let ended = convert(&site, "other", "target");
    assert_eq!(ended.code, Some(36), "{}", ended.err);
    let ended = convert(&site, "out", "target");
    assert_eq!(ended.code, Some(0), "{}", ended.err);
}

/// A table as Cumulus ETL makes it through Spark: a clustered table, snappy files, `item`-less lists.
fn spark_table(site: &Site, root: &str) {
    let text = |values: [&str; 2]| Arc::new(StringArray::from(values.to_vec())) as ArrayRef;
    let meta = StructArray::from(vec![(
        Arc::new(Field::new("lastUpdated", DataType::Utf8, true)),
        text(["2020-01-01T00:00:00Z", "2022-01-01T00:00:00Z"]),
    )]);
    let batch = RecordBatch::try_from_iter([
        ("resourceType", text(["Patient", "Patient"])),
        ("id", text(["spark-a", "spark-b"])),
        ("gender", text(["male", "female"])),
        ("meta", Arc::new(meta) as ArrayRef),
    ])
    .unwrap();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let name = "part-00000-11111111-2222-3333-4444-555555555555-c000.snappy.parquet";
    site.file(&format!("{root}/patient/{name}"), &bytes);
    let column = |name: &str, kind: serde_json::Value| json!({"name": name, "type": kind, "nullable": true, "metadata": {}});
    let schema = json!({"type": "struct", "fields": [
        column("resourceType", "string".into()),
        column("id", "string".into()),
        column("gender", "string".into()),
        column("meta", json!({"type": "struct", "fields": [column("lastUpdated", "string".into())]})),
    ]});
    let actions = [
        json!({"protocol": {"minReaderVersion": 1, "minWriterVersion": 7,
            "writerFeatures": ["clustering", "domainMetadata", "appendOnly", "invariants"]}}),
        json!({"metaData": {
            "id": "11111111-2222-3333-4444-555555555555",
            "format": {"provider": "parquet", "options": {}},
            "schemaString": schema.to_string(),
            "partitionColumns": [],
            "configuration": {},
            "createdTime": 1_700_000_000_000_i64,
        }}),
        json!({"domainMetadata": {
            "domain": "delta.clustering",
            "configuration": "{\"clusteringColumns\":[[\"id\"]],\"domainName\":\"delta.clustering\"}",
            "removed": false,
        }}),
        json!({"add": {"path": name, "partitionValues": {}, "size": bytes.len(),
            "modificationTime": 1, "dataChange": true, "clusteringProvider": "liquid"}}),
    ];
    let lines: Vec<_> = actions.iter().map(ToString::to_string).collect();
    site.file(&format!("{root}/patient/_delta_log/00000000000000000000.json"), lines.join("\n"));
    site.file(
        &format!("{root}/JobConfig/2024-01-01__00.00.00/job_config.json"),
        r#"{"codebook_id": "of-spark", "dir_phi": "phi"}"#,
    );
    let salt = "00".repeat(32);
    let codebook = format!(r#"{{"version":1,"codebook_id":"of-spark","id_salt":"{salt}"}}"#);
    site.file("phi/codebook.json", codebook);
}

#[test]
fn tables_of_cumulus_etl_are_carried_on_or_converted() {
    let site = Site::new();
    spark_table(&site, "out");
    let ended = convert(&site, "out", "converted");
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let expected = json!({
        "resourceType": "Patient", "id": "spark-a", "gender": "male",
        "meta": {"lastUpdated": "2020-01-01T00:00:00Z"},
    });
    site.rows("p.ndjson", &[patient("new", "other")]);
    for root in ["converted", "out"] {
        let mut job = site.command();
        job.args(["in", root, "phi", "--export-group=g", "--export-timestamp=2024-08-07"]);
        let ended = end(&mut job);
        assert_eq!(ended.code, Some(0), "{root}: {}", ended.err);
        let rows = site.by_id(root, "deltalake", "patient");
        assert_eq!(rows.len(), 3, "{root}");
        assert_eq!(rows["spark-a"], expected, "{root}");
    }
    // A clustered table still is one; a converted one is a plain table.
    let log = |root: &str| {
        let folder = open_folder(&site.arg(&format!("{root}/patient")));
        assert!(delta::exists(&folder).unwrap());
        let first = site.path(&format!("{root}/patient/_delta_log/00000000000000000000.json"));
        fs::read_to_string(first).unwrap().contains("delta.clustering")
    };
    assert!(log("out") && !log("converted"));
}

#[test]
fn what_other_programs_recorded_of_an_exports_url_is_not_copied() {
    let told =
        "https://user:pw@ehr.example/fhir/Group/g/$export?patient=MRN-1&token=t0ken&_type=Doe";
    let kept = "https://ehr.example/fhir/Group/g/$export";
    for format in ["ndjson", "deltalake"] {
        let site = Site::new();
        site.rows("p.ndjson", &[patient("a", "x")]);
        site.run(&["--output-format=ndjson"]);
        let row = json!({"table_name": "patient", "group_name": "g", "export_url": told,
            "export_time": "2024-01-01T00:00:00+00:00", "etl_time": "2024-01-01T00:00:00+00:00"});
        site.file("out/etl__completion/etl__completion.000.ndjson", format!("{row}\n"));
        let record = json!({"codebook_id": "c", "export_url": told, "comment": "é"});
        site.file("out/JobConfig/2020-01-01__00.00.00/job_config.json", record.to_string());
        site.file("out/JobConfig/2020-01-01__00.00.00/notes.txt", "as it is");
        let ended = convert(&site, "out", "one");
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        let (from, to) = match format {
            "ndjson" => ("out", "one"),
            // Of what an older version has made of these already.
            _ => {
                site.file("one/JobConfig/2020-01-01__00.00.00/job_config.json", record.to_string());
                ("one", "two")
            }
        };
        if from == "one" {
            let ended = convert(&site, from, to);
            assert_eq!(ended.code, Some(0), "{}", ended.err);
        }
        let rows = site.table(to, "deltalake", "etl__completion");
        assert_eq!(rows[0]["export_url"], kept, "{format}");
        let folder = site.path(&format!("{to}/JobConfig/2020-01-01__00.00.00"));
        let copied = crate::support::json_file(&folder.join("job_config.json"));
        assert_eq!(copied["export_url"], kept);
        assert_eq!((&copied["codebook_id"], &copied["comment"]), (&json!("c"), &json!("é")));
        assert_eq!(fs::read_to_string(folder.join("notes.txt")).unwrap(), "as it is");
    }
}
