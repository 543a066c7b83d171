//! Objects of any size, written in parts.

use std::io::{self, Write};

use object_store::{ObjectStoreExt, WriteMultipart};

use super::{Folder, RUNTIME, block_on};
use crate::error::{Context, Result};

const PART: usize = 8 << 20;
/// Parts under way at once; with [`PART`] it bounds what an upload holds in memory.
const IN_FLIGHT: usize = 2;

/// An object that is being written. It appears, whole, on [`Upload::finish`]; dropped before
/// that, nothing appears.
pub struct Upload {
    writer: Option<WriteMultipart>,
    folder: Folder,
    name: String,
    bytes: u64,
}

impl Upload {
    pub(super) fn begin(folder: &Folder, name: &str) -> Result<Self> {
        let path = folder.path(name);
        let upload = block_on(folder.store().put_multipart(&path))
            .with_context(|| format!("cannot write '{}'", folder.show(name)))?;
        let writer = Some(WriteMultipart::new_with_chunk_size(upload, PART));
        Ok(Self { writer, folder: folder.clone(), name: name.to_owned(), bytes: 0 })
    }

    /// Bytes written so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Makes the object appear, durably on a local disk. Gives its size in bytes.
    pub fn finish(mut self) -> Result<u64> {
        if let Some(writer) = self.writer.take() {
            block_on(writer.finish())
                .with_context(|| format!("cannot write '{}'", self.folder.show(&self.name)))?;
            self.folder.sync(&self.name)?;
        }
        Ok(self.bytes)
    }
}

impl Write for Upload {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let writer =
            self.writer.as_mut().ok_or_else(|| io::Error::other("the upload has ended"))?;
        block_on(writer.wait_for_capacity(IN_FLIGHT)).map_err(io::Error::from)?;
        // Parts are sent by tasks of the runtime.
        let _runtime = RUNTIME.enter();
        writer.write(data);
        self.bytes += data.len() as u64;
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if let Some(writer) = self.writer.take() {
            // The error that made us stop is the one to show, not this one.
            let _ = block_on(writer.abort());
        }
    }
}
