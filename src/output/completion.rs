//! The completion tables: which data of which Group has been processed (spec: "Tables").

use super::TableSink;
use super::keys::KeyIndex;
use super::rows::Bitmap;
use super::staged::Staged;
use super::table::{Merge, TableRun};
use crate::error::{Context, Result};
use crate::table::{Block, CompletionRow, Scratch, StagingArea, schema};

/// One row per table and run.
pub const TABLE: &str = "etl__completion";
/// One row per encounter and Group.
pub const ENCOUNTERS: &str = "etl__completion_encounters";

/// Adds a row to [`TABLE`].
pub fn append_row(sink: &TableSink, row: CompletionRow<'_>, area: &StagingArea) -> Result<()> {
    let batch = row.to_batch().context("cannot make a completion row")?;
    let mut rows = Staged::new(area, schema::completion_schema());
    rows.push(Block::of_batch(&batch, &mut Scratch::default())?, 1)?;
    sink.write_table(&TableRun {
        name: TABLE,
        rows: &rows,
        lines: None,
        live: &Bitmap::all_set(1),
        keys: &KeyIndex::new(area),
        deletes: &[],
        merge: Merge::Append,
        key_columns: &["table_name", "group_name", "export_time", "etl_time"],
    })
    .map(|_| ())
}
