//! The words that core's tables are declared in.

use super::place::SourceElement;
use super::sql_type::SqlType;

/// A form that a time is shown in.
#[derive(Clone, Copy, Debug)]
pub(super) enum TimePart {
    /// The time itself.
    Time,
    /// Its day.
    Day,
    /// The Monday of its week.
    Week,
    /// The first of its month.
    Month,
    /// The first of its year.
    Year,
}

/// A resource type's table, a row for every combination of the items that it lists.
pub(super) struct Resource {
    /// FHIR's name of the type. In lower case it is the source's and the table's.
    pub fhir: &'static str,
    /// The purpose of the table, in one sentence.
    pub about: &'static str,
    /// Where equal rows become one.
    pub distinct: Distinct,
    /// Whether `status` can say `entered-in-error`; such rows are out.
    pub has_status: bool,
    /// A further condition on rows.
    pub keep: Option<&'static str>,
    /// The columns in order.
    pub columns: &'static [ColumnSpec],
    /// Tables joined that no column declares by itself.
    // A function, as the query of a join depends on the schema, and declarations are constants.
    pub joins: fn(&SourceElement) -> Vec<Join>,
}

/// Where equal rows become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
// Cumulus Library drops equal rows in some tables before it joins, in some after it, and in others not.
// Rows are compared with its own (test: tables_are_those_of_cumulus_library).
pub(super) enum Distinct {
    /// Nowhere: a resource that is there twice counts twice.
    Nowhere,
    /// Before anything is joined.
    Source,
    /// In the table.
    Table,
}

/// One or more columns.
pub(super) enum ColumnSpec {
    /// `id`
    Id,
    /// A reference to the resource itself: `Condition/<id>`.
    Own(&'static str),
    /// An element: name, path, type.
    Element(&'static str, &'static str, SqlType),
    /// An element that only expressions use.
    Hidden(&'static str, &'static str, SqlType),
    /// A FHIR date or time: name (`_day` and the like are added), path, forms.
    Time(&'static str, &'static str, &'static [TimePart]),
    /// A time that only expressions use.
    HiddenTime(&'static str, &'static str),
    /// The day of a FHIR date or time: name, path.
    Date(&'static str, &'static str),
    /// Code, system and display of a table of codings: names' prefix, table.
    Concept(&'static str, &'static str),
    /// Some columns of a table of codings: table, its columns and their names here.
    ConceptAs(&'static str, &'static [(&'static str, &'static str)]),
    /// Elements of a list's items, a row each: list, elements and their names here.
    Each(&'static str, &'static [(&'static str, &'static str)]),
    /// The same, without items that lack the first element.
    EachPresent(&'static str, &'static [(&'static str, &'static str)]),
    /// `alias`: the name, then the aliases, as far as they are there, in one text.
    Aliases,
    /// `aux_has_text`: whether an attachment has text: list, attachment within its items.
    HasText(&'static str, &'static str),
    /// An expression: name, type, SQL.
    Sql(&'static str, SqlType, &'static str),
}

/// A table that is joined to a resource's rows, which are called `s`.
pub(super) struct Join {
    /// Its name in the query.
    pub alias: String,
    /// The query that makes it; without one it is the table in `table`.
    pub query: Option<String>,
    /// The table's whole name; not used with a query.
    pub table: String,
    /// The condition.
    pub on: String,
    /// Whether resources without a partner are out.
    pub inner: bool,
}

impl Join {
    /// A left join of a table of core.
    pub fn of_table(alias: &str, table: &str, on: impl Into<String>) -> Self {
        Self {
            alias: alias.to_owned(),
            query: None,
            table: format!("core__{table}"),
            on: on.into(),
            inner: false,
        }
    }

    /// A left join by ID of a query.
    pub fn of_query(alias: &str, query: String) -> Self {
        Self {
            alias: alias.to_owned(),
            query: Some(query),
            table: String::new(),
            on: format!("{alias}.id = s.id"),
            inner: false,
        }
    }

    /// The same join, but without resources that have no partner.
    pub fn drop_unmatched(self) -> Self {
        Self { inner: true, ..self }
    }
}

/// No further tables.
pub(super) fn no_joins(_: &SourceElement) -> Vec<Join> {
    Vec::new()
}

/// A table of the codings of a `CodeableConcept`.
pub(super) struct Concept {
    /// The source table.
    pub source: &'static str,
    /// The table's name after `core__<source>_`.
    pub name: &'static str,
    /// The element, lists marked: `reaction[].manifestation[]`.
    pub path: &'static str,
    /// Systems, the best first, of which the one best coding is kept; `%` stands for any text.
    /// Without, all codings are.
    pub prefer: &'static [&'static str],
    /// Whether there is a column `row`: the place in the outermost list, from 1; null for an
    /// element that is no list.
    pub row: bool,
    /// Further elements of the outermost list's items: element, name.
    pub extra: &'static [(&'static str, &'static str)],
}

impl Concept {
    /// A table of all codings.
    pub const fn all_codings(source: &'static str, name: &'static str, path: &'static str) -> Self {
        Self { source, name, path, prefer: &[], row: false, extra: &[] }
    }

    /// The same with a column `row`.
    pub const fn with_row(self) -> Self {
        Self { row: true, ..self }
    }

    /// Only the best coding by system.
    pub const fn with_preferred(self, prefer: &'static [&'static str]) -> Self {
        Self { prefer, ..self }
    }

    /// With further elements.
    pub const fn with_extra(self, extra: &'static [(&'static str, &'static str)]) -> Self {
        Self { extra, ..self }
    }
}
