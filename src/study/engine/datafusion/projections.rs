//! The engine's pushing down of projections, but where it fails.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::tree_node::{TransformedResult, TreeNode};
use datafusion::config::ConfigOptions;
use datafusion::physical_expr::HigherOrderFunctionExpr;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::physical_optimizer::projection_pushdown::ProjectionPushdown;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::joins::NestedLoopJoinExec;
use datafusion::physical_plan::joins::utils::JoinFilter;
use datafusion::physical_plan::projection::remove_unnecessary_projections;

/// The engine's rules for plans, with [`Projections`] in the place of its own.
pub fn list_rules() -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
    let own = ProjectionPushdown::new();
    let rules = PhysicalOptimizer::new().rules.into_iter();
    let rules = rules.map(|rule| match rule.name() == own.name() {
        true => Arc::new(Projections(ProjectionPushdown::new())) as _,
        false => rule,
    });
    rules.collect()
}

/// The engine works out before a join the parts of its condition that need one side alone. It does that
/// with lambdas, too, which have no meaning without their function: conditions with one stay whole.
#[derive(Debug)]
struct Projections(ProjectionPushdown);

impl PhysicalOptimizerRule for Projections {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match plan.exists(|node| Ok(joins_by_lambda(node)))? {
            // The library's rule does two things. This is the second, which lambdas do not harm.
            true => plan.transform_down(remove_unnecessary_projections).data(),
            false => self.0.optimize(plan, config),
        }
    }

    fn name(&self) -> &str {
        self.0.name()
    }

    fn schema_check(&self) -> bool {
        self.0.schema_check()
    }
}

fn joins_by_lambda(node: &Arc<dyn ExecutionPlan>) -> bool {
    let Some(join) = node.downcast_ref::<NestedLoopJoinExec>() else { return false };
    let lambda = |filter: &JoinFilter| {
        filter
            .expression()
            .exists(|part| Ok(part.downcast_ref::<HigherOrderFunctionExpr>().is_some()))
            // Where that can't be told, a query that is slower is better than one that fails.
            .unwrap_or(true)
    };
    join.filter().is_some_and(lambda)
}
