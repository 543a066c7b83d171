//! Bounds of a statement that is cut into words, and from names as they are written to names in lower
//! case.

use std::collections::HashMap;

use sqlparser::ast::{Ident, Query, SelectItem, SetExpr, Spanned};
use sqlparser::dialect::Dialect;
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Token, TokenWithSpan};

use super::cut::cut_words;
use super::{DEPTH, Refused};
use crate::study::room::LINKS;

/// How deep parentheses may be nested.
const NESTED: usize = 500;

/// Dots of names before subscripts that belong together; see [`Subscripts`].
const DOTS: usize = 16;

/// A parser for a part of a statement, in a dialect, that is no longer and no deeper than a statement
/// may be.
///
/// # Errors
/// The text can't be cut into words, or it is too long or too deep to be worked on.
pub fn parse_part<'d>(dialect: &'d dyn Dialect, sql: &str) -> Result<Parser<'d>, Refused> {
    let tokens = cut_words(dialect, sql)?;
    measure_words(&tokens)?;
    Ok(Parser::new(dialect).with_recursion_limit(DEPTH).with_tokens_with_locations(tokens))
}

/// Refuses words that are too long a chain, or nested too deeply, to be worked on.
pub(super) fn measure_words(tokens: &[TokenWithSpan]) -> Result<(), Refused> {
    let (mut links, mut depth) = (0_usize, 0_usize);
    let mut subscripts = Subscripts::default();
    for token in tokens {
        if subscripts.add(&token.token) > DOTS {
            let why = format!(
                "names with more than {DOTS} dots in all stand before subscripts that belong together: \
                 select the parts in a table of a WITH first"
            );
            return Err(Refused::at_line(token.span.start.line, why));
        }
        match &token.token {
            Token::LParen | Token::LBracket | Token::LBrace => depth += 1,
            Token::RParen | Token::RBracket | Token::RBrace => depth = depth.saturating_sub(1),
            other => links += usize::from(is_link(other)),
        }
        let line = token.span.start.line;
        if links > LINKS {
            let why = format!(
                "the statement has more than {LINKS} operators, UNIONs and joins: put long lists of \
                 values into IN (…) or a table, and cut the statement in parts"
            );
            return Err(Refused::at_line(line, why));
        }
        if depth > NESTED {
            let why = format!("parentheses are nested more than {NESTED} deep");
            return Err(Refused::at_line(line, why));
        }
    }
    Ok(())
}

/// The dots of names that subscripts follow: `a.b.c[1].d[x.y[1]]` has four at its last one. The parser
/// reads a name anew for each of its dots where it cannot read the text in the brackets behind it, and so
/// on in the names in there: each dot doubles its work.
#[derive(Default)]
struct Subscripts {
    /// Dots of the name so far, its subscripts left out.
    dots: usize,
    /// Those of the names in whose brackets this is.
    around: usize,
    /// The two numbers before each bracket and parenthesis that is open.
    open: Vec<(usize, usize)>,
    after_dot: bool,
}

impl Subscripts {
    /// Takes the next token. Gives the dots before it, if it begins a subscript; else 0.
    fn add(&mut self, token: &Token) -> usize {
        let after_dot = std::mem::replace(&mut self.after_dot, matches!(token, Token::Period));
        match token {
            Token::Whitespace(_) => self.after_dot = after_dot,
            Token::Period => self.dots += 1,
            Token::Word(_) if after_dot => {}
            Token::LBracket => {
                self.open.push((self.dots, self.around));
                self.around += std::mem::take(&mut self.dots);
                return self.around;
            }
            Token::LParen => self.open.push((std::mem::take(&mut self.dots), self.around)),
            Token::RBracket | Token::RParen => {
                (self.dots, self.around) = self.open.pop().unwrap_or_default();
            }
            _ => self.dots = 0,
        }
        0
    }
}

/// Whether a word can make the text before it a part of something larger, again and again.
fn is_link(token: &Token) -> bool {
    use Keyword::{
        AND, ARRAY, AT, BETWEEN, COLLATE, EXCEPT, ILIKE, IN, INTERSECT, IS, JOIN, LIKE, NOT, OR,
        SELECT, UNION,
    };
    const WORDS: [Keyword; 16] = [
        AND, ARRAY, AT, BETWEEN, COLLATE, EXCEPT, ILIKE, IN, INTERSECT, IS, JOIN, LIKE, NOT, OR,
        SELECT, UNION,
    ];
    match token {
        Token::Word(word) => word.quote_style.is_none() && WORDS.contains(&word.keyword),
        Token::Whitespace(_)
        | Token::EOF
        | Token::Comma
        | Token::Period
        | Token::SemiColon
        | Token::Number(..)
        | Token::SingleQuotedString(_) => false,
        // A token that is not known to be harmless counts: dialects have operators without end.
        _ => true,
    }
}

