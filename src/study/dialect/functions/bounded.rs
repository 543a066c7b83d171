//! Functions of the engine whose results may be far larger than their arguments, held to a bound.
//!
//! A number in a statement must not decide how much memory this process takes: `repeat('x', 2000000000)`
//! and `sequence(1, 1000000000000)` are errors before anything is made.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{
    DataType, FieldRef, Int64Type, IntervalMonthDayNanoType, IntervalUnit, TimeUnit,
};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature,
};

use super::base::row_error;

/// Bytes that a function's results may have for the rows of a batch.
const MOST: u128 = 256 << 20;
/// Or so many times those of its arguments.
const TIMES: u128 = 4;

/// How many bytes a call's results have at most.
type Estimate = fn(&[Argument]) -> u128;

/// The functions that are held to a bound.
const HELD: [(&str, Estimate); 11] = [
    ("repeat", |args| sum(args, |row| args[0].bytes(row) * args[1].count(row))),
    ("lpad", padded),
    ("rpad", padded),
    ("replace", |args| {
        sum(args, |row| {
            let places = args[0].bytes(row) / args[1].bytes(row).max(1) + 1;
            args[0].bytes(row) + places * args[2].bytes(row)
        })
    }),
    ("regexp_replace", |args| {
        sum(args, |row| args[0].bytes(row) + (args[0].bytes(row) + 1) * args[2].bytes(row))
    }),
    ("translate", |args| sum(args, |row| 4 * args[0].bytes(row))),
    ("concat", |args| sum(args, |row| args.iter().map(|arg| arg.bytes(row)).sum())),
    ("array_repeat", |args| sum(args, |row| (args[0].bytes(row) + 1) * args[1].count(row))),
    ("array_resize", |args| {
        let filled = |row| args.get(2).map_or(8, |value| value.bytes(row) + 8);
        sum(args, |row| args[1].count(row) * filled(row))
    }),
    ("range", series),
    ("generate_series", series),
];

/// A character has four bytes at most.
fn padded(args: &[Argument]) -> u128 {
    sum(args, |row| args[0].bytes(row) + 4 * args[1].count(row))
}

fn sum(args: &[Argument], of: impl Fn(usize) -> u128) -> u128 {
    let rows = args.iter().map(|arg| arg.rows()).max().unwrap_or(0);
    (0..rows).map(of).fold(0, u128::saturating_add)
}

fn series(args: &[Argument]) -> u128 {
    let (start, stop) = match args {
        [] => return 0,
        [stop] => (None, stop),
        [start, stop, ..] => (Some(start), stop),
    };
    sum(args, |row| {
        let from = start.map_or(0, |start| start.number(row));
        let step = args.get(2).map_or(1, |step| step.step(row, stop)).max(1);
        8 * (from.abs_diff(stop.number(row)) / step + 1)
    })
}

/// An argument, by rows.
enum Argument {
    /// The same for all rows.
    One(ArrayRef),
    /// One for each.
    Many(ArrayRef),
}

impl Argument {
    fn of(value: &ColumnarValue) -> Result<Self> {
        Ok(match value {
            ColumnarValue::Scalar(value) => Self::One(ScalarValue::to_array(value)?),
            ColumnarValue::Array(array) => Self::Many(array.clone()),
        })
    }

    fn rows(&self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::Many(array) => array.len(),
        }
    }

    fn at(&self, row: usize) -> (&ArrayRef, usize) {
        match self {
            Self::One(array) => (array, 0),
            Self::Many(array) => (array, row),
        }
    }

    /// The bytes of a value.
    fn bytes(&self, row: usize) -> u128 {
        let (array, row) = self.at(row);
        if array.is_null(row) {
            return 0;
        }
        let bytes = match array.data_type() {
            DataType::Utf8 => array.as_string::<i32>().value_length(row) as usize,
            DataType::LargeUtf8 => array.as_string::<i64>().value(row).len(),
            DataType::Utf8View => array.as_string_view().value(row).len(),
            data_type if data_type.is_nested() => {
                array.get_array_memory_size() / array.len().max(1)
            }
            _ => 8,
        };
        bytes as u128
    }

    /// A number that says how often; none is not at all.
    fn count(&self, row: usize) -> u128 {
        u128::try_from(self.number(row)).unwrap_or(0)
    }

    /// A number, or a time in its own unit.
    fn number(&self, row: usize) -> i128 {
        let (array, row) = self.at(row);
        let numbers = cast(&array.slice(row, 1), &DataType::Int64);
        let number = numbers.ok().and_then(|numbers| {
            let numbers = numbers.as_primitive_opt::<Int64Type>()?;
            numbers.is_valid(0).then(|| numbers.value(0))
        });
        i128::from(number.unwrap_or(0))
    }

    /// A step between values of the type of `of`, in its unit.
    fn step(&self, row: usize, of: &Self) -> u128 {
        let (array, row) = self.at(row);
        if *array.data_type() != DataType::Interval(IntervalUnit::MonthDayNano) {
            return self.number(row).unsigned_abs();
        }
        const DAY: i128 = 86_400_000_000_000;
        let step = array.as_primitive::<IntervalMonthDayNanoType>().value(row);
        let days = i128::from(step.months) * 28 + i128::from(step.days);
        let nanoseconds = days * DAY + i128::from(step.nanoseconds);
        let unit = match of.at(0).0.data_type() {
            DataType::Date32 => DAY,
            DataType::Date64 | DataType::Timestamp(TimeUnit::Millisecond, _) => 1_000_000,
            DataType::Timestamp(TimeUnit::Second, _) => 1_000_000_000,
            DataType::Timestamp(TimeUnit::Microsecond, _) => 1_000,
            _ => 1,
        };
        (nanoseconds / unit).unsigned_abs()
    }
}

/// Puts functions with a bound in the place of the engine's.
pub fn hold(functions: &mut [Arc<ScalarUDF>]) {
    for function in functions {
        if let Some((_, estimate)) = HELD.iter().find(|(name, _)| *name == function.name()) {
            let inner = function.inner().clone();
            *function = Arc::new(ScalarUDF::from(Held { inner, estimate: *estimate }));
        }
    }
}

/// A function with a bound.
#[derive(Debug)]
struct Held {
    inner: Arc<dyn ScalarUDFImpl>,
    estimate: Estimate,
}

impl PartialEq for Held {
    fn eq(&self, other: &Self) -> bool {
        self.inner.name() == other.inner.name()
    }
}

impl Eq for Held {}

impl Hash for Held {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.inner.name().hash(state);
    }
}

impl ScalarUDFImpl for Held {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.inner.return_type(types)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        self.inner.return_field_from_args(args)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let known: Vec<_> = args.args.iter().map(Argument::of).collect::<Result<_>>()?;
        let given = sum(&known, |row| known.iter().map(|arg| arg.bytes(row)).sum());
        let times = if known.iter().all(|arg| matches!(arg, Argument::One(_))) { 1 } else { TIMES };
        if (self.estimate)(&known) > MOST.max(given.saturating_mul(times)) {
            let why = format!(
                "{}() would make more than {} MiB for the rows of one batch, which is too large",
                self.name(),
                MOST >> 20
            );
            return Err(row_error(&why));
        }
        self.inner.invoke_with_args(args)
    }

    fn simplify(&self, args: Vec<Expr>, info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        self.inner.simplify(args, info)
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        self.inner.coerce_types(types)
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.inner.documentation()
    }
}
