//! Guesses at the meaning of a statement that can't be planned.
//!
//! The engine names the step that it could not do. These guesses look at the statement and at the tables,
//! and say what to write instead.

use std::collections::HashSet;
use std::ops::ControlFlow;

use arrow::datatypes::{DataType, Fields};
use sqlparser::ast::{Expr, Ident, ObjectName, Query, TableFactor, Visit, Visitor};

use super::catalog::TableCatalog;
use super::relations::list_relations;
use crate::error::{Error, Result, StudyFault};

/// Names that are shown as possible.
const SHOWN: usize = 5;
/// Letters by which a name that is meant may differ.
const DISTANCE: usize = 2;

/// A better reason why a query can't be planned, if there is one.
pub fn find_reason(tables: &TableCatalog, query: &Query) -> Result<Option<Error>> {
    let own = own_names(query);
    let mut found = Vec::new();
    for (schema, name) in list_relations(query) {
        if schema.as_deref() == Some("information_schema") || own.contains(&name) {
            continue;
        }
        let whole = tables.whole_name(schema.as_deref(), &name);
        match tables.open_table(&whole)? {
            Some(table) => found.push(table),
            None => return Ok(Some(unknown_table(&whole, &tables.table_names()?))),
        }
    }
    let mut lists = Lists { aliases: list_aliases(query), found: None, columns: Vec::new() };
    for table in &found {
        lists.columns.extend(table.spelled_schema().fields().iter().cloned());
    }
    let _ = query.visit(&mut lists);
    Ok(lists.found.map(|why| Error::new(StudyFault::Statement, why)))
}

fn unknown_table<'n>(name: &str, known: impl IntoIterator<Item = &'n String>) -> Error {
    let meant = match near_names(name, known.into_iter().map(String::as_str)).as_slice() {
        [] => String::new(),
        names => format!(": did you mean {}?", names.join(", ")),
    };
    Error::new(StudyFault::Statement, format!("there is no table {name}{meant}"))
}

/// A guess at what a column stands for that is not there.
pub fn hint_column(name: &str, qualified: bool, known: &[String]) -> String {
    let mut hint = match near_names(name, known.iter().map(String::as_str)).as_slice() {
        [] => String::new(),
        names => format!("; did you mean {}?", names.join(", ")),
    };
    if !qualified {
        hint += &format!("; if it is a text, it needs single quotes: '{name}'");
    }
    hint
}

/// The names that differ by few letters, the nearest first.
fn near_names<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> Vec<String> {
    // `core_patient` is `core__patient`.
    let plain = |name: &str| name.to_lowercase().replace("__", "_");
    let wanted = plain(name);
    let mut names: Vec<_> = known
        .map(|known| (strsim::damerau_levenshtein(&wanted, &plain(known)), known))
        // A name no longer than the distance could be turned into any other of its length.
        .filter(|(distance, known)| *distance <= DISTANCE && *distance < known.chars().count())
        .collect();
    names.sort();
    names.dedup();
    names.into_iter().take(SHOWN).map(|(_, name)| name.to_owned()).collect()
}

/// The tables that a query names itself, by WITH, in lower case.
fn own_names(query: &Query) -> HashSet<String> {
    struct Own(HashSet<String>);

    impl Visitor for Own {
        type Break = ();

        fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
            for table in query.with.iter().flat_map(|with| &with.cte_tables) {
                self.0.insert(table.alias.name.value.to_lowercase());
            }
            ControlFlow::Continue(())
        }
    }

    let mut own = Own(HashSet::new());
    let _ = query.visit(&mut own);
    own.0
}

/// The names of tables within a query, in lower case.
fn list_aliases(query: &Query) -> HashSet<String> {
    struct Aliases(HashSet<String>);

    impl Visitor for Aliases {
        type Break = ();

        fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
            if let TableFactor::Table { alias: Some(alias), .. } = factor {
                self.0.insert(alias.name.value.to_lowercase());
            }
            ControlFlow::Continue(())
        }

        fn pre_visit_relation(&mut self, name: &ObjectName) -> ControlFlow<()> {
            let last = name.0.last().and_then(|part| part.as_ident());
            self.0.extend(last.map(|name| name.value.to_lowercase()));
            ControlFlow::Continue(())
        }
    }

    let mut aliases = Aliases(HashSet::new());
    let _ = query.visit(&mut aliases);
    aliases.0
}

/// Looks for a path that goes into a list as if it were one value.
struct Lists {
    aliases: HashSet<String>,
    columns: Vec<arrow::datatypes::FieldRef>,
    found: Option<String>,
}

impl Visitor for Lists {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        let Expr::CompoundIdentifier(parts) = expr else { return ControlFlow::Continue(()) };
        let named = self.aliases.contains(&parts[0].value.to_lowercase());
        // A column may be called as a table is.
        let starts = if named { &[1, 0][..] } else { &[0][..] };
        for start in starts {
            if let Some(why) = into_list(&parts[*start..], parts, *start, &self.columns) {
                self.found = Some(why);
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    }
}

/// The reason, if a path goes into a list.
fn into_list(
    path: &[Ident],
    whole: &[Ident],
    start: usize,
    columns: &[arrow::datatypes::FieldRef],
) -> Option<String> {
    let (first, rest) = path.split_first()?;
    let column = columns.iter().find(|field| is_same_name(field.name(), first))?;
    let mut data_type = column.data_type().clone();
    for (index, name) in rest.iter().enumerate() {
        if let DataType::List(item) | DataType::LargeList(item) = &data_type {
            let list = show_path(&whole[..=start + index]);
            let value = &whole[start + index].value;
            let field = show_path(rest.get(index..)?);
            let DataType::Struct(fields) = item.data_type() else {
                return Some(format!("{list} is a list, and its values have no fields"));
            };
            // A field that the list's values lack is another mistake, of which the engine's own
            // words tell.
            field_of(fields, name)?;
            return Some(format!(
                "{list} is a list: CROSS JOIN UNNEST({list}) AS u ({value}), then u.{value}.{field}; or \
                 element_at({list}, 1).{field} for the first"
            ));
        }
        let DataType::Struct(fields) = &data_type else { return None };
        data_type = field_of(fields, name)?;
    }
    None
}

fn field_of(fields: &Fields, name: &Ident) -> Option<DataType> {
    fields
        .iter()
        .find(|field| is_same_name(field.name(), name))
        .map(|field| field.data_type().clone())
}

fn is_same_name(name: &str, ident: &Ident) -> bool {
    name.to_lowercase() == ident.value.to_lowercase()
}

fn show_path(parts: &[Ident]) -> String {
    parts.iter().map(|part| part.value.as_str()).collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {

    #[test]
    fn names_that_may_be_meant_are_near() {
        let known = ["patient", "patients_of_s", "core__patient", "encounter", "a"];
        let near = |name| super::near_names(name, known.into_iter());
        assert_eq!(near("patients"), ["patient"]);
        assert_eq!(near("core_patient"), ["core__patient"]);
        assert_eq!(near("Encuonter"), ["encounter"]);
        assert_eq!(near("b"), [""; 0]);
    }
}
