//! A study must never do these: remove files that are not its own, show a patient's value, end the program.

use std::fs;
use std::process::Stdio;

use serde_json::json;

use crate::support::{Ended, Site, end, resource};

fn study(site: &Site, name: &str, manifest: &str, files: &[(&str, &str)]) {
    site.file(
        &format!("studies/{name}/manifest.toml"),
        format!("study_prefix = '{name}'\n{manifest}"),
    );
    for (file, text) in files {
        site.file(&format!("studies/{name}/{file}"), text);
    }
}

fn run(site: &Site, arguments: &[&str]) -> Ended {
    let mut command = site.command();
    end(command.arg("study").args(arguments).args(["--database", "db"]))
}

fn build(site: &Site, study: &str, more: &[&str]) -> Ended {
    let input = ["build", "-t", study, "-s", "studies", "--load-ndjson-dir", "in"];
    run(site, &[&input, more].concat())
}

fn query(site: &Site, sql: &str) -> String {
    let ended = run(site, &["sql", sql, "--format", "csv"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    ended.out
}

fn patients(site: &Site) {
    let patient = |id: &str, name: &str| resource("Patient", id, json!({"name": [{"text": name}]}));
    site.rows("Patient.ndjson", &[patient("a", "O'Brien-Secret"), patient("b", "Smith-Secret")]);
}

#[test]
fn clean_removes_tables_and_nothing_else() {
    let site = Site::new();
    patients(&site);
    site.file("db/notes/a.txt", "x");
    let before = site.listing("in");
    for target in ["../in", "", ".", "..", "/tmp", "etl", "a__b"] {
        let ended = run(&site, &["clean", "-t", target]);
        assert_eq!(ended.code, Some(23), "{target}: {ended:?}");
        assert!(ended.err.contains("is no study's name"), "{ended:?}");
    }
    let none = run(&site, &["clean", "-t", "notes"]);
    assert!(none.out.contains("notes has no tables"), "{none:?}");
    let inside = end(site.command().args(["study", "clean", "-t", "in", "--database", "."]));
    assert!(inside.out.contains("in has no tables"), "{inside:?}");
    assert_eq!(site.listing("in"), before);
    assert!(site.path("db/notes/a.txt").exists());
}

#[test]
fn a_stage_leaves_the_tables_of_others_whatever_the_order() {
    for order in [["usual", "rare"], ["rare", "usual"]] {
        let site = Site::new();
        patients(&site);
        let manifest = "[[stages.default]]\nfiles = ['a.sql']\n\
                        [[stages.default]]\nfiles = ['b.sql']\nskip_by_default = true\n\
                        [[stages.rare]]\nfiles = ['c.sql']\n";
        let made = |table: &str| format!("CREATE TABLE s__{table} AS SELECT 1 AS x");
        let (a, b, c) = (made("a"), made("b"), made("c"));
        study(&site, "s", manifest, &[("a.sql", &a), ("b.sql", &b), ("c.sql", &c)]);
        for stage in order {
            let stage: &[&str] = if stage == "usual" { &[] } else { &["--stage", stage] };
            let ended = build(&site, "s", stage);
            assert_eq!(ended.code, Some(0), "{ended:?}");
        }
        let tables = run(&site, &["list"]).out;
        assert!(tables.contains("s  built, 3 tables"), "{order:?}: {tables}");
        // A part makes its own tables anew.
        let kept = "CREATE TABLE IF NOT EXISTS s__c AS SELECT 2 AS x";
        site.file("studies/s/c.sql", kept);
        assert_eq!(build(&site, "s", &["--stage", "rare"]).code, Some(0));
        assert_eq!(query(&site, "SELECT x FROM s__c"), "x\n2\n");
    }
}

#[test]
fn a_patients_value_is_in_no_message() {
    let site = Site::new();
    patients(&site);
    for sql in [
        "SELECT CAST(p.name[1].text AS date) AS x FROM patient p",
        "SELECT from_iso8601_timestamp(p.name[1].text) AS x FROM patient p",
        "SELECT date_parse(p.name[1].text, '%Y') AS x FROM patient p",
        "SELECT regexp_like(p.id, concat('(', p.name[1].text)) AS x FROM patient p",
        "SELECT to_timestamp(p.name[1].text) AS x FROM patient p",
        "SELECT to_date(p.name[1].text) AS x FROM patient p",
        "SELECT arrow_cast(p.name[1].text, 'Int8') AS x FROM patient p",
        "SELECT decode(p.name[1].text, 'hex') AS x FROM patient p",
        "SELECT date_trunc(p.name[1].text, now()) AS x FROM patient p",
        "SELECT date_add(p.name[1].text, 1, now()) AS x FROM patient p",
    ] {
        let ended = run(&site, &["sql", sql, "--load-ndjson-dir", "in"]);
        assert!(matches!(ended.code, Some(70 | 72)), "{sql}: {ended:?}");
        for part in ["Secret", "Brien", "Smith"] {
            assert!(!ended.err.contains(part), "{sql}: {ended:?}");
        }
    }
}

#[test]
fn a_chain_of_any_length_is_run_or_refused() {
    let site = Site::new();
    let chain = |part: &str, between: &str, count: usize| vec![part; count].join(between);
    let ors = |count| format!("SELECT 1 AS x WHERE {}", chain("random() = 7", " OR ", count));
    let sums = |count| format!("SELECT {} AS x", chain("1", " + ", count));
    let ands = |count| format!("SELECT 1 AS x WHERE {}", chain("random() < 7", " AND ", count));
    let unions = |count| chain("SELECT 1 AS x", " UNION ALL ", count);
    let file = |text: &str| {
        study(
            &site,
            "s",
            "[[stages.default]]\nfiles = ['a.sql', 'b.sql']\ntype = 'build:parallel'\n",
            &[
                ("a.sql", &format!("CREATE TABLE s__a AS {text}")),
                ("b.sql", "CREATE TABLE s__b AS SELECT 1 AS x"),
            ],
        );
        patients(&site);
        build(&site, "s", &[])
    };
    for text in [ors(800), ands(800), sums(800), unions(300)] {
        let ended = file(&text);
        assert_eq!(ended.code, Some(0), "{}: {ended:?}", &text[..40]);
    }
    for text in [ors(1_000_000), unions(200_000), format!("SELECT {}1", "(".repeat(100_000))] {
        let ended = file(&text);
        assert_eq!(ended.code, Some(72), "{}: {}", &text[..40], ended.code.unwrap_or(-1));
        assert!(ended.err.contains("a.sql:1: "), "{}", &ended.err[..200.min(ended.err.len())]);
    }
}

#[test]
fn who_has_read_enough_is_no_failure() {
    let site = Site::new();
    let mut command = site.command();
    command.args(["study", "sql", "--database", "db", "--format", "csv"]);
    command.arg("SELECT UNNEST(sequence(1, 500000)) AS n");
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let ended: Ended = child.wait_with_output().unwrap().into();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(ended.err, "");
}

#[test]
fn a_variable_that_is_empty_is_none() {
    let site = Site::new();
    patients(&site);
    study(&site, "s", "[[stages.default]]\nfiles = ['a.sql']\n", &[("a.sql", "SELECT 1")]);
    let mut command = site.command();
    for name in [
        "DATA_PATH",
        "DB_TYPE",
        "DATABASE",
        "SCHEMA_NAME",
        "WORKGROUP",
        "REGION",
        "PROFILE",
        "STUDY_DIR",
        "LOAD_NDJSON_DIR",
        "MAX_CONCURRENT",
    ] {
        command.env(format!("CUMULUS_LIBRARY_{name}"), "");
    }
    command.args(["study", "build", "-t", "s", "-t", "S", "-s", "studies", "-c", "2"]);
    command.args(["--load-ndjson-dir", "in", "--database", "db"]);
    let ended = end(&mut command);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(ended.out.matches("Built s:").count(), 1, "{ended:?}");
    let mut command = site.command();
    command.env("CUMULUS_LIBRARY_DATABASE", "").args(["study", "sql", "SELECT 1"]);
    let ended = end(&mut command);
    assert!(ended.err.contains("--database is missing"), "{ended:?}");
}

#[test]
fn files_become_tables_as_in_cumulus_library() {
    let site = Site::new();
    patients(&site);
    let manifest = "[[stages.default]]\nfiles = ['up.workflow']\n";
    let workflow = "config_type = 'file_upload'\n[tables.all]\nfiles = ['data']\n\
                    [tables.each]\nfiles = ['many']\ncreate_mode = 'multiple'\n";
    study(
        &site,
        "up",
        manifest,
        &[
            ("up.workflow", workflow),
            ("data/README.md", "# Where it is from"),
            ("data/a.csv", "Lab Name,ICD10Code,labValue\nx,1,2\n"),
            ("data/deep/er/b.csv", "Lab Name,ICD10Code,labValue\ny,3,4\n"),
            ("data/.hidden", "x"),
            ("many/readme.MD", "#"),
            ("many/CodesOfTwo.csv", "a\n1\n"),
        ],
    );
    let ended = build(&site, "up", &[]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.out.contains("up__CodesOfTwo "), "{ended:?}");
    let rows = query(&site, "SELECT \"lab name\", icd10code, lab_value FROM up__all ORDER BY 1");
    assert_eq!(rows, "lab name,icd10code,lab_value\nx,1,2\ny,3,4\n");
    assert_eq!(query(&site, "SELECT * FROM up__codesoftwo"), "a\n1\n");

    let before = site.listing("db");
    for (file, text, why) in [
        ("many/deep/codesOFtwo.csv", "a\n", "would be one table"),
        ("many/icd-10.csv", "a\n", "is no table's name"),
        ("many/all.csv", "a\n", "table up__all is made at"),
    ] {
        site.file(&format!("studies/up/{file}"), text);
        let ended = build(&site, "up", &[]);
        assert_eq!(ended.code, Some(72), "{file}: {ended:?}");
        assert!(ended.err.contains("up.workflow:") && ended.err.contains(why), "{ended:?}");
        fs::remove_file(site.path(&format!("studies/up/{file}"))).unwrap();
        assert_eq!(site.listing("db"), before);
    }
}

#[test]
fn who_waits_for_another_build_is_told() {
    let site = Site::new();
    patients(&site);
    study(&site, "s", "[[stages.default]]\nfiles = ['a.sql']\n", &[("a.sql", "SELECT 1")]);
    fs::create_dir_all(site.path("db/.locks")).unwrap();
    let lock = fs::File::create(site.path("db/.locks/s")).unwrap();
    lock.lock().unwrap();
    let mut command = site.command();
    command.args(["study", "build", "-t", "s", "-s", "studies", "--load-ndjson-dir", "in"]);
    command.args(["--database", "db"]).stderr(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut said = std::io::BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("waiting for another run") {
        line.clear();
        let read = std::io::BufRead::read_line(&mut said, &mut line).unwrap();
        assert!(read > 0, "it says nothing");
    }
    drop(lock);
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_time_that_is_none_costs_its_own_value_only() {
    let site = Site::new();
    let condition = |id: &str, date: &str| {
        resource(
            "Condition",
            id,
            json!({"recordedDate": date, "subject": {"reference": "Patient/x"}}),
        )
    };
    site.rows("Condition.ndjson", &[condition("a", "1990-02-03"), condition("b", "1990-99-99")]);
    let ended = run(&site, &["build", "-t", "core", "--load-ndjson-dir", "in"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.err.contains("recordedDate of 1 row of condition"), "{ended:?}");
    let rows = query(&site, "SELECT id, recordeddate FROM core__condition ORDER BY id");
    assert_eq!(rows, "id,recordedDate\na,1990-02-03T00:00:00\nb,\n");
}

#[test]
fn one_statement_is_run_and_no_more() {
    let site = Site::new();
    for sql in [
        "SELECT 1; DROP TABLE x",
        "SELECT 1;\n-- then\nSELECT 2",
        "SELECT ';' AS a;; SELECT 2;",
        "/* SELECT 0; */ SELECT 1 ; x",
    ] {
        let ended = run(&site, &["sql", sql]);
        assert_eq!(ended.code, Some(72), "{sql}: {ended:?}");
        assert!(ended.err.contains("there is a second statement here"), "{sql}: {ended:?}");
        assert_eq!(ended.out, "", "{sql}");
    }
    for (sql, shown) in [
        ("SELECT 1 AS x;", "x\n1\n"),
        ("SELECT 1 AS x ; ;\n-- the end; really\n/* ; */", "x\n1\n"),
        ("/* first; */ SELECT 'a;b' AS \"x;y\"", "x;y\na;b\n"),
    ] {
        assert_eq!(query(&site, sql), shown, "{sql}");
    }
}
