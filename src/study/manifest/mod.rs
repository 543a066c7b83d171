//! A study's manifest, read and checked as a whole: what to build, what to export, in which order.

pub mod dictionary;
mod load;
mod names;
mod raw;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::PathBuf;

use indexmap::IndexMap;

use super::StudyName;
use super::folder::StudyFolder;
use super::workflow::Workflow;
use crate::error::{Error, Result, SettingsFault};
pub use dictionary::Term;
pub use names::prefix_fault;

/// The file that makes a folder a study.
pub const FILE_NAME: &str = "manifest.toml";

/// The stage that runs if none is asked for.
const DEFAULT_STAGE: &str = "default";
/// Not a stage of its own: every stage in order.
const ALL_STAGES: &str = "all";

/// A study that may be built: every file is there, every name is its own.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// The folder that the study was found in: no file of it is elsewhere.
    pub root: StudyFolder,
    /// The manifest's own path; files of actions count from its folder.
    pub path: PathBuf,
    /// The prefix of the study's tables, in lower case, without `__`.
    pub prefix: StudyName,
    /// A description of the study.
    pub description: Option<String>,
    /// The meanings of the columns.
    pub dictionary: Vec<Term>,
    /// The stages in the order of the manifest, submanifests replaced by their actions.
    pub stages: IndexMap<String, Vec<StudyAction>>,
    /// The schema that holds the tables without their prefix, if it is one of the study's own.
    pub dedicated_schema: Option<String>,
    /// The column that stands for a patient, as older studies declare it.
    pub subject_grain_column: Option<String>,
    /// The tables with a row per patient, as older studies declare them.
    pub subject_grain_tables: Vec<String>,
}

/// One thing to do.
#[derive(Clone, Debug)]
pub struct StudyAction {
    /// Its name while it runs.
    pub label: Option<String>,
    /// The work to do.
    pub work: Work,
    /// Left out unless its stage is asked for.
    pub skip_by_default: bool,
    /// Where it is declared.
    pub place: FilePlace,
}

/// The work of an action.
#[derive(Clone, Debug)]
pub enum Work {
    /// Makes tables.
    Build {
        /// Whether its files may run at the same time.
        parallel: bool,
        /// The files in order.
        files: Vec<StudyFile>,
    },
    /// Exports tables.
    Export {
        /// The kind that the tables are tagged with.
        kind: ExportKind,
        /// The tables in order; those of workflows are listed one by one.
        tables: Vec<ExportTable>,
    },
}

/// A file that makes tables.
#[derive(Clone, Debug)]
pub struct StudyFile {
    /// As the manifest has it.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
    /// Its content.
    pub content: Content,
}

/// The content of a file that makes tables.
#[derive(Clone, Debug)]
pub enum Content {
    /// Statements of SQL, which make these tables (full names, in order).
    Sql(Vec<String>),
    /// A template of statements. Which tables it makes is known when it is filled in.
    Template,
    /// A workflow.
    Workflow(Workflow),
}

/// The kind of an exported table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportKind {
    /// Counts for every combination of columns.
    Cube,
    /// The same, with columns that a further table explains.
    AnnotatedCube,
    /// Aggregates of some other form.
    Flat,
    /// About the study itself: its version, the time of its data.
    Meta,
}

impl ExportKind {
    /// The kind's part of file names.
    pub fn file_tag(self) -> &'static str {
        match self {
            Self::Cube => "cube",
            Self::AnnotatedCube => "annotated_cube",
            Self::Flat => "flat",
            Self::Meta => "meta",
        }
    }
}

/// A table to export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportTable {
    /// With its prefix: `study__name`.
    pub name: String,
    /// A description of its content, from the manifest or the workflow.
    pub description: Option<String>,
    /// [`ExportKind::AnnotatedCube`] for annotated counts of a workflow, else the action's kind.
    pub kind: ExportKind,
}

/// A line of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilePlace {
    /// The file.
    pub file: PathBuf,
    /// The line, from 1.
    pub line: usize,
}

impl fmt::Display for FilePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file.display(), self.line)
    }
}

impl Manifest {
    /// The actions of a stage. Without a name: of `default`, or of all stages if no stage has that
    /// name. `all` is every stage in order, without the actions that are skipped by default.
    pub fn stage_actions(&self, name: Option<&str>) -> Result<Vec<&StudyAction>> {
        let all = || self.stages.values().flatten().filter(|action| !action.skip_by_default);
        match name.unwrap_or(DEFAULT_STAGE) {
            ALL_STAGES => Ok(all().collect()),
            name => match self.stages.get(name) {
                // A stage that is named runs as a whole, with actions that `all` skips. That holds for
                // `default`, too (test: a_stage_called_default_runs_alone).
                Some(actions) => Ok(actions.iter().collect()),
                None if name == DEFAULT_STAGE => Ok(all().collect()),
                None => {
                    let known: Vec<_> = self.stages.keys().map(String::as_str).collect();
                    let message = format!(
                        "{} has no stage '{name}'; there are: {}, all",
                        self.path.display(),
                        known.join(", ")
                    );
                    Err(Error::new(SettingsFault::InvalidValue, message))
                }
            },
        }
    }

    /// A table's whole name: the prefix is added where it is missing.
    pub fn table_name(&self, name: &str) -> String {
        names::whole_name(&self.prefix, name)
    }
}
