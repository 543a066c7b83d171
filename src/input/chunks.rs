//! Files as chunks of whole lines, a few megabytes each.

use std::io::{self, BufReader, Read};

use super::gzip::Gunzip;
use crate::bounded::LONGEST_LINE;

/// Bytes a chunk aims at.
const CHUNK: usize = 2 << 20;
/// Bytes that make a chunk worth its while.
const SMALL_CHUNK: usize = 256 << 10;

/// Some whole lines of a file.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Chunk {
    /// The lines, each with its line end; the file's last may lack it.
    pub bytes: Vec<u8>,
    /// The number of the first one, counted from 1.
    pub first_line: u64,
    /// Numbers of lines before the first one that were too long to be read.
    pub too_long: Vec<u64>,
}

/// Undoes gzip or Zstandard, told by the content: a Zstandard file may begin with a frame of notes.
pub fn decompress(mut reader: Box<dyn Read + Send>) -> io::Result<Box<dyn Read + Send>> {
    let mut magic = [0; 4];
    let mut len = 0;
    while len < magic.len() {
        match reader.read(&mut magic[len..])? {
            0 => break,
            count => len += count,
        }
    }
    let whole = io::Cursor::new(magic[..len].to_vec()).chain(reader);
    Ok(match magic[..len] {
        [0x1f, 0x8b, ..] => Box::new(Gunzip::new(BufReader::with_capacity(1 << 17, whole))),
        [0x28, 0xb5, 0x2f, 0xfd] | [0x50..=0x5f, 0x2a, 0x4d, 0x18] => {
            Box::new(zstd::stream::read::Decoder::new(whole)?)
        }
        _ => Box::new(whole),
    })
}

/// Cuts a stream of lines into chunks.
pub struct Chunks<'a, R> {
    reader: R,
    /// Bytes that a chunk aims at.
    size: usize,
    /// Called before more than a chunk's usual size is read, with the bytes that are to be read.
    wait: &'a dyn Fn(usize),
    rest: Vec<u8>,
    line: u64,
    end: bool,
}

impl<'a, R: Read> Chunks<'a, R> {
    /// The chunks of what `reader` gives.
    pub fn new(reader: R) -> Self {
        Self { reader, size: CHUNK, wait: &|_| (), rest: Vec::new(), line: 1, end: false }
    }

    /// Calls `wait` before a long line is read on, with the bytes that its chunk may then have, so that
    /// memory can be free before it is taken.
    pub fn waiting(self, wait: &'a dyn Fn(usize)) -> Self {
        Self { wait, ..self }
    }

    /// Makes chunks so small that a table of `bytes` bytes keeps `workers` busy to its end.
    pub fn for_workers(self, bytes: u64, workers: usize) -> Self {
        let share = bytes / (workers as u64 * 16).max(1);
        let size = usize::try_from(share).unwrap_or(CHUNK).clamp(SMALL_CHUNK, CHUNK);
        Self { size, ..self }
    }

    /// Reads until `buffer` has `len` bytes or the stream ends.
    fn fill(&mut self, buffer: &mut Vec<u8>, len: usize) -> io::Result<()> {
        if let Some(more) = len.checked_sub(buffer.len()) {
            let read = (&mut self.reader).take(more as u64).read_to_end(buffer)?;
            self.end = read < more;
        }
        Ok(())
    }

    fn next_chunk(&mut self) -> io::Result<Option<Chunk>> {
        let mut bytes = Vec::with_capacity(self.size + self.rest.len());
        bytes.append(&mut self.rest);
        let mut too_long = Vec::new();
        let mut size = self.size;
        loop {
            self.fill(&mut bytes, size)?;
            if self.end {
                break;
            }
            match memchr::memrchr(b'\n', &bytes) {
                Some(last) => {
                    self.rest = bytes.split_off(last + 1);
                    break;
                }
                // Doubled, as each step looks through the whole buffer for the end of the line: in
                // steps of one size the time would grow with the square of the line.
                None if bytes.len() <= LONGEST_LINE => {
                    size = bytes.len() * 2;
                    (self.wait)(size);
                }
                None => {
                    too_long.push(self.line);
                    self.line += 1;
                    self.skip_line(&mut bytes)?;
                    size = self.size;
                }
            }
        }
        if bytes.is_empty() && too_long.is_empty() {
            return Ok(None);
        }
        let first_line = self.line;
        self.line += memchr::memchr_iter(b'\n', &bytes).count() as u64;
        Ok(Some(Chunk { bytes, first_line, too_long }))
    }

    /// Passes over the rest of a line; leaves in `bytes` what follows it.
    fn skip_line(&mut self, bytes: &mut Vec<u8>) -> io::Result<()> {
        while !self.end {
            bytes.clear();
            self.fill(bytes, CHUNK)?;
            if let Some(end) = memchr::memchr(b'\n', bytes) {
                bytes.drain(..=end);
                return Ok(());
            }
        }
        bytes.clear();
        Ok(())
    }
}

impl<R: Read> Iterator for Chunks<'_, R> {
    type Item = io::Result<Chunk>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.next_chunk() {
            Ok(chunk) => chunk.map(Ok),
            Err(error) => {
                // Nothing follows an error: the lines behind a damaged place would pass for all
                // that there are.
                self.end = true;
                self.rest.clear();
                Some(Err(error))
            }
        }
    }
}
