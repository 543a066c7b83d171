//! How many workers a run has.

use tracing::{debug, info, warn};

use crate::memory;

/// Says what memory there is and what that leads to, and gives how many of the threads that are
/// wanted it is enough for.
pub(super) fn fit_threads(wanted: usize) -> usize {
    let budget = memory::budget();
    let cores = memory::count_cores();
    let Some(limit) = &budget.limit else { return wanted };
    let threads = wanted.min(memory::Budget::for_limit(budget.limit, wanted).threads);
    if threads < wanted.min(cores) || threads < wanted && wanted != budget.threads {
        warn!(memory_limit_bytes = limit.bytes, "{limit}: {threads} threads instead of {wanted}");
    }
    if budget.is_tight(cores) {
        let mib = |bytes: usize| bytes >> 20;
        info!(
            memory_limit_bytes = limit.bytes,
            threads,
            "{limit}: {threads} threads, {} MiB of input under way, {} MiB of rows a table in \
             memory, row groups of {} MiB; the rest goes to the work folder",
            mib(budget.chunks),
            mib(budget.staged),
            mib(budget.row_group),
        );
    } else {
        debug!(memory_limit_bytes = limit.bytes, threads, "{limit}: enough for {threads} threads");
    }
    threads
}
