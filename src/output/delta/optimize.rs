//! Housekeeping: small files become large ones, and what no version needs any more is removed.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use deltalake_core::checkpoints::cleanup_expired_logs_for;
use deltalake_core::table::config::TablePropertiesExt;
use deltalake_core::table::state::DeltaTableState;
use futures::TryStreamExt;
use object_store::ObjectMeta;
use serde_json::json;

use super::actions::{now_millis, remove_action};
use super::compatibility;
use super::log::Log;
use super::snapshot::{DataFile, Snapshot, relative_name};
use super::write::{FileWriter, is_data_file};
use super::{ATTEMPTS, WriteOptions, commit_actions, reader};
use crate::error::{Context, Result};
use crate::output::parallel;
use crate::store::Folder;

/// Settings of how long something is kept; a week and more by default.
const KEPT_FOR: [&str; 2] = ["delta.deletedFileRetentionDuration", "delta.logRetentionDuration"];
const DAY: i64 = 24 * 60 * 60 * 1000;
/// Files beyond this are not small, however few rows they have.
// Half of `FILE_BYTES`, as half of the rows is the other bound.
const SMALL_BYTES: u64 = 256 << 20;

/// The result of housekeeping.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Optimized {
    /// The table's version after it.
    pub version: u64,
    /// Small files that became part of larger ones.
    pub compacted: u64,
    /// Files that no version needs any more, removed.
    pub vacuumed: u64,
}

/// Joins a table's small files, removes data files that left the table longer ago than it keeps
/// them (`delta.deletedFileRetentionDuration`, 7 days) or never became part of it, and writes a
/// checkpoint of the log where one is due. Does nothing where there is no table.
///
/// # Errors
/// A table that asks of its writers what this program doesn't do; a store that refuses.
pub fn optimize_table(folder: &Folder, options: &WriteOptions<'_>) -> Result<Optimized> {
    let log = Log::open_log(folder)?;
    let mut done = Optimized::default();
    // One listing gives the log and the data files. A file that another
    // writer adds later is not in it, so it cannot be taken for an orphan.
    let objects = log.list_objects()?;
    for attempt in 0..ATTEMPTS {
        let table = if attempt == 0 { log.cached_snapshot()? } else { log.read_snapshot()? };
        let Some(table) = table else { return Ok(done) };
        compatibility::check_writable(folder, &table, false)?;
        done.version = table.version;
        // Another writer's commit is no reason to fail: the next run tries again.
        if let Some((version, compacted)) = compact_files(&log, &table, options)? {
            (done.version, done.compacted) = (version, compacted);
            break;
        }
    }
    done.vacuumed = remove_unneeded(&log, objects, now_millis())?;
    Ok(done)
}

/// Gives the version and how many files became part of larger ones; `None` where another writer
/// was faster.
fn compact_files(
    log: &Log,
    table: &Snapshot,
    options: &WriteOptions<'_>,
) -> Result<Option<(u64, u64)>> {
    let bins = group_small_files(table, options.rows_per_file);
    if bins.is_empty() {
        return Ok(Some((table.version, 0)));
    }
    let writer = FileWriter::new(&log.folder, &table.schema, Some(table), options)?;
    let new = parallel::run(options.threads, bins.len(), |index| {
        let mut out = writer.begin_file(options.threads, bins.len());
        for (_, rows) in reader::open_each(&log.folder, bins[index].iter().copied()) {
            for batch in rows? {
                out.write(&batch?)?;
            }
        }
        out.finish_file()
    })?;
    let new: Vec<_> = new.into_iter().flatten().collect();
    // `dataChange: false` (Delta's protocol) says that rows have
    // only moved: streams that read the table skip such a commit.
    let removed = bins.iter().flatten().map(|file| remove_action(file, false));
    let actions = removed.chain(new.iter().map(|file| file.add(false))).collect();
    let files: usize = bins.iter().map(Vec::len).sum();
    let metrics = json!({"numRemovedFiles": files, "numAddedFiles": new.len()});
    let version = log.folder.shutdown().last_step(|| {
        let submitted = writer.submit_files();
        let version =
            commit_actions(log, Some(table), &table.schema, "OPTIMIZE", metrics, actions)?;
        if version.is_none() {
            submitted.withdraw_files();
        }
        Ok(version)
    })?;
    Ok(version.map(|version| (version, files as u64)))
}

