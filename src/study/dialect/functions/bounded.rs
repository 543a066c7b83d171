//! Functions whose results may be far larger than their arguments, held to a bound.
//!
//! A number in a statement must not decide how much memory this process takes: `repeat('x', 2000000000)`
//! and `sequence(1, 1000000000000)` are errors before anything is made. Nor must a function that doubles
//! a value do so again and again: a value has a bound, and so have those of one batch.

use std::any::Any;
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

use super::faults::row_error;

/// Bytes of one value. No line of a table's input is longer.
const VALUE: u128 = 64 << 20;
/// Bytes of a value that is the same for all rows: each may have a copy.
const CONSTANT: u128 = 16 << 20;
/// Bytes of the results for the rows of a batch.
const BATCH: u128 = 256 << 20;
/// They may be so many times those of the arguments,
const TIMES: u128 = 4;
/// and have so many bytes at most: half of the bytes that a column of a batch can have.
const MOST: u128 = 1 << 30;

/// How many bytes a call gives for a row at most.
type Estimate = fn(&[Argument], usize) -> u128;

/// The functions of the engine that are held to a bound.
const HELD: [(&str, Estimate); 23] = [
    ("array_append", whole_bytes),
    ("array_concat", whole_bytes),
    ("array_prepend", whole_bytes),
    ("array_repeat", |args, row| (args[0].value_bytes(row) + 1) * args[1].repeat_count(row)),
    ("array_resize", |args, row| {
        let filled = args.get(2).map_or(8, |value| value.value_bytes(row) + 8);
        args[1].repeat_count(row) * filled
    }),
    ("array_to_string", |args, row| {
        let separator = args[1].value_bytes(row);
        let nulls = args.get(2).map_or(0, |value| value.value_bytes(row));
        args[0].value_bytes(row) + args[0].count_items(row) * (separator + nulls)
    }),
    ("arrays_zip", whole_bytes),
    ("concat", whole_bytes),
    ("concat_ws", |args, row| {
        whole_bytes(args, row) + args[0].value_bytes(row) * args.len() as u128
    }),
    // A byte becomes two hexadecimal digits, or less in base64.
    ("encode", |args, row| 2 * args[0].value_bytes(row)),
    ("flatten", whole_bytes),
    ("generate_series", series_bytes),
    ("initcap", letters_bytes),
    ("lower", letters_bytes),
    ("lpad", padded_bytes),
    ("make_array", whole_bytes),
    ("overlay", whole_bytes),
    ("range", series_bytes),
    ("repeat", |args, row| args[0].value_bytes(row) * args[1].repeat_count(row)),
    ("replace", |args, row| {
        let (value, part, by) =
            (args[0].value_bytes(row), args[1].value_bytes(row), args[2].value_bytes(row));
        let places = value / part.max(1) + 1;
        let most = value + places * by;
        if by <= part || most <= LOOK {
            most
        } else {
            value + args[0].count_places(&args[1], row) * by
        }
    }),
    ("rpad", padded_bytes),
    // A letter of one byte may become one of four.
    ("translate", |args, row| 4 * args[0].value_bytes(row)),
    ("upper", letters_bytes),
];

/// Bytes from which on it pays to count exactly.
const LOOK: u128 = 4_096;

/// All of the arguments.
fn whole_bytes(args: &[Argument], row: usize) -> u128 {
    args.iter().map(|arg| arg.value_bytes(row)).sum()
}

/// Other letters in place of each.
fn letters_bytes(args: &[Argument], row: usize) -> u128 {
    // `ΐ` has two bytes, and its upper case is three letters of two bytes each.
    3 * args[0].value_bytes(row)
}

fn padded_bytes(args: &[Argument], row: usize) -> u128 {
    let letter = args.get(2).map_or(1, |by| by.letter_bytes(row));
    args[0].value_bytes(row) + letter * args[1].repeat_count(row)
}

fn series_bytes(args: &[Argument], row: usize) -> u128 {
    let (start, stop) = match args {
        [] => return 0,
        [stop] => (None, stop),
        [start, stop, ..] => (Some(start), stop),
    };
    let from = start.map_or(0, |start| start.number_at(row));
    let step = args.get(2).map_or(1, |step| step.step_at(row, stop)).max(1);
    8 * (from.abs_diff(stop.number_at(row)) / step + 1)
}

/// How many bytes results have: all of them, and the largest.
#[derive(Clone, Copy, Default)]
struct Bytes {
    all: u128,
    largest: u128,
}

impl Bytes {
    fn sum_bytes(rows: usize, of: impl Fn(usize) -> u128) -> Self {
        (0..rows).map(of).fold(Self::default(), |bytes, row| Self {
            all: bytes.all.saturating_add(row),
            largest: bytes.largest.max(row),
        })
    }
}

/// Bytes that the results for the rows of a batch may have, by the bytes of the arguments.
fn batch_bytes(given: u128) -> u128 {
    BATCH.max(MOST.min(given.saturating_mul(TIMES)))
}

