//! Relations that use columns of those before them: `FROM t, UNNEST(t.items) AS u (item)`.
//!
//! The engine plans these as joins whose right side refers to the left, and can't run them.
//! [`join_beside`] puts the steps of the right side beside the left side's columns: the same steps, row by
//! row, on the left side's rows in place of a single empty one.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{
    Column, DataFusionError, NullHandling, Result, TableReference, UnnestOptions, plan_err,
};
use datafusion::logical_expr::{Expr, JoinType, LogicalPlan, LogicalPlanBuilder, lit};

/// The plan with such joins replaced, in subqueries too.
///
/// # Errors
/// Steps of a right side that can't be done beside the left one.
pub fn join_beside(plan: LogicalPlan) -> Result<LogicalPlan> {
    let mut number = 0;
    let plan = plan
        .transform_up_with_subqueries(|node| {
            let LogicalPlan::Join(join) = &node else { return Ok(Transformed::no(node)) };
            if !refers_outside(&join.right) {
                return Ok(Transformed::no(node));
            }
            number += 1;
            let beside = Beside { number, step: 0 }.replace_join(join)?;
            Ok(Transformed::yes(beside))
        })
        .data()?;
    refuse_others(&plan)?;
    plan.recompute_schema()
}

/// Whether a plan is a subquery that uses columns of another plan.
fn refers_outside(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::SubqueryAlias(alias) => refers_outside(&alias.input),
        LogicalPlan::Subquery(subquery) => !subquery.outer_ref_columns.is_empty(),
        _ => false,
    }
}

/// Unnests in subqueries of conditions can't be taken apart by the engine either.
fn refuse_others(plan: &LogicalPlan) -> Result<()> {
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::Unnest(unnest) = node
            && let LogicalPlan::Projection(projection) = unnest.input.as_ref()
            && projection.expr.iter().any(Expr::contains_outer)
        {
            return plan_err!(
                "this subquery with an UNNEST of an outer table's column does not run on the \
                 embedded engine: in EXISTS, IN, count(*) and with LIMIT 1, name its column, and let \
                 it be the only relation; else use any_match() or filter(), or unnest it in FROM"
            );
        }
        Ok(datafusion::common::tree_node::TreeNodeRecursion::Continue)
    })?;
    Ok(())
}

struct Beside {
    /// Of the join within the plan, so that names made here are used once.
    number: usize,
    step: usize,
}

/// A plan with the left side's columns first, and where the right side's columns are in it.
struct Wide {
    plan: LogicalPlan,
    /// How many columns are the left side's.
    left: usize,
    /// The columns of the right side so far, in order.
    right: Vec<Column>,
}

impl Beside {
    fn replace_join(&mut self, join: &datafusion::logical_expr::Join) -> Result<LogicalPlan> {
        let outer = match join.join_type {
            JoinType::Inner => false,
            JoinType::Left => true,
            other => {
                return plan_err!(
                    "a {other} join with UNNEST or LATERAL does not run on the embedded engine"
                );
            }
        };
        let always = join.filter.as_ref().is_none_or(|filter| *filter == lit(true));
        // A condition can only be asked after the lists are unnested. It would then drop rows of the
        // left side that LEFT JOIN keeps.
        if !join.on.is_empty() || (outer && !always) {
            return plan_err!(
                "LEFT JOIN with UNNEST or LATERAL runs on the embedded engine with ON TRUE only"
            );
        }
        let wide = self.apply_steps(&join.right, join.left.as_ref().clone(), outer)?;
        // The join's own schema: the left side's columns, then the right side's with their names.
        let mut columns = wide.left_columns();
        for (column, (qualifier, field)) in wide.right.iter().zip(join.right.schema().iter()) {
            let expr = Expr::Column(column.clone());
            columns.push(match qualifier {
                Some(qualifier) => expr.alias_qualified(Some(qualifier.clone()), field.name()),
                None => expr.alias(field.name()),
            });
        }
        let mut plan = LogicalPlanBuilder::from(wide.plan).project(columns)?;
        if !always && let Some(filter) = &join.filter {
            plan = plan.filter(filter.clone())?;
        }
        plan.build()
    }

