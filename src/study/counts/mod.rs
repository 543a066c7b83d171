//! The `counts` workflow: tables with distinct counts for every combination of some columns.
//!
//! [`read`] checks a workflow; [`sql`] says what a table of it means. Counts are suppressed below
//! `min_subject` before anything else can see them.

mod check;
mod clause;
mod raw;
pub mod sql;
#[cfg(test)]
mod tests;

use sqlparser::ast::ObjectName;

use super::source::Source;
use crate::error::Result;
use crate::screen::LEAST;

/// The smallest count that is shown, unless a table says otherwise.
pub const MIN_SUBJECT: u64 = LEAST;
/// The column that is counted, unless a table says otherwise.
pub const PRIMARY_ID: &str = "subject_ref";
/// The text for a missing value in a table of counts. A null there is a column that is rolled up.
// The Aggregator adds up equal rows of all sites, so that all sites must spell a missing value as
// Cumulus Library does.
pub const MISSING: &str = "cumulus__none";
/// The most columns that a table may have: twice as many groupings with each further one.
pub const MAX_COLUMNS: usize = 14;

/// A table of counts.
#[derive(Clone, Debug, PartialEq)]
pub struct CountsTable {
    /// Its name as the workflow has it.
    pub name: String,
    /// The line of the name, from 1.
    pub line: usize,
    /// A description of its content.
    pub description: Option<String>,
    /// The table whose rows are counted.
    pub source_table: ObjectName,
    /// The columns, those of the secondary table last.
    pub columns: Vec<CountColumn>,
    /// No cell that counts fewer is kept.
    pub min_subject: u64,
    /// The column whose distinct values are counted.
    pub primary_id: String,
    /// A second such column: its count is shown, and both must reach the minimum.
    pub secondary_id: Option<String>,
    /// A table that is joined to the source table.
    pub secondary: Option<Secondary>,
    /// Which rows of the source table count, all of them.
    pub filters: Vec<Filter>,
    /// Which finished rows stay: conditions in SQL, all of them, on the finished columns as `p`.
    pub clauses: Vec<String>,
    /// A table that explains a column.
    pub annotation: Option<Annotation>,
}

/// A column to count by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CountColumn {
    /// The source's column.
    pub name: String,
    /// Its name in the table of counts.
    pub shown: String,
    /// Whether it is the secondary table's.
    pub secondary: bool,
}

/// A table joined to the source table.
#[derive(Clone, Debug, PartialEq)]
pub struct Secondary {
    /// The table.
    pub table: ObjectName,
    /// The column, of the same name in both, that joins them.
    pub on: String,
}

/// A condition on a column of the source table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// The column.
    pub name: String,
    /// Values that may be in it.
    pub values: Vec<String>,
    /// Whether rows without a value count, too.
    pub include_nulls: bool,
}

/// A table that explains the values of a counted column.
#[derive(Clone, Debug, PartialEq)]
pub struct Annotation {
    /// The counted column.
    pub field: String,
    /// The table.
    pub join_table: ObjectName,
    /// Its column that equals `field`.
    pub join_field: String,
    /// Its columns that are shown: name and shown name.
    pub columns: Vec<(String, String)>,
    /// If set, only the annotation's columns are shown, and counts of equal rows are added up.
    pub alt_target: Option<String>,
}

/// Reads a workflow.
pub fn read(source: &Source) -> Result<Vec<CountsTable>> {
    let raw: raw::RawCountsWorkflow = source.read_toml()?;
    raw.tables.into_iter().map(|(name, table)| check::check_table(source, &name, table)).collect()
}
