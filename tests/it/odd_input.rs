//! Input as sites have it: names, spellings and values that no specification foresees.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;

use serde_json::{Value, json};

use crate::support::{FORMATS, Site, deletes, patient, resource};

/// Packs the bytes of a file.
type Packing = fn(&[u8]) -> Vec<u8>;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

fn lines(rows: &[Value]) -> String {
    rows.iter().map(|row| format!("{row}\n")).collect()
}

#[test]
fn files_are_read_whatever_the_case_of_their_names() {
    let site = Site::new();
    site.input("PATIENT.NDJSON", lines(&[patient("a", "x")]));
    site.input("more/Patient.Jsonl", lines(&[patient("b", "x")]));
    site.input(
        "Patient.ndjson.GZ",
        gzip(lines(&[patient("c", "x"), patient("d", "x")]).as_bytes()),
    );
    site.input("Deleted/Bundle.NDJSON", lines(&[deletes(&["Patient/d "])]));
    site.input("Patient.json", "{}");
    site.input("Patient.ndjson.bz2", "BZh9");
    let ended = site.run(&[]);
    let expected = ["a", "b", "c"].map(|id| site.fake("Patient", id));
    let mut found: Vec<_> = site.by_id("out", "deltalake", "patient").into_keys().collect();
    found.sort();
    let mut expected = expected.to_vec();
    expected.sort();
    assert_eq!(found, expected);
    for named in ["'Patient.json' looks like data", "'Patient.ndjson.bz2' looks like data"] {
        assert!(ended.err.contains(named), "{}", ended.err);
    }
}

#[test]
fn a_log_is_found_and_read_however_it_is_spelled() {
    let site = Site::new();
    site.rows("p.ndjson", &[patient("a", "x")]);
    let log = "\u{feff}{\"exportId\":7,\"eventId\":\"kickoff\",\"eventDetail\":{\"exportUrl\":\"https://ehr/fhir/Group/$export\"}}\n\
               {\"exportId\":7,\"eventId\":\"status_complete\",\"eventDetail\":{\"transactionTime\":\"2016-12-31T23:59:60+0000\"}}\n";
    site.input("LOG.ndjson", log);
    let mut command = site.command();
    command.args(["in", "out", "phi"]);
    let ended = crate::support::end(&mut command);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let rows = site.table("out", "deltalake", "etl__completion");
    assert_eq!(rows[0]["export_time"], "2016-12-31T23:59:59.999+00:00");
    assert_eq!(rows[0]["group_name"], "");
}

#[test]
fn absolute_references_join_however_the_server_is_spelled() {
    for (url, reference) in [
        ("https://ehr/fhir/Patient/p1/$export", "https://ehr/fhir/Patient/p"),
        ("https://ehr/fhir/Group/g/%24export", "https://ehr:443/fhir/Patient/p"),
        ("HTTPS://user:pw@EHR:443/fhir/Group/$export", "https://EHR/fhir/Patient/p"),
    ] {
        let site = Site::new();
        site.rows("p.ndjson", &[patient("p", "x")]);
        let subject = json!({"subject": {"reference": reference}});
        site.rows("c.ndjson", &[resource("Condition", "c", subject)]);
        site.run(&["--fhir-url", url]);
        let rows = site.table("out", "deltalake", "condition");
        let expected = format!("Patient/{}", site.fake("Patient", "p"));
        assert_eq!(rows[0]["subject"]["reference"], expected, "{url}");
    }
    let site = Site::new();
    site.rows("p.ndjson", &[patient("p", "x")]);
    for wrong in ["not a url", "ehr.example.org/fhir", "ftp://ehr/fhir"] {
        let ended = site.fails(&["--fhir-url", wrong], 23);
        assert!(ended.err.contains("--fhir-url"), "{}", ended.err);
        assert!(!site.path("out/patient").exists());
    }
}

