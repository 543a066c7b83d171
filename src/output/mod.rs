//! Writes de-identified rows as tables.

pub mod delta;
pub mod parquet_file;
pub mod rows;
