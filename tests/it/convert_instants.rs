//! `convert` of Delta tables with the timestamps that Spark and Hive wrote for years (INT96).

use std::fs::{self, File};
use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::TimestampMicrosecondType;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::data_type::{ByteArray, ByteArrayType, Int96, Int96Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use serde_json::{Value, json};

use crate::support::{Site, children, end, patient};

const DAY: i64 = 86_400_000_000;

/// Instants that nanoseconds since 1970 hold, and some that they don't.
const INSTANTS: [&str; 5] = [
    "9999-12-31T23:59:59.999999Z",
    "1600-02-03T04:05:06Z",
    "0001-01-01T00:00:00Z",
    "2262-04-12T00:00:00Z",
    "2024-02-29T12:00:00.123456Z",
];

const MESSAGE: &str = "message spark_schema {
    optional binary id (STRING);
    optional int96 seen;
    optional group period { optional binary text (STRING); optional int96 end; }
    optional group events (LIST) { repeated group list { optional int96 element; } }
}";

fn micros(text: &str) -> i64 {
    chrono::DateTime::parse_from_rfc3339(text).unwrap().timestamp_micros()
}

fn old_timestamp(text: &str) -> Int96 {
    let micros = micros(text);
    let nanos = micros.rem_euclid(DAY) as u64 * 1000;
    let julian_day = micros.div_euclid(DAY) + 2_440_588;
    let mut value = Int96::new();
    value.set_data(nanos as u32, (nanos >> 32) as u32, julian_day as u32);
    value
}

/// A file with a row for each of [`INSTANTS`], with IDs that begin so.
fn file(prefix: &str, dictionaries: bool) -> Vec<u8> {
    let schema = Arc::new(parse_message_type(MESSAGE).unwrap());
    let settings = WriterProperties::builder().set_dictionary_enabled(dictionaries).build();
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, Arc::new(settings)).unwrap();
    let count = INSTANTS.len();
    let instants: Vec<_> = INSTANTS.iter().map(|text| old_timestamp(text)).collect();
    let ids: Vec<_> =
        (0..count).map(|n| ByteArray::from(format!("{prefix}{n}").into_bytes())).collect();
    let mut group = writer.next_row_group().unwrap();
    for (column, level) in [(0, 1), (1, 1), (2, 2), (3, 2), (4, 3)] {
        let mut out = group.next_column().unwrap().unwrap();
        let levels = vec![level; count];
        let repetition = vec![0; count];
        let repetition = (column == 4).then_some(&repetition[..]);
        match column {
            0 | 2 => out.typed::<ByteArrayType>().write_batch(&ids, Some(&levels), repetition),
            _ => out.typed::<Int96Type>().write_batch(&instants, Some(&levels), repetition),
        }
        .unwrap();
        out.close().unwrap();
    }
    group.close().unwrap();
    writer.into_inner().unwrap()
}

