//! The completion tables: which data of which Group has been processed (spec: "Tables").

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray};

use super::Sink;
use super::keys::KeyIndex;
use super::rows::Bitmap;
use super::staged::{Scratch, Staged, encode};
use super::table::{Merge, TableRun};
use crate::error::{Context, Result};
use crate::store::WorkFolder;
use crate::table::schema;

/// One row per table and run.
pub const TABLE: &str = "etl__completion";
/// One row per encounter and Group.
pub const ENCOUNTERS: &str = "etl__completion_encounters";

/// What one run says of one table.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// The table's name.
    pub table: &'a str,
    /// The Group; empty for none.
    pub group: &'a str,
    /// When the data was exported.
    pub export_time: &'a str,
    /// The kick-off URL, where known.
    pub export_url: Option<&'a str>,
    /// When this run began.
    pub etl_time: &'a str,
    /// Excluded resources; empty for none.
    pub excluded: &'a str,
}

/// Adds a row to [`TABLE`].
pub fn append(sink: &Sink, row: &Row<'_>, work: &WorkFolder) -> Result<()> {
    let text = |text: &str| -> ArrayRef { Arc::new(StringArray::from(vec![text])) };
    let columns = vec![
        text(row.table),
        text(row.group),
        text(row.export_time),
        Arc::new(StringArray::from(vec![row.export_url])) as ArrayRef,
        text(env!("CARGO_PKG_VERSION")),
        text(row.etl_time),
        text(row.excluded),
    ];
    let failed = "cannot make a completion row";
    let batch = RecordBatch::try_new(schema::completion(), columns).context(failed)?;
    let mut rows = Staged::new(work, schema::completion());
    rows.push(encode(&batch, &mut Scratch::default())?, 1)?;
    sink.write(&TableRun {
        name: TABLE,
        rows: &rows,
        lines: None,
        live: &Bitmap::all_set(1),
        keys: &KeyIndex::new(work),
        deletes: &[],
        merge: Merge::Append,
        key_columns: &["table_name", "group_name", "export_time", "etl_time"],
    })
    .map(|_| ())
}