/// An error if results are too large for their arguments.
fn check_bytes(function: &str, is_constant: bool, given: u128, made: Bytes) -> Result<()> {
    let value = if is_constant { CONSTANT } else { VALUE };
    let batch = batch_bytes(given);
    let why = if made.largest > value {
        format!("a value of more than {} MiB", value >> 20)
    } else if made.all > batch {
        format!("values of more than {} MiB for the rows of one batch", batch >> 20)
    } else {
        return Ok(());
    };
    let function = match function.strip_prefix("__") {
        Some(_) => "||".to_owned(),
        None => format!("{function}()"),
    };
    Err(row_error(&format!("{function} would make {why}, which is too large: make it shorter")))
}

/// Checks a function's results by its arguments, before it is called.
pub fn check_texts(function: &str, args: &[ArrayRef]) -> Result<()> {
    // Where all of them fit into one value there is nothing to count.
    let quick: u128 = args.iter().map(|array| array.get_array_memory_size() as u128).sum();
    if quick <= CONSTANT {
        return Ok(());
    }
    let known: Vec<_> = args.iter().cloned().map(Argument::of_rows).collect();
    let rows = known.iter().map(Argument::count_rows).max().unwrap_or(0);
    let made = Bytes::sum_bytes(rows, |row| whole_bytes(&known, row));
    check_bytes(function, false, made.all, made)
}

/// Checks that a constant can be written once for each row.
pub fn check_copies(function: &str, value: &ColumnarValue, rows: usize) -> Result<()> {
    let ColumnarValue::Scalar(value) = value else { return Ok(()) };
    let all = (value.size() as u128).saturating_mul(rows as u128);
    match rows > 1 && all > MOST {
        true => check_bytes(function, false, 0, Bytes { all, largest: 0 }),
        false => Ok(()),
    }
}

/// Room for the texts that a function makes row by row.
pub struct ByteRoom {
    function: &'static str,
    left: u128,
}

impl ByteRoom {
    /// For a function that is given so many bytes.
    pub fn new(function: &'static str, given: usize) -> Self {
        Self { function, left: batch_bytes(given as u128) }
    }

    /// Bytes that the next text may have.
    pub fn next(&self) -> usize {
        VALUE.min(self.left) as usize
    }

    /// The error that a text has more.
    pub fn refuse_more<T>(&self) -> Result<T> {
        let function = self.function;
        let most = VALUE >> 20;
        let why = format!(
            "{function}() would make a text of more than {most} MiB, or several of more than {} \
                           MiB for the rows of one batch, which is too large: make it shorter",
            BATCH >> 20
        );
        Err(row_error(&why))
    }

    /// Takes a text's bytes from the room.
    pub fn take_bytes(&mut self, bytes: usize) -> Result<()> {
        match bytes <= self.next() {
            true => {
                self.left -= bytes as u128;
                Ok(())
            }
            false => self.refuse_more(),
        }
    }
}

/// An argument, by rows.
struct Argument {
    array: ArrayRef,
    /// Whether it is the same for all rows.
    is_one: bool,
    /// Bytes of a list's value, or of another nested value, on average.
    average: u128,
}

impl Argument {
    fn from_value(value: &ColumnarValue) -> Result<Self> {
        Ok(match value {
            ColumnarValue::Scalar(value) => {
                Self { is_one: true, ..Self::of_rows(ScalarValue::to_array(value)?) }
            }
            ColumnarValue::Array(array) => Self::of_rows(array.clone()),
        })
    }

    fn of_rows(array: ArrayRef) -> Self {
        let count = match array.data_type() {
            DataType::List(_) => {
                // A slice of an array has all values of the array. Those of its own rows are between
                // its offsets.
                let offsets = array.as_list::<i32>().value_offsets();
                let ends = offsets.first().zip(offsets.last());
                ends.map_or(0, |(first, last)| usize::try_from(last - first).unwrap_or(0))
            }
            _ => array.len(),
        };
        let average = match array.data_type().is_nested() {
            true => {
                let bytes = array.to_data().get_slice_memory_size();
                bytes.map_or(u128::MAX, |bytes| bytes as u128) / count.max(1) as u128
            }
            false => 8,
        };
        Self { array, is_one: false, average }
    }

    fn count_rows(&self) -> usize {
        if self.is_one { 1 } else { self.array.len() }
    }

    fn value_at(&self, row: usize) -> (&ArrayRef, usize) {
        (&self.array, if self.is_one { 0 } else { row })
    }

    /// The bytes of a value.
    fn value_bytes(&self, row: usize) -> u128 {
        let (array, at) = self.value_at(row);
        if array.is_null(at) {
            return 0;
        }
        let bytes = match array.data_type() {
            DataType::Utf8 => array.as_string::<i32>().value_length(at) as usize,
            DataType::LargeUtf8 => array.as_string::<i64>().value(at).len(),
            DataType::Utf8View => array.as_string_view().value(at).len(),
            DataType::Binary => array.as_binary::<i32>().value_length(at) as usize,
            DataType::LargeBinary => array.as_binary::<i64>().value(at).len(),
            DataType::BinaryView => array.as_binary_view().value(at).len(),
            DataType::List(_) => return self.count_items(row).saturating_mul(self.average),
            _ => return self.average,
        };
        bytes as u128
    }

