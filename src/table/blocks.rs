//! Blocks of bytes that stay in memory while they are few and go to the work folder after that.

use std::borrow::Cow;
use std::fs::File;
use std::os::unix::fs::FileExt;

use crate::error::{Context, Result};
use crate::memory::budget;
use crate::store::WorkFolder;

/// Blocks in the order they were pushed. They hold de-identified data only.
pub struct Blocks {
    work: WorkFolder,
    file: Option<File>,
    places: Vec<Place>,
    /// Bytes that may stay in memory yet.
    room: usize,
    on_disk: u64,
}

enum Place {
    Memory(Vec<u8>),
    Disk { offset: u64, len: usize },
}

impl Blocks {
    /// No blocks yet; `work` is where they go if they are many.
    pub fn new(work: &WorkFolder) -> Self {
        let room = budget().staged;
        Self { work: work.clone(), file: None, places: Vec::new(), room, on_disk: 0 }
    }

    /// Adds a block.
    pub fn push(&mut self, bytes: Vec<u8>) -> Result<()> {
        if let Some(room) = self.room.checked_sub(bytes.len()) {
            self.room = room;
            self.places.push(Place::Memory(bytes));
            return Ok(());
        }
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(self.work.file()?),
        };
        file.write_all_at(&bytes, self.on_disk)
            .with_context(|| format!("cannot write to the work folder '{}'", self.work))?;
        self.places.push(Place::Disk { offset: self.on_disk, len: bytes.len() });
        self.on_disk += bytes.len() as u64;
        Ok(())
    }

    /// The block with this index.
    pub fn read(&self, index: usize) -> Result<Cow<'_, [u8]>> {
        match (&self.places[index], &self.file) {
            (Place::Memory(bytes), _) => Ok(Cow::Borrowed(bytes)),
            (Place::Disk { offset, len }, Some(file)) => {
                let mut bytes = vec![0; *len];
                file.read_exact_at(&mut bytes, *offset)
                    .with_context(|| format!("cannot read the work folder '{}'", self.work))?;
                Ok(Cow::Owned(bytes))
            }
            (Place::Disk { .. }, None) => Ok(Cow::default()),
        }
    }
}
