//! Writes de-identified rows as tables.

pub mod completion;
pub mod delta;
mod deltalake;
pub mod files;
mod format;
pub mod keys;
pub mod layout;
pub mod parallel;
pub mod parquet_file;
pub mod rows;
mod sink;
pub mod staged;
pub mod table;
mod table_format;

pub use format::OutputFormat;
pub use sink::{TableSink, TableSinks};
pub use table_format::{SinkOptions, TableFormat};