#[test]
fn strict_asks_for_files_and_deletes_that_are_understood() {
    let utf16: Vec<u8> =
        lines(&[patient("b", "x")]).encode_utf16().flat_map(u16::to_le_bytes).collect();
    let array = format!("[{}]\n", patient("b", "x"));
    let bundle = format!(
        "{}\n",
        json!({"resourceType": "Bundle", "type": "collection",
        "entry": [{"resource": patient("b", "x")}]})
    );
    let broken = format!(
        "{}\n",
        json!({"resourceType": "Bundle", "type": "transaction", "entry": [
        null, {"request": {"method": "delete", "url": "patient/a"}}]})
    );
    for (name, bytes) in [
        ("utf16.ndjson", utf16),
        ("array.ndjson", array.into_bytes()),
        ("bundle.ndjson", bundle.into_bytes()),
        ("deleted/b.ndjson", broken.into_bytes()),
    ] {
        let site = Site::new();
        site.rows("p.ndjson", &[patient("a", "x"), patient("z", "x")]);
        site.input(name, bytes);
        site.run(&[]);
        let ended = site.fails(&["--strict"], 71);
        assert!(ended.err.contains("--strict: 1 "), "{name}: {}", ended.err);
        let left = site.table("out", "deltalake", "patient").len();
        assert_eq!(left, if name.starts_with("deleted") { 1 } else { 2 }, "{name}");
    }
    // An entry that asks for something else than to delete is no fault.
    let site = Site::new();
    site.rows("p.ndjson", &[patient("a", "x")]);
    let mut put = deletes(&["Patient/a"]);
    put["entry"][0]["request"]["method"] = "PUT".into();
    site.input("deleted/b.ndjson", lines(&[put]));
    let ended = site.run(&["--strict"]);
    assert!(ended.err.contains("below deleted/ without effect"), "{}", ended.err);
}

/// A Patient with extensions inside each other: `levels` of them, and a value in the innermost.
fn nested(id: &str, levels: usize, value: Value) -> Value {
    let url = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-race";
    let mut extension = json!({"url": url});
    extension.as_object_mut().unwrap().extend(value.as_object().unwrap().clone());
    for _ in 1..levels {
        extension = json!({"url": url, "extension": [extension]});
    }
    resource("Patient", id, json!({"extension": [extension]}))
}

#[test]
fn the_deepest_row_that_is_taken_reaches_every_format() {
    let site = Site::new();
    let custom = json!({"valueCoding": {"system": "urn:oid:1.2.840.114350.1", "code": "Ada"}});
    site.rows(
        "p.ndjson",
        &[
            // With the Patient, 24 objects.
            nested("deep", 23, json!({"valueCode": "x"})),
            // 22 with the extension, the Coding, and what says that it is masked.
            nested("masked", 21, custom.clone()),
            nested("one-more", 24, json!({"valueCode": "x"})),
            nested("mask-is-one-more", 22, custom),
            nested("far-too-deep", 31, json!({"valueCode": "x"})),
            patient("plain", "x"),
        ],
    );
    let formats = FORMATS.join(",");
    site.run(&["--output-format", &formats]);
    for format in FORMATS {
        let rows = site.by_id(&format!("out/{format}"), format, "patient");
        let mut expected = ["deep", "masked", "plain"].map(|id| site.fake("Patient", id)).to_vec();
        expected.sort();
        assert_eq!(rows.keys().cloned().collect::<Vec<_>>(), expected, "{format}");
    }
    let reasons: Vec<Value> =
        site.rejected("Patient").iter().map(|r| r["reason"].clone()).collect();
    assert_eq!(reasons, ["too-deep", "too-deep", "too-deep"]);
    // Once more, onto what is there: the merge reads the deep rows back.
    site.run(&["--output-format", &formats]);
    assert_eq!(site.table("out/deltalake", "deltalake", "patient").len(), 3);
}

