//! Recursive queries come to an end: the engine by itself would go on for ever.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{DataFusionError, Result};
use datafusion::config::ConfigOptions;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::recursive_query::RecursiveQueryExec;

use super::through::{NodeStep, RECOMPUTED, Through};
use crate::error::{Error, StudyFault};

/// Steps that a recursive query may take. Athena allows ten.
const STEPS: usize = 1_000;
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
            // The engine makes the plan of the repeated term anew for each step: the nodes share
            // the count, which outlives them.
            let steps = Arc::new(AtomicUsize::new(0));
            let term = |input: &Arc<dyn ExecutionPlan>, is_first| -> Arc<dyn ExecutionPlan> {
                let query = query.name().to_owned();
                let step = RecursiveTerm { query, is_first, steps: steps.clone() };
                Arc::new(Through { input: input.clone(), step })
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

/// The term that a recursive query begins with, or the one that it repeats.
#[derive(Clone, Debug)]
struct RecursiveTerm {
    /// The table's name in WITH.
    query: String,
    is_first: bool,
    /// How often it was repeated since it began.
    steps: Arc<AtomicUsize>,
}

impl NodeStep for RecursiveTerm {
    const NAME: &'static str = "Term";

    fn describe_step(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "query={}", self.query)
    }

    fn execute(
        &self,
        input: &dyn ExecutionPlan,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        // Once each time that the query begins: a plan may run again.
        if self.is_first {
            self.steps.store(0, Ordering::Relaxed);
        } else if self.steps.fetch_add(1, Ordering::Relaxed) >= STEPS {
            let message = format!(
                "the recursive query {} has not come to its end after {STEPS} steps: give it a \
                 condition that leaves no rows in the end (WHERE …). Athena allows 10 steps",
                self.query
            );
            let error = Error::new(StudyFault::Statement, message);
            return Err(DataFusionError::External(Box::new(error)));
        }
        input.execute(partition, context)
    }
}
