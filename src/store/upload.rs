//! Objects of any size, written in parts.

use std::io::{self, Write};

use object_store::{ObjectStoreExt, WriteMultipart};
use tokio::task::JoinHandle;

use super::staging::Staging;
use super::{Folder, StoreOptions, StoreRuntime, unwrap_error};
use crate::error::{Context, Result};
use crate::stop::Writer;

/// An object that is being written. It appears, whole, on [`Upload::finish`]; dropped before
/// that, nothing appears.
pub struct Upload {
    target: Option<UploadTarget>,
    folder: Folder,
    name: String,
    bytes: u64,
    /// Until it is there or has been taken back.
    writer: Option<Writer>,
}

/// An object that is about to appear.
#[must_use]
pub struct Finishing {
    under_way: Option<(StoreRuntime, JoinHandle<object_store::Result<()>>)>,
    failed: String,
    bytes: u64,
}

impl Finishing {
    /// Waits until it is there. Gives its size in bytes.
    pub fn wait_for_end(self) -> Result<u64> {
        if let Some((runtime, under_way)) = self.under_way {
            let failed = || self.failed;
            let ended = runtime.block_on(under_way).with_context(failed.clone())?;
            ended.map_err(unwrap_error).with_context(failed)?;
        }
        Ok(self.bytes)
    }
}

enum UploadTarget {
    Local(Staging),
    /// Not a part yet: what ends here is sent in one request.
    Small(Vec<u8>),
    Large(WriteMultipart),
}

impl Upload {
    pub(super) fn begin_upload(folder: &Folder, name: &str) -> Result<Self> {
        let failed = || format!("cannot write '{}'", folder.show(name));
        let writer = Some(folder.shutdown().begin_writer()?);
        let target = match folder.local() {
            Some(path) => {
                let staging = Staging::begin_file(path.join(name), folder.private);
                UploadTarget::Local(staging.with_context(failed)?)
            }
            None => UploadTarget::Small(Vec::new()),
        };
        let (folder, name) = (folder.clone(), name.to_owned());
        Ok(Self { target: Some(target), folder, name, bytes: 0, writer })
    }

    /// Bytes written so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Makes the object appear, durably on a local disk. Gives its size in bytes.
    pub fn finish(mut self) -> Result<u64> {
        // A run that is to end shows no further object, even if all of it is written.
        self.folder.shutdown().check_stop()?;
        let failed = || format!("cannot write '{}'", self.folder.show(&self.name));
        match self.target.take() {
            Some(UploadTarget::Local(staging)) => staging.replace_target().with_context(failed)?,
            Some(UploadTarget::Small(bytes)) => {
                let path = self.folder.path(&self.name);
                let put =
                    self.folder.storage.block_on(self.folder.store().put(&path, bytes.into()));
                put.map_err(unwrap_error).with_context(failed)?;
            }
            Some(UploadTarget::Large(writer)) => {
                self.folder
                    .storage
                    .block_on(writer.finish())
                    .map_err(unwrap_error)
                    .with_context(failed)?;
            }
            None => {}
        }
        Ok(self.bytes)
    }
}

impl Upload {
    /// As [`Upload::finish`], without waiting for a bucket.
    pub fn finish_later(mut self) -> Result<Finishing> {
        // On a disk the last step is a sync and a rename: there is no answer of a server to wait for.
        if matches!(self.target, Some(UploadTarget::Local(_)) | None) {
            let bytes = self.finish()?;
            return Ok(Finishing { under_way: None, failed: String::new(), bytes });
        }
        let (target, writer) = (self.target.take(), self.writer.take());
        let (store, path) = (self.folder.store().clone(), self.folder.path(&self.name));
        let runtime = self.folder.storage.runtime().clone();
        let under_way = runtime.spawn_task(async move {
            // The end of the run waits for the object, not for this call.
            let _writer = writer;
            match target {
                Some(UploadTarget::Small(bytes)) => {
                    store.put(&path, bytes.into()).await.map(|_| ())
                }
                Some(UploadTarget::Large(writer)) => writer.finish().await.map(|_| ()),
                _ => Ok(()),
            }
        });
        let failed = format!("cannot write '{}'", self.folder.show(&self.name));
        Ok(Finishing { under_way: Some((runtime, under_way)), failed, bytes: self.bytes })
    }

