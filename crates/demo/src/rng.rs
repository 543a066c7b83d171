//! Numbers that look random and follow from the seed alone, on every machine and thread.

/// The number that hashing starts from and steps by (the golden ratio's bits).
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// Spreads the bits of `value` over all 64 (the finaliser of SplitMix64).
fn spread_bits(mut value: u64) -> u64 {
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// One number made of several: the same parts in the same order give the same number.
pub(super) fn mix_parts(parts: &[u64]) -> u64 {
    parts
        .iter()
        .fold(STEP, |hash, part| spread_bits(hash ^ part.wrapping_mul(STEP)).wrapping_add(STEP))
}

/// A generator of pseudo-random numbers (SplitMix64).
#[derive(Clone)]
pub(super) struct Rng(u64);

impl Rng {
    /// The generator that belongs to these parts (seed, type, patient, row …).
    pub(super) fn from_parts(parts: &[u64]) -> Self {
        Self(mix_parts(parts))
    }

    /// The next 64 bits.
    pub(super) fn next_bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        spread_bits(self.0)
    }

    /// A number below `limit` (0 if `limit` is 0).
    pub(super) fn pick_below(&mut self, limit: u64) -> u64 {
        // A multiplication in place of a remainder: faster, and its bias is below limit / 2^64.
        ((u128::from(self.next_bits()) * u128::from(limit)) >> 64) as u64
    }

    /// A number from `low` to `high`, both included.
    pub(super) fn pick_between(&mut self, low: i64, high: i64) -> i64 {
        low + self.pick_below((high - low + 1).unsigned_abs()) as i64
    }

    /// True once in `odds` times, on average.
    pub(super) fn one_in(&mut self, odds: u64) -> bool {
        self.pick_below(odds) == 0
    }

    /// One of `list`, which must not be empty.
    pub(super) fn pick_item<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.pick_below(list.len() as u64) as usize]
    }
}

/// A resource's id: `e` and 22 of FHIR's 64 id characters, as Epic's look.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Id([u8; 23]);

impl Id {
    /// The id of the row that these parts name.
    pub(super) fn from_parts(parts: &[u64]) -> Self {
        const CHARACTERS: &[u8; 64] =
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.";
        let first = mix_parts(parts);
        let mut bits = (u128::from(first) << 64) | u128::from(spread_bits(first ^ STEP));
        let mut id = [b'e'; 23];
        for byte in &mut id[1..] {
            *byte = CHARACTERS[(bits & 63) as usize];
            bits >>= 6;
        }
        Self(id)
    }

    /// Its characters, all of them ASCII.
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}
