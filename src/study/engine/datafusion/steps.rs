//! Recursive queries come to an end: the engine by itself would go on for ever.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::{DataFusionError, Result};
use datafusion::config::ConfigOptions;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::recursive_query::RecursiveQueryExec;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, PhysicalExpr,
    PlanProperties, ReplaceChildrenOptions,
};

use crate::error::{Error, Exit};

/// Steps that a recursive query may take. Athena allows ten.
const STEPS: usize = 1_000;
/// A node gets other inputs, and finds out for itself what follows from them.
pub const RECOMPUTED: ReplaceChildrenOptions =
    ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);

/// Counts the steps of recursive queries.
#[derive(Debug)]
pub struct Steps;

impl PhysicalOptimizerRule for Steps {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| {
            let Some(query) = node.downcast_ref::<RecursiveQueryExec>() else {
                return Ok(Transformed::no(node));
            };
            let steps = Arc::new(AtomicUsize::new(0));
            let term = |input: &Arc<dyn ExecutionPlan>, is_first| -> Arc<dyn ExecutionPlan> {
                let query = query.name().to_owned();
                Arc::new(Term { input: input.clone(), query, is_first, steps: steps.clone() })
            };
            let terms = vec![term(query.static_term(), true), term(query.recursive_term(), false)];
            Ok(Transformed::yes(node.clone().replace_children(terms, RECOMPUTED)?))
        })
        .data()
    }

    fn name(&self) -> &str {
        "recursion_ends"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// What a recursive query begins with, or repeats.
#[derive(Debug)]
struct Term {
    input: Arc<dyn ExecutionPlan>,
    /// The table's name in WITH.
    query: String,
    is_first: bool,
    /// How often it was repeated since it began.
    steps: Arc<AtomicUsize>,
}

impl DisplayAs for Term {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Term: query={}", self.query)
    }
}

impl ExecutionPlan for Term {
    fn name(&self) -> &'static str {
        "Term"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.input.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let input = children.pop().unwrap_or_else(|| self.input.clone());
        let (query, is_first) = (self.query.clone(), self.is_first);
        Ok(Arc::new(Self { input, query, is_first, steps: self.steps.clone() }))
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        self.replace_children(children, RECOMPUTED)
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        if self.is_first {
            self.steps.store(0, Ordering::Relaxed);
        } else if self.steps.fetch_add(1, Ordering::Relaxed) >= STEPS {
            let message = format!(
                "the recursive query {} has not come to its end after {STEPS} steps: give it a \
                 condition that leaves no rows in the end (WHERE …). Athena allows 10 steps",
                self.query
            );
            let error = Error::new(Exit::StudyInvalid, message);
            return Err(DataFusionError::External(Box::new(error)));
        }
        self.input.execute(partition, context)
    }
}
