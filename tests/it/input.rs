//! Faults of the input: rows that can't be taken, files that can't be read.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;

use serde_json::{Value, json};

use crate::support::{FORMATS, Site, children, deletes, json_lines, patient, resource};

/// Lines that no table takes, each with the reason and the element that it is counted by.
fn bad_lines() -> Vec<(Vec<u8>, &'static str, &'static str)> {
    let row = |more: &str| format!(r#"{{"resourceType":"Patient","id":"x",{more}}}"#).into_bytes();
    let mut truncated_text = row(r#""gender":"caf"#);
    truncated_text.truncate(truncated_text.len() - 1);
    let mut invalid_utf8 = row(r#""gender":"?""#);
    let at = invalid_utf8.iter().position(|b| *b == b'?').unwrap();
    invalid_utf8[at] = 0xe9;
    let deep = |open: &str, close: &str| open.repeat(100_000) + &close.repeat(100_000);
    vec![
        (b"not json".to_vec(), "not-json", ""),
        (truncated_text, "not-json", ""),
        (invalid_utf8, "not-json", ""),
        (b"{\"resourceType\":\"Patient\",\"id\":\"a\0b\"}".to_vec(), "not-json", ""),
        (b"\0\0\0".to_vec(), "not-json", ""),
        (row(r#""active":true}{"a":1"#), "not-json", ""),
        (row(r#""multipleBirthInteger":01"#), "not-json", ""),
        (b"[{\"resourceType\":\"Patient\"}]".to_vec(), "not-an-object", ""),
        (b"\"Patient\"".to_vec(), "not-an-object", ""),
        (b"17".to_vec(), "not-an-object", ""),
        (b"null".to_vec(), "not-an-object", ""),
        (br#"{"resourceType":"Condition","id":"x"}"#.to_vec(), "wrong-resource-type", ""),
        (br#"{"resourceType":"Claim","id":"x"}"#.to_vec(), "wrong-resource-type", ""),
        (br#"{"resourceType":["Patient"],"id":"x"}"#.to_vec(), "wrong-resource-type", ""),
        (br#"{"id":"x"}"#.to_vec(), "wrong-resource-type", ""),
        (br#"{"resourceType":"Patient"}"#.to_vec(), "no-id", ""),
        (br#"{"resourceType":"Patient","id":""}"#.to_vec(), "no-id", ""),
        (br#"{"resourceType":"Patient","id":" \t"}"#.to_vec(), "no-id", ""),
        (br#"{"resourceType":"Patient","id":null}"#.to_vec(), "no-id", ""),
        (row(r#""maritalStatus":"M""#), "wrong-kind", "maritalStatus"),
        (row(r#""maritalStatus":[{"text":"M"}]"#), "wrong-kind", "maritalStatus"),
        (row(r#""gender":{"code":"x"}"#), "wrong-kind", "gender"),
        (row(r#""address":{"state":"x"}"#), "wrong-kind", "address"),
        (row(r#""address":["x"]"#), "wrong-kind", "address"),
        (row(r#""meta":{"tag":{"code":"x"}}"#), "wrong-kind", "meta.tag"),
        (row(r#""contact":[{"period":7}]"#), "wrong-kind", "contact.period"),
        (row(r#""address":[[{"city":"x"}]]"#), "list-in-list", "address"),
        (row(r#""id":7"#), "does-not-fit", "id"),
        (row(r#""active":"true""#), "does-not-fit", "active"),
        (row(r#""gender":true"#), "does-not-fit", "gender"),
        (row(r#""multipleBirthInteger":"2""#), "does-not-fit", "multipleBirthInteger"),
        (row(r#""multipleBirthInteger":1.5"#), "does-not-fit", "multipleBirthInteger"),
        (row(r#""multipleBirthInteger":2147483648"#), "does-not-fit", "multipleBirthInteger"),
        (row(r#""multipleBirthInteger":1e30"#), "does-not-fit", "multipleBirthInteger"),
        (
            row(r#""modifierExtension":[{"url":"http://example.org/not","valueBoolean":true}]"#),
            "unknown-modifier-extension",
            "modifierExtension",
        ),
        (deep("[", "]").into_bytes(), "too-deep", ""),
        (row(&format!(r#""x":{}"#, deep("{\"a\":[", "]}").replace("[]", "[1]"))), "too-deep", ""),
    ]
}

#[test]
fn every_bad_row_is_counted_and_kept_with_its_reason() {
    let site = Site::new();
    let mut bytes = b"{\"resourceType\":\"Patient\",\"id\":\"first\"}\n".to_vec();
    let mut expected = Vec::new();
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for (index, (line, reason, element)) in bad_lines().into_iter().enumerate() {
        let number = 2 * index + 2;
        // Blank lines count as lines, and as nothing else.
        bytes.extend([line.as_slice(), b"\r\n \t\n"].concat());
        *counts.entry(reason).or_default() += 1;
        expected.push(json!({
            "file": "sub/odd.ndjson", "line": number, "reason": reason, "element": element,
            "row": String::from_utf8_lossy(&line),
        }));
    }
    bytes.extend(b"{\"resourceType\":\"Patient\",\"id\":\"last\"}");
    site.input("sub/odd.ndjson", bytes);
    let bad: u64 = counts.values().sum();

    let ended = site.run(&["--errors-to=errors"]);
    assert_eq!(site.table("out", "deltalake", "patient").len(), 2);
    let rejected = site.rejected("Patient");
    for (found, expected) in rejected.iter().zip(&expected) {
        assert_eq!(found, expected);
    }
    assert_eq!(rejected.len(), expected.len());
    assert_eq!(json_lines(&site.path("errors/Patient.ndjson")), rejected);
    let manifest = site.manifest();
    let table = &manifest["tables"][0];
    assert_eq!(table["counts"]["rejected"], json!(counts));
    assert_eq!(
        (table["counts"]["lines"].as_u64(), table["counts"]["rows"].as_u64()),
        (Some(bad + 2), Some(2))
    );
    assert_eq!(manifest["inputs"][0]["rows"], bad + 2);
    for said in ["rows were rejected: not JSON", "phi/rejected/", &format!("{bad} rejected")] {
        assert!(ended.err.contains(said), "{said}: {}", ended.err);
    }
    // A rejected row shows up nowhere else.
    assert!(!ended.err.contains("caf") && !manifest.to_string().contains("caf"));

    // The same in quiet, and as a failure.
    let quiet = site.run(&["-q"]);
    assert!(quiet.err.contains("rejected"), "{}", quiet.err);
    let strict = site.fails(&["--strict"], 71);
    assert!(strict.err.contains(&format!("--strict: {bad} rows")), "{}", strict.err);
    assert_eq!(site.table("out", "deltalake", "etl__completion").len(), 3);
    // A folder that has something in it is not written to.
    site.fails(&["--errors-to=errors"], 26);
}

#[test]
fn strict_without_rejects_is_fine() {
    let site = Site::new();
    site.rows("p.ndjson", &[patient("a", "x")]);
    site.run(&["--strict"]);
    assert!(!site.path("phi/rejected").exists());
}

#[test]
fn texts_of_any_kind_arrive_as_they_are() {
    let site = Site::new();
    let text = "a,b \"q\" 'x' \r\n\t\u{0}\u{1f}\u{2028}😀é\\/";
    site.rows("o.ndjson", &[resource("Patient", "p", json!({"gender": text}))]);
    site.run(&["--output-format=deltalake,parquet,csv,ndjson"]);
    for format in crate::support::FORMATS {
        let rows = site.table(&format!("out/{format}"), format, "patient");
        assert_eq!(rows[0]["gender"], text, "{format}");
    }
}

#[test]
fn numbers_keep_their_value() {
    let site = Site::new();
    let low = |value: &str| format!(r#"{{"valueQuantity":{{"value":{value}}}}}"#);
    let values = ["1e300", "-0.1", "12345678901234567890", "0.30000000000000004", "5e-324", "1.0"];
    let ranges: Vec<_> = values.iter().map(|value| low(value)).collect();
    let row = format!(
        r#"{{"resourceType":"Observation","id":"o","valueInteger":2147483647.0,"component":[{}]}}"#,
        ranges.join(",")
    );
    site.input("o.ndjson", format!("{row}\n{{\"resourceType\":\"Observation\",\"id\":\"p\",\"valueQuantity\":{{\"value\":1e400}}}}"));
    site.run(&["--output-format=deltalake,parquet,csv,ndjson"]);
    for format in crate::support::FORMATS {
        let rows = site.table(&format!("out/{format}"), format, "observation");
        assert_eq!(rows.len(), 1, "{format}");
        let integer = &rows[0]["valueInteger"];
        assert!(*integer == 2_147_483_647 || *integer == "2147483647", "{format}: {integer}");
        let found: Vec<_> = rows[0]["component"]
            .as_array()
            .unwrap()
            .iter()
            .map(|range| {
                range["valueQuantity"]["value"]
                    .as_f64()
                    .unwrap_or_else(|| panic!("{format}: {range}"))
            })
            .collect();
        let expected: Vec<f64> = values.iter().map(|value| value.parse().unwrap()).collect();
        assert_eq!(found, expected, "{format}");
    }
    let reasons: Vec<_> =
        site.rejected("Observation").iter().map(|row| row["reason"].clone()).collect();
    assert!(reasons == ["does-not-fit"] || reasons == ["not-json"], "{reasons:?}");
}

#[test]
fn lines_of_64_mib_are_taken_and_longer_ones_named() {
    const LIMIT: usize = 64 << 20;
    let site = Site::new();
    // The long text is dropped, so that the rows stay small.
    let long = |id: &str, len: usize| {
        let head = format!(r#"{{"resourceType":"Patient","id":"{id}","text":{{"div":""#);
        let mut line = head.into_bytes();
        line.resize(len - 3, b'x');
        line.extend(b"\"}}");
        line
    };
    let mut file = fs::File::create(site.path("in/p.ndjson")).unwrap();
    for line in [long("over", LIMIT + 1), long("at", LIMIT), long("far over", LIMIT * 5 / 2)] {
        file.write_all(&line).unwrap();
        file.write_all(b"\n").unwrap();
    }
    file.write_all(&long("last", LIMIT + 9)).unwrap();
    drop(file);
    site.rows("q.ndjson", &[patient("small", "x")]);
    site.run(&["--output-format=ndjson"]);
    let mut found: Vec<_> = site.by_id("out", "ndjson", "patient").into_keys().collect();
    let mut expected = vec![site.fake("Patient", "at"), site.fake("Patient", "small")];
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
    let rejected = site.rejected("Patient");
    let lines: Vec<_> = rejected.iter().map(|row| row["line"].as_u64().unwrap()).collect();
    assert_eq!(lines, [1, 3, 4]);
    assert!(rejected.iter().all(|row| row["reason"] == "too-long" && row["row"] == ""));
}

#[test]
fn line_ends_and_marks_at_the_start_are_no_matter() {
    let site = Site::new();
    site.input("bom.ndjson", "\u{feff}{\"resourceType\":\"Patient\",\"id\":\"a\"}\r\n\r\n");
    site.input("end.jsonl", "\n\n{\"resourceType\":\"Patient\",\"id\":\"b\"}");
    site.input("empty.ndjson", "");
    site.input("blank.ndjson", "\n \n\r\n");
    site.run(&["--strict"]);
    assert_eq!(site.table("out", "deltalake", "patient").len(), 2);
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Rows that don't compress well.
fn noise(count: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let mut bytes = Vec::new();
    for _ in 0..count {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let row = resource("Condition", &format!("{state:x}"), json!({}));
        bytes.extend(format!("{row}\n").bytes());
    }
    bytes
}

#[test]
fn compressed_files_are_read_and_damaged_ones_fail_their_table_alone() {
    let site = Site::new();
    let row = format!("{}\n", patient("a", "x"));
    site.input("a.ndjson.gz", gzip(row.as_bytes()));
    site.input("b.jsonl.zst", zstd::encode_all(row.as_bytes(), 3).unwrap());
    // The content tells, not the name.
    site.input("c.ndjson", gzip(format!("{}\n", patient("c", "x")).as_bytes()));
    let whole = gzip(&noise(20_000));
    site.input("d.ndjson.gz", &whole[..whole.len() / 2]);
    let ended = site.fails(&[], 19);
    assert!(ended.err.contains("in/d.ndjson.gz'"), "{}", ended.err);
    assert!(ended.err.contains("1 of 2 tables did not complete: condition"), "{}", ended.err);
    assert_eq!(site.table("out", "deltalake", "patient").len(), 2);
    assert!(!site.path("out/condition").exists());
    let completed = |site: &Site| {
        let rows = site.table("out", "deltalake", "etl__completion");
        let mut names: Vec<_> = rows.iter().map(|row| row["table_name"].to_string()).collect();
        names.sort();
        names.join(" ")
    };
    assert_eq!(completed(&site), "\"patient\"");
    assert!(!site.path("phi/context.json").exists());

    site.input("d.ndjson.gz", whole);
    site.run(&[]);
    assert_eq!(site.table("out", "deltalake", "condition").len(), 20_000);
    assert_eq!(completed(&site), "\"condition\" \"patient\" \"patient\"");

    let zstd = zstd::encode_all(noise(20_000).as_slice(), 1).unwrap();
    site.input("d.ndjson.gz", &zstd[..zstd.len() / 2]);
    site.fails(&[], 19);
    assert_eq!(site.table("out", "deltalake", "condition").len(), 20_000);
}

#[test]
fn a_table_that_fails_leaves_no_empty_folder_of_rejected_rows() {
    let damaged = gzip(&noise(20_000));
    for format in FORMATS {
        let site = Site::new();
        let format = format!("--output-format={format}");
        site.input("a.ndjson", format!("{}\n{{\n", resource("Condition", "a", json!({}))));
        site.input("d.ndjson.gz", &damaged[..damaged.len() / 2]);
        let ended = site.fails(&[&format], 19);
        assert!(!ended.err.contains("The rejected rows"), "{}", ended.err);
        assert_eq!(children(&site.path("phi/rejected")), [""; 0], "{format}");
        // Those of another table are kept.
        site.input("p.ndjson", format!("{}\n{{\n", patient("a", "x")));
        let ended = site.fails(&[&format], 19);
        assert!(ended.err.contains("The rejected rows"), "{}", ended.err);
        assert_eq!(site.rejected("Patient").len(), 1, "{format}");
        let [run] = &children(&site.path("phi/rejected"))[..] else { panic!("one folder") };
        assert_eq!(children(&site.path("phi/rejected").join(run)), ["Patient.ndjson"], "{format}");
    }
}

#[test]
fn a_file_too_damaged_to_tell_its_type_stops_the_run_before_it_begins() {
    let site = Site::new();
    site.rows("a.ndjson", &[patient("a", "x")]);
    let whole = gzip(&noise(10));
    site.input("b.ndjson.gz", &whole[..12]);
    let ended = site.fails(&[], 70);
    assert!(ended.err.contains("in/b.ndjson.gz'"), "{}", ended.err);
    assert!(!site.path("out").exists() && !site.path("phi").exists());
}

#[test]
fn files_without_resources_are_named() {
    let site = Site::new();
    site.rows("a.ndjson", &[patient("a", "x")]);
    let utf16: Vec<u8> =
        patient("b", "x").to_string().encode_utf16().flat_map(u16::to_le_bytes).collect();
    site.input("utf16.ndjson", utf16);
    site.rows("claims.ndjson", &[resource("Claim", "c", json!({}))]);
    let ended = site.run(&["-q"]);
    assert!(ended.err.contains("'utf16.ndjson' holds no FHIR resources"), "{}", ended.err);
    assert!(!ended.err.contains("claims"), "{}", ended.err);
    let skipped = &site.manifest()["skipped_inputs"];
    assert_eq!(*skipped, json!(["claims.ndjson", "utf16.ndjson"]));
    site.clear_input();
    site.rows("claims.ndjson", &[resource("Claim", "c", json!({}))]);
    let ended = site.fails(&[], 36);
    assert!(ended.err.contains("No supported resources found in 'in'"), "{}", ended.err);
}

#[test]
fn the_first_supported_row_names_the_files_type() {
    let site = Site::new();
    let rows = [
        json!({"resourceType": "OperationOutcome"}),
        resource("Condition", "c", json!({})),
        patient("p", "x"),
        resource("Condition", "d", json!({})),
    ];
    let deep = "[".repeat(1_000_000);
    let rows = rows.map(|row| row.to_string()).join("\n");
    site.input("Patient.ndjson", format!("{deep}\n{{\"a\":{deep}\n{rows}"));
    site.run(&[]);
    assert_eq!(site.table("out", "deltalake", "condition").len(), 2);
    assert!(!site.path("out/patient").exists());
    let lines: Vec<Value> = site.rejected("Condition").iter().map(|r| r["line"].clone()).collect();
    assert_eq!(lines, [1, 2, 3, 5]);
}

#[test]
fn deletes_that_make_no_sense_delete_nothing() {
    let site = Site::new();
    site.rows("p.ndjson", &[patient("a", "x"), patient("b", "x")]);
    let bundle = deletes(&["Patient/a"]);
    let mut put = bundle.clone();
    put["entry"][0]["request"]["method"] = "PUT".into();
    let mut search = bundle.clone();
    search["type"] = "searchset".into();
    let deep = "[".repeat(200_000);
    let odd = deletes(&["Patient", "Patient/", "/b", "Patient/b/_history/1", "Patient?x=b"]);
    site.input("deleted/d.ndjson", format!("{put}\n{search}\nnot json\n{deep}\n{{\"resourceType\":\"Bundle\",\"type\":\"transaction\",\"x\":{deep}\n{odd}\n"));
    site.rows("error/p.ndjson", &[patient("never", "x")]);
    let ended = site.run(&[]);
    assert_eq!(site.table("out", "deltalake", "patient").len(), 2);
    assert!(ended.err.contains("below deleted/ could not be understood"), "{}", ended.err);
    // Nothing but deletes is something to do.
    site.clear_input();
    site.input("deleted/d.ndjson.gz", gzip(format!("{bundle}\n").as_bytes()));
    site.run(&[]);
    let left: Vec<_> = site.by_id("out", "deltalake", "patient").into_keys().collect();
    assert_eq!(left, [site.fake("Patient", "b")]);
}

#[test]
fn names_of_files_may_be_odd() {
    let site = Site::new();
    let names = [
        "a b.ndjson",
        "a#1.ndjson",
        "50%25.ndjson",
        "ü/日本.ndjson",
        "x?y=[1].jsonl",
        "..a.ndjson",
        "q\"'.ndjson",
        "x.ndjson/y.ndjson",
    ];
    for (index, name) in names.iter().enumerate() {
        site.rows(name, &[patient(&format!("p{index}"), "x")]);
    }
    // Folders and links with such names are no files.
    fs::create_dir(site.path("in/empty.ndjson")).unwrap();
    std::os::unix::fs::symlink(site.path("elsewhere"), site.path("in/broken.ndjson")).unwrap();
    site.rows("../linked/more.ndjson", &[patient("linked", "x")]);
    std::os::unix::fs::symlink(site.path("linked"), site.path("in/link")).unwrap();
    site.rows("../linked2.txt", &[patient("linked2", "x")]);
    std::os::unix::fs::symlink(site.path("linked2.txt"), site.path("in/link.ndjson")).unwrap();
    site.run(&[]);
    assert_eq!(site.table("out", "deltalake", "patient").len(), names.len() + 2);
    let manifest = site.manifest();
    let mut read: Vec<_> = manifest["inputs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| file["name"].as_str().unwrap())
        .collect();
    read.sort();
    let mut expected = names.to_vec();
    expected.extend(["link/more.ndjson", "link.ndjson"]);
    expected.sort();
    assert_eq!(read, expected);
    assert!(children(&site.path("tmp")).is_empty());
}

#[test]
fn a_managed_folder_is_refused_with_its_exports_in_order() {
    let site = Site::new();
    for (name, id) in [("002.march", "b"), ("001.february", "a")] {
        site.rows(&format!("{name}/Patient.000.ndjson"), &[patient(id, "x")]);
        site.input(&format!("{name}/.metadata"), r#"{"kind": "output", "done": {}}"#);
        let (target, link) =
            (format!("{name}/Patient.000.ndjson"), format!("in/{}.ndjson", &name[..3]));
        std::os::unix::fs::symlink(target, site.path(&link)).unwrap();
    }
    site.input(".metadata", r#"{"kind": "managed", "fhir-url": "https://ehr.example.org/fhir"}"#);
    for options in [&[][..], &["--check"], &["--output-format", "ndjson"]] {
        let ended = site.fails(options, 23);
        assert!(ended.err.contains("in this order: 001.february, 002.march"), "{}", ended.err);
    }
    assert!(!site.path("out").exists() || children(&site.path("out")).is_empty());
    // Each export is an input, and so is a folder with another program's file of this name.
    fs::rename(site.path("in/001.february"), site.path("february")).unwrap();
    fs::remove_dir_all(site.path("in")).unwrap();
    fs::rename(site.path("february"), site.path("in")).unwrap();
    site.run(&[]);
    assert_eq!(site.table("out", "deltalake", "patient").len(), 1);
}

#[test]
fn names_that_nobody_can_write_down_and_links_in_circles_are_named_and_left_alone() {
    let site = Site::new();
    site.rows("p.ndjson", &[patient("a", "x")]);
    fs::create_dir(site.path("in/sub")).unwrap();
    std::os::unix::fs::symlink("..", site.path("in/sub/circle")).unwrap();
    std::os::unix::fs::symlink("two", site.path("in/one")).unwrap();
    std::os::unix::fs::symlink("one", site.path("in/two")).unwrap();
    let name = std::ffi::OsStr::from_bytes(b"caf\xe9.ndjson");
    fs::write(site.path("in").join(name), "").unwrap();
    let ended = site.run(&[]);
    assert_eq!(site.table("out", "deltalake", "patient").len(), 1);
    for named in ["sub/circle", "one", "two", "caf\u{fffd}.ndjson"] {
        assert!(ended.err.contains(&format!("'{named}' is left alone")), "{named}: {}", ended.err);
    }
}
