//! Rows of a run between de-identification and their table: as Arrow, as JSON lines, or both.

use std::ops::Range;
use std::sync::Mutex;

use arrow::datatypes::SchemaRef;

use super::rows::{Batches, Bitmap, Live, RowSource};
use crate::error::{Context, Result};
use crate::poison::ignore_poison;
use crate::table::{
    Block, Blocks, DAMAGED, DeidentifiedBatch, DeidentifiedLines, Misfits, StagingArea, adapt_batch,
};

/// Rows of a batch that is read: the columns of a wide table cost more per batch than per row.
const ROWS_AT_ONCE: u64 = 4 << 10;
/// Bytes of blocks, unpacked, that are joined at most. The values of a column, which are joined too,
/// must not have more than 2 GiB.
const BYTES_AT_ONCE: u64 = 32 << 20;
/// Rows of one table, in blocks, each with the columns that its rows show.
pub struct Staged {
    blocks: Blocks<DeidentifiedBatch>,
    /// The first slot of each block, and behind them the number of all slots.
    starts: Vec<u64>,
    /// The size of each block, unpacked.
    bytes: Vec<u64>,
    schema: SchemaRef,
    misfits: Mutex<Misfits>,
}

impl Staged {
    /// No rows yet.
    pub fn new(area: &StagingArea, schema: SchemaRef) -> Self {
        Self {
            blocks: Blocks::new(area),
            starts: vec![0],
            bytes: Vec::new(),
            schema,
            misfits: Mutex::default(),
        }
    }

    /// Adds a batch of `rows` rows.
    pub fn push(&mut self, block: Block<'_, DeidentifiedBatch>, rows: u64) -> Result<()> {
        self.bytes.push(block.plain_bytes());
        self.blocks.push(block)?;
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
        std::mem::take(&mut *ignore_poison(self.misfits.lock()))
    }

    /// Some rows of a block, as they were pushed.
    fn read_block(&self, index: usize, rows: Range<usize>) -> Result<DeidentifiedBatch> {
        let batch = self.blocks.read(index)?.decode_batch()?;
        let batch = batch.unwrap_or_else(|| DeidentifiedBatch::empty(self.schema.clone()));
        Ok(batch.slice(rows))
    }

    /// The live rows of blocks `group`, as far as they are within `slots`, as one batch in the
    /// table's schema.
    fn read_group(
        &self,
        group: Range<usize>,
        slots: &Range<u64>,
        live: &dyn Live,
    ) -> Result<DeidentifiedBatch> {
        let batches = group
            .map(|index| {
                let start = self.starts[index];
                let from = slots.start.saturating_sub(start) as usize;
                let block =
                    self.read_block(index, from..slots.end.saturating_sub(start) as usize)?;
                let first = start + from as u64;
                // Filtered before the columns are added that the block
                // lacks: those would be filtered, too.
                match live.filter(first..first + block.num_rows() as u64) {
                    None => Ok(block),
                    Some(keep) => block.filter(&keep).context("cannot filter rows"),
                }
            })
            .collect::<Result<Vec<_>>>()?;
        let mut misfits = Misfits::new();
        let batch = adapt_batch(&batches, &self.schema, &mut misfits).context(DAMAGED)?;
        if !misfits.is_empty() {
            let mut all = ignore_poison(self.misfits.lock());
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
                // One block in any case: a single long line may exceed the bound.
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
    blocks: Blocks<DeidentifiedLines>,
    starts: Vec<u64>,
}

impl StagedLines {
    /// No lines yet.
    pub fn new(area: &StagingArea) -> Self {
        Self { blocks: Blocks::new(area), starts: vec![0] }
    }

    /// Adds `rows` lines.
    pub fn push(&mut self, block: Block<'_, DeidentifiedLines>, rows: u64) -> Result<()> {
        self.blocks.push(block)?;
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
            let lines = self.blocks.read(index)?.decode_lines()?;
            let lines = lines.as_bytes();
            // Most blocks have lost no row: they go to the file as
            // they are, without a search for line ends.
            if live.count_in(window[0]..window[1]) == window[1] - window[0] {
                visit(lines, window[1] - window[0])?;
                continue;
            }
            // Lines that live, side by side, as one run.
            let (mut from, mut to, mut rows) = (0, 0, 0);
            let ends = memchr::memchr_iter(b'\n', lines).map(|end| end + 1);
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
