//! Studies built, looked at, exported and imported.

use std::fs;
use std::io::Read;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Ended, Site, children, end, resource};

/// A study on conditions: SQL, a template, counts, files.
fn study(site: &Site) {
    site.file(
        "studies/sick/manifest.toml",
        "study_prefix = 'sick'\n\
         [[stages.default]]\nlabel = 'Cohort'\nfiles = ['cohort.sql', 'codes.workflow']\n\
         [[stages.default]]\ntype = 'build:parallel'\nfiles = ['more.sql.jinja', 'counts.workflow']\n\
         [[stages.default]]\ntype = 'export:counts'\ntables = ['counts.workflow']\n\
         [[stages.default]]\ntype = 'export:flat'\ntables = ['sick__named']\n\
         [[stages.extra]]\nfiles = ['extra.sql']\n",
    );
    site.file(
        "studies/sick/cohort.sql",
        "-- Who has which code.\nCREATE TABLE sick__cohort AS\n\
         SELECT c.id, c.subject.reference AS subject_ref, u.coding.code AS \"codeSeen\"\n\
         FROM condition AS c, UNNEST(c.code.coding) AS u (coding);\n",
    );
    site.file(
        "studies/sick/codes.workflow",
        "config_type = 'file_upload'\n[tables.names]\nfiles = ['names.csv']\n\
         col_types = ['STRING', 'STRING', 'INT']\n",
    );
    site.file(
        "studies/sick/names.csv",
        "Code,Display Name,Rank\nflu,\"Influenza, any\",1\nflat,,2\n",
    );
    site.file(
        "studies/sick/more.sql.jinja",
        "CREATE TABLE {{ prefix }}__named AS\nSELECT n.\"display name\" AS display_name, n.rank, '{{ word }}' AS word\n\
         FROM {{ prefix }}__names AS n;\n",
    );
    site.file(
        "studies/sick/counts.workflow",
        "config_type = 'counts'\n[tables.count_codes]\nsource_table = 'sick__cohort'\n\
         table_cols = ['codeSeen']\nmin_subject = 2\ndescription = 'Patients by code'\n",
    );
    site.file("studies/sick/extra.sql", "CREATE TABLE sick__extra AS SELECT 1 AS x;\n");
}

fn conditions() -> Vec<Value> {
    let condition = |id: &str, patient: &str, code: &str| {
        resource(
            "Condition",
            id,
            json!({"subject": {"reference": format!("Patient/{patient}")},
                "code": {"coding": [{"code": code}]}}),
        )
    };
    vec![
        condition("1", "a", "flu"),
        condition("2", "b", "flu"),
        condition("3", "b", "cold"),
        condition("4", "c", "flu"),
    ]
}

#[test]
fn options_for_another_engine_are_said_to_have_no_effect() {
    let site = Site::new();
    let sql = |options: &[&str]| {
        let mut command = site.command();
        command.args(["study", "sql", "SELECT 1", "--database", "db"]).args(options);
        command
    };
    for (option, engine) in [
        ("--tls-cert=c.pem", "ballista"),
        ("--tls-name=member", "ballista"),
        ("--insecure-cluster", "ballista"),
        ("--tables=tables", "ballista"),
        ("--workgroup=w", "athena"),
        ("--s3-staging-dir=s3://b/", "athena"),
    ] {
        let ended = end(&mut sql(&[option]));
        assert_eq!(ended.code, Some(0), "{option}: {}", ended.err);
        let name = option.split('=').next().unwrap();
        let said = format!("{name} has no effect with --db-type datafusion: it is for {engine}");
        assert!(ended.err.contains(&said), "{option}: {}", ended.err);
    }
    // Variables are there for all commands.
    let mut command = sql(&[]);
    command.env("CUMULUS_LIBRARY_TLS_CERT", "c.pem").env("CUMULUS_LIBRARY_WORKGROUP", "w");
    let ended = end(command.env("CUMULUS_LIBRARY_INSECURE_CLUSTER", "1"));
    assert!(!ended.err.contains("no effect"), "{}", ended.err);
}

/// `study COMMAND` on the database `db`.
fn run(site: &Site, arguments: &[&str]) -> Ended {
    let mut command = site.command();
    command.arg("study").args(arguments).args(["--database", "db"]);
    end(&mut command)
}

