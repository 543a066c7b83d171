//! Which tables a file of SQL makes, without understanding the rest of it.

use sqlparser::dialect::GenericDialect;
use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};

use super::source::Source;
use crate::error::Result;

/// A table that a statement makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Created {
    /// The schema in front of the name, if there is one.
    pub schema: Option<String>,
    /// The name as it is written, without quotes.
    pub name: String,
    /// The line of the name, from 1.
    pub line: usize,
}

/// The tables and views that `CREATE` statements in a file name, in order. An error if the text
/// can't even be cut into words, as when a quote is not closed.
pub fn created(source: &Source) -> Result<Vec<Created>> {
    let tokens = Tokenizer::new(&GenericDialect {}, source.text())
        .tokenize_with_location()
        .map_err(|error| source.fault(line(error.location.line), error.message))?;
    let words: Vec<_> =
        tokens.iter().filter(|token| !matches!(token.token, Token::Whitespace(_))).collect();
    let mut tables = Vec::new();
    for start in 0..words.len() {
        // A statement begins here; a column may be called `create`.
        let begins = start == 0 || words[start - 1].token == Token::SemiColon;
        if begins && keyword(words[start]) == Some(Keyword::CREATE) {
            tables.extend(name_of(&words[start + 1..]));
        }
    }
    Ok(tables)
}

/// The name in what follows `CREATE`; none if it makes something else.
fn name_of(words: &[&TokenWithSpan]) -> Option<Created> {
    let mut rest = words.iter().skip_while(|word| {
        use Keyword::{EXTERNAL, MATERIALIZED, OR, REPLACE, TEMP, TEMPORARY};
        let skipped = [OR, REPLACE, EXTERNAL, TEMP, TEMPORARY, MATERIALIZED];
        keyword(word).is_some_and(|word| skipped.contains(&word))
    });
    if !matches!(keyword(rest.next()?)?, Keyword::TABLE | Keyword::VIEW) {
        return None;
    }
    let mut rest = rest
        .skip_while(|word| {
            use Keyword::{EXISTS, IF, NOT};
            keyword(word).is_some_and(|word| [IF, NOT, EXISTS].contains(&word))
        })
        .peekable();
    let first = rest.next()?;
    let mut parts = vec![text(first)?];
    while rest.next_if(|word| word.token == Token::Period).is_some() {
        parts.push(text(rest.next()?)?);
    }
    let name = parts.pop()?;
    let line = line(first.span.start.line);
    Some(Created { schema: (!parts.is_empty()).then(|| parts.join(".")), name, line })
}

fn keyword(word: &TokenWithSpan) -> Option<Keyword> {
    match &word.token {
        Token::Word(word) if word.quote_style.is_none() => Some(word.keyword),
        _ => None,
    }
}

fn text(word: &TokenWithSpan) -> Option<String> {
    match &word.token {
        Token::Word(word) => Some(word.value.clone()),
        _ => None,
    }
}

fn line(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tables(text: &str) -> Vec<(Option<String>, String, usize)> {
        let tables = created(&Source::of("a.sql", text)).unwrap();
        tables.into_iter().map(|table| (table.schema, table.name, table.line)).collect()
    }

    #[test]
    fn tables_and_views_are_found_with_their_lines() {
        let found = tables(
            "-- create table s__comment\n\
             CREATE TABLE s__a AS SELECT 'create table s__text;' AS x;\n\
             /* ; */ create\n  table if not exists \"s__B\" AS (SELECT 1);\n\
             CREATE OR REPLACE VIEW sch.s__c AS SELECT 1;\n\
             DROP TABLE IF EXISTS s__d; SELECT create table FROM x",
        );
        let named = |name: &str, line| (None, name.to_owned(), line);
        let schema = (Some("sch".to_owned()), "s__c".to_owned(), 5);
        assert_eq!(found, [named("s__a", 2), named("s__B", 4), schema]);
    }

    #[test]
    fn an_open_quote_is_a_fault_with_its_line() {
        let error = created(&Source::of("a.sql", "SELECT 1;\nSELECT 'open")).unwrap_err();
        assert!(error.to_string().starts_with("a.sql:2: "), "{error}");
    }
}
