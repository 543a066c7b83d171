//! The plan of a build, read and checked.

use std::collections::HashMap;

use super::kept::{KeptStatements, PlannedStatement};
use super::template::Templates;
use super::{BuildOptions, upload};
use crate::error::{Error, Result, StudyFault};
use crate::study::counts::CountsTable;
use crate::study::dialect::{self, StatementCommand};
use crate::study::manifest::{self, Content, FilePlace, Manifest, StudyFile};
use crate::study::protected;
use crate::study::source::Source;
use crate::study::upload::UploadTable;
use crate::study::workflow::Workflow;

/// All of it.
pub struct Plan {
    /// The actions in order.
    pub steps: Vec<PlanStep>,
    /// Whether the study is built as a whole, or a part of it.
    pub whole: bool,
    /// The whole names of the tables that are made.
    pub made: Vec<String>,
}

/// An action.
pub struct PlanStep {
    /// Whether its files may run at the same time.
    pub parallel: bool,
    /// Its files in order.
    pub units: Vec<PlanFile>,
}

/// A file.
pub struct PlanFile {
    /// As the manifest has it.
    pub name: String,
    /// Its pieces of work in order, each with its place.
    pub work: Vec<(PlannedWork, FilePlace)>,
}

/// One thing to do.
pub enum PlannedWork {
    /// A statement.
    Statement(PlannedStatement),
    /// A table of counts, with its whole name.
    Count(String, Box<CountsTable>),
    /// A table of files, with its whole name.
    Upload(String, UploadTable),
}

/// Reads the files of the stage that is to be built.
pub fn read_plan(study: &Manifest, options: &BuildOptions) -> Result<Plan> {
    let actions = study.stage_actions(options.stage.as_deref())?;
    let builds =
        |action: &&manifest::StudyAction| matches!(action.work, manifest::Work::Build { .. });
    let all = study.stages.values().flatten().filter(builds).count();
    let templates = Templates::new(study, options)?;
    let mut made = Made { study, tables: HashMap::new(), kept: KeptStatements::default() };
    let mut steps = Vec::new();
    for action in actions {
        let manifest::Work::Build { parallel, files } = &action.work else { continue };
        let units = files.iter().map(|file| read_unit(study, file, &templates, &mut made));
        steps.push(PlanStep { parallel: *parallel, units: units.collect::<Result<_>>()? });
    }
    // An action is in one stage only, so that as many steps as there are actions are all of them. Tables of
    // those that are left out stay.
    let whole = steps.len() == all;
    Ok(Plan { steps, whole, made: made.tables.into_keys().collect() })
}

/// Checks the statements of all stages, as far as that can be done without variables and tables.
///
/// # Errors
/// The first that is no SQL, or that this program does not run: with its file and line.
pub fn check_statements(study: &Manifest) -> Result<()> {
    let mut made = Made { study, tables: HashMap::new(), kept: KeptStatements::default() };
    for action in study.stages.values().flatten() {
        let manifest::Work::Build { files, .. } = &action.work else { continue };
        for file in files {
            if let Content::Sql(_) = &file.content {
                read_statements(&Source::read(&study.root, &file.path)?, &mut made)?;
            }
        }
    }
    Ok(())
}

/// Tables that statements make, and where.
struct Made<'a> {
    study: &'a Manifest,
    /// By whole name in lower case.
    tables: HashMap<String, FilePlace>,
    kept: KeptStatements,
}

