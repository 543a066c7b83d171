//! Input under way, measured in bytes: most chunks are alike, but a line may be 64 MiB long.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Room for so many bytes.
pub(super) struct Room {
    inner: Mutex<Inner>,
    changed: Condvar,
    bytes: usize,
}

#[derive(Default)]
struct Inner {
    taken: usize,
    closed: bool,
}

impl Room {
    pub(super) fn new(bytes: usize) -> Self {
        Self { inner: Mutex::default(), changed: Condvar::new(), bytes }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for room for `bytes`; what is larger than all of it waits until there is nothing
    /// else. False once the room is closed.
    pub(super) fn take(&self, bytes: usize) -> bool {
        let mut inner = self.wait(bytes);
        inner.taken = inner.taken.saturating_add(bytes);
        !inner.closed
    }

    /// Waits as [`Self::take`] does, and takes nothing yet.
    pub(super) fn wait_for(&self, bytes: usize) {
        drop(self.wait(bytes));
    }

    fn wait(&self, bytes: usize) -> MutexGuard<'_, Inner> {
        let no_room = |inner: &mut Inner| {
            !inner.closed && inner.taken > 0 && inner.taken.saturating_add(bytes) > self.bytes
        };
        self.changed.wait_while(self.lock(), no_room).unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives back what was taken.
    pub(super) fn give_back(&self, bytes: usize) {
        let mut inner = self.lock();
        inner.taken = inner.taken.saturating_sub(bytes);
        self.changed.notify_all();
    }

    /// Nobody shall wait any more.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
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
        let room = Room::new(100);
        let through = AtomicBool::new(false);
        assert!(room.take(60) && room.take(40));
        thread::scope(|scope| {
            scope.spawn(|| {
                assert!(room.take(1000));
                through.store(true, Ordering::SeqCst);
            });
            room.give_back(60);
            thread::sleep(Duration::from_millis(50));
            assert!(!through.load(Ordering::SeqCst), "there were 40 bytes under way");
            room.give_back(40);
        });
        assert!(through.load(Ordering::SeqCst));
        room.give_back(1000);
        assert!(room.take(60));
        room.wait_for(40);
        thread::scope(|scope| {
            let waiting = scope.spawn(|| room.wait_for(41));
            thread::sleep(Duration::from_millis(50));
            assert!(!waiting.is_finished(), "there were 60 bytes under way");
            room.give_back(60);
        });
        assert!(room.take(100), "who waits for room takes none");
        thread::scope(|scope| {
            let waiting = scope.spawn(|| room.take(1));
            room.close();
            assert!(!waiting.join().unwrap());
        });
    }
}
