//! The errors of functions about arguments and values that they can't take.

use datafusion::common::{DataFusionError, Result};

use crate::error::Error;

/// The error that arguments don't fit; how it is called is added.
pub fn refuse_arguments<T>() -> Result<T> {
    Err(DataFusionError::Plan(String::new()))
}

/// An error in a row. Its words never hold the row's value, so that they are shown. Those of the engine's
/// own errors are not.
pub fn row_error(why: &str) -> DataFusionError {
    DataFusionError::External(Box::new(Error::failed(why)))
}
