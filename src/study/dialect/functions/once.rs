//! Columns that are made once, however often the steps above use them.
//!
//! The engine moves conditions down, with the expression of a column in the place of its name. Where each
//! step of a statement uses the column of the step before twice, thirty steps become one condition of a
//! thousand million parts. An expression that has become large is therefore closed to it.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{Expr, LogicalPlan, Projection, ScalarUDF};
use datafusion::optimizer::AnalyzerRule;

use super::base::Native;
use super::faults::refuse_arguments;

/// Parts that the expression of a column may have, with those of the columns that it names.
const PARTS: usize = 200;

/// A function that gives its argument, and that the engine moves nothing past.
pub fn fence_function() -> Arc<ScalarUDF> {
    Native::make_immovable(
        "__once",
        "a value that is made once",
        |types| if types.len() == 1 { Ok(types.to_vec()) } else { refuse_arguments() },
        |types| types.first().map_or_else(refuse_arguments, |data_type| Ok(data_type.clone())),
        |args| Ok(args[0].clone()),
    )
}

/// Puts the function around the expression of a column, where that is large.
#[derive(Debug)]
pub struct Once {
    function: Arc<ScalarUDF>,
}

/// For each of a plan's columns, the parts of the expression that makes it.
type PartCounts = Vec<usize>;

impl Once {
    /// The rule.
    pub fn new() -> Self {
        Self { function: fence_function() }
    }

    fn fence_plan(&self, plan: LogicalPlan) -> Result<(LogicalPlan, PartCounts)> {
        let mut inputs: Vec<PartCounts> = Vec::new();
        let plan = plan.map_children(|input| {
            let (input, parts) = self.fence_plan(input)?;
            inputs.push(parts);
            Ok(Transformed::yes(input))
        })?;
        let plan =
            plan.data.map_subqueries(|plan| Ok(Transformed::yes(self.fence_plan(plan)?.0)))?.data;
        let (plan, own) = match plan {
            LogicalPlan::Projection(projection) if inputs.len() == 1 => {
                let counts = count_each(&projection.expr, projection.input.schema(), &inputs[0])?;
                let plan = match counts.iter().any(|count| *count > PARTS) {
                    true => {
                        let expr = self.fence_large(projection.expr, &counts);
                        LogicalPlan::Projection(Projection::try_new(expr, projection.input)?)
                    }
                    false => LogicalPlan::Projection(projection),
                };
                let open = |count| if count > PARTS { 1 } else { count };
                (plan, Some(counts.into_iter().map(open).collect()))
            }
            LogicalPlan::Aggregate(aggregate) if inputs.len() == 1 => {
                // The engine moves conditions on groups below any aggregate.
                // The projection above closes them.
                let counts =
                    count_each(&aggregate.group_expr, aggregate.input.schema(), &inputs[0])?;
                (LogicalPlan::Aggregate(aggregate), Some(counts))
            }
            other => (other, None),
        };
        let columns = plan.schema().fields().len();
        let parts = match own {
            Some(mut parts) if parts.len() <= columns => {
                parts.resize(columns, 1);
                parts
            }
            _ => passed_on(&inputs, columns),
        };
        Ok((plan, parts))
    }

    /// Expressions with the large ones closed.
    fn fence_large(&self, exprs: Vec<Expr>, counts: &PartCounts) -> Vec<Expr> {
        let names = NamePreserver::new_for_projection();
        let closed = exprs.into_iter().zip(counts).map(|(expr, count)| {
            if *count <= PARTS {
                return expr;
            }
            let name = names.save(&expr);
            let closed = ScalarFunction::new_udf(self.function.clone(), vec![expr.unalias()]);
            name.restore(Expr::ScalarFunction(closed))
        });
        closed.collect()
    }
}

fn count_each(exprs: &[Expr], schema: &DFSchema, input: &PartCounts) -> Result<PartCounts> {
    exprs.iter().map(|expr| count_parts(expr, schema, input)).collect()
}

/// The parts of an expression, with those of the expressions that make the columns in it.
fn count_parts(expr: &Expr, schema: &DFSchema, input: &PartCounts) -> Result<usize> {
    let mut count = 0_usize;
    expr.apply(|part| {
        let parts = match part {
            Expr::Column(column) => {
                let index = schema.maybe_index_of_column(column);
                index.and_then(|index| input.get(index)).copied().unwrap_or(1)
            }
            _ => 1,
        };
        count = count.saturating_add(parts);
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(count)
}

/// The columns of inputs as a plan's own: all of them side by side, those of one, or in another order.
fn passed_on(inputs: &[PartCounts], columns: usize) -> PartCounts {
    let side_by_side: PartCounts = inputs.iter().flatten().copied().collect();
    if side_by_side.len() == columns {
        return side_by_side;
    }
    if let [only] = inputs
        && only.len() < columns
    {
        // A window adds its columns behind those of its input.
        let mut parts = only.clone();
        parts.resize(columns, only.iter().copied().max().unwrap_or(1));
        return parts;
    }
    vec![side_by_side.into_iter().max().unwrap_or(1); columns]
}

impl AnalyzerRule for Once {
    fn name(&self) -> &str {
        "large_columns_are_made_once"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        Ok(self.fence_plan(plan)?.0)
    }
}
