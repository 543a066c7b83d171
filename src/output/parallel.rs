//! Jobs on a few threads.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread;

use crate::error::Result;
use crate::poison::ignore_poison;
use crate::threads::Thread;

/// Does the jobs `0..jobs` on up to `threads` threads, begun in order; gives their results in
/// order. After a failure no further job begins.
pub fn run<T: Send>(
    threads: usize,
    jobs: usize,
    job: impl Fn(usize) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    // On the caller's own thread: no thread to be refused, and `Shutdown::last_step` holds for it.
    if threads <= 1 || jobs <= 1 {
        return (0..jobs).map(job).collect();
    }
    let (next, failed) = (AtomicUsize::new(0), AtomicBool::new(false));
    let results = Mutex::new(Vec::with_capacity(jobs));
    let worker = || {
        while !failed.load(Relaxed) {
            let index = next.fetch_add(1, Relaxed);
            if index >= jobs {
                break;
            }
            let result = job(index);
            failed.fetch_or(result.is_err(), Relaxed);
            ignore_poison(results.lock()).push((index, result));
        }
    };
    thread::scope(|scope| {
        let mut workers = 0..threads.min(jobs);
        let started =
            workers.try_for_each(|_| Thread::for_rows("write").start_in(scope, worker).map(drop));
        // The scope waits for the threads that did start; they are to stop early.
        failed.fetch_or(started.is_err(), Relaxed);
        started
    })?;
    let mut results = ignore_poison(results.into_inner());
    results.sort_by_key(|(index, _)| *index);
    // Of several errors the one of the first job is given, whichever thread was faster.
    results.into_iter().map(|(_, result)| result).collect()
}
