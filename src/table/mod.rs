//! De-identified rows become Arrow: columns by R4's definitions and the shape seen.

mod adapt;
mod blocks;
mod builder;
mod column;
mod completion;
mod deidentified;
mod fit;
pub mod json;
pub mod schema;

pub use adapt::{Misfits, adapt_batch};
pub use blocks::{Block, Blocks, DAMAGED, Scratch, StagingArea};
pub use builder::TableBuilder;
pub use completion::{CompletedEncounters, CompletionRow};
pub use deidentified::{DeidentifiedBatch, DeidentifiedLines};
pub use fit::{Find, find_field, fit_array};
pub use schema::Shape;

#[cfg(test)]
mod tests;
