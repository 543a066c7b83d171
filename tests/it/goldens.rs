//! Rows and schemas against those that Cumulus ETL 4.3.6 makes of the same export.
//!
//! The goldens lie beside the project, not in it: in `../shared`, or where `CUMULUS_TEST_SHARED`
//! says. Without them these tests are skipped.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::BufReader;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, Weak};

use flate2::read::GzDecoder;
use serde_json::Value;
use tempfile::TempDir;

use crate::lake::{self, FORMATS, program, succeed};
use crate::needs::{self, Needed, need};

/// The goldens, and our run of their export.
struct Goldens {
    folder: PathBuf,
    /// Removed at the end of the process only in so far as the system clears its temporary files.
    run: TempDir,
}

/// The folder with the reference data, if there is one.
#[track_caller]
pub fn shared() -> Needed<PathBuf> {
    let golden = needs::shared("golden/synthea-10")?;
    Ok(golden.ancestors().nth(2).unwrap().to_owned())
}

/// The run of the goldens' export in all formats: one for the tests that are under way.
fn goldens() -> Needed<Arc<Goldens>> {
    static CURRENT: Mutex<Weak<Goldens>> = Mutex::new(Weak::new());
    let shared = shared()?;
    let mut current = CURRENT.lock().unwrap_or_else(|e| e.into_inner());
    if let Some(goldens) = current.upgrade() {
        return Ok(goldens);
    }
    let folder = shared.join("golden/synthea-10");
    let run = tempfile::tempdir().unwrap();
    let phi = run.path().join("phi");
    fs::create_dir(&phi).unwrap();
    fs::copy(folder.join("phi/codebook.json"), phi.join("codebook.json")).unwrap();
    let input = shared.join("data/synthea-10");
    let output = run.path().join("output");
    let formats = ["--output-format", &FORMATS.join(",")];
    succeed(program().args(formats).args([&input, &output, &phi]));
    let goldens = Arc::new(Goldens { folder, run });
    *current = Arc::downgrade(&goldens);
    Ok(goldens)
}

impl Goldens {
    fn table(&self, format: &str, table: &str) -> PathBuf {
        self.run.path().join("output").join(format).join(table)
    }

    fn golden_rows(&self, table: &str) -> Vec<Value> {
        let path = self.folder.join(format!("etl/{table}.ndjson.gz"));
        lake::json_lines(BufReader::new(GzDecoder::new(File::open(path).unwrap())))
    }

    /// The resource tables that there are goldens of.
    fn tables(&self) -> Vec<String> {
        let files = lake::files(&self.folder.join("etl"), ".ndjson.gz").into_iter();
        let names = files.map(|path| {
            let name = path.file_name().unwrap().to_string_lossy();
            name.trim_end_matches(".ndjson.gz").to_owned()
        });
        let tables: Vec<_> = names.filter(|name| !name.starts_with("etl__")).collect();
        assert!(tables.len() > 10, "the goldens are complete");
        tables
    }
}

fn golden_schema(path: PathBuf) -> Value {
    lake::canonical(serde_json::from_reader(File::open(path).unwrap()).unwrap())
}

/// Rows by id. Of duplicates the later one counts, which only Cumulus ETL leaves in its files.
fn by_id(rows: Vec<Value>) -> BTreeMap<String, Value> {
    rows.into_iter().map(|row| (row["id"].as_str().unwrap().to_owned(), row)).collect()
}

fn assert_same_rows(name: &str, ours: &BTreeMap<String, Value>, other: &BTreeMap<String, Value>) {
    let ids = |rows: &BTreeMap<String, Value>| rows.keys().cloned().collect::<BTreeSet<_>>();
    let (our_ids, other_ids) = (ids(ours), ids(other));
    let only_ours: Vec<_> = our_ids.difference(&other_ids).take(3).collect();
    let missing: Vec<_> = other_ids.difference(&our_ids).take(3).collect();
    assert!(
        only_ours.is_empty() && missing.is_empty(),
        "{name}: too many: {only_ours:?}, missing: {missing:?}"
    );
    for (id, row) in ours {
        assert_eq!(row, &other[id], "{name}");
    }
}

#[test]
fn rows_equal_those_of_cumulus_etl() {
    let goldens = need!(goldens());
    for table in goldens.tables() {
        let rows = lake::rows(&goldens.table("ndjson", &table), "ndjson", &Value::Null);
        let count = rows.len();
        let ours = by_id(rows);
        assert_eq!(ours.len(), count, "{table}: one row an id");
        assert_same_rows(&table, &ours, &by_id(goldens.golden_rows(&table)));
    }
}

