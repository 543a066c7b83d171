//! Tables of codings: one row per coding of a concept, or the best one.

use super::declare::Concept;
use super::place::{Place, Sources};
use super::sql_type::SqlType;
use super::{Column, TableQuery};

/// The columns of a coding that every table of codings has.
const CODING: [(&str, SqlType); 4] = [
    ("code", SqlType::Text),
    ("system", SqlType::Text),
    ("display", SqlType::Text),
    ("userSelected", SqlType::Boolean),
];

impl Concept {
    /// The table's whole name.
    pub fn table(&self) -> String {
        format!("core__{}_{}", self.source, self.name)
    }

    /// The table's columns.
    pub fn columns(&self) -> Vec<Column> {
        let row = self.row.then_some(("row", SqlType::BigInt));
        let extra = self.extra.iter().map(|(_, name)| (*name, SqlType::Text));
        let all = std::iter::once(("id", SqlType::Text)).chain(row).chain(CODING).chain(extra);
        all.map(Column::from).collect()
    }

    fn about(&self) -> String {
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
    pub fn statement(&self, sources: &Sources) -> TableQuery {
        let query = match self.codings(sources) {
            None => return TableQuery::empty(self.table(), self.columns(), self.about()),
            Some(codings) if self.prefer.is_empty() => codings,
            Some(codings) => self.best(&codings),
        };
        TableQuery { table: self.table(), columns: self.columns(), about: self.about(), query }
    }

    /// All codings that may be kept; nothing if the schema has no place for them.
    fn codings(&self, sources: &Sources) -> Option<String> {
        let mut place = sources.rows(self.source, "s");
        let mut from = format!("{} AS s", super::place::quoted(self.source));
        let mut row = SqlType::BigInt.null();
        let mut outermost = None;
        for (index, step) in self.path.split('.').enumerate() {
            let Some(list) = step.strip_suffix("[]") else {
                place = place.get(step);
                continue;
            };
            place = place.get(list);
            let alias = format!("l{index}");
            let items = place.items(format!("{alias}.item{index}"))?;
            if outermost.is_none() && self.row {
                from += &format!(
                    ",\n    UNNEST({}) WITH ORDINALITY AS {alias} (item{index}, row)",
                    place.sql()
                );
                row = format!("{alias}.row");
            } else {
                from += &format!(",\n    UNNEST({}) AS {alias} (item{index})", place.sql());
            }
            outermost.get_or_insert_with(|| items.clone());
            place = items;
        }
        let list = place.get("coding");
        let coding = list.items("c.coding")?;
        from += &format!(",\n    UNNEST({}) AS c (coding)", list.sql());

        let mut columns = vec!["s.id AS id".to_owned()];
        if self.row {
            columns.push(format!("{row} AS row"));
        }
        for (name, kind) in CODING {
            columns.push(format!("{} AS {name}", coding.get(name).value(kind)));
        }
        for (element, name) in self.extra {
            columns.push(format!(
                "{} AS {name}",
                outermost.as_ref()?.get(element).value(SqlType::Text)
            ));
        }
        if self.prefer.is_empty() {
            return Some(format!("SELECT DISTINCT\n  {}\nFROM {from}", columns.join(",\n  ")));
        }
        let system = coding.get("system").value(SqlType::Text);
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
    /// columns decide what is left, so that the same data always gives the same table.
    fn best(&self, codings: &str) -> String {
        let columns: Vec<_> = self.columns().into_iter().map(|column| column.name).collect();
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
    let columns: Vec<Column> =
        std::iter::once("id").chain(leaves).map(|name| (name, SqlType::Text).into()).collect();
    let list = sources.rows("documentreference", "s").get("content");
    let format = list.items("l.content").map(|content| content.get("format"));
    let Some(format) = format.filter(Place::exists) else {
        return TableQuery::empty(table, columns, about);
    };
    let values = leaves.map(|leaf| format!("{} AS {leaf}", format.get(leaf).value(SqlType::Text)));
    let query = format!(
        "SELECT DISTINCT\n  s.id,\n  {}\nFROM documentreference AS s, UNNEST({}) AS l (content)",
        values.join(",\n  "),
        list.sql()
    );
    TableQuery { table, columns, about, query }
}
