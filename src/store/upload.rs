//! Objects of any size, written in parts.

use std::io::{self, Write};

use object_store::{ObjectStoreExt, WriteMultipart};

use super::staging::Staging;
use super::{Folder, RUNTIME, block_on};
use crate::error::{Context, Result};

const PART: usize = 8 << 20;
/// Parts under way at once; with [`PART`] it bounds what an upload holds in memory.
const IN_FLIGHT: usize = 2;

/// An object that is being written. It appears, whole, on [`Upload::finish`]; dropped before
/// that, nothing appears.
pub struct Upload {
    target: Option<Target>,
    folder: Folder,
    name: String,
    bytes: u64,
}

enum Target {
    Local(Staging),
    Bucket(WriteMultipart),
}

impl Upload {
    pub(super) fn begin(folder: &Folder, name: &str) -> Result<Self> {
        let failed = || format!("cannot write '{}'", folder.show(name));
        let target = match folder.local() {
            Some(path) => {
                let staging = Staging::begin(path.join(name), folder.private);
                Target::Local(staging.with_context(failed)?)
            }
            None => {
                let upload = block_on(folder.store().put_multipart(&folder.path(name)));
                let upload = upload.with_context(failed)?;
                Target::Bucket(WriteMultipart::new_with_chunk_size(upload, PART))
            }
        };
        let name = name.to_owned();
        Ok(Self { target: Some(target), folder: folder.clone(), name, bytes: 0 })
    }

    /// Bytes written so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Makes the object appear, durably on a local disk. Gives its size in bytes.
    pub fn finish(mut self) -> Result<u64> {
        let failed = || format!("cannot write '{}'", self.folder.show(&self.name));
        match self.target.take() {
            Some(Target::Local(staging)) => staging.replace().with_context(failed)?,
            Some(Target::Bucket(writer)) => {
                block_on(writer.finish()).with_context(failed)?;
            }
            None => {}
        }
        Ok(self.bytes)
    }
}

impl Write for Upload {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let target = self.target.as_mut();
        let written = match target.ok_or_else(|| io::Error::other("the upload has ended"))? {
            Target::Local(staging) => staging.write(data)?,
            Target::Bucket(writer) => {
                block_on(writer.wait_for_capacity(IN_FLIGHT)).map_err(io::Error::from)?;
                // Parts are sent by tasks of the runtime.
                let _runtime = RUNTIME.enter();
                writer.write(data);
                data.len()
            }
        };
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if let Some(Target::Bucket(writer)) = self.target.take() {
            // The error that made us stop is the one to show, not this one.
            let _ = block_on(writer.abort());
        }
    }
}