impl Made<'_> {
    /// A table that is made. A template's tables are known only now.
    fn note_made(&mut self, name: &dialect::TableName, place: &FilePlace) -> Result<()> {
        self.check_changed(name, place)?;
        self.note_table(&self.study.table_name(&name.name), place, true)
    }

    /// A table that is made, changed or dropped. It must be one of this study, and not protected. Athena
    /// itself does not know which study owns a table (test: `no_statement_makes_or_changes_what_is_protected`).
    fn check_changed(&self, name: &dialect::TableName, place: &FilePlace) -> Result<()> {
        let (prefix, dedicated) = (&self.study.prefix, &self.study.dedicated_schema);
        let own_schema =
            |schema: &str| dedicated.as_ref().is_some_and(|own| own.eq_ignore_ascii_case(schema));
        let in_own_schema = name.schema.as_deref().is_some_and(own_schema);
        let before = name.name.split_once("__").map(|(before, _)| before);
        if !in_own_schema && !before.is_some_and(|before| before.eq_ignore_ascii_case(prefix)) {
            let message = format!(
                "{place}: {} is not a table of this study: its name must begin with {prefix}__",
                name.name
            );
            return Err(Error::new(StudyFault::Definition, message));
        }
        if let Some(schema) = name.schema.as_ref().filter(|_| !in_own_schema) {
            let message =
                format!("{place}: {schema}.{} is in a schema that is not this study's", name.name);
            return Err(Error::new(StudyFault::Definition, message));
        }
        match protected::name_fault(&self.study.table_name(&name.name)) {
            None => Ok(()),
            Some(fault) => Err(Error::new(StudyFault::Definition, format!("{place}: {fault}"))),
        }
    }

    /// Takes note of a table. `again`: whether its file may make it more than once.
    fn note_table(&mut self, name: &str, place: &FilePlace, again: bool) -> Result<()> {
        match self.tables.insert(name.to_lowercase(), place.clone()) {
            Some(other) if other != *place && !(again && other.file == place.file) => {
                let message =
                    format!("{place}: table {name} is made at {other}, too; rename one of them");
                Err(Error::new(StudyFault::Definition, message))
            }
            _ => Ok(()),
        }
    }
}

fn read_unit(
    study: &Manifest,
    file: &StudyFile,
    templates: &Templates,
    made: &mut Made<'_>,
) -> Result<PlanFile> {
    let place = |line| FilePlace { file: file.path.clone(), line };
    let work = match &file.content {
        // The manifest has read the file for the names of its tables and kept no text, as the files of
        // a study may have 64 MiB.
        Content::Sql(_) => read_statements(&Source::read(&study.root, &file.path)?, made)?,
        Content::Template => {
            let source = Source::read(&study.root, &file.path)?;
            let text = templates.fill_template(&source, &file.name)?;
            read_statements(&Source::from_text(&file.path, text), made)?
        }
        Content::Workflow(Workflow::Counts(tables)) => {
            let mut work = Vec::new();
            for table in tables {
                let (name, place) = (study.table_name(&table.name), place(table.line));
                made.note_table(&name, &place, false)?;
                work.push((PlannedWork::Count(name, Box::new(table.clone())), place));
            }
            work
        }
        Content::Workflow(Workflow::Upload(tables)) => {
            let mut work = Vec::new();
            for table in tables {
                for (name, files) in table.list_tables() {
                    let (name, place) = (study.table_name(&name), place(table.line));
                    let table = UploadTable { files, ..table.clone() };
                    made.note_table(&name, &place, false)?;
                    upload::check_types(&table)
                        .map_err(|error| super::locate_error(&place, &error, ""))?;
                    work.push((PlannedWork::Upload(name, table), place));
                }
            }
            work
        }
    };
    Ok(PlanFile { name: file.name.clone(), work })
}

fn read_statements(source: &Source, made: &mut Made<'_>) -> Result<Vec<(PlannedWork, FilePlace)>> {
    let cut = dialect::cut_statements(source.text());
    let mut work = Vec::new();
    for text in cut.map_err(|refused| source.statement_fault(1, refused))? {
        let place = FilePlace { file: source.path().to_owned(), line: text.line };
        let statement =
            text.parse_words().map_err(|refused| source.statement_fault(place.line, refused))?;
        match &statement.command {
            StatementCommand::Create { name, .. } | StatementCommand::Declare { name, .. } => {
                made.note_made(name, &place)?;
            }
            StatementCommand::Insert { name, .. } | StatementCommand::Delete { name, .. } => {
                made.check_changed(name, &place)?;
            }
            StatementCommand::Drop { names, .. } => {
                names.iter().try_for_each(|name| made.check_changed(name, &place))?;
            }
            StatementCommand::Query(_) => {}
        }
        work.push((PlannedWork::Statement(made.kept.keep_statement(statement)), place));
    }
    Ok(work)
}
