//! Athena's SQL (Trino) on the embedded engine.
//!
//! ```text
//!  text ──► words ──► statement ──► rewrite ──► plan ──► lateral ──► run
//!           names in   parsed       calls and            unnests beside
//!           lower case              accesses             their tables
//! ```
//!
//! A text is cut into statements in one place ([`cut_statements`]), for all uses of them. A
//! statement is parsed once, and all changes are made on the parsed statement. Names are the same
//! in any case, as in Athena; [`Spelling`] remembers how they were written, for the names of
//! columns that come out.

mod calls;
mod cut;
mod elements;
pub mod functions;
mod lateral;
mod planner;
mod rewrite;
mod size;
mod text;
mod words;

use datafusion::execution::SessionStateBuilder;
use sqlparser::ast::{
    self, CreateTable, CreateTableOptions, FromTable, Insert, ObjectName, ObjectType, Query,
    SqlOption, TableFactor, TableObject,
};
use sqlparser::parser::Parser;
use sqlparser::tokenizer::Token;

use crate::error::{Error, StudyFault};
pub use cut::{CreatedTable, StatementText, cut_single, cut_statements};
pub use lateral::join_beside;
pub use planner::column_type;
pub use rewrite::UNNAMED;
pub use text::{Spelling, parse_part};
use words::AthenaDialect;

/// How deep expressions may be nested.
const DEPTH: usize = 100;

/// A statement that has been read: its command, with its query as the engine takes it.
#[derive(Clone, Debug)]
pub struct Statement {
    /// As it is written, without the semicolon: for Athena, which reads it itself, and for messages.
    pub text: String,
    /// The line of its first word within the text that it was read from, from 1.
    pub line: usize,
    /// Its command.
    pub command: StatementCommand,
    /// How its names were written.
    pub spelling: Spelling,
}

/// The command of a statement.
#[derive(Clone, Debug)]
pub enum StatementCommand {
    /// Gives rows.
    Query(Box<Query>),
    /// Makes a table of a query's rows. Views are tables, too.
    Create {
        /// The table.
        name: TableName,
        /// Whether a table that is there stays.
        if_not_exists: bool,
        /// The rows.
        query: Box<Query>,
    },
    /// Makes an empty table.
    Declare {
        /// The table.
        name: TableName,
        /// Whether a table that is there stays.
        if_not_exists: bool,
        /// The columns and types, as a query without rows.
        query: Box<Query>,
    },
    /// Adds a query's rows to a table.
    Insert {
        /// The table.
        name: TableName,
        /// The columns that they go to, in lower case; without any, all in order.
        columns: Vec<String>,
        /// The rows.
        query: Box<Query>,
    },
    /// Takes rows out of a table.
    Delete {
        /// The table.
        name: TableName,
        /// The rows that stay.
        rest: Box<Query>,
    },
    /// Removes tables.
    Drop {
        /// The tables.
        names: Vec<TableName>,
        /// Whether they may be missing.
        if_exists: bool,
    },
}

/// A table that a statement changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableName {
    /// The schema, if it is named.
    pub schema: Option<String>,
    /// The name as it is written.
    pub name: String,
}

/// The reason why a statement can't be run, in words for its author.
#[derive(Debug, PartialEq, Eq)]
pub struct Refused {
    /// The line within the text that was read, from 1, where it is known.
    pub line: Option<usize>,
    /// The fault, or the construct that is not supported.
    pub why: String,
}

impl Refused {
    fn new(why: impl Into<String>) -> Self {
        Self { line: None, why: why.into() }
    }

    fn at_line(line: u64, why: impl Into<String>) -> Self {
        let line = usize::try_from(line).ok().filter(|line| *line > 0);
        Self { line, why: why.into() }
    }

    /// A construct that is valid, and not for this engine.
    fn of_construct(construct: impl Into<String>) -> Self {
        Self::new(format!("{} does not run on the embedded engine", construct.into()))
    }
}