#[test]
fn every_format_holds_the_same_rows() {
    let goldens = need!(goldens());
    for table in goldens.tables() {
        let golden = by_id(goldens.golden_rows(&table));
        let schema = lake::schema(&goldens.table("parquet", &table), "parquet");
        for format in FORMATS {
            let rows = lake::rows(&goldens.table(format, &table), format, &schema);
            assert_eq!(rows.len(), golden.len(), "{format}/{table}: one row an id");
            assert_same_rows(&format!("{format}/{table}"), &by_id(rows), &golden);
        }
    }
}

#[test]
fn schemas_equal_those_of_cumulus_etl() {
    let goldens = need!(goldens());
    for table in goldens.tables() {
        let golden = golden_schema(goldens.folder.join(format!("schema/{table}.json")));
        for format in ["parquet", "deltalake"] {
            let ours = lake::schema(&goldens.table(format, &table), format);
            assert_eq!(lake::canonical(ours), golden, "{format}/{table}");
        }
    }
}

#[test]
fn completion_tables_equal_those_of_cumulus_etl() {
    let goldens = need!(goldens());
    // They say who wrote them, and when.
    let comparable = |mut row: Value| {
        for name in ["etl_version", "etl_time"] {
            let value = row.as_object_mut().unwrap().remove(name);
            assert!(value.is_none_or(|value| value.as_str().is_some_and(|text| !text.is_empty())));
        }
        row.to_string()
    };
    let sorted = |rows: Vec<Value>| {
        let mut rows: Vec<_> = rows.into_iter().map(comparable).collect();
        rows.sort();
        rows
    };
    for table in ["etl__completion", "etl__completion_encounters"] {
        let golden = goldens.golden_rows(table);
        let schema = lake::schema(&goldens.table("parquet", table), "parquet");
        let columns: BTreeSet<&String> = schema.as_object().unwrap().keys().collect();
        assert_eq!(columns, golden[0].as_object().unwrap().keys().collect(), "{table}");
        let golden = sorted(golden);
        for format in FORMATS {
            let rows = lake::rows(&goldens.table(format, table), format, &schema);
            // CSV does not tell an empty string from none.
            let rows = rows.into_iter().map(|mut row| {
                for column in schema.as_object().unwrap().keys().filter(|_| format == "csv") {
                    row.as_object_mut().unwrap().entry(column).or_insert("".into());
                }
                lake::canonical(row)
            });
            assert_eq!(sorted(rows.collect()), golden, "{format}/{table}");
        }
    }
}

#[test]
fn the_id_mapping_is_that_of_the_goldens() {
    let goldens = need!(goldens());
    let path = goldens.run.path().join("phi/codebook-cached-mappings.json");
    let mapping: Value = serde_json::from_reader(File::open(path).unwrap()).unwrap();
    for (resource_type, table) in [("Patient", "patient"), ("Encounter", "encounter")] {
        let fakes = mapping[resource_type].as_object().unwrap().values();
        let fakes: BTreeSet<_> = fakes.map(|fake| fake.as_str().unwrap().to_owned()).collect();
        let golden: BTreeSet<_> = by_id(goldens.golden_rows(table)).into_keys().collect();
        assert_eq!(fakes, golden, "every {resource_type} can be traced back");
    }
}

#[test]
fn empty_tables_have_the_schemas_of_cumulus_etl() {
    let shared = need!(shared());
    let folder = shared.join("golden/synthea-10/schema/empty");
    let output = tempfile::tempdir().unwrap();
    let formats = ["init", "--output-format", "parquet,deltalake"];
    succeed(program().args(formats).arg(output.path()));
    let goldens = lake::files(&folder, ".json");
    assert_eq!(goldens.len(), 20);
    for path in goldens {
        let table = path.file_stem().unwrap().to_string_lossy().into_owned();
        for format in ["parquet", "deltalake"] {
            let table_folder = output.path().join(format).join(&table);
            let ours = lake::schema(&table_folder, format);
            assert_eq!(lake::canonical(ours), golden_schema(path.clone()), "{format}/{table}");
            assert_eq!(lake::rows(&table_folder, format, &Value::Null), Vec::<Value>::new());
        }
    }
}
