//! Input under way, bounded in chunks and in bytes: most chunks are alike, but a line may be 64 MiB
//! long.

use std::sync::{Condvar, Mutex, MutexGuard};

use crate::poison::ignore_poison;

/// How much input may be under way, and how much is.
pub(super) struct Backlog {
    state: Mutex<BacklogState>,
    changed: Condvar,
    most_chunks: usize,
    most_bytes: usize,
}

#[derive(Default)]
struct BacklogState {
    chunks: usize,
    bytes: usize,
    is_closed: bool,
}

/// Lets one chunk be under way, until it is dropped.
pub(super) struct ChunkPermit<'a> {
    backlog: &'a Backlog,
    bytes: usize,
}

impl Backlog {
    /// Nothing is under way yet.
    pub(super) fn new(most_chunks: usize, most_bytes: usize) -> Self {
        Self { state: Mutex::default(), changed: Condvar::new(), most_chunks, most_bytes }
    }

    fn lock_state(&self) -> MutexGuard<'_, BacklogState> {
        ignore_poison(self.state.lock())
    }

    /// Waits until a chunk of so many bytes may be under way, too. A chunk that is larger than the
    /// whole backlog waits until nothing else is under way. `None` once the backlog is closed.
    pub(super) fn admit_chunk(&self, bytes: usize) -> Option<ChunkPermit<'_>> {
        let mut state = self.wait_until_fit(bytes);
        if state.is_closed {
            return None;
        }
        state.chunks += 1;
        state.bytes = state.bytes.saturating_add(bytes);
        Some(ChunkPermit { backlog: self, bytes })
    }

    /// Waits as [`Self::admit_chunk`] does, and takes nothing yet.
    pub(super) fn wait_for_bytes(&self, bytes: usize) {
        drop(self.wait_until_fit(bytes));
    }

    fn wait_until_fit(&self, bytes: usize) -> MutexGuard<'_, BacklogState> {
        let must_wait = |state: &mut BacklogState| {
            let is_full = state.chunks >= self.most_chunks
                || state.bytes.saturating_add(bytes) > self.most_bytes;
            !state.is_closed && state.chunks > 0 && is_full
        };
        ignore_poison(self.changed.wait_while(self.lock_state(), must_wait))
    }

    /// Ends all waiting: what comes out of the pipeline is wanted no more.
    pub(super) fn close_backlog(&self) {
        self.lock_state().is_closed = true;
        self.changed.notify_all();
    }
}

impl Drop for ChunkPermit<'_> {
    fn drop(&mut self) {
        let mut state = self.backlog.lock_state();
        state.chunks = state.chunks.saturating_sub(1);
        state.bytes = state.bytes.saturating_sub(self.bytes);
        self.backlog.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_does_not_fit_waits() {
        let backlog = Backlog::new(10, 100);
        let through = AtomicBool::new(false);
        let (first, second) = (backlog.admit_chunk(60).unwrap(), backlog.admit_chunk(40).unwrap());
        thread::scope(|scope| {
            scope.spawn(|| {
                let large = backlog.admit_chunk(1000);
                through.store(true, Ordering::SeqCst);
                assert!(large.is_some());
            });
            drop(first);
            thread::sleep(Duration::from_millis(50));
            assert!(!through.load(Ordering::SeqCst), "there were 40 bytes under way");
            drop(second);
        });
        assert!(through.load(Ordering::SeqCst));
        let sixty = backlog.admit_chunk(60);
        backlog.wait_for_bytes(40);
        thread::scope(|scope| {
            let waiting = scope.spawn(|| backlog.wait_for_bytes(41));
            thread::sleep(Duration::from_millis(50));
            assert!(!waiting.is_finished(), "there were 60 bytes under way");
            drop(sixty);
        });
        let all = backlog.admit_chunk(100);
        assert!(all.is_some(), "a wait takes no room");
        thread::scope(|scope| {
            let waiting = scope.spawn(|| backlog.admit_chunk(1).is_none());
            backlog.close_backlog();
            assert!(waiting.join().unwrap());
        });
    }

    #[test]
    fn small_chunks_wait_for_their_number() {
        let backlog = Backlog::new(2, 100);
        let (first, _second) = (backlog.admit_chunk(0), backlog.admit_chunk(1));
        thread::scope(|scope| {
            let waiting = scope.spawn(|| backlog.admit_chunk(1).is_some());
            thread::sleep(Duration::from_millis(50));
            assert!(!waiting.is_finished(), "there were two chunks under way");
            drop(first);
            assert!(waiting.join().unwrap());
        });
    }
}
