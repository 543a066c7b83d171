//! Objects of any size, read as a stream.

use std::io::{self, Read};

use bytes::{Buf, Bytes};
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::{GetResultPayload, ObjectStoreExt};

use super::{Folder, block_on};
use crate::error::{Context, Result};

impl Folder {
    /// Opens an object for reading from its start; `None` where there is none.
    pub fn reader(&self, name: &str) -> Result<Option<Box<dyn Read + Send>>> {
        match block_on(self.store().get(&self.path(name))) {
            Ok(result) => Ok(Some(match result.payload {
                GetResultPayload::File(file, _) => Box::new(file),
                GetResultPayload::Stream(parts) => Box::new(Parts { parts, part: Bytes::new() }),
            })),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot read '{}'", self.show(name))),
        }
    }
}

struct Parts {
    parts: BoxStream<'static, object_store::Result<Bytes>>,
    part: Bytes,
}

impl Read for Parts {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.part.is_empty() {
            match block_on(self.parts.next()) {
                Some(part) => self.part = part?,
                None => return Ok(0),
            }
        }
        let count = self.part.len().min(buffer.len());
        self.part.copy_to_slice(&mut buffer[..count]);
        Ok(count)
    }
}
