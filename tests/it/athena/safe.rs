//! A study must not do these on Athena, either.

use crate::needs::need;
use crate::support::{Site, children, end, patient};

use super::{Server, command, embedded, inner, on_athena};

/// A study on Athena, with tables that its name does not let go.
fn protected(server: &Server, site: &Site) {
    let file = site.path("patients.parquet");
    inner::write_patients(&file);
    for table in ["irae__nlp_x_gpt4o", "irae__lib_statistics", "irae__old"] {
        server.order(&format!("table {table} {}", file.display()));
    }
    let manifest = "study_prefix = 'irae'\n[[stages.default]]\nfiles = ['a.sql']\n\
                    [[stages.casedef]]\nfiles = ['b.sql']\n";
    site.file("studies/manifest.toml", manifest);
    site.file("studies/a.sql", "CREATE TABLE irae__a AS SELECT n FROM core__patient;");
    site.file("studies/b.sql", "CREATE TABLE irae__b AS SELECT n FROM core__patient;");
}

#[test]
fn no_command_drops_a_protected_table_on_athena() {
    let server = need!(Server::start());
    let site = Site::new();
    protected(&server, &site);
    let build = ["build", "-t", "irae", "-s", "studies"];
    let are_there = |more: &[&str]| {
        let mut expected: Vec<_> =
            ["core__patient", "irae__nlp_x_gpt4o", "irae__lib_statistics"].to_vec();
        expected.extend(more);
        expected.sort();
        assert_eq!(server.texts("tables"), expected);
    };
    on_athena(&server, &site, &build);
    are_there(&["irae__a", "irae__old"]);
    on_athena(&server, &site, &[&build[..], &["--stage", "casedef"]].concat());
    are_there(&["irae__a", "irae__b", "irae__old"]);
    on_athena(&server, &site, &[&build[..], &["--stage", "all"]].concat());
    are_there(&["irae__a", "irae__b"]);
    let cleaned = on_athena(&server, &site, &["clean", "-t", "irae"]);
    assert!(cleaned.out.contains("Removed 2 tables of irae; 2 tables"), "{cleaned:?}");
    are_there(&[]);
    for statement in [
        "CREATE TABLE irae__nlp_y AS SELECT 1 AS x",
        "DROP TABLE IF EXISTS irae__nlp_x_gpt4o",
        "INSERT INTO irae__nlp_x_gpt4o SELECT * FROM core__patient",
    ] {
        site.file("studies/a.sql", format!("SELECT 1;\n{statement};\n"));
        let ended = end(&mut command(&server, &site, &build));
        assert_eq!(ended.code, Some(72), "{statement}: {ended:?}");
        assert!(ended.err.contains("a.sql:2: "), "{ended:?}");
        are_there(&[]);
    }
}

#[test]
fn one_statement_goes_to_athena_and_no_more() {
    let server = need!(Server::start());
    let site = Site::new();
    let sql = "SELECT 1 AS x; DROP TABLE core__patient";
    let ended = end(&mut command(&server, &site, &["sql", sql]));
    assert_eq!(ended.code, Some(72), "{ended:?}");
    assert!(ended.err.contains("there is a second statement here"), "{ended:?}");
    assert_eq!(server.texts("statements"), [""; 0]);
    let sql = "/* one; */ SELECT ';' AS x; ; /* done */";
    let ended = on_athena(&server, &site, &["sql", sql, "--format", "csv"]);
    assert_eq!(ended.out, "x\n;\n");
}

#[test]
fn rows_of_unknown_origin_explain_no_counts_on_athena() {
    let server = need!(Server::start());
    let site = Site::new();
    let rows = site.path("patients.parquet");
    inner::write_patients(&rows);
    server.order(&format!("table other__rows {}", rows.display()));
    server.order(&format!("table umls__terms {}", rows.display()));
    let manifest =
        "study_prefix = 's'\n[[stages.default]]\nfiles = ['up.workflow', 'c.workflow']\n";
    site.file("studies/manifest.toml", manifest);
    site.file("studies/codes.csv", "gender,city\nmale,M\nmale,Man\nfemale,F\n");
    let upload = "config_type = 'file_upload'\n[tables.codes]\nfile = 'codes.csv'\n";
    site.file("studies/up.workflow", upload);
    let counts = |table: &str| {
        let text = format!(
            "config_type = 'counts'\n[tables.count]\nsource_table = 'core__patient'\ntable_cols = \
             ['gender']\n[tables.count.annotation]\nfield = 'gender'\njoin_table = '{table}'\n\
             join_field = 'gender'\ncolumns = ['city']\n"
        );
        site.file("studies/c.workflow", text);
        end(&mut command(&server, &site, &["build", "-t", "s", "-s", "studies"]))
    };
    for table in ["other__rows", "core__patient"] {
        let ended = counts(table);
        assert_eq!(ended.code, Some(72), "{table}: {ended:?}");
        assert!(ended.err.contains("can't be annotated by"), "{ended:?}");
    }
    for table in ["s__codes", "umls__terms"] {
        let ended = counts(table);
        assert_eq!(ended.code, Some(0), "{table}: {ended:?}");
    }
}

#[test]
fn athena_takes_no_archive_of_what_nobody_deidentified() {
    let server = need!(Server::start());
    let site = Site::new();
    site.rows("Patient.ndjson", &[patient("a", "other")]);
    site.file(
        "studies/manifest.toml",
        "study_prefix = 's'\n[[stages.default]]\nfiles = ['a.sql']\n",
    );
    site.file("studies/a.sql", "CREATE TABLE s__a AS SELECT id FROM patient;");
    let place = ["-t", "s", "-s", "studies", "--database", "db"];
    embedded(&site, &[&["build", "--load-ndjson-dir", "in"], &place[..]].concat());
    embedded(&site, &[&["export", "--archive"], &place[..], &["out"]].concat());
    let zip = format!("out/{}", children(&site.path("out")).pop().unwrap());
    let ended = end(&mut command(&server, &site, &["import", "-a", &zip]));
    assert_eq!(ended.code, Some(72), "{ended:?}");
    assert!(ended.err.contains("was not de-identified"), "{ended:?}");
    assert_eq!(server.texts("tables"), ["core__patient"]);
}
