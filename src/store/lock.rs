//! One process at a time (local folders only).

use std::fs::{File, OpenOptions};

use rustix::fs::{FlockOperation, flock};

use super::Folder;
use crate::error::{Context, Result};

/// Held until dropped; the system frees it when the process ends, however it ends.
pub struct Lock {
    _file: Option<File>,
}

impl Folder {
    /// Waits for the lock file `name`. In a bucket, where no lock can be had, returns at once:
    /// there, writers rely on conditional puts.
    pub fn lock(&self, name: &str) -> Result<Lock> {
        let Some(folder) = self.local() else { return Ok(Lock { _file: None }) };
        let path = folder.join(name);
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .with_context(|| format!("cannot write '{}'", path.display()))?;
        flock(&file, FlockOperation::LockExclusive)
            .with_context(|| format!("cannot lock '{}'", path.display()))?;
        Ok(Lock { _file: Some(file) })
    }
}
