//! Finds what an input folder holds, and reads it as chunks of lines.

mod ahead;
pub mod chunks;
mod deletes;
mod export_log;
mod files;

pub use ahead::Ahead;
pub use deletes::{Deletes, read_deletes};
pub use export_log::{ExportLog, base_of, parse_time, read_export_log};
pub use files::{InputFile, Inputs, find};

#[cfg(test)]
mod tests;
