//! How many workers a run has.

use tracing::{debug, info, warn};

use crate::memory::Budget;
use crate::ui::format_count;

/// Says what memory there is and what that leads to, and gives how many of the threads that are
/// wanted it is enough for.
pub(super) fn fit_threads(budget: &Budget, wanted: usize) -> usize {
    let Some(limit) = &budget.limit else { return wanted };
    let threads = wanted.min(Budget::for_limit(budget.limit, wanted).threads);
    let shown = format_count(threads as u64, "thread");
    // The user's own number is told when it is cut. The default one fits the memory already.
    if threads < wanted.min(budget.cores) || threads < wanted && wanted != budget.threads {
        warn!(memory_limit_bytes = limit.bytes, "{limit}: {shown} instead of {wanted}");
    }
    if budget.is_tight() {
        let mib = |bytes: usize| bytes >> 20;
        info!(
            memory_limit_bytes = limit.bytes,
            threads,
            "{limit}: {shown}, {} MiB of input under way, {} MiB of rows a table in \
             memory, row groups of {} MiB; the rest goes to the work folder",
            mib(budget.chunks),
            mib(budget.staging.row_bytes),
            mib(budget.writing.row_group_bytes),
        );
    } else {
        debug!(memory_limit_bytes = limit.bytes, threads, "{limit}: enough for {shown}");
    }
    threads
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::{Limit, LimitSource};

    #[test]
    fn threads_are_as_many_as_the_memory_is_enough_for() {
        let free = Budget::for_limit(None, 2);
        assert_eq!(fit_threads(&free, 64), 64);
        let limit = Limit { bytes: 512 << 20, source: LimitSource::Cgroup };
        let tight = Budget::for_limit(Some(limit), 2);
        assert_eq!((fit_threads(&tight, 1), fit_threads(&tight, 64)), (1, 5));
    }
}
