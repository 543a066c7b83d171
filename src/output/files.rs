//! The formats that are plain files (spec: "Tables", the table of formats): a table is a folder of
//! files with numbers, all of one kind.

mod csv;
mod existing;
mod ndjson;
mod parquet;
mod replace;

use std::collections::BTreeSet;
use std::io;

use arrow::datatypes::SchemaRef;

pub use self::csv::Csv;
pub use self::existing::Readable;
pub use self::ndjson::Ndjson;
pub use self::parquet::Parquet;

use super::keys::KeyIndex;
use super::parallel;
use super::rows::{Batches, Bitmap};
use super::staged::Staged;
use super::table::{Merge, TableRun, WrittenTable};
use super::table_format::{SinkOptions, TableFormat};
use crate::error::Result;
use crate::memory::WritingShare;
use crate::store::{Folder, Reader};
use crate::table::StagingArea;
use replace::Replacement;

/// The threads and the memory for one file.
#[derive(Clone, Copy, Debug)]
pub struct FileShare {
    /// Threads.
    pub threads: usize,
    /// Memory.
    pub memory: WritingShare,
}

/// A kind of plain file. It writes and reads one file; how a table is made of files is the same for all.
pub trait FileFormat: Send + Sync {
    /// The end of file names, which is the format's name, too.
    fn file_extension(&self) -> &'static str;

    /// Whether one file is written on all threads, rather than some files at the same time: for a
    /// format that holds much of a file in memory.
    fn takes_all_threads(&self) -> bool {
        false
    }

    /// Whether a resource's rows are to be staged as JSON lines, and not as Arrow.
    fn wants_lines(&self) -> bool {
        false
    }

    /// Whether a file of this name belongs to the table beside its files with numbers.
    fn makes_beside(&self, _table: &str, _name: &str) -> bool {
        false
    }

    /// Writes one file `name` in `folder`. `batches`: its rows, of those that `run` brings. Gives the number of rows, and of the file's bytes.
    fn write_file(
        &self,
        folder: &Folder,
        name: &str,
        run: &TableRun<'_>,
        batches: Batches<'_>,
        share: FileShare,
    ) -> Result<(u64, u64)>;

    /// Writes the files of a resource's table, and adds their names to `names`.
    fn write_files(
        &self,
        folder: &Folder,
        run: &TableRun<'_>,
        options: &SinkOptions,
        names: &mut BTreeSet<String>,
    ) -> Result<WrittenTable> {
        write_parts(self, folder, run, (run.live, 0), options, names)
    }

    /// Gives the text of the key columns of each row to `visit`, in the order of `columns`.
    fn read_keys(
        &self,
        reader: Reader,
        columns: &[&str],
        visit: &mut dyn FnMut(&[&str]),
    ) -> io::Result<Readable>;
}

impl<F: FileFormat> TableFormat for F {
    fn name(&self) -> &'static str {
        self.file_extension()
    }

    fn wants_lines(&self) -> bool {
        FileFormat::wants_lines(self)
    }

    fn knows_table(&self, table: &str, _folders: &[String], files: &[String]) -> bool {
        files.iter().any(|name| self.makes_file(table, name))
    }

    fn makes_file(&self, table: &str, name: &str) -> bool {
        existing::file_number(name, table, self.file_extension()).is_some()
            || self.makes_beside(table, name)
    }

    /// Replaces a resource's table, adds a file to a completion table.
    fn write_table(
        &self,
        root: &Folder,
        run: &TableRun<'_>,
        options: &SinkOptions,
    ) -> Result<WrittenTable> {
        match run.merge {
            Merge::Upsert => replace_files(self, root, run, options),
            Merge::InsertOnly | Merge::Append => add_file(self, root, run, options),
        }
    }

    /// Makes an empty table, if there are no files of it.
    fn create_table(
        &self,
        root: &Folder,
        table: &str,
        schema: SchemaRef,
        area: &StagingArea,
        options: &SinkOptions,
    ) -> Result<()> {
        let run = TableRun {
            name: table,
            rows: &Staged::new(area, schema),
            lines: None,
            live: &Bitmap::none_set(0),
            keys: &KeyIndex::new(area),
            deletes: &[],
            merge: Merge::Append,
            key_columns: &[],
        };
        add_file(self, root, &run, options).map(drop)
    }
}

fn replace_files(
    format: &impl FileFormat,
    root: &Folder,
    run: &TableRun<'_>,
    options: &SinkOptions,
) -> Result<WrittenTable> {
    let is_ours = |name: &str| format.makes_file(run.name, name);
    let replacement = Replacement::begin_table(root, run.name, &is_ours)?;
    let mut names = BTreeSet::new();
    let mut written = format.write_files(replacement.new_folder(), run, options, &mut names)?;
    replacement.commit_files(&names)?;
    written.inserted = written.rows;
    Ok(written)
}

