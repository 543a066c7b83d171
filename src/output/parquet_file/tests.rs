use std::fs::File;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Float64Array, Int32Array, Int64Array, ListArray,
    StringArray, StructArray,
};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Field, Int32Type};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::*;
use crate::memory::Budget;

fn local() -> (tempfile::TempDir, Folder) {
    let dir = tempfile::tempdir().unwrap();
    let folder = Folder::open(dir.path().to_str().unwrap()).unwrap();
    (dir, folder)
}

fn usual_settings() -> Settings {
    Settings::new(Vec::new(), &Budget::for_limit(None, 1).writing, 1)
}

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, c)| (n, c, true)))
        .unwrap()
}

fn rows_of(batch: &RecordBatch) -> DeidentifiedBatch {
    DeidentifiedBatch::from_former_output(batch.clone())
}

fn write(folder: &Folder, batches: &[RecordBatch], settings: &Settings) -> Written {
    let mut file =
        ParquetFile::create_file(folder, "x.parquet", batches[0].schema(), settings).unwrap();
    batches.iter().for_each(|batch| file.write(&rows_of(batch)).unwrap());
    assert_eq!(folder.read("x.parquet").unwrap(), None);
    file.finish_file().unwrap()
}

fn open(folder: &Folder) -> ParquetRecordBatchReaderBuilder<File> {
    let path = folder.local().unwrap().join("x.parquet");
    ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap()
}

#[test]
fn what_is_written_is_read_and_told_of() {
    let (_dir, folder) = local();
    let inner = StructArray::from(vec![
        (
            Arc::new(Field::new("text", DataType::Utf8, true)),
            Arc::new(StringArray::from(vec![Some("b"), None, Some("a")])) as ArrayRef,
        ),
        (
            Arc::new(Field::new("day", DataType::Date32, true)),
            Arc::new(Date32Array::from(vec![1, 2, 3])) as ArrayRef,
        ),
    ]);
    let items = [Some(vec![Some(1)]), None, Some(vec![])];
    let list = ListArray::from_iter_primitive::<Int32Type, _, _>(items);
    let rows = batch(vec![
        ("text", Arc::new(StringArray::from(vec!["é", "a", "z"]))),
        ("none", Arc::new(StringArray::from(vec![None::<&str>; 3]))),
        ("flag", Arc::new(BooleanArray::from(vec![Some(false), None, Some(true)]))),
        ("small", Arc::new(Int32Array::from(vec![3, -1, 2]))),
        ("large", Arc::new(Int64Array::from(vec![i64::MAX, 0, i64::MIN]))),
        ("real", Arc::new(Float64Array::from(vec![Some(0.5), Some(-2.5), None]))),
        ("inner", Arc::new(inner)),
        ("list", Arc::new(list)),
    ]);
    let written = write(&folder, std::slice::from_ref(&rows), &usual_settings());
    assert_eq!(written.rows, 3);
    assert_eq!(written.bytes, folder.list().unwrap()[0].size);
    let reader = open(&folder).build().unwrap();
    let read: Vec<RecordBatch> = reader.map(Result::unwrap).collect();
    assert_eq!(read[0].columns(), rows.columns());

    let text = |low: &str, high: &str| Some((Bound::Text(low.into()), Bound::Text(high.into())));
    let stats: Vec<_> =
        written.stats.iter().map(|s| (s.path.join("."), s.nulls, s.bounds.clone())).collect();
    let expected = [
        ("text", 0, text("a", "é")),
        ("none", 3, None),
        ("flag", 1, Some((Bound::Boolean(false), Bound::Boolean(true)))),
        ("small", 0, Some((Bound::Integer(-1), Bound::Integer(3)))),
        ("large", 0, Some((Bound::Integer(i64::MIN), Bound::Integer(i64::MAX)))),
        ("real", 1, Some((Bound::Float(-2.5), Bound::Float(0.5)))),
        ("inner.text", 1, text("a", "b")),
        ("inner.day", 0, None),
    ];
    let expected: Vec<_> = expected.into_iter().map(|(p, n, b)| (p.to_owned(), n, b)).collect();
    assert_eq!(stats, expected);
}

