//! Trino's functions that the engine has not, or has otherwise.

mod arithmetic;
mod base;
mod bounded;
mod bytes;
mod declared;
mod faults;
mod format;
mod json;
mod lists;
mod once;
mod patterns;
mod sum;
mod text;
pub mod time;

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::execution::SessionStateBuilder;

pub use arithmetic::TRIED;
pub use declared::narrow_numbers;

/// `CAST(… AS varchar)`.
pub const TO_VARCHAR: &str = "to_varchar";

/// Adds them to a session.
pub fn add_functions(mut builder: SessionStateBuilder) -> SessionStateBuilder {
    let functions = builder.scalar_functions().get_or_insert_default();
    let ours = time::list_functions()
        .into_iter()
        .chain(text::list_functions())
        .chain(patterns::list_functions())
        .chain(bytes::list_functions())
        .chain(lists::list_functions())
        .chain(arithmetic::list_functions())
        .chain([format::make_function(), json::make_function(), once::fence_function()]);
    for function in ours {
        // One of the engine's with this name goes. One that has it as an alias loses it, since ours are
        // registered after it.
        functions.retain(|known| known.name() != function.name());
        functions.push(function);
    }
    bounded::hold_functions(functions);
    let aggregates = builder.aggregate_functions().get_or_insert_default();
    aggregates.retain(|known| known.name() != "sum");
    aggregates.push(sum::sum_function());
    // Trino has none of the engine's, and some of them have no end.
    *builder.table_functions() = Some(HashMap::new());
    builder
        .with_analyzer_rule(Arc::new(arithmetic::Checked::new()))
        .with_analyzer_rule(Arc::new(once::Once::new()))
}

/// The form of a function that gives null where the function fails.
pub fn find_try_form(name: &str) -> Option<&'static str> {
    Some(match name {
        "from_iso8601_timestamp" => "try_from_iso8601_timestamp",
        "from_iso8601_date" => "try_from_iso8601_date",
        "date_parse" => "try_date_parse",
        _ => return None,
    })
}
