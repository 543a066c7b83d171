//! Subqueries over the values of one list: `EXISTS (SELECT 1 FROM UNNEST(t.items) AS u (item) WHERE …)`.
//!
//! The engine can't take apart a subquery that unnests a column of the query around it. One whose only
//! relation is such a list is a function of the list, row by row, and becomes one: whether any value
//! matches, how many do, or the first that does. Others stay as they are, and are refused later.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::LazyLock;

use datafusion::functions_aggregate::all_default_aggregate_functions;
use sqlparser::ast::{
    AccessExpr, BinaryOperator, DataType, Distinct, Expr, Function, FunctionArg, FunctionArgExpr,
    FunctionArguments, GroupByExpr, Ident, LambdaFunction, LambdaFunctionParameter, LambdaSyntax,
    LimitClause, OneOrManyWithParens, Query, Select, SelectItem, SetExpr, TableFactor, Value,
    Visit, VisitMut, Visitor, VisitorMut,
};

use super::calls::{field_within, make_call, make_case, make_cast, make_not, number_literal};

/// Rewrites a subquery whose own parts are rewritten, if it can. `name` is nobody else's.
pub(super) fn rewrite_subquery(expr: &mut Expr, name: &str) -> bool {
    let rewritten = match expr {
        Expr::Exists { subquery, negated } => {
            rewrite_exists(subquery, name).map(|found| (found, *negated))
        }
        Expr::InSubquery { expr, subquery, negated } => {
            rewrite_in(expr, subquery, name).map(|found| (found, *negated))
        }
        Expr::Subquery(subquery) => {
            let found = rewrite_count(subquery, name).or_else(|| rewrite_first(subquery, name));
            found.map(|found| (found, false))
        }
        _ => None,
    };
    let Some((found, negated)) = rewritten else { return false };
    let found = if negated { make_not(found) } else { found };
    *expr = Expr::Nested(Box::new(found));
    true
}

/// Whether there is a row: true where the condition is true of any value, and false in all other cases,
/// with a null of list or condition, too.
fn rewrite_exists(query: &Query, name: &str) -> Option<Expr> {
    let values = Values::from_query(query, name)?;
    // An aggregate gives a row even of no values, so EXISTS of it is always true.
    let plain = values.select.projection.iter().all(|item| match item {
        SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..) => true,
        SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => is_of_row(expr),
        _ => false,
    });
    // LIMIT 1 changes nothing for EXISTS. LIMIT 0 and OFFSET do.
    if !plain || !(is_unlimited(query) || is_first(query)) {
        return None;
    }
    let any = match values.where_condition()? {
        Some(condition) => {
            make_call("array_any_match", vec![values.list(), values.make_lambda(condition)])
        }
        None => Expr::BinaryOp {
            left: Box::new(make_call("cardinality", vec![values.list()])),
            op: BinaryOperator::Gt,
            right: Box::new(number_literal("0")),
        },
    };
    Some(make_call("coalesce", vec![any, boolean_literal(false)]))
}

/// Whether a value is among those of the rows: null where it may be one that is null.
fn rewrite_in(wanted: &Expr, query: &Query, name: &str) -> Option<Expr> {
    let values = Values::from_query(query, name)?;
    if !is_unlimited(query) || !is_of_row(wanted) {
        return None;
    }
    let equal = Expr::BinaryOp {
        left: Box::new(Expr::Nested(Box::new(values.only_expression()?))),
        op: BinaryOperator::Eq,
        right: Box::new(Expr::Nested(Box::new(wanted.clone()))),
    };
    // WHERE leaves out values for which the condition is null. Without IS TRUE, that null would make
    // the whole answer null.
    let matches = match values.where_condition()? {
        None => equal,
        Some(condition) => Expr::BinaryOp {
            left: Box::new(Expr::IsTrue(Box::new(Expr::Nested(Box::new(condition))))),
            op: BinaryOperator::And,
            right: Box::new(equal),
        },
    };
    let any = make_call("array_any_match", vec![values.list(), values.make_lambda(matches)]);
    // A null list has no rows, and in no rows nothing is found. `array_any_match` gives null for it.
    let no_list = Expr::IsNull(Box::new(values.list()));
    Some(make_case(vec![(no_list, boolean_literal(false))], Some(any)))
}

