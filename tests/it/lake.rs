//! Reads what the program has written, by other means than the program's own.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use arrow::array::{Array, AsArray};
use arrow::datatypes::{DataType, Fields, Float64Type, Int32Type, Schema};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Map, Value, json};

pub const FORMATS: [&str; 4] = ["deltalake", "parquet", "csv", "ndjson"];

/// The program, with nothing of the developer's settings.
pub fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cumulus-etl"));
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if ["AWS_", "CUMULUS_"].iter().any(|prefix| text.starts_with(prefix)) {
            command.env_remove(&name);
        }
    }
    command
}

/// Runs a command to a good end.
pub fn succeed(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

/// A value that compares numbers by value: integers without fraction are integers.
pub fn canonical(value: Value) -> Value {
    match value {
        Value::Number(number) => match number.as_f64() {
            Some(n) if n.fract() == 0.0 && n.abs() < 1e15 => json!(n as i64),
            Some(n) => json!(n),
            None => Value::Number(number),
        },
        Value::Array(items) => items.into_iter().map(canonical).collect(),
        Value::Object(members) => {
            let sorted: BTreeMap<_, _> =
                members.into_iter().map(|(name, value)| (name, canonical(value))).collect();
            sorted.into_iter().collect::<Map<_, _>>().into()
        }
        other => other,
    }
}

/// The files directly in a folder whose names end so, in order.
pub fn files(folder: &Path, end: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut files: Vec<_> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file() && path.to_string_lossy().ends_with(end))
        .collect();
    files.sort();
    files
}

/// A JSON value, its numbers read to the last digit, which serde_json by itself does not.
pub fn parse(text: &str) -> Value {
    sonic_rs::from_str(text).unwrap_or_else(|e| panic!("{e}"))
}

/// The JSON values of a file's lines.
pub fn json_lines(reader: impl BufRead) -> Vec<Value> {
    reader.lines().map(|line| canonical(parse(&line.unwrap()))).collect()
}

/// A table's rows in one format. `schema` is that of the table, which CSV doesn't tell.
pub fn rows(folder: &Path, format: &str, schema: &Value) -> Vec<Value> {
    match format {
        "ndjson" => files(folder, ".ndjson")
            .iter()
            .flat_map(|path| json_lines(BufReader::new(File::open(path).unwrap())))
            .collect(),
        "csv" => files(folder, ".csv").iter().flat_map(|path| csv_rows(path, schema)).collect(),
        "parquet" => files(folder, ".parquet").iter().flat_map(|path| parquet_rows(path)).collect(),
        _ => delta(folder).1.iter().flat_map(|path| parquet_rows(path)).collect(),
    }
}

/// A table's schema as the goldens spell it, from Parquet files or from Delta's log.
pub fn schema(folder: &Path, format: &str) -> Value {
    if format == "deltalake" {
        return delta(folder).0;
    }
    let schemas: BTreeSet<String> = files(folder, ".parquet")
        .iter()
        .map(|path| arrow_schema(&parquet(path).schema().clone()).to_string())
        .collect();
    assert_eq!(schemas.len(), 1, "the files of {} have one schema", folder.display());
    serde_json::from_str(schemas.first().unwrap()).unwrap()
}

fn parquet(path: &Path) -> ParquetRecordBatchReaderBuilder<File> {
    ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap())
        .unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn parquet_rows(path: &Path) -> Vec<Value> {
    let mut rows = Vec::new();
    for batch in parquet(path).build().unwrap() {
        let batch = arrow::array::StructArray::from(batch.unwrap());
        rows.extend((0..batch.len()).map(|row| canonical(arrow_value(&batch, row))));
    }
    rows
}