#[test]
fn no_id_reaches_the_records_within_an_extensions_url() {
    let site = Site::new();
    let extensions: Vec<Value> = (0..300)
        .map(|n| json!({"url": format!("https://ehr.example/Patient/MRN-{}/vip{n}", 70_000 + n)}))
        .chain([json!({"url": "https://ehr.example/x/0071234"}), json!({"url": "urn:mrn:0071234"})])
        .collect();
    site.rows("p.ndjson", &[resource("Patient", "a", json!({"extension": extensions}))]);
    let ended = site.run(&[]);
    let manifest = site.manifest();
    let dropped = &manifest["tables"][0]["counts"]["report"]["dropped_extensions"]["Patient"];
    assert_eq!(dropped["https://ehr.example/…/vip7"], 1, "{dropped}");
    assert_eq!(dropped["(others)"], 102, "{dropped}");
    for folder in ["out", "phi/rejected"] {
        for (name, _) in site.listing(folder) {
            let bytes = fs::read(site.path(folder).join(&name)).unwrap_or_default();
            let text = String::from_utf8_lossy(&bytes);
            assert!(!text.contains("MRN-70") && !text.contains("0071234"), "{name}");
        }
    }
    assert!(!ended.err.contains("MRN-70") && !ended.err.contains("0071234"), "{}", ended.err);
}

#[test]
fn completion_rows_of_files_are_known_again_when_a_spreadsheet_has_saved_them() {
    let site = Site::new();
    site.rows("e.ndjson", &[resource("Encounter", "e", json!({}))]);
    site.run(&["--output-format=csv"]);
    let path = site.path("out/etl__completion_encounters/etl__completion_encounters.000.csv");
    let text = fs::read_to_string(&path).unwrap();
    for saved in [format!("\u{feff}{text}"), text.replace(',', ";")] {
        fs::write(&path, saved).unwrap();
        site.run(&["--output-format=csv"]);
        let folder = site.path("out/etl__completion_encounters");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
    }
    // Cut off in its only row: that is written again.
    fs::write(&path, &text[..text.len() - 20]).unwrap();
    let ended = site.run(&["--output-format=csv"]);
    assert!(ended.err.contains("is damaged or was changed"), "{}", ended.err);
    assert_eq!(fs::read_dir(site.path("out/etl__completion_encounters")).unwrap().count(), 2);
}

#[test]
fn a_byte_order_mark_within_a_file_costs_no_row() {
    let site = Site::new();
    let [a, b, c] = ["a", "b", "c"].map(|id| patient(id, "x").to_string());
    site.input("p.ndjson", format!("\u{feff}{a}\r\n\n\u{feff}{b}\n\u{feff}\n \u{feff}{c}"));
    let padded = [gzip(lines(&[patient("d", "x")]).as_bytes()), vec![0; 4096]].concat();
    site.input("q.ndjson.gz", padded);
    site.run(&["--strict"]);
    assert_eq!(site.table("out", "deltalake", "patient").len(), 4);
}

#[test]
fn names_with_control_characters_are_quoted_and_links_are_read_once() {
    let site = Site::new();
    site.rows("Patient\u{1b}[2J\n.ndjson", &[patient("a", "x")]);
    site.rows("Patient.ndjson", &[patient("b", "x")]);
    site.input("Claim\u{1b}[2J.ndjson", "{\"resourceType\":\"Claim\"}\n");
    site.input("Icon\r", "");
    std::os::unix::fs::symlink("Patient.ndjson", site.path("in/Link.ndjson")).unwrap();
    std::os::unix::fs::symlink(".", site.path("in/loop")).unwrap();
    let ended = site.run(&["-v"]);
    assert_eq!(site.table("out", "deltalake", "patient").len(), 2);
    assert_eq!(site.manifest()["inputs"].as_array().unwrap().len(), 2);
    assert!(!ended.err.contains('\u{1b}'), "{:?}", ended.err);
    assert!(ended.err.contains("Claim\\u{1b}[2J.ndjson"), "{}", ended.err);
}

