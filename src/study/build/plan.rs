//! What a build is going to do, read and checked.

use std::collections::{HashMap, HashSet};

use super::template::Templates;
use super::{Options, upload};
use crate::error::{Error, Exit, Result};
use crate::study::counts::CountsTable;
use crate::study::dialect::{self, Command};
use crate::study::manifest::{self, Content, Manifest, Place, StudyFile};
use crate::study::source::Source;
use crate::study::upload::{CreateMode, UploadTable};
use crate::study::workflow::Workflow;

/// All of it.
pub struct Plan {
    /// The actions in order.
    pub steps: Vec<Step>,
    /// Whether the study is built as a whole, or a part of it.
    pub whole: bool,
}

/// An action.
pub struct Step {
    /// Whether its files may run at once.
    pub parallel: bool,
    /// Its files in order.
    pub units: Vec<Unit>,
}

/// A file.
pub struct Unit {
    /// As the manifest has it.
    pub name: String,
    /// What it does, in order, each with its place.
    pub work: Vec<(Work, Place)>,
}

/// One thing to do.
pub enum Work {
    /// A statement.
    Statement(String),
    /// A table of counts, with its whole name.
    Count(String, Box<CountsTable>),
    /// A table of files, with its whole name.
    Upload(String, UploadTable),
}

/// Reads the files of the stage that is to be built.
pub fn read(study: &Manifest, options: &Options) -> Result<Plan> {
    let actions = study.stage(options.stage.as_deref())?;
    let builds = |action: &&manifest::Action| matches!(action.work, manifest::Work::Build { .. });
    let all = study.stages.values().flatten().filter(builds).count();
    let templates = Templates::new(study, options)?;
    let mut made = Made { prefix: &study.prefix, tables: HashMap::new() };
    let mut steps = Vec::new();
    for action in actions {
        let manifest::Work::Build { parallel, files } = &action.work else { continue };
        let units = files.iter().map(|file| unit(study, file, &templates, &mut made));
        steps.push(Step { parallel: *parallel, units: units.collect::<Result<_>>()? });
    }
    let skipped = study.stages.values().flatten().filter(builds).filter(|a| a.skip_by_default);
    // Tables of actions that were left out stay, if any other stage made them.
    let whole =
        steps.len() + skipped.count() >= all && options.stage.as_deref().is_none_or(|s| s == "all");
    Ok(Plan { steps, whole })
}

/// Tables that statements make, and where.
struct Made<'a> {
    prefix: &'a str,
    tables: HashMap<String, Place>,
}

impl Made<'_> {
    /// A template's tables are known only now.
    fn check(
        &mut self,
        name: &dialect::Table,
        dedicated: Option<&str>,
        place: &Place,
    ) -> Result<()> {
        let fault = |why: String| Error::new(Exit::StudyInvalid, format!("{place}: {why}"));
        let own_schema =
            |schema: &str| dedicated.is_some_and(|own| own.eq_ignore_ascii_case(schema));
        let in_own_schema = name.schema.as_deref().is_some_and(own_schema);
        let before = name.name.split_once("__").map(|(before, _)| before);
        if !in_own_schema && !before.is_some_and(|before| before.eq_ignore_ascii_case(self.prefix))
        {
            return Err(fault(format!(
                "{} is not a table of this study: its name must begin with {}__",
                name.name, self.prefix
            )));
        }
        let lower = name.name.to_lowercase();
        match self.tables.get(&lower) {
            Some(other) if other.file != place.file => Err(fault(format!(
                "table {} is made at {other}, too; rename one of them",
                name.name
            ))),
            _ => {
                self.tables.insert(lower, place.clone());
                Ok(())
            }
        }
    }
}

fn unit(
    study: &Manifest,
    file: &StudyFile,
    templates: &Templates,
    made: &mut Made<'_>,
) -> Result<Unit> {
    let place = |line| Place { file: file.path.clone(), line };
    let work = match &file.content {
        Content::Sql(_) => statements(&Source::read(&file.path)?, study, made)?,
        Content::Template => {
            let source = Source::read(&file.path)?;
            let text = templates.fill(&source, &file.name)?;
            statements(&Source::of(&file.path, text), study, made)?
        }
        Content::Workflow(Workflow::Counts(tables)) => tables
            .iter()
            .map(|table| {
                let name = study.table(&table.name);
                (Work::Count(name, Box::new(table.clone())), place(table.line))
            })
            .collect(),
        Content::Workflow(Workflow::Upload(tables)) => {
            let mut work = Vec::new();
            for table in tables {
                for (name, table) in upload_tables(study, table) {
                    let place = place(table.line);
                    upload::check(&table).map_err(|error| super::at(&place, &error, ""))?;
                    work.push((Work::Upload(name, table), place));
                }
            }
            work
        }
    };
    Ok(Unit { name: file.name.clone(), work })
}

/// The tables of an upload: one, or one for each file, by the files' names.
fn upload_tables(study: &Manifest, table: &UploadTable) -> Vec<(String, UploadTable)> {
    match table.create_mode {
        CreateMode::Single => vec![(study.table(&table.name), table.clone())],
        CreateMode::Multiple => {
            let mut names = HashSet::new();
            let each = table.files.iter().map(|file| {
                let stem = file.file_stem().unwrap_or_default().to_string_lossy();
                let mut name = study.table(&upload::snake_case(&stem));
                while !names.insert(name.clone()) {
                    name.push('_');
                }
                (name, UploadTable { files: vec![file.clone()], ..table.clone() })
            });
            each.collect()
        }
    }
}

fn statements(
    source: &Source,
    study: &Manifest,
    made: &mut Made<'_>,
) -> Result<Vec<(Work, Place)>> {
    let fault = |first: usize, refused: dialect::Refused| {
        let line = refused.line.and_then(|line| usize::try_from(line).ok()).unwrap_or(1);
        source.fault(first + line - 1, refused.why)
    };
    let pieces = dialect::pieces(source.text()).map_err(|refused| fault(1, refused))?;
    let mut work = Vec::new();
    for piece in pieces {
        let place = Place { file: source.path().to_owned(), line: piece.line };
        let statement = dialect::parse(&piece.sql).map_err(|refused| fault(piece.line, refused))?;
        if let Command::Create { name, .. } | Command::Declare { name, .. } = &statement.command {
            made.check(name, study.dedicated_schema.as_deref(), &place)?;
        }
        work.push((Work::Statement(piece.sql), place));
    }
    Ok(work)
}
