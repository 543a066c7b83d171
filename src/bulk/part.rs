//! A file that is being downloaded: `<name>.part`, plain or compressed.
//!
//! Compressed, it is a sequence of gzip members, each of the same amount of text. So its bytes
//! don't depend on how the text came in, and a run that was killed leaves whole members to go on
//! from.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::bufread::GzDecoder;
use flate2::write::GzEncoder;

use super::rows::RowCheck;
use crate::bounded::LONGEST_LINE;
use crate::input::gzip::Gunzip;

/// Text per gzip member.
const MEMBER: usize = 4 << 20;
/// Text per call of the compressor: the same bytes in other pieces must give the same result.
const BLOCK: usize = 128 << 10;

/// Quicker than the usual level 6 by half and larger by a tenth.
const LEVEL: Compression = Compression::new(4);

/// A `.part` file and what is known of its rows.
pub(super) struct PartialFile {
    path: PathBuf,
    resource_type: String,
    out: PartEncoder,
    /// Text that is yet to be looked at and written: a small file is one call of each.
    waiting: Vec<u8>,
    pub rows: RowCheck,
    /// Bytes of text.
    pub bytes: u64,
}

enum PartEncoder {
    Plain(File),
    Gzip(Box<Gzip<File>>),
}

impl PartialFile {
    /// Opens `path`, and goes on where a former run was. `compress`: write gzip.
    pub(super) fn open_path(path: &Path, resource_type: &str, compress: bool) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let mut file = file.open(path)?;
        let mut rows = RowCheck::new(resource_type);
        let length = file.metadata()?.len();
        let found = match (length, compress) {
            (0, _) => ResumePoint::default(),
            (_, false) => read_plain(&mut file, &mut rows)?,
            (_, true) => read_members(&mut file, &mut rows)?,
        };
        // A part with a row that does not look right is begun anew.
        let found = if rows.first_wrong.is_some() { ResumePoint::default() } else { found };
        if found.text == 0 {
            rows = RowCheck::new(resource_type);
        }
        // A file that was truncated is written out by ext4 when it is closed, which costs more than
        // downloading a small one.
        if found.stored < length {
            file.set_len(found.stored)?;
        }
        if length > 0 {
            file.seek(SeekFrom::Start(found.stored))?;
        }
        let out = match compress {
            false => PartEncoder::Plain(file),
            true => PartEncoder::Gzip(Box::new(Gzip::new(file, found.stored > 0))),
        };
        let (path, resource_type) = (path.to_owned(), resource_type.to_owned());
        let waiting = Vec::new();
        Ok(Self { path, resource_type, out, waiting, rows, bytes: found.text })
    }

    /// Appends text.
    pub(super) fn write_text(&mut self, text: &[u8]) -> io::Result<()> {
        self.bytes += text.len() as u64;
        if self.waiting.len() + text.len() < BLOCK {
            self.waiting.extend_from_slice(text);
            return Ok(());
        }
        self.flush()?;
        self.write_bytes(text)
    }

    /// Takes what is waiting.
    fn flush(&mut self) -> io::Result<()> {
        let mut text = std::mem::take(&mut self.waiting);
        let taken = self.write_bytes(&text);
        text.clear();
        self.waiting = text;
        taken
    }

    fn write_bytes(&mut self, text: &[u8]) -> io::Result<()> {
        self.rows.add_bytes(text);
        match &mut self.out {
            PartEncoder::Plain(file) => file.write_all(text),
            PartEncoder::Gzip(gzip) => gzip.write_text(text),
        }
    }

    /// Drops all that is there.
    pub(super) fn begin_anew(&mut self) -> io::Result<()> {
        let file = match &mut self.out {
            PartEncoder::Plain(file) => file,
            PartEncoder::Gzip(gzip) => gzip.begin_anew(),
        };
        file.set_len(0)?;
        file.rewind()?;
        self.waiting.clear();
        self.rows = RowCheck::new(&self.resource_type);
        self.bytes = 0;
        Ok(())
    }

    /// The text is complete. The file is not durable yet.
    pub(super) fn finish_part(&mut self) -> io::Result<()> {
        self.flush()?;
        self.rows.finish_file();
        match &mut self.out {
            PartEncoder::Plain(_) => Ok(()),
            PartEncoder::Gzip(gzip) => gzip.finish_member(),
        }
    }

    /// Where it is.
    pub(super) fn file_path(&self) -> &Path {
        &self.path
    }

    /// Reads the text back, up to `limit` bytes.
    pub(super) fn read_text(&self, limit: u64) -> io::Result<Vec<u8>> {
        let mut text = Vec::new();
        open_text(&self.path)?.take(limit).read_to_end(&mut text)?;
        Ok(text)
    }
}

