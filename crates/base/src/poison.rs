//! Locks of threads after a panic.

use std::sync::{LockResult, PoisonError};

/// What a lock guards, or a wait or the end of a lock gives, also after a thread has panicked while it
/// held the lock.
///
/// The standard library lets such a panic spread to all who lock afterwards. Here it would hide the
/// first: that one is told and ends the run already, and what is still to be taken back on the way
/// out needs the locks. Take this only for data that is whole between any two statements that change
/// it.
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
