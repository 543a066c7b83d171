//! Whole numbers that are declared narrower than the engine's own.
//!
//! Trino takes `1` for an integer of 32 bits; the engine, for one of 64. Next to a column that is declared
//! tinyint, smallint or integer, a number in the statement has Trino's type here, too: the result
//! has the type that it has in Trino, and a result that the type has no room for is an error.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::logical_expr::expr::Cast;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, LogicalPlan, Operator};

/// The plan with such numbers in it. It comes before the engine brings both sides to one type.
pub fn narrow_numbers(plan: LogicalPlan) -> Result<LogicalPlan> {
    if has_fixed_types(&plan)? {
        return Ok(plan);
    }
    let plan = plan.transform_up_with_subqueries(|plan| {
        let schema = merge_schema(&plan.inputs());
        let names = NamePreserver::new(&plan);
        let changed = plan.map_expressions(|expr| {
            let name = names.save(&expr);
            let changed = expr.transform_up(|expr| Ok(narrow_expression(expr, &schema)))?;
            Ok(match changed.transformed {
                true => changed.update_data(|expr| name.restore(expr)),
                false => changed,
            })
        })?;
        // Plans above take the types of columns from this schema.
        changed.map_data(LogicalPlan::recompute_schema)
    })?;
    Ok(plan.data)
}

/// Whether types are written down in it that would not change with those of its parts.
fn has_fixed_types(plan: &LogicalPlan) -> Result<bool> {
    let mut fixed = false;
    plan.apply_with_subqueries(|node| {
        // Its schema is that of its first part, and the steps after it are planned with that.
        fixed |= matches!(node, LogicalPlan::RecursiveQuery(_));
        node.apply_expressions(|expr| {
            // A reference to an outer column carries the column's type with it.
            fixed |= expr.contains_outer();
            Ok(TreeNodeRecursion::Continue)
        })
    })?;
    Ok(fixed)
}

fn narrow_expression(expr: Expr, schema: &DFSchema) -> Transformed<Expr> {
    let Expr::BinaryExpr(BinaryExpr { left, op, right }) = expr else {
        return Transformed::no(expr);
    };
    let (mut left, mut right) = (left, right);
    let is_arithmetic = matches!(
        op,
        Operator::Plus | Operator::Minus | Operator::Multiply | Operator::Divide | Operator::Modulo
    );
    let changed = is_arithmetic
        && (narrow_pair(&mut left, &mut right, schema)
            || narrow_pair(&mut right, &mut left, schema));
    let expr = Expr::BinaryExpr(BinaryExpr { left, op, right });
    if changed { Transformed::yes(expr) } else { Transformed::no(expr) }
}

/// Makes both sides integers, if one is declared and the other is a number of the statement.
fn narrow_pair(declared: &mut Box<Expr>, number: &mut Box<Expr>, schema: &DFSchema) -> bool {
    let Some(value) = integer_value(number) else { return false };
    let Ok(data_type) = declared.get_type(schema) else { return false };
    match data_type {
        DataType::Int32 => {}
        DataType::Int8 | DataType::Int16 => {
            let inner = std::mem::replace(&mut **declared, Expr::Literal(ScalarValue::Null, None));
            **declared = Expr::Cast(Cast::new(Box::new(inner), DataType::Int32));
        }
        _ => return false,
    }
    **number = Expr::Literal(ScalarValue::Int32(Some(value)), None);
    true
}

/// A number of the statement that is an integer in Trino.
fn integer_value(expr: &Expr) -> Option<i32> {
    match expr {
        Expr::Literal(ScalarValue::Int64(Some(value)), _) => i32::try_from(*value).ok(),
        Expr::Negative(inner) => integer_value(inner)?.checked_neg(),
        _ => None,
    }
}
