//! Plans and runs queries.

use std::io;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use datafusion::common::{Column, DataFusionError, SchemaError, TableReference};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::context::SessionContext;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::execute_stream;
use futures::StreamExt;
use sqlparser::ast::Query;
use tokio::runtime::Runtime;

use super::batches;
use super::catalog::{Origin, TableCatalog};
use super::hints;
use super::relations::list_relations;
use super::session::{CATALOG, SCHEMA};
use super::write;
use crate::error::{Error, Result, StudyFault, list_causes};
use crate::store::{self, WorkFolder};
use crate::study::dialect::{self, Spelling};
use crate::study::engine::Rows;
use crate::threads::catch_panic;

/// Runs queries; shared by all that hold rows of one.
pub struct Runner {
    context: SessionContext,
    tables: Arc<TableCatalog>,
    runtime: Runtime,
    /// For rows that don't fit in memory.
    work: WorkFolder,
}

/// A query that can be run, and its columns as they are spelled.
pub struct Planned {
    plan: LogicalPlan,
    /// The columns of a table of its rows.
    pub schema: SchemaRef,
    /// The likely mistake, if it turns out that it can't be run.
    hint: Option<Error>,
}

impl Runner {
    /// Runs queries of a session on a runtime. `tables` are those that the session knows.
    pub fn new(
        context: SessionContext,
        tables: Arc<TableCatalog>,
        runtime: Runtime,
        work: WorkFolder,
    ) -> Self {
        Self { context, tables, runtime, work }
    }

    /// Plans a query.
    ///
    /// # Errors
    /// Names that are not there, types that don't fit, constructs that are not supported.
    pub fn plan_query(&self, query: &Query, spelling: &Spelling) -> Result<Planned> {
        let state = self.context.state();
        let statement = dialect::engine_statement(query);
        let plan = self.wait_for(state.statement_to_plan(statement))?;
        let plan = match plan {
            Ok(plan) => plan,
            // The statement itself may tell more than the engine's reason.
            Err(error) => {
                let reason = hints::find_reason(&self.tables, query)?;
                return Err(reason.unwrap_or_else(|| explain_invalid(error)));
            }
        };
        let plan = dialect::join_beside(plan).map_err(explain_invalid)?;
        let plan = dialect::functions::narrow_numbers(plan).map_err(explain_invalid)?;
        let names = plan.schema().fields().iter().map(|field| field.name().clone());
        let spelled = self.spelled_columns(query)?;
        let names = names.map(|name| {
            spelling.spell_column(&name, |lower| {
                let known = spelled.iter().find(|known| known.to_lowercase() == lower);
                known.cloned()
            })
        });
        let schema = write::table_schema(plan.schema().as_arrow(), names.collect())?;
        // Only a hint: a query that could be planned must not fail because a store did while it was
        // looked for.
        let hint = hints::find_reason(&self.tables, query).ok().flatten();
        Ok(Planned { plan, schema, hint })
    }

    /// Waits for the engine's work.
    ///
    /// # Errors
    /// The engine has panicked, as it does where the texts of a batch are longer together than a column
    /// can have.
    fn wait_for<T>(&self, work: impl Future<Output = T>) -> Result<T> {
        catch_panic(|| self.runtime.block_on(work)).ok_or_else(|| {
            Error::failed(
                "the query engine can't do what the statement asks. Most often rows are too wide for it: \
                 leave long texts out of joins and unnests, or shorten them with substr()",
            )
        })
    }

    /// The columns of the tables that a query reads, as they are spelled there.
    fn spelled_columns(&self, query: &Query) -> Result<Vec<String>> {
        let mut columns = Vec::new();
        for (schema, name) in list_relations(query) {
            let name = self.tables.whole_name(schema.as_deref(), &name);
            if let Some(table) = self.tables.open_table(&name)? {
                columns.extend(table.spelled_schema().fields().iter().map(|f| f.name().clone()));
            }
        }
        Ok(columns)
    }

    /// Where the rows of a query come from: of the tables that it names.
    pub fn origin_of(&self, query: &Query) -> Result<Origin> {
        list_relations(query).iter().try_fold(Origin::default(), |origin, (schema, name)| {
            let name = self.tables.whole_name(schema.as_deref(), name);
            Ok(origin.joined_with(self.tables.origin_of(&name)?))
        })
    }

    /// Runs a query.
    pub fn run_plan(self: &Arc<Self>, planned: Planned) -> Result<Rows> {
        let Planned { plan, schema, hint } = planned;
        let stream = self.wait_for(async {
            // A copy: the size of batches is this query's alone, and other threads plan theirs.
            let mut state = self.context.state();
            let plan = state.optimize(&plan)?;
            let config = state.config().clone().with_batch_size(batches::batch_rows(&plan)?);
            *state.config_mut() = config;
            // `SessionState::create_physical_plan` would optimize the plan a second time.
            let plan = state.query_planner().create_physical_plan(&plan, &state).await?;
            execute_stream(plan, state.task_ctx())
        })?;
        let stream =
            stream.map_err(|error| hint.unwrap_or_else(|| explain_failure(error, &self.work)))?;
        let batches = QueryBatches { runner: self.clone(), stream, schema: schema.clone() };
        Ok(Rows { schema, batches: Box::new(batches) })
    }
}