/// Reads the one statement of a text.
///
/// # Errors
/// The text is not one statement, it is no SQL, or it has a construct that is not supported.
pub fn parse_statement(sql: &str) -> Result<Statement, Refused> {
    cut_single(sql)?.parse_words()
}

impl From<Refused> for Error {
    /// For a text that is no file's: the first line goes without saying.
    fn from(refused: Refused) -> Self {
        let place = refused.line.filter(|line| *line > 1).map(|line| format!("line {line}: "));
        let message = format!("{}{}", place.unwrap_or_default(), refused.why);
        Self::new(StudyFault::Statement, message)
    }
}

impl StatementText {
    /// Reads the statement. The lines in errors are those of the text that it was cut out of.
    ///
    /// # Errors
    /// The statement is no SQL, or it has a construct that is not supported.
    pub fn parse_words(self) -> Result<Statement, Refused> {
        // Before the parser, whose work and stack these bounds are for.
        text::measure_words(&self.words)?;
        let last_line = self.last_line();
        let Self { text, line, words } = self;
        let (words, mut spelling) = text::lower_names(words);
        let mut parser = Parser::new(&AthenaDialect)
            .with_recursion_limit(DEPTH)
            .with_tokens_with_locations(words);
        let parsed =
            parser.parse_statement().map_err(|error| text::parse_error(error, last_line))?;
        let rest = parser.peek_token();
        if rest.token != Token::EOF {
            let why = format!("'{}' was not expected here", rest.token);
            return Err(Refused::at_line(rest.span.start.line, why));
        }
        let mut command = read_command(parsed, &spelling)?;
        if let Some(query) = command.query_mut() {
            // Before the rewriting, which gives columns names of its own.
            spelling.note_query(query);
            rewrite::rewrite_query(query)?;
            // After the rewriting: an expression that it has written twice counts twice.
            size::measure_query(query)?;
        }
        Ok(Statement { text, line, command, spelling })
    }
}

impl StatementCommand {
    /// Its query.
    pub fn query(&self) -> Option<&Query> {
        match self {
            Self::Query(query)
            | Self::Create { query, .. }
            | Self::Declare { query, .. }
            | Self::Insert { query, .. }
            | Self::Delete { rest: query, .. } => Some(query),
            Self::Drop { .. } => None,
        }
    }

    fn query_mut(&mut self) -> Option<&mut Query> {
        match self {
            Self::Query(query)
            | Self::Create { query, .. }
            | Self::Declare { query, .. }
            | Self::Insert { query, .. }
            | Self::Delete { rest: query, .. } => Some(query),
            Self::Drop { .. } => None,
        }
    }
}

fn read_command(parsed: ast::Statement, spelling: &Spelling) -> Result<StatementCommand, Refused> {
    let table = |name: &ObjectName| read_table_name(name, spelling);
    Ok(match parsed {
        ast::Statement::Query(query) => StatementCommand::Query(query),
        ast::Statement::CreateTable(create) => create_table(create, spelling)?,
        ast::Statement::CreateView(view) => {
            // A view becomes a table of its query here, and would lose the names of its columns.
            if let Some(column) = view.columns.first() {
                let construct = format!("a view that names its columns ({}, …)", column.name);
                return Err(Refused::of_construct(construct));
            }
            let name = table(&view.name)?;
            StatementCommand::Create { name, if_not_exists: view.if_not_exists, query: view.query }
        }
        ast::Statement::Insert(Insert { table: into, columns, source, .. }) => {
            let TableObject::TableName(name) = into else {
                return Err(Refused::of_construct("INSERT into what is not a table"));
            };
            let query = source.ok_or_else(|| Refused::of_construct("INSERT without rows"))?;
            let columns = columns
                .iter()
                .filter_map(|column| Some(column.0.last()?.as_ident()?.value.to_lowercase()));
            StatementCommand::Insert { name: table(&name)?, columns: columns.collect(), query }
        }
        ast::Statement::Delete(delete) => {
            let (FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from)) = &delete.from;
            let [from] = from.as_slice() else {
                return Err(Refused::of_construct("DELETE from several tables"));
            };
            let TableFactor::Table { name, .. } = &from.relation else {
                return Err(Refused::of_construct("DELETE from what is not a table"));
            };
            let name = table(name)?;
            let rest = rewrite::select_rest(from.clone(), delete.selection)?;
            StatementCommand::Delete { name, rest }
        }
        ast::Statement::Drop {
            object_type: ObjectType::Table | ObjectType::View,
            if_exists,
            names,
            ..
        } => {
            let names = names.iter().map(table).collect::<Result<_, _>>()?;
            StatementCommand::Drop { names, if_exists }
        }
        other => {
            let text = other.to_string();
            let verb: Vec<_> = text.split_whitespace().take(2).collect();
            return Err(Refused::of_construct(verb.join(" ")));
        }
    })
}

