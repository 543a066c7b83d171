//! Delta Lake tables: a run is merged into its table as one atomic version (spec "Tables").
//!
//! Copy-on-write through Delta's log. The run's keys are compared with the key columns of the
//! table's files; a file that loses rows is rewritten without them, other files are not touched,
//! the run's rows become files of their own, and one commit swaps the old files for the new.
//! Cost is linear in table and run; memory is bounded by threads times one row group, and the
//! budget for keys.
//!
//! The library's own merge serves neither end: with nested schema evolution it loses values of
//! rows that it should leave alone, and it holds the run in memory.

mod actions;
mod bits;
mod compatibility;
mod listing_cache;
mod log;
mod manifest;
mod matching;
mod optimize;
mod partitions;
mod protocol;
mod reader;
mod schema;
mod snapshot;
mod write;

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use parquet::file::metadata::ParquetMetaData;
use serde_json::{Value, json};

use self::log::Log;
use self::matching::Matches;
use self::schema::TableSchema;
use self::snapshot::{DataFile, Snapshot};
use self::write::{FileWriter, NewFile};
use crate::error::{Context, Error, Result};
use crate::memory::WritingShare;
use crate::output::parallel;
use crate::output::rows::{Bitmap, KeySource, RowSource};
use crate::store::Folder;
use crate::table::DeidentifiedBatch;

pub use self::log::remove_unfinished;
pub use self::optimize::{Optimized, optimize_table};

/// The folder of the log, below the table's.
pub const LOG_FOLDER: &str = "_delta_log";
/// The manifest's folder, below the table's.
const MANIFEST_FOLDER: &str = "_symlink_format_manifest";
const MANIFEST: &str = "manifest";

/// Rows after which a new file begins, where nothing else is asked for.
pub const ROWS_PER_FILE: u64 = 1 << 20;
/// How often a merge is done anew because another writer was faster.
const ATTEMPTS: usize = 10;

/// The treatment of a row whose key the table has already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Merge {
    /// The run's row takes its place, and deletes delete.
    Upsert,
    /// The table's row stays; deletes delete.
    InsertOnly,
    /// Keys are not compared.
    Append,
}

/// Is told of rows as they are written: how many more, the table's own that are rewritten too.
pub type RowProgress<'a> = &'a (dyn Fn(u64) + Sync);

/// How a table is written.
#[derive(Clone)]
pub struct WriteOptions<'a> {
    /// The top-level text columns that identify a row, in the order that [`KeySource`] hashes
    /// them in.
    pub key_columns: Vec<String>,
    /// Whether an update whose `meta.lastUpdated` is older than the table's is skipped.
    pub last_updated: bool,
    /// Rows after which a new file begins. Files with less than half of it are small.
    pub rows_per_file: u64,
    /// Threads that read and write files.
    pub threads: usize,
    /// The memory that it may take. With more keys than fit, the table's key columns are read several
    /// times.
    pub memory: WritingShare,
    /// Told of rows written.
    pub progress: Option<RowProgress<'a>>,
}

/// The result of a merge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Committed {
    /// The table's version after it.
    pub version: u64,
    /// Rows that were new.
    pub inserted: u64,
    /// Rows that took the place of the table's.
    pub updated: u64,
    /// Rows of the table that were deleted.
    pub deleted: u64,
    /// Rows of the run that gave way to the table's: older ones, or all where existing rows win.
    pub unchanged: u64,
    /// Files of the table after it.
    pub files: u64,
    /// Rows of the table after it.
    pub rows: u64,
    /// Bytes of the table's files after it.
    pub bytes: u64,
}

/// Merges a run into the table in `folder` as one atomic version, and makes the table if there
/// is none. `live` tells which of the run's rows are wanted; without `keys` they are appended.
///
/// The table's schema becomes the union of what it has and what the run brings. Another writer's
/// commit in between has the merge done anew on what that left. Nothing is committed where
/// nothing changes.
///
/// # Errors
/// A column with another type in the table than in the run; a table that asks of its writers
/// what this program doesn't do; a store that refuses. The table is untouched then, unless the
/// message says that the version is committed.
pub fn merge_run(
    folder: &Folder,
    rows: &dyn RowSource,
    live: Bitmap,
    keys: Option<&dyn KeySource>,
    merge: Merge,
    options: &WriteOptions<'_>,
) -> Result<Committed> {
    let log = Log::open_log(folder)?;
    let keys = keys.filter(|_| merge != Merge::Append);
    let run = RowMerge { rows, live: &live, keys, merge, options };
    for attempt in 0..ATTEMPTS {
        // Everything is read anew in each attempt: the other writer
        // may have rewritten the very files that were compared.
        if let Some(committed) = run.attempt_merge(&log)? {
            return Ok(committed);
        }
        back_off(attempt);
    }
    Err(conflict_error(folder))
}