    /// Does the steps on `left` that `right` does on one empty row.
    fn apply_steps(&mut self, right: &LogicalPlan, left: LogicalPlan, outer: bool) -> Result<Wide> {
        match right {
            LogicalPlan::SubqueryAlias(alias) => self.apply_steps(&alias.input, left, outer),
            LogicalPlan::Subquery(subquery) => self.apply_steps(&subquery.subquery, left, outer),
            LogicalPlan::EmptyRelation(empty) if empty.produce_one_row => {
                let count = left.schema().fields().len();
                Ok(Wide { plan: left, left: count, right: Vec::new() })
            }
            LogicalPlan::Projection(projection) => {
                let wide = self.apply_steps(&projection.input, left, outer)?;
                let mut columns = wide.left_columns();
                let mut names = Vec::new();
                for expr in &projection.expr {
                    let name = self.name(names.len());
                    let expr = wide.resolve_expr(expr, &projection.input)?;
                    columns.push(expr.alias_qualified(name.relation.clone(), name.name.clone()));
                    names.push(name);
                }
                let plan = LogicalPlanBuilder::from(wide.plan).project(columns)?.build()?;
                self.step += 1;
                Ok(Wide { plan, left: wide.left, right: names })
            }
            // For the same reason not in a LEFT JOIN.
            LogicalPlan::Filter(filter) if !outer => {
                let wide = self.apply_steps(&filter.input, left, outer)?;
                let condition = wide.resolve_expr(&filter.predicate, &filter.input)?;
                let plan = LogicalPlanBuilder::from(wide.plan).filter(condition)?.build()?;
                Ok(Wide { plan, ..wide })
            }
            LogicalPlan::Unnest(unnest) => {
                let wide = self.apply_steps(&unnest.input, left, outer)?;
                // Other unnests add columns or move them, and `right` counts on their places.
                let simple = unnest.struct_type_columns.is_empty()
                    && unnest.list_type_columns.iter().all(|(_, list)| list.depth == 1)
                    && unnest.list_type_columns.len() == unnest.exec_columns.len()
                    && unnest.schema.fields().len() == wide.right.len();
                if !simple {
                    return refuse_construct("UNNEST of this kind beside another table");
                }
                let lists = unnest.list_type_columns.iter();
                let lists = lists.filter_map(|(index, _)| wide.right.get(*index).cloned());
                // CROSS JOIN has no row for a null or an empty list, LEFT JOIN one with a null. The
                // engine's own default keeps a row for a null alone.
                let handling = match outer {
                    true => NullHandling::PreserveAndExpandEmpty,
                    false => NullHandling::Drop,
                };
                let options = UnnestOptions::new().with_null_handling(handling);
                let plan = LogicalPlanBuilder::from(wide.plan)
                    .unnest_columns_with_options(lists.collect(), options)?
                    .build()?;
                // The columns keep their place, and their names are those of the lists.
                let right = plan.schema().columns().split_off(wide.left);
                Ok(Wide { plan, left: wide.left, right })
            }
            other => refuse_construct(&format!(
                "{} in a subquery beside the table that it uses",
                other.display().to_string().split(':').next().unwrap_or_default()
            )),
        }
    }

    /// A name that is nobody's.
    fn name(&self, index: usize) -> Column {
        let relation = format!("__beside_{}_{}", self.number, self.step);
        Column::new(Some(TableReference::bare(relation)), format!("c{index}"))
    }
}

fn refuse_construct<T>(construct: &str) -> Result<T> {
    plan_err!("{construct} does not run on the embedded engine")
}

impl Wide {
    fn left_columns(&self) -> Vec<Expr> {
        self.plan.schema().columns().into_iter().take(self.left).map(Expr::Column).collect()
    }

    /// An expression on `input`, a plan of the right side, as one on this plan.
    fn resolve_expr(&self, expr: &Expr, input: &Arc<LogicalPlan>) -> Result<Expr> {
        let schema = input.schema();
        expr.clone()
            .transform_down(|expr| match &expr {
                Expr::OuterReferenceColumn(_, column) => {
                    Ok(Transformed::yes(Expr::Column(column.clone())))
                }
                Expr::Column(column) => {
                    let index = schema.index_of_column(column)?;
                    match self.right.get(index) {
                        Some(column) => Ok(Transformed::new(
                            Expr::Column(column.clone()),
                            true,
                            datafusion::common::tree_node::TreeNodeRecursion::Jump,
                        )),
                        None => Err(DataFusionError::Plan(format!("there is no column {column}"))),
                    }
                }
                _ => Ok(Transformed::no(expr)),
            })
            .data()
    }
}
