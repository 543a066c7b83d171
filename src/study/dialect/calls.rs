//! Calls of Trino's functions as calls of the engine's.

use sqlparser::ast::helpers::attached_token::AttachedToken;
use sqlparser::ast::{
    BinaryOperator, CaseWhen, CastKind, DataType, Expr, Function, FunctionArg, FunctionArgExpr,
    FunctionArgumentClause, FunctionArgumentList, FunctionArguments, Ident, LambdaFunction,
    ObjectName, ObjectNamePart, OrderByExpr, OrderByOptions, UnaryOperator, Value,
};

use sqlparser::parser::Parser;

use super::Refused;
use super::words::AthenaDialect;
use crate::ui::format_count;

/// Functions that are the same under another name.
const RENAMED: [(&str, &str); 22] = [
    ("ceiling", "ceil"),
    ("sign", "signum"),
    ("split", "string_to_array"),
    ("truncate", "trunc"),
    ("arbitrary", "any_value"),
    ("approx_percentile", "approx_percentile_cont"),
    ("every", "bool_and"),
    ("codepoint", "ascii"),
    ("day_of_month", "day"),
    ("dow", "day_of_week"),
    ("doy", "day_of_year"),
    ("filter", "array_filter"),
    ("levenshtein_distance", "levenshtein"),
    ("rand", "random"),
    ("sequence", "generate_series"),
    ("transform", "array_transform"),
    ("any_match", "array_any_match"),
    ("array_join", "array_to_string"),
    ("listagg", "string_agg"),
    ("week_of_year", "week"),
    ("yow", "year_of_week"),
    ("zip", "arrays_zip"),
];

/// Functions whose numbers are a bigint in Trino, and the engine gives without a sign, so that a
/// difference can't be negative, or with 32 bits.
const BIGINTS: [&str; 16] = [
    "approx_distinct",
    "array_length",
    "array_position",
    "cardinality",
    "char_length",
    "character_length",
    "dense_rank",
    "hour",
    "length",
    "levenshtein_distance",
    "minute",
    "ntile",
    "rank",
    "row_number",
    "second",
    "strpos",
];

/// Functions that there is nothing for, with what to write instead.
const REFUSED: [(&str, &str); 18] = [
    ("age", "use date_diff"),
    ("generate_subscripts", "use UNNEST … WITH ORDINALITY"),
    ("json_parse", "keep JSON as varchar, and use json_extract_scalar"),
    ("json_format", "keep JSON as varchar"),
    ("json_extract", "use json_extract_scalar"),
    ("json_array_get", "use json_extract_scalar"),
    ("json_array_length", "use json_extract_scalar"),
    ("json_size", "use json_extract_scalar"),
    ("reduce", "use array_sum, array_max or an aggregate over UNNEST"),
    ("map_agg", "aggregate keys and values with array_agg"),
    ("histogram", "use GROUP BY"),
    ("multimap_agg", "aggregate keys and values with array_agg"),
    ("map_filter", "filter rows before they become a map"),
    ("transform_keys", "change keys before they become a map"),
    ("transform_values", "change values before they become a map"),
    ("zip_with", "use UNNEST of both arrays"),
    ("split_to_map", "use split"),
    ("checksum", "compare rows instead"),
];

