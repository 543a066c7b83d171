//! A query's rows, page by page: for a look. Whole tables go by way of S3.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use aws_sdk_athena::Client;
use aws_sdk_athena::types::{ColumnInfo, Row};

use super::explain::explain_call;
use super::queries::Queries;
use crate::error::{Context, Error, Result, SettingsFault};
use crate::store::StoreRuntime;
use crate::study::dialect;
use crate::study::engine::Rows;

/// Runs a query. Numbers and booleans have their types, the rest is text as Athena writes it.
pub(super) fn run_query(queries: &Queries, sql: &str) -> Result<Rows> {
    let statement = dialect::cut_single(sql)?;
    let sql = statement.text.as_str();
    // Athena runs any statement that it is sent. Nothing else keeps such a query from changing tables.
    if !is_reading(sql) {
        let message = "only queries can be run here: SELECT, WITH, VALUES, SHOW, DESCRIBE, EXPLAIN";
        return Err(Error::new(SettingsFault::InvalidValue, message));
    }
    let done = queries.run("query", sql)?;
    let mut pages = ResultPages {
        runtime: queries.settings.storage.runtime().clone(),
        client: queries.client.clone(),
        id: done.id,
        token: None,
        schema: Arc::new(Schema::empty()),
        ready: VecDeque::new(),
        begun: false,
        ended: false,
    };
    // The columns come with the first page.
    pages.fetch_page()?;
    Ok(Rows { schema: pages.schema.clone(), batches: Box::new(pages) })
}

fn is_reading(sql: &str) -> bool {
    const WORDS: [&str; 6] = ["select", "with", "values", "show", "describe", "explain"];
    let start = sql.trim_start_matches(|c: char| c.is_whitespace() || c == '(').to_lowercase();
    let word = start.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
    WORDS.contains(&word)
}

struct ResultPages {
    runtime: StoreRuntime,
    client: Client,
    id: String,
    token: Option<String>,
    schema: SchemaRef,
    ready: VecDeque<RecordBatch>,
    begun: bool,
    ended: bool,
}

impl ResultPages {
    fn fetch_page(&mut self) -> Result<()> {
        let request = self
            .client
            .get_query_results()
            .query_execution_id(&self.id)
            // The most that GetQueryResults gives in one answer.
            .max_results(1000)
            .set_next_token(self.token.take());
        let answer = self
            .runtime
            .block_on(request.send())
            .map_err(|error| explain_call(&error, "cannot read the query's results"))?;
        self.token = answer.next_token().filter(|token| !token.is_empty()).map(str::to_owned);
        self.ended = self.token.is_none();
        let Some(set) = answer.result_set() else { return Ok(()) };
        let mut rows = set.rows();
        if !self.begun {
            let info = set.result_set_metadata().map(|data| data.column_info()).unwrap_or_default();
            self.schema = Arc::new(Schema::new(info.iter().map(to_field).collect::<Vec<_>>()));
            // The first row of a query has the columns' names; statements such as SHOW have no such row.
            let named = |row: &Row| {
                let cells = row.data().iter().map(|cell| cell.var_char_value());
                cells.eq(info.iter().map(|column| Some(column.name())))
            };
            if rows.first().is_some_and(named) {
                rows = &rows[1..];
            }
            self.begun = true;
        }
        if !rows.is_empty() && !self.schema.fields().is_empty() {
            self.ready.push_back(to_batch(&self.schema, rows)?);
        }
        Ok(())
    }
}

impl Iterator for ResultPages {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        // A page may have no rows, though others follow.
        while self.ready.is_empty() && !self.ended {
            if let Err(error) = self.fetch_page() {
                self.ended = true;
                return Some(Err(error));
            }
        }
        self.ready.pop_front().map(Ok)
    }
}

fn to_field(column: &ColumnInfo) -> Field {
    let kind = match column.r#type() {
        "tinyint" | "smallint" | "integer" | "int" | "bigint" => DataType::Int64,
        "float" | "real" | "double" => DataType::Float64,
        "boolean" => DataType::Boolean,
        _ => DataType::Utf8,
    };
    Field::new(column.name(), kind, true)
}

fn to_batch(schema: &SchemaRef, rows: &[Row]) -> Result<RecordBatch> {
    let columns = schema.fields().iter().enumerate().map(|(index, field)| {
        let cell =
            |row: &'_ Row| row.data().get(index).and_then(|cell| cell.var_char_value.clone());
        let cells = rows.iter().map(cell);
        let column: ArrayRef = match field.data_type() {
            DataType::Int64 => Arc::new(
                cells.map(|cell| cell.and_then(|text| text.parse().ok())).collect::<Int64Array>(),
            ),
            DataType::Float64 => Arc::new(
                cells.map(|cell| cell.and_then(|text| text.parse().ok())).collect::<Float64Array>(),
            ),
            DataType::Boolean => Arc::new(
                cells.map(|cell| cell.map(|text| text == "true")).collect::<BooleanArray>(),
            ),
            _ => Arc::new(cells.collect::<StringArray>()),
        };
        column
    });
    RecordBatch::try_new(schema.clone(), columns.collect())
        .context("the query's results have a form that this program does not know")
}