/// How names were written, by their lower case.
#[derive(Clone, Debug, Default)]
pub struct Spelling {
    /// Quoted names as they were before they were put into lower case, by their places.
    quoted: HashMap<(u64, u64), String>,
    /// Names of columns that the statement gives itself, the outermost select's first.
    named: HashMap<String, String>,
    /// Names that it uses.
    used: HashMap<String, String>,
}

impl Spelling {
    /// A name as it was written.
    pub fn spell_name(&self, name: &Ident) -> String {
        let start = name.span.start;
        self.quoted.get(&(start.line, start.column)).unwrap_or(&name.value).clone()
    }

    /// Takes note of the names of a query's columns.
    pub fn note_query(&mut self, query: &Query) {
        // Names of the outermost select win over those that `lower_names` has found anywhere.
        let mut named = HashMap::new();
        self.note_set(&query.body, &mut named);
        named.extend(
            std::mem::take(&mut self.named)
                .into_iter()
                .filter(|(lower, _)| !named.contains_key(lower))
                .collect::<Vec<_>>(),
        );
        self.named = named;
    }

    fn note_set(&self, set: &SetExpr, named: &mut HashMap<String, String>) {
        match set {
            SetExpr::Select(select) => {
                for item in &select.projection {
                    if let SelectItem::ExprWithAlias { alias, .. } = item {
                        named
                            .entry(alias.value.to_lowercase())
                            .or_insert_with(|| self.spell_name(alias));
                    }
                }
            }
            // The first part of a union names the columns.
            SetExpr::SetOperation { left, .. } => self.note_set(left, named),
            SetExpr::Query(query) => self.note_set(&query.body, named),
            _ => {}
        }
    }

    /// How a column that comes out is spelled: as the statement names it, else as the table does
    /// that it comes from, else as it is used.
    pub fn spell_column(&self, lower: &str, table: impl FnOnce(&str) -> Option<String>) -> String {
        let named = self.named.get(lower).cloned();
        let spelled = named.or_else(|| table(lower)).or_else(|| self.used.get(lower).cloned());
        spelled.unwrap_or_else(|| lower.to_owned())
    }
}

/// Words with quoted names in lower case: names without quotes are brought there by the engine.
pub(super) fn lower_names(mut tokens: Vec<TokenWithSpan>) -> (Vec<TokenWithSpan>, Spelling) {
    let mut spelling = Spelling::default();
    let mut after_as = false;
    for token in &mut tokens {
        let start = token.span.start;
        match &mut token.token {
            Token::Word(word) => {
                let lower = word.value.to_lowercase();
                if after_as {
                    // A later alias replaces an earlier one: the outermost select often stands last.
                    spelling.named.insert(lower.clone(), word.value.clone());
                } else {
                    // Keywords, too: many of them are names as well.
                    spelling.used.entry(lower.clone()).or_insert_with(|| word.value.clone());
                }
                after_as = word.quote_style.is_none() && word.keyword == Keyword::AS;
                if word.quote_style.is_some() && lower != word.value {
                    let written = std::mem::replace(&mut word.value, lower);
                    spelling.quoted.insert((start.line, start.column), written);
                }
            }
            Token::Whitespace(_) => {}
            _ => after_as = false,
        }
    }
    (tokens, spelling)
}

/// A parser's error with the line taken out of its text; at the end of a statement that is `last_line`.
pub(super) fn parse_error(error: ParserError, last_line: usize) -> Refused {
    let text = match error {
        ParserError::TokenizerError(text) | ParserError::ParserError(text) => text,
        ParserError::RecursionLimitExceeded => {
            return Refused::new("expressions are nested too deeply");
        }
    };
    // The parser has the place in its text and nowhere else.
    let place = text.rsplit_once(" at Line: ");
    let line = place.and_then(|(_, place)| place.split(',').next()?.trim().parse().ok());
    match (place, line) {
        (Some((why, _)), Some(line)) => Refused::at_line(line, why),
        _ if text.ends_with("found: EOF") => Refused::at_line(last_line as u64, text),
        _ => Refused::new(text),
    }
}

/// The line that something in the statement begins in, if it is known.
pub(super) fn line_of(node: &impl Spanned) -> Option<usize> {
    usize::try_from(node.span().start.line).ok().filter(|line| *line > 0)
}
