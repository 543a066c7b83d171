//! Messages for statements that can't be run say which to write instead.

use serde_json::json;

use crate::support::{Ended, Site, end, resource};

fn sql(site: &Site, text: &str) -> Ended {
    let mut command = site.command();
    command.args(["study", "sql", text, "--lake", "lake", "--database", "db"]);
    end(command.args(["--format", "csv"]))
}

fn ground() -> Site {
    let site = Site::new();
    let code = json!({"code": {"coding": [{"code": "J45", "system": "s"}]},
        "subject": {"reference": "Patient/a"}});
    site.lake("condition", &[resource("Condition", "c", code)]);
    site.lake("patient", &[crate::support::patient("a", "female")]);
    site
}

#[test]
fn statements_that_cannot_be_planned_are_met_with_what_to_write() {
    let site = ground();
    for (text, hint) in [
        (
            "SELECT code.coding.code FROM condition",
            "code.coding is a list: CROSS JOIN UNNEST(code.coding) AS u (coding), then u.coding.code; or \
             element_at(code.coding, 1).code",
        ),
        (
            "SELECT id FROM condition AS c WHERE c.code.coding.system = 'x'",
            "c.code.coding is a list: CROSS JOIN UNNEST(c.code.coding) AS u (coding)",
        ),
        ("SELECT count(*) AS n FROM patients", "there is no table patients: did you mean patient?"),
        ("SELECT 1 FROM conditon c JOIN patient p ON c.id = p.id", "did you mean condition?"),
        ("SELECT 1 FROM nothing_like_it", "there is no table nothing_like_it"),
        ("SELECT id FROM patient WHERE gender = female", "single quotes: 'female'"),
        ("SELECT gendre FROM patient", "did you mean gender?"),
        ("SELECT p.gendre FROM patient AS p", "did you mean gender?"),
    ] {
        let ended = sql(&site, text);
        assert_eq!(ended.code, Some(72), "{text}: {ended:?}");
        assert!(ended.err.contains(hint), "{text}: {ended:?}");
        assert!(!ended.err.contains("awsdatacatalog"), "{text}: {ended:?}");
    }
    for (text, rows) in [
        ("WITH patients AS (SELECT id FROM patient) SELECT id FROM patients", "id\na\n"),
        ("SELECT element_at(code.coding, 1).code AS x FROM condition", "x\nJ45\n"),
        (
            "SELECT u.coding.code FROM condition CROSS JOIN UNNEST(code.coding) AS u (coding)",
            "code\nJ45\n",
        ),
    ] {
        assert_eq!(sql(&site, text).out, rows, "{text}");
    }
}

#[test]
fn a_list_of_studies_checks_their_statements() {
    let site = Site::new();
    site.file(
        "studies/s/manifest.toml",
        "study_prefix = 's'\n[[stages.default]]\nfiles = ['a.sql']\n[[stages.more]]\nfiles = ['b.sql']\n",
    );
    site.file("studies/s/a.sql", "CREATE TABLE s__a AS SELECT 1 AS x;\n");
    let list = || end(site.command().args(["study", "list", "-s", "studies"]));
    for wrong in ["SELEC 1", "CREATE TABLE s__b AS SELECT FROM", "SELECT (1", "GRANT x TO y"] {
        site.file("studies/s/b.sql", format!("SELECT 1;\n{wrong};\n"));
        let ended = list();
        assert_eq!(ended.code, Some(72), "{wrong}: {ended:?}");
        assert!(ended.err.contains("studies/s/b.sql:"), "{wrong}: {ended:?}");
        assert!(ended.out.contains("cannot be built"), "{wrong}: {ended:?}");
    }
    site.file("studies/s/b.sql", "SELECT 1;\n");
    assert_eq!(list().code, Some(0));
}
