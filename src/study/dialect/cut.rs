//! From a text to the statements in it. All that reads statements begins here.

use sqlparser::dialect::Dialect;
use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer};

use super::Refused;
use super::words::AthenaDialect;

/// One statement of a text: cut into words, and not parsed yet.
#[derive(Clone, Debug)]
pub struct StatementText {
    /// As it is written, with comments in it and after it, and without the semicolon.
    pub text: String,
    /// The line of its first word within the text that it was cut out of, from 1.
    pub line: usize,
    /// The first is no space or comment.
    pub(super) words: Vec<TokenWithSpan>,
}

/// A table that a statement makes, as its first words say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreatedTable {
    /// The schema in front of the name, if there is one.
    pub schema: Option<String>,
    /// The name as it is written, without quotes.
    pub name: String,
    /// The line of the name, from 1.
    pub line: usize,
}

/// Cuts a text into its statements.
///
/// # Errors
/// A text that can't be cut into words, as when a quote is not closed.
pub fn cut_statements(text: &str) -> Result<Vec<StatementText>, Refused> {
    let mut places = TextPlaces::new(text);
    let mut statements = Vec::new();
    // Where the statement begins, and its words so far.
    let mut start = 0;
    let mut words: Vec<TokenWithSpan> = Vec::new();
    let mut finish = |start: usize, end: usize, words: Vec<TokenWithSpan>| {
        let Some(first) = words.first() else { return };
        let line = line_number(first.span.start.line);
        let text = text.get(start..end).unwrap_or_default().trim_end().to_owned();
        statements.push(StatementText { text, line, words });
    };
    for word in cut_words(&AthenaDialect, text)? {
        match word.token {
            Token::Whitespace(_) | Token::EOF if words.is_empty() => {}
            Token::SemiColon => {
                let end = places.byte_offset(word.span.start);
                finish(start, end, std::mem::take(&mut words));
            }
            _ => {
                if words.is_empty() {
                    // The parser gives lines and columns, but the text is cut by bytes.
                    start = places.byte_offset(word.span.start);
                }
                words.push(word);
            }
        }
    }
    finish(start, text.len(), words);
    Ok(statements)
}

/// The one statement of a text.
///
/// # Errors
/// There are more, or none, or the text can't be cut into words.
pub fn cut_single(text: &str) -> Result<StatementText, Refused> {
    let mut statements = cut_statements(text)?.into_iter();
    match (statements.next(), statements.next()) {
        (Some(statement), None) => Ok(statement),
        (_, Some(second)) => Err(Refused {
            line: Some(second.line),
            why:
                "there is a second statement here; one is run at a time, and none of these was run"
                    .to_owned(),
        }),
        (None, None) => Err(Refused::new("there is no statement")),
    }
}

/// Cuts a text into words, spaces and comments.
pub(super) fn cut_words(dialect: &dyn Dialect, text: &str) -> Result<Vec<TokenWithSpan>, Refused> {
    Tokenizer::new(dialect, text)
        .tokenize_with_location()
        .map_err(|error| Refused::at_line(error.location.line, error.message))
}

impl StatementText {
    /// The table or view that the statement makes, without understanding the rest of it.
    pub fn created_table(&self) -> Option<CreatedTable> {
        let words = self.words.iter().filter(|word| !matches!(word.token, Token::Whitespace(_)));
        let mut words = words.peekable();
        words.next_if(|word| keyword_of(word) == Some(Keyword::CREATE))?;
        let mut words = words.skip_while(|word| {
            use Keyword::{EXTERNAL, MATERIALIZED, OR, REPLACE, TEMP, TEMPORARY};
            let skipped = [OR, REPLACE, EXTERNAL, TEMP, TEMPORARY, MATERIALIZED];
            keyword_of(word).is_some_and(|word| skipped.contains(&word))
        });
        if !matches!(keyword_of(words.next()?)?, Keyword::TABLE | Keyword::VIEW) {
            return None;
        }
        let words = words.skip_while(|word| {
            use Keyword::{EXISTS, IF, NOT};
            keyword_of(word).is_some_and(|word| [IF, NOT, EXISTS].contains(&word))
        });
        let mut words = words.peekable();
        let first = words.next()?;
        let mut parts = vec![name_of(first)?];
        while words.next_if(|word| word.token == Token::Period).is_some() {
            parts.push(name_of(words.next()?)?);
        }
        let name = parts.pop()?;
        let line = line_number(first.span.start.line);
        Some(CreatedTable { schema: (!parts.is_empty()).then(|| parts.join(".")), name, line })
    }

