//! New data files of a table.

use std::mem;
use std::sync::{Mutex, MutexGuard};

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::actions::now_millis;
use super::schema::TableSchema;
use super::snapshot::Snapshot;
use super::{RowProgress, WriteOptions};
use crate::error::{Context, Result};
use crate::output::parquet_file::{Bound, ColumnStats, ParquetFile, Settings, Written};
use crate::poison::ignore_poison;
use crate::stop::Writer;
use crate::store::Folder;
use crate::table::{DeidentifiedBatch, find_field};

/// Files beyond this are cut, whatever their rows.
const FILE_BYTES: u64 = 512 << 20;
/// Columns of which the log tells the bounds.
// As Delta's own default of `delta.dataSkippingNumIndexedCols`.
const STATS_COLUMNS: usize = 32;

/// A file that is written, but no part of the table yet.
pub(super) struct NewFile {
    pub name: String,
    pub rows: u64,
    pub bytes: u64,
    stats: String,
}

impl NewFile {
    /// The action that makes it part of the table.
    pub fn add(&self, data_change: bool) -> Value {
        json!({"add": {
            "path": self.name,
            "partitionValues": {},
            "size": self.bytes,
            "modificationTime": now_millis(),
            "dataChange": data_change,
            "stats": self.stats,
        }})
    }
}

/// Writes files for one version of a table. Unless they are submitted, they are removed again when
/// this goes, so that a merge that fails leaves nothing behind.
pub(super) struct FileWriter<'a> {
    folder: &'a Folder,
    schema: &'a TableSchema,
    settings: Settings,
    /// Bytes of all row groups under way.
    all_group_bytes: usize,
    rows_per_file: u64,
    progress: Option<RowProgress<'a>>,
    /// Columns that are told of in any case: keys and clustering columns.
    stats_columns: Vec<Vec<String>>,
    written: Mutex<Vec<String>>,
    /// Until the files are submitted or removed.
    _writer: Writer,
}

impl<'a> FileWriter<'a> {
    /// A writer for a table that will have this schema.
    pub fn new(
        folder: &'a Folder,
        schema: &'a TableSchema,
        table: Option<&Snapshot>,
        options: &WriteOptions<'a>,
    ) -> Result<Self> {
        // Names as the table spells them: statistics are looked up by the exact name.
        let columns = schema.arrow_schema().fields();
        let keys = options.key_columns.iter().filter_map(|name| find_field(columns, name));
        let keys: Vec<String> = keys.map(|index| columns[index].name().clone()).collect();
        let mut stats_columns = table.map_or_else(Vec::new, |table| table.clustering.clone());
        stats_columns.extend(keys.iter().map(|name| vec![name.clone()]));
        Ok(Self {
            folder,
            schema,
            settings: Settings::new(keys, &options.memory, options.threads),
            all_group_bytes: options.memory.all_group_bytes,
            rows_per_file: options.rows_per_file.max(1),
            progress: options.progress,
            stats_columns,
            written: Mutex::new(Vec::new()),
            _writer: folder.shutdown().begin_writer()?,
        })
    }

    /// Begins to write rows, as one of `jobs` that share `threads`; files are made as there are
    /// any.
    pub fn begin_file(&self, threads: usize, jobs: usize) -> FileSequence<'_> {
        // The jobs that run at the same time share the memory for row groups, too.
        let at_once = jobs.clamp(1, threads.max(1));
        let settings = Settings {
            threads: threads.div_ceil(at_once),
            row_group_bytes: (self.all_group_bytes / at_once).min(self.settings.row_group_bytes),
            ..self.settings.clone()
        };
        FileSequence { writer: self, settings, current: None, done: Vec::new() }
    }

    /// Ends the writing: from now on the files may be part of the table, even where its commit
    /// seems to fail. Gives what removes them where it is known that they are not.
    pub fn submit_files(self) -> Submitted<'a> {
        Submitted { folder: self.folder, names: mem::take(&mut *self.names()) }
    }

    fn names(&self) -> MutexGuard<'_, Vec<String>> {
        ignore_poison(self.written.lock())
    }
}

impl Drop for FileWriter<'_> {
    fn drop(&mut self) {
        let names = mem::take(&mut *self.names());
        Submitted { folder: self.folder, names }.withdraw_files();
    }
}

/// Files that a commit names.
pub(super) struct Submitted<'a> {
    folder: &'a Folder,
    names: Vec<String>,
}