/// `(SELECT count(*) FROM UNNEST(…) …)`
fn rewrite_count(query: &Query, name: &str) -> Option<Expr> {
    let values = Values::from_query(query, name)?;
    let [SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. }] =
        values.select.projection.as_slice()
    else {
        return None;
    };
    if !is_count(expr) || !is_unlimited(query) {
        return None;
    }
    let count =
        make_cast(make_call("cardinality", vec![values.matching_list()?]), DataType::BigInt(None));
    Some(make_call("coalesce", vec![count, number_literal("0")]))
}

/// `(SELECT … FROM UNNEST(…) … LIMIT 1)`: which of the rows is left open.
fn rewrite_first(query: &Query, name: &str) -> Option<Expr> {
    let values = Values::from_query(query, name)?;
    if !is_first(query) {
        return None;
    }
    let mut value = values.only_expression()?;
    let matching = values.matching_list()?;
    // The value may be made of a null, as by `coalesce(item, 0)`. Only without a row the subquery is
    // null.
    let some = Expr::BinaryOp {
        left: Box::new(make_call("cardinality", vec![matching.clone()])),
        op: BinaryOperator::Gt,
        right: Box::new(number_literal("0")),
    };
    let first = make_call("array_element", vec![matching, number_literal("1")]);
    let _: ControlFlow<()> = VisitMut::visit(&mut value, &mut Put { name, first });
    Some(make_case(vec![(some, value)], None))
}

/// A subquery over the values of a list.
struct Values<'q> {
    select: &'q Select,
    list: &'q Expr,
    /// Names of the relation and of its column.
    table: &'q Ident,
    column: &'q Ident,
    /// The name of a value in the function.
    name: &'q str,
}

impl<'q> Values<'q> {
    /// `None` for any other subquery.
    fn from_query(query: &'q Query, name: &'q str) -> Option<Self> {
        let SetExpr::Select(select) = query.body.as_ref() else { return None };
        let [from] = select.from.as_slice() else { return None };
        let TableFactor::UNNEST { alias: Some(alias), array_exprs, .. } = &from.relation else {
            return None;
        };
        // `rewrite.rs` has made a second array of WITH ORDINALITY by now, so such an unnest does not match.
        let ([list], [column]) = (array_exprs.as_slice(), alias.columns.as_slice()) else {
            return None;
        };
        let grouped = match &select.group_by {
            GroupByExpr::All(_) => true,
            GroupByExpr::Expressions(exprs, modifiers) => {
                !exprs.is_empty() || !modifiers.is_empty()
            }
        };
        let all = matches!(select.distinct, None | Some(Distinct::All));
        let simple = query.with.is_none()
            && query.order_by.is_none()
            && from.joins.is_empty()
            && !grouped
            && all
            && select.having.is_none()
            && select.qualify.is_none()
            && select.named_window.is_empty();
        let (table, column) = (&alias.name, &column.name);
        (simple && is_of_row(list)).then_some(Self { select, list, table, column, name })
    }

    fn list(&self) -> Expr {
        self.list.clone()
    }

    /// The condition of WHERE on a value; `Some(None)` without a WHERE.
    fn where_condition(&self) -> Option<Option<Expr>> {
        match &self.select.selection {
            None => Some(None),
            Some(condition) => self.of_value(condition).map(Some),
        }
    }

    /// The one expression that is selected.
    fn only_expression(&self) -> Option<Expr> {
        match self.select.projection.as_slice() {
            [SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. }] => {
                self.of_value(expr)
            }
            _ => None,
        }
    }

    /// The values that WHERE lets through, as a list.
    fn matching_list(&self) -> Option<Expr> {
        Some(match self.where_condition()? {
            Some(condition) => {
                make_call("array_filter", vec![self.list(), self.make_lambda(condition)])
            }
            None => self.list(),
        })
    }

    /// An expression of the subquery as one of a value.
    fn of_value(&self, expr: &Expr) -> Option<Expr> {
        if !is_of_row(expr) {
            return None;
        }
        let mut expr = expr.clone();
        let mut name = Name { table: self.table, column: self.column, name: self.name };
        VisitMut::visit(&mut expr, &mut name).is_continue().then_some(expr)
    }

    fn make_lambda(&self, body: Expr) -> Expr {
        let parameter = LambdaFunctionParameter { name: Ident::new(self.name), data_type: None };
        Expr::Lambda(LambdaFunction {
            params: OneOrManyWithParens::One(parameter),
            body: Box::new(body),
            syntax: LambdaSyntax::Arrow,
        })
    }
}