/// Opens a file of rows.
pub(super) fn open_text(path: &Path) -> io::Result<Box<dyn BufRead + Send>> {
    Ok(text_of(File::open(path)?)?.0)
}

/// The text of a file of rows, and whether that is compressed: by its first bytes.
pub(super) fn text_of(
    file: impl Read + Send + 'static,
) -> io::Result<(Box<dyn BufRead + Send>, bool)> {
    let mut file = BufReader::with_capacity(1 << 16, file);
    let gzip = file.fill_buf()?.starts_with(&[0x1f, 0x8b]);
    let text: Box<dyn BufRead + Send> = match gzip {
        false => Box::new(file),
        true => Box::new(BufReader::with_capacity(1 << 16, Gunzip::new(file))),
    };
    Ok((text, gzip))
}

/// Writes the lines that `wanted` picks to a new file, compressed like a download or not. Lines
/// that are too long to be looked at go there if `long`.
pub(super) fn write_lines(
    from: &Path,
    to: &Path,
    compress: bool,
    long: bool,
    wanted: impl Fn(&[u8]) -> bool,
) -> io::Result<()> {
    // `open_path` goes on from what is there, and a run that was killed may have left some.
    let _ = fs::remove_file(to);
    let mut part = PartialFile::open_path(to, "", compress)?;
    let mut text = open_text(from)?;
    let (mut line, mut too_long) = (Vec::new(), false);
    loop {
        let buffer = text.fill_buf()?;
        if buffer.is_empty() {
            break;
        }
        let end = memchr::memchr(b'\n', buffer).map(|at| at + 1);
        let used = end.unwrap_or(buffer.len());
        line.extend_from_slice(&buffer[..used]);
        text.consume(used);
        too_long |= line.len() > LONGEST_LINE;
        // A line that is too long is passed on piece by piece.
        if too_long || end.is_some() {
            if if too_long { long } else { wanted(&line) } {
                part.write_text(&line)?;
            }
            line.clear();
        }
        too_long &= end.is_none();
    }
    if !line.is_empty() && wanted(&line) {
        part.write_text(&line)?;
    }
    part.finish_part()
}

/// How much of a file can be kept.
#[derive(Default)]
struct ResumePoint {
    /// Bytes in the file.
    stored: u64,
    /// Bytes of text.
    text: u64,
}

fn read_plain(file: &mut File, rows: &mut RowCheck) -> io::Result<ResumePoint> {
    let text = copy_rows(file, rows)?;
    Ok(ResumePoint { stored: text, text })
}

fn copy_rows(reader: &mut impl Read, rows: &mut RowCheck) -> io::Result<u64> {
    let mut buffer = vec![0; BLOCK];
    let mut total = 0;
    loop {
        match reader.read(&mut buffer)? {
            0 => return Ok(total),
            count => {
                rows.add_bytes(&buffer[..count]);
                total += count as u64;
            }
        }
    }
}

/// Whole members of the full size; what follows them is dropped.
fn read_members(file: &mut File, rows: &mut RowCheck) -> io::Result<ResumePoint> {
    let mut found = ResumePoint::default();
    let mut input = BufReader::with_capacity(BLOCK, file);
    let mut text = Vec::with_capacity(MEMBER);
    loop {
        text.clear();
        let mut decoder = GzDecoder::new(&mut input);
        // One byte more than a member of ours has: a longer one was written by another program.
        let whole = (&mut decoder).take(MEMBER as u64 + 1).read_to_end(&mut text);
        if whole.is_err() || text.len() != MEMBER {
            return Ok(found);
        }
        rows.add_bytes(&text);
        found.text += MEMBER as u64;
        // This decoder takes no byte beyond the member's end, so the next member begins here.
        found.stored = input.stream_position()?;
    }
}

/// Writes members.
pub(super) struct Gzip<W> {
    out: W,
    block: Vec<u8>,
    member: GzEncoder<Vec<u8>>,
    /// Text in the member so far.
    filled: usize,
    /// Whether there are members already.
    begun: bool,
}

