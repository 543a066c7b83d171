//! Room for statements that are long chains: what reads, plans and runs them, and what takes them
//! apart, goes as deep as they are long.

use std::panic;
use std::sync::{Mutex, PoisonError};
use std::thread::{Builder, Scope, ScopedJoinHandle, scope};

use crate::error::{Context, Result};

/// Bytes of a stack on which a statement of [`LINKS`] can be worked on. Only what is used of them is
/// taken.
pub const STACK: usize = 256 << 20;

/// Operators, set operations and joins that a statement may have.
pub const LINKS: usize = 5_000;

/// Does something where there is room.
pub fn with<T: Send>(work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    scope(|scope| join(spawn(scope, work)?))
}

/// A thread with room.
pub fn spawn<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    work: impl FnOnce() -> T + Send + 'scope,
) -> Result<ScopedJoinHandle<'scope, T>> {
    let thread = Builder::new().name("study".to_owned()).stack_size(STACK);
    thread.spawn_scoped(scope, work).context("the system starts no thread")
}

/// What a thread gives; its panic, if it has one.
pub fn join<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panicked| panic::resume_unwind(panicked))
}

/// Does something with all items, several at once. After an error, what is under way comes to its end
/// and nothing more begins.
///
/// # Errors
/// The first: others may follow from it.
pub fn each<T: Sync>(
    items: &[T],
    threads: usize,
    work: impl Fn(&T) -> Result<()> + Sync,
) -> Result<()> {
    let threads = threads.clamp(1, items.len().max(1));
    if threads == 1 {
        return items.iter().try_for_each(work);
    }
    let state = Mutex::new((items.iter(), None));
    let held = || state.lock().unwrap_or_else(PoisonError::into_inner);
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
        let workers = (0..threads).map(|_| spawn(scope, worker));
        let workers: Vec<_> = workers.collect::<Result<_>>()?;
        workers.into_iter().for_each(join);
        Ok(())
    })?;
    let (_, failed) = state.into_inner().unwrap_or_else(PoisonError::into_inner);
    failed.map_or(Ok(()), Err)
}
