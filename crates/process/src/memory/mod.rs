//! How much memory this process may use, and how that is shared out.
//!
//! A container's limit is no reason to fail: data that doesn't fit goes to the work folder. So the
//! limit is read once, in `main`, and each stage is given its share of it. Without a limit, or with
//! a wide one, the shares are those that were measured to be fast.

mod cgroup;

use std::fmt;
use std::thread;

const MIB: u64 = 1 << 20;

/// From here on more memory makes nothing faster, apart from more threads.
const ENOUGH: u64 = 1024 * MIB;
/// The memory of a thread: chunks under way, columns being built and encoded, the memory that
/// the allocator keeps for it. Measured with wide tables.
const PER_THREAD: u64 = 96 * MIB;
/// Bytes of values of a Parquet row group.
const ROW_GROUP_VALUES: usize = 512 << 20;
/// Shares never get smaller than this part of the full ones.
const LEAST: u64 = 8;

/// Where a limit is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitSource {
    /// A control group: of a container, a pod, a systemd service.
    Cgroup,
    /// The memory of the machine.
    Machine,
}

/// A limit of this process's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Bytes, of everything that counts: the page cache of files being written, too.
    pub bytes: u64,
    /// Where it is from.
    pub source: LimitSource,
}

impl Limit {
    /// The smallest limit that holds for this process; `None` where the system tells nothing.
    pub fn find_limit() -> Option<Self> {
        let cgroup = cgroup::find_limit().map(|bytes| Self { bytes, source: LimitSource::Cgroup });
        let machine = machine_bytes().map(|bytes| Self { bytes, source: LimitSource::Machine });
        // A group may be allowed more than the machine has.
        cgroup.into_iter().chain(machine).min_by_key(|limit| limit.bytes)
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = self.bytes / MIB;
        match self.source {
            LimitSource::Cgroup => write!(f, "memory is limited to {mib} MiB by a cgroup"),
            LimitSource::Machine => write!(f, "this machine has {mib} MiB of memory"),
        }
    }
}

/// How the memory is shared out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// The limit that it was made for.
    pub limit: Option<Limit>,
    /// Cores that it was made for.
    pub cores: usize,
    /// Worker threads where the user names none.
    pub threads: usize,
    /// Bytes of input that are between the reader and the end of the line, all threads together.
    pub chunks: usize,
    /// For rows between the workers and their table.
    pub staging: StagingShare,
    /// For tables that are written.
    pub writing: WritingShare,
    /// New pairs of the ID mapping in memory, some 100 bytes each.
    pub mapping_pairs: usize,
    /// MiB of a part of an upload to a bucket.
    pub part_mib: u64,
}

/// The part of a table's staged rows that stays in memory; the rest goes to the work folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StagingShare {
    /// Bytes of rows, for each form.
    pub row_bytes: usize,
    /// Keys of rows, 32 bytes each, before they are sorted and written out.
    pub keys: usize,
}

/// The memory that writing a table may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WritingShare {
    /// Bytes of a run's keys that are compared with a table in one pass.
    pub key_bytes: usize,
    /// Bytes of a Parquet row group under way.
    pub row_group_bytes: usize,
    /// Bytes of all Parquet row groups under way.
    pub all_group_bytes: usize,
    /// Bytes of values after which a row group ends, however little they take as a dictionary:
    /// a reader of it may hold all of its values. The same for all limits.
    pub row_group_values: usize,
}

impl Budget {
    /// MiB of a part of an upload where memory is not short.
    pub const PART_MIB: u64 = 8;

    /// The budget of this process, by its limit and its cores as they are now.
    pub fn of_process() -> Self {
        Self::for_limit(Limit::find_limit(), count_cores())
    }

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
            cores,
            threads: cores.min(threads).max(1),
            chunks: match bytes {
                ..ENOUGH => size(48 * MIB),
                // Each thread some.
                _ => usize::try_from(bytes / 16).unwrap_or(usize::MAX),
            },
            staging: StagingShare { row_bytes: size(24 * MIB), keys: size(1 << 18) },
            writing: WritingShare {
                key_bytes: size(64 * MIB),
                row_group_bytes: size(32 * MIB),
                all_group_bytes: size(64 * MIB),
                row_group_values: ROW_GROUP_VALUES,
            },
            mapping_pairs: size(100_000),
            part_mib: share(Self::PART_MIB).max(5),
        }
    }

    /// Whether the limit makes anything smaller or slower than it could be.
    pub fn is_tight(&self) -> bool {
        let free = Self::for_limit(None, self.cores);
        // Chunks grow with the memory without an end: less of them is not a lack.
        *self != Self { limit: self.limit, chunks: self.chunks, ..free }
    }
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
