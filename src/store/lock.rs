//! One process at a time.

use std::fmt;
use std::fs::{File, OpenOptions};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use tracing::info;

use super::Folder;
use super::lease::Lease;
use crate::error::{Context, Result};

/// Held until dropped. On a disk the system frees it when the process ends, however it ends; in
/// a bucket one that died holding it keeps others waiting for a minute.
pub struct Lock {
    _held: Held,
}

impl fmt::Debug for Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lock")
    }
}

enum Held {
    Local { _file: File },
    Bucket { _lease: Lease },
}

impl Folder {
    /// Waits for the lock file `name`.
    pub fn lock(&self, name: &str) -> Result<Lock> {
        let Some(folder) = self.local() else {
            return Ok(Lock { _held: Held::Bucket { _lease: Lease::take(self, name)? } });
        };
        let path = folder.join(name);
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .with_context(|| format!("cannot write '{}'", path.display()))?;
        let failed = || format!("cannot lock '{}'", path.display());
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => {
                info!("waiting for another run, which holds '{}'", path.display());
                flock(&file, FlockOperation::LockExclusive).with_context(failed)?;
            }
            locked => locked.with_context(failed)?,
        }
        Ok(Lock { _held: Held::Local { _file: file } })
    }
}