    /// How many values a list has.
    fn count_items(&self, row: usize) -> u128 {
        let (array, row) = self.value_at(row);
        let items = match array.data_type() {
            _ if array.is_null(row) => 0,
            DataType::List(_) => array.as_list::<i32>().value_length(row) as usize,
            DataType::LargeList(_) => array.as_list::<i64>().value(row).len(),
            DataType::FixedSizeList(_, items) => usize::try_from(*items).unwrap_or(0),
            _ => 0,
        };
        items as u128
    }

    /// A text, if it is one.
    fn text_at(&self, row: usize) -> Option<&str> {
        let (array, row) = self.value_at(row);
        if array.is_null(row) {
            return None;
        }
        match array.data_type() {
            DataType::Utf8 => Some(array.as_string::<i32>().value(row)),
            DataType::LargeUtf8 => Some(array.as_string::<i64>().value(row)),
            DataType::Utf8View => Some(array.as_string_view().value(row)),
            _ => None,
        }
    }

    /// How often a part is in a text.
    fn count_places(&self, part: &Self, row: usize) -> u128 {
        let (Some(text), Some(part)) = (self.text_at(row), part.text_at(row)) else { return 0 };
        text.matches(part).count() as u128
    }

    /// The bytes that a letter of a text has at most.
    fn letter_bytes(&self, row: usize) -> u128 {
        if self.text_at(row).is_none_or(str::is_ascii) { 1 } else { 4 }
    }

    /// A number that says how often; none is not at all.
    fn repeat_count(&self, row: usize) -> u128 {
        u128::try_from(self.number_at(row)).unwrap_or(0)
    }

    /// A number, or a time in its own unit.
    fn number_at(&self, row: usize) -> i128 {
        let (array, row) = self.value_at(row);
        let numbers = cast(&array.slice(row, 1), &DataType::Int64);
        let number = numbers.ok().and_then(|numbers| {
            let numbers = numbers.as_primitive_opt::<Int64Type>()?;
            numbers.is_valid(0).then(|| numbers.value(0))
        });
        i128::from(number.unwrap_or(0))
    }

    /// A step between values of the type of `of`, in its unit.
    fn step_at(&self, row: usize, of: &Self) -> u128 {
        let (array, row) = self.value_at(row);
        if *array.data_type() != DataType::Interval(IntervalUnit::MonthDayNano) {
            return self.number_at(row).unsigned_abs();
        }
        const DAY: i128 = 86_400_000_000_000;
        let step = array.as_primitive::<IntervalMonthDayNanoType>().value(row);
        // The shortest month: an estimate may be too large, but not too small.
        let days = i128::from(step.months) * 28 + i128::from(step.days);
        let nanoseconds = days * DAY + i128::from(step.nanoseconds);
        let unit = match of.value_at(0).0.data_type() {
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
pub fn hold_functions(functions: &mut [Arc<ScalarUDF>]) {
    for function in functions {
        if let Some(held) = hold_function(function) {
            *function = held;
        }
    }
}

/// A function with its bound, if it is to have one and has none. The engine calls some that are not
/// those of the session: `ARRAY[…]`, `||` of lists.
pub fn hold_function(function: &ScalarUDF) -> Option<Arc<ScalarUDF>> {
    let inner = function.inner();
    // Functions of the session have their bound before a plan is made of them.
    if (inner.as_ref() as &dyn Any).is::<BoundedFunction>() {
        return None;
    }
    // A call by an alias, such as `array_join`, has the function's own name by now.
    let (_, estimate) = HELD.iter().find(|(name, _)| *name == function.name())?;
    Some(Arc::new(ScalarUDF::from(BoundedFunction { inner: inner.clone(), estimate: *estimate })))
}

/// A function with a bound.
#[derive(Debug)]
struct BoundedFunction {
    inner: Arc<dyn ScalarUDFImpl>,
    estimate: Estimate,
}

impl PartialEq for BoundedFunction {
    fn eq(&self, other: &Self) -> bool {
        self.inner.name() == other.inner.name()
    }
}

impl Eq for BoundedFunction {}

impl Hash for BoundedFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.inner.name().hash(state);
    }
}

impl ScalarUDFImpl for BoundedFunction {
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
        let known: Vec<_> = args.args.iter().map(Argument::from_value).collect::<Result<_>>()?;
        let rows = known.iter().map(Argument::count_rows).max().unwrap_or(0);
        let is_constant = known.iter().all(|arg| arg.is_one);
        let given = Bytes::sum_bytes(rows, |row| whole_bytes(&known, row)).all;
        let made = Bytes::sum_bytes(rows, |row| (self.estimate)(&known, row));
        check_bytes(self.name(), is_constant, if is_constant { 0 } else { given }, made)?;
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
