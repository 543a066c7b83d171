//! Plans and runs queries.

use std::io;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use datafusion::common::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::context::SessionContext;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::execute_stream;
use futures::StreamExt;
use sqlparser::ast::{ObjectName, Query, Visit, Visitor};
use tokio::runtime::Runtime;

use super::catalog::Tables;
use super::session::{CATALOG, SCHEMA};
use super::write;
use crate::error::{Error, Exit, Result};
use crate::store::WorkFolder;
use crate::study::dialect::{self, Refused, Spelling};
use crate::study::engine::Rows;

/// What runs queries: shared by all that hold rows of one.
pub struct Runner {
    pub context: SessionContext,
    pub tables: Arc<Tables>,
    pub runtime: Runtime,
    /// What rows go to that don't fit in memory.
    pub work: WorkFolder,
}

/// A query that can be run, and its columns as they are spelled.
pub struct Planned {
    plan: LogicalPlan,
    /// The columns of a table of its rows.
    pub schema: SchemaRef,
}

impl Runner {
    /// Plans a query.
    ///
    /// # Errors
    /// Names that are not there, types that don't fit, what is not supported.
    pub fn plan(&self, query: &Query, spelling: &Spelling) -> Result<Planned> {
        let state = self.context.state();
        let statement = dialect::engine_statement(query);
        let plan = self.runtime.block_on(state.statement_to_plan(statement)).map_err(invalid)?;
        let plan = dialect::beside(plan).map_err(invalid)?;
        let names = plan.schema().fields().iter().map(|field| field.name().clone());
        let spelled = self.spelled_columns(query)?;
        let names = names.map(|name| {
            spelling.column(&name, |lower| {
                let known = spelled.iter().find(|known| known.to_lowercase() == lower);
                known.cloned()
            })
        });
        let schema = write::table_schema(plan.schema().as_arrow(), names.collect())?;
        Ok(Planned { plan, schema })
    }

    /// The columns of the tables that a query reads, as they are spelled there.
    fn spelled_columns(&self, query: &Query) -> Result<Vec<String>> {
        let mut columns = Vec::new();
        for name in relations(query) {
            if let Some(table) = self.tables.open(&name)? {
                columns.extend(table.spelled().fields().iter().map(|f| f.name().clone()));
            }
        }
        Ok(columns)
    }

    /// Runs a query.
    pub fn run(self: &Arc<Self>, planned: Planned) -> Result<Rows> {
        let Planned { plan, schema } = planned;
        let stream = self.runtime.block_on(async {
            let state = self.context.state();
            let plan = state.create_physical_plan(&plan).await?;
            execute_stream(plan, state.task_ctx())
        });
        let stream = stream.map_err(|error| failed(error, &self.work))?;
        let batches = Batches { runner: self.clone(), stream, schema: schema.clone() };
        Ok(Rows { schema, batches: Box::new(batches) })
    }
}

/// The names of the tables that a query reads, in lower case; those of its own WITH, too.
fn relations(query: &Query) -> Vec<String> {
    struct Names(Vec<String>);

    impl Visitor for Names {
        type Break = ();

        fn pre_visit_relation(&mut self, name: &ObjectName) -> std::ops::ControlFlow<()> {
            if let Some(name) = name.0.last().and_then(|part| part.as_ident()) {
                let name = name.value.to_lowercase();
                if !self.0.contains(&name) {
                    self.0.push(name);
                }
            }
            std::ops::ControlFlow::Continue(())
        }
    }

    let mut names = Names(Vec::new());
    let _ = query.visit(&mut names);
    names.0
}

/// A query's batches, run by who asks for them.
struct Batches {
    runner: Arc<Runner>,
    stream: SendableRecordBatchStream,
    schema: SchemaRef,
}

impl Iterator for Batches {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = self.runner.runtime.block_on(self.stream.next())?;
        let batch = batch.and_then(|batch| Ok(write::brought(&batch, &self.schema)?));
        Some(batch.map_err(|error| failed(error, &self.runner.work)))
    }
}

