//! `where_clauses`: conditions on finished rows, as SQL.

use std::ops::ControlFlow;

use sqlparser::ast::{Expr, Ident, visit_expressions_mut};
use sqlparser::dialect::GenericDialect;
use sqlparser::tokenizer::Token;
use toml::Spanned;

use super::CountsTable;
use crate::error::Result;
use crate::study::dialect;
use crate::study::source::Source;

/// Reads a condition. Columns may be written as those of `p` (all) or `s` (counts by the secondary
/// ID); both are the one finished row, in which primary and secondary count belong to the same
/// values.
pub fn read_clause(source: &Source, text: &Spanned<String>, table: &CountsTable) -> Result<String> {
    let fault = |why: String| source.fault_at(text, format!("where_clauses: {why}"));
    let mut parser = dialect::parse_part(&GenericDialect {}, text.get_ref())
        .map_err(|refused| fault(refused.why))?;
    let mut condition = parser.parse_expr().map_err(|error| fault(error.to_string()))?;
    // The parser stops where a condition ends. Of `p.x = 'a') OR (1 = 1` it would leave out the rest
    // without a word.
    if parser.peek_token().token != Token::EOF {
        return Err(fault(format!("'{}' is more than one condition", text.get_ref())));
    }
    let columns = table.finished_columns();
    let named = |name: &Ident| {
        let column = columns.iter().find(|column| column.eq_ignore_ascii_case(&name.value));
        column.map(|column| Ident::with_quote('"', column.clone()))
    };
    let unknown = visit_expressions_mut(&mut condition, |expr| {
        match expr {
            Expr::CompoundIdentifier(parts) if parts.len() == 2 && is_finished(&parts[0]) => {
                match named(&parts[1]) {
                    Some(column) => *parts = vec![Ident::new("p"), column],
                    None => return ControlFlow::Break(parts[1].value.clone()),
                }
            }
            Expr::Identifier(name) => {
                // A name that is no column stays, as it may be a lambda's parameter. The engine refuses
                // a name that is neither.
                if let Some(column) = named(name) {
                    *expr = Expr::CompoundIdentifier(vec![Ident::new("p"), column]);
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    });
    match unknown {
        ControlFlow::Continue(()) => Ok(condition.to_string()),
        ControlFlow::Break(name) => Err(fault(format!(
            "finished rows have no column '{name}'; they have {}. Rows of the source table are \
             chosen by filter_cols",
            columns.join(", ")
        ))),
    }
}

fn is_finished(alias: &Ident) -> bool {
    alias.value.eq_ignore_ascii_case("p") || alias.value.eq_ignore_ascii_case("s")
}
