//! Other programs' readers against our tables: pyarrow, duckdb and delta-rs's Python package.
//!
//! `CUMULUS_TEST_PYTHON` names a Python that has them (`.ci/run` makes one). Without it these
//! tests are skipped.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufReader, Write};
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::lake::{self, FORMATS, program, succeed};
use crate::needs::{self, Needed, need};
use crate::support::{Site, end};

/// The readers, if there are any.
fn python() -> Needed<Command> {
    python_with("readers.py")
}

fn python_with(script: &str) -> Needed<Command> {
    let mut command = Command::new(needs::python()?);
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it").join(script));
    Ok(command)
}

/// Compares; says what was compared, past the test runner's capture.
fn compare(readers: &mut Command) {
    let output = succeed(readers);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains(" rows: "), "{text}");
    assert!(!text.lines().any(|line| line.starts_with("0 rows")), "{text}");
    let _ = io::stderr().write_all(text.as_bytes());
}

#[test]
fn other_readers_find_the_same_rows_in_every_format() {
    let mut python = need!(python());
    let folder = tempfile::tempdir().unwrap();
    let (export, output) = (folder.path().join("export"), folder.path().join("output"));
    succeed(
        program().args(["demo", "--data-only", "--every-element", "--patients", "20"]).arg(&export),
    );
    let formats = ["--output-format", &FORMATS.join(","), "--batch-size", "700"];
    succeed(program().args(formats).args([&export, &output, &folder.path().join("phi")]));
    for format in ["ndjson", "parquet", "csv"] {
        python.arg(format!("--{format}")).arg(output.join(format));
    }
    compare(python.arg("--delta").arg(output.join("deltalake")));
}

/// The rows of an export by type and id, later ones in the place of earlier ones.
type Rows = BTreeMap<String, BTreeMap<String, Value>>;

fn read(export: &Path) -> Rows {
    let mut rows = Rows::new();
    for path in lake::files(export, ".000.ndjson") {
        let found = lake::json_lines(BufReader::new(File::open(path).unwrap()));
        for row in found {
            let name = |member: &str| row[member].as_str().unwrap().to_owned();
            rows.entry(name("resourceType")).or_default().insert(name("id"), row);
        }
    }
    assert_eq!(rows.len(), 20);
    rows
}

fn write(rows: &Rows, export: &Path) {
    fs::create_dir_all(export).unwrap();
    for (resource_type, rows) in rows {
        let mut file = File::create(export.join(format!("{resource_type}.ndjson"))).unwrap();
        for row in rows.values() {
            writeln!(file, "{row}").unwrap();
        }
    }
}

/// Every row that `wanted` wants, by its place within its type.
fn some(rows: &Rows, wanted: impl Fn(usize) -> bool) -> Rows {
    let of_type = |rows: &BTreeMap<String, Value>| {
        let places = rows.iter().enumerate().filter(|(place, _)| wanted(*place));
        places.map(|(_, (id, row))| (id.clone(), row.clone())).collect()
    };
    rows.iter().map(|(name, rows)| (name.clone(), of_type(rows))).collect()
}

/// Takes away elements inside of elements, so that they come into being later.
fn narrow(rows: &mut Rows) {
    for row in rows.values_mut().flat_map(|rows| rows.values_mut()) {
        for (place, (name, value)) in row.as_object_mut().unwrap().iter_mut().enumerate() {
            if name != "meta" && place % 2 == 0 {
                shallow(value);
            }
        }
    }
}

fn shallow(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(shallow),
        Value::Object(members) => {
            members.retain(|_, member| !member.is_object() && !member.is_array());
        }
        _ => {}
    }
}

#[test]
fn other_readers_find_what_several_runs_have_left() {
    let mut python = need!(python());
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let arguments = ["demo", "--data-only", "--no-flaws", "--seed", "3", "--patients", "16"];
    succeed(program().args(arguments).arg(path("export")));
    let mut all = read(&path("export"));
    for row in all.values_mut().flat_map(|rows| rows.values_mut()) {
        // Unknown times are taken, so that runs alone decide.
        row.as_object_mut().unwrap().remove("meta");
    }
    let export_of = ["--export-group", "g", "--export-timestamp", "2025-01-01T00:00:00Z"];
    let run = |options: &[&str], input: &str, output: &str| {
        let folders = [path(input), path(output), path("phi")];
        succeed(program().args(export_of).args(options).args(folders));
    };

    // Three runs, each with more columns or other rows than the one before.
    let mut first = some(&all, |place| place % 3 != 2);
    narrow(&mut first);
    let second = some(&all, |place| place % 3 != 0);
    let mut third = some(&all, |place| place % 7 == 0);
    for row in third.values_mut().flat_map(|rows| rows.values_mut()) {
        row["language"] = json!("en");
        row["meta"] = json!({"tag": [{"code": "third", "userSelected": true}]});
    }
    let (mut kept, mut entries) = (first.clone(), Vec::new());
    for (name, rows) in second.iter().chain(&third) {
        let kept = kept.get_mut(name).unwrap();
        kept.extend(rows.clone());
    }
    for (name, rows) in &mut kept {
        let gone: Vec<_> = rows.keys().step_by(5).cloned().collect();
        for id in gone {
            rows.remove(&id);
            entries.push(json!({"request": {"method": "DELETE", "url": format!("{name}/{id}")}}));
        }
    }
    let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": entries});
    for (rows, name) in [(&first, "first"), (&second, "second"), (&third, "third")] {
        write(rows, &path(name));
        if name == "third" {
            fs::create_dir(path(name).join("deleted")).unwrap();
            fs::write(path(name).join("deleted/all.ndjson"), format!("{bundle}\n")).unwrap();
        }
        run(&["--no-table-optimization"], name, "delta");
    }
    write(&kept, &path("kept"));
    run(&["--output-format", "ndjson"], "kept", "ndjson");
    for table in ["etl__completion", "etl__completion_encounters"] {
        // These tell of runs, of which the other output had only one.
        fs::remove_dir_all(path("ndjson").join(table)).unwrap();
    }
    python.arg("--ndjson").arg(path("ndjson")).arg("--delta").arg(path("delta"));
    compare(&mut python);

    // The same once more, compacted.
    let files = || lake::delta(&path("delta/observation")).1.len();
    let before = files();
    run(&[], "third", "delta");
    assert!(files() < before, "the small files are one");
    compare(&mut python);
}

#[test]
fn other_readers_find_the_same_rows_in_what_is_shared() {
    let mut python = need!(python_with("export_readers.py"));
    let site = Site::new();
    crate::athena::study(&site);
    let study = |arguments: &[&str]| {
        let ended = end(site.command().arg("study").args(arguments));
        assert_eq!(ended.code, Some(0), "{}", ended.err);
    };
    let asthma = ["-t", "asthma", "-s", "studies", "--database=db"];
    study(&[&["build", "--lake=lake"], &asthma[..]].concat());
    // Its workflow allows cells of three.
    let small = ["--allow-small-cells", "asthma__count"];
    study(&[&["export"], &asthma[..], &small, &["shared"]].concat());
    let ended = end(site.command().args(["demo", "demo", "--patients=20"]));
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    python.arg(site.path("shared/asthma/asthma.zip"));
    let output = succeed(python.arg(site.path("demo/shared/core/core.zip")));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("asthma.zip: ") && text.contains("core.zip: "), "{text}");
    assert!(!text.contains(" 0 tables") && !text.contains(" 0 columns"), "{text}");
    let _ = io::stderr().write_all(text.as_bytes());
}
