//! Builds a study: its actions in order, into tables that appear in one step.
//!
//! Everything is read first: statements are parsed, templates filled in, names checked. Only then
//! does the build begin.

mod kept;
mod plan;
mod spreadsheet;
mod template;
mod text_rows;
pub mod upload;

#[doc(hidden)]
pub use spreadsheet::read_spreadsheet;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tracing::warn;

pub use self::plan::check_statements;
use self::plan::{PlanFile, PlanStep, PlannedWork};
use super::engine::{Build, Engine, Start, TableInfo};
use super::manifest::{FilePlace, Manifest};
use super::{StudyName, core, room};
use crate::error::{Error, Result};
use crate::poison::ignore_poison;
use crate::ui::format_count;

/// How a study is built.
#[derive(Clone, Debug)]
pub struct BuildOptions {
    /// The stage; without one, the stage that the manifest says.
    pub stage: Option<String>,
    /// Variables for templates.
    pub variables: BTreeMap<String, String>,
    /// Files of a parallel action that run at the same time.
    pub concurrent: usize,
}

/// An observer of the steps of a build.
pub trait Observer: Sync {
    /// A file is begun: the `index`th of `count`, from 0.
    fn note_file(&self, index: usize, count: usize, name: &str);
    /// A table was made.
    fn note_table(&self, table: &TableInfo);
}

/// The result of a build.
#[derive(Clone, Debug, Default)]
pub struct BuildSummary {
    /// The tables that were made, in order.
    pub tables: Vec<TableInfo>,
    /// How long it took.
    pub time: Duration,
}

/// Builds a study. An error leaves its tables as they were.
///
/// # Errors
/// A statement that can't be run: with its file, line and text.
pub fn build_study(
    engine: &dyn Engine,
    study: &Manifest,
    options: &BuildOptions,
    observer: &dyn Observer,
) -> Result<BuildSummary> {
    let clock = Instant::now();
    let plan = plan::read_plan(study, options)?;
    // A part of a study makes its own tables anew and leaves those of the other stages (test:
    // a_part_of_a_study_leaves_the_other_tables).
    let start = if plan.whole { Start::Empty } else { Start::Without(&plan.made) };
    let build = engine.begin_build(&study.prefix, start)?;
    if let Some(schema) = &study.dedicated_schema {
        build.dedicated_schema(schema);
    }
    let run = BuildRun {
        build: &*build,
        observer,
        count: plan.steps.iter().map(|step| step.units.len()).sum(),
        begun: Mutex::new(0),
        tables: Mutex::default(),
        stop: AtomicBool::new(false),
    };
    for step in &plan.steps {
        run.run_step(step, options.concurrent)?;
    }
    let tables = ignore_poison(run.tables.into_inner());
    build.commit_tables()?;
    Ok(BuildSummary { tables, time: clock.elapsed() })
}

/// Reads all that a build would read, and makes nothing: statements, templates as they are filled in,
/// files of tables. Gives the number of these files' rows. For fuzzing.
///
/// # Errors
/// The first of these that can't be used.
#[doc(hidden)]
pub fn read_inputs(study: &Manifest, options: &BuildOptions) -> Result<usize> {
    let plan = plan::read_plan(study, options)?;
    let mut rows = 0;
    for unit in plan.steps.iter().flat_map(|step| &step.units) {
        for (work, _) in &unit.work {
            let PlannedWork::Upload(_, table) = work else { continue };
            for path in &table.files {
                let (_, batches) = upload::read_file(path, table)?;
                for batch in batches {
                    rows += batch?.num_rows();
                }
            }
        }
    }
    Ok(rows)
}

/// Builds the study that is part of this program.
pub fn build_core(
    engine: &dyn Engine,
    concurrent: usize,
    observer: &dyn Observer,
) -> Result<BuildSummary> {
    let clock = Instant::now();
    let sources = core::read_sources(engine)?;
    for core::Unread { table, element, count } in core::count_unread(engine, &sources)? {
        warn!(
            count,
            "core: {element} of {} of {table} is no time that can be read, and null in core's tables",
            format_count(count, "row")
        );
    }
    let build = engine.begin_build(&StudyName::parse(core::PREFIX)?, Start::Empty)?;
    let tables = Mutex::new(Vec::new());
    core::build_tables(&*build, &sources, concurrent, &|table| {
        observer.note_table(table);
        ignore_poison(tables.lock()).push(table.clone());
    })?;
    build.commit_tables()?;
    let tables = ignore_poison(tables.into_inner());
    Ok(BuildSummary { tables, time: clock.elapsed() })
}

struct BuildRun<'a> {
    build: &'a dyn Build,
    observer: &'a dyn Observer,
    count: usize,
    begun: Mutex<usize>,
    tables: Mutex<Vec<TableInfo>>,
    stop: AtomicBool,
}

impl BuildRun<'_> {
    fn run_step(&self, step: &PlanStep, concurrent: usize) -> Result<()> {
        let threads = if step.parallel { concurrent } else { 1 };
        room::for_each_item(&step.units, threads, |unit| {
            self.run_unit(unit).inspect_err(|_| self.stop.store(true, Ordering::Relaxed))
        })
    }

    fn run_unit(&self, unit: &PlanFile) -> Result<()> {
        let index = {
            let mut begun = ignore_poison(self.begun.lock());
            *begun += 1;
            *begun - 1
        };
        self.observer.note_file(index, self.count, &unit.name);
        for (work, place) in &unit.work {
            // `for_each_item` begins no further file after an error. This ends the files that are under
            // way, between two statements.
            if self.stop.load(Ordering::Relaxed) {
                break;
            }
            let made = match work {
                PlannedWork::Statement(planned) => {
                    let made = planned.to_statement().and_then(|one| self.build.execute(&one));
                    made.map_err(|error| locate_error(place, &error, planned.as_text()))?
                }
                PlannedWork::Count(name, counts) => {
                    let made = self.build.make_counts(name, counts);
                    Some(made.map_err(|error| locate_error(place, &error, ""))?)
                }
                PlannedWork::Upload(name, files) => {
                    let made = upload::load_table(self.build, name, files);
                    Some(made.map_err(|error| locate_error(place, &error, ""))?)
                }
            };
            if let Some(table) = made {
                self.observer.note_table(&table);
                let mut tables = ignore_poison(self.tables.lock());
                // A file may make a table, drop it and make it again. It is told once, as it is in the
                // end.
                tables.retain(|known| known.name != table.name);
                tables.push(table);
            }
        }
        Ok(())
    }
}

/// The error with the place and text of the statement.
fn locate_error(place: &FilePlace, error: &Error, sql: &str) -> Error {
    // With all causes in its own sentence, since the new error has no `source()`.
    Error::new(error.kind(), format!("{place}: {error:#}{}", excerpt_statement(sql)))
}

/// The beginning of a statement, indented.
fn excerpt_statement(sql: &str) -> String {
    const LINES: usize = 8;
    // A statement may insert a megabyte of values in one line.
    const WIDTH: usize = 200;
    let mut text = String::new();
    for line in sql.lines().filter(|line| !line.trim().is_empty()).take(LINES) {
        let end = line.char_indices().nth(WIDTH).map_or(line.len(), |(index, _)| index);
        text.push_str("\n    ");
        text.push_str(&line[..end]);
    }
    if sql.lines().filter(|line| !line.trim().is_empty()).count() > LINES {
        text.push_str("\n    …");
    }
    text
}