impl Submitted<'_> {
    /// Removes the files: the commit was not made.
    pub fn withdraw_files(self) {
        for name in self.names {
            // A file that stays is no part of the table, and goes with a later vacuum.
            let _ = self.folder.remove(&name);
        }
    }
}

/// Begins and ends the names of data files; between the two is an ID.
const DATA_FILE: &str = "part-00000-";
const DATA_FILE_END: &str = "-c000.zstd.parquet";

/// Whether `name`, below a table's folder, is such as this program gives to data files. They lie right
/// in the folder.
pub(super) fn is_data_file(name: &str) -> bool {
    name.starts_with(DATA_FILE) && name.ends_with(DATA_FILE_END) && !name.contains('/')
}

/// Rows on their way into files.
pub(super) struct FileSequence<'a> {
    writer: &'a FileWriter<'a>,
    settings: Settings,
    current: Option<(String, ParquetFile)>,
    done: Vec<NewFile>,
}

impl FileSequence<'_> {
    /// Adds rows, in the table's schema or a part of it.
    pub fn write(&mut self, batch: &DeidentifiedBatch) -> Result<()> {
        // A filter may leave nothing of a batch, and no file is to begin without a row.
        if batch.num_rows() == 0 {
            return Ok(());
        }
        let schema = self.writer.schema.arrow_schema();
        let batch = batch.fit_to(schema).context("rows do not fit the table's schema")?;
        let (_, file) = match &mut self.current {
            Some(current) => current,
            none => {
                let name = format!("{DATA_FILE}{}{DATA_FILE_END}", Uuid::new_v4());
                let folder = self.writer.folder;
                let file = ParquetFile::create_file(folder, &name, schema.clone(), &self.settings)?;
                none.insert((name, file))
            }
        };
        file.write(&batch)?;
        let full = file.row_count() >= self.writer.rows_per_file || file.byte_count() >= FILE_BYTES;
        if let Some(progress) = self.writer.progress {
            progress(batch.num_rows() as u64);
        }
        if full { self.end_file() } else { Ok(()) }
    }

    /// Ends the last file; gives what was written.
    pub fn finish_file(mut self) -> Result<Vec<NewFile>> {
        self.end_file()?;
        Ok(self.done)
    }

    fn end_file(&mut self) -> Result<()> {
        let Some((name, file)) = self.current.take() else { return Ok(()) };
        // Noted first: the file may have appeared even if this fails.
        self.writer.names().push(name.clone());
        let written = file.finish_file()?;
        let stats = file_statistics(&written, &self.writer.stats_columns);
        self.done.push(NewFile { name, rows: written.rows, bytes: written.bytes, stats });
        Ok(())
    }
}

/// The `stats` of an `add` action.
fn file_statistics(written: &Written, always: &[Vec<String>]) -> String {
    let (mut min, mut max, mut nulls) = (Map::new(), Map::new(), Map::new());
    let top_level = written.stats.iter().filter(|column| column.path.len() == 1);
    let top_level: Vec<&ColumnStats> = top_level.take(STATS_COLUMNS).collect();
    let named = written.stats.iter().filter(|column| {
        always.contains(&column.path) && !top_level.iter().any(|other| other.path == column.path)
    });
    for column in top_level.iter().copied().chain(named) {
        put(&mut nulls, &column.path, column.nulls.into());
        if let Some((low, high)) = &column.bounds {
            put(&mut min, &column.path, bound_value(low));
            put(&mut max, &column.path, bound_value(high));
        }
    }
    json!({"numRecords": written.rows, "minValues": min, "maxValues": max, "nullCount": nulls})
        .to_string()
}

fn put(into: &mut Map<String, Value>, path: &[String], value: Value) {
    match path {
        [] => {}
        [name] => {
            into.insert(name.clone(), value);
        }
        [name, rest @ ..] => {
            let inner = into.entry(name.clone()).or_insert_with(|| json!({}));
            if let Some(inner) = inner.as_object_mut() {
                put(inner, rest, value);
            }
        }
    }
}

fn bound_value(bound: &Bound) -> Value {
    match bound {
        Bound::Boolean(value) => (*value).into(),
        Bound::Integer(value) => (*value).into(),
        Bound::Float(value) => (*value).into(),
        Bound::Text(value) => value.as_str().into(),
    }
}
