//! Temporary files that nobody but this process can read: they are encrypted with a key that is
//! nowhere but in its memory, and have no name where the file system allows it. Killed at any
//! moment, it leaves nothing.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
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
pub struct EncryptedFile {
    inner: Arc<Contents>,
}

struct Contents {
    file: File,
    /// Of this file alone, so that no part of the stream is used twice.
    key: [u8; 32],
    bytes: AtomicU64,
}

impl EncryptedFile {
    /// An empty file on the disk of a folder.
    pub fn create_in(folder: &Path) -> io::Result<Self> {
        let path = folder.join(Uuid::new_v4().simple().to_string());
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create_new(true).mode(0o600).open(&path)?;
        // Where a file in use can't be without a name (network file systems), it goes with the
        // folder.
        let _ = fs::remove_file(&path);
        Self::overwrite_file(file)
    }

    /// A file that is open, to read and write it, and is emptied. The caller decides whether its name
    /// stays.
    pub fn overwrite_file(file: File) -> io::Result<Self> {
        let mut key = [0; 32];
        getrandom::fill(&mut key)
            .map_err(|error| io::Error::other(format!("there are no random numbers: {error}")))?;
        file.set_len(0)?;
        Ok(Self { inner: Arc::new(Contents { file, key, bytes: AtomicU64::new(0) }) })
    }

    /// Bytes so far.
    pub fn byte_count(&self) -> u64 {
        self.inner.bytes.load(Ordering::Acquire)
    }

    /// Some of its bytes.
    pub fn read_range(&self, range: Range<u64>) -> io::Result<Vec<u8>> {
        let len = usize::try_from(range.end.saturating_sub(range.start)).map_err(too_large)?;
        let mut bytes = vec![0; len];
        self.inner.file.read_exact_at(&mut bytes, range.start)?;
        self.cipher_at(range.start)?.try_apply_keystream(&mut bytes).map_err(too_large)?;
        Ok(bytes)
    }

    /// Appends to it. There is one of these at a time. Each write goes to the disk: wrap it in a
    /// [`BufWriter`](io::BufWriter) for small ones. A write that fails appends nothing, and the next one
    /// may succeed.
    pub fn open_writer(&self) -> EncryptedWriter {
        EncryptedWriter { file: self.clone(), at: self.byte_count(), buffer: Vec::new() }
    }

    /// A reader of the bytes that have been written so far, from the beginning. Each read goes to the
    /// disk: wrap the reader in a [`BufReader`](io::BufReader) for small ones.
    pub fn open_reader(&self) -> io::Result<EncryptedReader> {
        let (cipher, end) = (self.cipher_at(0)?, self.byte_count());
        Ok(EncryptedReader { file: self.clone(), cipher, at: 0, end })
    }

    fn cipher_at(&self, at: u64) -> io::Result<ChaCha20> {
        // The nonce may always be the same, as each key is used for one file only.
        let mut cipher = ChaCha20::new(&self.inner.key.into(), &[0; 12].into());
        cipher.try_seek(at).map_err(too_large)?;
        Ok(cipher)
    }
}

impl fmt::Debug for EncryptedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EncryptedFile({} bytes)", self.byte_count())
    }
}

fn too_large<E>(_: E) -> io::Error {
    // ChaCha20 counts its blocks of 64 bytes by 32 bits (RFC 8439, 2.3).
    io::Error::other("a temporary file would be larger than 256 GiB")
}

/// See [`EncryptedFile::open_writer`].
pub struct EncryptedWriter {
    file: EncryptedFile,
    at: u64,
    buffer: Vec<u8>,
}

#[cfg(test)]
impl EncryptedWriter {
    /// Writes on to another file, such as one without room. Gives the one before.
    pub(crate) fn swap_file(&mut self, other: EncryptedFile) -> EncryptedFile {
        std::mem::replace(&mut self.file, other)
    }
}

impl Write for EncryptedWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.clear();
        self.buffer.extend_from_slice(bytes);
        // By the place in the file: a cipher that went along would be ahead of it after a write that failed.
        self.file.cipher_at(self.at)?.try_apply_keystream(&mut self.buffer).map_err(too_large)?;
        let file = &self.file.inner.file;
        if let Err(error) = file.write_all_at(&self.buffer, self.at) {
            // A part of it may be there: it would take up the disk, and the same part of the stream
            // will encrypt other bytes.
            let _ = file.set_len(self.at);
            return Err(error);
        }
        self.at += bytes.len() as u64;
        // After the bytes themselves: a reader that sees this length finds all of them in the file.
        self.file.inner.bytes.store(self.at, Ordering::Release);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// See [`EncryptedFile::open_reader`].