/// Rewrites a call or a cast; its arguments are rewritten already.
pub(super) fn rewrite_call(expr: &mut Expr) -> Result<(), Refused> {
    if let Expr::Cast { .. } = expr {
        *expr = rewrite_cast(std::mem::replace(expr, Expr::value(Value::Null)))?;
        return Ok(());
    }
    let Expr::Function(function) = expr else { return Ok(()) };
    let Some(name) = name_of(function) else { return Ok(()) };
    if let Some((_, instead)) = REFUSED.iter().find(|(refused, _)| *refused == name) {
        return Err(Refused::of_construct(format!("{name}()")).with_advice(instead));
    }
    if let Some((_, ours)) = RENAMED.iter().find(|(theirs, _)| *theirs == name) {
        rename_call(function, ours);
    }
    if name == "approx_distinct" {
        // The engine can estimate distinct values of some types only. Text is one of them.
        let args = take_arguments(function)?.into_iter();
        let args = args.map(|arg| make_call(super::functions::TO_VARCHAR, vec![arg])).collect();
        set_args(function, "approx_distinct", args)?;
    }
    if BIGINTS.contains(&name.as_str()) {
        let counted = std::mem::replace(expr, Expr::value(Value::Null));
        *expr = make_cast(counted, DataType::BigInt(None));
        return Ok(());
    }
    let made = match name.as_str() {
        "if" => if_call(take_arguments(function)?)?,
        "try" => try_call(take_arguments(function)?)?,
        "count_if" => {
            let args = take_arguments(function)?;
            let [condition] = take_exactly(args, "count_if(condition)")?;
            let counted = make_case(vec![(condition, number_literal("1"))], None);
            return set_args(function, "count", vec![counted]);
        }
        "max_by" | "min_by" => return rewrite_best(function, name == "max_by"),
        "date" => {
            let [value] = take_exactly(take_arguments(function)?, "date(text or timestamp)")?;
            make_cast(value, DataType::Date)
        }
        "mod" => {
            let [left, right] = take_exactly(take_arguments(function)?, "mod(number, divisor)")?;
            let (left, right) = (make_nested(left), make_nested(right));
            let op = BinaryOperator::Modulo;
            make_nested(Expr::BinaryOp { left: Box::new(left), op, right: Box::new(right) })
        }
        "none_match" | "all_match" => match_call(take_arguments(function)?, name == "all_match")?,
        _ => return Ok(()),
    };
    *expr = made;
    Ok(())
}

impl Refused {
    /// Adds to the message what to do instead.
    fn with_advice(mut self, instead: &str) -> Self {
        self.why = format!("{}: {instead}", self.why);
        self
    }
}

/// The name of a function without a schema, in lower case.
fn name_of(function: &Function) -> Option<String> {
    match function.name.0.as_slice() {
        [ObjectNamePart::Identifier(name)] => Some(name.value.to_lowercase()),
        _ => None,
    }
}

fn rename_call(function: &mut Function, name: &str) {
    function.name = ObjectName::from(vec![Ident::new(name)]);
}

/// The arguments of a call that has nothing but arguments.
fn take_arguments(function: &mut Function) -> Result<Vec<Expr>, Refused> {
    let FunctionArguments::List(list) = &mut function.args else { return Ok(Vec::new()) };
    let args = std::mem::take(&mut list.args).into_iter().map(|arg| match arg {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Ok(expr),
        other => Err(Refused::new(format!("the argument '{other}' was not expected"))),
    });
    args.collect()
}

fn take_exactly<const N: usize>(args: Vec<Expr>, usage: &str) -> Result<[Expr; N], Refused> {
    let count = format_count(args.len() as u64, "argument");
    args.try_into().map_err(|_| Refused::new(format!("{usage} is called with {count}")))
}

fn set_args(function: &mut Function, name: &str, args: Vec<Expr>) -> Result<(), Refused> {
    rename_call(function, name);
    if let FunctionArguments::List(list) = &mut function.args {
        list.args = args.into_iter().map(unnamed_argument).collect();
    }
    Ok(())
}

fn unnamed_argument(expr: Expr) -> FunctionArg {
    FunctionArg::Unnamed(FunctionArgExpr::Expr(expr))
}

