//! `cumulus-etl study clean`

use clap::Args;

use super::database::DatabaseArgs;
use crate::cli::logging::LoggingArgs;
use crate::error::Result;
use crate::study::engine::datafusion::Input;
use crate::ui::{counted, signals};

/// Options of `study clean`.
#[derive(Args, Debug)]
pub struct CleanArgs {
    /// Prefix of a study; may be given several times
    #[arg(long, short = 't', value_name = "STUDY", required = true)]
    target: Vec<String>,
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    logging: LoggingArgs,
}

impl CleanArgs {
    /// Removes the tables of the studies.
    pub fn run(self) -> Result<()> {
        self.logging.init();
        signals::install()?;
        let opened = self.database.open(|_| Ok(Input::Nothing))?;
        for study in &self.target {
            let tables = counted(opened.engine.tables(study)?.len() as u64, "table");
            match opened.engine.clean(study)? {
                true => println!("Removed {tables} of {study}"),
                false => println!("{study} has no tables"),
            }
        }
        Ok(())
    }
}
