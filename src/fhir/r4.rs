//! Placeholder until the table is generated.
use super::Type;
pub(super) static TYPES: &[Type] = &[];