pub struct EncryptedReader {
    file: EncryptedFile,
    cipher: ChaCha20,
    at: u64,
    end: u64,
}

impl Read for EncryptedReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end - self.at).unwrap_or(usize::MAX);
        let wanted = buffer.len().min(left);
        let count = self.file.inner.file.read_at(&mut buffer[..wanted], self.at)?;
        if count == 0 && wanted > 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.cipher.try_apply_keystream(&mut buffer[..count]).map_err(too_large)?;
        self.at += count as u64;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write_text(file: &EncryptedFile, text: &[u8]) {
        file.open_writer().write_all(text).unwrap();
    }

    /// The bytes on the disk.
    fn read_stored(file: &EncryptedFile) -> Vec<u8> {
        let mut stored = vec![0; file.inner.file.metadata().unwrap().len() as usize];
        file.inner.file.read_exact_at(&mut stored, 0).unwrap();
        stored
    }

    #[test]
    fn what_is_written_comes_back_and_is_nowhere_else() {
        let dir = tempfile::tempdir().unwrap();
        let file = EncryptedFile::create_in(dir.path()).unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        let text: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
        let (first, rest) = text.split_at(70_001);
        write_text(&file, first);
        write_text(&file, rest);
        assert_eq!(file.byte_count(), text.len() as u64);
        for range in [0..text.len(), 1..2, 63..66, 70_000..70_003, 399_990..400_000, 5..5] {
            let read = file.read_range(range.start as u64..range.end as u64).unwrap();
            assert_eq!(read, text[range]);
        }
        assert!(file.read_range(0..text.len() as u64 + 1).is_err());
        let stored = read_stored(&file);
        assert_eq!(stored.len(), text.len());
        assert!(!stored.windows(16).any(|window| window == &text[4000..4016]));
    }

    #[test]
    fn a_reader_gives_what_was_written_before_it_began() {
        let file = EncryptedFile::overwrite_file(tempfile::tempfile().unwrap()).unwrap();
        let text: Vec<u8> = (0..50_000_u32).flat_map(u32::to_le_bytes).collect();
        write_text(&file, &text);
        let mut reader = file.open_reader().unwrap();
        write_text(&file, b"more");
        let mut read = vec![0; 65];
        reader.read_exact(&mut read).unwrap();
        reader.read_to_end(&mut read).unwrap();
        assert_eq!(read, text);
        file.inner.file.set_len(10).unwrap();
        let mut reader = file.open_reader().unwrap();
        assert!(reader.read_to_end(&mut Vec::new()).is_err(), "it was cut");
    }

    #[test]
    fn what_is_written_after_a_full_disk_comes_back() {
        let file = EncryptedFile::overwrite_file(tempfile::tempfile().unwrap()).unwrap();
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let contents = Contents { file: full, key: [0; 32], bytes: AtomicU64::new(0) };
        let mut writer = file.open_writer();
        writer.write_all(b"before, ").unwrap();
        let good = writer.swap_file(EncryptedFile { inner: Arc::new(contents) });
        let error = writer.write_all(b"there is no room for this").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        writer.swap_file(good);
        writer.write_all(b"after").unwrap();
        assert_eq!(file.read_range(0..file.byte_count()).unwrap(), b"before, after");
        let mut read = Vec::new();
        file.open_reader().unwrap().read_to_end(&mut read).unwrap();
        assert_eq!(read, b"before, after");
    }

    #[test]
    fn a_file_is_emptied_and_has_a_key_of_its_own() {
        let scratch = tempfile::tempfile().unwrap();
        let text = b"Patient/1, and nobody is to know";
        let stored = [0, 1].map(|_| {
            let file = EncryptedFile::overwrite_file(scratch.try_clone().unwrap()).unwrap();
            assert_eq!(read_stored(&file), b"");
            write_text(&file, text);
            read_stored(&file)
        });
        assert_eq!(stored[0].len(), text.len());
        assert!(stored[0] != stored[1], "one stream for two files");
    }
}
