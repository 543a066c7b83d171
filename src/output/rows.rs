//! A run's rows for one table, and their keys.
//!
//! The formats see a run through these traits only. Rows are numbered from 0 in input order
//! (a row's *slot*), superseded ones included; a [`Bitmap`] tells which are still wanted.

use std::ops::Range;

use arrow::array::BooleanArray;
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::SchemaRef;

use crate::deid::RowKey;
use crate::error::Result;
use crate::table::DeidentifiedBatch;

/// De-identified rows of one table, staged in memory or on disk, readable any number of times.
pub trait RowSource: Send + Sync {
    /// The table's schema after this run's shape: what every batch of [`RowSource::read`] has.
    fn schema(&self) -> SchemaRef;

    /// Number of slots: rows staged, the superseded ones too.
    fn slots(&self) -> u64;

    /// The rows of `slots` that are `live`, in order, in batches of some thousands. Several
    /// threads may read different ranges at the same time.
    fn read<'a>(&'a self, slots: Range<u64>, live: &'a dyn Live) -> Result<Batches<'a>>;
}

/// An iterator over staged rows.
pub type Batches<'a> = Box<dyn Iterator<Item = Result<DeidentifiedBatch>> + Send + 'a>;

/// Which slots are wanted.
pub trait Live: Send + Sync {
    /// Whether this one is.
    fn is_live(&self, slot: u64) -> bool;

    /// A filter that keeps what is wanted; `None` where that is all.
    fn filter(&self, slots: Range<u64>) -> Option<BooleanArray> {
        let rows = slots.end.saturating_sub(slots.start) as usize;
        let keep = BooleanBuffer::collect_bool(rows, |row| self.is_live(slots.start + row as u64));
        // Most batches keep all rows: filtering those would copy them for nothing.
        (keep.count_set_bits() < rows).then(|| keep.into())
    }
}

/// The last entry of a run for one key. A key occurs once: the last row of the run has won, and a delete
/// wins over rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The run brings this row.
    Row {
        /// Where it is staged.
        slot: u64,
        /// `meta.lastUpdated` in microseconds since 1970 UTC; [`UNKNOWN_TIME`](crate::fhir::UNKNOWN_TIME) where absent or
        /// not a time.
        last_updated: i64,
    },
    /// The run deletes the row.
    Delete,
}

/// Parts into which keys can be cut: the values of their uppermost byte.
pub const KEY_PARTS: u64 = 256;

/// Ranges of uppermost bytes for [`KeySource::scan`] that cover all of `keys` keys, about `fits` of them each where
/// that many parts are enough. `fits` is 1 or more.
pub fn split_keys(keys: u64, fits: u64) -> Vec<Range<u16>> {
    let passes = keys.div_ceil(fits).clamp(1, KEY_PARTS);
    // 256 times 256 is more than a `u16` holds.
    let cut = |pass: u64| (KEY_PARTS * pass / passes) as u16;
    (0..passes).map(|pass| cut(pass)..cut(pass + 1)).collect()
}

/// The keys of a run's rows and deletes, readable by range so that a table need not be held
/// whole in memory.
pub trait KeySource: Send + Sync {
    /// How many keys there are in all.
    fn count(&self) -> u64;

    /// Gives every key whose uppermost byte is in `range` to `visit`, each once, in any order.
    fn scan(&self, range: Range<u16>, visit: &mut dyn FnMut(RowKey, Change)) -> Result<()>;
}

/// One bit a slot.
#[derive(Clone, Debug, Default)]
pub struct Bitmap {
    words: Vec<u64>,
    len: u64,
}

impl Bitmap {
    /// A bitmap of `len` bits, all set.
    pub fn all_set(len: u64) -> Self {
        let mut words = vec![u64::MAX; len.div_ceil(64) as usize];
        // Bits beyond the end stay unset, so that `count` need not mask them.
        if let (Some(last), rest @ 1..) = (words.last_mut(), len % 64) {
            *last = (1 << rest) - 1;
        }
        Self { words, len }
    }

    /// A bitmap of `len` bits, none set.
    pub fn none_set(len: u64) -> Self {
        Self { words: vec![0; len.div_ceil(64) as usize], len }
    }

    /// Number of bits, set or not.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether the bitmap has no bits at all.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether bit `index` is set.
    pub fn get(&self, index: u64) -> bool {
        self.words[(index / 64) as usize] >> (index % 64) & 1 == 1
    }

    /// Sets bit `index`.
    pub fn set(&mut self, index: u64) {
        self.words[(index / 64) as usize] |= 1 << (index % 64);
    }

    /// Clears bit `index`.
    pub fn clear(&mut self, index: u64) {
        self.words[(index / 64) as usize] &= !(1 << (index % 64));
    }

    /// Number of set bits.
    pub fn count(&self) -> u64 {
        self.words.iter().map(|word| u64::from(word.count_ones())).sum()
    }

    /// Number of set bits in `range`.
    pub fn count_in(&self, range: Range<u64>) -> u64 {
        if range.is_empty() {
            return 0;
        }
        let (first, last) = (range.start / 64, (range.end - 1) / 64);
        let count = |word: u64| -> u64 {
            let mut bits = self.words[word as usize];
            if word == first {
                bits &= u64::MAX << (range.start % 64);
            }
            if word == last {
                bits &= u64::MAX >> (63 - (range.end - 1) % 64);
            }
            bits.count_ones().into()
        };
        (first..=last).map(count).sum()
    }
}

impl Live for Bitmap {
    fn is_live(&self, slot: u64) -> bool {
        self.get(slot)
    }
}

#[cfg(test)]
mod tests;
