//! Room for statements that are long chains: the code that reads, plans and runs them, and the code
//! that takes them apart, recurses as deep as they are long.

use std::sync::Mutex;
use std::thread::scope;

use crate::error::{Error, Result};
use crate::poison::ignore_poison;
use crate::threads::{Thread, join_scoped};

/// Bytes of a stack on which a statement of [`LINKS`] can be worked on. The system gives only
/// the bytes that are used.
pub const STACK: usize = 256 << 20;

/// Operators, set operations and joins that a statement may have.
pub const LINKS: usize = 5_000;

/// A thread with room.
const THREAD: Thread = Thread::named("study").with_stack(STACK);

/// Runs `work` on a thread with room.
pub fn with_room<T: Send>(work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    scope(|scope| join_scoped(THREAD.start_in(scope, work)?))
}

/// Runs `work` on all items, several at the same time. After an error, items under way come to their end
/// and no more begin.
///
/// # Errors
/// The first: others may follow from it.
pub fn for_each_item<T: Sync>(
    items: &[T],
    threads: usize,
    work: impl Fn(&T) -> Result<()> + Sync,
) -> Result<()> {
    let threads = threads.clamp(1, items.len().max(1));
    // The calling thread has room already: commands of studies run within `with_room`.
    if threads == 1 {
        return items.iter().try_for_each(work);
    }
    let state = Mutex::new((items.iter(), None));
    let held = || ignore_poison(state.lock());
    let next = || held().0.next();
    let worker = || {
        while let Some(item) = next() {
            if let Err(error) = work(item) {
                let (rest, failed) = &mut *held();
                *rest = [].iter();
                failed.get_or_insert(error);
            }
        }
    };
    scope(|scope| {
        let workers = (0..threads).map(|_| THREAD.start_in(scope, worker));
        // Where a thread can't be had, the scope still waits for those that were started, and these go
        // on to the last item. The error comes after that.
        let workers: Vec<_> = workers.collect::<Result<_>>()?;
        workers.into_iter().for_each(join_scoped);
        Ok::<_, Error>(())
    })?;
    let (_, failed) = ignore_poison(state.into_inner());
    failed.map_or(Ok(()), Err)
}