/// Gives the column its name in the function; breaks off where that can't be done in all places.
struct Name<'n> {
    table: &'n Ident,
    column: &'n Ident,
    name: &'n str,
}

impl VisitorMut for Name<'_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        // A parameter of the column's name hides the column in its lambda. A field of that name behind
        // a subscript looks like the column to this visitor.
        let hidden = match expr {
            Expr::Lambda(lambda) => {
                lambda.params.iter().any(|parameter| is_same_name(&parameter.name, self.column))
            }
            Expr::CompoundFieldAccess { access_chain, .. } => access_chain.iter().any(|access| {
                matches!(access, AccessExpr::Dot(Expr::Identifier(name)) if is_same_name(name, self.column))
            }),
            _ => false,
        };
        if hidden { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let fields = match expr {
            Expr::Identifier(name) if is_same_name(name, self.column) => &[],
            Expr::CompoundIdentifier(parts) => match parts.as_slice() {
                [table, column, fields @ ..] if is_same_name(table, self.table) => {
                    if !is_same_name(column, self.column) {
                        return ControlFlow::Break(());
                    }
                    fields
                }
                [column, fields @ ..] if is_same_name(column, self.column) => fields,
                _ => return ControlFlow::Continue(()),
            },
            _ => return ControlFlow::Continue(()),
        };
        *expr = field_within(Expr::Identifier(Ident::new(self.name)), fields);
        ControlFlow::Continue(())
    }
}

/// Puts a value in the place of its name.
struct Put<'n> {
    name: &'n str,
    first: Expr,
}

impl VisitorMut for Put<'_> {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if matches!(expr, Expr::Identifier(name) if name.value == self.name) {
            *expr = self.first.clone();
        }
        ControlFlow::Continue(())
    }
}

fn is_same_name(one: &Ident, other: &Ident) -> bool {
    one.value.eq_ignore_ascii_case(&other.value)
}

fn boolean_literal(value: bool) -> Expr {
    Expr::value(Value::Boolean(value))
}

/// Whether an expression has one value for each row, and no query within it.
fn is_of_row(expr: &Expr) -> bool {
    struct Other;

    impl Visitor for Other {
        type Break = ();

        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            match expr {
                Expr::Exists { .. } | Expr::InSubquery { .. } | Expr::Subquery(_) => {
                    ControlFlow::Break(())
                }
                Expr::Function(function) if function.over.is_some() || is_aggregate(function) => {
                    ControlFlow::Break(())
                }
                _ => ControlFlow::Continue(()),
            }
        }
    }

    expr.visit(&mut Other).is_continue()
}

fn is_aggregate(function: &Function) -> bool {
    static NAMES: LazyLock<HashSet<String>> = LazyLock::new(|| {
        let functions = all_default_aggregate_functions();
        let names = functions.iter().flat_map(|function| {
            [function.name().to_owned()].into_iter().chain(function.aliases().iter().cloned())
        });
        names.collect()
    });
    NAMES.contains(&function.name.to_string().to_lowercase())
}

fn is_count(expr: &Expr) -> bool {
    let Expr::Function(function) = expr else { return false };
    let FunctionArguments::List(list) = &function.args else { return false };
    let all = match list.args.as_slice() {
        [FunctionArg::Unnamed(FunctionArgExpr::Wildcard)] => true,
        [FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(value)))] => {
            matches!(value.value, Value::Number(..))
        }
        _ => false,
    };
    all && function.name.to_string().eq_ignore_ascii_case("count")
        && function.over.is_none()
        && function.filter.is_none()
        && list.duplicate_treatment.is_none()
        && list.clauses.is_empty()
}

fn is_unlimited(query: &Query) -> bool {
    query.limit_clause.is_none() && query.fetch.is_none()
}

/// `LIMIT 1`
fn is_first(query: &Query) -> bool {
    let Some(LimitClause::LimitOffset { limit: Some(Expr::Value(limit)), offset: None, limit_by }) =
        &query.limit_clause
    else {
        return false;
    };
    let one = matches!(&limit.value, Value::Number(number, _) if number == "1");
    one && limit_by.is_empty() && query.fetch.is_none()
}
