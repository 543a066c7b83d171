//! `sum` of whole numbers and decimals, which is an error where it does not fit: the engine's own wraps
//! around.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, BooleanArray, Int64Array};
use datafusion::arrow::compute::{CastOptions, cast, cast_with_options};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Int64Type};
use datafusion::common::{Result, ScalarValue};
use datafusion::functions_aggregate::sum::Sum;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, GroupsAccumulator, ReversedUDAF, Signature,
};

use super::faults::row_error;

const OVERFLOW: &str = "a sum is out of range (overflow)";

/// The type in which numbers are added up. No table has so many rows that this overflows.
fn wide_type(data_type: &DataType) -> Option<DataType> {
    match data_type {
        DataType::Int64 => Some(DataType::Decimal128(38, 0)),
        DataType::Decimal128(_, scale) => Some(DataType::Decimal256(76, *scale)),
        _ => None,
    }
}

fn narrow_sums(sums: &ArrayRef, data_type: &DataType) -> Result<ArrayRef> {
    let options = CastOptions { safe: false, ..CastOptions::default() };
    cast_with_options(sums, data_type, &options).map_err(|_| row_error(OVERFLOW))
}

/// The function.
pub fn sum_function() -> Arc<AggregateUDF> {
    Arc::new(AggregateUDF::from(WholeSum::default()))
}

/// The engine's sum, of 64-bit numbers by way of wider ones.
#[derive(Debug, Default, PartialEq, Eq, Hash)]
struct WholeSum {
    inner: Sum,
}

/// The types of a sum: the type of the result, and the type that numbers are added up in.
#[derive(Clone, Debug)]
struct SumTypes {
    sum: DataType,
    wide: DataType,
}

impl SumTypes {
    fn from_field(field: &FieldRef) -> Option<Self> {
        let sum = field.data_type().clone();
        Some(Self { wide: wide_type(&sum)?, sum })
    }

    fn result_field(&self) -> FieldRef {
        Arc::new(Field::new("sum", self.wide.clone(), true))
    }

    fn widen_values(&self, values: &[ArrayRef]) -> Result<Vec<ArrayRef>> {
        Ok(values.iter().map(|values| cast(values, &self.wide)).collect::<Result<_, _>>()?)
    }
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
        let Some(types) = SumTypes::from_field(&args.return_field) else {
            return self.inner.accumulator(args);
        };
        let args = AccumulatorArgs { return_field: types.result_field(), ..args };
        Ok(Box::new(Whole { inner: self.inner.accumulator(args)?, types }))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        match SumTypes::from_field(&args.return_field) {
            // Parts of a sum are handed on wide: two that do not fit into 64 bits may be a sum that
            // does.
            Some(types) => self
                .inner
                .state_fields(StateFieldsArgs { return_field: types.result_field(), ..args }),
            None => self.inner.state_fields(args),
        }
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs) -> bool {
        self.inner.groups_accumulator_supported(args)
    }

    fn create_groups_accumulator(
        &self,
        args: AccumulatorArgs,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        let Some(types) = SumTypes::from_field(&args.return_field) else {
            return self.inner.create_groups_accumulator(args);
        };
        let args = AccumulatorArgs { return_field: types.result_field(), ..args };
        Ok(Box::new(WholeGroups { inner: self.inner.create_groups_accumulator(args)?, types }))
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        let Some(types) = SumTypes::from_field(&args.return_field) else {
            return self.inner.create_sliding_accumulator(args);
        };
        // The engine has this one for 64-bit numbers only, and it wraps around.
        if args.is_distinct && types.sum == DataType::Int64 {
            return Ok(Box::new(DistinctSum::default()));
        }
        if args.is_distinct {
            return self.inner.create_sliding_accumulator(args);
        }
        let args = AccumulatorArgs { return_field: types.result_field(), ..args };
        Ok(Box::new(Whole { inner: self.inner.create_sliding_accumulator(args)?, types }))
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
struct Whole {
    inner: Box<dyn Accumulator>,
    types: SumTypes,
}

impl Accumulator for Whole {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.inner.update_batch(&self.types.widen_values(values)?)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let sum = narrow_sums(&self.inner.evaluate()?.to_array()?, &self.types.sum)?;
        ScalarValue::try_from_array(&sum, 0)
    }

    fn size(&self) -> usize {
        self.inner.size()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.inner.state()
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.inner.merge_batch(states)
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.inner.retract_batch(&self.types.widen_values(values)?)
    }

    fn supports_retract_batch(&self) -> bool {
        self.inner.supports_retract_batch()
    }
}

/// The sum of the distinct numbers of a frame that moves on. The engine's own has 64 bits only.
#[derive(Debug, Default)]
struct DistinctSum {
    /// How often each is in the frame.
    numbers: HashMap<i64, u64>,
    sum: i128,
}

impl Accumulator for DistinctSum {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        for number in whole_numbers(values)?.iter().flatten() {
            let times = self.numbers.entry(number).or_default();
            *times += 1;
            if *times == 1 {
                self.sum += i128::from(number);
            }
        }
        Ok(())
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        for number in whole_numbers(values)?.iter().flatten() {
            let Some(times) = self.numbers.get_mut(&number) else { continue };
            *times -= 1;
            if *times == 0 {
                self.numbers.remove(&number);
                self.sum -= i128::from(number);
            }
        }
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        if self.numbers.is_empty() {
            return Ok(ScalarValue::Int64(None));
        }
        let sum = i64::try_from(self.sum).map_err(|_| row_error(OVERFLOW))?;
        Ok(ScalarValue::Int64(Some(sum)))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.numbers.capacity() * size_of::<(i64, u64)>()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let numbers = self.numbers.keys().map(|number| ScalarValue::Int64(Some(*number)));
        let numbers: Vec<_> = numbers.collect();
        Ok(vec![ScalarValue::List(ScalarValue::new_list_nullable(&numbers, &DataType::Int64))])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        // Frames of windows are not put together of parts, so the engine does not call this.
        for list in states.iter().flat_map(|state| state.as_list::<i32>().iter()).flatten() {
            self.update_batch(&[list])?;
        }
        Ok(())
    }
}

fn whole_numbers(values: &[ArrayRef]) -> Result<&Int64Array> {
    let numbers = values.first().and_then(|values| values.as_primitive_opt::<Int64Type>());
    numbers.ok_or_else(|| row_error("sum() is of whole numbers here"))
}

/// The sums of many groups.
struct WholeGroups {
    inner: Box<dyn GroupsAccumulator>,
    types: SumTypes,
}

impl GroupsAccumulator for WholeGroups {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        count: usize,
    ) -> Result<()> {
        self.inner.update_batch(&self.types.widen_values(values)?, groups, filter, count)
    }

    fn evaluate(&mut self, emit: EmitTo) -> Result<ArrayRef> {
        narrow_sums(&self.inner.evaluate(emit)?, &self.types.sum)
    }

    fn state(&mut self, emit: EmitTo) -> Result<Vec<ArrayRef>> {
        self.inner.state(emit)
    }

    fn merge_batch(&mut self, states: &[ArrayRef], groups: &[usize], count: usize) -> Result<()> {
        self.inner.merge_batch(states, groups, count)
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        self.inner.convert_to_state(&self.types.widen_values(values)?, filter)
    }

    fn size(&self) -> usize {
        self.inner.size()
    }
}
