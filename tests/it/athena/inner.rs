//! Tests that run in a process of their own, with the server's address in its environment.

use crate::support::{new_storage, open_folder};
use std::collections::BTreeSet;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::DataType;
use arrow::util::display::array_value_to_string;
use cumulus_etl::error::{SettingsFault, StudyFault};
use cumulus_etl::http::Pace;
use cumulus_etl::store::WorkFolder;
use cumulus_etl::study::StudyName;
use cumulus_etl::study::counts;
use cumulus_etl::study::dialect::parse_statement;
use cumulus_etl::study::engine::athena::{Athena, AthenaSettings, cube_sql};
use cumulus_etl::study::engine::{Cleaned, Engine, Rows, Start};
use cumulus_etl::study::source::Source;
use parquet::arrow::ArrowWriter;

/// A study's name.
fn name(text: &str) -> StudyName {
    StudyName::parse(text).unwrap()
}

pub const COHORT: &str = "CREATE TABLE asthma__cohort AS\n-- women\nSELECT p.subject_ref, p.gender, \
                          coalesce(p.city, 'none') AS city\nFROM core__patient AS p\nWHERE gender = \
                          'female'";
pub const VIEW: &str = "CREATE OR REPLACE VIEW asthma__view AS SELECT count(*) AS n FROM \
                        asthma__cohort";

pub const LOOK: &str = "SELECT n FROM asthma__view";

