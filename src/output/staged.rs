//! Rows of a run between de-identification and their table: as Arrow, as JSON lines, or both.

use std::ops::Range;
use std::sync::Mutex;

use arrow::array::RecordBatch;
use arrow::buffer::Buffer;
use arrow::compute::filter_record_batch;
use arrow::datatypes::SchemaRef;
use arrow::ipc::reader::StreamDecoder;
use arrow::ipc::writer::StreamWriter;

use super::blocks::Blocks;
use super::rows::{Batches, Bitmap, Live, RowSource};
use crate::error::{Context, Result};
use crate::store::WorkFolder;
use crate::table::{Misfits, adapt};

/// Rows that are read at once: the columns of a wide table cost more per batch than per row.
const ROWS_AT_ONCE: u64 = 4 << 10;
/// Bytes of blocks, unpacked, that are joined at most. The values of a column, which are joined too,
/// must not have more than 2 GiB.
const BYTES_AT_ONCE: u64 = 32 << 20;
/// Bytes of [`Scratch`] that are kept: more than chunks of lines of usual length need.
const KEPT: usize = 16 << 20;
const DAMAGED: &str = "the work folder's files have been damaged";

/// Room that is used again for each block: fresh memory of some megabytes costs more than what
/// is written to it.
#[derive(Default)]
pub struct Scratch {
    plain: Vec<u8>,
    packed: Vec<u8>,
}

impl Scratch {
    /// What a single long line has taken is given back.
    fn shrink(&mut self) {
        self.plain.truncate(0);
        self.packed.truncate(0);
        self.plain.shrink_to(KEPT);
        self.packed.shrink_to(KEPT);
    }
}

/// Encodes a batch for [`Staged::push`]; done by the workers, since it compresses.
///
/// Compressed as a whole: a wide table has thousands of small buffers, and Arrow would compress
/// each by itself.
pub fn encode(batch: &RecordBatch, scratch: &mut Scratch) -> Result<Vec<u8>> {
    let Scratch { plain, packed } = scratch;
    plain.clear();
    let failed = "cannot encode rows";
    let mut writer = StreamWriter::try_new(&mut *plain, batch.schema_ref()).context(failed)?;
    writer.write(batch).and_then(|()| writer.finish()).context(failed)?;
    drop(writer);
    let packed = pack(plain, packed);
    scratch.shrink();
    packed
}

/// Packs lines for [`StagedLines::push`]; done by the workers.
pub fn pack_lines(lines: &[u8], scratch: &mut Scratch) -> Result<Vec<u8>> {
    let packed = pack(lines, &mut scratch.packed);
    scratch.shrink();
    packed
}

/// The length, then the compressed bytes.
fn pack(plain: &[u8], room: &mut Vec<u8>) -> Result<Vec<u8>> {
    room.resize(lz4_flex::block::get_maximum_output_size(plain.len()), 0);
    let len = lz4_flex::block::compress_into(plain, room).context("cannot pack rows")?;
    let plain = u32::try_from(plain.len()).context("rows of more than 4 GiB came at once")?;
    Ok([&plain.to_le_bytes()[..], &room[..len]].concat())
}

/// The length of what was packed.
fn plain_bytes(packed: &[u8]) -> u64 {
    packed.first_chunk().map_or(0, |length| u32::from_le_bytes(*length).into())
}

/// The batch of [`encode`]; its arrays are parts of one buffer.
pub fn decode(packed: &[u8]) -> Result<Option<RecordBatch>> {
    let mut buffer = Buffer::from(lz4_flex::decompress_size_prepended(packed).context(DAMAGED)?);
    StreamDecoder::new().decode(&mut buffer).context(DAMAGED)
}

/// Rows of one table, in blocks, each with the columns that its rows show.
pub struct Staged {
    blocks: Blocks,
    /// The first slot of each block, and behind them the number of all slots.
    starts: Vec<u64>,
    /// The size of each block, unpacked.
    bytes: Vec<u64>,
    schema: SchemaRef,
    misfits: Mutex<Misfits>,
}

impl Staged {
    /// No rows yet.
    pub fn new(work: &WorkFolder, schema: SchemaRef) -> Self {
        Self {
            blocks: Blocks::new(work),
            starts: vec![0],
            bytes: Vec::new(),
            schema,
            misfits: Mutex::default(),
        }
    }

    /// Adds a batch of `rows` rows, encoded.
    pub fn push(&mut self, encoded: Vec<u8>, rows: u64) -> Result<()> {
        self.bytes.push(plain_bytes(&encoded));
        self.blocks.push(encoded)?;
        self.starts.push(self.slots() + rows);
        Ok(())
    }

    /// Sets the schema that all batches are brought to.
    pub fn set_schema(&mut self, schema: SchemaRef) {
        self.schema = schema;
    }

