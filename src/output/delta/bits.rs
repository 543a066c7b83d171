//! Bits that several threads change at the same time.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use arrow::array::BooleanArray;
use arrow::buffer::BooleanBuffer;

use crate::output::rows::{Bitmap, Live};

/// One bit a row or slot. Threads are joined before anything depends on what they set, so no
/// order between the bits is needed.
pub(super) struct Bits {
    words: Vec<AtomicU64>,
    len: u64,
}

impl Bits {
    pub fn none_set(len: u64) -> Self {
        let words = (0..len.div_ceil(64)).map(|_| AtomicU64::new(0)).collect();
        Self { words, len }
    }

    pub fn copy_of(bitmap: &Bitmap) -> Self {
        let bits = Self::none_set(bitmap.len());
        for (word, start) in bits.words.iter().zip((0..bitmap.len()).step_by(64)) {
            let end = (start + 64).min(bitmap.len());
            let value = (start..end)
                .fold(0, |value, index| value | u64::from(bitmap.get(index)) << (index - start));
            word.store(value, Relaxed);
        }
        bits
    }

    /// False beyond the end, too.
    pub fn get(&self, index: u64) -> bool {
        let word = self.words.get((index / 64) as usize);
        word.is_some_and(|word| word.load(Relaxed) >> (index % 64) & 1 == 1)
    }

    pub fn set(&self, index: u64) {
        if let Some(word) = self.words.get((index / 64) as usize) {
            word.fetch_or(1 << (index % 64), Relaxed);
        }
    }

    pub fn clear(&self, index: u64) {
        if let Some(word) = self.words.get((index / 64) as usize) {
            word.fetch_and(!(1 << (index % 64)), Relaxed);
        }
    }

    pub fn count(&self) -> u64 {
        self.words.iter().map(|word| u64::from(word.load(Relaxed).count_ones())).sum()
    }

    /// Number of bits that are set here and in `other`.
    pub fn count_both(&self, other: &Self) -> u64 {
        let both = self.words.iter().zip(&other.words);
        both.map(|(a, b)| u64::from((a.load(Relaxed) & b.load(Relaxed)).count_ones())).sum()
    }

    /// The `rows` bits from `start` as a filter that keeps unset bits.
    pub fn filter_unset(&self, start: u64, rows: usize) -> BooleanArray {
        BooleanBuffer::collect_bool(rows, |row| !self.get(start + row as u64)).into()
    }

    /// Cuts the bits into ranges that hold `set` set bits each (the last may hold fewer), to
    /// within 64. Ranges without any are left out.
    pub fn split_slots(&self, set: u64) -> Vec<Range<u64>> {
        let mut ranges = Vec::new();
        let (mut start, mut held) = (0, 0);
        for (index, word) in self.words.iter().enumerate() {
            held += u64::from(word.load(Relaxed).count_ones());
            let end = (index as u64 * 64 + 64).min(self.len);
            if held >= set {
                ranges.push(start..end);
                (start, held) = (end, 0);
            }
        }
        if held > 0 {
            ranges.push(start..self.len);
        }
        ranges
    }
}

impl Live for Bits {
    fn is_live(&self, slot: u64) -> bool {
        self.get(slot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_split_covers_every_set_bit_once() {
        let mut bitmap = Bitmap::none_set(1000);
        (0..1000).filter(|index| index % 3 == 0 && !(300..400).contains(index)).for_each(|index| {
            bitmap.set(index);
        });
        let bits = Bits::copy_of(&bitmap);
        assert_eq!(bits.count(), bitmap.count());
        let ranges = bits.split_slots(50);
        assert!(ranges.len() > 3, "{ranges:?}");
        let mut next = 0;
        for range in &ranges {
            assert_eq!(range.start, next);
            next = range.end;
        }
        let held: u64 = ranges.iter().map(|range| bitmap.count_in(range.clone())).sum();
        assert_eq!(held, bits.count());
        bits.clear(0);
        bits.set(1);
        assert!(!bits.get(0) && bits.get(1) && !bits.get(5000));
        assert_eq!(bits.filter(0..4), Some(BooleanArray::from(vec![false, true, false, true])));
        assert_eq!(bits.filter_unset(0, 2), BooleanArray::from(vec![true, false]));
    }
}
