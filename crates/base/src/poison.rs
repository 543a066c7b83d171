//! Locks of threads after a panic.

use std::sync::{LockResult, PoisonError};

/// The data that a lock guards, or the result of a wait or of the end of a lock, also after a thread has
/// panicked while it held the lock.
///
/// The standard library lets such a panic spread to all threads that lock afterwards. Here the later
/// panics would hide the first one: the first is told and ends the run already, and the clean-up on the
/// way out needs the locks. Use this function only for data that is whole between any two statements
/// that change it.
pub fn ignore_poison<T>(locked: LockResult<T>) -> T {
    locked.unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::{Mutex, RwLock};

    use super::*;

    #[test]
    fn what_a_panic_left_can_still_be_locked() {
        let (mutex, shared) = (Mutex::new(1), RwLock::new(2));
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            let _held = (mutex.lock(), shared.write());
            panic!("while both are held");
        }));
        assert!(panicked.is_err() && mutex.is_poisoned() && shared.is_poisoned());
        *ignore_poison(mutex.lock()) += 1;
        assert_eq!(*ignore_poison(shared.read()), 2);
        assert_eq!(ignore_poison(mutex.into_inner()), 2);
    }
}