impl<W: Write> Gzip<W> {
    /// `begun`: whether `out` has members already.
    pub(super) fn new(out: W, begun: bool) -> Self {
        let member = GzEncoder::new(Vec::new(), LEVEL);
        Self { out, block: Vec::with_capacity(BLOCK), member, filled: 0, begun }
    }

    fn begin_anew(&mut self) -> &mut W {
        self.block.clear();
        self.member = GzEncoder::new(Vec::new(), LEVEL);
        self.filled = 0;
        self.begun = false;
        &mut self.out
    }

    /// Adds text.
    pub(super) fn write_text(&mut self, mut text: &[u8]) -> io::Result<()> {
        while !text.is_empty() {
            let (now, rest) = text.split_at(text.len().min(BLOCK - self.block.len()));
            self.block.extend_from_slice(now);
            text = rest;
            if self.block.len() == BLOCK {
                self.compress_block()?;
                if self.filled == MEMBER {
                    self.end_member()?;
                }
            }
        }
        Ok(())
    }

    fn compress_block(&mut self) -> io::Result<()> {
        self.member.write_all(&self.block)?;
        self.filled += self.block.len();
        self.block.clear();
        Ok(())
    }

    fn end_member(&mut self) -> io::Result<()> {
        let next = GzEncoder::new(Vec::new(), LEVEL);
        let bytes = std::mem::replace(&mut self.member, next).finish()?;
        self.filled = 0;
        self.begun = true;
        self.out.write_all(&bytes)
    }

    /// Ends the last member. An empty file is one empty member: nothing at all would be no gzip
    /// file.
    pub(super) fn finish_member(&mut self) -> io::Result<()> {
        self.compress_block()?;
        if self.filled > 0 || !self.begun {
            self.end_member()?;
        }
        Ok(())
    }

    /// The files that members went to.
    pub(super) fn into_inner(self) -> W {
        self.out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: usize) -> Vec<u8> {
        let line = |n: usize| format!("{{\"resourceType\":\"Patient\",\"id\":\"{n}\"}}\n");
        let mut text: Vec<u8> = (0..bytes / 30).flat_map(|n| line(n).into_bytes()).collect();
        text.truncate(bytes);
        text
    }

    #[test]
    fn an_interrupted_file_goes_on_and_ends_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let text = text(2 * MEMBER + 100_000);
        for compress in [false, true] {
            let (calm, path) = (dir.path().join("calm"), dir.path().join("file"));
            let _ = (fs::remove_file(&calm), fs::remove_file(&path));
            let mut part = PartialFile::open_path(&calm, "Patient", compress).unwrap();
            part.write_text(&text).unwrap();
            part.finish_part().unwrap();
            let mut moment = 77;
            while moment < text.len() {
                let mut part = PartialFile::open_path(&path, "Patient", compress).unwrap();
                let start = part.bytes as usize;
                assert!(part.rows.first_wrong.is_none() && start <= moment);
                let sizes = 10_000 + moment % 999;
                text[start..moment].chunks(sizes).for_each(|piece| part.write_text(piece).unwrap());
                moment += 3 * MEMBER / 4;
            }
            let mut part = PartialFile::open_path(&path, "Patient", compress).unwrap();
            assert!(part.bytes as usize >= MEMBER);
            part.write_text(&text[part.bytes as usize..]).unwrap();
            part.finish_part().unwrap();
            assert_eq!(fs::read(&path).unwrap(), fs::read(&calm).unwrap(), "{compress}");
            assert_eq!(part.read_text(u64::MAX).unwrap(), text);
        }
    }

    #[test]
    fn what_was_damaged_is_begun_anew() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        // A power cut leaves such files: the length is there, the data is not.
        fs::write(&path, b"\0\0\0\0\n\0\0").unwrap();
        for compress in [false, true] {
            let part = PartialFile::open_path(&path, "Patient", compress).unwrap();
            assert_eq!((part.bytes, part.rows.rows), (0, 0));
        }
    }

    #[test]
    fn an_empty_file_is_one_that_others_can_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        let mut part = PartialFile::open_path(&path, "Patient", true).unwrap();
        part.finish_part().unwrap();
        assert!(fs::metadata(&path).unwrap().len() > 10);
        assert_eq!(part.read_text(1).unwrap(), b"");
    }
}
