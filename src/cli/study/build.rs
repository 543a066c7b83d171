//! `cumulus-etl study build`

use std::collections::BTreeMap;

use clap::Args;
use tracing::{debug, info};

use super::chosen::{Chosen, ChosenArgs};
use super::database::{DatabaseArgs, InputArgs};
use super::describe_tables;
use crate::cli::Process;
use crate::cli::logging::LoggingArgs;
use crate::cli::printing::print_result;
use crate::error::{Error, Result, SettingsFault};
use crate::study::build::{self, BuildOptions, BuildSummary, Observer};
use crate::study::core;
use crate::study::engine::TableInfo;
use crate::study::engine::datafusion::Input;
use crate::ui::{self, format_count};

/// Options of `study build`.
#[derive(Args, Debug)]
pub struct BuildArgs {
    #[command(flatten)]
    chosen: ChosenArgs,
    /// Stage to build; `all` is every stage [default: `default`, else all]
    #[arg(long, value_name = "STAGE")]
    stage: Option<String>,
    /// Variable for templates; may be repeated
    #[arg(long, short = 'o', value_name = "KEY:VALUE")]
    option: Vec<String>,
    #[command(flatten)]
    input: InputArgs,
    #[command(flatten)]
    database: DatabaseArgs,
    /// Files of a parallel action that are built together [default: as many as there are cores; with
    /// Athena 20]
    #[arg(long, short = 'c', value_name = "N", env = "CUMULUS_LIBRARY_MAX_CONCURRENT")]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=64))]
    max_concurrent: Option<u64>,
    #[command(flatten)]
    logging: LoggingArgs,
    /// Where exports go; building writes nothing there
    #[arg(value_name = "DATA_PATH", env = "CUMULUS_LIBRARY_DATA_PATH", hide = true)]
    data_path: Option<String>,
}

impl BuildArgs {
    /// Builds the studies one after the other.
    pub fn run(self, process: &Process) -> Result<()> {
        let bars = self.logging.init(&process.console);
        process.handle_signals()?;
        let variables = parse_variables(&self.option)?;
        let studies = self.chosen.read_studies()?;
        let concurrent = self.max_concurrent.and_then(|count| usize::try_from(count).ok());
        let opened = self.database.open_for(process, concurrent, |storage| {
            match self.input.resolve_input(storage)? {
                Input::Nothing => Err(Error::new(
                    SettingsFault::InvalidValue,
                    "say what to build from: --lake with the OUTPUT of the main job, or \
                 --load-ndjson-dir with FHIR NDJSON",
                )),
                input => Ok(input),
            }
        })?;
        let options = BuildOptions {
            stage: self.stage,
            variables,
            concurrent: concurrent.unwrap_or(opened.threads),
        };
        for study in &studies {
            let prefix = match study {
                Chosen::Own(study) => &*study.prefix,
                Chosen::Core => core::PREFIX,
            };
            // How many files there are is known when the study is planned: `note_file` sets it.
            let told = Told { study: prefix, bar: bars.count_files(prefix, 0) };
            let built = match study {
                Chosen::Own(study) => build::build_study(&*opened.engine, study, &options, &told),
                Chosen::Core => build::build_core(&*opened.engine, options.concurrent, &told),
            };
            // Before an error ends the command: the bar would stay on the terminal beside it.
            if let Some(bar) = &told.bar {
                bar.remove_bar();
            }
            print_summary(prefix, &built?)?;
        }
        Ok(())
    }
}

/// `key:value`, as often as it is given.
fn parse_variables(given: &[String]) -> Result<BTreeMap<String, String>> {
    let parts = given.iter().map(|text| match text.split_once(':') {
        Some((key, value)) if !key.trim().is_empty() => {
            Ok((key.trim().to_owned(), value.to_owned()))
        }
        _ => Err(Error::new(
            SettingsFault::InvalidValue,
            format!("-o '{text}' is not like key:value"),
        )),
    });
    parts.collect()
}

struct Told<'a> {
    study: &'a str,
    bar: Option<ui::Bar>,
}

impl Observer for Told<'_> {
    fn note_file(&self, index: usize, count: usize, name: &str) {
        match &self.bar {
            Some(bar) => {
                bar.set_total(count as u64);
                bar.set_done(index as u64, name);
            }
            None => info!(study = self.study, "{}: {name} ({} of {count})", self.study, index + 1),
        }
    }

    fn note_table(&self, table: &TableInfo) {
        let rows = table.rows.map_or_else(String::new, |rows| format_count(rows, "row"));
        debug!(study = self.study, "made {} ({rows})", table.name);
    }
}

fn print_summary(study: &str, summary: &BuildSummary) -> Result<()> {
    let tables = format_count(summary.tables.len() as u64, "table");
    let mut text = format!("Built {study}: {tables} in {:.1} s\n", summary.time.as_secs_f64());
    text += &describe_tables(&summary.tables);
    print_result(&text)
}
