//! `sum` of whole numbers, which is an error where it does not fit: the engine's own wraps around.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, BooleanArray, Int64Array};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Decimal128Type, Field, FieldRef};
use datafusion::common::{Result, ScalarValue};
use datafusion::functions_aggregate::sum::Sum;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, GroupsAccumulator, ReversedUDAF, Signature,
};

use super::base::row_error;

/// What 64-bit numbers are added up as. So many rows that this overflows no one has.
const WIDE: DataType = DataType::Decimal128(38, 0);
const OVERFLOW: &str = "a sum of whole numbers is out of range (overflow)";

/// The function.
pub fn function() -> Arc<AggregateUDF> {
    Arc::new(AggregateUDF::from(WholeSum::default()))
}

/// The engine's sum, of 64-bit numbers by way of wider ones.
#[derive(Debug, Default, PartialEq, Eq, Hash)]
struct WholeSum {
    inner: Sum,
}

fn is_whole(field: &FieldRef) -> bool {
    *field.data_type() == DataType::Int64
}

fn wide() -> FieldRef {
    Arc::new(Field::new("sum", WIDE, true))
}

fn widened(values: &[ArrayRef]) -> Result<Vec<ArrayRef>> {
    Ok(values.iter().map(|values| cast(values, &WIDE)).collect::<Result<_, _>>()?)
}

fn narrow(number: i128) -> Result<i64> {
    i64::try_from(number).map_err(|_| row_error(OVERFLOW))
}

impl AggregateUDFImpl for WholeSum {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.inner.return_type(types)
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        if !is_whole(&args.return_field) {
            return self.inner.accumulator(args);
        }
        let inner = self.inner.accumulator(AccumulatorArgs { return_field: wide(), ..args })?;
        Ok(Box::new(Whole(inner)))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        match is_whole(&args.return_field) {
            true => self.inner.state_fields(StateFieldsArgs { return_field: wide(), ..args }),
            false => self.inner.state_fields(args),
        }
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs) -> bool {
        self.inner.groups_accumulator_supported(args)
    }

    fn create_groups_accumulator(
        &self,
        args: AccumulatorArgs,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        if !is_whole(&args.return_field) {
            return self.inner.create_groups_accumulator(args);
        }
        let args = AccumulatorArgs { return_field: wide(), ..args };
        Ok(Box::new(WholeGroups(self.inner.create_groups_accumulator(args)?)))
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        // Of distinct numbers in a frame the engine adds 64 bits only.
        if !is_whole(&args.return_field) || args.is_distinct {
            return self.inner.create_sliding_accumulator(args);
        }
        let args = AccumulatorArgs { return_field: wide(), ..args };
        Ok(Box::new(Whole(self.inner.create_sliding_accumulator(args)?)))
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        ReversedUDAF::Identical
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }
}

/// The sum of one group.
#[derive(Debug)]
struct Whole(Box<dyn Accumulator>);

impl Accumulator for Whole {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.0.update_batch(&widened(values)?)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        match self.0.evaluate()? {
            ScalarValue::Decimal128(Some(number), _, _) => {
                Ok(ScalarValue::Int64(Some(narrow(number)?)))
            }
            _ => Ok(ScalarValue::Int64(None)),
        }
    }

    fn size(&self) -> usize {
        self.0.size()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.0.state()
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.0.merge_batch(states)
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.0.retract_batch(&widened(values)?)
    }

    fn supports_retract_batch(&self) -> bool {
        self.0.supports_retract_batch()
    }
}

/// The sums of many groups.
struct WholeGroups(Box<dyn GroupsAccumulator>);

impl GroupsAccumulator for WholeGroups {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        count: usize,
    ) -> Result<()> {
        self.0.update_batch(&widened(values)?, groups, filter, count)
    }

    fn evaluate(&mut self, emit: EmitTo) -> Result<ArrayRef> {
        let sums = self.0.evaluate(emit)?;
        let sums = sums.as_primitive::<Decimal128Type>().iter();
        let narrowed = sums.map(|sum| sum.map(narrow).transpose());
        Ok(Arc::new(narrowed.collect::<Result<Int64Array>>()?))
    }

    fn state(&mut self, emit: EmitTo) -> Result<Vec<ArrayRef>> {
        self.0.state(emit)
    }

    fn merge_batch(&mut self, states: &[ArrayRef], groups: &[usize], count: usize) -> Result<()> {
        self.0.merge_batch(states, groups, count)
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        self.0.convert_to_state(&widened(values)?, filter)
    }

    fn size(&self) -> usize {
        self.0.size()
    }
}