/// A call of a function of the engine.
pub(super) fn make_call(name: &str, args: Vec<Expr>) -> Expr {
    Expr::Function(Function {
        name: ObjectName::from(vec![Ident::new(name)]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args: args.into_iter().map(unnamed_argument).collect(),
            clauses: Vec::new(),
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}

/// A text literal.
pub(super) fn text_literal(value: &str) -> Expr {
    Expr::value(Value::SingleQuotedString(value.to_owned()))
}

/// A field within an expression's value, by its path.
pub(super) fn field_within(value: Expr, path: &[Ident]) -> Expr {
    path.iter().fold(value, |of, name| {
        make_call("get_field", vec![of, text_literal(&name.value.to_lowercase())])
    })
}

/// A number.
pub(super) fn number_literal(value: &str) -> Expr {
    Expr::value(Value::Number(value.to_owned(), false))
}

/// A cast.
pub(super) fn make_cast(expr: Expr, data_type: DataType) -> Expr {
    let kind = CastKind::Cast;
    Expr::Cast { kind, expr: Box::new(expr), data_type, array: false, format: None }
}

/// `CASE WHEN … THEN … ELSE … END`
pub(super) fn make_case(conditions: Vec<(Expr, Expr)>, otherwise: Option<Expr>) -> Expr {
    let when = |(condition, result)| CaseWhen { condition, result };
    Expr::Case {
        case_token: AttachedToken::empty(),
        end_token: AttachedToken::empty(),
        operand: None,
        conditions: conditions.into_iter().map(when).collect(),
        else_result: otherwise.map(Box::new),
    }
}

fn make_nested(expr: Expr) -> Expr {
    Expr::Nested(Box::new(expr))
}

/// `NOT (…)`
pub(super) fn make_not(expr: Expr) -> Expr {
    Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(Expr::Nested(Box::new(expr))) }
}

fn if_call(mut args: Vec<Expr>) -> Result<Expr, Refused> {
    let otherwise = if args.len() == 3 { args.pop() } else { None };
    let [condition, result] = take_exactly(args, "if(condition, then, else)")?;
    Ok(make_case(vec![(condition, result)], otherwise))
}

/// `all_match(a, x -> c)` is that no value is otherwise.
fn match_call(args: Vec<Expr>, all: bool) -> Result<Expr, Refused> {
    let [array, mut lambda] = take_exactly(args, "a match of an array")?;
    if all && let Expr::Lambda(LambdaFunction { body, .. }) = &mut lambda {
        let condition = std::mem::replace(&mut **body, Expr::value(Value::Null));
        **body = make_not(condition);
    }
    Ok(make_not(make_call("array_any_match", vec![array, lambda])))
}

/// `max_by(x, y)` is the first x in the order of y.
fn rewrite_best(function: &mut Function, largest: bool) -> Result<(), Refused> {
    let args = take_arguments(function)?;
    let [value, by] = take_exactly(args, "max_by(value, by)")?;
    // With OVER the engine takes `first_value` for its window function of that name.
    if function.over.is_some() {
        return Err(Refused::of_construct("max_by() or min_by() with OVER"));
    }
    // `by` is written twice, into FILTER and ORDER BY.
    super::size::measure_copy(&by, 0)?;
    // In Trino a row without `by` is never the best one. `first_value` would take it where no row has
    // one.
    let known = Expr::IsNotNull(Box::new(by.clone()));
    let filter = match function.filter.take() {
        None => known,
        Some(filter) => Expr::BinaryOp {
            left: Box::new(Expr::Nested(filter)),
            op: BinaryOperator::And,
            right: Box::new(known),
        },
    };
    function.filter = Some(Box::new(filter));
    set_args(function, "first_value", vec![value])?;
    if let FunctionArguments::List(list) = &mut function.args {
        list.clauses = vec![FunctionArgumentClause::OrderBy(vec![OrderByExpr {
            expr: by,
            options: OrderByOptions { asc: Some(!largest), nulls_first: Some(false) },
            with_fill: None,
        }])];
    }
    Ok(())
}

/// Makes null of a failure inside of TRY, for casts and for functions that have such a form.
fn try_call(args: Vec<Expr>) -> Result<Expr, Refused> {
    let [mut inner] = take_exactly(args, "try(expression)")?;
    let tried = sqlparser::ast::visit_expressions_mut(&mut inner, |expr| {
        let arithmetic = matches!(
            expr,
            Expr::BinaryOp {
                op: BinaryOperator::Plus | BinaryOperator::Minus | BinaryOperator::Multiply,
                ..
            } | Expr::UnaryOp { op: UnaryOperator::Minus, .. }
        );
        match expr {
            // A mark only: which function gives null depends on the types, and these are known when the
            // plan is analysed (`functions::TRIED`).
            _ if arithmetic => {
                let operation = std::mem::replace(expr, Expr::value(Value::Null));
                *expr = make_call(super::functions::TRIED, vec![operation]);
            }
            Expr::Cast { kind, .. } => *kind = CastKind::TryCast,
            Expr::Function(function) => {
                let name = name_of(function).unwrap_or_default();
                if let Some(tried) = super::functions::find_try_form(&name) {
                    rename_call(function, tried);
                }
            }
            Expr::BinaryOp {
                op: BinaryOperator::Divide | BinaryOperator::Modulo, right, ..
            } => {
                // Division of whole numbers fails at 0, and the engine has no form of it that gives
                // null.
                let divisor = std::mem::replace(&mut **right, Expr::value(Value::Null));
                **right = make_call("nullif", vec![divisor, number_literal("0")]);
            }
            _ => {}
        }
        std::ops::ControlFlow::<()>::Continue(())
    });
    let _ = tried;
    Ok(Expr::Nested(Box::new(inner)))
}

/// Times become text with a space, as in Trino, and `varchar(3)` cuts.
fn rewrite_cast(expr: Expr) -> Result<Expr, Refused> {
    let Expr::Cast { kind, mut expr, data_type, array, format } = expr else { return Ok(expr) };
    // The engine casts a struct by the names of its fields, and those of `ROW(…)` are `c0`, `c1`.
    if let DataType::Custom(name, words) = &data_type
        && name.to_string().eq_ignore_ascii_case("row")
        && let Expr::Function(function) = &mut *expr
        && name_of(function).as_deref() == Some("row")
    {
        return named_row(take_arguments(function)?, words);
    }
    let length = match &data_type {
        DataType::Varchar(length) | DataType::CharacterVarying(length) => {
            Some(length.as_ref().and_then(|length| match length {
                sqlparser::ast::CharacterLength::IntegerLength { length, .. } => Some(*length),
                sqlparser::ast::CharacterLength::Max => None,
            }))
        }
        DataType::Text | DataType::String(_) => Some(None),
        _ => None,
    };
    let is_cast = matches!(kind, CastKind::Cast | CastKind::TryCast);
    Ok(match length {
        Some(length) if is_cast && format.is_none() => {
            let whole = make_call(super::functions::TO_VARCHAR, vec![*expr]);
            match length {
                None => whole,
                Some(length) => make_call(
                    "substr",
                    vec![whole, number_literal("1"), number_literal(&length.to_string())],
                ),
            }
        }
        _ => Expr::Cast { kind, expr, data_type, array, format },
    })
}

/// `CAST(ROW(1, 'a') AS ROW(x int, y varchar))` gives the values names and types.
fn named_row(values: Vec<Expr>, words: &[String]) -> Result<Expr, Refused> {
    if words.len() != values.len() * 2 {
        return Err(Refused::of_construct("CAST of a ROW to one with other fields"));
    }
    let mut args = Vec::new();
    for (value, pair) in values.into_iter().zip(words.chunks(2)) {
        let parser = Parser::new(&AthenaDialect).try_with_sql(&pair[1]);
        let data_type = parser.and_then(|mut parser| parser.parse_data_type());
        args.push(text_literal(&pair[0].trim_matches('"').to_lowercase()));
        // The parser saw the type alone, so its lines are none of the statement.
        let data_type = data_type
            .map_err(|error| Refused { line: None, ..super::text::parse_error(error, 0) })?;
        args.push(rewrite_cast(make_cast(value, data_type))?);
    }
    Ok(make_call("named_struct", args))
}