/// Makes an empty table, or adds to an existing one the columns that it lacks.
///
/// # Errors
/// As of [`merge_run`].
pub fn create_table(folder: &Folder, schema: SchemaRef) -> Result<()> {
    let log = Log::open_log(folder)?;
    for attempt in 0..ATTEMPTS {
        let table = log.read_snapshot()?;
        let wanted = table_schema(folder, table.as_ref(), &schema)?;
        if table.as_ref().is_some_and(|table| table.schema == wanted) {
            return Ok(());
        }
        if commit_actions(&log, table.as_ref(), &wanted, "CREATE TABLE", json!({}), Vec::new())?
            .is_some()
        {
            return Ok(());
        }
        back_off(attempt);
    }
    Err(conflict_error(folder))
}

/// Whether there is a table in the folder.
pub fn exists(folder: &Folder) -> Result<bool> {
    Log::open_log(folder)?.table_exists()
}

/// The columns of the table in the folder, or `None` where there is none.
pub fn schema(folder: &Folder) -> Result<Option<SchemaRef>> {
    let table = Log::open_log(folder)?.read_snapshot()?;
    Ok(table.map(|table| table.schema.arrow_schema().clone()))
}

/// Gives a table's rows to `visit`, in its schema, in no particular order; nothing where there is
/// no table. Rows marked as deleted are left out.
///
/// # Errors
/// A table whose reader features are not understood; what `visit` gives.
pub fn read(folder: &Folder, visit: &mut dyn FnMut(DeidentifiedBatch) -> Result<()>) -> Result<()> {
    let log = Log::open_log(folder)?;
    let Some(table) = log.read_snapshot()? else { return Ok(()) };
    compatibility::check_readable(folder, &table)?;
    reader::open_each(folder, &table.files)
        .try_for_each(|(file, rows)| read_file(&log, &table, file, rows?, visit))
}

/// The facts of the footer of a Parquet file of `size` bytes, whether it is a table's or not.
pub fn footer(folder: &Folder, name: &str, size: u64) -> Result<Arc<ParquetMetaData>> {
    reader::read_footer(folder, name, size)
}

/// A data file of a table, as other readers need to know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedFile {
    /// Its name below the table's folder.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// Rows, where the log tells.
    pub rows: Option<u64>,
}

/// The columns and the data files of the newest version, for readers that take the files as they
/// are; `None` where there is no table. A file may lack columns, and fields at any depth, that came
/// later.
///
/// # Errors
/// A table whose rows are not simply those of its files: with deletion vectors, partition columns or
/// columns of other names.
pub fn list(folder: &Folder) -> Result<Option<(SchemaRef, Vec<ListedFile>)>> {
    let Some(table) = Log::open_log(folder)?.read_snapshot()? else { return Ok(None) };
    compatibility::check_readable(folder, &table)?;
    compatibility::check_no_row_level_features(folder, &table)?;
    let files = table.files.into_iter();
    let files = files.map(|DataFile { name, size, rows, .. }| ListedFile { name, size, rows });
    Ok(Some((table.schema.arrow_schema().clone(), files.collect())))
}

fn read_file(
    log: &Log,
    table: &Snapshot,
    file: &DataFile,
    rows: reader::FileRows,
    visit: &mut dyn FnMut(DeidentifiedBatch) -> Result<()>,
) -> Result<()> {
    let deleted = bits::Bits::none_set(rows.count);
    log.deleted_rows(file)?.into_iter().for_each(|row| deleted.set(row));
    let mut first_row = 0;
    for batch in rows {
        let batch = batch?;
        let keep = deleted.filter_unset(first_row, batch.num_rows());
        first_row += batch.num_rows() as u64;
        let context = || format!("cannot read the data file '{}'", log.folder.show(&file.name));
        let batch = batch
            .filter(&keep)
            .and_then(|batch| batch.fit_to(table.schema.arrow_schema()))
            .and_then(|batch| {
                partitions::fill_partitions(&batch, &table.partition_columns(), &file.partition)
            })
            .with_context(context)?;
        visit(batch)?;
    }
    Ok(())
}

