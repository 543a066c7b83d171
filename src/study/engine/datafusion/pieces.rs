//! Long lists are unnested in pieces.
//!
//! The engine makes all rows of one list together, with the other columns repeated for each: a list of
//! a million numbers beside a text of a megabyte are a terabyte.

use std::fmt;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, RecordBatch};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::config::ConfigOptions;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::unnest::UnnestExec;
use futures::{StreamExt, stream};

use super::through::{NodeStep, RECOMPUTED, Through};

/// Has long lists cut before they are unnested.
#[derive(Debug)]
pub struct LongListCuts;

impl PhysicalOptimizerRule for LongListCuts {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| {
            let Some(unnest) = node.downcast_ref::<UnnestExec>() else {
                return Ok(Transformed::no(node));
            };
            let lists = unnest.list_column_indices();
            let schema = unnest.input().schema();
            // Lists of lists that become rows in one go have no pieces that could be counted.
            let simple = lists.iter().all(|list| {
                let kind = schema.field(list.index_in_input_schema).data_type();
                list.depth == 1 && matches!(kind, DataType::List(_))
            });
            if lists.is_empty() || !simple {
                return Ok(Transformed::no(node));
            }
            let lists = lists.iter().map(|list| list.index_in_input_schema).collect();
            let cut = Arc::new(Through { input: unnest.input().clone(), step: Cut { lists } });
            Ok(Transformed::yes(node.clone().replace_children(vec![cut], RECOMPUTED)?))
        })
        .data()
    }

    fn name(&self) -> &str {
        "long_lists_are_cut"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// Rows whose lists are no longer than a batch: a longer one is in several rows.
#[derive(Clone, Debug)]
struct Cut {
    /// The columns that become rows, side by side.
    lists: Vec<usize>,
}

impl NodeStep for Cut {
    const NAME: &'static str = "Cut";

    fn describe_step(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "lists={:?}", self.lists)
    }

    fn execute(
        &self,
        input: &dyn ExecutionPlan,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let most = context.session_config().batch_size();
        let input = input.execute(partition, context)?;
        let (schema, lists) = (input.schema(), self.lists.clone());
        let batches = input.flat_map(move |batch| match batch {
            Ok(batch) => stream::iter(ListParts::cut_batch(batch, &lists, most)).left_stream(),
            Err(error) => stream::iter([Err(error)]).right_stream(),
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, batches)))
    }
}

/// A batch in parts, in order: rows with short lists together, each piece of a long one by itself.
struct ListParts {
    batch: RecordBatch,
    lists: Vec<usize>,
    most: usize,
    /// The first row that is not given yet, and how many of its values are.
    row: usize,
    given: usize,
}

impl ListParts {
    fn cut_batch(batch: RecordBatch, lists: &[usize], most: usize) -> Self {
        Self { batch, lists: lists.to_vec(), most: most.max(1), row: 0, given: 0 }
    }

    /// The length of the longest list in a row.
    fn longest_list(&self, row: usize) -> usize {
        let length = |column: &usize| {
            let lists = self.batch.column(*column).as_list::<i32>();
            if lists.is_null(row) { 0 } else { lists.value(row).len() }
        };
        self.lists.iter().map(length).max().unwrap_or(0)
    }

    /// A row whose lists are pieces of its lists in the batch.
    fn cut_piece(&self, row: usize, start: usize) -> Result<RecordBatch> {
        let one = self.batch.slice(row, 1);
        let mut columns = one.columns().to_vec();
        for column in &self.lists {
            let lists = one.column(*column).as_list::<i32>();
            let DataType::List(item) = lists.data_type() else { continue };
            // A null becomes an empty list. Beside the long list that is cut, both give null in
            // each row.
            let values = if lists.is_null(0) { lists.values().slice(0, 0) } else { lists.value(0) };
            let start = start.min(values.len());
            let values = values.slice(start, self.most.min(values.len() - start));
            let offsets = OffsetBuffer::from_lengths([values.len()]);
            let piece: ArrayRef =
                Arc::new(ListArray::try_new(item.clone(), offsets, values, None)?);
            columns[*column] = piece;
        }
        Ok(RecordBatch::try_new(self.batch.schema(), columns)?)
    }
}

impl Iterator for ListParts {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        let rows = self.batch.num_rows();
        // Short lists stay together: a batch for each row would cost more than its rows.
        let short = (self.row..rows).take_while(|row| self.longest_list(*row) <= self.most).count();
        if short > 0 {
            let part = self.batch.slice(self.row, short);
            self.row += short;
            return Some(Ok(part));
        }
        if self.row >= rows {
            return None;
        }
        let (row, start) = (self.row, self.given);
        self.given += self.most;
        if self.given >= self.longest_list(row) {
            (self.row, self.given) = (row + 1, 0);
        }
        Some(self.cut_piece(row, start))
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{Int64Array, StringArray};
    use arrow::datatypes::Int64Type;

    use super::*;

    #[test]
    fn long_lists_come_in_pieces_and_others_as_they_are() {
        let list = |lists: &[&[i64]]| -> ArrayRef {
            let lists = lists.iter().map(|list| Some(list.iter().copied().map(Some)));
            Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>(lists))
        };
        let names: ArrayRef = Arc::new(StringArray::from(vec!["a", "b", "c", "d"]));
        let long = list(&[&[1], &[1, 2, 3, 4, 5], &[], &[7, 8]]);
        let other = list(&[&[1, 2], &[9, 8, 7], &[1], &[]]);
        let batch = RecordBatch::try_from_iter([("n", names), ("l", long), ("o", other)]).unwrap();
        let parts: Vec<_> =
            ListParts::cut_batch(batch, &[1, 2], 2).map(|part| part.unwrap()).collect();
        let rows: Vec<_> = parts.iter().map(RecordBatch::num_rows).collect();
        assert_eq!(rows, [1, 1, 1, 1, 2]);
        let values = |part: usize, column: usize| {
            let lists = parts[part].column(column).as_list::<i32>().value(0);
            lists.as_any().downcast_ref::<Int64Array>().unwrap().values().to_vec()
        };
        assert_eq!([values(1, 1), values(2, 1), values(3, 1)], [vec![1, 2], vec![3, 4], vec![5]]);
        assert_eq!([values(1, 2), values(2, 2), values(3, 2)], [vec![9, 8], vec![7], vec![]]);
        assert!(parts[1..4].iter().all(|part| part.column(0).as_string::<i32>().value(0) == "b"));
    }
}
