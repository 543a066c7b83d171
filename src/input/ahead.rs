//! Input files, asked for before their turn comes.

use std::collections::VecDeque;
use std::sync::Mutex;

use super::InputFile;
use crate::error::Result;
use crate::poison::ignore_poison;
use crate::store::{Folder, Reader, Requested};

/// Bytes asked for ahead of the file that is read.
const BYTES: u64 = 16 << 20;
/// Files asked for ahead.
const FILES: usize = 8;

/// The files of a run in the order in which they will be read. From a bucket, the beginnings of
/// the next ones come while one is read.
pub struct ReadAhead {
    folder: Folder,
    files: Mutex<QueuedFiles>,
}

#[derive(Default)]
struct QueuedFiles {
    waiting: VecDeque<(String, u64)>,
    requested: VecDeque<(String, u64, Requested)>,
}

impl ReadAhead {
    /// Nothing is asked for yet.
    pub fn new<'f>(folder: &Folder, files: impl IntoIterator<Item = &'f InputFile>) -> Self {
        let waiting = files.into_iter().map(|file| (file.name.clone(), file.bytes)).collect();
        let files = Mutex::new(QueuedFiles { waiting, ..QueuedFiles::default() });
        Self { folder: folder.clone(), files }
    }

    /// Opens a file; those before it will not be read any more. `None` where it is gone.
    pub fn open(&self, name: &str) -> Result<Option<Reader>> {
        let mut files = ignore_poison(self.files.lock());
        let mut wanted = None;
        // Files before it are of a table that has failed: they are passed over, and what was asked
        // of them is dropped.
        while wanted.is_none() {
            wanted = match files.requested.pop_front() {
                Some((next, _, request)) => (next == name).then_some(request),
                None => match files.waiting.pop_front() {
                    Some((next, _)) if next != name => None,
                    _ => Some(self.folder.request_object(name)),
                },
            };
        }
        files.request(&self.folder);
        drop(files);
        wanted.map_or(Ok(None), Requested::open_requested)
    }
}

impl QueuedFiles {
    fn request(&mut self, folder: &Folder) {
        let mut bytes: u64 = self.requested.iter().map(|(_, bytes, _)| bytes).sum();
        while bytes < BYTES && self.requested.len() < FILES {
            let Some((name, size)) = self.waiting.pop_front() else { break };
            let first = size.min(folder.part_bytes());
            bytes += first;
            let request = folder.request_object(&name);
            self.requested.push_back((name, first, request));
        }
    }
}