#[test]
fn rows_behind_many_of_another_type_reach_their_table() {
    let claim = resource("Claim", "c", json!({"x": "x".repeat(1 << 20)}));
    let claims = lines(&[claim]).repeat(65);
    let mixed = format!("{claims}{}", lines(&[patient("a", "x"), patient("b", "x")]));
    let files: [(&str, Packing); 3] = [
        ("Claim.000.ndjson", |bytes| bytes.to_vec()),
        ("deep/claim.jsonl.gz", gzip),
        ("Claim.ndjson.zst", |bytes| zstd::encode_all(bytes, 1).unwrap()),
    ];
    for (name, pack) in files {
        let site = Site::new();
        site.input(name, pack(mixed.as_bytes()));
        site.input("Claim.001.ndjson", pack(claims.as_bytes()));
        let ended = site.run(&[]);
        assert_eq!(site.table("out", "deltalake", "patient").len(), 2, "{name}");
        assert_eq!(site.rejected("Patient").len(), 65, "{name}");
        assert_eq!(site.manifest()["skipped_inputs"], json!(["Claim.001.ndjson"]), "{name}");
        for searched in [name, "Claim.001.ndjson"] {
            let told = format!("'{searched}' has no row of a supported type in its first 64 MiB");
            assert!(ended.err.contains(&told), "{name}: {}", ended.err);
        }
        let left = "'Claim.001.ndjson' holds no resources of a supported type; it is left alone";
        assert!(ended.err.contains(left), "{name}: {}", ended.err);
    }
    // Rows of another type in a file are rejected; a whole file of another type is no fault.
    let site = Site::new();
    site.input("Claim.001.ndjson", &claims);
    site.rows("p.ndjson", &[patient("a", "x")]);
    site.run(&["--strict"]);
    site.input("Claim.000.ndjson.gz", gzip(mixed.as_bytes()));
    let ended = site.fails(&["--strict"], 71);
    assert!(ended.err.contains("--strict: 65 "), "{}", ended.err);
}

#[test]
fn a_row_is_of_the_last_type_that_it_names() {
    let first_rows = [
        r#"{"resourceType":"Claim","id":"a","resourceType":"Patient","gender":"x"}"#,
        r#"{"resourceType":"Encounter","id":"a","gender":"x","resourceType":"Patient"}"#,
        r#"{"resourceType":"Patient","id":"a","resourceType" : "Patient","gender":"x"}"#,
        r#"{"resourceType":null,"id":"a","resourceType":"Patient","gender":"x"}"#,
        r#"{"resourceType":"Patient","id":"a","gender":"x","contained":[{"resourceType":"Patient","resourceType":"Claim"}]}"#,
        r#"{"contained":[{"resourceType":"Encounter","resourceType":"Device"}],"resourceType":"Claim","id":"a","gender":"x","resourceType":"Patient"}"#,
    ];
    let second = patient("b", "x");
    for (index, first) in first_rows.into_iter().enumerate() {
        let site = Site::new();
        let text = format!("{first}\n{second}\n");
        match index % 2 {
            0 => site.input("Claim.ndjson", text),
            _ => site.input("below/Encounter.jsonl.gz", gzip(text.as_bytes())),
        }
        site.run(&["--strict", "--output-format", &FORMATS.join(",")]);
        for format in FORMATS {
            let rows = site.by_id(&format!("out/{format}"), format, "patient");
            let expected: BTreeMap<_, _> =
                ["a", "b"].map(|id| (site.fake("Patient", id), "x")).into_iter().collect();
            let found: BTreeMap<_, _> = rows
                .iter()
                .map(|(id, row)| (id.clone(), row["gender"].as_str().unwrap()))
                .collect();
            assert_eq!(found, expected, "{format}: {first}");
            let types = rows.values().all(|row| row["resourceType"] == "Patient");
            assert!(types, "{format}: {first}: {rows:?}");
        }
    }
    // A type that has no table comes last: the row is rejected, and the file is of the next one's.
    let site = Site::new();
    let last = r#"{"resourceType":"Encounter","id":"a","resourceType":"Claim"}"#;
    site.input("Encounter.ndjson", format!("{last}\n{second}\n"));
    site.run(&[]);
    assert_eq!(site.table("out", "deltalake", "patient").len(), 1);
    assert_eq!(site.rejected("Patient").len(), 1);
    assert!(!site.path("out/encounter").exists());
}
