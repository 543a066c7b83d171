//! Memory and disk for commands that run queries, as options of theirs.

use clap::Args;

use crate::claim;
use crate::error::Result;
use crate::store::{Storage, WorkFolder};
use crate::study::engine::datafusion::Limits;

/// Memory and disk for queries.
#[derive(Args, Debug)]
pub(super) struct LimitArgs {
    /// Memory for queries, in MiB; what needs more goes to the disk [default: half of the machine's or
    /// container's]
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u64).range(64..))]
    memory_limit: Option<u64>,
    /// Local folder for temporary files [default: the system's temporary folder]
    #[arg(long, value_name = "DIR")]
    pub(super) work_dir: Option<String>,
}

impl LimitArgs {
    /// The machine's limits, but for those that were given.
    pub(super) fn resolve_limits(&self) -> Limits {
        let mut limits = Limits::of_machine();
        if let Some(mib) = self.memory_limit {
            limits.memory = usize::try_from(mib.saturating_mul(1 << 20)).unwrap_or(usize::MAX);
        }
        limits
    }

    /// Beside no data: what is spilled is patients' data, and must not go into a database.
    pub(super) fn open_work(&self, storage: &Storage) -> Result<WorkFolder> {
        claim::refuse_work_folder(self.work_dir.as_deref(), storage)?;
        WorkFolder::create_apart(self.work_dir.as_deref(), storage)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_limit_does_not_turn_into_a_small_one() {
        let bytes_of = |mib| {
            let args = LimitArgs { memory_limit: Some(mib), work_dir: None };
            args.resolve_limits().memory
        };
        assert_eq!(bytes_of(64), 64 << 20);
        for mib in [1 << 44, (1 << 44) + 1, u64::MAX] {
            assert_eq!(bytes_of(mib), usize::MAX, "{mib}");
        }
    }
}
