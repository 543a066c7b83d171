//! Tests of the Delta engine: what they share, and the basics.

mod case;
mod evolution;
mod maintenance;
mod merging;
mod old_timestamps;
mod protocols;
mod wide;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Fields, Schema};
use arrow::json::{LineDelimitedWriter, ReaderBuilder};
use serde_json::{Value, json};

use super::*;
use crate::deid::{RowKey, row_key};
use crate::fhir::{UNKNOWN_TIME, parse_instant};
use crate::memory::Budget;
use crate::output::rows::{Batches, Change, Live};

impl Default for WriteOptions<'_> {
    fn default() -> Self {
        let memory = Budget::for_limit(None, 2).writing;
        Self {
            key_columns: vec!["id".to_owned()],
            last_updated: true,
            rows_per_file: ROWS_PER_FILE,
            threads: 2,
            // Wide rows are to need several row groups.
            memory: WritingShare { row_group_values: 8 << 20, ..memory },
            progress: None,
        }
    }
}

/// A run held in memory.
pub(super) struct TestRun {
    batch: DeidentifiedBatch,
    keys: Vec<(RowKey, Change)>,
}

impl TestRun {
    /// Rows as JSON; the later of two with the same `id` is what its key stands for.
    pub fn new(schema: &SchemaRef, rows: &[Value]) -> Self {
        let mut decoder = ReaderBuilder::new(schema.clone()).build_decoder().unwrap();
        decoder.serialize(rows).unwrap();
        let batch = decoder.flush().unwrap();
        let batch = batch.unwrap_or_else(|| RecordBatch::new_empty(schema.clone()));
        let mut keys = BTreeMap::new();
        for (slot, row) in rows.iter().enumerate() {
            let time = row["meta"]["lastUpdated"].as_str().map_or(UNKNOWN_TIME, parse_instant);
            let change = Change::Row { slot: slot as u64, last_updated: time };
            keys.insert(row_key(&[row["id"].as_str().unwrap()]), change);
        }
        let batch = DeidentifiedBatch::from_former_output(batch);
        Self { batch, keys: keys.into_iter().collect() }
    }

    pub fn deleting(mut self, ids: &[&str]) -> Self {
        self.keys.extend(ids.iter().map(|id| (row_key(&[id]), Change::Delete)));
        self
    }

    /// The rows that won over earlier ones of the same key.
    pub fn live(&self) -> Bitmap {
        let mut live = Bitmap::none_set(self.batch.num_rows() as u64);
        for (_, change) in &self.keys {
            if let Change::Row { slot, .. } = change {
                live.set(*slot);
            }
        }
        live
    }

    pub fn merge(&self, folder: &Folder) -> Result<Committed> {
        self.merge_with(
            folder,
            Merge::Upsert,
            &WriteOptions { threads: 2, ..WriteOptions::default() },
        )
    }

    pub fn merge_with(
        &self,
        folder: &Folder,
        how: Merge,
        options: &WriteOptions<'_>,
    ) -> Result<Committed> {
        merge_run(folder, self, self.live(), Some(self), how, options)
    }
}

impl RowSource for TestRun {
    fn schema(&self) -> SchemaRef {
        self.batch.schema()
    }

    fn slots(&self) -> u64 {
        self.batch.num_rows() as u64
    }

    fn read<'a>(&'a self, slots: Range<u64>, live: &'a dyn Live) -> Result<Batches<'a>> {
        const ROWS: u64 = 100;
        let end = slots.end.min(self.slots());
        let starts = (slots.start..end).step_by(ROWS as usize);
        Ok(Box::new(starts.map(move |first_slot| {
            let rows = ROWS.min(end - first_slot);
            let batch = self.batch.slice(first_slot as usize..(first_slot + rows) as usize);
            match live.filter(first_slot..first_slot + rows) {
                None => Ok(batch),
                Some(keep) => batch.filter(&keep).context("cannot filter"),
            }
        })))
    }
}

impl KeySource for TestRun {
    fn count(&self) -> u64 {
        self.keys.len() as u64
    }

    fn scan(&self, range: Range<u16>, visit: &mut dyn FnMut(RowKey, Change)) -> Result<()> {
        let wanted = self.keys.iter().filter(|(key, _)| range.contains(&((key >> 120) as u16)));
        wanted.for_each(|(key, change)| visit(*key, *change));
        Ok(())
    }
}

pub(super) fn text(name: &str) -> Field {
    Field::new(name, DataType::Utf8, true)
}

pub(super) fn structure(name: &str, fields: Vec<Field>) -> Field {
    Field::new(name, DataType::Struct(fields.into()), true)
}

pub(super) fn list(name: &str, item: DataType) -> Field {
    Field::new(name, DataType::List(Arc::new(Field::new("item", item, true))), true)
}

pub(super) fn structures(name: &str, fields: Vec<Field>) -> Field {
    list(name, DataType::Struct(Fields::from(fields)))
}

/// `id`, `status`, `meta.lastUpdated`, and more.
pub(super) fn schema_with(more: Vec<Field>) -> SchemaRef {
    let mut fields = vec![text("id"), text("status"), structure("meta", vec![text("lastUpdated")])];
    fields.extend(more);
    Arc::new(Schema::new(fields))
}

pub(super) fn plain() -> SchemaRef {
    schema_with(Vec::new())
}

pub(super) fn row(id: &str, status: &str) -> Value {
    json!({"id": id, "status": status})
}