fn create_table(create: CreateTable, spelling: &Spelling) -> Result<StatementCommand, Refused> {
    let name = read_table_name(&create.name, spelling)?;
    if create.external {
        return Err(Refused::of_construct("CREATE EXTERNAL TABLE"));
    }
    if names_place(&create) {
        let why = "a table says where its files are (external_location): they are where the site has \
                   its results, and nowhere else";
        return Err(Refused::new(why));
    }
    let if_not_exists = create.if_not_exists;
    match create.query {
        // The options of WITH are about files, for which the engine has its own way.
        Some(query) if create.columns.is_empty() => {
            Ok(StatementCommand::Create { name, if_not_exists, query })
        }
        Some(_) => Err(Refused::of_construct("CREATE TABLE with both columns and AS")),
        None => {
            let query = rewrite::no_rows(&create.columns)?;
            Ok(StatementCommand::Declare { name, if_not_exists, query })
        }
    }
}

/// Whether a table's files are to be at a place of its own, as Athena allows: rows would leave that way.
fn names_place(create: &CreateTable) -> bool {
    let options = match &create.table_options {
        CreateTableOptions::None => &[][..],
        CreateTableOptions::With(options)
        | CreateTableOptions::Options(options)
        | CreateTableOptions::Plain(options)
        | CreateTableOptions::TableProperties(options) => options,
    };
    // Hive's tables say `external_location`, Iceberg's `location`.
    let is_place = |option: &SqlOption| match option {
        SqlOption::KeyValue { key, .. } => key.value.to_lowercase().contains("location"),
        _ => false,
    };
    let in_hive = create.hive_formats.as_ref().is_some_and(|format| format.location.is_some());
    create.location.is_some() || in_hive || options.iter().any(is_place)
}

fn read_table_name(name: &ObjectName, spelling: &Spelling) -> Result<TableName, Refused> {
    let parts: Option<Vec<_>> = name.0.iter().map(|part| part.as_ident()).collect();
    let mut parts = parts.ok_or_else(|| Refused::of_construct("a table named by a function"))?;
    let last = parts.pop().ok_or_else(|| Refused::new("a table has no name"))?;
    let schema = parts.pop().map(|schema| schema.value.clone());
    Ok(TableName { schema, name: spelling.spell_name(last) })
}

/// Adds to a session the parts of Athena's SQL that the engine has not, or has otherwise.
pub fn extend_session(builder: SessionStateBuilder) -> SessionStateBuilder {
    planner::add_planners(functions::add_functions(builder))
}

/// The statement as the engine takes it.
pub fn engine_statement(query: &Query) -> datafusion::sql::parser::Statement {
    let statement = ast::Statement::Query(Box::new(query.clone()));
    datafusion::sql::parser::Statement::Statement(Box::new(statement))
}

#[cfg(test)]
mod tests;
