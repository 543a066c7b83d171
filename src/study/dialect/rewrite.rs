//! Changes on a parsed query: accesses to fields, unnests, names of columns, limits.

use std::cell::Cell;
use std::collections::HashSet;
use std::ops::ControlFlow;

use sqlparser::ast::{
    AccessExpr, BinaryOperator, ColumnDef, Expr, Ident, LimitClause, Query, Select, SelectItem,
    SetExpr, Subscript, TableAlias, TableFactor, TableWithJoins, Value, VisitMut, VisitorMut,
};
use sqlparser::parser::Parser;

use super::Refused;
use super::calls::{self, field_within, make_call, text_literal};
use super::elements;
use super::size;
use super::text::line_of;
use super::words::AthenaDialect;

/// How the names begin that tables in FROM get which have none.
pub const UNNAMED: &str = "__unnamed_";

/// Tables in one FROM.
const RELATIONS: usize = 1000;

/// Rewrites a query and all that are inside of it.
pub(super) fn rewrite_query(query: &mut Query) -> Result<(), Refused> {
    match query.visit(&mut Rewriter::default()) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(refused) => Err(refused),
    }
}

/// A query that gives no rows, with these columns.
pub(super) fn no_rows(columns: &[ColumnDef]) -> Result<Box<Query>, Refused> {
    let mut query = parse_own("SELECT 1 WHERE false")?;
    if let SetExpr::Select(select) = query.body.as_mut() {
        let null = |column: &ColumnDef| SelectItem::ExprWithAlias {
            expr: Expr::Cast {
                kind: sqlparser::ast::CastKind::Cast,
                expr: Box::new(Expr::value(Value::Null)),
                data_type: column.data_type.clone(),
                array: false,
                format: None,
            },
            alias: column.name.clone(),
        };
        select.projection = columns.iter().map(null).collect();
    }
    Ok(query)
}

/// The rows of a table for which a condition is not true.
pub(super) fn select_rest(
    from: TableWithJoins,
    condition: Option<Expr>,
) -> Result<Box<Query>, Refused> {
    let mut query = parse_own("SELECT * FROM x")?;
    if let SetExpr::Select(select) = query.body.as_mut() {
        select.from = vec![from];
        let condition = condition.unwrap_or_else(|| Expr::value(Value::Boolean(true)));
        let right = Box::new(Expr::value(Value::Boolean(true)));
        let nested = Box::new(Expr::Nested(Box::new(condition)));
        // DELETE takes rows for which the condition is true. With NOT, those for which it is null would
        // go, too.
        select.selection = Some(Expr::IsDistinctFrom(nested, right));
    }
    Ok(query)
}

/// A query of our own.
fn parse_own(sql: &str) -> Result<Box<Query>, Refused> {
    let parser = Parser::new(&AthenaDialect).try_with_sql(sql);
    parser
        .and_then(|mut parser| parser.parse_query())
        .map_err(|error| super::text::parse_error(error, 0))
}

/// Goes through a query from the outside to the inside.
#[derive(Default)]
struct Rewriter {
    /// The names of the relations of the selects around, the innermost last.
    scopes: Vec<HashSet<String>>,
    /// Subqueries of expressions so far.
    subqueries: usize,
    /// Expressions so far within lists that are written twice.
    copied: Cell<usize>,
    /// Tables in FROM so far that had no name.
    unnamed: Cell<usize>,
}

