//! How much memory this process may use, and how that is shared out.
//!
//! A container's limit is no reason to fail: what doesn't fit goes to the work folder. So the
//! limit is read once, and the stages ask for their share of it. Without a limit, or with a wide
//! one, the shares are those that were measured to be fast.

mod cgroup;

use std::fmt;
use std::sync::LazyLock;
use std::thread;

const MIB: u64 = 1 << 20;

/// From here on more memory makes nothing faster, apart from more threads.
const ENOUGH: u64 = 1024 * MIB;
/// What a thread takes: chunks under way, columns being built and encoded, what the allocator
/// keeps for it. Measured with wide tables.
const PER_THREAD: u64 = 96 * MIB;
/// Shares never get smaller than this part of the full ones.
const LEAST: u64 = 8;

/// Where a limit is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A control group: of a container, a pod, a systemd service.
    Cgroup,
    /// What the machine has.
    Machine,
}

/// A limit of this process's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Bytes, of everything that counts: the page cache of files being written, too.
    pub bytes: u64,
    /// Where it is from.
    pub source: Source,
}

impl Limit {
    /// The smallest limit that holds for this process; `None` where the system tells nothing.
    pub fn find_limit() -> Option<Self> {
        let cgroup = cgroup::find_limit().map(|bytes| Self { bytes, source: Source::Cgroup });
        let machine = machine_bytes().map(|bytes| Self { bytes, source: Source::Machine });
        cgroup.into_iter().chain(machine).min_by_key(|limit| limit.bytes)
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = self.bytes / MIB;
        match self.source {
            Source::Cgroup => write!(f, "memory is limited to {mib} MiB by a cgroup"),
            Source::Machine => write!(f, "this machine has {mib} MiB of memory"),
        }
    }
}

/// How the memory is shared out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// What it was made for.
    pub limit: Option<Limit>,
    /// Worker threads where the user names none.
    pub threads: usize,
    /// Bytes of input that are between the reader and the end of the line, all threads together.
    pub chunks: usize,
    /// Bytes of a table's staged rows that stay in memory, for each form.
    pub staged: usize,
    /// Keys of a table's rows in memory, 32 bytes each, before they are sorted and written out.
    pub index_keys: usize,
    /// Bytes of a run's keys that are compared with a table at once.
    pub merge_keys: usize,
    /// Bytes of a Parquet row group under way.
    pub row_group: usize,
    /// Bytes of all row groups that are under way at once.
    pub row_groups: usize,
    /// MiB of a part of an upload to a bucket.
    pub part_mib: u64,
    /// New pairs of the ID mapping in memory, some 100 bytes each.
    pub mapping_pairs: usize,
}

impl Budget {
    /// The shares for this limit on so many cores.
    pub fn for_limit(limit: Option<Limit>, cores: usize) -> Self {
        let bytes = limit.map_or(u64::MAX, |limit| limit.bytes);
        // The full share, or as much less as there is less memory.
        let share =
            |full: u64| (full * (bytes.min(ENOUGH) / MIB) / (ENOUGH / MIB)).max(full / LEAST);
        let size = |full: u64| usize::try_from(share(full)).unwrap_or(usize::MAX);
        let threads = usize::try_from(bytes / PER_THREAD).unwrap_or(usize::MAX);
        Self {
            limit,
            threads: cores.min(threads).max(1),
            chunks: match bytes {
                ..ENOUGH => size(48 * MIB),
                // Each thread some.
                _ => usize::try_from(bytes / 16).unwrap_or(usize::MAX),
            },
            staged: size(24 * MIB),
            index_keys: size(1 << 18),
            merge_keys: size(64 * MIB),
            row_group: size(32 * MIB),
            row_groups: size(64 * MIB),
            part_mib: share(8).max(5),
            mapping_pairs: size(100_000),
        }
    }

    /// Whether the limit makes anything smaller or slower than it could be.
    pub fn is_tight(&self, cores: usize) -> bool {
        *self != Self { limit: self.limit, chunks: self.chunks, ..Self::for_limit(None, cores) }
    }
}

/// The budget of this process, made when it is first asked for.
pub fn budget() -> &'static Budget {
    static BUDGET: LazyLock<Budget> =
        LazyLock::new(|| Budget::for_limit(Limit::find_limit(), count_cores()));
    &BUDGET
}

/// Cores that this process may use; a container's CPU limit counts.
pub fn count_cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// All memory of the machine.
fn machine_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(test)]
mod tests;
