//! Operators of ours in the place of the engine's.
//!
//! Whole numbers do not wrap around: a result that does not fit is an error, as in Trino. Texts that are
//! put together have a bound.
//!
//! The engine's own `+`, `-` and `*` give 9223372036854775807 + 1 as a negative number. [`Checked`] puts
//! functions of ours in their place once the types are known, of columns and literals alike.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, PrimitiveArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::compute::kernels::concat_elements::concat_elements_utf8;
use datafusion::arrow::compute::kernels::numeric;
use datafusion::arrow::datatypes::{
    ArrowNativeTypeOp, DataType, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type,
};
use datafusion::arrow::error::ArrowError;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::expr::{Cast, ScalarFunction, TryCast};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, LogicalPlan, Operator, ScalarUDF};
use datafusion::optimizer::AnalyzerRule;

use super::base::{Native, expect_texts, is_text, text_argument};
use super::bounded::{check_texts, hold_function};
use super::faults::{refuse_arguments, row_error};

/// The function around an operator within `TRY`. The operator then becomes the form that gives null.
pub const TRIED: &str = "__tried";
const OVERFLOW: &str = "a whole number is out of range (overflow)";

/// The functions, each beside its form that gives null.
pub fn list_functions() -> Vec<Arc<ScalarUDF>> {
    // No statement calls these by name. They are in the list because a cluster's machines look up the
    // functions of a plan by their names.
    let mut all: Vec<_> = Operation::ALL
        .iter()
        .flat_map(|operation| [operation.to_function(false), operation.to_function(true)])
        .collect();
    all.push(Native::make_udf(
        TRIED,
        "try(expression)",
        |types| if types.len() == 1 { Ok(types.to_vec()) } else { refuse_arguments() },
        |types| types.first().map_or_else(refuse_arguments, |data_type| Ok(data_type.clone())),
        |args| Ok(args[0].clone()),
    ));
    all.extend([joining_function(), rounding_function()]);
    all
}

/// A number as it is cast to a whole one: a half is rounded away from zero, where the engine would cut
/// it off.
fn rounding_function() -> Arc<ScalarUDF> {
    Native::make_udf(
        "__round",
        "a number to be cast to a whole one",
        |types| if types.len() == 1 { Ok(types.to_vec()) } else { refuse_arguments() },
        |types| match types.first() {
            Some(DataType::Decimal128(_, _)) => Ok(DataType::Decimal128(38, 0)),
            Some(other) => Ok(other.clone()),
            None => refuse_arguments(),
        },
        |args| match args[0].data_type() {
            DataType::Float32 => {
                let numbers = args[0].as_primitive::<Float32Type>();
                Ok(Arc::new(numbers.unary::<_, Float32Type>(f32::round)))
            }
            DataType::Float64 => {
                let numbers = args[0].as_primitive::<Float64Type>();
                Ok(Arc::new(numbers.unary::<_, Float64Type>(f64::round)))
            }
            // The engine rounds where digits are left out.
            DataType::Decimal128(_, _) => Ok(cast(&args[0], &DataType::Decimal128(38, 0))?),
            _ => Ok(args[0].clone()),
        },
    )
}

/// `||` of texts: a null makes a null.
fn joining_function() -> Arc<ScalarUDF> {
    Native::make_udf(
        "__concat",
        "text || text",
        |types| expect_texts(types, 2, 2),
        |_| Ok(DataType::Utf8),
        |args| {
            check_texts("__concat", args)?;
            Ok(Arc::new(concat_elements_utf8(text_argument(args, 0)?, text_argument(args, 1)?)?))
        },
    )
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Add,
    Subtract,
    Multiply,
    Negate,
}

impl Operation {
    const ALL: [Self; 4] = [Self::Add, Self::Subtract, Self::Multiply, Self::Negate];

    fn from_operator(operator: Operator) -> Option<Self> {
        match operator {
            Operator::Plus => Some(Self::Add),
            Operator::Minus => Some(Self::Subtract),
            Operator::Multiply => Some(Self::Multiply),
            _ => None,
        }
    }

