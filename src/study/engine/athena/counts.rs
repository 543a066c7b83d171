//! Counts as Athena is asked for them: one pass over the source.

use sqlparser::ast::Ident;

use crate::study::counts::{CountsTable, MISSING};

/// A table of counts as one query. Athena would run a query's parts as often as they
/// are named, and charge for each, so that the groupings are one `CUBE` here; it spreads the work
/// over its own machines. Rows are those of [`CountsTable::whole_sql`].
pub fn cube_sql(table: &CountsTable) -> String {
    let count = |column: &str, id: &str| {
        let name = Ident::with_quote('"', CountsTable::count_column(id));
        format!("count(DISTINCT {column}) AS {name}")
    };
    let mut columns = vec![count("id1", &table.primary_id)];
    let mut enough = vec![format!("count(DISTINCT id1) >= {}", table.min_subject)];
    if let Some(id) = &table.secondary_id {
        columns.push(count("id2", id));
        enough.push(format!("count(DISTINCT id2) >= {}", table.min_subject.max(1)));
    }
    let mut keys = Vec::new();
    for (index, column) in table.columns.iter().enumerate() {
        let key = format!("c{}", index + 1);
        let shown = Ident::with_quote('"', &column.shown);
        // A value that is missing is another thing than a column that is rolled up.
        columns.push(format!(
            "CASE WHEN grouping({key}) = 0 THEN coalesce({key}, '{MISSING}') END AS {shown}"
        ));
        keys.push(key);
    }
    let groups = match keys.is_empty() {
        true => String::new(),
        false => format!(" GROUP BY CUBE ({})", keys.join(", ")),
    };
    format!(
        "WITH counted_rows AS ({}),\nfinished_rows AS (\n  SELECT {} FROM counted_rows{groups} HAVING \
         {}\n)\n{}",
        table.source_sql(),
        columns.join(", "),
        enough.join(" AND "),
        table.finish_sql("finished_rows")
    )
}
