//! Tables with the timestamps that Spark and Hive wrote for years (INT96).

use std::io::Write;
use std::sync::Arc;

use parquet::basic::{LogicalType, Repetition, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType, Int96, Int96Type};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use super::protocols::{commit_all, metadata};
use super::*;

const COLUMNS: &str = r#"{"type":"struct","fields":[
    {"name":"id","type":"string","nullable":true,"metadata":{}},
    {"name":"status","type":"string","nullable":true,"metadata":{}},
    {"name":"seen","type":"timestamp","nullable":true,"metadata":{}},
    {"name":"period","type":{"type":"struct","fields":[
        {"name":"text","type":"string","nullable":true,"metadata":{}},
        {"name":"end","type":"timestamp","nullable":true,"metadata":{}}]},"nullable":true,"metadata":{}},
    {"name":"events","type":{"type":"array","elementType":"timestamp","containsNull":true},
     "nullable":true,"metadata":{}}]}"#;

const MESSAGE: &str = "message spark_schema {
    optional binary id (STRING);
    optional int96 seen;
    optional group period { optional binary text (STRING); optional int96 end; }
    optional group events (LIST) { repeated group list { optional int96 element; } }
    optional binary status (STRING);
}";

/// Instants that nanoseconds since 1970 hold, and some that they don't.
const INSTANTS: [&str; 6] = [
    "9999-12-31T23:59:59.999999Z",
    "1600-02-03T04:05:06Z",
    "0001-01-01T00:00:00Z",
    "2262-04-12T00:00:00Z",
    "1677-09-20T00:00:00.000001Z",
    "2024-02-29T12:00:00.123456Z",
];

fn old_timestamp(text: &str) -> Int96 {
    const DAY: i64 = 86_400_000_000;
    let micros = chrono::DateTime::parse_from_rfc3339(text).unwrap().timestamp_micros();
    let nanos = micros.rem_euclid(DAY) as u64 * 1000;
    let julian_day = micros.div_euclid(DAY) + 2_440_588;
    let mut value = Int96::new();
    value.set_data(nanos as u32, (nanos >> 32) as u32, julian_day as u32);
    value
}

/// A file with a row for each of [`INSTANTS`], in a row group each.
fn file() -> Vec<u8> {
    let schema = Arc::new(parse_message_type(MESSAGE).unwrap());
    assert_eq!(schema.get_fields()[1].get_physical_type(), Physical::INT96);
    assert_eq!(schema.get_fields()[0].get_basic_info().repetition(), Repetition::OPTIONAL);
    let logical = schema.get_fields()[0].get_basic_info().logical_type_ref();
    assert_eq!(logical, Some(&LogicalType::String));
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, Default::default()).unwrap();
    for (index, text) in INSTANTS.iter().enumerate() {
        let mut group = writer.next_row_group().unwrap();
        let instant = [old_timestamp(text)];
        for (column, levels) in [(0, 1), (1, 1), (2, 2), (3, 2), (4, 3), (5, 1)] {
            let mut out = group.next_column().unwrap().unwrap();
            let repetition = (column == 4).then_some(&[0_i16][..]);
            match column {
                1 | 3 | 4 => {
                    out.typed::<Int96Type>().write_batch(&instant, Some(&[levels]), repetition)
                }
                _ => {
                    let text = [ByteArray::from(format!("r{index}").into_bytes())];
                    out.typed::<ByteArrayType>().write_batch(&text, Some(&[levels]), repetition)
                }
            }
            .unwrap();
            out.close().unwrap();
        }
        group.close().unwrap();
    }
    writer.into_inner().unwrap()
}

/// A table of two such files.
fn table(folder: &Folder) {
    let bytes = file();
    let mut actions = vec![
        json!({"protocol": {"minReaderVersion": 1, "minWriterVersion": 2}}),
        metadata(COLUMNS, &[], json!({})),
    ];
    for (name, from) in [("part-0.parquet", "r"), ("part-1.parquet", "s")] {
        let mut bytes = bytes.clone();
        if from == "s" {
            // The same rows under other names.
            let plain = file_with("s");
            bytes.clear();
            bytes.write_all(&plain).unwrap();
        }
        let stats = json!({"numRecords": INSTANTS.len()}).to_string();
        let size = bytes.len();
        folder.write(name, bytes).unwrap();
        actions.push(json!({"add": {"path": name, "partitionValues": {}, "size": size,
            "modificationTime": 1, "dataChange": true, "stats": stats}}));
    }
    commit_all(folder, &actions);
}

fn file_with(prefix: &str) -> Vec<u8> {
    let bytes = file();
    // Texts of the same length, in pages that are not compressed.
    let mut changed = bytes.clone();
    for index in 0..INSTANTS.len() {
        let (from, to) = (format!("r{index}"), format!("{prefix}{index}"));
        let places: Vec<usize> = bytes
            .windows(2)
            .enumerate()
            .filter(|(_, window)| *window == from.as_bytes())
            .map(|(at, _)| at)
            .collect();
        places.iter().for_each(|at| changed[*at..at + 2].copy_from_slice(to.as_bytes()));
    }
    changed
}

fn check(folder: &Folder, but: &[&str]) {
    let rows = rows(folder);
    for (index, expected) in INSTANTS.iter().enumerate() {
        for prefix in ["r", "s"] {
            let id = format!("{prefix}{index}");
            if but.contains(&id.as_str()) {
                continue;
            }
            let row = &rows[&id];
            for found in [&row["seen"], &row["period"]["end"], &row["events"][0]] {
                let parse = |text: &str| chrono::DateTime::parse_from_rfc3339(text).unwrap();
                assert_eq!(parse(found.as_str().unwrap()), parse(expected), "{id}");
            }
            assert_eq!(row["period"]["text"], json!(id));
        }
    }
}

#[test]
fn old_timestamps_stay_the_instants_that_they_are() {
    let dir = tempfile::tempdir().unwrap();
    for folder in [memory(), local(&dir)] {
        table(&folder);
        check(&folder, &[]);
        // A merge that writes the rows of one file anew.
        let run = TestRun::new(&plain(), &[row("r5", "run")]);
        let done = run.merge(&folder).unwrap();
        assert_eq!((done.updated, done.rows), (1, 12));
        check(&folder, &["r5"]);
        // All files become one.
        let done = optimize_table(&folder, &WriteOptions::default()).unwrap();
        assert_eq!(done.compacted, 3);
        check(&folder, &["r5"]);
        assert_eq!(rows(&folder)["r5"]["status"], "run");
    }
}
