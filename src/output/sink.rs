//! The formats of a run, each with the folder that its tables go to.

use arrow::datatypes::SchemaRef;

use super::format::OutputFormat;
use super::layout;
use super::staged::Staged;
use super::table::{TableRun, WrittenTable};
use super::table_format::SinkOptions;
use crate::error::Result;
use crate::store::Folder;
use crate::table::StagingArea;

/// One format and where its tables go.
pub struct TableSink {
    format: OutputFormat,
    root: Folder,
    options: SinkOptions,
}

/// All formats of a run.
pub struct TableSinks(Vec<TableSink>);

impl TableSinks {
    /// One format writes right below `output`, several in a folder each.
    pub fn new(output: &Folder, formats: &[OutputFormat], options: SinkOptions) -> Self {
        let sink = |format: &OutputFormat| TableSink {
            format: *format,
            root: layout::format_root(output, *format, formats),
            options,
        };
        Self(formats.iter().map(sink).collect())
    }

    /// The formats, in the order given.
    pub fn iter(&self) -> impl Iterator<Item = &TableSink> {
        self.0.iter()
    }
}

impl TableSink {
    /// The format.
    pub fn format(&self) -> OutputFormat {
        self.format
    }

    /// Makes rows fit the table that is there, where contained resources of other types than
    /// before would clash with its columns.
    pub fn fit_rows(&self, table: &str, rows: &mut Staged) -> Result<()> {
        self.format.table_format().fit_rows(&self.root, table, rows)
    }

    /// Writes what a run brings for one table.
    pub fn write_table(&self, run: &TableRun<'_>) -> Result<WrittenTable> {
        self.format.table_format().write_table(&self.root, run, &self.options)
    }

    /// Makes an empty table of this schema, or widens the one that is there; rows stay.
    pub fn create_table(&self, table: &str, schema: SchemaRef, area: &StagingArea) -> Result<()> {
        self.format.table_format().create_table(&self.root, table, schema, area, &self.options)
    }

    /// Tidies a table, unless that is not wanted. Gives its version, if it has one.
    pub fn optimize_table(&self, table: &str) -> Result<Option<u64>> {
        self.format.table_format().optimize_table(&self.root, table, &self.options)
    }
}