    fn to_function(self, tried: bool) -> Arc<ScalarUDF> {
        let two = |name, run| {
            Native::make_udf(
                name,
                "arithmetic of two whole numbers",
                |types| match types {
                    [a, b] if a == b && a.is_integer() => Ok(types.to_vec()),
                    [a, b] if is_whole(a) && is_whole(b) => Ok(vec![DataType::Int64; 2]),
                    _ => refuse_arguments(),
                },
                |types| {
                    types.first().map_or_else(refuse_arguments, |data_type| Ok(data_type.clone()))
                },
                run,
            )
        };
        let one = |name, run| {
            Native::make_udf(
                name,
                "the negative of a whole number",
                |types| match types {
                    [number] if number.is_integer() => Ok(types.to_vec()),
                    _ => refuse_arguments(),
                },
                |types| {
                    types.first().map_or_else(refuse_arguments, |data_type| Ok(data_type.clone()))
                },
                run,
            )
        };
        match (self, tried) {
            (Self::Add, false) => two("__add", |a| check_result(numeric::add(&a[0], &a[1]))),
            (Self::Subtract, false) => {
                two("__subtract", |a| check_result(numeric::sub(&a[0], &a[1])))
            }
            (Self::Multiply, false) => {
                two("__multiply", |a| check_result(numeric::mul(&a[0], &a[1])))
            }
            (Self::Negate, false) => one("__negate", |a| check_result(numeric::neg(&a[0]))),
            (Self::Add, true) => two("__try_add", |a| or_null(a, Pairs::Add)),
            (Self::Subtract, true) => two("__try_subtract", |a| or_null(a, Pairs::Subtract)),
            (Self::Multiply, true) => two("__try_multiply", |a| or_null(a, Pairs::Multiply)),
            (Self::Negate, true) => one("__try_negate", |a| or_null(a, Pairs::Negate)),
        }
    }
}

fn is_whole(data_type: &DataType) -> bool {
    data_type.is_integer() || *data_type == DataType::Null
}

fn check_result(result: Result<ArrayRef, ArrowError>) -> Result<ArrayRef> {
    result.map_err(|error| match error {
        ArrowError::ArithmeticOverflow(_) => row_error(OVERFLOW),
        other => other.into(),
    })
}

#[derive(Clone, Copy)]
enum Pairs {
    Add,
    Subtract,
    Multiply,
    Negate,
}

fn or_null(args: &[ArrayRef], what: Pairs) -> Result<ArrayRef> {
    match args[0].data_type() {
        DataType::Int8 => Ok(apply_pairs::<Int8Type>(args, what)),
        DataType::Int16 => Ok(apply_pairs::<Int16Type>(args, what)),
        DataType::Int32 => Ok(apply_pairs::<Int32Type>(args, what)),
        DataType::Int64 => Ok(apply_pairs::<Int64Type>(args, what)),
        _ => Err(row_error(OVERFLOW)),
    }
}

fn apply_pairs<T: ArrowPrimitiveType>(args: &[ArrayRef], what: Pairs) -> ArrayRef {
    let left = args[0].as_primitive::<T>();
    let right = args.get(1).map_or(left, |right| right.as_primitive::<T>());
    let values = left.iter().zip(right.iter()).map(|(left, right)| {
        let (left, right) = (left?, right?);
        match what {
            Pairs::Add => left.add_checked(right).ok(),
            Pairs::Subtract => left.sub_checked(right).ok(),
            Pairs::Multiply => left.mul_checked(right).ok(),
            Pairs::Negate => left.neg_checked().ok(),
        }
    });
    Arc::new(values.collect::<PrimitiveArray<T>>())
}

/// Puts the functions in the place of operators on whole numbers.
#[derive(Debug)]
pub struct Checked {
    functions: Vec<(Operation, Arc<ScalarUDF>, Arc<ScalarUDF>)>,
    joined: Arc<ScalarUDF>,
    rounded: Arc<ScalarUDF>,
}

impl Checked {
    /// The rule; it follows the one that makes both sides of an operator one type.
    pub fn new() -> Self {
        let functions = Operation::ALL.iter().map(|operation| {
            (*operation, operation.to_function(false), operation.to_function(true))
        });
        Self {
            functions: functions.collect(),
            joined: joining_function(),
            rounded: rounding_function(),
        }
    }

    fn call(&self, operation: Operation, args: Vec<Expr>) -> Expr {
        let known = self.functions.iter().find(|(known, _, _)| *known == operation);
        let function = known.map_or_else(|| operation.to_function(false), |(_, f, _)| f.clone());
        Expr::ScalarFunction(ScalarFunction::new_udf(function, args))
    }

