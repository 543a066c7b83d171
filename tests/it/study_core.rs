//! The study core on the embedded engine against what Cumulus Library 6.3.7 makes of the same
//! de-identified rows (on DuckDB).
//!
//! The goldens lie beside the project; see `goldens.rs`.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;
use std::sync::{Arc, LazyLock};

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Schema};
use cumulus_etl::store::WorkFolder;
use cumulus_etl::study::StudyName;
use cumulus_etl::study::core;
use cumulus_etl::study::engine::datafusion::{DataFusion, Input, Limits};
use cumulus_etl::study::engine::{Engine, Start};
use flate2::read::GzDecoder;

use crate::goldens::shared;
use crate::needs::need;
use crate::support::open_folder;

/// A study's name.
fn name(text: &str) -> StudyName {
    StudyName::parse(text).unwrap()
}

/// A row as text; what is missing is empty.
type Row = Vec<String>;

/// An engine on a folder of NDJSON, with a database beside it.
fn engine(root: &Path, input: &Path) -> DataFusion {
    let folder = |path: &Path| open_folder(path.to_str().unwrap());
    let work = root.join("work");
    fs::create_dir_all(&work).unwrap();
    let work = WorkFolder::create_work(Some(work.to_str().unwrap()), &folder(&work)).unwrap();
    let limits = Limits { memory: 1 << 30, threads: 2 };
    let input = Input::Ndjson(folder(input));
    DataFusion::open_database(folder(&root.join("database")), input, work, &limits).unwrap()
}

fn build(engine: &DataFusion) {
    let sources = core::read_sources(engine).unwrap();
    let building = engine.begin_build(&name(core::PREFIX), Start::Empty).unwrap();
    core::build_tables(building.as_ref(), &sources, 2, &|_| {})
        .unwrap_or_else(|error| panic!("{error}"));
    building.commit_tables().unwrap();
}

/// A table's columns and rows.
fn table(engine: &DataFusion, name: &str) -> (Arc<Schema>, Vec<Row>) {
    let rows = engine.read_table(name).unwrap();
    let schema = rows.schema.clone();
    let batches: Vec<_> = rows.batches.map(|batch| batch.unwrap()).collect();
    (schema, batches.iter().flat_map(texts).collect())
}

fn texts(batch: &RecordBatch) -> Vec<Row> {
    let columns: Vec<_> =
        batch.columns().iter().map(|column| cast(column, &DataType::Utf8).unwrap()).collect();
    let cell = |column: &Arc<dyn Array>, row: usize| match column.is_null(row) {
        true => String::new(),
        false => column.as_string::<i32>().value(row).to_owned(),
    };
    (0..batch.num_rows())
        .map(|row| columns.iter().map(|column| cell(column, row)).collect())
        .collect()
}

/// A cell of ours or of Cumulus Library's CSV in one spelling.
fn spelled(cell: &str, data_type: &DataType) -> String {
    match data_type {
        _ if cell.is_empty() => String::new(),
        DataType::Boolean => cell.to_lowercase(),
        DataType::Timestamp(..) => {
            let time = cell.replace(' ', "T");
            // As many digits of the second as are needed, or in threes.
            match time.split_once('.') {
                Some((time, digits)) => format!("{time}.{}", digits.trim_end_matches('0')),
                None => time,
            }
        }
        DataType::Float64 => format!("{:?}", cell.parse::<f64>().unwrap()),
        _ => cell.to_owned(),
    }
}

fn golden(path: &Path) -> (Vec<String>, Vec<Row>) {
    let mut reader = csv::Reader::from_reader(GzDecoder::new(File::open(path).unwrap()));
    let names = reader.headers().unwrap().iter().map(str::to_owned).collect();
    let rows = reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect());
    (names, rows.collect())
}

