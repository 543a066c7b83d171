//! How many rows a query's operators pass on at a time, so that a batch does not become too large.
//!
//! The engine counts rows: 8192 of them, however long their texts are. Joins and unnests repeat the
//! values of a row, and constants are written once for each row.

use datafusion::arrow::array::Array;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Result, ScalarValue};
use datafusion::datasource::source_as_provider;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{Expr, LogicalPlan};

use super::scan::ParquetTable;
use super::session::BATCH_ROWS;

/// Bytes that a batch should have at most.
const BATCH: usize = 64 << 20;
/// Bytes of a text whose length is known only when it is made.
const UNKNOWN: usize = 64 << 10;
/// Functions that repeat a text as often as a number says: the second argument.
const REPEATING: [&str; 4] = ["repeat", "lpad", "rpad", "array_repeat"];

/// The rows of a batch, by the widest row that a plan names.
pub fn batch_rows(plan: &LogicalPlan) -> Result<usize> {
    let mut widest = 1;
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node
            && let Ok(provider) = source_as_provider(&scan.source)
            && let Some(table) =
                (provider.as_ref() as &dyn std::any::Any).downcast_ref::<ParquetTable>()
        {
            // Two sides of a join.
            widest = widest.max(table.row_bytes().saturating_mul(2));
        }
        node.apply_expressions(|expr| {
            expr.apply(|part| {
                widest = widest.max(match part {
                    Expr::Literal(value, _) => value_bytes(value),
                    Expr::ScalarFunction(function) => repeat_count(function),
                    _ => 0,
                });
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })?;
    Ok((BATCH / widest).clamp(1, BATCH_ROWS))
}

fn value_bytes(value: &ScalarValue) -> usize {
    match value {
        ScalarValue::Utf8(text) | ScalarValue::LargeUtf8(text) | ScalarValue::Utf8View(text) => {
            text.as_ref().map_or(0, String::len)
        }
        ScalarValue::Binary(bytes) | ScalarValue::LargeBinary(bytes) => {
            bytes.as_ref().map_or(0, Vec::len)
        }
        ScalarValue::List(list) => list.get_array_memory_size(),
        _ => 0,
    }
}

fn repeat_count(function: &ScalarFunction) -> usize {
    if !REPEATING.contains(&function.name()) {
        return 0;
    }
    match function.args.get(1) {
        Some(Expr::Literal(ScalarValue::Int64(Some(count)), _)) => {
            usize::try_from(*count).unwrap_or(0)
        }
        _ => UNKNOWN,
    }
}
