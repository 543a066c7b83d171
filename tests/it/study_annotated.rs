//! Which tables may explain counts: vocabularies and uploads, not rows of patients.

use std::fs;

use serde_json::json;

use crate::support::{Ended, Site, children, end, resource};

fn run(site: &Site, arguments: &[&str]) -> Ended {
    let mut command = site.command();
    command.arg("study").args(arguments).args(["--database", "db"]);
    end(&mut command)
}

fn build(site: &Site, study: &str) -> Ended {
    run(site, &["build", "-t", study, "-s", "studies", "--lake", "lake"])
}

/// A study with counts of patients by gender, which `table` explains by its column `k`.
fn ground(site: &Site, table: &str, more: &str) {
    let rows: Vec<_> = (0..24)
        .map(|n| {
            let gender = if n % 2 == 0 { "male" } else { "female" };
            resource("Patient", &format!("p{n}"), json!({"gender": gender}))
        })
        .collect();
    site.lake("patient", &rows);
    let manifest = "study_prefix = 's'\n[[stages.default]]\n\
                    files = ['a.sql', 'up.workflow', 'c.workflow']\n";
    site.file("studies/s/manifest.toml", manifest);
    let sql = "CREATE TABLE s__rows AS SELECT id AS subject_ref, gender AS k FROM patient;\n";
    site.file("studies/s/a.sql", format!("{sql}{more}"));
    site.file("studies/s/codes.csv", "k,v\nmale,M\nmale,Man\nfemale,F\n");
    let upload = "config_type = 'file_upload'\n[tables.codes]\nfile = 'codes.csv'\n";
    site.file("studies/s/up.workflow", upload);
    let counts = format!(
        "config_type = 'counts'\n[tables.count]\nsource_table = 's__rows'\ntable_cols = ['k']\n\
         [tables.count.annotation]\nfield = 'k'\njoin_table = '{table}'\njoin_field = 'k'\n\
         columns = ['v']\n"
    );
    site.file("studies/s/c.workflow", counts);
}

#[test]
fn rows_of_patients_do_not_explain_counts() {
    let site = Site::new();
    let view = "CREATE VIEW s__x AS SELECT k, subject_ref AS v FROM s__rows;\n";
    let copied = "CREATE TABLE s__x AS SELECT 'male' AS k, '' AS v;\n\
                  INSERT INTO s__x SELECT k, subject_ref FROM s__rows;\n";
    let joined = "CREATE TABLE s__x AS SELECT r.k, r.subject_ref AS v FROM (VALUES ('male')) AS t (k) \
                  JOIN s__rows AS r ON r.k = t.k;\n";
    let within = "CREATE TABLE s__x AS SELECT k, v FROM (VALUES ('male', 'a'), ('male', 'b')) AS t (k, v) \
                  WHERE k IN (SELECT gender FROM patient);\n";
    for more in [view, copied, joined, within] {
        ground(&site, "s__x", more);
        let ended = build(&site, "s");
        assert_eq!(ended.code, Some(72), "{more}: {ended:?}");
        assert!(ended.err.contains("can't be annotated by"), "{more}: {ended:?}");
        assert!(ended.err.contains("c.workflow:2: "), "{more}: {ended:?}");
    }
    // Of the lake itself, and of another study.
    site.file(
        "studies/o/manifest.toml",
        "study_prefix = 'o'\n[[stages.default]]\nfiles = ['a.sql']\n",
    );
    site.file(
        "studies/o/a.sql",
        "CREATE TABLE o__x AS SELECT gender AS k, id AS v FROM patient;\n",
    );
    assert_eq!(build(&site, "o").code, Some(0));
    ground(&site, "o__x", "");
    assert_eq!(build(&site, "s").code, Some(72));
    // An archive does not say what its tables were made of.
    assert_eq!(
        run(&site, &["export", "-t", "o", "-s", "studies", "--archive", "out"]).code,
        Some(0)
    );
    let name = children(&site.path("out")).pop().unwrap();
    assert_eq!(run(&site, &["import", "-a", &format!("out/{name}")]).code, Some(0));
    assert_eq!(build(&site, "s").code, Some(72));
    // A table that an older version has made is not known, either.
    assert_eq!(build(&site, "o").code, Some(0));
    let list = site.path("db/o/tables.json");
    let text = fs::read_to_string(&list).unwrap();
    fs::write(&list, text.replace("\"of_patients\": true", "\"x\": 1")).unwrap();
    assert_eq!(build(&site, "s").code, Some(72));
}

#[test]
fn uploads_vocabularies_and_rows_of_one_value_each_explain_counts() {
    let site = Site::new();
    let values =
        "CREATE TABLE s__x AS SELECT * FROM (VALUES ('male', 'M'), ('male', 'Man')) AS t (k, v);\n";
    let filtered = "CREATE TABLE s__x AS SELECT k, v FROM s__x2 WHERE v <> 'F';\n\
                    DELETE FROM s__x WHERE v = 'none';\n";
    let one_each =
        "CREATE TABLE s__x AS SELECT k, max(subject_ref) AS v FROM s__rows GROUP BY k;\n";
    let filtered = format!("{}{filtered}", values.replace("s__x ", "s__x2 "));
    for (table, more) in
        [("s__codes", ""), ("s__x", values), ("s__x", &filtered), ("s__x", one_each)]
    {
        ground(&site, table, more);
        let ended = build(&site, "s");
        assert_eq!(ended.code, Some(0), "{more}: {ended:?}");
    }
    ground(&site, "s__codes", "");
    assert_eq!(build(&site, "s").code, Some(0));
    let rows = run(&site, &["sql", "SELECT count(*) AS n FROM s__count WHERE k = 'male'"]);
    assert!(rows.out.contains("| 2 |"), "{rows:?}");
}
