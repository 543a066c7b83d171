//! Trino's functions that the engine has not, or has otherwise.

use datafusion::execution::SessionStateBuilder;

/// `CAST(… AS varchar)`.
pub const TO_VARCHAR: &str = "to_varchar";

/// Adds them to a session.
pub fn extend(builder: SessionStateBuilder) -> SessionStateBuilder {
    builder
}

/// The form of a function that gives null where the function fails.
pub fn tried(_name: &str) -> Option<&'static str> {
    None
}
