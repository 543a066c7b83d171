//! The built-in study `core`: 111 tables that flatten FHIR's for analysts.
//!
//! ```text
//!  schemas of the tables ──► declarations ──► statements, in steps of tables made together
//! ```
//!
//! The columns of a resource's table are declared (`resources/`, `concepts.rs`), not written out:
//! elements, times, codings, lists. [`plan_steps`] turns the declarations into SQL for the schemas that
//! are there. The tables' own columns and types never depend on them: an element
//! that a schema lacks is null.
//!
//! The SQL is Athena's. It keeps to SQL that the embedded engine can run, too.

mod build;
mod concept;
mod concepts;
mod declare;
mod dosage;
mod lookups;
mod place;
mod resource;
mod resources;
mod special;
mod sql_type;
#[cfg(test)]
mod tests;
mod times;

use chrono::{DateTime, Utc};

use super::counts::{self, CountsTable};
use super::manifest::{ExportKind, ExportTable};
use super::source::Source;
use crate::error::Result;
pub use build::{build_tables, read_sources};
pub use place::Sources;
pub use sql_type::SqlType;
pub use times::{Unread, count_unread};

/// The prefix of core's tables, without `__`.
pub const PREFIX: &str = "core";
/// The tables of counts, as a workflow.
const COUNTS: &str = include_str!("counts.workflow");

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoreColumn {
    /// Its name, as it is spelled.
    pub name: String,
    /// The type of its values.
    pub kind: SqlType,
}

impl<T: Into<String>> From<(T, SqlType)> for CoreColumn {
    fn from((name, kind): (T, SqlType)) -> Self {
        Self { name: name.into(), kind }
    }
}

/// A table and the query that makes it.
#[derive(Clone, Debug)]
pub struct TableQuery {
    /// The table's whole name.
    pub table: String,
    /// Its columns in order: those of the query.
    pub columns: Vec<CoreColumn>,
    /// A description of its content, a sentence or two.
    pub about: String,
    /// The query, in Athena's SQL.
    pub query: String,
}

impl TableQuery {
    /// A table without rows.
    fn without_rows(table: String, columns: Vec<CoreColumn>, about: String) -> Self {
        // With a type each: Trino makes no table with a column of type `unknown`, which a bare NULL
        // has.
        let nulls: Vec<_> = columns
            .iter()
            .map(|column| {
                format!("{} AS {}", column.kind.null_sql(), place::quote_name(&column.name))
            })
            .collect();
        let query = format!("SELECT\n  {}\nWHERE 1 = 0", nulls.join(",\n  "));
        Self { table, columns, about, query }
    }

    /// The statement that makes the table.
    pub fn create_sql(&self) -> String {
        format!("CREATE TABLE {} AS\n{}", self.table, self.query)
    }
}

/// The source tables that core reads.
pub const SOURCES: [&str; 20] = [
    "allergyintolerance",
    "condition",
    "diagnosticreport",
    "documentreference",
    "encounter",
    "episodeofcare",
    "location",
    "medication",
    "medicationdispense",
    "medicationrequest",
    "observation",
    "organization",
    "patient",
    "practitioner",
    "practitionerrole",
    "procedure",
    "servicerequest",
    "specimen",
    "etl__completion",
    "etl__completion_encounters",
];

/// Tables that can be made at the same time, after those of the steps before.
#[derive(Clone, Debug)]
pub struct TableStep {
    /// Its name while it runs.
    pub label: &'static str,
    /// The tables.
    pub tables: Vec<TableQuery>,
}

/// The statements of all tables but those of counts, for source tables with these schemas.
pub fn plan_steps(sources: &Sources) -> Vec<TableStep> {
    // Each step reads tables of those before it: patients their extensions, encounters the patients and
    // the tables of codings, excerpts of observations and dosage instructions the resources.
    let step = |label, tables| TableStep { label, tables };
    let mut nested: Vec<_> = lookups::LOOKUPS.iter().map(lookups::Lookup::table_query).collect();
    nested.push(special::meta_version());
    nested.extend(concepts::CONCEPTS.iter().map(|concept| concept.table_query(sources)));
    nested.push(concept::document_format(sources));
    nested.extend(dosage::DOSED.iter().map(|dosed| dosed.dose_types(sources)));
    nested.push(special::component_quantity(sources));
    nested.extend(["race", "ethnicity"].map(|group| special::patient_extension(group, sources)));
    nested.push(special::incomplete_encounter(sources));
    let others = resources::OTHERS.iter().map(|resource| resource.table_query(sources)).collect();
    let observations = |name, category, shown: &[&str]| {
        special::observations_query(name, category, shown, &resources::OBSERVATION)
    };
    let mut derived: Vec<_> =
        dosage::DOSED.iter().map(|dosed| dosed.instructions_query(sources)).collect();
    derived.push(observations("lab", "laboratory", &special::LAB));
    derived.push(observations("vital_signs", "vital-signs", &special::VITAL_SIGNS));
    derived.push(special::meta_date());
    vec![
        step("nested elements", nested),
        step("patients", vec![resources::PATIENT.table_query(sources)]),
        step("resources", others),
        step("parts of resources", derived),
    ]
}

/// The tables about the build itself, which follow all others. `finished` is about now.
pub fn plan_bookkeeping(started: DateTime<Utc>, finished: DateTime<Utc>) -> Result<TableStep> {
    Ok(TableStep {
        label: "bookkeeping",
        tables: special::bookkeeping_queries(&list_planned()?, started, finished),
    })
}

/// The names of all tables, in the order in which they are made.
///
/// # Errors
/// A fault of the program: its workflow of counts cannot be read.
pub fn list_tables() -> Result<Vec<String>> {
    let (mut tables, now) = (list_planned()?, Utc::now());
    let bookkeeping = special::bookkeeping_queries(&tables, now, now);
    tables.extend(bookkeeping.into_iter().map(|made| made.table));
    Ok(tables)
}

/// The names of the tables but for those about the build itself.
fn list_planned() -> Result<Vec<String>> {
    // The names are the same for all sources (test: columns_do_not_depend_on_the_data).
    let steps = plan_steps(&Sources::default()).into_iter().flat_map(|step| step.tables);
    let counts = read_counts()?.into_iter().map(|table| format!("{PREFIX}__{}", table.name));
    Ok(steps.map(|statement| statement.table).chain(counts).collect())
}

/// The tables to export, with the kinds that they are tagged with, in order.
pub fn list_exports() -> Result<Vec<ExportTable>> {
    let counts = read_counts()?.into_iter().map(|table| ExportTable {
        name: format!("{PREFIX}__{}", table.name),
        description: table.description,
        kind: ExportKind::Cube,
    });
    let metadata = [special::meta_date(), special::meta_version()].map(|made| ExportTable {
        name: made.table,
        description: Some(made.about),
        kind: ExportKind::Meta,
    });
    Ok(counts.chain(metadata).collect())
}

/// The tables of counts, which follow the [`plan_steps`]. An error is a fault of the program.
pub fn read_counts() -> Result<Vec<CountsTable>> {
    counts::read(&Source::from_text("core/counts.workflow", COUNTS))
}
