//! Writes de-identified rows as tables.

pub mod rows;