/// A statement that can't be run as it is written.
pub fn refused(refused: Refused) -> Error {
    let place = refused.line.filter(|line| *line > 1).map(|line| format!("line {line}: "));
    Error::new(Exit::StudyInvalid, format!("{}{}", place.unwrap_or_default(), refused.why))
}

/// The engine's reason why a statement can't be planned.
fn invalid(error: DataFusionError) -> Error {
    match root(error) {
        DataFusionError::External(inner) => match inner.downcast::<Error>() {
            Ok(own) => *own,
            Err(other) => Error::failed(other.to_string()),
        },
        DataFusionError::SchemaError(error, _) => Error::new(Exit::StudyInvalid, error.to_string()),
        DataFusionError::Plan(why) | DataFusionError::NotImplemented(why) => {
            // All tables are in one schema, which nobody has named.
            Error::new(Exit::StudyInvalid, why.replace(&format!("{CATALOG}.{SCHEMA}."), ""))
        }
        other => Error::new(Exit::StudyInvalid, other.strip_backtrace()),
    }
}

/// The engine's reason why a query did not come to its end, without values of rows.
fn failed(error: DataFusionError, work: &WorkFolder) -> Error {
    match root(error) {
        DataFusionError::IoError(error) => not_kept(work, &error),
        DataFusionError::External(inner) => match inner.downcast::<Error>() {
            Ok(own) => *own,
            Err(other) => Error::failed(without_values(&other.to_string())),
        },
        DataFusionError::ResourcesExhausted(why) => Error::failed(format!(
            "not enough memory for the query: {}; raise --memory-limit, or lower --max-concurrent",
            why.lines().next().unwrap_or_default()
        )),
        DataFusionError::ArrowError(error, _) => match *error {
            ArrowError::CastError(_) | ArrowError::ParseError(_) => Error::failed(
                "a value can't be cast as the statement asks: use try_cast, or filter before",
            ),
            ArrowError::IoError(_, error) => not_kept(work, &error),
            ArrowError::DivideByZero => Error::failed("division by zero"),
            other => Error::failed(without_values(&other.to_string())),
        },
        DataFusionError::Execution(why) | DataFusionError::NotImplemented(why) => {
            #[cfg(feature = "ballista")]
            let why = super::cluster::plain(&why);
            Error::failed(without_values(&why))
        }
        other => Error::failed(without_values(&other.strip_backtrace())),
    }
}

/// Tables are read and written by us and by the stores: the engine's own files are for what does not
/// fit in memory.
fn not_kept(work: &WorkFolder, error: &io::Error) -> Error {
    Error::failed(format!(
        "cannot keep what does not fit in memory in the work folder '{work}': {error}; name another \
         disk with --work-dir, or raise --memory-limit"
    ))
}

/// The error that others are wrapped around.
fn root(error: DataFusionError) -> DataFusionError {
    match error {
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => root(*inner),
        DataFusionError::Collection(mut errors) if !errors.is_empty() => {
            root(errors.swap_remove(0))
        }
        DataFusionError::ArrowError(error, trace) => match *error {
            ArrowError::ExternalError(inner) => match inner.downcast::<DataFusionError>() {
                Ok(inner) => root(*inner),
                Err(inner) => DataFusionError::External(inner),
            },
            other => DataFusionError::ArrowError(Box::new(other), trace),
        },
        DataFusionError::Shared(shared) => match Arc::try_unwrap(shared) {
            Ok(error) => root(error),
            Err(shared) => DataFusionError::Execution(shared.strip_backtrace()),
        },
        other => other,
    }
}

/// Texts in quotes may come from a row.
pub fn without_values(text: &str) -> String {
    let mut parts = text.split('\'');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for (index, part) in parts.enumerate() {
        out.push('\'');
        out.push_str(if index % 2 == 0 { "…" } else { part });
    }
    out
}
