//! `cumulus-etl study clean`

use clap::Args;

use super::database::DatabaseArgs;
use crate::cli::Process;
use crate::cli::logging::LoggingArgs;
use crate::cli::printing::print_result;
use crate::error::Result;
use crate::study::StudyName;
use crate::study::engine::Cleaned;
use crate::study::engine::datafusion::Input;
use crate::ui::{choose_form, format_count};

/// Options of `study clean`.
#[derive(Args, Debug)]
pub struct CleanArgs {
    /// Prefix of a study; may be repeated
    #[arg(long, short = 't', value_name = "STUDY", required = true)]
    target: Vec<String>,
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    logging: LoggingArgs,
}

impl CleanArgs {
    /// Removes the tables of the studies.
    pub fn run(self, process: &Process) -> Result<()> {
        self.logging.init(&process.console);
        process.handle_signals()?;
        let studies: Vec<_> =
            self.target.iter().map(|name| StudyName::parse(name)).collect::<Result<_>>()?;
        let opened = self.database.open_engine(process, |_| Ok(Input::Nothing))?;
        for study in &studies {
            let Cleaned { removed, kept } = opened.engine.clean_study(study)?;
            let tables = |count: usize| format_count(count as u64, "table");
            let stay = match kept {
                0 => String::new(),
                kept => format!(
                    "; {} whose {} __nlp_, __lib_ or __etl_ in {}",
                    tables(kept),
                    choose_form(kept as u64, "name has", "names have"),
                    choose_form(kept as u64, "it stays", "them stay")
                ),
            };
            let text = match (removed, kept) {
                (0, 0) => format!("{study} has no tables\n"),
                (removed, _) => format!("Removed {} of {study}{stay}\n", tables(removed)),
            };
            print_result(&text)?;
        }
        Ok(())
    }
}
