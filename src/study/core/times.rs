//! Times that are none: null in core's tables, and counted.

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;

use super::declare::ColumnSpec;
use super::place::Sources;
use super::resources;
use super::sql_type::SqlType;
use crate::error::Result;
use crate::study::engine::Engine;

/// Texts of an element that are no time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unread {
    /// The source table.
    pub table: String,
    /// The element within its rows.
    pub element: &'static str,
    /// How many.
    pub count: u64,
}

/// Counts them, for all elements that core takes for times.
pub fn count_unread(engine: &dyn Engine, sources: &Sources) -> Result<Vec<Unread>> {
    let mut all = Vec::new();
    for resource in resources::OTHERS.iter().chain([&resources::PATIENT]) {
        let table = resource.fhir.to_lowercase();
        let rows = sources.table_rows(&table, "s");
        let mut elements: Vec<_> = resource
            .columns
            .iter()
            .filter_map(|column| match column {
                ColumnSpec::Time(_, path, _)
                | ColumnSpec::HiddenTime(_, path)
                | ColumnSpec::Date(_, path) => Some(*path),
                ColumnSpec::Element(_, path, SqlType::Timestamp | SqlType::Date)
                | ColumnSpec::Hidden(_, path, SqlType::Timestamp | SqlType::Date) => Some(*path),
                _ => None,
            })
            .filter(|path| rows.get(path).is_known())
            .collect();
        elements.sort_unstable();
        elements.dedup();
        if elements.is_empty() {
            continue;
        }
        // One query for all elements of a table, since each query reads the table's files again.
        let counted = |(index, path): (usize, &&str)| {
            format!("count_if({}) AS n{index}", rows.get(path).is_no_time())
        };
        let counted: Vec<_> = elements.iter().enumerate().map(counted).collect();
        let sql = format!("SELECT {} FROM {table} AS s", counted.join(", "));
        for batch in engine.run_query(&sql)?.batches {
            let batch = batch?;
            for (element, column) in elements.iter().zip(batch.columns()) {
                let counts = column.as_primitive_opt::<Int64Type>();
                let count = counts.and_then(|counts| counts.iter().flatten().next()).unwrap_or(0);
                let count = u64::try_from(count).unwrap_or(0);
                if count > 0 {
                    all.push(Unread { table: table.clone(), element, count });
                }
            }
        }
    }
    Ok(all)
}