/// A run, and how it goes into its table.
struct RowMerge<'a> {
    rows: &'a dyn RowSource,
    live: &'a Bitmap,
    keys: Option<&'a dyn KeySource>,
    merge: Merge,
    options: &'a WriteOptions<'a>,
}

impl RowMerge<'_> {
    /// Merges into the newest version; `None` where another writer made a newer one meanwhile.
    fn attempt_merge(&self, log: &Log) -> Result<Option<Committed>> {
        let table = log.read_snapshot()?;
        let schema = table_schema(&log.folder, table.as_ref(), &self.rows.schema())?;
        let files = table.as_ref().map_or(&[][..], |table| &table.files);
        let found = match self.keys {
            Some(keys) if !files.is_empty() => {
                matching::find_matches(log, files, self.live, keys, self.merge, self.options)?
            }
            _ => Matches::no_matches(self.live, files.len()),
        };
        let rewrites = || files.iter().zip(&found.leaving).filter(|(_, leaving)| leaving.is_some());
        if let Some(table) = &table {
            // Again, now that it is known whether rows leave: an append-only table refuses only that.
            compatibility::check_writable(&log.folder, table, rewrites().next().is_some())?;
        }
        let inserts = found.live.count();
        // A schema that grows is a change, even where no row is.
        let known = table.as_ref().is_some_and(|table| table.schema == schema);
        if known && inserts == 0 && rewrites().next().is_none() {
            // A run that died after its commit may have left the manifest behind.
            manifest::refresh_manifest(log)?;
            return self.summarize_commit(log, table.as_ref(), &found, &[], files.iter()).map(Some);
        }

        let writer = FileWriter::new(&log.folder, &schema, table.as_ref(), self.options)?;
        // Data files before the commit that names them: readers
        // see a version only when its files are whole.
        let new = self.write_files(log, &writer, files, &found)?;
        let added = new.iter().map(|file| file.add(true));
        let actions =
            rewrites().map(|(file, _)| actions::remove_action(file, true)).chain(added).collect();
        let metrics = json!({
            "numTargetRowsInserted": inserts - found.updated,
            "numTargetRowsUpdated": found.updated,
            "numTargetRowsDeleted": found.deleted,
            "numTargetFilesAdded": new.len(),
            "numTargetFilesRemoved": rewrites().count(),
        });
        let operation = if self.keys.is_some() { "MERGE" } else { "WRITE" };
        let kept = files.iter().zip(&found.leaving).filter(|(_, leaving)| leaving.is_none());
        let kept = kept.map(|(file, _)| file);
        let mut committed = self.summarize_commit(log, table.as_ref(), &found, &new, kept)?;
        // One step: a sudden end between submitting and
        // committing would leave files that no version names.
        let version = log.folder.shutdown().last_step(|| {
            // Before the commit: if that fails without an answer, it may
            // be there, and removing its files would break the table.
            let submitted = writer.submit_files();
            let version =
                commit_actions(log, table.as_ref(), &schema, operation, metrics, actions)?;
            if version.is_none() {
                submitted.withdraw_files();
            }
            Ok(version)
        })?;
        Ok(version.map(|version| {
            committed.version = version;
            committed
        }))
    }

    /// Writes the files that lose rows anew, and the run's rows.
    fn write_files(
        &self,
        log: &Log,
        writer: &FileWriter<'_>,
        files: &[DataFile],
        found: &Matches,
    ) -> Result<Vec<NewFile>> {
        let leaving = files.iter().zip(&found.leaving);
        let rewrites: Vec<_> =
            leaving.filter_map(|(file, leaving)| Some((file, leaving.as_ref()?))).collect();
        let threads = self.options.threads;
        let mut new = parallel::run(threads, rewrites.len(), |index| {
            let (file, leaving) = rewrites[index];
            let mut out = writer.begin_file(threads, rewrites.len());
            let mut first_row = 0;
            for batch in reader::open_file(&log.folder, file, None)? {
                let batch = batch?;
                // `leaving` counts the rows as the file has them, so
                // batches must come in the file's order.
                let stay = leaving.filter_unset(first_row, batch.num_rows());
                first_row += batch.num_rows() as u64;
                out.write(&batch.filter(&stay).context("cannot filter")?)?;
            }
            out.finish_file()
        })?;
        let rows = found.live.count();
        // Files of equal size: a last one with few rows would
        // be small, and be rewritten by the next compaction.
        let per_file = rows.div_ceil(rows.div_ceil(self.options.rows_per_file.max(1)).max(1));
        // One after the other, each on all threads: fewer row groups in memory.
        for slots in found.live.split_slots(per_file.max(1)) {
            let mut out = writer.begin_file(threads, 1);
            for batch in self.rows.read(slots, &found.live)? {
                out.write(&batch?)?;
            }
            new.push(out.finish_file()?);
        }
        Ok(new.into_iter().flatten().collect())
    }

    /// The next state, apart from the version.
    fn summarize_commit<'f>(
        &self,
        log: &Log,
        table: Option<&Snapshot>,
        found: &Matches,
        new: &[NewFile],
        kept: impl Iterator<Item = &'f DataFile>,
    ) -> Result<Committed> {
        let mut committed = Committed {
            version: table.map_or(0, |table| table.version),
            inserted: found.live.count() - found.updated,
            updated: found.updated,
            deleted: found.deleted,
            unchanged: found.unchanged,
            files: new.len() as u64,
            rows: new.iter().map(|file| file.rows).sum(),
            bytes: new.iter().map(|file| file.bytes).sum(),
        };
        for file in kept {
            committed.files += 1;
            committed.bytes += file.size;
            committed.rows += match file.rows {
                Some(rows) => rows,
                // Statistics are optional in Delta's log. The footer
                // has the number, and no column is read.
                None => reader::open_file(&log.folder, file, Some(&[]))?.count,
            };
        }
        Ok(committed)
    }
}

