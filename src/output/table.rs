//! The work that a format is given, and its result.

use serde::Serialize;

pub use super::delta::Merge;
use super::rows::{Bitmap, KeySource, RowSource};
use super::staged::StagedLines;
use crate::deid::AnonId;

/// A run's part of one table.
pub struct TableRun<'a> {
    /// The table's name: its folder.
    pub name: &'a str,
    /// The rows as Arrow.
    pub rows: &'a dyn RowSource,
    /// The rows as JSON lines, where a format wants them; slots as in `rows`.
    pub lines: Option<&'a StagedLines>,
    /// Which slots have won within the run.
    pub live: &'a Bitmap,
    /// The keys of rows and deletes.
    pub keys: &'a dyn KeySource,
    /// Deleted rows.
    pub deletes: &'a [AnonId<'static>],
    /// The treatment of rows that the table has already.
    pub merge: Merge,
    /// The columns that identify a row.
    pub key_columns: &'static [&'static str],
}

/// The outcome of writing a table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct WrittenTable {
    /// Live data files after the run.
    pub files: u64,
    /// Rows after the run, where the format knows.
    pub rows: u64,
    /// Bytes of the live files.
    pub bytes: u64,
    /// The Delta version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// Rows added.
    pub inserted: u64,
    /// Rows that replaced an earlier one.
    pub updated: u64,
    /// Rows of the table that a delete took.
    pub deleted: u64,
    /// Rows of the run that are older than the table's, and were left out.
    pub unchanged: u64,
}
