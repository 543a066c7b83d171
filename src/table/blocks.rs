//! De-identified rows as compressed blocks, on their way from the workers to their table. The blocks
//! stay in memory while they are few, and go to the work folder after that.
//!
//! A [`Block`] is made of a [`DeidentifiedBatch`] or of [`DeidentifiedLines`] only, and [`Blocks`] takes
//! nothing else: no other bytes can be staged.

use std::borrow::Cow;
use std::fs::File;
use std::marker::PhantomData;
use std::os::unix::fs::FileExt;

use arrow::array::RecordBatch;
use arrow::buffer::Buffer;
use arrow::ipc::reader::StreamDecoder;
use arrow::ipc::writer::StreamWriter;

use super::deidentified::{DeidentifiedBatch, DeidentifiedLines};
use crate::error::{Context, Result};
use crate::memory::StagingShare;
use crate::store::WorkFolder;

/// Bytes of [`Scratch`] that are kept: more than chunks of lines of usual length need.
const KEPT: usize = 16 << 20;
/// The fault where blocks are not those that were pushed.
pub const DAMAGED: &str = "the work folder's files have been damaged";

/// Buffers that are used again for each block: fresh memory of some megabytes costs more than what is
/// written to it.
#[derive(Default)]
pub struct Scratch {
    plain: Vec<u8>,
    packed: Vec<u8>,
}

impl Scratch {
    /// Gives back what a single long line has taken.
    fn shrink(&mut self) {
        self.plain.truncate(0);
        self.packed.truncate(0);
        self.plain.shrink_to(KEPT);
        self.packed.shrink_to(KEPT);
    }
}

/// Compressed rows: of a [`DeidentifiedBatch`] or of [`DeidentifiedLines`].
pub struct Block<'a, T> {
    /// The length before compression (4 bytes, little-endian), then LZ4.
    bytes: Cow<'a, [u8]>,
    rows: PhantomData<T>,
}

impl<T> Block<'static, T> {
    fn pack_bytes(plain: &[u8], room: &mut Vec<u8>) -> Result<Self> {
        room.resize(lz4_flex::block::get_maximum_output_size(plain.len()), 0);
        let len = lz4_flex::block::compress_into(plain, room).context("cannot pack rows")?;
        let plain = u32::try_from(plain.len()).context("a block holds more than 4 GiB of rows")?;
        // Copied to its exact size: the block may wait in memory for long, and `room` is used again.
        let bytes = [&plain.to_le_bytes()[..], &room[..len]].concat();
        Ok(Self { bytes: Cow::Owned(bytes), rows: PhantomData })
    }
}

impl<T> Block<'_, T> {
    /// Bytes before compression.
    pub fn plain_bytes(&self) -> u64 {
        self.bytes.first_chunk().map_or(0, |length| u32::from_le_bytes(*length).into())
    }

    fn unpack_bytes(&self) -> Result<Vec<u8>> {
        lz4_flex::decompress_size_prepended(&self.bytes).context(DAMAGED)
    }
}

impl Block<'static, DeidentifiedBatch> {
    /// Encodes a batch; done by the workers, since it compresses.
    ///
    /// Compressed as a whole: a wide table has thousands of small buffers, and Arrow would compress
    /// each by itself.
    pub fn of_batch(batch: &DeidentifiedBatch, scratch: &mut Scratch) -> Result<Self> {
        let Scratch { plain, packed } = scratch;
        plain.clear();
        let failed = "cannot encode rows";
        let batch = batch.as_arrow();
        let mut writer = StreamWriter::try_new(&mut *plain, batch.schema_ref()).context(failed)?;
        writer.write(batch).and_then(|()| writer.finish()).context(failed)?;
        drop(writer);
        let block = Self::pack_bytes(plain, packed);
        scratch.shrink();
        block
    }
}

impl Block<'_, DeidentifiedBatch> {
    /// The batch; its arrays are parts of one buffer. `None` for a batch without columns.
    pub fn decode_batch(&self) -> Result<Option<DeidentifiedBatch>> {
        let mut buffer = Buffer::from(self.unpack_bytes()?);
        let batch: Option<RecordBatch> =
            StreamDecoder::new().decode(&mut buffer).context(DAMAGED)?;
        Ok(batch.map(DeidentifiedBatch::new))
    }
}

impl Block<'static, DeidentifiedLines> {
    /// Compresses lines; done by the workers.
    pub fn of_lines(lines: &DeidentifiedLines, scratch: &mut Scratch) -> Result<Self> {
        let block = Self::pack_bytes(lines.as_bytes(), &mut scratch.packed);
        scratch.shrink();
        block
    }
}

impl Block<'_, DeidentifiedLines> {
    /// The lines, each with its line end.
    pub fn decode_lines(&self) -> Result<DeidentifiedLines> {
        self.unpack_bytes().map(DeidentifiedLines::new)
    }
}

/// Where rows are staged: in memory while they are few, and in the work folder after that.
#[derive(Clone, Debug)]
pub struct StagingArea {
    /// Where rows go if they are many.
    pub work: WorkFolder,
    /// The part of each table that stays in memory.
    pub memory: StagingShare,
}

/// Blocks in the order they were pushed.
pub struct Blocks<T> {
    work: WorkFolder,
    file: Option<File>,
    stored: Vec<Stored>,
    /// Bytes that may stay in memory yet.
    room: usize,
    on_disk: u64,
    rows: PhantomData<T>,
}

enum Stored {
    Memory(Vec<u8>),
    Disk { offset: u64, len: usize },
}

impl<T> Blocks<T> {
    /// No blocks yet.
    pub fn new(area: &StagingArea) -> Self {
        Self {
            work: area.work.clone(),
            file: None,
            stored: Vec::new(),
            room: area.memory.row_bytes,
            on_disk: 0,
            rows: PhantomData,
        }
    }

    /// Adds a block.
    pub fn push(&mut self, block: Block<'_, T>) -> Result<()> {
        let bytes = block.bytes;
        // Small blocks may still stay in memory after a large
        // one has gone to the disk: each knows its own place.
        if let Some(room) = self.room.checked_sub(bytes.len()) {
            self.room = room;
            self.stored.push(Stored::Memory(bytes.into_owned()));
            return Ok(());
        }
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(self.work.create_file()?),
        };
        file.write_all_at(&bytes, self.on_disk)
            .with_context(|| format!("cannot write to the work folder '{}'", self.work))?;
        self.stored.push(Stored::Disk { offset: self.on_disk, len: bytes.len() });
        self.on_disk += bytes.len() as u64;
        Ok(())
    }

    /// The block with this index.
    pub fn read(&self, index: usize) -> Result<Block<'_, T>> {
        let bytes = match (&self.stored[index], &self.file) {
            (Stored::Memory(bytes), _) => Cow::Borrowed(&bytes[..]),
            (Stored::Disk { offset, len }, Some(file)) => {
                let mut bytes = vec![0; *len];
                file.read_exact_at(&mut bytes, *offset)
                    .with_context(|| format!("cannot read the work folder '{}'", self.work))?;
                Cow::Owned(bytes)
            }
            // Not reached, as `push` makes the file first. Unpacking nothing would fail as damage.
            (Stored::Disk { .. }, None) => Cow::default(),
        };
        Ok(Block { bytes, rows: PhantomData })
    }
}
