//! Exports and imports: the files that leave, those that are refused, and those that come in.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use parquet::arrow::ArrowWriter;
use serde_json::json;
use zip::write::SimpleFileOptions;

use crate::support::{Ended, PROGRAM, Site, children, end, resource};

/// `study COMMAND` on the database `db`.
fn run(site: &Site, arguments: &[&str]) -> Ended {
    let mut command = site.command();
    command.arg("study").args(arguments).args(["--database", "db"]);
    end(&mut command)
}

fn export(site: &Site, more: &[&str]) -> Ended {
    run(site, &[&["export", "-t", "s", "-s", "studies", "out"], more].concat())
}

/// A study whose tables are made by `sql` of 12 patients with anonymous IDs.
fn built(site: &Site, sql: &str, counts: &str) {
    let rows: Vec<_> = (0..12)
        .map(|number| {
            let id = format!("{number:064x}");
            let year = if number < 3 { "1950-01-01" } else { "1960-01-01" };
            resource("Patient", &id, json!({"birthDate": year}))
        })
        .collect();
    site.lake("patient", &rows);
    site.file("studies/s/a.sql", sql);
    site.file("studies/s/counts.workflow", format!("config_type = 'counts'\n{counts}"));
    exporting(site, "export:counts", &[]);
    let ended = run(site, &["build", "-t", "s", "-s", "studies", "--lake", "lake"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
}

/// The study exports these tables as this.
fn exporting(site: &Site, kind: &str, tables: &[&str]) {
    let tables: Vec<_> = tables.iter().map(|table| format!("'{table}'")).collect();
    let mut manifest = "study_prefix = 's'\n[[stages.default]]\n\
                        files = ['a.sql', 'counts.workflow']\n"
        .to_owned();
    if !tables.is_empty() {
        let tables = tables.join(", ");
        manifest += &format!("[[stages.default]]\ntype = '{kind}'\ntables = [{tables}]\n");
    }
    site.file("studies/s/manifest.toml", manifest);
}

const NO_COUNTS: &str = "[tables.count]\nsource_table = 's__patients'\ntable_cols = ['year']\n";
const PATIENTS: &str =
    "CREATE TABLE s__patients AS SELECT id AS subject_ref, birthdate AS year FROM patient;\n";

#[test]
fn rows_with_ids_do_not_leave_as_anything() {
    let site = Site::new();
    let sql = "CREATE TABLE s__good AS SELECT 12 AS cnt, 'x' AS kind;\n\
        CREATE TABLE s__named AS SELECT 12 AS cnt, 'x' AS subject_ref;\n\
        CREATE TABLE s__whole AS SELECT 12 AS cnt, 'Patient/' || id AS kind FROM patient;\n\
        CREATE TABLE s__longer AS SELECT 12 AS cnt, id || 'x' AS kind FROM patient;\n\
        CREATE TABLE s__upper AS SELECT 12 AS cnt, upper(id) AS kind FROM patient;\n\
        CREATE TABLE s__list AS SELECT 12 AS cnt, ARRAY['x', id] AS kind FROM patient;\n\
        CREATE TABLE s__struct AS SELECT 12 AS cnt, CAST(ROW('x', id) AS ROW(a varchar, b varchar)) \
        AS kind FROM patient;\n";
    built(&site, &format!("{PATIENTS}{sql}"), NO_COUNTS);
    exporting(&site, "export:counts", &["good"]);
    assert_eq!(export(&site, &[]).code, Some(0));
    let before = site.listing("out");
    for kind in ["counts", "annotated_counts", "flat", "meta"] {
        for (table, why) in [
            ("named", "its column subject_ref is called like one of IDs"),
            ("whole", "its column kind has anonymous IDs"),
            ("longer", "its column kind has anonymous IDs"),
            ("upper", "its column kind has anonymous IDs"),
            ("list", "its column kind has anonymous IDs"),
            ("struct", "its column kind has anonymous IDs"),
            ("gone", "study build"),
        ] {
            exporting(&site, &format!("export:{kind}"), &["good", table]);
            let ended = export(&site, &["--allow-ids", "s__good"]);
            assert_eq!(ended.code, Some(72), "{kind} {table}: {ended:?}");
            assert!(ended.err.contains(why), "{kind} {table}: {ended:?}");
            assert!(!ended.err.contains("000000"), "{ended:?}");
            assert_eq!(site.listing("out"), before, "{table}");
        }
    }
    // All faults are told together.
    exporting(&site, "export:flat", &["named", "good", "list"]);
    let ended = export(&site, &[]);
    for part in ["s__named is not exported as flat", "s__list is not", "--allow-ids s__list"] {
        assert!(ended.err.contains(part), "{part}: {ended:?}");
    }
    let allowed = export(&site, &["--allow-ids", "S__Named", "--allow-ids", "s__list"]);
    assert_eq!(allowed.code, Some(0), "{allowed:?}");
}

#[test]
fn cells_of_few_leave_only_if_the_user_says_so() {
    let site = Site::new();
    let sql = "CREATE TABLE s__by_hand AS SELECT count(*) AS cnt, birthdate AS year FROM patient \
        GROUP BY birthdate;\n\
        CREATE TABLE s__rows AS SELECT 1 AS cnt, birthdate FROM patient;\n\
        CREATE TABLE s__none AS SELECT CAST(NULL AS bigint) AS cnt, 'x' AS kind;\n\
        CREATE TABLE s__no_counts AS SELECT 'x' AS kind;\n";
    let count = |name: &str, least: u64| {
        format!(
            "[tables.{name}]\nsource_table = 's__patients'\ntable_cols = ['year']\n\
             min_subject = {least}\n"
        )
    };
    let counts = |least: u64| count("small", least) + &count("usual", 10);
    built(&site, &format!("{PATIENTS}{sql}"), &counts(0));
    for (table, why) in [
        ("by_hand", "2 of its cells count fewer than 10"),
        ("rows", "12 of its cells count fewer than 10"),
        ("none", "1 of its cells counts fewer than 10"),
        ("no_counts", "it has no column cnt"),
    ] {
        for kind in ["counts", "annotated_counts"] {
            exporting(&site, &format!("export:{kind}"), &[table]);
            let ended = export(&site, &[]);
            assert_eq!(ended.code, Some(72), "{ended:?}");
            assert!(ended.err.contains(&format!("s__{table} is not exported as ")), "{ended:?}");
            assert!(ended.err.contains(why), "{ended:?}");
            assert!(!site.path("out/s").exists());
        }
    }
    exporting(&site, "export:counts", &["by_hand"]);
    let ended = export(&site, &["--allow-small-cells", "s__by_hand"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let told = "s__by_hand: 2 of its cells count fewer than 10, as --allow-small-cells says";
    assert!(ended.err.contains(told), "{ended:?}");

    // A workflow may ask for less; the site says whether that leaves.
    exporting(&site, "export:counts", &["counts.workflow"]);
    let ended = export(&site, &[]);
    assert_eq!(ended.code, Some(72), "{ended:?}");
    let told = "s__small is not exported as cube: 2 of its cells count fewer than 10";
    assert!(ended.err.contains(told), "{ended:?}");
    let ended = export(&site, &["--allow-small-cells", "S__Small"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let told = "s__small: 2 of its cells count fewer than 10, as --allow-small-cells says";
    assert!(ended.err.contains(told), "{ended:?}");
    assert!(!ended.err.contains("s__usual"), "{ended:?}");
    let csv =
        |table: &str| fs::read_to_string(site.path(&format!("out/s/{table}.cube.csv"))).unwrap();
    assert_eq!(csv("s__usual"), "cnt,year\n12,\n");
    assert_eq!(csv("s__small"), "cnt,year\n12,\n9,1960-01-01\n3,1950-01-01\n");
    // The workflow's minimum now is not the one that the table was built with.
    let more = count("usual", 13) + &count("small", 13);
    site.file("studies/s/counts.workflow", format!("config_type = 'counts'\n{more}"));
    let ended = export(&site, &["--allow-small-cells", "s__small"]);
    assert_eq!(ended.code, Some(72), "{ended:?}");
    let told = "s__usual is not exported as cube: 1 of its cells counts fewer than 13";
    assert!(ended.err.contains(told), "{ended:?}");
}

#[test]
fn what_is_no_patient_is_not_counted_for_one() {
    let site = Site::new();
    let sql = "CREATE TABLE s__visit AS SELECT n AS encounter_ref, 'x' AS subject_ref, 'a' AS year, n \
        AS pat FROM UNNEST(sequence(1, 40)) AS t (n);\n";
    let visits = |name: &str, ids: &str| {
        format!("[tables.{name}]\nsource_table = 's__visit'\ntable_cols = ['year']\n{ids}\n")
    };
    let counts = [
        visits("visits", "primary_id = 'encounter_ref'"),
        visits("pat", "primary_id = 'pat'"),
        visits("both", "primary_id = 'encounter_ref'\nsecondary_id = 'SUBJECT_REF'"),
    ];
    built(&site, &format!("{PATIENTS}{sql}"), &counts.concat());
    for table in ["visits", "pat"] {
        exporting(&site, "export:counts", &[table]);
        let ended = export(&site, &[]);
        assert_eq!(ended.code, Some(72), "{table}: {ended:?}");
        assert!(ended.err.contains("of which one patient may have many"), "{ended:?}");
        assert!(!site.path("out/s").exists());
        let ended = export(&site, &["--allow-small-cells", &format!("s__{table}")]);
        assert_eq!(ended.code, Some(0), "{table}: {ended:?}");
        fs::remove_dir_all(site.path("out")).unwrap();
    }
    // 40 visits of one patient are no cell where patients are counted, too.
    exporting(&site, "export:counts", &["both", "visits"]);
    let ended = export(&site, &["--allow-small-cells", "s__visits"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.out.contains("without rows, so not exported: s__both"), "{ended:?}");
}

#[test]
fn what_a_spreadsheet_would_run_is_written_as_text() {
    let site = Site::new();
    let sql = "CREATE TABLE s__odd AS SELECT 12 AS cnt, -5 AS n, t AS \"=kind\", '+1.5' AS \"-sum\" FROM \
        (VALUES ('=HYPERLINK(1)'), ('+cmd|x'), ('@a'), ('-1'), ('-x'), (chr(9) || '=1'), ('＝1'), ('plain')) AS v \
        (t);\n";
    built(&site, &format!("{PATIENTS}{sql}"), NO_COUNTS);
    exporting(&site, "export:counts", &["odd"]);
    let csv = || fs::read_to_string(site.path("out/s/s__odd.cube.csv")).unwrap();
    assert_eq!(export(&site, &[]).code, Some(0));
    let cells = ["＝1", "plain", "@a", "=HYPERLINK(1)", "-x", "-1", "+cmd|x", "\t=1"];
    let line = |cell: &str, kept: bool| {
        let odd = !kept && !["plain", "-1"].contains(&cell);
        format!("12,-5,{}{cell},+1.5\n", if odd { "'" } else { "" })
    };
    let lines = |kept: bool| cells.map(|cell| line(cell, kept)).concat();
    assert_eq!(csv(), format!("cnt,n,'=kind,'-sum\n{}", lines(false)));
    assert_eq!(export(&site, &["--csv-formulas", "keep"]).code, Some(0));
    assert_eq!(csv(), format!("cnt,n,=kind,-sum\n{}", lines(true)));
    // Archives have CSV files, too; the rows of Parquet are what they are.
    assert_eq!(export(&site, &["--archive"]).code, Some(0));
    let archive = children(&site.path("out")).into_iter().find(|name| name.starts_with("s__"));
    let file = fs::File::open(site.path(&format!("out/{}", archive.unwrap()))).unwrap();
    let mut text = String::new();
    let mut zip = zip::ZipArchive::new(file).unwrap();
    zip.by_name("s__odd.cube.csv").unwrap().read_to_string(&mut text).unwrap();
    assert!(text.contains("'=HYPERLINK(1)"), "{text}");
    let again = run(&site, &["import", "-a", "out/s/s.zip"]);
    assert_eq!(again.code, Some(0), "{again:?}");
    let sql = "SELECT count(*) AS n FROM s__odd WHERE \"=kind\" LIKE '=%'";
    assert!(run(&site, &["sql", sql]).out.contains("| 1 |"));
}

#[test]
fn tables_about_the_study_leave_by_an_older_manifest() {
    let site = Site::new();
    site.lake("patient", &[resource("Patient", "a", json!({}))]);
    site.file(
        "studies/s/manifest.toml",
        "study_prefix = 's'\n[sql_config]\nfile_names = ['a.sql']\n[export_config]\n\
         export_list = ['s__count', 's__meta_date', 'meta_version']\n",
    );
    site.file(
        "studies/s/a.sql",
        "CREATE TABLE s__count AS SELECT 12 AS cnt;\n\
         CREATE TABLE s__meta_date AS SELECT DATE '2024-01-01' AS min_date;\n\
         CREATE TABLE s__meta_version AS SELECT 2 AS data_package_version;\n",
    );
    let built = run(&site, &["build", "-t", "s", "-s", "studies", "--lake", "lake"]);
    assert_eq!(built.code, Some(0), "{built:?}");
    let ended = export(&site, &[]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let files = ["s.zip", "s__count.cube.csv", "s__meta_date.meta.csv", "s__meta_version.meta.csv"];
    assert_eq!(children(&site.path("out/s")), files);
}

#[test]
fn archives_and_databases_are_for_their_owner_only() {
    let site = Site::new();
    built(&site, PATIENTS, NO_COUNTS);
    let ended = export(&site, &["--archive"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let names = children(&site.path("out"));
    let archive = names.iter().find(|name| name.starts_with("s__")).unwrap();
    for path in [&format!("out/{archive}"), "db", "db/s", "db/s/tables.json"] {
        let mode = site.path(path).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{path}: {mode:o}");
    }
}

/// The bytes of a table.
fn table() -> Vec<u8> {
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![10]));
    let batch = RecordBatch::try_from_iter([("cnt", numbers)]).unwrap();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}

fn archive(site: &Site, members: &[(&str, &[u8])]) {
    let mut zip = zip::ZipWriter::new(fs::File::create(site.path("a.zip")).unwrap());
    for (name, bytes) in members {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap();
}

#[test]
fn archives_that_lead_elsewhere_are_not_imported() {
    let site = Site::new();
    let (bomb, whole) = (vec![0; 32 << 20], table());
    let named = |name: &str| vec![(name.to_owned(), &whole[..])];
    let two = |a: &str, b: &str| vec![(a.to_owned(), &whole[..]), (b.to_owned(), &whole[..])];
    let cases = [
        (named("../x__a.cube.parquet"), "no plain file name"),
        (two("x__a.cube.parquet", "y__a.cube.parquet"), "tables of x and of y"),
        (vec![("x__a.cube.parquet".to_owned(), &b"x"[..])], "no Parquet file"),
        (vec![("x__a.cube.parquet".to_owned(), &bomb[..])], "too much"),
        (named("notes.txt"), "is none of"),
        (named("manifest.toml"), "no tables"),
        (named("etl__completion.cube.parquet"), "the main job's"),
        (named("ETL__completion.cube.parquet"), "the main job's"),
        (named(".locks__x.cube.parquet"), "belongs to no study"),
        (named("a-b__x.cube.parquet"), "belongs to no study"),
        (named("__x.cube.parquet"), "belongs to no study"),
        (named("é__x.cube.parquet"), "belongs to no study"),
        (named("x__.cube.parquet"), "is no table"),
        (named("x__a-b.cube.parquet"), "is no table"),
        (two("x__É.cube.parquet", "x__é.flat.parquet"), "twice"),
        (two("x__a.cube.parquet", "X__A.flat.parquet"), "twice"),
    ];
    for (members, why) in cases {
        let members: Vec<_> = members.iter().map(|(name, bytes)| (name.as_str(), *bytes)).collect();
        archive(&site, &members);
        let ended = run(&site, &["import", "-a", "a.zip"]);
        assert_eq!(ended.code, Some(72), "{why}: {ended:?}");
        assert!(ended.err.contains(why), "{why}: {ended:?}");
        assert!(!site.path("db").exists() || children(&site.path("db")).is_empty(), "{why}");
    }
}

#[test]
fn an_archive_may_have_more_tables_than_files_may_be_open() {
    let site = Site::new();
    let bytes = table();
    let names: Vec<_> = (0..300).map(|number| format!("x__t{number}.cube.parquet")).collect();
    let members: Vec<_> = names.iter().map(|name| (name.as_str(), &bytes[..])).collect();
    archive(&site, &members);
    let mut command: Command = site.command_of("/bin/sh".as_ref());
    command.args(["-c", "ulimit -n 128; exec \"$0\" study import -a a.zip --database db", PROGRAM]);
    let ended = end(&mut command);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.out.contains("Imported 300 tables of x"), "{ended:?}");
    let counted = run(&site, &["sql", "SELECT cnt FROM x__t299", "--format", "csv"]);
    assert_eq!(counted.out, "cnt\n10\n", "{counted:?}");
    assert_eq!(fs::read_dir(site.path("tmp")).unwrap().count(), 0);
}

#[test]
fn exports_at_once_leave_whole_ones() {
    let site = Site::new();
    let sql =
        "CREATE TABLE s__good AS SELECT 12 AS cnt, x FROM UNNEST(sequence(1, 9000)) AS t (x);\n";
    built(&site, &format!("{PATIENTS}{sql}"), NO_COUNTS);
    exporting(&site, "export:counts", &["good", "counts.workflow"]);
    let start = || {
        let mut command = site.command();
        command.args(["study", "export", "-t", "s", "-s", "studies", "--database", "db", "out"]);
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        command.spawn().unwrap()
    };
    let running: Vec<_> = (0..4).map(|_| start()).collect();
    for child in running {
        let ended: Ended = child.wait_with_output().unwrap().into();
        assert_eq!(ended.code, Some(0), "{ended:?}");
    }
    let files = ["s.zip", "s__count.cube.csv", "s__good.cube.csv"];
    assert_eq!(children(&site.path("out/s")), files);
    let zip = fs::File::open(site.path("out/s/s.zip")).unwrap();
    let mut zip = zip::ZipArchive::new(zip).unwrap();
    let names: Vec<_> = zip.file_names().map(str::to_owned).collect();
    assert_eq!(names, ["s__good.cube.parquet", "s__count.cube.parquet", "manifest.toml"]);
    for index in 0..zip.len() {
        zip.by_index(index).unwrap().read_to_end(&mut Vec::new()).unwrap();
    }
    assert!(children(&site.path("out")).iter().all(|name| name == "s" || name == ".s.lock"));
}

#[test]
fn what_is_no_file_is_neither_imported_nor_sent_and_holds_up_nobody() {
    let site = Site::new();
    fs::create_dir_all(site.path("out/s")).unwrap();
    for kind in ["pipe", "link to a pipe", "device", "folder"] {
        let path = site.path("out/s/s.zip");
        match kind {
            "device" => std::os::unix::fs::symlink("/dev/zero", &path).unwrap(),
            "folder" => fs::create_dir(&path).unwrap(),
            _ => {
                let pipe = if kind == "pipe" { path.clone() } else { site.path("pipe") };
                let made = Command::new("mkfifo").arg(&pipe).status().unwrap();
                assert!(made.success());
                if pipe != path {
                    std::os::unix::fs::symlink(pipe, &path).unwrap();
                }
            }
        }
        let imported = run(&site, &["import", "-a", &site.arg("out/s/s.zip")]);
        assert_eq!(imported.code, Some(70), "{kind}: {imported:?}");
        let mut upload = site.command();
        let ended = end(upload.args(["study", "upload", "-t", "s", "out", "--preview"]));
        assert_eq!(ended.code, Some(70), "{kind}: {ended:?}");
        for err in [imported.err, ended.err] {
            assert!(err.contains("is no plain file"), "{kind}: {err}");
        }
        let _ = fs::remove_file(&path).or_else(|_| fs::remove_dir(&path));
    }
}

#[test]
fn counts_of_few_do_not_leave_whatever_the_table_is_exported_as() {
    for kind in ["export:flat", "export:meta", "export:counts"] {
        let site = Site::new();
        let sql = "CREATE TABLE s__few AS SELECT birthdate AS year, count(*) AS \"CNT\" FROM patient \
                   GROUP BY birthdate;\n";
        built(&site, &format!("{PATIENTS}{sql}"), NO_COUNTS);
        exporting(&site, kind, &["s__few"]);
        let ended = export(&site, &[]);
        assert_eq!(ended.code, Some(72), "{kind}: {ended:?}");
        assert!(ended.err.contains("2 of its cells count fewer than 10"), "{kind}: {}", ended.err);
        assert!(!site.path("out/s/s.zip").exists(), "{kind}");
        let ended = export(&site, &["--allow-small-cells", "s__few"]);
        assert_eq!(ended.code, Some(0), "{kind}: {ended:?}");
    }
}
