//! `cumulus-etl init OUTPUT`

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};

use super::Process;
use super::declared::Layered;
use super::logging::LoggingArgs;
use super::store::StoreArgs;
use crate::error::Result;
use crate::etl;
use crate::output::OutputFormat;

/// Options of `init`.
#[derive(Args, Debug)]
pub struct InitArgs {
    /// Where the tables go
    #[arg(value_name = "OUTPUT")]
    output: String,
    /// Formats of the tables, with commas or repeated
    #[arg(
        long,
        value_name = "LIST",
        value_delimiter = ',',
        default_value = OutputFormat::DELTALAKE.name(),
        value_parser = parse_format()
    )]
    output_format: Vec<OutputFormat>,
    #[command(flatten)]
    store: Layered<StoreArgs>,
    #[command(flatten)]
    logging: LoggingArgs,
}

/// Takes the name of a format, and shows all of them.
fn parse_format() -> impl TypedValueParser<Value = OutputFormat> {
    let names = OutputFormat::ALL.iter().map(|format| format.name());
    PossibleValuesParser::new(names).try_map(|name| {
        OutputFormat::find_named(&name).ok_or_else(|| format!("there is no format '{name}'"))
    })
}

impl InitArgs {
    /// Makes the tables.
    pub fn run(self, process: &Process) -> Result<()> {
        self.logging.init(&process.console);
        process.handle_signals()?;
        let storage = self.store.of_command(process)?;
        etl::make_empty_tables(&self.output, &self.output_format, &storage, &process.budget)?;
        tracing::info!("'{}' has all tables", self.output);
        Ok(())
    }
}