/// The union of what the table has and what is brought; checks first that the table may be
/// written at all.
fn table_schema(
    folder: &Folder,
    table: Option<&Snapshot>,
    brought: &SchemaRef,
) -> Result<TableSchema> {
    let schema = match table {
        None => TableSchema::new(brought),
        Some(table) => {
            compatibility::check_writable(folder, table, false)?;
            table.schema.union_with(brought)
        }
    };
    schema.with_context(|| format!("cannot write the Delta table '{folder}'"))
}

/// Adds the version after `table`, then brings manifest and checkpoint up to it. Gives the
/// version; `None` where another writer has added it.
fn commit_actions(
    log: &Log,
    table: Option<&Snapshot>,
    schema: &TableSchema,
    operation: &str,
    metrics: Value,
    changes: Vec<Value>,
) -> Result<Option<u64>> {
    let mut actions =
        vec![actions::commit_info_action(operation, table.map(|t| t.version), metrics)];
    match table {
        None => actions.extend(actions::create_actions(&log.folder, schema)),
        // For Spark a `metaData` action conflicts with every transaction
        // beside it, so there is one only where the schema changes.
        Some(table) if table.schema != *schema => actions.push(table.with_schema(schema)),
        Some(_) => {}
    }
    actions.extend(changes);
    let version = table.map_or(0, |table| table.version + 1);
    if !log.add_version(version, &actions)? {
        return Ok(None);
    }
    let newest = manifest::refresh_manifest(log).with_context(|| {
        format!("version {version} of '{}' is committed, but not its manifest", log.folder)
    })?;
    // 0 is a multiple of any interval, and one commit needs no checkpoint.
    if version > 0
        && newest.is_some_and(|table| version.is_multiple_of(table.checkpoint_interval()))
        && let Err(error) = log.write_checkpoint()
    {
        // Readers can do without a checkpoint, and the next one may succeed.
        tracing::warn!("{error:#}");
    }
    Ok(Some(version))
}

/// Lets the writer that was faster finish: a random while, longer each time, so that many writers
/// do not meet again and again.
fn back_off(attempt: usize) {
    // At most 50 ms at first, and 3.2 s in the end.
    let most = 50_u64 << attempt.min(6);
    let wait = getrandom::u64().map_or(most, |random| random % most);
    std::thread::sleep(std::time::Duration::from_millis(wait));
}

fn conflict_error(folder: &Folder) -> Error {
    Error::failed(format!(
        "other writers kept changing the Delta table '{folder}'; nothing was changed. Run again \
         when they are done"
    ))
}

#[cfg(test)]
mod tests;