fn build(site: &Site, more: &[&str]) -> Ended {
    let arguments = ["build", "-t", "sick", "-s", "studies", "-o", "word:it's"];
    run(site, &[&arguments, more].concat())
}

fn query(site: &Site, sql: &str) -> String {
    let ended = run(site, &["sql", sql, "--format", "csv"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    ended.out
}

fn raw(site: &Site) -> [&'static str; 2] {
    site.rows("Condition.ndjson", &conditions());
    ["--load-ndjson-dir", "in"]
}

#[test]
fn a_study_is_built_exported_and_imported() {
    let site = Site::new();
    study(&site);
    site.file(
        "studies/sick/more.sql.jinja",
        "CREATE TABLE {{ prefix }}__named AS\nSELECT n.\"display name\" AS display_name, n.rank, {{ word | length }} AS word\n\
         FROM {{ prefix }}__names AS n;\n",
    );
    site.lake("condition", &conditions());
    let ended = build(&site, &["--lake", "lake"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.out.contains("Built sick: 4 tables"), "{ended:?}");
    assert_eq!(
        query(&site, "SELECT * FROM sick__named ORDER BY rank"),
        "display_name,rank,word\n\"Influenza, any\",1,4\n,2,4\n"
    );
    let all = "cnt,codeSeen\n3,\n3,flu\n";
    assert_eq!(query(&site, "SELECT * FROM sick__count_codes ORDER BY 2 NULLS FIRST"), all);
    let json = run(
        &site,
        &["sql", "SELECT count(*) AS n, NULL AS m FROM SICK__COHORT", "--format", "json"],
    );
    assert_eq!(json.out, "[{\"n\":4,\"m\":null}]\n");
    let table = run(&site, &["sql", "SELECT codeseen FROM sick__cohort WHERE codeseen = 'cold'"]);
    assert!(table.out.contains("| codeSeen |") && table.out.contains("\n1 row\n"), "{table:?}");
    let listed = run(&site, &["list"]);
    assert!(listed.out.contains("sick  built, 4 tables\n"), "{listed:?}");

    site.file("out/sick/upload.json", "{}");
    site.file("out/sick/sick__gone.cube.csv", "old");
    let few = ["--allow-small-cells", "sick__count_codes"];
    let export = ["export", "-t", "sick", "-s", "studies", "out"];
    let exported = run(&site, &[&export[..], &few].concat());
    assert_eq!(exported.code, Some(0), "{exported:?}");
    let files = ["sick.zip", "sick__count_codes.cube.csv", "sick__named.flat.csv", "upload.json"];
    assert_eq!(children(&site.path("out/sick")), files);
    let csv = fs::read_to_string(site.path("out/sick/sick__count_codes.cube.csv")).unwrap();
    assert_eq!(csv, "cnt,codeSeen\n3,\n3,flu\n");
    let flat = fs::read_to_string(site.path("out/sick/sick__named.flat.csv")).unwrap();
    assert_eq!(flat, "display_name,rank,word\n,2,4\n\"Influenza, any\",1,4\n");
    let mut zip =
        zip::ZipArchive::new(fs::File::open(site.path("out/sick/sick.zip")).unwrap()).unwrap();
    let names: Vec<_> = zip.file_names().map(str::to_owned).collect();
    assert_eq!(
        names,
        ["sick__count_codes.cube.parquet", "sick__named.flat.parquet", "manifest.toml"]
    );
    let mut manifest = String::new();
    zip.by_name("manifest.toml").unwrap().read_to_string(&mut manifest).unwrap();
    assert!(manifest.contains("name = \"sick__count_codes\""), "{manifest}");

    assert_eq!(run(&site, &["clean", "-t", "sick"]).code, Some(0));
    assert_eq!(run(&site, &["sql", "SELECT 1 FROM sick__named"]).code, Some(72));
    let imported = run(&site, &["import", "-a", "out/sick/sick.zip"]);
    assert_eq!(imported.code, Some(0), "{imported:?}");
    assert_eq!(query(&site, "SELECT * FROM sick__count_codes ORDER BY 2 NULLS FIRST"), all);

    let archived = run(&site, &["export", "-t", "sick", "-s", "studies", "--archive", "out"]);
    assert_eq!(archived.code, Some(0), "{archived:?}");
    assert!(children(&site.path("out")).iter().any(|name| name.starts_with("sick__20")));
    assert_eq!(children(&site.path("out/sick")), files, "an archive changes no export");
}

#[test]
fn every_layout_of_the_lake_can_be_built_from() {
    let site = Site::new();
    study(&site);
    site.rows("Condition.ndjson", &conditions());
    let formats =
        ["--output-format=deltalake", "--output-format=parquet", "--output-format=ndjson"];
    site.run(&formats);
    let mut seen = Vec::new();
    for lake in ["out", "out/deltalake", "out/parquet", "out/ndjson"] {
        let ended = build(&site, &["--lake", lake, "-o", "word:x"]);
        assert_eq!(ended.code, Some(0), "{lake}: {ended:?}");
        seen.push(query(&site, "SELECT * FROM sick__cohort ORDER BY 1, 2, 3"));
    }
    assert_eq!(seen[0].lines().count(), 5, "{}", seen[0]);
    assert!(seen.iter().all(|rows| rows == &seen[0]), "{seen:#?}");
    let wrong = build(&site, &["--lake", "phi"]);
    assert_eq!(wrong.code, Some(23), "{wrong:?}");
}

#[test]
fn files_older_than_a_column_have_nulls_there() {
    let site = Site::new();
    let old = resource("Patient", "old", json!({"name": [{"text": "x"}], "gender": "male"}));
    site.rows("Patient.ndjson", &[old]);
    site.run(&["--no-table-optimization"]);
    let new = resource(
        "Patient",
        "new",
        json!({"gender": "other", "contact": [{"relationship": [{"coding": [{"code": "k"}]}]}],
            "maritalStatus": {"coding": [{"code": "M", "userSelected": true}]},
            "link": [{"other": {"reference": "Patient/old"}, "type": "refer"}]}),
    );
    site.clear_input();
    site.rows("Patient.ndjson", &[new]);
    site.run(&["--no-table-optimization"]);
    let sql = "SELECT p.gender, p.maritalStatus.coding[1].userSelected AS chosen, \
               p.contact[1].relationship[1].coding[1].code AS kind, p.link[1].type AS linked \
               FROM patient p ORDER BY gender";
    let ended = run(&site, &["sql", sql, "--format", "csv", "--lake", "out"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(ended.out, "gender,chosen,kind,linked\nmale,,,\nother,true,k,refer\n");
    // A type without rows is a table without rows.
    let none = run(
        &site,
        &["sql", "SELECT count(*) AS n FROM device", "--format", "csv", "--lake", "out"],
    );
    assert_eq!(none.out, "n\n0\n", "{none:?}");
}

#[test]
fn a_part_of_a_study_leaves_the_other_tables() {
    let site = Site::new();
    study(&site);
    let raw = raw(&site);
    assert_eq!(build(&site, &[&raw[..], &["-o", "word:x"]].concat()).code, Some(0));
    let extra = build(&site, &[&raw[..], &["--stage", "extra"]].concat());
    assert_eq!(extra.code, Some(0), "{extra:?}");
    assert_eq!(query(&site, "SELECT x FROM sick__extra"), "x\n1\n");
    assert_eq!(query(&site, "SELECT count(*) AS n FROM sick__cohort"), "n\n4\n");
    let wrong = build(&site, &[&raw[..], &["--stage", "other"]].concat());
    assert!(wrong.err.contains("has no stage 'other'"), "{wrong:?}");
}

#[test]
fn what_is_wrong_is_told_with_its_place_and_changes_nothing() {
    let site = Site::new();
    study(&site);
    let raw = raw(&site);
    let word = ["-o", "word:x"];
    assert_eq!(build(&site, &[&raw[..], &word].concat()).code, Some(0));
    let before = site.listing("db");
    for (file, text, place) in [
        (
            "cohort.sql",
            "\n\nCREATE TABLE sick__cohort AS SELECT nothing FROM condition",
            "cohort.sql:3: ",
        ),
        ("cohort.sql", "CREATE TABLE sick__cohort AS\nSELECT FROM WHERE", "cohort.sql:2: "),
        ("cohort.sql", "SELECT 1;\n\nUPDATE x SET y = 1", "cohort.sql:3: "),
        ("more.sql.jinja", "SELECT 1;\nSELECT {{ wrod }}", "more.sql.jinja:2: "),
        ("more.sql.jinja", "CREATE TABLE {{ 'other__x' }} AS SELECT 1", "more.sql.jinja:1: "),
        (
            "cohort.sql",
            "CREATE TABLE sick__cohort AS SELECT CAST(code.text AS int) AS x FROM condition;\nCREATE TABLE sick__cast AS SELECT CAST(id AS date) AS d FROM condition",
            "cohort.sql:2: ",
        ),
        ("names.csv", "Code,Display Name,Rank\nflu,x,secret\n", "codes.workflow:2: "),
    ] {
        let whole = fs::read_to_string(site.path(&format!("studies/sick/{file}"))).unwrap();
        site.file(&format!("studies/sick/{file}"), text);
        let ended = build(&site, &[&raw[..], &word].concat());
        assert!(matches!(ended.code, Some(70 | 72)), "{text}: {ended:?}");
        assert!(ended.err.contains(place), "{text}: {ended:?}");
        assert!(!ended.err.contains("secret"), "{ended:?}");
        assert_eq!(site.listing("db"), before, "{text}");
        site.file(&format!("studies/sick/{file}"), whole);
    }
    let missing = build(&site, &["--load-ndjson-dir", "nowhere"]);
    assert_eq!(missing.code, Some(54), "{missing:?}");
    let nothing = build(&site, &[]);
    assert_eq!(nothing.code, Some(23), "{nothing:?}");
    let unknown = run(&site, &["build", "-t", "ill", "-s", "studies", "--lake", "x"]);
    assert!(unknown.err.contains("there is no study 'ill'; there are: sick"), "{unknown:?}");
}

/// A build that takes longer than any test.
fn endless(site: &Site) {
    site.file(
        "studies/sick/extra.sql",
        "CREATE TABLE sick__extra AS SELECT 1 AS x;\n\
         CREATE TABLE sick__long AS SELECT count(DISTINCT a.x * b.x) AS n \
         FROM (SELECT UNNEST(sequence(1, 300000)) AS x) a, (SELECT UNNEST(sequence(1, 300000)) AS x) b;\n",
    );
}

#[test]
fn a_build_that_is_killed_leaves_the_study_and_the_next_one_cleans_up() {
    let site = Site::new();
    study(&site);
    let raw = raw(&site);
    assert_eq!(build(&site, &[&raw[..], &["-o", "word:x"]].concat()).code, Some(0));
    let before = query(&site, "SELECT * FROM sick__cohort ORDER BY id");
    let builds = || children(&site.path("db/sick")).len();
    assert_eq!(builds(), 2);
    let quick = fs::read_to_string(site.path("studies/sick/extra.sql")).unwrap();
    endless(&site);
    let mut command = site.command();
    command.args(["study", "build", "-t", "sick", "-s", "studies", "--stage", "extra"]);
    command.args(raw).args(["--database", "db"]);
    let mut child = command
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let since = Instant::now();
    while builds() < 3 {
        assert!(since.elapsed() < Duration::from_secs(60), "the build has not begun");
        sleep(Duration::from_millis(20));
    }
    // While it runs, the study is as it was.
    assert_eq!(query(&site, "SELECT * FROM sick__cohort ORDER BY id"), before);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(query(&site, "SELECT * FROM sick__cohort ORDER BY id"), before);
    let gone = run(&site, &["sql", "SELECT * FROM sick__extra"]);
    assert_eq!(gone.code, Some(72), "{gone:?}");
    site.file("studies/sick/extra.sql", quick);
    let again = build(&site, &[&raw[..], &["--stage", "extra"]].concat());
    assert_eq!(again.code, Some(0), "{again:?}");
    assert_eq!(builds(), 3, "the list, the first build, and this one");
    assert_eq!(query(&site, "SELECT * FROM sick__cohort ORDER BY id"), before);
}

#[test]
fn builds_at_once_come_one_after_the_other() {
    let site = Site::new();
    study(&site);
    let raw = raw(&site);
    // Two files, so that another build could come in between.
    site.file(
        "studies/sick/cohort.sql.jinja",
        "CREATE TABLE sick__cohort AS\nSELECT c.id, c.subject.reference AS subject_ref, \
         u.coding.code AS \"codeSeen\", '{{ word }}' AS word\n\
         FROM condition AS c, UNNEST(c.code.coding) AS u (coding);\n",
    );
    let manifest = fs::read_to_string(site.path("studies/sick/manifest.toml")).unwrap();
    site.file("studies/sick/manifest.toml", manifest.replace("cohort.sql", "cohort.sql.jinja"));
    let start = |word: &str| {
        let mut command = site.command();
        command.args(["study", "build", "-t", "sick", "-s", "studies", "-o"]).arg(word);
        command.args(raw).args(["--database", "db"]);
        command
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap()
    };
    let words = ["one", "two", "three"];
    let children: Vec<_> = words.iter().map(|word| start(&format!("word:{word}"))).collect();
    for child in children {
        let ended: Ended = child.wait_with_output().unwrap().into();
        assert_eq!(ended.code, Some(0), "{ended:?}");
    }
    // Every table is the same build's, and its files are all there.
    let of = |table: &str| query(&site, &format!("SELECT DISTINCT word FROM {table}"));
    let word = of("sick__named");
    assert!(words.iter().any(|built| word == format!("word\n{built}\n")), "{word}");
    assert_eq!(of("sick__cohort"), word);
    assert_eq!(query(&site, "SELECT count(*) AS n FROM sick__cohort"), "n\n4\n");
    assert_eq!(query(&site, "SELECT count(*) AS n FROM sick__count_codes"), "n\n2\n");
    let left = children_of_builds(&site);
    assert!((1..=2).contains(&left), "the last build and the one before it, not {left}");
}

/// The folders of builds of the study.
fn children_of_builds(site: &Site) -> usize {
    children(&site.path("db/sick")).iter().filter(|name| name.as_str() != "tables.json").count()
}

#[test]
fn the_examples_can_be_built_and_exported() {
    let site = Site::new();
    let mut demo = site.command();
    demo.args(["demo", "fhir", "--data-only", "--no-flaws", "--patients", "25"]);
    assert_eq!(end(&mut demo).code, Some(0));
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/examples");
    let studies = ["-t", "cough", "-t", "groups", "-s", examples];
    let mut job = site.command();
    job.args(["fhir", "lake", "phi", "--threads=2", "--export-group=g"]);
    job.arg("--export-timestamp=2024-08-06T14:12:57-04:00");
    assert_eq!(end(&mut job).code, Some(0));
    let built = run(&site, &[&["build", "--lake", "lake"], &studies[..]].concat());
    assert_eq!(built.code, Some(0), "{built:?}");
    let exported = run(&site, &[&["export"], &studies[..], &["out"]].concat());
    assert_eq!(exported.code, Some(0), "{exported:?}");
    let csv = |name: &str| fs::read_to_string(site.path(&format!("out/{name}"))).unwrap();
    let annotated = csv("groups/groups__count_class.annotated_cube.csv");
    assert!(annotated.starts_with("cnt,class_code,start_year,class_name,setting\n"), "{annotated}");
    assert!(annotated.contains(",Ambulatory,Outpatient"), "{annotated}");
    assert_eq!(csv("cough/cough__meta_version.meta.csv"), "data_package_version\n1\n");
    let mut zip =
        zip::ZipArchive::new(fs::File::open(site.path("out/cough/cough.zip")).unwrap()).unwrap();
    let mut manifest = String::new();
    zip.by_name("manifest.toml").unwrap().read_to_string(&mut manifest).unwrap();
    let manifest: toml::Table = manifest.parse().unwrap();
    let terms = manifest["data_dictionary"].as_array().unwrap();
    let dictionary = fs::read_to_string(format!("{examples}/cohort/dictionary.csv")).unwrap();
    assert_eq!(terms.len(), dictionary.lines().count() - 1);
    assert_eq!(terms[0]["name"].as_str(), dictionary.lines().nth(1).unwrap().split(',').next());
    let first = children(&site.path("out/cough"));
    assert!(first.contains(&"cough__meta_date.meta.csv".to_owned()), "{first:?}");
}

/// The smallest spreadsheet: cells as text or numbers.
fn spreadsheet(site: &Site, name: &str, rows: &[&[&str]]) {
    use std::io::Write;
    let mut sheet = String::new();
    for (number, row) in rows.iter().enumerate() {
        let cells = row.iter().enumerate().map(|(column, cell)| {
            let place = format!("{}{}", char::from(b'A' + column as u8), number + 1);
            match cell.parse::<f64>() {
                Ok(_) => format!("<c r=\"{place}\"><v>{cell}</v></c>"),
                Err(_) => format!("<c r=\"{place}\" t=\"inlineStr\"><is><t>{cell}</t></is></c>"),
            }
        });
        sheet += &format!("<row r=\"{}\">{}</row>", number + 1, cells.collect::<String>());
    }
    let main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    let office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let package = "http://schemas.openxmlformats.org/package/2006";
    let members = [
        (
            "[Content_Types].xml",
            format!(
                "<Types xmlns=\"{package}/content-types\"><Default Extension=\"xml\" ContentType=\"application/xml\"/></Types>"
            ),
        ),
        (
            "_rels/.rels",
            format!(
                "<Relationships xmlns=\"{package}/relationships\"><Relationship Id=\"a\" Type=\"{office}/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>"
            ),
        ),
        (
            "xl/workbook.xml",
            format!(
                "<workbook xmlns=\"{main}\" xmlns:r=\"{office}\"><sheets><sheet name=\"S\" sheetId=\"1\" r:id=\"b\"/></sheets></workbook>"
            ),
        ),
        (
            "xl/_rels/workbook.xml.rels",
            format!(
                "<Relationships xmlns=\"{package}/relationships\"><Relationship Id=\"b\" Type=\"{office}/worksheet\" Target=\"worksheets/sheet1.xml\"/></Relationships>"
            ),
        ),
        (
            "xl/worksheets/sheet1.xml",
            format!("<worksheet xmlns=\"{main}\"><sheetData>{sheet}</sheetData></worksheet>"),
        ),
    ];
    let mut zip = zip::ZipWriter::new(fs::File::create(site.path(name)).unwrap());
    for (name, text) in members {
        zip.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.finish().unwrap();
}

#[test]
fn tables_are_made_of_files_of_every_kind() {
    let site = Site::new();
    let raw = raw(&site);
    site.file(
        "studies/up/manifest.toml",
        "study_prefix = 'up'\n[[stages.default]]\nfiles = ['up.workflow']\n",
    );
    site.file(
        "studies/up/up.workflow",
        "config_type = 'file_upload'\n\
         [tables.both]\nfiles = ['data']\ncol_types = ['STRING', 'DOUBLE']\n\
         [tables.sheet]\nfiles = ['sheet.xlsx']\n\
         [tables.each]\nfiles = ['many']\ncreate_mode = 'multiple'\ndelimiter = ';'\n",
    );
    site.file("studies/up/data/a.tsv", "\u{feff}Lab Name\tValue\n\"x\ty\"\t1.5\n");
    site.file("studies/up/data/b.bsv", "Lab Name|Value\nz|\n");
    site.file("studies/up/many/First.csv", "a;b\n1;2\n");
    site.file("studies/up/many/second.csv", "c\n3\n");
    spreadsheet(&site, "studies/up/sheet.xlsx", &[&["Code", "Size"], &["k", "2"], &["l", "2.5"]]);
    let built = run(&site, &[&["build", "-t", "up", "-s", "studies"], &raw[..]].concat());
    assert_eq!(built.code, Some(0), "{built:?}");
    for (table, rows) in [
        ("up__both", "lab name,value\nx\ty,1.5\nz,\n"),
        ("up__sheet", "code,size\nk,2\nl,2.5\n"),
        ("up__First", "a,b\n1,2\n"),
        ("up__second", "c\n3\n"),
    ] {
        assert_eq!(query(&site, &format!("SELECT * FROM {table} ORDER BY 1")), rows, "{table}");
    }
}
