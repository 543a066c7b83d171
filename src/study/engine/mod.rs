//! The database that studies need, and its two kinds.
//!
//! A study's text is Athena's SQL. [`Engine`] reads; [`Build`] changes the tables of one study. Others
//! see all changes together, on [`Build::commit_tables`], or none; on Athena they see each as it is made.

pub mod athena;
pub mod datafusion;

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};

use super::StudyName;
use super::counts::CountsTable;
use super::dialect::Statement;
use super::protected::is_protected;
use crate::error::{Error, Result, StudyFault};
use crate::store::WorkFolder;

/// A database with tables of studies, and the tables that these are made of.
pub trait Engine: Send + Sync {
    /// The tables of a study, as they are named, sorted; none if it was never built.
    fn list_tables(&self, study: &StudyName) -> Result<Vec<TableInfo>>;

    /// The studies that have tables, sorted.
    fn list_studies(&self) -> Result<Vec<StudyName>>;

    /// The columns of a table of any kind, with their names as they are spelled; `None` if there is
    /// no such table. Case does not matter.
    fn schema(&self, table: &str) -> Result<Option<SchemaRef>>;

    /// Runs a query; it can't change anything.
    ///
    /// # Errors
    /// A text that is no query, or that can't be run. The message has no value of a row.
    fn run_query(&self, sql: &str) -> Result<Rows>;

    /// Reads a table.
    fn read_table(&self, table: &str) -> Result<Rows>;

    /// Reads a table for an export: sorted by all columns that can be, descending, nulls first.
    /// Temporary files go to `work`, which must be there as long as the rows are.
    fn read_sorted(&self, table: &str, work: &WorkFolder) -> Result<Rows>;

    /// Whether a study, or one that it reads, was built from FHIR as it is.
    fn is_raw(&self, _study: &StudyName) -> Result<bool> {
        Ok(false)
    }

    /// Whether a counts workflow has made a table, as far as that is known.
    fn is_counted(&self, _table: &str) -> Result<bool> {
        Ok(false)
    }

    /// Checks that tables made of FHIR as it is can be marked as such here.
    ///
    /// # Errors
    /// They can't (`StudyFault::Definition`): their exports could not be told from others.
    fn keeps_marks(&self) -> Result<()>;

    /// Begins to change a study's tables, one study's at a time. Waits for another run that is at it.
    fn begin_build(&self, study: &StudyName, start: Start<'_>) -> Result<Box<dyn Build + '_>>;

    /// Removes a study's tables, but those that are protected. Waits for another run that is at it.
    fn clean_study(&self, study: &StudyName) -> Result<Cleaned>;
}

/// The query of a table's rows in the order of an export.
fn sorted_sql(table: &str, schema: &Schema) -> String {
    let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    let order: Vec<_> = schema
        .fields()
        .iter()
        .filter(|field| !field.data_type().is_nested())
        .map(|field| format!("{} DESC NULLS FIRST", quoted(field.name())))
        .collect();
    let mut sql = format!("SELECT * FROM {}", quoted(table));
    if !order.is_empty() {
        sql += &format!(" ORDER BY {}", order.join(", "));
    }
    sql
}

/// The error that a table is not there.
fn missing_table(table: &str) -> Error {
    let study = table.split_once("__").map_or(table, |(study, _)| study);
    let message = format!(
        "there is no table {table}: run study build -t {study} first, with the stage that makes it"
    );
    Error::new(StudyFault::Statement, message)
}

/// A table of a study.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableInfo {
    /// Its whole name: `study__name`.
    pub name: String,
    /// Rows, where they are known without a query.
    pub rows: Option<u64>,
}

/// The tables that a study has when it begins to be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start<'a> {
    /// None but protected ones: it is built as a whole.
    Empty,
    /// Those that it had, but for these, in any case: a part is built.
    Without(&'a [String]),
}

impl Start<'_> {
    /// Whether a table is still there. Those that are protected always are.
    fn keeps_table(self, table: &str) -> bool {
        is_protected(table)
            || match self {
                Self::Empty => false,
                Self::Without(gone) => !gone.iter().any(|gone| same_name(gone, table)),
            }
    }
}

/// The result of cleaning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cleaned {
    /// Tables that were removed.
    pub removed: usize,
    /// Tables that are protected, and stay.
    pub kept: usize,
}

/// Whether two names are the same but for case.
fn same_name(a: &str, b: &str) -> bool {
    // Most names are ASCII, and the first comparison allocates nothing. Where it says yes, the
    // second would, too.
    a.eq_ignore_ascii_case(b) || a.to_lowercase() == b.to_lowercase()
}

/// A study while its tables are made. Statements see the tables that were made before them. Dropped without
/// [`Build::commit_tables`], the study stays as it was.
///
/// Several threads may work on different tables.
pub trait Build: Send + Sync {
    /// From now on `schema.x` is the table `x` of this study, for an engine without such schemas.
    fn dedicated_schema(&self, _schema: &str) {}

    /// Runs one statement: `CREATE TABLE … AS`, `CREATE VIEW`, `INSERT INTO` or `DROP TABLE` of a
    /// table of this study. Gives the table that has changed.
    fn execute(&self, statement: &Statement) -> Result<Option<TableInfo>>;

    /// Checks that a statement can be run, as far as that can be told without running it.
    fn check_statement(&self, statement: &Statement) -> Result<()>;

    /// Makes a table of counts.
    fn make_counts(&self, name: &str, counts: &CountsTable) -> Result<TableInfo>;

    /// Makes a table of rows that come with a study.
    fn load_rows(&self, name: &str, schema: SchemaRef, rows: BatchIter<'_>) -> Result<TableInfo>;

    /// Makes a table of an archive's rows, which may be patients'.
    fn import_rows(&self, name: &str, schema: SchemaRef, rows: BatchIter<'_>) -> Result<TableInfo> {
        self.load_rows(name, schema, rows)
    }

    /// From now on the study is one that was built from FHIR as it is.
    fn mark_raw(&self) {}

    /// Whether there is a table of this name now.
    fn has_table(&self, name: &str) -> bool;

    /// The columns of a table, as [`Engine::schema`] gives them, with what was made so far.
    fn schema(&self, table: &str) -> Result<Option<SchemaRef>>;

    /// Shows the study's tables as they are now to all others.
    fn commit_tables(self: Box<Self>) -> Result<()>;
}

/// Batches from somewhere.
pub type BatchIter<'a> = Box<dyn Iterator<Item = Result<RecordBatch>> + Send + 'a>;

/// A query's rows, batch by batch.
pub struct Rows {
    /// The columns, with their names as they are spelled.
    pub schema: SchemaRef,
    /// The rows.
    pub batches: BatchIter<'static>,
}
