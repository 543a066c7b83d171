//! Studies of FHIR that nobody has de-identified: only counts of it leave, marked, and no upload
//! takes them.

use std::fs;
use std::io::{Read, Write};

use serde_json::json;
use zip::write::SimpleFileOptions;

use crate::support::{Ended, Site, children, end, resource};

fn run(site: &Site, arguments: &[&str]) -> Ended {
    let mut command = site.command();
    command.arg("study").args(arguments).args(["--database", "db"]);
    end(&mut command)
}

fn upload(site: &Site, study: &str) -> Ended {
    let mut command = site.command();
    end(command.args(["study", "upload", "out", "-t", study, "--preview"]))
}

const COUNTS: &str = "[tables.count]\nsource_table = 'SOURCE'\ntable_cols = ['kind']\n";

/// A study that makes rows, counts of them by a workflow and by hand, and says when.
fn study(site: &Site, name: &str, from: &str, exports: &str) {
    site.file(
        &format!("studies/{name}/manifest.toml"),
        format!(
            "study_prefix = '{name}'\n[[stages.default]]\nfiles = ['a.sql', 'c.workflow']\n{exports}"
        ),
    );
    site.file(
        &format!("studies/{name}/a.sql"),
        format!(
            "CREATE TABLE {name}__rows AS SELECT {from};\n\
             CREATE TABLE {name}__hand AS SELECT 12 AS cnt, family FROM {name}__rows;\n\
             CREATE TABLE {name}__meta_date AS SELECT DATE '2024-01-01' AS min_date;\n"
        ),
    );
    let counts = COUNTS.replace("SOURCE", &format!("{name}__rows"));
    site.file(&format!("studies/{name}/c.workflow"), format!("config_type = 'counts'\n{counts}"));
}

const EXPORTS: &str = "[[stages.default]]\ntype = 'export:counts'\ntables = ['c.workflow', 'hand']\n\
                       [[stages.default]]\ntype = 'export:flat'\ntables = ['rows']\n\
                       [[stages.default]]\ntype = 'export:meta'\ntables = ['meta_date']\n";
const OF_FHIR: &str = "id AS subject_ref, name[1].family AS family, 'x' AS kind FROM patient";

fn patients(site: &Site) {
    let rows: Vec<_> = (0..12)
        .map(|n| {
            resource(
                "Patient",
                &format!("p{n}"),
                json!({"name": [{"family": format!("Smith{n}")}]}),
            )
        })
        .collect();
    site.rows("Patient.ndjson", &rows);
    site.lake("patient", &rows);
}

fn built(site: &Site, study: &str, input: &[&str]) {
    let ended = run(site, &[&["build", "-t", study, "-s", "studies"], input].concat());
    assert_eq!(ended.code, Some(0), "{ended:?}");
}

fn manifest(path: &std::path::Path) -> String {
    let mut zip = zip::ZipArchive::new(fs::File::open(path).unwrap()).unwrap();
    let mut text = String::new();
    zip.by_name("manifest.toml").unwrap().read_to_string(&mut text).unwrap();
    text
}

