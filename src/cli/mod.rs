//! The command line: one file per subcommand.

mod convert;
mod credentials;
mod demo;
mod etl;
mod export;
mod exporting;
mod init;
mod inline;
mod keys;
mod logging;
mod store;

use clap::{Parser, Subcommand};

use crate::error::Result;

/// FHIR bulk exports become de-identified tables.
///
/// Without a command, `etl` runs: cumulus-etl INPUT OUTPUT PHI. Its options also work as
/// environment variables (CUMULUS_ETL_BATCH_SIZE for --batch-size) and in a TOML file (--config).
#[derive(Debug, Parser)]
#[command(name = "cumulus-etl", version, max_term_width = 100)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    etl: etl::EtlArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make de-identified tables of FHIR NDJSON (what runs without a command)
    ///
    /// Options also work as environment variables (CUMULUS_ETL_BATCH_SIZE for --batch-size) and in a
    /// TOML file (--config). A flag wins over a variable, and that over the file.
    Etl(Box<etl::EtlArgs>),
    /// Make empty tables of every type
    Init(init::InitArgs),
    /// Make Delta tables of a former output
    Convert(convert::ConvertArgs),
    /// Export from a FHIR server to a folder
    ///
    /// Options also work as environment variables (CUMULUS_ETL_SINCE for --since) and in a TOML file
    /// (--config), as those of the main job.
    Export(Box<export::ExportArgs>),
    /// Download clinical notes into an export
    Inline(Box<inline::InlineArgs>),
    /// Make and show keys for SMART Backend Services
    Keys(keys::KeysArgs),
    /// Invent a bulk export and run the main job on it
    Demo(demo::DemoArgs),
}

impl Cli {
    /// Does what the command line says.
    pub fn run(self) -> Result<()> {
        match self.command {
            None => self.etl.run(),
            Some(Command::Etl(args)) => args.run(),
            Some(Command::Init(args)) => args.run(),
            Some(Command::Convert(args)) => args.run(),
            Some(Command::Export(args)) => args.run(),
            Some(Command::Inline(args)) => args.run(),
            Some(Command::Keys(args)) => args.run(),
            Some(Command::Demo(args)) => args.run(),
        }
    }
}