pub(super) fn dated(id: &str, status: &str, last_updated: &str) -> Value {
    json!({"id": id, "status": status, "meta": {"lastUpdated": last_updated}})
}

pub(super) fn memory() -> Folder {
    Folder::open("memory:///").unwrap().child("lake/patient")
}

/// A folder on disk whose name a URL spells otherwise than a path.
pub(super) fn local(dir: &tempfile::TempDir) -> Folder {
    Folder::open(dir.path().to_str().unwrap()).unwrap().child("a lake (1)/patient")
}

/// The table's rows as JSON without nulls, by `id`.
pub(super) fn rows(folder: &Folder) -> BTreeMap<String, Value> {
    let mut lines = Vec::new();
    read(folder, &mut |batch| {
        let mut writer = LineDelimitedWriter::new(&mut lines);
        writer.write(batch.as_arrow()).unwrap();
        writer.finish().unwrap();
        Ok(())
    })
    .unwrap();
    let lines = String::from_utf8(lines).unwrap();
    let mut rows = BTreeMap::new();
    for line in lines.lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        let id = row["id"].as_str().unwrap().to_owned();
        assert!(rows.insert(id.clone(), row).is_none(), "{id} is there twice");
    }
    rows
}

/// `id=status` of every row.
pub(super) fn statuses(folder: &Folder) -> String {
    let shown = rows(folder)
        .into_iter()
        .map(|(id, row)| format!("{id}={}", row["status"].as_str().unwrap_or("-")));
    shown.collect::<Vec<_>>().join(" ")
}

pub(super) fn parquet_files(folder: &Folder) -> Vec<String> {
    let names = folder.list().unwrap().into_iter().map(|entry| entry.name);
    names.filter(|name| name.ends_with(".parquet") && !name.starts_with('_')).collect()
}

/// The actions of a version.
pub(super) fn actions(folder: &Folder, version: u64) -> Vec<Value> {
    let bytes = folder.read(&format!("_delta_log/{version:020}.json")).unwrap().unwrap();
    let text = std::str::from_utf8(&bytes).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_table_is_made_and_read_wherever_it_lies() {
    let dir = tempfile::tempdir().unwrap();
    for folder in [memory(), local(&dir)] {
        assert!(!exists(&folder).unwrap());
        assert_eq!(schema(&folder).unwrap(), None);
        read(&folder, &mut |_| panic!("there is no table")).unwrap();

        let run = TestRun::new(&plain(), &[row("a", "1"), row("b", "1"), row("a", "2")]);
        let done = run.merge(&folder).unwrap();
        let bytes =
            folder.list().unwrap().iter().find(|e| e.name.starts_with("part-")).unwrap().size;
        let expected = Committed { inserted: 2, files: 1, rows: 2, bytes, ..Committed::default() };
        assert_eq!(done, expected);
        assert!(exists(&folder).unwrap());
        assert_eq!(statuses(&folder), "a=2 b=1");

        let run = TestRun::new(&plain(), &[row("b", "3"), row("c", "3")]).deleting(&["a", "x"]);
        let done = run.merge(&folder).unwrap();
        assert_eq!((done.inserted, done.updated, done.deleted, done.unchanged), (1, 1, 1, 0));
        assert_eq!((done.version, done.files, done.rows), (1, 1, 2));
        assert_eq!(statuses(&folder), "b=3 c=3");
    }
}

#[test]
fn the_first_version_asks_little_of_readers() {
    let folder = memory();
    TestRun::new(&plain(), &[row("b", "1"), row("a", "2")]).merge(&folder).unwrap();
    let actions = actions(&folder, 0);
    assert_eq!(actions[0]["commitInfo"]["operation"], "MERGE");
    assert_eq!(actions[1]["protocol"], json!({"minReaderVersion": 1, "minWriterVersion": 2}));
    assert_eq!(actions[2]["metaData"]["name"], "patient");
    let add = &actions[3]["add"];
    let stats: Value = serde_json::from_str(add["stats"].as_str().unwrap()).unwrap();
    let expected = json!({
        "numRecords": 2,
        "minValues": {"id": "a", "status": "1"},
        "maxValues": {"id": "b", "status": "2"},
        "nullCount": {"id": 0, "status": 0},
    });
    assert_eq!(stats, expected);
    let listed = folder.list().unwrap();
    let file = listed.iter().find(|entry| add["path"] == entry.name.as_str()).unwrap();
    assert_eq!(add["size"], file.size);
}

#[test]
fn making_an_empty_table_is_idempotent_and_widens() {
    let folder = memory();
    create_table(&folder, plain()).unwrap();
    create_table(&folder, plain()).unwrap();
    assert_eq!(Log::open_log(&folder).unwrap().read_snapshot().unwrap().unwrap().version, 0);
    assert_eq!(statuses(&folder), "");
    create_table(&folder, schema_with(vec![text("gender")])).unwrap();
    create_table(&folder, plain()).unwrap();
    let names: Vec<_> =
        schema(&folder).unwrap().unwrap().fields().iter().map(|f| f.name().clone()).collect();
    assert_eq!(names, ["id", "status", "meta", "gender"]);
    assert_eq!(Log::open_log(&folder).unwrap().read_snapshot().unwrap().unwrap().version, 1);
    TestRun::new(&plain(), &[row("a", "1")]).merge(&folder).unwrap();
    assert_eq!(statuses(&folder), "a=1");
}