    /// The line of its last word or comment.
    pub(super) fn last_line(&self) -> usize {
        self.line + self.text.lines().count().saturating_sub(1)
    }
}

fn keyword_of(word: &TokenWithSpan) -> Option<Keyword> {
    match &word.token {
        Token::Word(word) if word.quote_style.is_none() => Some(word.keyword),
        _ => None,
    }
}

fn name_of(word: &TokenWithSpan) -> Option<String> {
    match &word.token {
        Token::Word(word) => Some(word.value.clone()),
        _ => None,
    }
}

/// A line of the parser's. It has none that are larger than a text can be long.
fn line_number(line: u64) -> usize {
    usize::try_from(line).unwrap_or(usize::MAX).max(1)
}

/// From places that are asked for in their order to bytes of a text, in one walk: a text may have a
/// million statements in a line.
struct TextPlaces<'t> {
    text: &'t str,
    /// The byte that the walk has come to, and its place.
    byte: usize,
    line: u64,
    column: u64,
}

impl<'t> TextPlaces<'t> {
    fn new(text: &'t str) -> Self {
        Self { text, byte: 0, line: 1, column: 1 }
    }

    /// The byte of a place; columns count characters.
    fn byte_offset(&mut self, place: Location) -> usize {
        let rest = self.text.get(self.byte..).unwrap_or_default();
        for letter in rest.chars() {
            if (self.line, self.column) >= (place.line, place.column) {
                break;
            }
            self.byte += letter.len_utf8();
            match letter {
                '\n' => (self.line, self.column) = (self.line + 1, 1),
                _ => self.column += 1,
            }
        }
        self.byte
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn created(text: &str) -> Vec<(Option<String>, String, usize)> {
        let statements = cut_statements(text).unwrap();
        let tables = statements.iter().filter_map(StatementText::created_table);
        tables.map(|table| (table.schema, table.name, table.line)).collect()
    }

    #[test]
    fn tables_and_views_are_found_with_their_lines() {
        let found = created(
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
        let refused = cut_statements("SELECT 1;\nSELECT 'open").unwrap_err();
        assert_eq!((refused.line, refused.why.is_empty()), (Some(2), false));
    }

    #[test]
    fn a_text_is_cut_into_statements_with_their_lines() {
        let text =
            "-- first;\nSELECT 'a;b' AS \"x;y\"; /* ; */\n\n  select 2\n  from é; ;\n-- the end";
        let cut = cut_statements(text).unwrap();
        let shown: Vec<_> = cut.iter().map(|one| (one.text.as_str(), one.line)).collect();
        assert_eq!(shown, [("SELECT 'a;b' AS \"x;y\"", 2), ("select 2\n  from é", 4)]);
        assert_eq!(cut_statements("SELECT 1;\n'open").unwrap_err().line, Some(2));
    }

    #[test]
    fn statements_of_one_long_line_are_found_in_one_walk() {
        // To count from the line's begin for each would take hours.
        let text = "é;\u{3}'\u{1f600};'\u{2028};".repeat(100_000);
        let text = format!("\r\n  {text}\n\tlast");
        let cut = cut_statements(&text).unwrap();
        assert_eq!(cut.len(), 200_001);
        assert!(cut[..200_000].chunks(2).all(|two| two[0].text == "é" && two[0].line == 2));
        let last = &cut[200_000];
        assert_eq!((last.text.as_str(), last.line), ("last", 3));
    }

    #[test]
    fn one_statement_is_asked_for() {
        assert_eq!(cut_single(" -- x\n;SELECT 1;;\n").unwrap().text, "SELECT 1");
        assert_eq!(cut_single("SELECT 1;\nSELECT 2").unwrap_err().line, Some(2));
        assert_eq!(cut_single("-- x\n;").unwrap_err().why, "there is no statement");
    }
}