fn add_file(
    format: &impl FileFormat,
    root: &Folder,
    run: &TableRun<'_>,
    options: &SinkOptions,
) -> Result<WrittenTable> {
    let folder = root.child(run.name);
    folder.create()?;
    let files = existing::list_files(&folder, run.name, format.file_extension())?;
    let mut live = run.live.clone();
    if run.merge == Merge::InsertOnly {
        let key_bytes = options.memory.key_bytes;
        existing::keep_new_rows(format, &folder, &files, run, &mut live, key_bytes)?;
    }
    // No other run takes the number: runs of plain files hold OUTPUT alone.
    let next = files.last().map_or(0, |(number, _)| number + 1);
    let mut written = WrittenTable::default();
    // An empty file would say nothing, unless it is the one that shows the columns.
    if live.count() > 0 || files.is_empty() {
        let names = &mut BTreeSet::new();
        written = write_parts(format, &folder, run, (&live, next), options, names)?;
    }
    written.inserted = live.count();
    written.files += files.len() as u64;
    Ok(written)
}

/// The name of a table's file with this number.
fn name_file<F: FileFormat + ?Sized>(format: &F, table: &str, number: usize) -> String {
    format!("{table}.{number:03}.{}", format.file_extension())
}

/// Writes the rows that are `live`, as Arrow, on all threads, to files whose numbers begin with
/// `first`. Adds their names to `names`.
fn write_parts<F: FileFormat + ?Sized>(
    format: &F,
    folder: &Folder,
    run: &TableRun<'_>,
    (live, first): (&Bitmap, usize),
    options: &SinkOptions,
    names: &mut BTreeSet<String>,
) -> Result<WrittenTable> {
    let slots = run.rows.slots();
    let step = options.rows_per_file.max(1);
    // By slots, not by live rows: each part's range is known before any row is read.
    // One part at least, since a table without rows is a file that shows the columns.
    let parts = (slots.div_ceil(step) as usize).max(1);
    let (files, threads) = match format.takes_all_threads() {
        true => (1, options.threads),
        // These formats write rows as they come and hold none: each file takes one thread.
        false => (options.threads, 1),
    };
    let share = FileShare { threads, memory: options.memory };
    let written = parallel::run(files, parts, |part| {
        let name = name_file(format, run.name, first + part);
        let range = part as u64 * step..((part as u64 + 1) * step).min(slots);
        let batches = run.rows.read(range, live)?;
        let written = format.write_file(folder, &name, run, batches, share)?;
        Ok((name, written))
    })?;
    let mut all = WrittenTable::default();
    for (name, (rows, bytes)) in written {
        all.files += 1;
        all.rows += rows;
        all.bytes += bytes;
        names.insert(name);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deid::{AnonId, row_key};
    use crate::memory::Budget;
    use crate::output::OutputFormat;
    use crate::store::WorkFolder;
    use crate::table::{Block, CompletedEncounters, Scratch, schema};

    const TABLE: &str = "encounters";

    /// Writes completion rows of these encounters, as a run does that has them once each. `key_bytes`:
    /// what keys may take.
    fn write_rows(
        format: &dyn TableFormat,
        root: &Folder,
        ids: &[&str],
        key_bytes: usize,
    ) -> WrittenTable {
        let work = WorkFolder::create_work(None, &Folder::open("memory:///").unwrap()).unwrap();
        let budget = Budget::for_limit(None, 2);
        let area = StagingArea { work, memory: budget.staging };
        let (mut rows, mut keys) =
            (Staged::new(&area, schema::completion_encounters()), KeyIndex::new(&area));
        let mut encounters = CompletedEncounters::default();
        for (id, slot) in ids.iter().zip(0..) {
            encounters.push(&AnonId::from_former_output((*id).to_owned()));
            keys.add(row_key(&[id, "group"]), slot, 0).unwrap();
        }
        let batch = encounters.finish("group", "2024-01-01T00:00:00Z", "").unwrap();
        let block = Block::of_batch(&batch, &mut Scratch::default()).unwrap();
        let count = ids.len() as u64;
        rows.push(block, count).unwrap();
        let mut live = Bitmap::all_set(count);
        keys.resolve(&mut live).unwrap();
        let run = TableRun {
            name: TABLE,
            rows: &rows,
            lines: None,
            live: &live,
            keys: &keys,
            deletes: &[],
            merge: Merge::InsertOnly,
            key_columns: &["encounter_id", "group_name"],
        };
        let options = SinkOptions {
            rows_per_file: 100,
            threads: 2,
            optimize: false,
            memory: WritingShare { key_bytes, ..budget.writing },
        };
        format.write_table(root, &run, &options).unwrap()
    }

    #[test]
    fn rows_that_were_written_are_known_again_in_every_format_of_files() {
        let mut formats = 0;
        for format in OutputFormat::ALL.iter().filter(|f| !f.table_format().has_commits()) {
            let (name, format) = (format.name(), format.table_format());
            let root = Folder::open(&format!("memory://file-formats/{name}")).unwrap();
            assert_eq!(write_rows(format, &root, &["a", "b"], 1 << 20).inserted, 2, "{name}");
            let second = write_rows(format, &root, &["b", "c"], 1 << 20);
            assert_eq!((second.inserted, second.files), (1, 2), "{name}");
            // In a pass for each key.
            let third = write_rows(format, &root, &["a", "c"], 64);
            assert_eq!((third.inserted, third.files), (0, 2), "{name}");
            let (folders, files) = root.child(TABLE).list_direct().unwrap();
            assert_eq!(files.len(), 2, "{name}");
            assert!(format.knows_table(TABLE, &folders, &files), "{name}");
            formats += 1;
        }
        assert!(formats >= 3);
    }
}
