//! Locks on open files. `flock` is called here and nowhere else.
//!
//! A lock belongs to the open file: it ends when that is closed, so at the latest with the process,
//! however it ends. The call is named rather than left to `std::fs::File`, which promises no
//! particular one: versions of this program that share a folder must see each other's locks.

use std::fmt::Display;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use tracing::warn;

/// Whether others may hold it at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// Beside others that share it.
    Shared,
    /// Beside nobody.
    Alone,
}

/// Locks an open file or folder; false where another holds it.
///
/// # Errors
/// The file system has no locks, or none are left.
pub fn try_lock_file(file: &File, sharing: Sharing) -> io::Result<bool> {
    let operation = match sharing {
        Sharing::Shared => FlockOperation::NonBlockingLockShared,
        Sharing::Alone => FlockOperation::NonBlockingLockExclusive,
    };
    match flock(file, operation) {
        Ok(()) => Ok(true),
        Err(Errno::WOULDBLOCK) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Locks an open file. Where another holds it, calls `tell_waiting` and waits until it is free.
///
/// # Errors
/// As [`try_lock_file`].
pub(super) fn wait_for_lock(
    file: &File,
    sharing: Sharing,
    tell_waiting: impl FnOnce(),
) -> io::Result<()> {
    if try_lock_file(file, sharing)? {
        return Ok(());
    }
    tell_waiting();
    let operation = match sharing {
        Sharing::Shared => FlockOperation::LockShared,
        Sharing::Alone => FlockOperation::LockExclusive,
    };
    Ok(flock(file, operation)?)
}

/// Locks a file that a run which has ended left behind. False while its holder lives, and where
/// that cannot be told, as the file system has no locks.
pub(super) fn lock_abandoned(file: &File) -> bool {
    try_lock_file(file, Sharing::Alone).unwrap_or(false)
}

/// The result of locking something in `place`: `None`, with a warning, where the file system has no
/// locks. Runs go on there without, and whoever starts them keeps them apart.
///
/// # Errors
/// Any other reason why it was not locked.
pub fn allow_missing_locks<T>(locked: io::Result<T>, place: &dyn Display) -> io::Result<Option<T>> {
    match locked {
        Err(error) if lacks_locks(&error) => {
            warn!(
                "The file system of '{place}' has no locks: see that no two runs are at work in it \
                 at the same time"
            );
            Ok(None)
        }
        locked => locked.map(Some),
    }
}

/// Whether an error says that the file system has no locks.
fn lacks_locks(error: &io::Error) -> bool {
    matches!(
        Errno::from_io_error(error),
        // NFS makes a lock of bytes of `flock`, and refuses an exclusive one
        // on a file that is open for reading only with EBADF (flock(2)).
        Some(Errno::NOLCK | Errno::NOSYS | Errno::OPNOTSUPP | Errno::BADF | Errno::INVAL)
    )
}

/// Whether an open file is still the one of this name. Before it was locked another run may have
/// removed it, and then its lock keeps nobody away.
pub(super) fn is_at(file: &File, path: &Path) -> bool {
    let identity = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    match (file.metadata().map(identity), fs::metadata(path).map(identity)) {
        (Ok(own), Ok(there)) => own == there,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::thread;

    use super::Sharing::{Alone, Shared};
    use super::*;

    struct Ground {
        dir: tempfile::TempDir,
    }

    impl Ground {
        fn create() -> Self {
            let dir = tempfile::tempdir().unwrap();
            fs::write(dir.path().join("lock"), "").unwrap();
            Self { dir }
        }

        /// Opens the file anew: locks are between open files, not between processes.
        fn open_file(&self) -> File {
            File::open(self.dir.path().join("lock")).unwrap()
        }
    }

    #[test]
    fn a_held_lock_is_refused_until_its_holder_is_gone() {
        let ground = Ground::create();
        let (one, two) = (ground.open_file(), ground.open_file());
        assert!(try_lock_file(&one, Alone).unwrap());
        assert!(!try_lock_file(&two, Alone).unwrap());
        assert!(!try_lock_file(&two, Shared).unwrap());
        assert!(!lock_abandoned(&two));
        drop(one);
        assert!(lock_abandoned(&two));
        assert!(!try_lock_file(&ground.open_file(), Alone).unwrap());
    }

    #[test]
    fn a_shared_lock_is_refused_only_to_those_who_want_it_alone() {
        let ground = Ground::create();
        let (one, two) = (ground.open_file(), ground.open_file());
        assert!(try_lock_file(&one, Shared).unwrap() && try_lock_file(&two, Shared).unwrap());
        let alone = ground.open_file();
        assert!(!try_lock_file(&alone, Alone).unwrap());
        drop(one);
        assert!(!try_lock_file(&alone, Alone).unwrap());
        drop(two);
        assert!(try_lock_file(&alone, Alone).unwrap());
    }

    #[test]
    fn a_free_lock_is_had_without_a_word_and_a_held_one_after_a_wait() {
        let ground = Ground::create();
        let held = ground.open_file();
        wait_for_lock(&held, Alone, || panic!("nobody holds it")).unwrap();
        let (tell, told) = channel();
        let (lock, locked) = channel();
        let waiting = ground.open_file();
        let waiter = thread::spawn(move || {
            wait_for_lock(&waiting, Alone, || tell.send(()).unwrap()).unwrap();
            lock.send(waiting).unwrap();
        });
        told.recv().unwrap();
        assert!(locked.try_recv().is_err(), "it is held");
        drop(held);
        let _now_held = locked.recv().unwrap();
        waiter.join().unwrap();
        assert!(!try_lock_file(&ground.open_file(), Alone).unwrap());
    }

    #[test]
    fn a_file_that_was_replaced_is_not_at_its_name() {
        let ground = Ground::create();
        let (file, path) = (ground.open_file(), ground.dir.path().join("lock"));
        assert!(is_at(&file, &path));
        fs::remove_file(&path).unwrap();
        assert!(!is_at(&file, &path));
        fs::write(&path, "").unwrap();
        assert!(!is_at(&file, &path));
    }

    #[test]
    fn a_file_system_without_locks_is_told_from_other_errors() {
        let lacks = |errno: Errno| lacks_locks(&errno.into());
        assert!(lacks(Errno::NOLCK) && lacks(Errno::NOSYS) && lacks(Errno::OPNOTSUPP));
        assert!(!lacks(Errno::INTR) && !lacks(Errno::IO));
        assert!(!lacks_locks(&io::Error::other("it is no plain file")));
        let allow = |locked: io::Result<bool>| allow_missing_locks(locked, &"there");
        assert_eq!(allow(Ok(false)).unwrap(), Some(false));
        assert_eq!(allow(Err(Errno::NOLCK.into())).unwrap(), None);
        assert_eq!(allow(Err(Errno::IO.into())).unwrap_err().raw_os_error(), Some(5));
    }
}
