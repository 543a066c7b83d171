//! The parts that every other package uses. This package uses none of the others.

pub mod bounded;
pub mod encrypted;
pub mod error;
pub mod numbers;
pub mod poison;
pub mod text;