/// Exports a study, of which nothing but counts leave, and which can't be sent.
fn is_marked(site: &Site, study: &str) {
    let ended = run(site, &["export", "-t", study, "-s", "studies", "out"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    for table in ["rows", "hand", "meta_date"] {
        assert!(ended.err.contains(&format!("{study}__{table}")), "{ended:?}");
    }
    let files = children(&site.path(&format!("out/{study}")));
    assert_eq!(files, [format!("{study}.zip"), format!("{study}__count.cube.csv")]);
    let zip = site.path(&format!("out/{study}/{study}.zip"));
    assert!(manifest(&zip).contains("made_of_identified_data = true"));
    // With a table about its dates it could be sent but for the mark.
    let bytes = fs::read(&zip).unwrap();
    with_dates(&zip, &bytes, study, true);
    for keep_manifest in [true, false] {
        with_dates(&zip, &bytes, study, keep_manifest);
        let ended = upload(site, study);
        assert_eq!(ended.code, Some(73), "{ended:?}");
        assert!(ended.err.contains("was not de-identified"), "{ended:?}");
    }
}

/// The zip with a copy of its counts as dates, and with its manifest or one without a mark.
fn with_dates(path: &std::path::Path, bytes: &[u8], study: &str, keep_manifest: bool) {
    let mut old = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
    let mut new = zip::ZipWriter::new(fs::File::create(path).unwrap());
    let mut add = |name: &str, bytes: &[u8]| {
        new.start_file(name, SimpleFileOptions::default()).unwrap();
        new.write_all(bytes).unwrap();
    };
    let mut member = |name: &str| {
        let mut bytes = Vec::new();
        old.by_name(name).unwrap().read_to_end(&mut bytes).unwrap();
        bytes
    };
    let counts = member(&format!("{study}__count.cube.parquet"));
    add(&format!("{study}__count.cube.parquet"), &counts);
    add(&format!("{study}__meta_date.meta.parquet"), &counts);
    match keep_manifest {
        true => add("manifest.toml", &member("manifest.toml")),
        false => add("manifest.toml", format!("study_prefix = '{study}'\n").as_bytes()),
    }
    new.finish().unwrap();
}

#[test]
fn only_counts_of_what_nobody_deidentified_leave_and_no_upload_takes_them() {
    let site = Site::new();
    patients(&site);
    study(&site, "a", OF_FHIR, EXPORTS);
    built(&site, "a", &["--load-ndjson-dir", "in"]);
    is_marked(&site, "a");
    // A study that reads it is no better, whatever else it reads.
    study(&site, "b", "DISTINCT r.* FROM a__rows AS r, patient", EXPORTS);
    built(&site, "b", &["--lake", "lake"]);
    is_marked(&site, "b");
    // A stage that is built on the lake leaves tables of the first build.
    let more = format!("{EXPORTS}[[stages.more]]\nfiles = ['m.sql']\n");
    study(&site, "a", OF_FHIR, &more);
    site.file("studies/a/m.sql", "CREATE TABLE a__m AS SELECT 1 AS x;\n");
    built(&site, "a", &["--lake", "lake", "--stage", "more"]);
    is_marked(&site, "a");
    // Built anew as a whole, nothing of it is left.
    built(&site, "a", &["--lake", "lake", "--stage", "all"]);
    let ended =
        run(&site, &["export", "-t", "a", "-s", "studies", "out", "--allow-ids", "a__rows"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(!ended.err.contains("de-identified"), "{ended:?}");
    assert!(!manifest(&site.path("out/a/a.zip")).contains("identified"));
    assert_eq!(upload(&site, "a").code, Some(73), "its rows have a column subject_ref");
}

#[test]
fn a_table_made_by_hand_is_no_counts_because_a_workflow_now_says_so() {
    let site = Site::new();
    patients(&site);
    let exports = "[[stages.default]]\ntype = 'export:counts'\ntables = ['hand']\n";
    study(&site, "a", OF_FHIR, exports);
    built(&site, "a", &["--load-ndjson-dir", "in"]);
    let counts = "config_type = 'counts'\n[tables.hand]\nsource_table = 'a__rows'\ntable_cols = \
                  ['family']\n";
    site.file("studies/a/c.workflow", counts);
    site.file("studies/a/a.sql", "SELECT 1;\n");
    let ended = run(&site, &["export", "-t", "a", "-s", "studies", "out"]);
    assert_eq!(ended.code, Some(72), "{ended:?}");
    assert!(ended.err.contains("nothing was exported"), "{ended:?}");
    assert!(!site.path("out/a").exists());
}

#[test]
fn the_mark_goes_with_an_archive() {
    let site = Site::new();
    patients(&site);
    study(&site, "a", OF_FHIR, EXPORTS);
    built(&site, "a", &["--load-ndjson-dir", "in"]);
    let ended = run(&site, &["export", "-t", "a", "-s", "studies", "--archive", "out"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let name = children(&site.path("out")).into_iter().find(|name| name.ends_with(".zip")).unwrap();
    assert!(manifest(&site.path(&format!("out/{name}"))).contains("made_of_identified_data"));
    assert_eq!(run(&site, &["clean", "-t", "a"]).code, Some(0));
    let ended = run(&site, &["import", "-a", &format!("out/{name}")]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    // Nobody knows any more what has counted here.
    let ended = run(&site, &["export", "-t", "a", "-s", "studies", "again"]);
    assert_eq!(ended.code, Some(72), "{ended:?}");
    assert!(ended.err.contains("was not de-identified"), "{ended:?}");
    study(&site, "b", "* FROM a__rows", EXPORTS);
    built(&site, "b", &["--lake", "lake"]);
    is_marked(&site, "b");
}
