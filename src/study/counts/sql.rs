//! The meaning of a table of counts, as SQL.
//!
//! Three steps, so that an engine can keep the first's result and run the groupings one by one:
//! [`CountsTable::source_sql`], one [`CountsTable::grouping_sql`] per subset of the columns, and
//! [`CountsTable::finish_sql`] of their union. [`CountsTable::whole_sql`] is all of it in one.
//!
//! Each grouping has both counts side by side and drops cells below the minimum in the same step. So a
//! primary and a secondary count are always those of the same grouping and values, and neither a
//! condition nor an annotation ever sees a cell that is too small. A `CUBE` with two distinct
//! counts would need several times the memory.

use sqlparser::ast::Ident;

use super::check::COUNT;
use super::{Annotation, CountsTable, MISSING};

/// Which columns a grouping has; the others are rolled up. Bit `i` is column `i`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grouping(u32);

impl Grouping {
    /// Whether it groups by a column.
    pub fn groups_by(self, column: usize) -> bool {
        self.0 >> column & 1 == 1
    }
}

impl CountsTable {
    /// All subsets of the columns, the empty one first.
    pub fn list_groupings(&self) -> impl Iterator<Item = Grouping> + use<> {
        // `MAX_COLUMNS` is far below the 32 bits of a grouping, so that the shift can't overflow.
        (0..1_u32 << self.columns.len()).map(Grouping)
    }

    /// The rows to count: `id1`, with a secondary ID `id2`, then `c1`, `c2`, … as text.
    pub fn source_sql(&self) -> String {
        let mut columns = vec![format!("p.{} AS id1", quote_name(&self.primary_id))];
        if let Some(id) = &self.secondary_id {
            columns.push(format!("p.{} AS id2", quote_name(id)));
        }
        for (index, column) in self.columns.iter().enumerate() {
            let table = if column.secondary { 's' } else { 'p' };
            let name = quote_name(&column.name);
            // As text, a column of any type can have `cumulus__none` in the place of a null.
            columns.push(format!("CAST({table}.{name} AS varchar) AS c{}", index + 1));
        }
        let mut sql = format!("SELECT {} FROM {} AS p", columns.join(", "), self.source_table);
        if let Some(secondary) = &self.secondary {
            let on = quote_name(&secondary.on);
            sql += &format!(" INNER JOIN {} AS s ON s.{on} = p.{on}", secondary.table);
        }
        let filters: Vec<_> = self.filters.iter().map(filter_sql).collect();
        if !filters.is_empty() {
            sql += &format!(" WHERE {}", filters.join(" AND "));
        }
        sql
    }

    /// The counts of one grouping of the rows that `source` names: counts, then values; a missing
    /// value is `cumulus__none`, a rolled-up column is null. Rows whose value is that very text are
    /// a group of their own: they are never added to those without a value.
    pub fn grouping_sql(&self, grouping: Grouping, source: &str) -> String {
        let mut columns = vec![count_sql("id1", &self.primary_id)];
        let mut enough = vec![format!("count(DISTINCT id1) >= {}", self.min_subject)];
        if let Some(id) = &self.secondary_id {
            columns.push(count_sql("id2", id));
            // Even with a minimum of 0: values that never come with a secondary ID would be rows with
            // the count 0.
            enough.push(format!("count(DISTINCT id2) >= {}", self.min_subject.max(1)));
        }
        let mut keys = Vec::new();
        for (index, column) in self.columns.iter().enumerate() {
            let shown = quote_name(&column.shown);
            let key = format!("c{}", index + 1);
            if grouping.groups_by(index) {
                columns.push(format!("coalesce({key}, '{MISSING}') AS {shown}"));
                keys.push(key);
            } else {
                columns.push(format!("CAST(NULL AS varchar) AS {shown}"));
            }
        }
        let groups = match keys.is_empty() {
            // Without GROUP BY, no rows at all are one group. Its count of 0 is kept only if the
            // minimum is 0.
            true => String::new(),
            false => format!(" GROUP BY {}", keys.join(", ")),
        };
        let having = enough.join(" AND ");
        format!("SELECT {} FROM {source}{groups} HAVING {having}", columns.join(", "))
    }

