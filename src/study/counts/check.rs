//! From a workflow as written to tables of counts that have a meaning.

use std::collections::HashSet;

use sqlparser::ast::{Ident, ObjectName, ObjectNamePart};
use sqlparser::dialect::GenericDialect;
use sqlparser::tokenizer::Token;
use toml::Spanned;

use super::raw::{RawAnnotation, RawColumn, RawCountsTable, RawFilter};
use super::{
    Annotation, CountColumn, CountsTable, Filter, MAX_COLUMNS, MIN_SUBJECT, PRIMARY_ID, Secondary,
    clause,
};
use crate::error::Result;
use crate::study::dialect;
use crate::study::source::Source;
use crate::ui::format_count;

/// The column that holds the counts.
pub const COUNT: &str = "cnt";

/// Checks a table.
pub fn check_table(
    source: &Source,
    name: &Spanned<String>,
    raw: RawCountsTable,
) -> Result<CountsTable> {
    let columns = check_columns(source, name, &raw)?;
    let primary_id = raw.primary_id.map_or(PRIMARY_ID.to_owned(), Spanned::into_inner);
    let secondary_id = raw.secondary_id.as_ref().map(|id| id.get_ref().clone());
    let alt_join = raw.alt_secondary_join_id.map(Spanned::into_inner);
    let secondary = match &raw.secondary_table {
        None => None,
        Some(table) => Some(Secondary {
            table: table_name(source, table)?,
            // Cumulus Library's order: the column that is given for the join, then the ID that is counted,
            // then the patient.
            on: alt_join.or(secondary_id.clone()).unwrap_or(primary_id.clone()),
        }),
    };
    let annotation = raw
        .annotation
        .map(|annotation| self::check_annotation(source, annotation, &columns))
        .transpose()?;
    let mut table = CountsTable {
        name: name.get_ref().clone(),
        line: source.line_of(name),
        description: raw.description,
        source_table: table_name(source, &raw.source_table)?,
        columns,
        min_subject: raw.min_subject.map_or(MIN_SUBJECT, Spanned::into_inner),
        // Two counts of one column are the same, and would be two finished columns of one name.
        secondary_id: secondary_id.filter(|id| !id.eq_ignore_ascii_case(&primary_id)),
        primary_id,
        secondary,
        filters: raw.filter_cols.iter().map(|f| check_filter(source, f)).collect::<Result<_>>()?,
        clauses: Vec::new(),
        annotation,
    };
    // Before the conditions, which look columns up by name: of two of one name they would take the
    // first.
    check_names(source, name, &table)?;
    let clauses = raw.where_clauses.iter().map(|text| clause::read_clause(source, text, &table));
    table.clauses = clauses.collect::<Result<_>>()?;
    Ok(table)
}

fn check_columns(
    source: &Source,
    name: &Spanned<String>,
    raw: &RawCountsTable,
) -> Result<Vec<CountColumn>> {
    if raw.table_cols.get_ref().is_empty() {
        return Err(source.fault_at(&raw.table_cols, "table_cols names no columns"));
    }
    if raw.secondary_table.is_none() {
        if let Some(column) = raw.secondary_cols.first() {
            return Err(source.fault_at(column, "secondary_cols need a secondary_table"));
        }
        if let Some(column) = &raw.alt_secondary_join_id {
            return Err(source.fault_at(column, "alt_secondary_join_id needs a secondary_table"));
        }
    }
    let column = |raw: &Spanned<RawColumn>, secondary| {
        let (name, shown) = shown_names(raw);
        CountColumn { name, shown, secondary }
    };
    let first = raw.table_cols.get_ref().iter().map(|raw| column(raw, false));
    let columns: Vec<_> =
        first.chain(raw.secondary_cols.iter().map(|raw| column(raw, true))).collect();
    if columns.len() > MAX_COLUMNS {
        let message = format!(
            "{} has {}; {MAX_COLUMNS} are possible, which is {} groupings",
            name.get_ref(),
            format_count(columns.len() as u64, "column"),
            1_u32 << MAX_COLUMNS
        );
        return Err(source.fault_at(&raw.table_cols, message));
    }
    Ok(columns)
}

/// A column's name and the name that it is shown by.
fn shown_names(raw: &Spanned<RawColumn>) -> (String, String) {
    let column = raw.get_ref();
    (column.name.clone(), column.alias.as_ref().unwrap_or(&column.name).clone())
}

