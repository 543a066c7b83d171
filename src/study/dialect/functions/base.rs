//! The parts that the functions share.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, StringArray, StringBuilder};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::faults::{refuse_arguments, row_error};

/// The types that a call's arguments are brought to; an error if they don't fit.
pub type Coerce = fn(&[DataType]) -> Result<Vec<DataType>>;

/// A function on arrays.
#[derive(Debug)]
pub struct Native {
    /// The name in SQL.
    pub name: &'static str,
    /// How it is called, for messages.
    pub usage: &'static str,
    /// The types of the arguments.
    pub coerce: Coerce,
    /// The type of the result, by the types of the arguments.
    pub returns: fn(&[DataType]) -> Result<DataType>,
    /// The result, as long as the arguments.
    pub run: fn(&[ArrayRef]) -> Result<ArrayRef>,
    signature: Signature,
}

impl Native {
    /// A function that gives the same for the same arguments.
    pub fn make_udf(
        name: &'static str,
        usage: &'static str,
        coerce: Coerce,
        returns: fn(&[DataType]) -> Result<DataType>,
        run: fn(&[ArrayRef]) -> Result<ArrayRef>,
    ) -> Arc<ScalarUDF> {
        Self::make_native(Volatility::Immutable, name, usage, coerce, returns, run)
    }

    /// A function that the engine leaves where it stands, and calls once for each row.
    pub fn make_immovable(
        name: &'static str,
        usage: &'static str,
        coerce: Coerce,
        returns: fn(&[DataType]) -> Result<DataType>,
        run: fn(&[ArrayRef]) -> Result<ArrayRef>,
    ) -> Arc<ScalarUDF> {
        Self::make_native(Volatility::Volatile, name, usage, coerce, returns, run)
    }

    fn make_native(
        volatility: Volatility,
        name: &'static str,
        usage: &'static str,
        coerce: Coerce,
        returns: fn(&[DataType]) -> Result<DataType>,
        run: fn(&[ArrayRef]) -> Result<ArrayRef>,
    ) -> Arc<ScalarUDF> {
        let signature = Signature::user_defined(volatility);
        Arc::new(ScalarUDF::from(Self { name, usage, coerce, returns, run, signature }))
    }
}

impl PartialEq for Native {
    fn eq(&self, other: &Self) -> bool {
        // By the name, which is given once: two pointers to one function need not be equal.
        self.name == other.name
    }
}

impl Eq for Native {}

impl Hash for Native {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl ScalarUDFImpl for Native {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        match (self.coerce)(types) {
            Ok(types) => Ok(types),
            Err(_) => {
                let types: Vec<_> = types.iter().map(ToString::to_string).collect();
                plan_err!("{} can't be called with ({})", self.usage, types.join(", "))
            }
        }
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        (self.returns)(types)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = args.args.into_iter().map(|arg| {
            // `into_array` writes a constant once for each row.
            super::bounded::check_copies(self.name, &arg, args.number_rows)?;
            arg.into_array(args.number_rows)
        });
        let result = (self.run)(&arrays.collect::<Result<Vec<_>>>()?)?;
        Ok(ColumnarValue::Array(result))
    }
}

/// Whether arrays of the type can be had as text without loss.
pub fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Null)
}

/// `count` texts.
pub fn expect_texts(types: &[DataType], least: usize, most: usize) -> Result<Vec<DataType>> {
    match (least..=most).contains(&types.len()) && types.iter().all(is_text) {
        true => Ok(vec![DataType::Utf8; types.len()]),
        false => refuse_arguments(),
    }
}

/// The first argument as text.
pub fn text_argument(args: &[ArrayRef], index: usize) -> Result<&StringArray> {
    let array = args.get(index).and_then(|array| array.as_string_opt::<i32>());
    array.ok_or_else(|| row_error("an argument is not text"))
}

/// Applies `make` to each row of a text that is not null.
pub fn map_text(
    texts: &StringArray,
    mut make: impl FnMut(usize, &str) -> Result<Option<String>>,
) -> Result<ArrayRef> {
    let mut out = StringBuilder::with_capacity(texts.len(), texts.value_data().len());
    for (row, value) in texts.iter().enumerate() {
        match value {
            None => out.append_null(),
            Some(value) => out.append_option(make(row, value)?),
        }
    }
    Ok(Arc::new(out.finish()))
}