/// Nulls are left out of objects, and stay in lists.
fn arrow_value(array: &dyn Array, row: usize) -> Value {
    if array.is_null(row) {
        return Value::Null;
    }
    match array.data_type() {
        DataType::Utf8 => json!(array.as_string::<i32>().value(row)),
        DataType::Int32 => json!(array.as_primitive::<Int32Type>().value(row)),
        DataType::Float64 => json!(array.as_primitive::<Float64Type>().value(row)),
        DataType::Boolean => json!(array.as_boolean().value(row)),
        DataType::List(_) => {
            let items = array.as_list::<i32>().value(row);
            (0..items.len()).map(|item| arrow_value(&items, item)).collect()
        }
        DataType::Struct(fields) => {
            let columns = fields.iter().zip(array.as_struct().columns());
            let members = columns.filter(|(_, column)| column.is_valid(row));
            members
                .map(|(field, column)| (field.name().clone(), arrow_value(column, row)))
                .collect::<Map<_, _>>()
                .into()
        }
        other => panic!("tables hold no {other}"),
    }
}

fn arrow_schema(schema: &Schema) -> Value {
    arrow_fields(schema.fields())
}

fn arrow_fields(fields: &Fields) -> Value {
    let types = fields.iter().map(|field| {
        assert!(field.is_nullable(), "{} is nullable", field.name());
        (field.name().clone(), arrow_type(field.data_type()))
    });
    types.collect::<BTreeMap<_, _>>().into_iter().collect::<Map<_, _>>().into()
}

fn arrow_type(data_type: &DataType) -> Value {
    match data_type {
        DataType::Utf8 => json!("string"),
        DataType::Int32 => json!("int32"),
        DataType::Float64 => json!("double"),
        DataType::Boolean => json!("bool"),
        DataType::List(item) => json!([arrow_type(item.data_type())]),
        DataType::Struct(fields) => arrow_fields(fields),
        other => panic!("tables hold no {other}"),
    }
}

/// A Delta table's schema, and the files of its newest version.
///
/// Replays the log from its first commit, which is still there in tables this young.
pub fn delta(folder: &Path) -> (Value, Vec<PathBuf>) {
    let (mut schema, mut live) = (Value::Null, BTreeSet::new());
    for (version, path) in files(&folder.join("_delta_log"), ".json").iter().enumerate() {
        assert!(path.ends_with(format!("{version:020}.json")), "{} is next", path.display());
        for action in json_lines(BufReader::new(File::open(path).unwrap())) {
            let path = |action: &Value| folder.join(action["path"].as_str().unwrap());
            if let Some(metadata) = action.get("metaData") {
                let text = metadata["schemaString"].as_str().unwrap();
                schema = delta_type(&serde_json::from_str(text).unwrap());
            }
            if let Some(add) = action.get("add") {
                assert!(add["deletionVector"].is_null(), "we write no deletion vectors");
                live.insert(path(add));
            }
            if let Some(remove) = action.get("remove") {
                assert!(live.remove(&path(remove)), "only what is there is removed");
            }
        }
    }
    (schema, live.into_iter().collect())
}

fn delta_type(data_type: &Value) -> Value {
    if let Some(name) = data_type.as_str() {
        return json!(match name {
            "integer" => "int32",
            "boolean" => "bool",
            other => other,
        });
    }
    match data_type["type"].as_str() {
        Some("array") => json!([delta_type(&data_type["elementType"])]),
        Some("struct") => {
            let fields = data_type["fields"].as_array().unwrap().iter().map(|field| {
                assert_eq!(field["nullable"], true, "{field}");
                (field["name"].as_str().unwrap().to_owned(), delta_type(&field["type"]))
            });
            fields.collect::<BTreeMap<_, _>>().into_iter().collect::<Map<_, _>>().into()
        }
        _ => panic!("tables hold no {data_type}"),
    }
}

fn csv_rows(path: &Path, schema: &Value) -> Vec<Value> {
    let mut reader = csv::Reader::from_path(path).unwrap();
    let names: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
    let columns: BTreeSet<&String> = names.iter().collect();
    let expected: BTreeSet<&String> = schema.as_object().unwrap().keys().collect();
    assert_eq!(columns, expected, "{} has the table's columns", path.display());
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.unwrap();
        let cells = names.iter().zip(record.iter()).filter(|(_, text)| !text.is_empty());
        let row: Map<_, _> = cells
            .map(|(name, text)| match schema[name].as_str() {
                Some("string") => (name.clone(), json!(text)),
                _ => (name.clone(), parse(text)),
            })
            .collect();
        rows.push(canonical(row.into()));
    }
    rows
}