fn check_filter(source: &Source, raw: &Spanned<RawFilter>) -> Result<Filter> {
    let filter = raw.get_ref();
    // `filter_sql` would make `()` of it, which is no SQL.
    if filter.values.is_empty() && !filter.include_nulls {
        let message = format!("the filter on {} lets nothing through: give values", filter.name);
        return Err(source.fault_at(raw, message));
    }
    Ok(Filter {
        name: filter.name.clone(),
        values: filter.values.clone(),
        include_nulls: filter.include_nulls,
    })
}

fn check_annotation(
    source: &Source,
    raw: RawAnnotation,
    columns: &[CountColumn],
) -> Result<Annotation> {
    // By the shown name: the join is on finished rows, in which columns have no other.
    let named = |name: &str| columns.iter().find(|c| c.shown.eq_ignore_ascii_case(name));
    let Some(field) = named(raw.field.get_ref()) else {
        let known: Vec<_> = columns.iter().map(|column| column.shown.as_str()).collect();
        let message = format!("'{}' is not counted; {} are", raw.field.get_ref(), known.join(", "));
        return Err(source.fault_at(&raw.field, message));
    };
    let explained: Vec<_> = raw.columns.get_ref().iter().map(shown_names).collect();
    if explained.is_empty() {
        return Err(source.fault_at(&raw.columns, "the annotation has no columns"));
    }
    if let Some(target) = &raw.alt_target
        && !explained.iter().any(|(name, shown)| {
            [name, shown].iter().any(|own| own.eq_ignore_ascii_case(target.get_ref()))
        })
    {
        let message = format!("'{}' is none of the annotation's columns", target.get_ref());
        return Err(source.fault_at(target, message));
    }
    Ok(Annotation {
        field: field.shown.clone(),
        join_table: table_name(source, &raw.join_table)?,
        join_field: raw.join_field,
        columns: explained,
        alt_target: raw.alt_target.map(Spanned::into_inner),
    })
}

/// Each column of the finished rows, and of the table, has a name of its own.
fn check_names(source: &Source, name: &Spanned<String>, table: &CountsTable) -> Result<()> {
    let twice = |names: Vec<String>| {
        let mut seen = HashSet::new();
        let mut names = names.into_iter().map(|name| name.to_ascii_lowercase());
        // By a set: an annotation may have as many columns as a workflow of 1 MiB has room for.
        names.find(|name| !seen.insert(name.clone()))
    };
    // Conditions see the finished rows, studies see the table. An annotation has columns in the second
    // only, and `alt_target` takes the counted ones out of it.
    let finished = table.finished_columns();
    if let Some(column) = twice(finished).or_else(|| twice(table.shown_columns())) {
        let message = format!(
            "{} would have two columns '{column}': give one an alias, as in [name, type, alias]",
            name.get_ref()
        );
        return Err(source.fault_at(name, message));
    }
    Ok(())
}

impl CountsTable {
    /// The column of a count in the finished rows.
    pub fn count_column(id: &str) -> String {
        format!("{COUNT}_{id}")
    }

    /// The columns of the finished rows, which `where_clauses` can use: counts, then values.
    pub fn finished_columns(&self) -> Vec<String> {
        let ids = std::iter::once(&self.primary_id).chain(&self.secondary_id);
        let values = self.columns.iter().map(|column| column.shown.clone());
        ids.map(|id| Self::count_column(id)).chain(values).collect()
    }

    /// The columns of the table in order.
    pub fn shown_columns(&self) -> Vec<String> {
        let only_annotation = self.annotation.as_ref().is_some_and(|a| a.alt_target.is_some());
        let values = self.columns.iter().filter(|_| !only_annotation).map(|c| c.shown.clone());
        let explained = self.annotation.iter().flat_map(|annotation| &annotation.columns);
        let explained = explained.map(|(_, shown)| shown.clone());
        std::iter::once(COUNT.to_owned()).chain(values).chain(explained).collect()
    }
}

/// A table's name, `"schema"."table"` too; every part is quoted from here on.
fn table_name(source: &Source, text: &Spanned<String>) -> Result<ObjectName> {
    let fault = || source.fault_at(text, format!("'{}' is no table's name", text.get_ref()));
    let mut parser =
        dialect::parse_part(&GenericDialect {}, text.get_ref()).map_err(|_| fault())?;
    let name = parser.parse_object_name(false).map_err(|_| fault())?;
    // The parser stops where a name ends. Text behind it would be left out without a word.
    if parser.peek_token().token != Token::EOF {
        return Err(fault());
    }
    let quoted = name.0.into_iter().map(|part| match part {
        ObjectNamePart::Identifier(part) => {
            Some(ObjectNamePart::Identifier(Ident::with_quote('"', part.value)))
        }
        ObjectNamePart::Function(_) => None,
    });
    quoted.collect::<Option<_>>().map(ObjectName).ok_or_else(fault)
}
