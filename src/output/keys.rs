//! The keys of a run's rows: which row of a key is the last, found without holding all keys.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;

use super::rows::{Bitmap, Change, KeySource};
use crate::deid::RowKey;
use crate::error::{Context, Result};
use crate::store::WorkFolder;
use crate::table::StagingArea;

// 16 bytes of key, 8 of slot, 8 of time.
const ENTRY: usize = 32;
/// The slot of a delete: behind all rows, so that it wins.
const DELETED: u64 = u64::MAX;

/// Collects keys; [`KeyIndex::resolve`] then tells which rows have lost.
pub struct KeyIndex {
    work: WorkFolder,
    recent: Vec<KeySlot>,
    /// Entries in memory before they are sorted and written out.
    in_memory: usize,
    runs: Vec<SortedRun>,
    keys: u64,
}

// The order of the fields is the order of sorting: of one key the highest slot is last, and wins.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct KeySlot {
    key: RowKey,
    slot: u64,
    last_updated: i64,
}

/// Sorted entries on disk.
struct SortedRun {
    file: File,
    /// Where each uppermost byte begins, in entries; 257 of them.
    starts: Vec<u64>,
}

impl KeyIndex {
    /// No keys yet.
    pub fn new(area: &StagingArea) -> Self {
        let (work, in_memory) = (area.work.clone(), area.memory.keys);
        Self { work, recent: Vec::new(), in_memory, runs: Vec::new(), keys: 0 }
    }

    /// Adds the row at `slot`.
    pub fn add(&mut self, key: RowKey, slot: u64, last_updated: i64) -> Result<()> {
        self.recent.push(KeySlot { key, slot, last_updated });
        if self.recent.len() >= self.in_memory { self.spill_run() } else { Ok(()) }
    }

    /// Adds a delete, which wins over rows of the same key.
    pub fn add_delete(&mut self, key: RowKey) -> Result<()> {
        self.add(key, DELETED, 0)
    }

    fn spill_run(&mut self) -> Result<()> {
        self.recent.sort_unstable();
        let mut bytes = Vec::with_capacity(self.recent.len() * ENTRY);
        let mut starts = vec![0; 257];
        for entry in &self.recent {
            bytes.extend(entry.key.to_le_bytes());
            bytes.extend(entry.slot.to_le_bytes());
            bytes.extend(entry.last_updated.to_le_bytes());
            starts[bucket_of(entry.key) + 1] += 1;
        }
        for byte in 0..256 {
            starts[byte + 1] += starts[byte];
        }
        let file = self.work.create_file()?;
        file.write_all_at(&bytes, 0)
            .with_context(|| format!("cannot write to the work folder '{}'", self.work))?;
        self.runs.push(SortedRun { file, starts });
        self.recent.clear();
        Ok(())
    }

    /// Clears from `live` every row that a later one, or a delete, has replaced. Gives how many
    /// rows lost to a later row, and how many to a delete.
    pub fn resolve(&mut self, live: &mut Bitmap) -> Result<(u64, u64)> {
        // From here on `recent` is searched as a sorted run, by `scan` too.
        self.recent.sort_unstable();
        let (mut replaced, mut deleted, mut keys) = (0, 0, 0);
        // Keys are hashes, so a 256th of all entries is in memory at a time, about.
        for byte in 0..=u8::MAX {
            let entries = self.read_bucket(byte)?;
            for (index, entry) in entries.iter().enumerate() {
                match entries.get(index + 1).filter(|next| next.key == entry.key) {
                    None => keys += 1,
                    // A second delete of the same key.
                    // `DELETED` is no slot: there is no bit to clear.
                    Some(_) if entry.slot == DELETED => {}
                    Some(next) => {
                        live.clear(entry.slot);
                        match next.slot {
                            DELETED => deleted += 1,
                            _ => replaced += 1,
                        }
                    }
                }
            }
        }
        self.keys = keys;
        Ok((replaced, deleted))
    }

    /// All entries with this uppermost byte, sorted.
    fn read_bucket(&self, byte: u8) -> Result<Vec<KeySlot>> {
        let from = self.recent.partition_point(|entry| bucket_of(entry.key) < usize::from(byte));
        let to = self.recent.partition_point(|entry| bucket_of(entry.key) <= usize::from(byte));
        let mut entries = self.recent[from..to].to_vec();
        for run in &self.runs {
            let (from, to) = (run.starts[usize::from(byte)], run.starts[usize::from(byte) + 1]);
            let mut bytes = vec![0; (to - from) as usize * ENTRY];
            run.file
                .read_exact_at(&mut bytes, from * ENTRY as u64)
                .with_context(|| format!("cannot read the work folder '{}'", self.work))?;
            entries.extend(bytes.as_chunks::<ENTRY>().0.iter().map(KeySlot::parse));
        }
        entries.sort_unstable();
        Ok(entries)
    }
}

impl KeySlot {
    fn parse(bytes: &[u8; ENTRY]) -> Self {
        let word = |at: usize| {
            let mut word = [0; 8];
            word.copy_from_slice(&bytes[at..at + 8]);
            u64::from_le_bytes(word)
        };
        Self {
            key: RowKey::from(word(8)) << 64 | RowKey::from(word(0)),
            slot: word(16),
            last_updated: word(24) as i64,
        }
    }
}

impl KeySource for KeyIndex {
    fn count(&self) -> u64 {
        self.keys
    }

    fn scan(&self, range: Range<u16>, visit: &mut dyn FnMut(RowKey, Change)) -> Result<()> {
        for byte in range.start..range.end.min(256) {
            let entries = self.read_bucket(byte as u8)?;
            for (index, entry) in entries.iter().enumerate() {
                if entries.get(index + 1).is_some_and(|next| next.key == entry.key) {
                    continue;
                }
                let KeySlot { slot, last_updated, .. } = *entry;
                visit(
                    entry.key,
                    match slot {
                        DELETED => Change::Delete,
                        _ => Change::Row { slot, last_updated },
                    },
                );
            }
        }
        Ok(())
    }
}

fn bucket_of(key: RowKey) -> usize {
    (key >> 120) as usize
}

#[cfg(test)]
mod tests;
