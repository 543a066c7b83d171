//! Finds what an input folder holds, and reads it as chunks of lines.

mod ahead;
pub mod chunks;
mod deletes;
mod export_log;
mod files;
pub mod gzip;
mod listing;
mod managed_folder;

pub use ahead::ReadAhead;
pub use deletes::{Deletes, count_entries, read_deletes};
pub use export_log::{ExportLog, parse_time, read_export_log};
pub use files::{InputFile, Inputs, find, resource_type};
pub use listing::{Found, Listing, list};
pub use managed_folder::refuse_managed_folder;

#[cfg(test)]
mod tests;
