//! The formats of a run, behind one type.

use super::files::{FileFormat, FileOptions};
use super::table::{TableRun, Written};
use crate::config::{EtlConfig, OutputFormat};
use crate::error::Result;
use crate::store::Folder;

/// One format and where its tables go.
pub struct Sink {
    format: OutputFormat,
    root: Folder,
    options: FileOptions,
    optimize: bool,
}

/// All formats of a run.
pub struct Sinks(Vec<Sink>);

impl Sinks {
    /// The formats that `config` names: one right below `output`, several in a folder each.
    pub fn new(config: &EtlConfig, output: &Folder) -> Self {
        let several = config.output_format.len() > 1;
        let sinks = config.output_format.iter().map(|format| Sink {
            format: *format,
            root: if several { output.child(format.name()) } else { output.clone() },
            options: FileOptions { rows_per_file: config.batch_size, threads: config.threads },
            optimize: !config.no_table_optimization,
        });
        Self(sinks.collect())
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

    /// Writes what a run brings for one table.
    pub fn write(&self, run: &TableRun<'_>) -> Result<Written> {
        let files = |format: FileFormat| format.write(&self.root, run, self.options);
        match self.format {
            OutputFormat::Parquet => files(FileFormat::Parquet),
            OutputFormat::Csv => files(FileFormat::Csv),
            OutputFormat::Ndjson => files(FileFormat::Ndjson),
            OutputFormat::Deltalake => {
                let _ = self.optimize;
                Err(crate::error::Error::failed("not yet"))
            }
        }
    }
}
