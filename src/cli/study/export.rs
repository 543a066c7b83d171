//! `cumulus-etl study export`

use std::fmt::Write as _;

use clap::{Args, ValueEnum};

use super::chosen::{Chosen, ChosenArgs};
use super::database::DatabaseArgs;
use crate::claim::{self, Role};
use crate::cli::Process;
use crate::cli::logging::LoggingArgs;
use crate::cli::printing::print_result;
use crate::error::Result;
use crate::screen::Allowed;
use crate::screen::Formulas;
use crate::share::export::{self, ExportRules, Exported, Study};
use crate::study::engine::datafusion::Input;
use crate::ui;

/// Options of `study export`.
#[derive(Args, Debug)]
pub struct StudyExportArgs {
    #[command(flatten)]
    chosen: ChosenArgs,
    /// Stage whose exports are written [default: `default`, else all]
    #[arg(long, value_name = "STAGE")]
    stage: Option<String>,
    /// Write all tables to a zip of their own, rows of patients too: not for sharing
    ///
    /// It is `DATA_PATH/<study>__<time>.zip`. Only its owner can read it.
    #[arg(long)]
    archive: bool,
    /// Table that is exported although its counts are below 10 somewhere, or are not of patients: you
    /// have looked at it, and may share it; may be repeated
    #[arg(long, value_name = "TABLE")]
    allow_small_cells: Vec<String>,
    /// Table that is exported although something in it looks like an anonymous ID: you have looked
    /// at it, and found none; may be repeated
    #[arg(long, value_name = "TABLE")]
    allow_ids: Vec<String>,
    /// How to write cells of CSV files that a spreadsheet would run as a formula
    ///
    /// Such cells begin, after blanks or a quote, with `=`, `+`, `-`, `@`, a tab or a line end, and are no
    /// number; also what follows a `;`, which is between cells in many countries. Names of columns are
    /// treated so, too. Parquet files are not changed.
    #[arg(long, value_enum, value_name = "HOW", default_value_t = CsvFormulas::Escape)]
    csv_formulas: CsvFormulas,
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    logging: LoggingArgs,
    /// Folder or bucket URL that exports go to
    #[arg(value_name = "DATA_PATH", env = "CUMULUS_LIBRARY_DATA_PATH")]
    #[arg(default_value = "./data_export")]
    data_path: String,
}

/// The treatment of cells that a spreadsheet would run.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum CsvFormulas {
    /// puts a ' before them
    Escape,
    /// leaves them
    Keep,
}

impl StudyExportArgs {
    /// Writes the exports of the studies.
    pub fn run(self, process: &Process) -> Result<()> {
        self.logging.init(&process.console);
        process.handle_signals()?;
        let studies = self.chosen.read_studies()?;
        let opened = self.database.open_engine(process, |_| Ok(Input::Nothing))?;
        let data = opened.storage.open_folder(&self.data_path)?;
        claim::refuse_claimed(&data, "DATA_PATH", &[Role::Phi, Role::Output])?;
        let allowed = Allowed { ids: self.allow_ids, small_cells: self.allow_small_cells };
        let formulas = match self.csv_formulas {
            CsvFormulas::Escape => Formulas::Escape,
            CsvFormulas::Keep => Formulas::Keep,
        };
        let rules = ExportRules { allowed, formulas };
        for study in &studies {
            let study = match study {
                Chosen::Own(study) => Study::of_stage(study, self.stage.as_deref())?,
                Chosen::Core => Study::of_core()?,
            };
            let engine = &*opened.engine;
            let exported = match self.archive {
                true => export::archive_tables(engine, &study, &data, formulas, &opened.work)?,
                false => export::export_tables(engine, &study, &data, &rules, &opened.work)?,
            };
            print_exported(&study.prefix, &exported)?;
        }
        Ok(())
    }
}

fn print_exported(study: &str, exported: &Exported) -> Result<()> {
    let tables = ui::format_count(exported.tables.len() as u64, "table");
    let mut text = format!("Exported {tables} of {study} to {}\n", exported.archive);
    if !exported.empty.is_empty() {
        let _ = writeln!(text, "  without rows, so not exported: {}", exported.empty.join(", "));
    }
    print_result(&text)
}
