//! `cumulus-etl study list`

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;

use super::database::DatabaseArgs;
use super::describe_tables;
use crate::cli::Process;
use crate::cli::logging::LoggingArgs;
use crate::cli::printing::print_result;
use crate::error::{Error, Result, StudyFault};
use crate::study::engine::Engine;
use crate::study::engine::datafusion::Input;
use crate::study::find::{self, FoundStudy};
use crate::study::manifest::{Content, Manifest, StudyAction, StudyFile, Work};
use crate::study::{build, core};
use crate::text::{escape_controls, escape_lines};
use crate::ui::format_count;

/// Options of `study list`.
#[derive(Args, Debug)]
pub struct ListArgs {
    /// Folder with studies, at any depth; may be repeated
    #[arg(long, short = 's', value_name = "DIR", env = "CUMULUS_LIBRARY_STUDY_DIR")]
    study_dir: Vec<PathBuf>,
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    logging: LoggingArgs,
}

impl ListArgs {
    /// Prints the studies, that which is built in included, and what is wrong with those that can't be built.
    pub fn run(self, process: &Process) -> Result<()> {
        self.logging.init(&process.console);
        process.handle_signals()?;
        let studies = find::find_below(&self.study_dir)?;
        let mut text = String::new();
        if self.database.is_given() {
            let opened = self.database.open_engine(process, |_| Ok(Input::Nothing))?;
            list_built(&*opened.engine, &mut text)?;
        }
        let mut faults = Vec::new();
        for FoundStudy { path, study } in &studies {
            let study = study.as_ref().map_err(Error::explain_causes);
            let checked = study.and_then(|study| match build::check_statements(study) {
                Ok(()) => Ok(study),
                Err(error) => Err(error.explain_causes()),
            });
            match checked {
                Ok(study) => describe_study(study, &mut text),
                Err(error) => {
                    // Errors name their file, but not always that of the study.
                    let path = path.display().to_string();
                    let _ = writeln!(text, "{}\n  cannot be built\n", escape_controls(&path));
                    faults.push(error);
                }
            }
        }
        describe_core(&mut text)?;
        print_result(&escape_lines(&text))?;
        match (faults.is_empty(), studies.is_empty()) {
            (true, false) => Ok(()),
            (true, true) if self.study_dir.is_empty() => Ok(()),
            (true, true) => {
                let folders: Vec<_> =
                    self.study_dir.iter().map(|dir| dir.display().to_string()).collect();
                let message = format!("no manifest.toml in or below {}", folders.join(", "));
                Err(Error::new(StudyFault::Definition, message))
            }
            _ => Err(Error::new(StudyFault::Definition, faults.join("\n"))),
        }
    }
}

/// Lists the studies of the database, with their tables.
fn list_built(engine: &dyn Engine, text: &mut String) -> Result<()> {
    let studies = engine.list_studies()?;
    if studies.is_empty() {
        text.push_str("no study is built\n\n");
    }
    for study in studies {
        let tables = engine.list_tables(&study)?;
        let _ = writeln!(text, "{study}  built, {}", format_count(tables.len() as u64, "table"));
        text.push_str(&describe_tables(&tables));
        text.push('\n');
    }
    Ok(())
}

/// The study that comes with the program, which is in no folder.
fn describe_core(text: &mut String) -> Result<()> {
    let tables = format_count(core::list_tables()?.len() as u64, "table");
    let _ = writeln!(text, "{}  built in", core::PREFIX);
    let _ = writeln!(text, "  The FHIR tables, flattened, and counts of them: {tables}.");
    let _ = writeln!(text, "  To build it: study build -t {}\n", core::PREFIX);
    Ok(())
}

fn describe_study(study: &Manifest, text: &mut String) {
    let path = study.path.display().to_string();
    let _ = writeln!(text, "{}  {}", study.prefix, escape_controls(&path));
    let about = study.description.as_deref().unwrap_or("").trim();
    if let Some(line) = about.lines().next() {
        let _ = writeln!(text, "  {line}");
    }
    for (name, actions) in &study.stages {
        let _ = writeln!(text, "  stage {name}");
        actions.iter().for_each(|action| action_lines(study, action, text));
    }
    text.push('\n');
}

fn action_lines(study: &Manifest, action: &StudyAction, text: &mut String) {
    let label = action.label.as_deref().map(|label| format!(": {label}")).unwrap_or_default();
    let skipped = if action.skip_by_default { " (only if asked for)" } else { "" };
    match &action.work {
        Work::Build { parallel, files } => {
            let how = if *parallel { "build in parallel" } else { "build in order" };
            let _ = writeln!(text, "    {how}{label}{skipped}");
            for file in files {
                let _ = writeln!(text, "      {}  {}", file.name, list_tables_of(study, file));
            }
        }
        Work::Export { kind, tables } => {
            let _ = writeln!(text, "    export as {}{label}{skipped}", kind.file_tag());
            for table in tables {
                let _ = writeln!(text, "      {}", table.name);
            }
        }
    }
}

/// The tables that a file makes.
fn list_tables_of(study: &Manifest, file: &StudyFile) -> String {
    let names: Vec<String> = match &file.content {
        Content::Template => return "tables known once it is filled in".to_owned(),
        Content::Sql(tables) => tables.clone(),
        Content::Workflow(workflow) => {
            workflow.table_names().into_iter().map(|(name, _)| study.table_name(&name)).collect()
        }
    };
    if names.is_empty() { "no tables".to_owned() } else { names.join(", ") }
}
