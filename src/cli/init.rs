//! `cumulus-etl init OUTPUT`

use clap::{Args, ValueEnum};

use super::logging::LoggingArgs;
use super::store::StoreArgs;
use crate::error::Result;
use crate::output::OutputFormat;
use crate::{etl, ui};

/// Options of `init`.
#[derive(Args, Debug)]
pub struct InitArgs {
    /// Where the tables go
    #[arg(value_name = "OUTPUT")]
    output: String,
    /// Formats, with commas or repeated
    #[arg(long, value_name = "FORMAT", value_delimiter = ',', default_value = "deltalake")]
    output_format: Vec<Format>,
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    logging: LoggingArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Deltalake,
    Parquet,
    Csv,
    Ndjson,
}

impl InitArgs {
    /// Makes the tables.
    pub fn run(self) -> Result<()> {
        self.logging.init();
        ui::signals::install_handlers()?;
        let options = self.store.of_command()?;
        let formats = self.output_format.iter().map(|format| match format {
            Format::Deltalake => OutputFormat::Deltalake,
            Format::Parquet => OutputFormat::Parquet,
            Format::Csv => OutputFormat::Csv,
            Format::Ndjson => OutputFormat::Ndjson,
        });
        etl::make_empty_tables(&self.output, &formats.collect::<Vec<_>>(), &options)?;
        tracing::info!("'{}' has all tables", self.output);
        Ok(())
    }
}
