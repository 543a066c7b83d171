//! Temporary files that nobody but this process can read: they have no name, and are encrypted with
//! a key that is nowhere but in its memory. Killed at any moment, it leaves nothing.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::ops::Range;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chacha20::ChaCha20;
use chacha20::cipher::{KeyIvInit, StreamCipher, StreamCipherSeek};
use uuid::Uuid;

/// A file to which one thread appends, and from which any number read.
#[derive(Clone)]
pub struct Veiled {
    inner: Arc<Inner>,
}

struct Inner {
    file: File,
    /// Of this file alone, so that no part of the stream is used twice.
    key: [u8; 32],
    bytes: AtomicU64,
}

impl Veiled {
    /// An empty file on the disk of a folder.
    pub fn create_in(folder: &Path) -> io::Result<Self> {
        let mut key = [0; 32];
        getrandom::fill(&mut key)
            .map_err(|error| io::Error::other(format!("there are no random numbers: {error}")))?;
        let path = folder.join(Uuid::new_v4().simple().to_string());
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create_new(true).mode(0o600).open(&path)?;
        // Where a file in use can't be without a name (network file systems), it goes with the
        // folder.
        let _ = fs::remove_file(&path);
        Ok(Self { inner: Arc::new(Inner { file, key, bytes: AtomicU64::new(0) }) })
    }

    /// Bytes so far.
    pub fn bytes(&self) -> u64 {
        self.inner.bytes.load(Ordering::Acquire)
    }

    /// Some of its bytes.
    pub fn read(&self, range: Range<u64>) -> io::Result<Vec<u8>> {
        let len = usize::try_from(range.end.saturating_sub(range.start)).map_err(too_large)?;
        let mut bytes = vec![0; len];
        self.inner.file.read_exact_at(&mut bytes, range.start)?;
        self.cipher_at(range.start)?.try_apply_keystream(&mut bytes).map_err(too_large)?;
        Ok(bytes)
    }

    /// Appends to it. There is one of these at a time.
    pub fn writer(&self) -> io::Result<VeiledWriter> {
        let at = self.bytes();
        Ok(VeiledWriter { file: self.clone(), cipher: self.cipher_at(at)?, at, buffer: Vec::new() })
    }

    fn cipher_at(&self, at: u64) -> io::Result<ChaCha20> {
        let mut cipher = ChaCha20::new(&self.inner.key.into(), &[0; 12].into());
        cipher.try_seek(at).map_err(too_large)?;
        Ok(cipher)
    }
}

impl fmt::Debug for Veiled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Veiled({} bytes)", self.bytes())
    }
}

fn too_large<E>(_: E) -> io::Error {
    io::Error::other("a temporary file would be larger than 256 GiB")
}

/// See [`Veiled::writer`].
pub struct VeiledWriter {
    file: Veiled,
    cipher: ChaCha20,
    at: u64,
    buffer: Vec<u8>,
}

impl Write for VeiledWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.clear();
        self.buffer.extend_from_slice(bytes);
        self.cipher.try_apply_keystream(&mut self.buffer).map_err(too_large)?;
        self.file.inner.file.write_all_at(&self.buffer, self.at)?;
        self.at += bytes.len() as u64;
        self.file.inner.bytes.store(self.at, Ordering::Release);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn what_is_written_comes_back_and_is_nowhere_else() {
        let dir = tempfile::tempdir().unwrap();
        let file = Veiled::create_in(dir.path()).unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        let text: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
        let (first, rest) = text.split_at(70_001);
        file.writer().unwrap().write_all(first).unwrap();
        file.writer().unwrap().write_all(rest).unwrap();
        assert_eq!(file.bytes(), text.len() as u64);
        for range in [0..text.len(), 1..2, 63..66, 70_000..70_003, 399_990..400_000, 5..5] {
            let read = file.read(range.start as u64..range.end as u64).unwrap();
            assert_eq!(read, text[range]);
        }
        assert!(file.read(0..text.len() as u64 + 1).is_err());
        let mut stored = Vec::new();
        (&file.inner.file).read_to_end(&mut stored).unwrap();
        assert_eq!(stored.len(), text.len());
        assert!(!stored.windows(16).any(|window| window == &text[4000..4016]));
    }
}