    /// The table's rows, from the groupings' rows that `finished` names.
    pub fn finish_sql(&self, finished: &str) -> String {
        // `cnt` is one column. With a secondary ID it has that count, and the count of patients only
        // decides whether the row stays.
        let counted = self.secondary_id.as_ref().unwrap_or(&self.primary_id);
        let counted = format!("p.{}", quote_name(&Self::count_column(counted)));
        let explained: Vec<_> = self
            .annotation
            .iter()
            .flat_map(|annotation| &annotation.columns)
            .map(|(name, shown)| (format!("j.{}", quote_name(name)), quote_name(shown)))
            .collect();
        let summed = self.annotation.as_ref().is_some_and(|a| a.alt_target.is_some());
        let mut columns = Vec::new();
        if summed {
            columns.push(format!("CAST(sum({counted}) AS bigint) AS {}", quote_name(COUNT)));
        } else {
            columns.push(format!("{counted} AS {}", quote_name(COUNT)));
            columns.extend(
                self.columns.iter().map(|column| format!("p.{}", quote_name(&column.shown))),
            );
        }
        columns.extend(explained.iter().map(|(column, shown)| format!("{column} AS {shown}")));
        let mut sql = format!("SELECT {} FROM {finished} AS p", columns.join(", "));
        if let Some(annotation) = &self.annotation {
            sql += &format!(
                // Finished values are text, whatever type the explaining table has them in.
                " LEFT JOIN {} AS j ON p.{} = CAST(j.{} AS varchar)",
                annotation.join_table,
                quote_name(&annotation.field),
                quote_name(&annotation.join_field)
            );
        }
        if !self.clauses.is_empty() {
            // In brackets each: an OR in one condition must not undo the others.
            let clauses: Vec<_> = self.clauses.iter().map(|clause| format!("({clause})")).collect();
            sql += &format!(" WHERE {}", clauses.join(" AND "));
        }
        if summed {
            let keys: Vec<_> = explained.into_iter().map(|(column, _)| column).collect();
            sql += &format!(" GROUP BY {}", keys.join(", "));
        }
        sql
    }

    /// The whole table as one query.
    pub fn whole_sql(&self) -> String {
        let groupings: Vec<_> = self
            .list_groupings()
            .map(|grouping| self.grouping_sql(grouping, "counted_rows"))
            .collect();
        format!(
            "WITH counted_rows AS ({}),\nfinished_rows AS (\n  {}\n)\n{}",
            self.source_sql(),
            groupings.join("\n  UNION ALL ").trim_end(),
            self.finish_sql("finished_rows")
        )
    }
}

impl Annotation {
    /// A row if the table that explains has several rows of one value.
    pub fn repeated_sql(&self) -> String {
        // Compared as text, as the join does. A null joins with nothing, so any number of rows may lack
        // the value.
        let field = quote_name(&self.join_field);
        format!(
            "SELECT count(*) AS n FROM {} AS j WHERE j.{field} IS NOT NULL GROUP BY CAST(j.{field} AS \
             varchar) HAVING count(*) > 1 LIMIT 1",
            self.join_table
        )
    }

    /// Why a table of counts can't be explained by a table with such rows.
    pub fn explain_repeats(&self, table: &str) -> String {
        format!(
            "{table} can't be annotated by {}: several of its rows have the same {}, and they may be \
             patients'. Annotate by an upload or a vocabulary, or by a table with one row for each {}",
            self.join_table, self.join_field, self.join_field
        )
    }
}

fn count_sql(column: &str, id: &str) -> String {
    format!("count(DISTINCT {column}) AS {}", quote_name(&CountsTable::count_column(id)))
}

fn filter_sql(filter: &super::Filter) -> String {
    let column = format!("p.{}", quote_name(&filter.name));
    let mut ways = Vec::new();
    if filter.include_nulls {
        ways.push(format!("{column} IS NULL"));
    }
    if !filter.values.is_empty() {
        // A workflow has its values as text, and the column may be a number or a date.
        let values: Vec<_> =
            filter.values.iter().map(|value| format!("'{}'", value.replace('\'', "''"))).collect();
        ways.push(format!("CAST({column} AS varchar) IN ({})", values.join(", ")));
    }
    format!("({})", ways.join(" OR "))
}

/// A name in quotes, with quotes in it doubled.
fn quote_name(name: &str) -> String {
    Ident::with_quote('"', name).to_string()
}