    /// A number as it is cast to a whole one.
    fn round_number(&self, number: Expr) -> Box<Expr> {
        let call = ScalarFunction::new_udf(self.rounded.clone(), vec![number]);
        Box::new(Expr::ScalarFunction(call))
    }

    fn check_expression(&self, expr: Expr, schema: &DFSchema) -> Transformed<Expr> {
        let is_whole = |expr: &Expr| expr.get_type(schema).is_ok_and(|kind| kind.is_integer());
        let is_broken = |expr: &Expr| {
            expr.get_type(schema)
                .is_ok_and(|kind| kind.is_floating() || matches!(kind, DataType::Decimal128(_, _)))
        };
        let is_text = |expr: &Expr| expr.get_type(schema).is_ok_and(|kind| is_text(&kind));
        match expr {
            Expr::Cast(Cast { expr, field })
                if field.data_type().is_integer() && is_broken(&expr) =>
            {
                Transformed::yes(Expr::Cast(Cast { expr: self.round_number(*expr), field }))
            }
            Expr::TryCast(TryCast { expr, field })
                if field.data_type().is_integer() && is_broken(&expr) =>
            {
                Transformed::yes(Expr::TryCast(TryCast { expr: self.round_number(*expr), field }))
            }
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::StringConcat, right })
                if is_text(&left) && is_text(&right) =>
            {
                let args = [left, right].map(|side| match side.get_type(schema) {
                    Ok(DataType::Utf8) => *side,
                    _ => Expr::Cast(Cast::new(side, DataType::Utf8)),
                });
                let joined = self.joined.clone();
                Transformed::yes(Expr::ScalarFunction(ScalarFunction::new_udf(joined, args.into())))
            }
            Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
                match Operation::from_operator(op) {
                    Some(operation) if is_whole(&left) && is_whole(&right) => {
                        Transformed::yes(self.call(operation, vec![*left, *right]))
                    }
                    _ => Transformed::no(Expr::BinaryExpr(BinaryExpr { left, op, right })),
                }
            }
            Expr::Negative(inner) if is_whole(&inner) => {
                Transformed::yes(self.call(Operation::Negate, vec![*inner]))
            }
            Expr::ScalarFunction(mut outer) if outer.name() == TRIED && outer.args.len() == 1 => {
                let inner = outer.args.remove(0);
                // Only operators on whole numbers have a form that gives null. From others the mark
                // alone is taken.
                let Expr::ScalarFunction(inner) = inner else { return Transformed::yes(inner) };
                let known = self.functions.iter().find(|(_, f, _)| f.name() == inner.name());
                let func = known.map_or(inner.func, |(_, _, tried)| tried.clone());
                Transformed::yes(Expr::ScalarFunction(ScalarFunction { func, ..inner }))
            }
            Expr::ScalarFunction(ScalarFunction { func, args }) => match hold_function(&func) {
                Some(func) => Transformed::yes(Expr::ScalarFunction(ScalarFunction { func, args })),
                None => Transformed::no(Expr::ScalarFunction(ScalarFunction { func, args })),
            },
            other => Transformed::no(other),
        }
    }
}

impl AnalyzerRule for Checked {
    fn name(&self) -> &str {
        "whole_numbers_do_not_wrap"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        let changed = plan.transform_up_with_subqueries(|plan| {
            let mut schema = merge_schema(&plan.inputs());
            // A scan has no inputs. Its own conditions name the columns of the table, with those that
            // it does not give.
            if let LogicalPlan::TableScan(scan) = &plan {
                let source = scan.source.schema();
                schema
                    .merge(&DFSchema::try_from_qualified_schema(scan.table_name.clone(), &source)?);
            }
            // A column without an alias is called as its expression is written. `a + b` must not become
            // `__add(a,b)`, as the nodes above would not find it.
            let names = NamePreserver::new(&plan);
            let changed = plan.map_expressions(|expr| {
                let name = names.save(&expr);
                let changed = expr.transform_up(|expr| Ok(self.check_expression(expr, &schema)))?;
                match changed.transformed {
                    true => Ok(changed.update_data(|expr| name.restore(expr))),
                    false => Ok(changed),
                }
            })?;
            match changed.transformed {
                true => changed.map_data(LogicalPlan::recompute_schema),
                false => Ok(changed),
            }
        })?;
        Ok(changed.data)
    }
}