/// A query's batches. The query runs while they are asked for.
struct QueryBatches {
    runner: Arc<Runner>,
    stream: SendableRecordBatchStream,
    schema: SchemaRef,
}

impl Iterator for QueryBatches {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = match self.runner.wait_for(self.stream.next()) {
            Ok(batch) => batch?,
            Err(error) => return Some(Err(error)),
        };
        let batch = batch.and_then(|batch| Ok(write::bring_batch(&batch, &self.schema)?));
        Some(batch.map_err(|error| explain_failure(error, &self.runner.work)))
    }
}

/// The engine's reason why a statement can't be planned.
fn explain_invalid(error: DataFusionError) -> Error {
    match root_error(error) {
        DataFusionError::External(inner) => match inner.downcast::<Error>() {
            // The catalog's errors, such as that of a file that can't be read, come back wrapped in
            // the engine's.
            Ok(own) => *own,
            Err(other) => Error::failed(other.to_string()),
        },
        DataFusionError::SchemaError(error, _) => match *error {
            SchemaError::FieldNotFound { ref field, ref valid_fields } => {
                let known: Vec<_> = valid_fields.iter().map(|column| column.name.clone()).collect();
                let place = field.relation.as_ref().map(|relation| format!("{relation}."));
                let (name, qualified) = (&field.name, place.is_some());
                let hint = hints::hint_column(name, qualified, &known);
                let columns: Vec<_> = valid_fields.iter().map(show_column).collect();
                let why = match columns.is_empty() {
                    true => String::new(),
                    false => format!(". There are: {}", columns.join(", ")),
                };
                let place = place.unwrap_or_default();
                let message = format!("there is no column {place}{name}{hint}{why}");
                Error::new(
                    StudyFault::Statement,
                    message.replace(&format!("{CATALOG}.{SCHEMA}."), ""),
                )
            }
            other => Error::new(StudyFault::Statement, other.to_string()),
        },
        DataFusionError::Plan(why) | DataFusionError::NotImplemented(why) => {
            // All tables are in one schema, which nobody has named.
            Error::new(StudyFault::Statement, why.replace(&format!("{CATALOG}.{SCHEMA}."), ""))
        }
        other => Error::new(StudyFault::Statement, other.strip_backtrace()),
    }
}

/// A column as a statement can name it.
fn show_column(column: &Column) -> String {
    let table = column.relation.as_ref().map(TableReference::table);
    match table.is_some_and(|table| table.starts_with(dialect::UNNAMED)) {
        true => column.name.clone(),
        false => column.to_string(),
    }
}

/// The engine's reason why a query did not come to its end, without values of rows.
fn explain_failure(error: DataFusionError, work: &WorkFolder) -> Error {
    match root_error(error) {
        DataFusionError::IoError(error) => not_kept(work, &error),
        DataFusionError::External(inner) => match inner.downcast::<Error>() {
            Ok(own) => *own,
            Err(other) => Error::failed(known_words(&other.to_string())),
        },
        DataFusionError::ResourcesExhausted(why) => Error::failed(format!(
            "not enough memory for the query: {}; raise --memory-limit, or lower --max-concurrent",
            why.lines().next().unwrap_or_default()
        )),
        DataFusionError::ArrowError(error, _) => match *error {
            ArrowError::CastError(_) | ArrowError::ParseError(_) => Error::failed(CAST),
            ArrowError::IoError(_, error) => not_kept(work, &error),
            ArrowError::DivideByZero => Error::failed("division by zero"),
            ArrowError::ArithmeticOverflow(_) => Error::failed(OVERFLOW),
            other => Error::failed(known_words(&other.to_string())),
        },
        // These are about files.
        DataFusionError::ObjectStore(error) => {
            Error::failed(list_causes(&*store::unwrap_error(*error)))
        }
        DataFusionError::ParquetError(error) => Error::failed(without_values(&error.to_string())),
        other => Error::failed(known_words(&other.strip_backtrace())),
    }
}

const CAST: &str = "a value can't be cast as the statement asks: use try_cast, or filter before";
const OVERFLOW: &str = "a number is out of range";
const FILE: &str = "a file of a table is not there. On a cluster, each machine has to reach the lake and \
                    the tables by the same names";
const CLUSTER: &str = "the cluster does not answer, or has lost an executor: build again";