/// 120 patients: `subject_ref`, `encounter_ref`, `gender`, `city`, `n`; some values are missing.
pub fn write_patients(path: &Path) {
    let number = 0..120_usize;
    let text = |of: &dyn Fn(usize) -> Option<String>| -> ArrayRef {
        Arc::new(number.clone().map(of).collect::<StringArray>())
    };
    let gender = |n: usize| [Some("female"), Some("male"), None][n % 3].map(str::to_owned);
    let city = |n: usize| match n % 5 {
        0 => None,
        1 => Some("cumulus__none".to_owned()),
        _ => Some(format!("A-{}", n % 4)),
    };
    let n: ArrayRef = Arc::new(number.clone().map(|n| n as i64).collect::<Int64Array>());
    let batch = RecordBatch::try_from_iter_with_nullable([
        ("subject_ref", text(&|n| Some(format!("Patient/{}", n % 90))), true),
        ("encounter_ref", text(&|n| (n % 7 > 0).then(|| format!("Encounter/{n}"))), true),
        ("gender", text(&gender), true),
        ("city", text(&city), true),
        ("n", n, true),
    ]);
    let batch = batch.unwrap();
    let mut writer =
        ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

/// `n`, `at`: a time each, as text.
pub fn write_visits(path: &Path, times: &[&str]) {
    let n: ArrayRef = Arc::new((0..times.len() as i64).map(Some).collect::<Int64Array>());
    let at: ArrayRef = Arc::new(StringArray::from(times.to_vec()));
    let batch = RecordBatch::try_from_iter_with_nullable([("n", n, true), ("at", at, true)]);
    let batch = batch.unwrap();
    let mut writer =
        ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

fn settings() -> AthenaSettings {
    let storage = new_storage();
    AthenaSettings {
        pace: Pace::with_scale(0.05),
        ..AthenaSettings::new("safe", "cumulus", &storage)
    }
}

fn athena() -> Athena {
    Athena::open_schema(&settings()).unwrap()
}

/// Rows as texts; `null` where there is no value.
fn rows(rows: Rows) -> Vec<Vec<String>> {
    let mut all = Vec::new();
    for batch in rows.batches {
        let batch = batch.unwrap();
        assert_eq!(batch.schema().fields().len(), rows.schema.fields().len());
        for row in 0..batch.num_rows() {
            let cell = |column: &ArrayRef| match column.is_null(row) {
                true => "null".to_owned(),
                false => array_value_to_string(column, row).unwrap(),
            };
            all.push(batch.columns().iter().map(cell).collect());
        }
    }
    all
}

fn sorted(mut rows: Vec<Vec<String>>) -> Vec<Vec<String>> {
    rows.sort();
    rows
}

#[test]
#[ignore = "run by the module above"]
fn workgroups_are_looked_at() {
    let refused = |name: &str| {
        let error =
            Athena::open_schema(&AthenaSettings { workgroup: name.to_owned(), ..settings() })
                .unwrap_err();
        assert_eq!(error.kind(), SettingsFault::InvalidValue.into(), "{error}");
        error.to_string()
    };
    assert!(refused("open").contains("does not encrypt its results"));
    assert!(refused("nowhere").contains("has no location for its results"));
    assert!(refused("missing").contains("missing"));
    assert!(refused("a b").contains("--workgroup"));
    let named = |name: &str| AthenaSettings { workgroup: name.to_owned(), ..settings() };
    Athena::open_schema(&named("plain")).unwrap();
    Athena::open_schema(&AthenaSettings {
        staging: Some("s3://results/x/".into()),
        ..named("nowhere")
    })
    .unwrap();
    let error = Athena::open_schema(&AthenaSettings { staging: Some("/tmp".into()), ..settings() })
        .unwrap_err();
    assert!(error.to_string().contains("--s3-staging-dir"), "{error}");
}

#[test]
#[ignore = "run by the module above"]
fn a_study_is_built() {
    let athena = athena();
    let build = athena.begin_build(&name("asthma"), Start::Empty).unwrap();
    assert!(!build.has_table("asthma__cohort"));
    let made = build.execute(&parse_statement(&format!("{COHORT};\n")).unwrap()).unwrap();
    assert_eq!(made.map(|table| table.name).as_deref(), Some("asthma__cohort"));
    assert!(build.has_table("ASTHMA__COHORT"));
    build.execute(&parse_statement(VIEW).unwrap()).unwrap();
    let schema = build.schema("asthma__cohort").unwrap().unwrap();
    let names: Vec<_> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    assert_eq!(names, ["subject_ref", "gender", "city"]);
    assert!(build.schema("asthma__other").unwrap().is_none());
    build.commit_tables().unwrap();
    let tables = athena.list_tables(&name("asthma")).unwrap();
    let names: Vec<_> = tables.iter().map(|table| table.name.as_str()).collect();
    assert_eq!(names, ["asthma__cohort", "asthma__view"]);
    assert_eq!(athena.list_studies().unwrap(), ["asthma", "core"]);
    assert!(athena.scanned_bytes() >= 2 * 1234, "{}", athena.scanned_bytes());
    assert_eq!(rows(athena.run_query(LOOK).unwrap()), [["40"]]);
    // A table that is built in addition leaves the rest.
    let build = athena.begin_build(&name("asthma"), Start::Without(&[])).unwrap();
    assert!(build.has_table("asthma__cohort") && !build.has_table("asthma__more"));
}

#[test]
#[ignore = "run by the module above"]
fn a_study_is_cleaned() {
    let athena = athena();
    assert!(athena.clean_study(&name("asthma")).unwrap().removed > 0);
    assert_eq!(athena.clean_study(&name("asthma")).unwrap(), Cleaned::default());
}

/// Workflows of counts.
const COUNTS: [&str; 4] = [
    "table_cols = ['gender', 'city']",
    "table_cols = ['gender', ['city', 'varchar', 'town']]\nmin_subject = 5\nsecondary_id = \
     'encounter_ref'",
    "table_cols = ['gender', 'city']\nmin_subject = 1\nfilter_cols = [['gender', ['male'], true]]\n\
     where_clauses = ['p.cnt_subject_ref > 12']",
    "table_cols = []\nmin_subject = 2",
];

#[test]
#[ignore = "run by the module above"]
fn counts_equal_their_definition() {
    let athena = athena();
    let build = athena.begin_build(&name("asthma"), Start::Empty).unwrap();
    for (number, text) in COUNTS.iter().enumerate() {
        let text = format!(
            "config_type = 'counts'\n[tables.count]\nsource_table = 'core__patient'\n{text}\n"
        );
        let tables = counts::read(&Source::from_text("counts.workflow", text));
        let Ok(tables) = tables else { continue };
        let name = format!("asthma__count_{number}");
        build.make_counts(&name, &tables[0]).unwrap();
        let counted = sorted(rows(athena.run_query(&format!("SELECT * FROM {name}")).unwrap()));
        let defined = sorted(rows(athena.run_query(&tables[0].whole_sql()).unwrap()));
        assert_eq!(counted, defined, "{}", cube_sql(&tables[0]));
        assert!(!counted.is_empty(), "{}", cube_sql(&tables[0]));
        let distinct: BTreeSet<_> = counted.iter().map(|row| &row[1..]).collect();
        assert!(
            number > 0 || distinct.len() < counted.len(),
            "two groups of one name are told apart"
        );
    }
}

#[test]
#[ignore = "run by the module above"]
fn tables_are_read() {
    let athena = athena();
    let read = athena.read_table("core__patient").unwrap();
    assert_eq!(read.schema.field(4).data_type(), &DataType::Int64);
    let all = rows(read);
    let numbers: BTreeSet<_> = all.iter().map(|row| row[4].clone()).collect();
    assert_eq!((all.len(), numbers.len()), (120, 120));
    assert!(all.iter().any(|row| row[2] == "null"));
    let build = athena.begin_build(&name("asthma"), Start::Empty).unwrap();
    build
        .execute(
            &parse_statement(
                "CREATE TABLE asthma__none AS SELECT n, city FROM core__patient WHERE n < 0",
            )
            .unwrap(),
        )
        .unwrap();
    let none = athena.read_table("asthma__none").unwrap();
    let types: Vec<_> = none.schema.fields().iter().map(|f| f.data_type().clone()).collect();
    assert_eq!(types, [DataType::Int64, DataType::Utf8]);
    assert_eq!(rows(none).len(), 0);
    let error = athena.read_table("asthma__missing").err().unwrap();
    assert_eq!(error.kind(), StudyFault::Statement.into(), "{error}");
}

#[test]
#[ignore = "run by the module above"]
fn rows_are_loaded() {
    let athena = athena();
    let build = athena.begin_build(&name("asthma"), Start::Empty).unwrap();
    for codes in [vec![Some("J45"), None], vec![Some("J46")]] {
        let count = codes.len() as u64;
        let n: ArrayRef = Arc::new(Int64Array::from((0..codes.len() as i64).collect::<Vec<_>>()));
        let code: ArrayRef = Arc::new(StringArray::from(codes.clone()));
        let batch =
            RecordBatch::try_from_iter_with_nullable([("code", code, true), ("n", n, true)])
                .unwrap();
        let info = build
            .load_rows("asthma__codes", batch.schema(), Box::new([Ok(batch)].into_iter()))
            .unwrap();
        assert_eq!(info.rows, Some(count));
        let back = rows(athena.run_query("SELECT code FROM asthma__codes ORDER BY n").unwrap());
        let back: Vec<_> =
            back.iter().map(|row| (row[0] != "null").then_some(row[0].as_str())).collect();
        assert_eq!(back, codes);
    }
    assert!(build.has_table("asthma__codes"));
}

#[test]
#[ignore = "run by the module above"]
fn names_in_any_case_are_one() {
    let athena = athena();
    let numbers = |count: i64| {
        let n: ArrayRef = Arc::new((0..count).collect::<Int64Array>());
        RecordBatch::try_from_iter([("n", n)]).unwrap()
    };
    let build = athena.begin_build(&name("Asthma"), Start::Empty).unwrap();
    for (table, count) in [("Asthma__Codes", 3), ("asthma__CODES", 2)] {
        let batch = numbers(count);
        let info =
            build.load_rows(table, batch.schema(), Box::new([Ok(batch)].into_iter())).unwrap();
        assert_eq!(info.name, "asthma__codes");
        assert_eq!(rows(athena.read_table(table).unwrap()).len(), count as usize);
    }
    assert!(build.has_table("ASTHMA__codes"));
    let tables = athena.list_tables(&name("ASTHMA")).unwrap();
    assert_eq!(tables.into_iter().map(|table| table.name).collect::<Vec<_>>(), ["asthma__codes"]);
}

#[test]
#[ignore = "run by the module above"]
fn temporary_files_go_where_they_shall_and_go_away() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("work");
    let folder = open_folder(dir.path().to_str().unwrap());
    let work = WorkFolder::create_work(Some(dir.path().to_str().unwrap()), &folder).unwrap();
    let work_dir = Some(place.to_str().unwrap().to_owned());
    let athena = Athena::open_schema(&AthenaSettings { work_dir, ..settings() }).unwrap();
    let left = || std::fs::read_dir(work.path()).unwrap().count();
    let before = left();
    let read = athena.read_sorted("Core__Patient", &work).unwrap();
    assert!(left() > before, "the rows are there while they are read");
    assert_eq!(rows(read).len(), 120);
    assert_eq!(left(), before);
    // Made for what Athena has written, and empty again.
    assert_eq!(std::fs::read_dir(place).unwrap().count(), 0);
}

#[test]
#[ignore = "run by the module above"]
fn pages_are_turned() {
    let athena = athena();
    let build = athena.begin_build(&name("many"), Start::Empty).unwrap();
    for number in 0..10 {
        build
            .execute(
                &parse_statement(&format!("CREATE TABLE many__t{number} AS SELECT {number} AS n"))
                    .unwrap(),
            )
            .unwrap();
    }
    build.execute(&parse_statement("CREATE TABLE many_more__t AS SELECT 1 AS n").unwrap()).unwrap();
    let tables = athena.list_tables(&name("many")).unwrap();
    assert_eq!(tables.len(), 10);
    let sql =
        "SELECT n, n / 2.0 AS half, n > 5 AS big, gender FROM core__patient ORDER BY n LIMIT 10";
    let found = athena.run_query(sql).unwrap();
    let types: Vec<_> = found.schema.fields().iter().map(|f| f.data_type().clone()).collect();
    let expected = [DataType::Int64, DataType::Float64, DataType::Boolean, DataType::Utf8];
    assert_eq!(types, expected);
    let found = rows(found);
    assert_eq!(found.len(), 10);
    assert_eq!(found[9], ["9", "4.5", "true", "female"]);
    assert_eq!(found[8], ["8", "4.0", "true", "null"]);
    assert!(athena.clean_study(&name("many")).unwrap().removed > 0);
    assert_eq!(athena.list_studies().unwrap(), ["core", "many_more"]);
}

#[test]
#[ignore = "run by the module above"]
fn an_insert_fails() {
    let athena = athena();
    let build = athena.begin_build(&name("asthma"), Start::Without(&[])).unwrap();
    let sql = "INSERT INTO asthma__cohort SELECT 'Patient/1', 'female', 'x'";
    let error = build.execute(&parse_statement(sql).unwrap()).unwrap_err().to_string();
    assert!(error.contains("GENERIC_INTERNAL_ERROR"), "{error}");
}

fn at_once(max_concurrent: usize) {
    let athena = Athena::open_schema(&AthenaSettings { max_concurrent, ..settings() }).unwrap();
    let build = athena.begin_build(&name("many"), Start::Empty).unwrap();
    std::thread::scope(|scope| {
        for number in 0..30 {
            let build = &build;
            scope.spawn(move || {
                build
                    .execute(
                        &parse_statement(&format!("CREATE TABLE many__t{number} AS SELECT 1 AS n"))
                            .unwrap(),
                    )
                    .unwrap()
            });
        }
    });
    assert_eq!(athena.list_tables(&name("many")).unwrap().len(), 30);
    assert!(athena.clean_study(&name("many")).unwrap().removed > 0);
}

#[test]
#[ignore = "run by the module above"]
fn two_at_once() {
    at_once(2);
}

#[test]
#[ignore = "run by the module above"]
fn twenty_at_once() {
    at_once(20);
}

#[test]
#[ignore = "run by the module above"]
fn a_look_fails() {
    let error = athena().run_query("SELECT n FROM core__patient").err().unwrap().to_string();
    assert!(error.contains("cannot look at query query-1"), "{error}");
}

#[test]
#[ignore = "run by the module above"]
fn a_statement_fails() {
    let athena = athena();
    let build = athena.begin_build(&name("asthma"), Start::Empty).unwrap();
    let failed = |sql: &str| {
        let error = build.execute(&parse_statement(sql).unwrap()).unwrap_err();
        assert_eq!(error.kind(), StudyFault::Statement.into(), "{error}");
        error.to_string()
    };
    let told = failed("CREATE TABLE asthma__x AS SELECT CAST('Smith-Jones' AS date) AS d");
    assert!(told.starts_with("asthma__x: ") && told.contains("(query query-"), "{told}");
    assert!(told.contains("INVALID_CAST_ARGUMENT") && !told.contains("Smith"), "{told}");
    let error = athena.run_query("SELECT n FRM core__patient").err().unwrap();
    assert_eq!(error.kind(), StudyFault::Statement.into(), "{error}");
    assert!(error.to_string().contains("SYNTAX_ERROR"), "{error}");
    let error = athena.run_query("DROP TABLE core__patient").err().unwrap();
    assert_eq!(error.kind(), SettingsFault::InvalidValue.into(), "{error}");
}
