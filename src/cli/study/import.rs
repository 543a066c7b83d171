//! `cumulus-etl study import`

use std::path::PathBuf;

use clap::Args;

use super::database::DatabaseArgs;
use crate::cli::Process;
use crate::cli::logging::LoggingArgs;
use crate::cli::printing::print_result;
use crate::error::Result;
use crate::share::import::import_archive;
use crate::study::engine::datafusion::Input;
use crate::ui;

/// Options of `study import`.
#[derive(Args, Debug)]
pub struct ImportArgs {
    /// Zip that `study export` wrote
    #[arg(long, short = 'a', alias = "archive_path", value_name = "ZIP")]
    archive: PathBuf,
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    logging: LoggingArgs,
}

impl ImportArgs {
    /// Makes the tables of the archive's study.
    pub fn run(self, process: &Process) -> Result<()> {
        self.logging.init(&process.console);
        process.handle_signals()?;
        let opened = self.database.open_engine(process, |_| Ok(Input::Nothing))?;
        let (study, tables) = import_archive(&*opened.engine, &self.archive, &opened.work)?;
        let tables = ui::format_count(tables.len() as u64, "table");
        print_result(&format!("Imported {tables} of {study}\n"))
    }
}