/// Parts of the engine's messages that tell what has happened, and the words that replace the message:
/// the rest of it may be a row's.
const KNOWN: [(&str, &str); 16] = [
    // Its message quotes the pattern, which may have any of the others in it.
    ("regular expression", "a pattern is no regular expression"),
    ("regex parse error", "a pattern is no regular expression"),
    ("divide by zero", "division by zero"),
    ("overflow", OVERFLOW),
    ("out of range", "a value is out of range"),
    ("out of bounds", "an index is out of bounds"),
    ("too large", OVERFLOW),
    ("cast", CAST),
    ("pars", "a text can't be read as what the statement takes it for: use try, or filter before"),
    ("more than one row", "a subquery that stands for one value gives several rows"),
    ("no space left", "the disk for temporary files (--work-dir) or tables is full"),
    ("not implemented", "something in the statement does not run on the embedded engine"),
    // Of a cluster.
    ("no such file or directory", FILE),
    ("transport error", CLUSTER),
    ("connection refused", CLUSTER),
    ("executor", CLUSTER),
];

/// Our words for a failure, by the engine's words.
fn known_words(text: &str) -> String {
    let lower = text.to_lowercase();
    match KNOWN.iter().find(|(part, _)| lower.contains(part)) {
        Some((_, said)) => (*said).to_owned(),
        None => "the query has failed; the engine's reason is not shown, as it may hold a \
                 patient's data: leave parts of the statement out to find the one that fails"
            .to_owned(),
    }
}

/// Tables are read and written by us and by the stores: the engine's own files hold the rows that do not
/// fit in memory.
fn not_kept(work: &WorkFolder, error: &io::Error) -> Error {
    Error::failed(format!(
        "cannot keep what does not fit in memory in the work folder '{work}': {error}; name another \
         disk with --work-dir, or raise --memory-limit"
    ))
}

/// The error that others are wrapped around.
fn root_error(error: DataFusionError) -> DataFusionError {
    match error {
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => {
            root_error(*inner)
        }
        DataFusionError::Collection(mut errors) if !errors.is_empty() => {
            root_error(errors.swap_remove(0))
        }
        DataFusionError::ArrowError(error, trace) => match *error {
            ArrowError::ExternalError(inner) => match inner.downcast::<DataFusionError>() {
                Ok(inner) => root_error(*inner),
                Err(inner) => DataFusionError::External(inner),
            },
            other => DataFusionError::ArrowError(Box::new(other), trace),
        },
        DataFusionError::Shared(shared) => match Arc::try_unwrap(shared) {
            Ok(error) => root_error(error),
            Err(shared) => {
                // Partitions that wait for one input share its error, and others may still hold it.
                // It can't be taken out then: an error of ours is said again with its causes.
                let ours = match shared.find_root() {
                    DataFusionError::External(inner) => inner.downcast_ref::<Error>(),
                    _ => None,
                };
                ours.map_or_else(
                    || DataFusionError::Execution(shared.strip_backtrace()),
                    |ours| DataFusionError::External(Box::new(ours.join_causes())),
                )
            }
        },
        other => other,
    }
}

/// A message about anything but rows, without what is between the first quote and the last: a value
/// may have quotes in it.
pub fn without_values(text: &str) -> String {
    let quotes = ['\'', '"', '`'];
    match (text.find(quotes), text.rfind(quotes)) {
        (Some(first), Some(last)) if first < last => {
            format!("{}…{}", &text[..=first], &text[last..])
        }
        (Some(first), _) => format!("{}…", &text[..=first]),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_is_shown_whatever_is_in_it() {
        for (text, shown) in [
            ("cannot open 'O'Brien' in 'x'", "cannot open '…'"),
            ("one 'only", "one '…"),
            ("a 'b' \"c\" d", "a '…\" d"),
            ("none", "none"),
        ] {
            assert_eq!(without_values(text), shown);
        }
        let work = tempfile::tempdir().unwrap();
        let folder = crate::store::Folder::open(work.path().to_str().unwrap()).unwrap();
        let work = WorkFolder::create_work(work.path().to_str(), &folder).unwrap();
        let failed = |error| explain_failure(error, &work);
        let arrow = |error| failed(DataFusionError::ArrowError(Box::new(error), None)).to_string();
        let execution =
            |text: &str| failed(DataFusionError::Execution(text.to_owned())).to_string();
        for message in [
            execution("Error parsing timestamp from 'O'Brien-Secret': x"),
            execution("Could not do anything with O'Brien-Secret"),
            execution("O'Brien-Secret is too large to be cast"),
            arrow(ArrowError::InvalidArgumentError("O'Brien-Secret".to_owned())),
            arrow(ArrowError::ArithmeticOverflow("Overflow: O'Brien-Secret + 1".to_owned())),
            arrow(ArrowError::ComputeError("'O'Brien-Secret'".to_owned())),
        ] {
            assert!(!message.contains("Brien") && !message.is_empty(), "{message}");
        }
        let pattern = "a pattern is no regular expression";
        assert_eq!(
            execution("regex parse error:\n    (overcast\n    ^\nerror: unclosed group"),
            pattern
        );
        assert_eq!(execution("Regular expression did not compile: Syntax(x)"), pattern);
        let own = Error::failed("a text is no ISO 8601 time");
        let shown = failed(DataFusionError::External(Box::new(own))).to_string();
        assert_eq!(shown, "a text is no ISO 8601 time");
    }
}