/// Groups of two and more small files, each with about as many rows as a file should have.
fn group_small_files(table: &Snapshot, rows_per_file: u64) -> Vec<Vec<&DataFile>> {
    let small = table.files.iter().filter_map(|file| {
        // A file whose rows the log does not tell would have to be opened to be judged.
        let rows = file.rows?;
        (rows < rows_per_file / 2 && file.size < SMALL_BYTES).then_some((rows, file))
    });
    let mut small: Vec<_> = small.collect();
    small.sort_by(|(a, x), (b, y)| (a, &x.name).cmp(&(b, &y.name)));
    let mut bins: Vec<Vec<&DataFile>> = Vec::new();
    let mut held = u64::MAX;
    for (rows, file) in small {
        match bins.last_mut() {
            Some(bin) if held + rows <= rows_per_file => {
                bin.push(file);
                held += rows;
            }
            _ => {
                bins.push(vec![file]);
                held = rows;
            }
        }
    }
    // A file alone would only be copied.
    bins.retain(|bin| bin.len() > 1);
    bins
}

/// Removes those of the table's `objects` that no version within the retention time needs, as seen
/// at `now`; gives how many. Writes a checkpoint first where one is due.
pub(super) fn remove_unneeded(log: &Log, objects: Vec<ObjectMeta>, now: i64) -> Result<u64> {
    let context = || format!("cannot clean up the Delta table '{}'", log.folder);
    // The live files are read before the tombstones: a
    // file that leaves in between counts as live still.
    let Some(table) = log.cached_snapshot()? else { return Ok(0) };
    if log.commits_since_checkpoint() > table.checkpoint_interval() {
        log.write_checkpoint()?;
    }
    let live: HashSet<&str> = table.files.iter().map(|file| file.name.as_str()).collect();
    let old = |time: DateTime<Utc>| time.timestamp_millis() < now - DAY;
    let may_go =
        |object: &ObjectMeta| old(object.last_modified) && !live.contains(object.location.as_ref());
    let by_default = KEPT_FOR.iter().all(|setting| table.table_setting(setting).is_none());
    // The library reads the whole log anew to find the tombstones. Where
    // nothing is a day old, the default week cannot have passed for anything.
    if by_default && !objects.iter().any(may_go) && !log.oldest_entry_time().is_some_and(old) {
        return Ok(0);
    }
    let state = log.folder.storage().block_on(DeltaTableState::try_new(log.store.as_ref(), None));
    let state = state.with_context(context)?;
    let retention = state.table_config().deleted_file_retention_duration().as_millis() as i64;
    // The stream begins its work when it is made, so it must be made on the runtime.
    let tombstones = log
        .folder
        .storage()
        .block_on(async { state.all_tombstones(log.store.as_ref()).try_collect::<Vec<_>>().await });
    let removed: HashMap<String, i64> = tombstones
        .with_context(context)?
        .iter()
        .map(|file| {
            let path = file.path();
            let name = relative_name(&log.folder, &path).unwrap_or_else(|_| path.into_owned());
            (name, file.deletion_timestamp().unwrap_or(0))
        })
        .collect();
    let mut count = 0;
    for object in objects {
        let parts = object.location.parts().map(|part| part.as_ref().to_owned());
        let parts: Vec<String> = parts.collect();
        let name = parts.join("/");
        let old = |than: i64| object.last_modified.timestamp_millis() < now - than;
        let gone = match removed.get(&name) {
            _ if live.contains(name.as_str()) => false,
            // A file is written before it is removed, so its own time matters
            // only where the clock of the writer that removed it was wrong.
            Some(when) => *when < now - retention && old(retention),
            // Never part of the table: left by a merge that died, or about to be committed by
            // one that runs. Other people's files may lie here too, but not under such a name.
            // At least a day, even if the table keeps files for no
            // time: another run may be writing this one now.
            None => is_data_file(&name) && old(retention.max(DAY)),
        };
        if gone {
            log.folder.remove(&name)?;
            count += 1;
        }
    }
    if state.table_config().enable_expired_log_cleanup() {
        let cutoff = now - state.table_config().log_retention_duration().as_millis() as i64;
        let cleaned = cleanup_expired_logs_for(table.version, log.store.as_ref(), cutoff, None);
        log.folder.storage().block_on(cleaned).with_context(context)?;
    }
    Ok(count)
}