/// An OUTPUT with such a table, of these files.
fn write_output(site: &Site, root: &str, files: &[(&str, Vec<u8>)]) {
    let column = |name: &str, kind: Value| json!({"name": name, "type": kind, "nullable": true, "metadata": {}});
    let period = json!({"type": "struct", "fields": [
        column("text", "string".into()), column("end", "timestamp".into())]});
    let events = json!({"type": "array", "elementType": "timestamp", "containsNull": true});
    let schema = json!({"type": "struct", "fields": [
        column("id", "string".into()),
        column("seen", "timestamp".into()),
        column("period", period),
        column("events", events),
    ]});
    let mut actions = vec![
        json!({"protocol": {"minReaderVersion": 1, "minWriterVersion": 2}}),
        json!({"metaData": {"id": "11111111-2222-3333-4444-555555555555",
            "format": {"provider": "parquet", "options": {}}, "schemaString": schema.to_string(),
            "partitionColumns": [], "configuration": {}, "createdTime": 1_700_000_000_000_i64}}),
    ];
    for (name, bytes) in files {
        site.file(&format!("{root}/patient/{name}"), bytes);
        actions.push(json!({"add": {"path": name, "partitionValues": {}, "size": bytes.len(),
            "modificationTime": 1, "dataChange": true}}));
    }
    let lines: Vec<_> = actions.iter().map(ToString::to_string).collect();
    site.file(&format!("{root}/patient/_delta_log/00000000000000000000.json"), lines.join("\n"));
    let salt = "00".repeat(32);
    site.file(
        &format!("{root}/JobConfig/2024-01-01__00.00.00/job_config.json"),
        r#"{"codebook_id": "of-spark", "dir_phi": "phi"}"#,
    );
    let codebook = format!(r#"{{"version":1,"codebook_id":"of-spark","id_salt":"{salt}"}}"#);
    site.file("phi/codebook.json", codebook);
}

/// Looks at the instants in every file of a table, with a reader that knows nothing of Delta. Gives how
/// many rows with old instants there are.
fn check_files(site: &Site, table: &str) -> usize {
    let folder = site.path(table);
    let files = children(&folder).into_iter().filter(|name| name.ends_with(".parquet"));
    files.map(|name| check_file(File::open(folder.join(name)).unwrap())).sum()
}

fn check_file(file: File) -> usize {
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
    reader.map(|batch| check_rows(&batch.unwrap())).sum()
}

fn check_rows(batch: &RecordBatch) -> usize {
    let column = |name: &str| batch.column_by_name(name).unwrap();
    let instant = |array: &dyn Array, row: usize| {
        assert!(array.is_valid(row), "an instant is gone");
        array.as_primitive::<TimestampMicrosecondType>().value(row)
    };
    let ids = column("id").as_string::<i32>();
    // The row of the later run has an anonymous ID, which is longer.
    let old = (0..batch.num_rows()).filter(|row| ids.value(*row).len() == 2);
    old.map(|row| {
        let id = ids.value(row);
        let expected = micros(INSTANTS[id[1..].parse::<usize>().unwrap()]);
        let period = column("period").as_struct();
        let events = column("events").as_list::<i32>().value(row);
        let found = [
            instant(column("seen"), row),
            instant(period.column_by_name("end").unwrap(), row),
            instant(&events, 0),
        ];
        assert_eq!(found, [expected; 3], "{id}");
    })
    .count()
}

#[test]
fn old_timestamps_are_the_same_instants_when_their_table_is_converted() {
    let site = Site::new();
    let count = INSTANTS.len();
    write_output(&site, "plain", &[("a.parquet", file("a", false))]);
    write_output(&site, "more", &[("b.parquet", file("b", true)), ("c.parquet", file("c", false))]);
    // Into a new folder, into a table that is there, and once more over its own rows.
    for (from, rows) in [("plain", count), ("more", 3 * count), ("plain", 3 * count)] {
        let ended = end(site.command().args(["convert", from, "converted"]));
        assert_eq!(ended.code, Some(0), "{from}: {}", ended.err);
        assert!(check_files(&site, "converted/patient") >= rows, "{from}");
        assert_eq!(site.table("converted", "deltalake", "patient").len(), rows, "{from}");
    }
    // A converted table is one like others: a run merges into it.
    site.rows("p.ndjson", &[patient("new", "other")]);
    let mut job = site.command();
    job.args(["in", "converted", "phi", "--export-group=g", "--export-timestamp=2024-08-07"]);
    let ended = end(&mut job);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert!(check_files(&site, "converted/patient") >= 3 * count);
    let rows = site.by_id("converted", "deltalake", "patient");
    assert_eq!(rows.len(), 3 * count + 1);
    for id in
        ["a", "b", "c"].iter().flat_map(|prefix| (0..count).map(move |n| format!("{prefix}{n}")))
    {
        assert!(rows.contains_key(&id), "{id}");
    }
    // The originals are as they were.
    assert_eq!(fs::read(site.path("plain/patient/a.parquet")).unwrap(), file("a", false));
}
