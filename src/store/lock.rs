//! One process at a time.

use std::fmt;
use std::fs::File;
use std::io::ErrorKind;

use tracing::info;

use super::Folder;
use super::file_lock::{Sharing, wait_for_lock};
use super::lease::Lease;
use super::open::{open_plain, open_to_lock};
use crate::error::{Context, Result};

/// Held until dropped. On a disk the system frees it when the process ends, however it ends; in
/// a bucket one that died holding it keeps others waiting for a minute.
pub struct Lock {
    held: LockHolder,
}

impl fmt::Debug for Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lock")
    }
}

impl Lock {
    /// An error if it was lost, which it can be in a bucket: call it before what only one may do.
    pub fn check_lock(&self) -> Result<()> {
        match &self.held {
            LockHolder::Local { .. } => Ok(()),
            LockHolder::Bucket(lease) => lease.check_lease(),
        }
    }
}

enum LockHolder {
    Local { _file: File },
    Bucket(Lease),
}

impl Folder {
    /// Waits for the lock file `name`.
    pub fn lock_file(&self, name: &str) -> Result<Lock> {
        let Some(folder) = self.local() else {
            return Ok(Lock { held: LockHolder::Bucket(Lease::take_lease(self, name, "")?) });
        };
        let path = folder.join(name);
        let file = open_plain(&path, true)
            // Another user may have made it.
            .or_else(|error| match error.kind() {
                ErrorKind::PermissionDenied => open_to_lock(&path),
                _ => Err(error),
            })
            .with_context(|| format!("cannot write '{}'", path.display()))?;
        wait_for_lock(&file, Sharing::Alone, || {
            // The lock file is empty: unlike a marker (`hold.rs`) it does not say which run holds it.
            info!("waiting for another run, which holds '{}'", path.display());
        })
        .with_context(|| format!("cannot lock '{}'", path.display()))?;
        Ok(Lock { held: LockHolder::Local { _file: file } })
    }
}