impl VisitorMut for Rewriter {
    type Break = Refused;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Refused> {
        // The engine knows LIMIT alone.
        if let Some(fetch) = query.fetch.take() {
            if fetch.percent || fetch.with_ties {
                let construct = "FETCH FIRST with PERCENT or WITH TIES";
                return ControlFlow::Break(Refused::of_construct(construct));
            }
            let one = || Expr::value(Value::Number("1".to_owned(), false));
            let count = fetch.quantity.unwrap_or_else(one);
            match &mut query.limit_clause {
                Some(LimitClause::LimitOffset { limit, .. }) => *limit = Some(count),
                clause => {
                    *clause = Some(LimitClause::LimitOffset {
                        limit: Some(count),
                        offset: None,
                        limit_by: Vec::new(),
                    });
                }
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<Refused> {
        if select.from.len() > RELATIONS {
            let why = format!("FROM has more than {RELATIONS} tables");
            return ControlFlow::Break(Refused::new(why));
        }
        let mut names = HashSet::new();
        for table in &mut select.from {
            if let Err(refused) = self.rewrite_table(table, &mut names) {
                return ControlFlow::Break(refused);
            }
        }
        // The engine calls a field by the whole access, `t.code[text]`. Trino calls it by the last
        // part.
        for item in &mut select.projection {
            if let SelectItem::UnnamedExpr(expr) = item
                && let Some(alias) = field_name(expr, &names)
            {
                let expr = std::mem::replace(expr, Expr::value(Value::Null));
                *item = SelectItem::ExprWithAlias { expr, alias };
            }
        }
        self.scopes.push(names);
        ControlFlow::Continue(())
    }

    fn post_visit_select(&mut self, _: &mut Select) -> ControlFlow<Refused> {
        self.scopes.pop();
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Refused> {
        if let Expr::CompoundIdentifier(parts) = expr
            && parts.len() > 2
            && self.is_outer(&parts[0])
        {
            // The engine finds an outer table's column, but no field within it by a name of three parts.
            *expr = make_field(parts, 2);
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Refused> {
        match expr {
            Expr::CompoundFieldAccess { root, access_chain } => {
                // Behind a subscript or a call the engine takes a field's name as text only.
                let mut literal = !matches!(**root, Expr::Identifier(_));
                for access in access_chain {
                    match access {
                        AccessExpr::Subscript(_) => literal = true,
                        AccessExpr::Dot(Expr::Identifier(name)) if literal => {
                            *access = AccessExpr::Dot(text_literal(&name.value.to_lowercase()));
                        }
                        AccessExpr::Dot(_) => {}
                    }
                }
                ControlFlow::Continue(())
            }
            Expr::Function(_) | Expr::Cast { .. } => match calls::rewrite_call(expr) {
                Ok(()) => ControlFlow::Continue(()),
                Err(mut refused) => {
                    refused.line = refused.line.or_else(|| line_of(expr));
                    ControlFlow::Break(refused)
                }
            },
            // A bigint, as in Trino.
            Expr::Extract { .. } | Expr::Position { .. } => {
                let number = std::mem::replace(expr, Expr::value(Value::Null));
                *expr = calls::make_cast(number, sqlparser::ast::DataType::BigInt(None));
                ControlFlow::Continue(())
            }
            Expr::Lambda(lambda) => {
                for parameter in &lambda.params {
                    let _ = VisitMut::visit(&mut lambda.body, &mut FieldsOf(&parameter.name));
                }
                ControlFlow::Continue(())
            }
            Expr::Exists { .. } | Expr::InSubquery { .. } | Expr::Subquery(_) => {
                self.subqueries += 1;
                let changed =
                    elements::rewrite_subquery(expr, &format!("__value_{}", self.subqueries));
                // The rewritten subquery names its list twice or more, and may be within another one.
                match changed.then(|| size::measure_copy(expr, 0)) {
                    Some(Err(refused)) => ControlFlow::Break(refused),
                    _ => ControlFlow::Continue(()),
                }
            }
            _ => ControlFlow::Continue(()),
        }
    }
}

/// Accesses to fields of a lambda's parameter, which look like columns of a table.
struct FieldsOf<'n>(&'n Ident);

impl VisitorMut for FieldsOf<'_> {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::CompoundIdentifier(parts) = expr
            && let [name, path @ ..] = parts.as_slice()
            && name.value.eq_ignore_ascii_case(&self.0.value)
        {
            *expr = field_within(Expr::Identifier(name.clone()), path);
        }
        ControlFlow::Continue(())
    }
}

impl Rewriter {
    /// Whether a name is that of a relation around the innermost select, and not in it.
    fn is_outer(&self, name: &Ident) -> bool {
        let name = name.value.to_lowercase();
        match self.scopes.split_last() {
            Some((own, outer)) => {
                !own.contains(&name) && outer.iter().any(|scope| scope.contains(&name))
            }
            None => false,
        }
    }

    /// Takes note of the relations in a part of FROM, and rewrites its unnests.
    fn rewrite_table(
        &self,
        table: &mut TableWithJoins,
        names: &mut HashSet<String>,
    ) -> Result<(), Refused> {
        self.rewrite_factor(&mut table.relation, names)?;
        table.joins.iter_mut().try_for_each(|join| self.rewrite_factor(&mut join.relation, names))
    }

    fn rewrite_factor(
        &self,
        factor: &mut TableFactor,
        names: &mut HashSet<String>,
    ) -> Result<(), Refused> {
        match factor {
            TableFactor::Table { name, alias, .. } => {
                let last = name.0.last().and_then(|part| part.as_ident());
                let name = alias.as_ref().map(|alias| &alias.name).or(last);
                names.extend(name.map(|name| name.value.to_lowercase()));
            }
            TableFactor::NestedJoin { table_with_joins, .. } => {
                self.rewrite_table(table_with_joins, names)?;
            }
            TableFactor::Derived { alias: Some(alias), .. } => {
                names.insert(alias.name.value.to_lowercase());
            }
            TableFactor::Derived { alias: alias @ None, subquery, .. }
                if has_columns_of_its_own(subquery) =>
            {
                // Where one select is around another that reads alike, and no name is between them, the
                // engine runs only one of them: `SELECT x * 10 AS x FROM (SELECT x * 10 AS x FROM t)`.
                self.unnamed.set(self.unnamed.get() + 1);
                let name = Ident::new(format!("{UNNAMED}{}", self.unnamed.get()));
                let (explicit, columns, at) = (true, Vec::new(), None);
                *alias = Some(TableAlias { explicit, name, columns, at });
            }
            TableFactor::UNNEST { alias, array_exprs, with_ordinality, with_offset, .. } => {
                if *with_offset {
                    return Err(Refused::of_construct("UNNEST … WITH OFFSET"));
                }
                // `a.b.c` is field c of column b of a, or field c of field b of column a: known tables
                // decide.
                let known = |name: &str| {
                    names.contains(name) || self.scopes.iter().any(|s| s.contains(name))
                };
                for array in array_exprs.iter_mut() {
                    if let Expr::CompoundIdentifier(parts) = array {
                        let columns = if known(&parts[0].value.to_lowercase()) { 2 } else { 1 };
                        *array = make_field(parts, columns);
                    }
                }
                if std::mem::take(with_ordinality) {
                    let [array] = array_exprs.as_slice() else {
                        return Err(Refused::of_construct("WITH ORDINALITY on several arrays"));
                    };
                    self.copied.set(size::measure_copy(array, self.copied.get())?);
                    array_exprs.push(make_ordinals(array.clone()));
                }
                if let Some(alias) = alias {
                    names.insert(alias.name.value.to_lowercase());
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// Whether a query names all of its columns. With `*` it can have none under the name of another.
fn has_columns_of_its_own(query: &Query) -> bool {
    let SetExpr::Select(select) = query.body.as_ref() else { return false };
    select
        .projection
        .iter()
        .all(|item| matches!(item, SelectItem::UnnamedExpr(_) | SelectItem::ExprWithAlias { .. }))
}

/// 1, 2, … for each value of an array.
fn make_ordinals(array: Expr) -> Expr {
    let number = |text: &str| Expr::value(Value::Number(text.to_owned(), false));
    let end = Expr::BinaryOp {
        left: Box::new(calls::make_cast(
            make_call("cardinality", vec![array]),
            sqlparser::ast::DataType::BigInt(None),
        )),
        op: BinaryOperator::Plus,
        right: Box::new(number("1")),
    };
    make_call("range", vec![number("1"), end])
}

/// The column that the first parts name, and the fields within it that the others do.
fn make_field(parts: &[Ident], columns: usize) -> Expr {
    let column = match parts.get(..columns) {
        Some([column]) => Expr::Identifier(column.clone()),
        Some(column) => Expr::CompoundIdentifier(column.to_vec()),
        None => return Expr::CompoundIdentifier(parts.to_vec()),
    };
    field_within(column, &parts[columns..])
}

/// The name of the field that an expression takes out of a struct.
fn field_name(expr: &Expr, relations: &HashSet<String>) -> Option<Ident> {
    match expr {
        Expr::CompoundIdentifier(parts) => {
            let is_column = parts.len() == 2 && relations.contains(&parts[0].value.to_lowercase());
            parts.last().filter(|_| !is_column).cloned()
        }
        Expr::CompoundFieldAccess { access_chain, .. } => match access_chain.last()? {
            AccessExpr::Dot(Expr::Identifier(name)) => Some(name.clone()),
            AccessExpr::Subscript(Subscript::Index { index: Expr::Value(value) }) => {
                match &value.value {
                    Value::SingleQuotedString(name) => {
                        Some(Ident::with_quote('"', name.to_lowercase()))
                    }
                    _ => None,
                }
            }
            _ => None,
        },
        _ => None,
    }
}
