//! Writes de-identified rows as tables.

mod blocks;
pub mod keys;
pub mod rows;
pub mod staged;
