//! Tables whose names protect them stay, whatever a study or a command does.

use std::fs;
use std::io::Write;

use cumulus_etl::store::WorkFolder;
use cumulus_etl::study::StudyName;
use cumulus_etl::study::dialect::parse_statement;
use cumulus_etl::study::engine::datafusion::{DataFusion, Input, Limits};
use cumulus_etl::study::engine::{Engine, Start};
use zip::write::SimpleFileOptions;

use crate::support::{Ended, Site, end, open_folder, patient};

fn run(site: &Site, arguments: &[&str]) -> Ended {
    let mut command = site.command();
    command.arg("study").args(arguments).args(["--database", "db"]);
    end(&mut command)
}

fn build(site: &Site, more: &[&str]) -> Ended {
    run(site, &[&["build", "-t", "irae", "-s", "studies", "--lake", "lake"], more].concat())
}

/// A study with two stages, in a database with a table that a language model was paid for.
fn ground() -> Site {
    let site = Site::new();
    site.lake("patient", &[patient("a", "other")]);
    let manifest = "study_prefix = 'irae'\n[[stages.default]]\nfiles = ['a.sql']\n\
                    [[stages.casedef]]\nfiles = ['b.sql']\n";
    site.file("studies/irae/manifest.toml", manifest);
    site.file("studies/irae/a.sql", "CREATE TABLE irae__a AS SELECT 1 AS x;\n");
    site.file("studies/irae/b.sql", "CREATE TABLE irae__b AS SELECT 1 AS x;\n");
    let folder = |name: &str| open_folder(&site.arg(name));
    let work = WorkFolder::create_work(Some(&site.arg("work")), &folder("work")).unwrap();
    let limits = Limits { memory: 64 << 20, threads: 1 };
    let engine = DataFusion::open_database(folder("db"), Input::Nothing, work, &limits).unwrap();
    let build = engine.begin_build(&StudyName::parse("irae").unwrap(), Start::Empty).unwrap();
    for table in ["irae__nlp_x_gpt4o", "irae__LIB_statistics", "irae__old"] {
        build
            .execute(&parse_statement(&format!("CREATE TABLE {table} AS SELECT 7 AS x")).unwrap())
            .unwrap();
    }
    build.commit_tables().unwrap();
    site
}

fn tables(site: &Site) -> Vec<String> {
    let listed = run(site, &["list"]);
    let lines = listed.out.lines().filter_map(|line| line.split_whitespace().next());
    lines.filter(|word| word.contains("__")).map(str::to_lowercase).collect()
}

fn are_there(site: &Site, more: &[&str]) {
    let mut expected: Vec<_> =
        ["irae__nlp_x_gpt4o", "irae__lib_statistics"].iter().chain(more).copied().collect();
    let mut found = tables(site);
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
    for table in ["irae__nlp_x_gpt4o", "irae__lib_statistics"] {
        let sql = format!("SELECT x FROM {table}");
        let rows = run(site, &["sql", &sql, "--format", "csv"]);
        assert_eq!(rows.out, "x\n7\n", "{rows:?}");
    }
}

#[test]
fn no_command_removes_what_is_protected() {
    let site = ground();
    assert_eq!(build(&site, &[]).code, Some(0));
    are_there(&site, &["irae__a", "irae__old"]);
    assert_eq!(build(&site, &["--stage", "casedef"]).code, Some(0));
    are_there(&site, &["irae__a", "irae__b", "irae__old"]);
    assert_eq!(build(&site, &["--stage", "all"]).code, Some(0));
    are_there(&site, &["irae__a", "irae__b"]);
    let ended = run(&site, &["clean", "-t", "IRAE"]);
    assert!(ended.out.contains("Removed 2 tables of irae; 2 tables"), "{ended:?}");
    are_there(&site, &[]);
    let again = run(&site, &["clean", "-t", "irae"]);
    assert_eq!(again.code, Some(0), "{again:?}");
    are_there(&site, &[]);
    // A removed table is gone from the disk, too.
    let left = site.listing("db").into_iter().filter(|(name, _)| name.ends_with(".parquet"));
    assert_eq!(left.count(), 2);
    assert_eq!(build(&site, &[]).code, Some(0));
    are_there(&site, &["irae__a"]);
    let mut failing = fs::OpenOptions::new().append(true).open(site.path("studies/irae/a.sql"));
    failing.as_mut().unwrap().write_all(b"SELECT no_such FROM irae__a;\n").unwrap();
    assert_eq!(build(&site, &[]).code, Some(72));
    are_there(&site, &["irae__a"]);
}

#[test]
fn an_import_replaces_what_it_brings_and_removes_nothing_protected() {
    let site = ground();
    let archived = |names: &[&str]| {
        let source = site.path("db/irae");
        let list = fs::read_to_string(source.join("tables.json")).unwrap();
        let list: serde_json::Value = serde_json::from_str(&list).unwrap();
        let file = list["tables"][0]["files"][0]["name"].as_str().unwrap().to_owned();
        let bytes = fs::read(source.join(file)).unwrap();
        let mut zip = zip::ZipWriter::new(fs::File::create(site.path("a.zip")).unwrap());
        for name in names {
            let name = format!("{name}.archive.parquet");
            zip.start_file(name, SimpleFileOptions::default()).unwrap();
            zip.write_all(&bytes).unwrap();
        }
        zip.finish().unwrap();
        let ended = run(&site, &["import", "-a", "a.zip"]);
        assert_eq!(ended.code, Some(0), "{ended:?}");
    };
    archived(&["irae__new"]);
    are_there(&site, &["irae__new"]);
    archived(&["irae__nlp_x_gpt4o"]);
    are_there(&site, &[]);
}

