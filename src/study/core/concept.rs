//! Tables of codings: one row per coding of a concept, or the best one.

use super::declare::Concept;
use super::place::{SourceElement, Sources};
use super::sql_type::SqlType;
use super::{CoreColumn, TableQuery};

/// The columns of a coding that every table of codings has.
const CODING: [(&str, SqlType); 4] = [
    ("code", SqlType::Text),
    ("system", SqlType::Text),
    ("display", SqlType::Text),
    ("userSelected", SqlType::Boolean),
];

impl Concept {
    /// The table's whole name.
    pub fn table_name(&self) -> String {
        format!("core__{}_{}", self.source, self.name)
    }

    /// The table's columns.
    pub fn list_columns(&self) -> Vec<CoreColumn> {
        let row = self.row.then_some(("row", SqlType::BigInt));
        let extra = self.extra.iter().map(|(_, name)| (*name, SqlType::Text));
        let all = std::iter::once(("id", SqlType::Text)).chain(row).chain(CODING).chain(extra);
        all.map(CoreColumn::from).collect()
    }

    fn describe_table(&self) -> String {
        let path = format!("`{}.{}`", self.source, self.path);
        match self.prefer {
            [] => format!("The codings of {path}."),
            [only] => format!("The one coding of {path} in `{only}`."),
            [first, .., last] => format!(
                "For each resource the best coding of {path}, of {} systems: `{first}` before all \
                 others, `{last}` after them.",
                self.prefer.len()
            ),
        }
    }

    /// The statement that makes the table.
    pub fn table_query(&self, sources: &Sources) -> TableQuery {
        let query = match self.codings_sql(sources) {
            None => {
                return TableQuery::without_rows(
                    self.table_name(),
                    self.list_columns(),
                    self.describe_table(),
                );
            }
            Some(codings) if self.prefer.is_empty() => codings,
            Some(codings) => self.best_coding_sql(&codings),
        };
        TableQuery {
            table: self.table_name(),
            columns: self.list_columns(),
            about: self.describe_table(),
            query,
        }
    }

    /// All codings that may be kept; nothing if the schema has no place for them.
    fn codings_sql(&self, sources: &Sources) -> Option<String> {
        let mut place = sources.table_rows(self.source, "s");
        let mut from = format!("{} AS s", super::place::quote_name(self.source));
        let mut row = SqlType::BigInt.null_sql();
        let mut outermost = None;
        for (index, step) in self.path.split('.').enumerate() {
            let Some(list) = step.strip_suffix("[]") else {
                place = place.get(step);
                continue;
            };
            place = place.get(list);
            let alias = format!("l{index}");
            let items = place.list_items(format!("{alias}.item{index}"))?;
            // Only the outermost list gives `row`: by it tables of one list are joined, as substance
            // and manifestation of a reaction are.
            if outermost.is_none() && self.row {
                from += &format!(
                    ",\n    UNNEST({}) WITH ORDINALITY AS {alias} (item{index}, row)",
                    place.as_sql()
                );
                row = format!("{alias}.row");
            } else {
                from += &format!(",\n    UNNEST({}) AS {alias} (item{index})", place.as_sql());
            }
            outermost.get_or_insert_with(|| items.clone());
            place = items;
        }
        let list = place.get("coding");
        let coding = list.list_items("c.coding")?;
        from += &format!(",\n    UNNEST({}) AS c (coding)", list.as_sql());

        let mut columns = vec!["s.id AS id".to_owned()];
        if self.row {
            columns.push(format!("{row} AS row"));
        }
        for (name, kind) in CODING {
            columns.push(format!("{} AS {name}", coding.get(name).value_sql(kind)));
        }
        for (element, name) in self.extra {
            columns.push(format!(
                "{} AS {name}",
                outermost.as_ref()?.get(element).value_sql(SqlType::Text)
            ));
        }
        if self.prefer.is_empty() {
            return Some(format!("SELECT DISTINCT\n  {}\nFROM {from}", columns.join(",\n  ")));
        }
        let system = coding.get("system").value_sql(SqlType::Text);
        let is = |known: &str| match known.contains('%') {
            true => format!("{system} LIKE '{known}'"),
            false => format!("{system} = '{known}'"),
        };
        let ranks: Vec<_> = self
            .prefer
            .iter()
            .enumerate()
            .map(|(rank, known)| format!("WHEN {} THEN {rank}", is(known)))
            .collect();
        columns.push(format!("CASE\n    {}\n  END AS priority", ranks.join("\n    ")));
        Some(format!("SELECT DISTINCT\n  {}\nFROM {from}", columns.join(",\n  ")))
    }

    /// One coding per resource: that of the best system, the first by code among several. Further
    /// columns decide the order of equal ones, so that the same data always gives the same table.
    fn best_coding_sql(&self, codings: &str) -> String {
        let columns: Vec<_> = self.list_columns().into_iter().map(|column| column.name).collect();
        let order = match self.row {
            true => "priority, code, row, system, display, userSelected",
            false => "priority, code, system, display, userSelected",
        };
        format!(
            "WITH codings AS (\n{codings}\n),\nranked AS (\n  SELECT\n    {columns},\n    \
             row_number() OVER (PARTITION BY id ORDER BY {order}) AS place\n  FROM codings\n  \
             WHERE priority IS NOT NULL\n)\nSELECT {columns}\nFROM ranked\nWHERE place = 1",
            columns = columns.join(", ")
        )
    }
}

/// The formats of documents' contents. Unlike other codings they stand alone, and a content without
/// a format has a row, too.
pub(super) fn document_format(sources: &Sources) -> TableQuery {
    let table = "core__documentreference_dn_format".to_owned();
    let about = "The formats of documents' contents.".to_owned();
    let leaves = ["code", "system", "display"];
    let columns: Vec<CoreColumn> =
        std::iter::once("id").chain(leaves).map(|name| (name, SqlType::Text).into()).collect();
    let list = sources.table_rows("documentreference", "s").get("content");
    let format = list.list_items("l.content").map(|content| content.get("format"));
    // R4's `format` is a Coding, not a CodeableConcept: there is no list below it to be unnested.
    let Some(format) = format.filter(SourceElement::is_known) else {
        return TableQuery::without_rows(table, columns, about);
    };
    let values =
        leaves.map(|leaf| format!("{} AS {leaf}", format.get(leaf).value_sql(SqlType::Text)));
    let query = format!(
        "SELECT DISTINCT\n  s.id,\n  {}\nFROM documentreference AS s, UNNEST({}) AS l (content)",
        values.join(",\n  "),
        list.as_sql()
    );
    TableQuery { table, columns, about, query }
}
