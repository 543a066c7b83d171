//! Which rows of a table a run replaces, deletes, or leaves as they are.
//!
//! The run's keys are held in a hash table, as many as the budget allows, and the key columns of
//! every file are streamed past it; with more keys than that, once a range of keys. The memory
//! that a file takes is one bit a row, and only where rows leave it.

use std::hash::{BuildHasherDefault, Hasher};
use std::ops::Range;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use arrow::array::{Array, AsArray, StringArray};
use hashbrown::HashMap;

use super::bits::Bits;
use super::log::Log;
use super::snapshot::DataFile;
use super::{Merge, WriteOptions, reader};
use crate::deid::{RowKey, row_key};
use crate::error::{Error, Result};
use crate::fhir::{UNKNOWN_TIME, parse_instant};
use crate::output::parallel;
use crate::output::rows::{Bitmap, Change, KEY_PARTS, KeySource, split_keys};
use crate::table::{DeidentifiedBatch, find_field};

const LAST_UPDATED: &str = "meta.lastUpdated";

/// The matches of a merge.
pub(super) struct Matches {
    /// The run's rows that are to be written.
    pub live: Bits,
    /// Per file of the table, the rows that leave it; `None` where none does.
    pub leaving: Vec<Option<Bits>>,
    /// Rows of the run that take the place of a table's row.
    pub updated: u64,
    /// Rows that leave the table because the run deletes them.
    pub deleted: u64,
    /// Rows of the run that give way to the table's.
    pub unchanged: u64,
}

impl Matches {
    /// Where nothing is compared: every live row is new.
    pub fn no_matches(live: &Bitmap, files: usize) -> Self {
        let leaving = (0..files).map(|_| None).collect();
        Self { live: Bits::copy_of(live), leaving, updated: 0, deleted: 0, unchanged: 0 }
    }
}

/// Compares the run's keys with those of the table's files.
pub(super) fn find_matches(
    log: &Log,
    files: &[DataFile],
    live: &Bitmap,
    keys: &dyn KeySource,
    merge: Merge,
    options: &WriteOptions<'_>,
) -> Result<Matches> {
    let search = Search {
        log,
        files,
        options,
        merge,
        live: Bits::copy_of(live),
        matched: Bits::none_set(live.len()),
        leaving: files.iter().map(|_| OnceLock::new()).collect(),
        deleted: AtomicU64::new(0),
    };
    let wanted = search.live.count();
    for range in key_ranges(keys.count(), options.memory.key_bytes) {
        let table = search.load_keys(keys, range.clone())?;
        if !table.is_empty() {
            parallel::run(options.threads, files.len(), |index| {
                search.scan_files(index, &table, &range)
            })?;
        }
    }
    let updated = search.matched.count_both(&search.live);
    Ok(Matches {
        updated,
        deleted: search.deleted.into_inner(),
        unchanged: wanted - search.live.count(),
        live: search.live,
        leaving: search.leaving.into_iter().map(OnceLock::into_inner).collect(),
    })
}

/// The ranges of uppermost bytes that are compared one after the other, so that each fits the budget.
pub(super) fn key_ranges(keys: u64, budget: usize) -> Vec<Range<u16>> {
    // A hash table holds a power of two of entries, and is filled to seven eighths.
    let slots = (budget / (size_of::<(RowKey, KnownRow)>() + 1)).max(16);
    let fits = (1_u64 << slots.ilog2()) / 8 * 7;
    // Some ranges hold more keys than others: a sixteenth of room is left for them.
    let fits = fits - fits / 16;
    split_keys(keys, fits)
}

#[derive(Clone, Copy)]
struct KnownRow {
    /// [`DELETE`], or where the run's row is.
    slot: u64,
    last_updated: i64,
}

const DELETE: u64 = u64::MAX;

type KeyTable = HashMap<RowKey, KnownRow, BuildHasherDefault<KeyHasher>>;

/// Keys are hashes already.
#[derive(Default)]
struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    // `Hasher` asks for this; `RowKey` is a `u128`, so it is not called.
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u128(&mut self, key: u128) {
        self.0 = key as u64;
    }
}

struct Search<'a> {
    log: &'a Log,
    files: &'a [DataFile],
    options: &'a WriteOptions<'a>,
    merge: Merge,
    live: Bits,
    matched: Bits,
    leaving: Vec<OnceLock<Bits>>,
    deleted: AtomicU64,
}