    /// Goes over from one request to parts.
    fn begin_parts(&self, bytes: &[u8]) -> io::Result<WriteMultipart> {
        let path = self.folder.path(&self.name);
        let upload = self.folder.storage.block_on(self.folder.store().put_multipart(&path));
        let upload = upload.map_err(|error| io::Error::other(unwrap_error(error)))?;
        let mut writer =
            WriteMultipart::new_with_chunk_size(upload, self.folder.storage.options().part_bytes);
        let _runtime = self.folder.storage.runtime().enter_context();
        writer.write(bytes);
        Ok(writer)
    }
}

impl Write for Upload {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.folder.shutdown().check_stop().map_err(io::Error::other)?;
        let StoreOptions { part_bytes, parts_in_flight, .. } = *self.folder.storage.options();
        let mut large = None;
        let target = self.target.as_mut();
        let written = match target.ok_or_else(|| io::Error::other("the upload has ended"))? {
            UploadTarget::Local(staging) => staging.write(data)?,
            UploadTarget::Small(bytes) => {
                bytes.extend_from_slice(data);
                // S3 takes no part below 5 MiB but the last, and an upload in parts takes
                // three requests at least. So most tables of small runs are sent in one.
                if bytes.len() >= part_bytes {
                    large = Some(std::mem::take(bytes));
                }
                data.len()
            }
            UploadTarget::Large(writer) => {
                // Without this wait parts would pile up in memory where
                // rows come faster than the network takes them.
                let ready = self.folder.storage.block_on(writer.wait_for_capacity(parts_in_flight));
                ready.map_err(|error| io::Error::other(unwrap_error(error)))?;
                // Parts are sent by tasks of the runtime.
                let _runtime = self.folder.storage.runtime().enter_context();
                writer.write(data);
                data.len()
            }
        };
        if let Some(bytes) = large {
            self.target = Some(UploadTarget::Large(self.begin_parts(&bytes)?));
        }
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if let Some(UploadTarget::Large(writer)) = self.target.take() {
            // The error that made us stop is the one to show, not this one.
            let _ = self.folder.storage.block_on(writer.abort());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Sender, channel};

    use super::*;
    use crate::stop::Shutdown;
    use crate::store::Storage;

    /// Keeps a thread of the runtime busy until the sender goes.
    fn occupy_thread(runtime: &StoreRuntime) -> Sender<()> {
        let (release, released) = channel();
        let (begin, begun) = channel();
        runtime.spawn_task(async move {
            begin.send(()).unwrap();
            released.recv().unwrap_err();
        });
        begun.recv().unwrap();
        release
    }

    #[test]
    fn the_end_of_a_run_waits_for_an_object_on_its_way() {
        let (runtime, shutdown) = (StoreRuntime::start_threads().unwrap(), Shutdown::default());
        let storage = Storage::new(runtime.clone(), shutdown.clone());
        let folder = storage.open_folder("memory://later/x").unwrap();
        let mut upload = folder.upload("object").unwrap();
        upload.write_all(b"text").unwrap();
        let busy = [occupy_thread(&runtime), occupy_thread(&runtime)];
        let finishing = upload.finish_later().unwrap();
        assert_eq!(folder.read("object").unwrap(), None);
        assert_eq!(shutdown.count_writers(), 1);
        drop(busy);
        assert_eq!(finishing.wait_for_end().unwrap(), 4);
        assert_eq!(folder.read("object").unwrap().unwrap(), "text");
        assert_eq!(shutdown.count_writers(), 0);
    }
}
