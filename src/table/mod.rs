//! De-identified rows become Arrow: columns by R4's definitions and the shape seen.

mod adapt;
mod builder;
mod column;
mod fit;
pub mod json;
pub mod schema;

pub use adapt::{Misfits, adapt};
pub use builder::TableBuilder;
pub use fit::{Find, find_field, fit};
pub use schema::Shape;

#[cfg(test)]
mod tests;
