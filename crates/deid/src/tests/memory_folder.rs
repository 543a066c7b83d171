//! The files of de-identification in memory.

use std::collections::BTreeMap;
use std::io::{Cursor, Read, Write};
use std::sync::{Arc, Mutex, MutexGuard};

use cumulus_base::error::{Error, Result};

use crate::PhiFiles;

/// A folder in memory; clones of it are the same. It takes a mapping from the holder of its lock, and
/// from nobody else.
#[derive(Clone, Default)]
pub(crate) struct MemoryFolder(Arc<Mutex<MemoryFiles>>);

#[derive(Default)]
struct MemoryFiles {
    texts: BTreeMap<String, Vec<u8>>,
    locked: Option<String>,
    loses_locks: bool,
}

/// The lock of a folder.
pub(crate) struct MemoryLock(MemoryFolder);

impl MemoryFolder {
    fn files(&self) -> MutexGuard<'_, MemoryFiles> {
        self.0.lock().unwrap()
    }

    pub(crate) fn write_file(&self, name: &str, text: String) {
        self.files().texts.insert(name.to_owned(), text.into_bytes());
    }

    /// Whether another run takes each lock over before its holder is done.
    pub(crate) fn lose_locks(&self, loses_locks: bool) {
        self.files().loses_locks = loses_locks;
    }
}

impl PhiFiles for MemoryFolder {
    type Lock = MemoryLock;

    fn show_file(&self, name: &str) -> String {
        format!("phi/{name}")
    }

    fn read_file(&self, name: &str) -> Result<Option<Vec<u8>>> {
        Ok(self.files().texts.get(name).cloned())
    }

    fn open_file(&self, name: &str) -> Result<Option<impl Read>> {
        Ok(self.read_file(name)?.map(Cursor::new))
    }

    fn write_new_file(&self, name: &str, text: String) -> Result<bool> {
        let is_new = self.read_file(name)?.is_none();
        if is_new {
            self.write_file(name, text);
        }
        Ok(is_new)
    }

    fn change_file(
        &self,
        name: &str,
        mut change: impl FnMut(&[u8]) -> Result<Option<String>>,
    ) -> Result<()> {
        assert_eq!(self.files().locked.as_deref(), Some(".codebook.lock"));
        if let Some(text) = change(&self.read_file(name)?.unwrap())? {
            self.write_file(name, text);
        }
        Ok(())
    }

    fn stream_file(
        &self,
        name: &str,
        lock: &MemoryLock,
        write: impl FnOnce(&mut dyn Write) -> Result<()>,
    ) -> Result<()> {
        let mut text = Vec::new();
        write(&mut text)?;
        let mut files = lock.0.files();
        if files.loses_locks || files.locked.as_deref() != Some(".codebook.lock") {
            return Err(Error::failed("another run has taken over"));
        }
        files.texts.insert(name.to_owned(), text);
        Ok(())
    }

    fn lock_name(&self, name: &str) -> Result<MemoryLock> {
        let before = self.files().locked.replace(name.to_owned());
        assert_eq!(before, None, "no other run is at work");
        Ok(MemoryLock(self.clone()))
    }
}

impl Drop for MemoryLock {
    fn drop(&mut self) {
        self.0.files().locked = None;
    }
}