impl Search<'_> {
    fn load_keys(&self, keys: &dyn KeySource, range: Range<u16>) -> Result<KeyTable> {
        let share = keys.count() * u64::from(range.end - range.start) / KEY_PARTS;
        let room = (share + share / 16 + 64) as usize;
        let mut table = KeyTable::with_capacity_and_hasher(room, Default::default());
        keys.scan(range, &mut |key, change| {
            let entry = match change {
                Change::Row { slot, last_updated } if self.live.get(slot) => {
                    KnownRow { slot, last_updated }
                }
                Change::Row { .. } => return,
                Change::Delete => KnownRow { slot: DELETE, last_updated: UNKNOWN_TIME },
            };
            table.insert(key, entry);
        })?;
        Ok(table)
    }

    fn scan_files(&self, index: usize, table: &KeyTable, range: &Range<u16>) -> Result<()> {
        let file = &self.files[index];
        let mut columns = self.options.key_columns.clone();
        if self.options.last_updated {
            columns.push(LAST_UPDATED.to_owned());
        }
        let rows = reader::open_file(&self.log.folder, file, Some(&columns))?;
        let count = rows.count;
        let mut first_row = 0;
        for batch in rows {
            let batch = batch?;
            let (keys, times) = self.read_columns(file, &batch)?;
            // Without its key column, no row of the file can be one of the run's.
            let Some(keys) = keys else { return Ok(()) };
            let mut parts = vec![""; keys.len()];
            for row in 0..batch.num_rows() {
                // As in SQL, a null equals nothing.
                if keys.iter().any(|column| column.is_null(row)) {
                    continue;
                }
                parts.iter_mut().zip(&keys).for_each(|(part, column)| *part = column.value(row));
                let key = row_key(&parts);
                // Keys of other passes are not in the hash table. This
                // look is cheaper than one into it.
                if !range.contains(&((key >> 120) as u16)) {
                    continue;
                }
                let Some(entry) = table.get(&key) else { continue };
                let time = times.filter(|times| times.is_valid(row)).map(|times| times.value(row));
                if self.resolve_match(*entry, time) {
                    self.leaving[index]
                        .get_or_init(|| Bits::none_set(count))
                        .set(first_row + row as u64);
                }
            }
            first_row += batch.num_rows() as u64;
        }
        Ok(())
    }

    /// Whether the table's row gives way to what the run says of its key.
    fn resolve_match(&self, entry: KnownRow, time: Option<&str>) -> bool {
        if entry.slot == DELETE {
            // A table of others may have a key twice: each of its rows is counted.
            // The bits of `matched` count a run's row once, whatever it replaces.
            self.deleted.fetch_add(1, Relaxed);
            return true;
        }
        let stays = match self.merge {
            Merge::InsertOnly => true,
            _ if !self.options.last_updated || entry.last_updated == UNKNOWN_TIME => false,
            _ => time.map(parse_instant).is_some_and(|time| {
                // `UNKNOWN_TIME` is the smallest number there is: in
                // the table it never makes the run's row give way.
                entry.last_updated < time
            }),
        };
        match stays {
            true => self.live.clear(entry.slot),
            false => self.matched.set(entry.slot),
        }
        !stays
    }

    /// The key columns, unless the file lacks one, and the times, if it has them.
    #[allow(clippy::type_complexity)]
    fn read_columns<'b>(
        &self,
        file: &DataFile,
        batch: &'b DeidentifiedBatch,
    ) -> Result<(Option<Vec<&'b StringArray>>, Option<&'b StringArray>)> {
        let batch = batch.as_arrow();
        let mut keys = Vec::with_capacity(self.options.key_columns.len());
        for name in &self.options.key_columns {
            let Some(index) = find_field(batch.schema_ref().fields(), name) else {
                return Ok((None, None));
            };
            let text = batch.column(index).as_string_opt::<i32>().ok_or_else(|| {
                let shown = self.log.folder.show(&file.name);
                Error::failed(format!("the key column '{name}' of '{shown}' is not text"))
            })?;
            keys.push(text);
        }
        let meta = find_field(batch.schema_ref().fields(), "meta");
        let meta = meta.and_then(|index| batch.column(index).as_struct_opt());
        let times = meta.and_then(|meta| {
            let index = find_field(meta.fields(), "lastUpdated")?;
            meta.column(index).as_string_opt::<i32>()
        });
        Ok((Some(keys), times))
    }
}
