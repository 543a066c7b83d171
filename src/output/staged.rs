//! Rows of a run between de-identification and their table: as Arrow, as JSON lines, or both.

use std::io::Cursor;
use std::ops::Range;
use std::sync::Mutex;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::{IpcWriteOptions, StreamWriter};
use arrow::ipc::{CompressionType, MetadataVersion};

use super::blocks::Blocks;
use super::rows::{Batches, Bitmap, RowSource, SlottedBatch};
use crate::error::{Context, Result};
use crate::store::WorkFolder;
use crate::table::{Misfits, adapt};

/// Rows that are read at once: the columns of a wide table cost more per batch than per row.
const ROWS_AT_ONCE: u64 = 4 << 10;
const DAMAGED: &str = "the work folder's files have been damaged";

/// Encodes a batch for [`Staged::push`]; done by the workers, since it compresses.
pub fn encode(batch: &RecordBatch) -> Result<Vec<u8>, ArrowError> {
    let options = IpcWriteOptions::try_new(64, false, MetadataVersion::V5)?
        .try_with_compression(Some(CompressionType::LZ4_FRAME))?;
    let mut writer = StreamWriter::try_new_with_options(Vec::new(), batch.schema_ref(), options)?;
    writer.write(batch)?;
    writer.finish()?;
    writer.into_inner()
}

/// Rows of one table, in blocks, each with the columns that its rows show.
pub struct Staged {
    blocks: Blocks,
    /// The first slot of each block, and behind them the number of all slots.
    starts: Vec<u64>,
    schema: SchemaRef,
    misfits: Mutex<Misfits>,
}

impl Staged {
    /// No rows yet.
    pub fn new(work: &WorkFolder, schema: SchemaRef) -> Self {
        Self { blocks: Blocks::new(work), starts: vec![0], schema, misfits: Mutex::default() }
    }

    /// Adds a batch of `rows` rows, encoded.
    pub fn push(&mut self, encoded: Vec<u8>, rows: u64) -> Result<()> {
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
        let bytes = self.blocks.read(index)?;
        let batch = StreamReader::try_new(Cursor::new(bytes), None)
            .context(DAMAGED)?
            .next()
            .transpose()
            .context(DAMAGED)?
            .unwrap_or_else(|| RecordBatch::new_empty(self.schema.clone()));
        let rows = rows.start..rows.end.min(batch.num_rows());
        Ok(batch.slice(rows.start, rows.len()))
    }

    /// Blocks `group`, as far as they are within `slots`, as one batch in the table's schema.
    fn read_group(&self, group: Range<usize>, slots: &Range<u64>) -> Result<SlottedBatch> {
        let first_slot = self.starts[group.start].max(slots.start);
        let batches = group
            .map(|index| {
                let start = self.starts[index];
                let from = slots.start.saturating_sub(start) as usize;
                self.read_block(index, from..slots.end.saturating_sub(start) as usize)
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
        Ok(SlottedBatch { first_slot, batch })
    }
}

impl RowSource for Staged {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn slots(&self) -> u64 {
        self.starts.last().copied().unwrap_or_default()
    }

    fn read(&self, slots: Range<u64>) -> Result<Batches<'_>> {
        if slots.is_empty() {
            return Ok(Box::new(std::iter::empty()));
        }
        let first = self.starts.partition_point(|start| *start <= slots.start).saturating_sub(1);
        let end = self.starts.partition_point(|start| *start < slots.end);
        let mut next = first;
        let groups = std::iter::from_fn(move || {
            let start = next;
            while next < end && self.starts[next] - self.starts[start] < ROWS_AT_ONCE {
                next += 1;
            }
            (start < next).then_some(start..next)
        });
        Ok(Box::new(groups.map(move |group| self.read_group(group, &slots))))
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

    /// Adds `rows` lines, each with its line end, packed by [`pack`].
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
            for (line, slot) in lines.split_inclusive(|b| *b == b'\n').zip(window[0]..) {
                if live.get(slot) {
                    visit(line, 1)?;
                }
            }
        }
        Ok(())
    }
}

/// Packs lines for [`StagedLines::push`]; done by the workers.
pub fn pack(lines: &[u8]) -> Vec<u8> {
    lz4_flex::compress_prepend_size(lines)
}

#[cfg(test)]
mod tests;
