//! One process at a time.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::ErrorKind;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use tracing::info;

use super::Folder;
use super::lease::Lease;
use crate::error::{Context, Result};

/// Held until dropped. On a disk the system frees it when the process ends, however it ends; in
/// a bucket one that died holding it keeps others waiting for a minute.
pub struct Lock {
    held: Held,
}

impl fmt::Debug for Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lock")
    }
}

impl Lock {
    /// An error if it was lost, which it can be in a bucket: call it before what only one may do.
    pub fn check(&self) -> Result<()> {
        match &self.held {
            Held::Local { .. } => Ok(()),
            Held::Bucket(lease) => lease.check(),
        }
    }
}

enum Held {
    Local { _file: File },
    Bucket(Lease),
}

impl Folder {
    /// Waits for the lock file `name`.
    pub fn lock(&self, name: &str) -> Result<Lock> {
        let Some(folder) = self.local() else {
            return Ok(Lock { held: Held::Bucket(Lease::take(self, name)?) });
        };
        let path = folder.join(name);
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            // Another user may have made it.
            .or_else(|error| match error.kind() {
                ErrorKind::PermissionDenied => File::open(&path),
                _ => Err(error),
            })
            .with_context(|| format!("cannot write '{}'", path.display()))?;
        let failed = || format!("cannot lock '{}'", path.display());
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => {
                info!("waiting for another run, which holds '{}'", path.display());
                flock(&file, FlockOperation::LockExclusive).with_context(failed)?;
            }
            locked => locked.with_context(failed)?,
        }
        Ok(Lock { held: Held::Local { _file: file } })
    }
}