#[test]
fn bounds_hold_over_row_groups_and_for_long_text() {
    let (_dir, folder) = local();
    let long = "y".repeat(500);
    let rows = batch(vec![
        ("id", Arc::new(StringArray::from(vec!["b", "c", "a", "d"]))),
        ("text", Arc::new(StringArray::from(vec![Some(&long[..]), Some("x"), None, None]))),
    ]);
    let settings = Settings { row_group_rows: 2, ..usual_settings() };
    let written = write(&folder, &[rows], &settings);
    assert_eq!(open(&folder).metadata().num_row_groups(), 2);
    let bounds = |column: usize| written.stats[column].bounds.clone().unwrap();
    assert_eq!(bounds(0), (Bound::Text("a".into()), Bound::Text("d".into())));
    let (low, high) = bounds(1);
    assert_eq!(low, Bound::Text("x".into()));
    // A bound may be shortened, but then it lies beyond.
    assert!(high > Bound::Text(long), "{high:?}");
    assert_eq!(written.stats[1].nulls, 2);
}

#[test]
fn row_groups_end_by_rows_and_by_bytes() {
    let (_dir, folder) = local();
    let mut state = 1_u64;
    let mut unlike = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        format!("{:016x}", state ^ state >> 29)
    };
    let column: StringArray =
        (0..20_000).map(|_| Some((0..32).map(|_| unlike()).collect::<String>())).collect();
    let rows = batch(vec![("id", Arc::new(column))]);
    let settings = Settings {
        unique_columns: vec!["id".to_owned()],
        row_group_rows: 15_000,
        row_group_bytes: 1 << 20,
        threads: 2,
        ..usual_settings()
    };
    let mut file =
        ParquetFile::create_file(&folder, "x.parquet", rows.schema(), &settings).unwrap();
    for start in (0..20_000).step_by(5_000) {
        file.write(&rows_of(&rows.slice(start, 5_000))).unwrap();
        assert!(file.group.as_ref().map_or(0, RowGroup::memory_bytes) < (1 << 20) + 2 * PIECE);
    }
    assert_eq!(file.row_count(), 20_000);
    let written = file.finish_file().unwrap();
    assert_eq!(written.rows, 20_000);
    let builder = open(&folder);
    let groups: Vec<_> = builder.metadata().row_groups().iter().map(|g| g.num_rows()).collect();
    assert!(groups.len() > 2 && groups.iter().all(|rows| *rows <= 15_000), "{groups:?}");
    assert!(builder.metadata().row_group(0).column(0).dictionary_page_offset().is_none());
    let schema = builder.schema().clone();
    let read: Vec<_> = builder.build().unwrap().map(Result::unwrap).collect();
    assert_eq!(concat_batches(&schema, &read).unwrap().columns(), rows.columns());
}

#[test]
fn row_groups_end_by_values_however_little_they_take() {
    let (_dir, folder) = local();
    // One value, which a dictionary holds once.
    let column: StringArray = (0..4_000).map(|_| Some("y".repeat(1_000))).collect();
    let rows = batch(vec![("text", Arc::new(column))]);
    let settings = Settings { row_group_values: 1 << 20, ..usual_settings() };
    let mut file =
        ParquetFile::create_file(&folder, "x.parquet", rows.schema(), &settings).unwrap();
    for start in (0..4_000).step_by(500) {
        file.write(&rows_of(&rows.slice(start, 500))).unwrap();
    }
    assert_eq!(file.finish_file().unwrap().rows, 4_000);
    let groups = open(&folder).metadata().num_row_groups();
    assert!((2..=4).contains(&groups), "{groups}");
}

#[test]
fn a_file_that_is_dropped_never_appears() {
    let (_dir, folder) = local();
    let rows = batch(vec![("id", Arc::new(StringArray::from(vec!["a"])))]);
    let settings = usual_settings();
    let mut file =
        ParquetFile::create_file(&folder, "x.parquet", rows.schema(), &settings).unwrap();
    file.write(&rows_of(&rows)).unwrap();
    drop(file);
    assert!(folder.list().unwrap().is_empty());
}