#[test]
fn tables_are_those_of_cumulus_library() {
    let shared = need!(shared());
    let golden_run = shared.join("golden/synthea-10");
    let root = tempfile::tempdir().unwrap();
    let input = root.path().join("in");
    fs::create_dir(&input).unwrap();
    for path in fs::read_dir(golden_run.join("etl")).unwrap().map(|entry| entry.unwrap().path()) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        // Cumulus Library was not given the completion tables, which it looks for in folders.
        if !name.starts_with("etl__") {
            fs::copy(&path, input.join(name)).unwrap();
        }
    }
    let engine = engine(root.path(), &input);
    build(&engine);

    let mut faults = Vec::new();
    let names: Vec<_> =
        engine.list_tables(&name("core")).unwrap().into_iter().map(|table| table.name).collect();
    assert_eq!(names.len(), 111);
    for name in names.iter().filter(|name| !name.starts_with("core__lib_")) {
        let (schema, mut ours) = table(&engine, name);
        let path = golden_run.join(format!("study/core/{name}.csv.gz"));
        if !path.exists() {
            // Tables without rows have no golden.
            if !ours.is_empty() {
                faults.push(format!("{name}: {} rows, not 0", ours.len()));
            }
            continue;
        }
        let (columns, rows) = golden(&path);
        let places: Vec<_> = columns
            .iter()
            .map(|column| schema.index_of(column).unwrap_or_else(|e| panic!("{name}: {e}")))
            .collect();
        let kinds: Vec<_> = places.iter().map(|place| schema.field(*place).data_type()).collect();
        let pick = |row: &Row| -> Row {
            places.iter().zip(&kinds).map(|(place, kind)| spelled(&row[*place], kind)).collect()
        };
        ours = ours.iter().map(pick).collect();
        let mut theirs: Vec<Row> = rows
            .iter()
            .map(|row| row.iter().zip(&kinds).map(|(cell, kind)| spelled(cell, kind)).collect())
            .collect();
        ours.sort();
        theirs.sort();
        if ours != theirs {
            let only = |one: &[Row], other: &[Row]| {
                one.iter().find(|row| other.binary_search(row).is_err()).cloned()
            };
            faults.push(format!(
                "{name}: {} rows, not {}; only ours: {:?}; only theirs: {:?}",
                ours.len(),
                theirs.len(),
                only(&ours, &theirs),
                only(&theirs, &ours)
            ));
        }
    }
    assert!(faults.is_empty(), "{} tables differ:\n{}", faults.len(), faults.join("\n"));
}

/// The types that a schema has in core.
fn kind(data_type: &DataType) -> &'static str {
    match data_type {
        DataType::Utf8 => "VARCHAR",
        DataType::Boolean => "BOOLEAN",
        DataType::Int64 => "BIGINT",
        DataType::Int32 => "INTEGER",
        DataType::Float64 => "DOUBLE",
        DataType::Timestamp(..) => "TIMESTAMP",
        DataType::Date32 => "DATE",
        _ => "other",
    }
}

/// Core's statements for data in which nothing but an encounter is, and for a little of everything.
static STATEMENTS: LazyLock<BTreeMap<String, Vec<core::CoreColumn>>> = LazyLock::new(|| {
    let now = chrono::Utc::now();
    let steps = core::plan_steps(&core::Sources::default()).into_iter();
    let steps = steps.chain([core::plan_bookkeeping(now, now).unwrap()]);
    steps.flat_map(|step| step.tables).map(|made| (made.table, made.columns)).collect()
});

/// Checks that the tables have the columns that are declared.
fn check_columns(engine: &DataFusion) {
    let tables = engine.list_tables(&name("core")).unwrap();
    assert_eq!(tables.len(), 111);
    for (name, declared) in STATEMENTS.iter() {
        let (schema, _) = table(engine, name);
        let found: Vec<_> =
            schema.fields().iter().map(|f| (f.name().as_str(), kind(f.data_type()))).collect();
        let declared: Vec<_> =
            declared.iter().map(|c| (c.name.as_str(), c.kind.sql_name())).collect();
        assert_eq!(found, declared, "{name}");
    }
}

#[test]
fn columns_are_fixed_whatever_the_data() {
    let root = tempfile::tempdir().unwrap();
    let input = root.path().join("in");
    fs::create_dir(&input).unwrap();
    fs::write(input.join("Device.ndjson"), "{\"resourceType\":\"Device\",\"id\":\"1\"}\n").unwrap();
    let engine = engine(root.path(), &input);
    build(&engine);
    check_columns(&engine);
    drop(engine);

    let options = cumulus_etl::demo::DemoOptions {
        patients: 20,
        every_element: true,
        flaws: false,
        ..Default::default()
    };
    let input = root.path().join("demo");
    cumulus_etl::demo::generate_export(&input, &options, &|_| {}).unwrap();
    let engine = self::engine(&root.path().join("2"), &input);
    build(&engine);
    check_columns(&engine);
    // All but these have rows.
    let tables = engine.list_tables(&name("core")).unwrap().into_iter();
    let empty: Vec<_> =
        tables.filter(|table| table.rows == Some(0)).map(|table| table.name).collect();
    assert_eq!(empty, ["core__incomplete_encounter", "core__lib_ref_summary"]);
}
