//! Statements between the plan, which reads all of them, and their turn.

use std::borrow::Cow;

use crate::error::Result;
use crate::study::dialect::{self, Statement};

/// Bytes of text whose statements a plan keeps as they were read. The statements that are made of a text
/// take a hundred times its size, and a study may have any number of files with values to insert. The
/// build reads statements beyond this limit again when it is their turn. SQL that a person has written is
/// far shorter.
const KEPT: usize = 2 << 20;
/// Bytes that a statement counts as at least, however short it is.
// A parsed `SELECT 1;` is far larger than its text, and 8 MiB have room for nearly a million of them.
const LEAST: usize = 64;

/// A statement of a plan, which has been read and found good.
#[derive(Debug)]
pub enum PlannedStatement {
    /// As it was read.
    Read(Box<Statement>),
    /// Its text alone.
    Text(String),
}

impl PlannedStatement {
    /// The statement as it is written.
    pub fn as_text(&self) -> &str {
        match self {
            Self::Read(statement) => &statement.text,
            Self::Text(text) => text,
        }
    }

    /// The statement to be run.
    pub fn to_statement(&self) -> Result<Cow<'_, Statement>> {
        match self {
            Self::Read(statement) => Ok(Cow::Borrowed(statement)),
            Self::Text(text) => Ok(Cow::Owned(dialect::parse_statement(text)?)),
        }
    }
}

/// How much of a plan's statements is kept as it was read.
#[derive(Debug, Default)]
pub struct KeptStatements {
    bytes: usize,
}

impl KeptStatements {
    /// Puts a statement into the plan.
    pub fn keep_statement(&mut self, statement: Statement) -> PlannedStatement {
        let bytes = self.bytes.saturating_add(statement.text.len().max(LEAST));
        if bytes > KEPT {
            return PlannedStatement::Text(statement.text);
        }
        self.bytes = bytes;
        PlannedStatement::Read(Box::new(statement))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_beyond_the_bound_are_kept_as_text() {
        let mut kept = KeptStatements::default();
        let keep = |sql: &str| kept.keep_statement(dialect::parse_statement(sql).unwrap());
        let long = format!("INSERT INTO s__a VALUES ('{}')", "x".repeat(KEPT - LEAST - 40));
        let planned = ["SELECT 1", &long, "SELECT 2", "SELECT 3"].map(keep);
        let is_read = |planned: &PlannedStatement| matches!(planned, PlannedStatement::Read(_));
        assert_eq!(planned.each_ref().map(is_read), [true, true, false, false]);
        for (planned, sql) in planned.iter().zip(["SELECT 1", &long, "SELECT 2", "SELECT 3"]) {
            assert_eq!(
                (planned.as_text(), planned.to_statement().unwrap().text.as_str()),
                (sql, sql)
            );
        }
    }
}
