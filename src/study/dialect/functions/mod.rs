//! Trino's functions that the engine has not, or has otherwise.

mod base;
mod lists;
mod text;
pub mod time;

use datafusion::execution::SessionStateBuilder;

/// `CAST(… AS varchar)`.
pub const TO_VARCHAR: &str = "to_varchar";

/// Adds them to a session.
pub fn extend(mut builder: SessionStateBuilder) -> SessionStateBuilder {
    let functions = builder.scalar_functions().get_or_insert_default();
    for function in time::all().into_iter().chain(text::all()).chain(lists::all()) {
        // One of the engine's that has the name, or goes by it, too, gives way.
        functions.retain(|known| known.name() != function.name());
        functions.push(function);
    }
    builder
}

/// The form of a function that gives null where the function fails.
pub fn tried(name: &str) -> Option<&'static str> {
    Some(match name {
        "from_iso8601_timestamp" => "try_from_iso8601_timestamp",
        "from_iso8601_date" => "try_from_iso8601_date",
        "date_parse" => "try_date_parse",
        _ => return None,
    })
}
