//! What every other package stands on, and what stands on none of them.

pub mod bounded;
pub mod encrypted;
pub mod error;
pub mod numbers;
pub mod poison;
pub mod text;