    /// The values of contained resources that fitted no column, over all rows read so far.
    /// Reading a row twice counts its misfits twice.
    pub fn take_misfits(&self) -> Misfits {
        self.misfits.lock().map(|mut misfits| std::mem::take(&mut *misfits)).unwrap_or_default()
    }

    /// Some rows of a block, as they were pushed.
    fn read_block(&self, index: usize, rows: Range<usize>) -> Result<RecordBatch> {
        let batch = decode(&self.blocks.read(index)?)?
            .unwrap_or_else(|| RecordBatch::new_empty(self.schema.clone()));
        let rows = rows.start..rows.end.min(batch.num_rows());
        Ok(batch.slice(rows.start, rows.len()))
    }

    /// The live rows of blocks `group`, as far as they are within `slots`, as one batch in the
    /// table's schema.
    fn read_group(
        &self,
        group: Range<usize>,
        slots: &Range<u64>,
        live: &dyn Live,
    ) -> Result<RecordBatch> {
        let batches = group
            .map(|index| {
                let start = self.starts[index];
                let from = slots.start.saturating_sub(start) as usize;
                let block =
                    self.read_block(index, from..slots.end.saturating_sub(start) as usize)?;
                let first = start + from as u64;
                // Before the columns are added that the block lacks.
                match live.filter(first..first + block.num_rows() as u64) {
                    None => Ok(block),
                    Some(keep) => filter_record_batch(&block, &keep).context("cannot filter rows"),
                }
            })
            .collect::<Result<Vec<_>>>()?;
        let mut misfits = Misfits::new();
        let batch = adapt(&batches, &self.schema, &mut misfits).context(DAMAGED)?;
        if !misfits.is_empty()
            && let Ok(mut all) = self.misfits.lock()
        {
            for (key, count) in misfits {
                *all.entry(key).or_default() += count;
            }
        }
        Ok(batch)
    }
}

impl RowSource for Staged {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn slots(&self) -> u64 {
        self.starts.last().copied().unwrap_or_default()
    }

    fn read<'a>(&'a self, slots: Range<u64>, live: &'a dyn Live) -> Result<Batches<'a>> {
        if slots.is_empty() {
            return Ok(Box::new(std::iter::empty()));
        }
        let first = self.starts.partition_point(|start| *start <= slots.start).saturating_sub(1);
        let end = self.starts.partition_point(|start| *start < slots.end);
        let mut next = first;
        let groups = std::iter::from_fn(move || {
            let start = next;
            let mut bytes = 0;
            while next < end
                && self.starts[next] - self.starts[start] < ROWS_AT_ONCE
                && (next == start || bytes + self.bytes[next] <= BYTES_AT_ONCE)
            {
                bytes += self.bytes[next];
                next += 1;
            }
            (start < next).then_some(start..next)
        });
        Ok(Box::new(groups.map(move |group| self.read_group(group, &slots, live))))
    }
}

/// Rows of one table as lines of JSON.
pub struct StagedLines {
    blocks: Blocks,
    starts: Vec<u64>,
}

impl StagedLines {
    /// No lines yet.
    pub fn new(work: &WorkFolder) -> Self {
        Self { blocks: Blocks::new(work), starts: vec![0] }
    }

    /// Adds `rows` lines, each with its line end, packed by [`pack_lines`].
    pub fn push(&mut self, packed: Vec<u8>, rows: u64) -> Result<()> {
        self.blocks.push(packed)?;
        self.starts.push(self.slots() + rows);
        Ok(())
    }

    /// Number of lines.
    pub fn slots(&self) -> u64 {
        self.starts.last().copied().unwrap_or_default()
    }

    /// Gives the lines that are `live` to `visit`, in order, in runs of whole lines with their
    /// number.
    pub fn read(
        &self,
        live: &Bitmap,
        visit: &mut dyn FnMut(&[u8], u64) -> Result<()>,
    ) -> Result<()> {
        for (index, window) in self.starts.windows(2).enumerate() {
            let packed = self.blocks.read(index)?;
            let lines = lz4_flex::decompress_size_prepended(&packed).context(DAMAGED)?;
            if live.count_in(window[0]..window[1]) == window[1] - window[0] {
                visit(&lines, window[1] - window[0])?;
                continue;
            }
            // Lines that live, side by side, as one run.
            let (mut from, mut to, mut rows) = (0, 0, 0);
            let ends = memchr::memchr_iter(b'\n', &lines).map(|end| end + 1);
            for (end, slot) in ends.zip(window[0]..) {
                if live.get(slot) {
                    (to, rows) = (end, rows + 1);
                    continue;
                }
                if rows > 0 {
                    visit(&lines[from..to], rows)?;
                }
                (from, to, rows) = (end, end, 0);
            }
            if rows > 0 {
                visit(&lines[from..to], rows)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
