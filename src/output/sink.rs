//! The formats of a run, behind one type.

use arrow::datatypes::SchemaRef;

use super::delta;
use super::files::{FileFormat, FileOptions};
use super::format::OutputFormat;
use super::layout;
use super::rows::RowSource;
use super::staged::Staged;
use super::table::{Merge, TableRun, Written};
use crate::error::Result;
use crate::store::{Folder, WorkFolder};
use crate::table::schema::keep_contained;

/// One format and where its tables go.
pub struct Sink {
    format: OutputFormat,
    root: Folder,
    options: SinkOptions,
}

/// How tables are written, whatever the format.
#[derive(Clone, Copy, Debug)]
pub struct SinkOptions {
    /// Rows a plain file holds at most.
    pub rows_per_file: u64,
    /// Files written at once.
    pub threads: usize,
    /// Compact and vacuum Delta tables.
    pub optimize: bool,
}

/// All formats of a run.
pub struct Sinks(Vec<Sink>);

impl Sinks {
    /// One format writes right below `output`, several in a folder each.
    pub fn new(output: &Folder, formats: &[OutputFormat], options: SinkOptions) -> Self {
        let sink = |format: &OutputFormat| Sink {
            format: *format,
            root: layout::root(output, *format, formats),
            options,
        };
        Self(formats.iter().map(sink).collect())
    }

    /// The formats, in the order given.
    pub fn iter(&self) -> impl Iterator<Item = &Sink> {
        self.0.iter()
    }
}

impl Sink {
    /// The format.
    pub fn format(&self) -> OutputFormat {
        self.format
    }

    /// Makes rows fit the table that is there, where contained resources of other types than
    /// before would clash with its columns.
    pub fn fit(&self, table: &str, rows: &mut Staged) -> Result<()> {
        if self.format == OutputFormat::Deltalake
            && let Some(there) = delta::schema(&self.root.child(table))?
        {
            rows.set_schema(keep_contained(&rows.schema(), &there));
        }
        Ok(())
    }

    /// Writes what a run brings for one table.
    pub fn write(&self, run: &TableRun<'_>) -> Result<Written> {
        let SinkOptions { rows_per_file, threads, .. } = self.options;
        let options = FileOptions { rows_per_file, threads };
        let files = |format: FileFormat| format.write(&self.root, run, options);
        match self.format {
            OutputFormat::Parquet => files(FileFormat::Parquet),
            OutputFormat::Csv => files(FileFormat::Csv),
            OutputFormat::Ndjson => files(FileFormat::Ndjson),
            OutputFormat::Deltalake => self.write_delta(run),
        }
    }

    /// Makes an empty table of this schema, or widens the one that is there; rows stay.
    pub fn create(&self, table: &str, schema: SchemaRef, work: &WorkFolder) -> Result<()> {
        let file_format = match self.format {
            OutputFormat::Deltalake => return delta::create(&self.root.child(table), schema),
            OutputFormat::Parquet => FileFormat::Parquet,
            OutputFormat::Csv => FileFormat::Csv,
            OutputFormat::Ndjson => FileFormat::Ndjson,
        };
        file_format.create(&self.root, table, schema, work)
    }

    fn write_delta(&self, run: &TableRun<'_>) -> Result<Written> {
        let options = delta::Options {
            key_columns: run.key_columns.iter().map(|name| (*name).to_owned()).collect(),
            last_updated: run.merge == Merge::Upsert,
            ..self.delta_options()
        };
        let folder = self.root.child(run.name);
        let merged =
            delta::merge(&folder, run.rows, run.live.clone(), Some(run.keys), run.merge, &options)?;
        Ok(Written {
            files: merged.files,
            rows: merged.rows,
            bytes: merged.bytes,
            version: Some(merged.version),
            inserted: merged.inserted,
            updated: merged.updated,
            deleted: merged.deleted,
            unchanged: merged.unchanged,
        })
    }

    /// Compacts and vacuums a Delta table, unless that is not wanted. Gives its version, if it
    /// is one.
    pub fn optimize(&self, table: &str) -> Result<Option<u64>> {
        if self.format != OutputFormat::Deltalake || !self.options.optimize {
            return Ok(None);
        }
        let optimized = delta::optimize(&self.root.child(table), &self.delta_options())?;
        Ok(Some(optimized.version))
    }

    fn delta_options(&self) -> delta::Options<'static> {
        delta::Options { threads: self.options.threads, ..delta::Options::default() }
    }
}