#[test]
fn no_statement_makes_or_changes_what_is_protected() {
    let site = ground();
    let before = site.listing("db");
    for statement in [
        "CREATE TABLE irae__nlp_y AS SELECT 1 AS x",
        "CREATE TABLE irae__NLP AS SELECT 1 AS x",
        "CREATE OR REPLACE VIEW irae__lib_v AS SELECT 1 AS x",
        "CREATE TABLE irae__etl_z (x int)",
        "CREATE TABLE irae__a__b AS SELECT 1 AS x",
        "DROP TABLE IF EXISTS irae__nlp_x_gpt4o",
        "DROP TABLE irae__a, IRAE__NLP_X_GPT4O",
        "DELETE FROM irae__nlp_x_gpt4o",
        "INSERT INTO irae__nlp_x_gpt4o SELECT 1",
    ] {
        for file in ["a.sql", "a.sql.jinja"] {
            let manifest =
                format!("study_prefix = 'irae'\n[[stages.default]]\nfiles = ['{file}']\n");
            site.file("studies/irae/manifest.toml", manifest);
            site.file(&format!("studies/irae/{file}"), format!("SELECT 1;\n{statement};\n"));
            let ended = build(&site, &[]);
            assert_eq!(ended.code, Some(72), "{statement}: {ended:?}");
            assert!(ended.err.contains(&format!("{file}:2: ")), "{statement}: {ended:?}");
            assert_eq!(site.listing("db"), before, "{statement}");
        }
    }
    let counts =
        "config_type = 'counts'\n[tables.nlp_c]\nsource_table = 'patient'\ntable_cols = ['x']\n";
    let upload = "config_type = 'file_upload'\n[tables.lib]\nfile = 'u.csv'\n";
    site.file("studies/irae/u.csv", "x\n1\n");
    for workflow in [counts, upload] {
        site.file("studies/irae/w.workflow", workflow);
        let manifest = "study_prefix = 'irae'\n[[stages.default]]\nfiles = ['w.workflow']\n";
        site.file("studies/irae/manifest.toml", manifest);
        let ended = build(&site, &[]);
        assert_eq!(ended.code, Some(72), "{ended:?}");
        assert!(
            ended.err.contains("w.workflow:2: ") && ended.err.contains("protected"),
            "{ended:?}"
        );
        assert_eq!(site.listing("db"), before);
    }
    for reserved in ["nlp", "LIB"] {
        let manifest =
            format!("study_prefix = '{reserved}'\n[[stages.default]]\nfiles = ['a.sql']\n");
        site.file("studies/irae/manifest.toml", manifest);
        assert_eq!(build(&site, &[]).code, Some(72), "{reserved}");
        assert_eq!(run(&site, &["clean", "-t", reserved]).code, Some(23), "{reserved}");
    }
}

#[test]
fn statements_that_reach_out_of_the_study_are_refused_before_anything_is_run() {
    let place = "where its files are";
    let foreign = "is not a table of this study";
    for (sql, said) in [
        ("INSERT INTO core__patient SELECT 1 AS x", foreign),
        ("DELETE FROM other__cohort WHERE x = 1", foreign),
        ("DROP TABLE IF EXISTS condition", foreign),
        ("DROP TABLE irae__a, \"Other__b\"", foreign),
        ("DROP VIEW other__v", foreign),
        ("INSERT INTO lake.irae__a SELECT 1 AS x", "in a schema that is not this study's"),
        ("DROP TABLE lake.irae__a", "in a schema that is not this study's"),
        ("CREATE TABLE irae__c WITH (external_location = 's3://b/x') AS SELECT 1 AS x", place),
        (
            "CREATE TABLE irae__c WITH (format = 'PARQUET', \"LOCATION\" = 's3://b/x') AS SELECT 1 AS x",
            place,
        ),
        ("CREATE TABLE irae__c (x int) LOCATION 's3://b/x'", place),
        ("UNLOAD (SELECT 1 AS x) TO 's3://b/x' WITH (format = 'PARQUET')", "UNLOAD"),
    ] {
        for template in [false, true] {
            let site = ground();
            let before = site.listing("db");
            let file = if template { "a.sql.jinja" } else { "a.sql" };
            fs::remove_file(site.path("studies/irae/a.sql")).unwrap();
            site.file(&format!("studies/irae/{file}"), format!("SELECT 1;\n{sql};\n"));
            let manifest = fs::read_to_string(site.path("studies/irae/manifest.toml")).unwrap();
            let manifest = manifest.replace("'a.sql'", &format!("'{file}'"));
            site.file("studies/irae/manifest.toml", manifest);
            let ended = build(&site, &[]);
            assert_eq!(ended.code, Some(72), "{sql}: {ended:?}");
            assert!(ended.err.contains(said), "{sql}: {}", ended.err);
            assert!(ended.err.contains(&format!("{file}:2")), "{sql}: {}", ended.err);
            assert_eq!(site.listing("db"), before, "{sql}");
            if !template {
                // Also where no engine is asked.
                let ended = end(site.command().args(["study", "list", "-s", "studies"]));
                assert_eq!(ended.code, Some(72), "{sql}: {ended:?}");
            }
        }
    }
    // A clause that only says how files are written is taken.
    let site = ground();
    let sql = "CREATE TABLE irae__a WITH (format = 'PARQUET', partitioned_by = ARRAY['x']) AS SELECT 1 AS x";
    site.file("studies/irae/a.sql", sql);
    let ended = build(&site, &[]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
}
