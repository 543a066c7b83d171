//! Tables of resources: elements by name, what they list joined, a row for every combination.

use super::declare::{ColumnSpec, Distinct, Join, Resource, TimePart};
use super::place::{SourceElement, Sources, quote_name};
use super::sql_type::SqlType;
use super::{CoreColumn, TableQuery};

/// Types of attachments that hold text.
const TEXT_TYPES: &str = "'text/html', 'text/plain', 'application/xhtml+xml'";
/// The extension by which de-identification says that an attachment's data was there.
const ABSENT: &str = "http://hl7.org/fhir/StructureDefinition/data-absent-reason";

/// The parts of a query for the columns of a resource: elements of its rows, tables to join, expressions.
#[derive(Default)]
struct SelectParts {
    elements: Vec<String>,
    joins: Vec<Join>,
    columns: Vec<String>,
}

impl Resource {
    /// The source table.
    pub fn source(&self) -> String {
        self.fhir.to_ascii_lowercase()
    }

    /// The table's whole name.
    pub fn table_name(&self) -> String {
        format!("core__{}", self.source())
    }

    /// The table's columns.
    pub fn list_columns(&self) -> Vec<CoreColumn> {
        self.columns.iter().flat_map(ColumnSpec::column_names).map(CoreColumn::from).collect()
    }

    /// The statement that makes the table.
    pub fn table_query(&self, sources: &Sources) -> TableQuery {
        let rows = sources.table_rows(&self.source(), "s");
        if !rows.is_known() {
            return TableQuery::without_rows(
                self.table_name(),
                self.list_columns(),
                self.about.to_owned(),
            );
        }
        let mut parts = SelectParts { joins: (self.joins)(&rows), ..SelectParts::default() };
        self.columns.iter().for_each(|columns| columns.add(self, &rows, &mut parts));

        let distinct = |place| if self.distinct == place { " DISTINCT" } else { "" };
        let status = rows.get("status");
        // `<>` alone is null where there is no status, and would leave the row out.
        let right = match self.has_status && status.is_known() {
            true => {
                format!("\n  WHERE ({0} IS NULL OR {0} <> 'entered-in-error')", status.as_sql())
            }
            false => String::new(),
        };
        let mut queries = vec![format!(
            "source AS (\n  SELECT{}\n    {}\n  FROM {} AS s{right}\n)",
            distinct(Distinct::Source),
            parts.elements.join(",\n    "),
            quote_name(&self.source()),
        )];
        let mut joins = String::new();
        for join in &parts.joins {
            let Join { alias, on, .. } = join;
            let how = if join.inner { "INNER JOIN" } else { "LEFT JOIN" };
            let table = match &join.query {
                Some(query) => {
                    queries.push(format!("{alias} AS (\n{query}\n)"));
                    String::new()
                }
                None => format!("{} AS ", join.table),
            };
            joins += &format!("\n{how} {table}{alias} ON {on}");
        }
        let keep = self.keep.map(|keep| format!("\nWHERE {keep}")).unwrap_or_default();
        let query = format!(
            "WITH {}\nSELECT{}\n  {}\nFROM source AS s{joins}{keep}",
            queries.join(",\n"),
            distinct(Distinct::Table),
            parts.columns.join(",\n  "),
        );
        TableQuery {
            table: self.table_name(),
            columns: self.list_columns(),
            about: self.about.to_owned(),
            query,
        }
    }
}

impl ColumnSpec {
    /// The columns' names and types.
    fn column_names(&self) -> Vec<(String, SqlType)> {
        let text = |name: &str| (name.to_owned(), SqlType::Text);
        match self {
            Self::Id => vec![text("id")],
            Self::Own(name) => vec![text(name)],
            Self::Element(name, _, kind) | Self::Sql(name, kind, _) => {
                vec![((*name).to_owned(), *kind)]
            }
            Self::Hidden(..) | Self::HiddenTime(..) => Vec::new(),
            Self::Time(name, _, parts) => parts.iter().map(|part| part.time_column(name)).collect(),
            Self::Date(name, _) => vec![((*name).to_owned(), SqlType::Date)],
            Self::Concept(prefix, _) => {
                ["code", "system", "display"].map(|part| text(&format!("{prefix}_{part}"))).into()
            }
            Self::ConceptAs(_, columns)
            | Self::Each(_, columns)
            | Self::EachPresent(_, columns) => columns.iter().map(|(_, name)| text(name)).collect(),
            Self::Aliases => vec![text("alias")],
            Self::HasText(..) => vec![("aux_has_text".to_owned(), SqlType::Boolean)],
        }
    }

    fn add(&self, resource: &Resource, rows: &SourceElement, parts: &mut SelectParts) {
        match self {
            Self::Id => {
                parts.add_element("id", rows.get("id").value_sql(SqlType::Text));
                parts.columns.push("s.id".to_owned());
            }
            Self::Own(name) => {
                parts.columns.push(format!("concat('{}/', s.id) AS {name}", resource.fhir));
            }
            Self::Element(name, path, kind) => {
                parts.add_element(name, rows.get(path).value_sql(*kind));
                parts.columns.push(format!("s.{}", quote_name(name)));
            }
            Self::Hidden(name, path, kind) => {
                parts.add_element(name, rows.get(path).value_sql(*kind))
            }
            Self::HiddenTime(name, path) => {
                parts.add_element(name, rows.get(path).value_sql(SqlType::Timestamp));
            }
            Self::Time(name, path, shown) => {
                parts.add_element(name, rows.get(path).value_sql(SqlType::Timestamp));
                for part in *shown {
                    let (shown, _) = part.time_column(name);
                    let value = part.part_sql(&format!("s.{}", quote_name(name)));
                    parts.columns.push(format!("{value} AS {}", quote_name(&shown)));
                }
            }
            Self::Date(name, path) => {
                parts.add_element(name, rows.get(path).value_sql(SqlType::Date));
                parts.columns.push(format!("s.{name}"));
            }
            Self::Concept(prefix, table) => {
                parts.join_concept(resource, table);
                for part in ["code", "system", "display"] {
                    parts.columns.push(format!("{table}.{part} AS {prefix}_{part}"));
                }
            }
            Self::ConceptAs(table, columns) => {
                parts.join_concept(resource, table);
                for (column, name) in *columns {
                    parts.columns.push(format!("{table}.{column} AS {name}"));
                }
            }
            Self::Each(list, leaves) => parts.join_items(resource, rows, list, leaves, false),
            Self::EachPresent(list, leaves) => parts.join_items(resource, rows, list, leaves, true),
            Self::Aliases => {
                let (name, aliases) =
                    (rows.get("name").value_sql(SqlType::Text), rows.get("alias"));
                // `array_join` leaves out a name that is null. A null list has to be told apart, as
                // `||` would make all of it null.
                let value = match aliases.list_items("") {
                    None => name,
                    Some(_) => format!(
                        "CASE WHEN {0} IS NULL THEN {name} ELSE array_join(ARRAY[{name}] || {0}, \
                         ', ') END",
                        aliases.as_sql()
                    ),
                };
                parts.add_element("alias", value);
                parts.columns.push("s.\"alias\"".to_owned());
            }
            Self::HasText(list, attachment) => {
                match has_text(&resource.source(), rows, list, attachment) {
                    Some(query) => {
                        parts.joins.push(Join::of_query("has_text", query));
                        parts.columns.push("has_text.id IS NOT NULL AS aux_has_text".to_owned());
                    }
                    None => parts.columns.push("FALSE AS aux_has_text".to_owned()),
                }
            }
            Self::Sql(name, _, sql) => parts.columns.push(format!("{sql} AS {}", quote_name(name))),
        }
    }
}

impl SelectParts {
    /// Adds an element of the rows, once.
    fn add_element(&mut self, name: &str, value: String) {
        let column = format!("{value} AS {}", quote_name(name));
        // Encounter lists `period.start` three times, as its columns stand in three places.
        if !self.elements.contains(&column) {
            self.elements.push(column);
        }
    }

    /// Joins a table of codings by ID, unless it is joined in some other way.
    fn join_concept(&mut self, resource: &Resource, table: &str) {
        if !self.joins.iter().any(|join| join.alias == table) {
            let name = format!("{}_{table}", resource.source());
            self.joins.push(Join::of_table(table, &name, format!("{table}.id = s.id")));
        }
    }

    /// Joins the items of a list and shows elements of them.
    fn join_items(
        &mut self,
        resource: &Resource,
        rows: &SourceElement,
        list: &str,
        leaves: &[(&str, &str)],
        present: bool,
    ) {
        let place = rows.get(list);
        let alias = format!("each_{}", list.to_ascii_lowercase().replace('.', "_"));
        let Some(item) = place.list_items("l.item") else {
            let nulls = leaves.iter().map(|(_, name)| (name, SqlType::Text.null_sql()));
            self.columns
                .extend(nulls.map(|(name, null)| format!("{null} AS {}", quote_name(name))));
            return;
        };
        let mut columns = vec!["s.id".to_owned()];
        for (leaf, name) in leaves {
            columns.push(format!(
                "{} AS {}",
                item.get(leaf).value_sql(SqlType::Text),
                quote_name(name)
            ));
            self.columns.push(format!("{alias}.{}", quote_name(name)));
        }
        let mut query = format!(
            "  SELECT {}\n  FROM {} AS s, UNNEST({}) AS l (item)",
            columns.join(", "),
            quote_name(&resource.source()),
            place.as_sql()
        );
        if present && let Some((leaf, _)) = leaves.first() {
            query += &format!("\n  WHERE {} IS NOT NULL", item.get(leaf).value_sql(SqlType::Text));
        }
        self.joins.push(Join::of_query(&alias, query));
    }
}

/// The IDs of resources with an attachment of text, whether its data is there or masked.
fn has_text(source: &str, rows: &SourceElement, list: &str, attachment: &str) -> Option<String> {
    let place = rows.get(list);
    let attachment = place.list_items("l.item")?.get(attachment);
    let mime = attachment.get("contentType");
    if !mime.is_known() {
        return None;
    }
    let mime = mime.value_sql(SqlType::Text);
    // `text/plain; charset=utf-8` is text as well.
    let is_text = format!("split_part({mime}, ';', 1) IN ({TEXT_TYPES})");
    let from = format!("FROM {source} AS s, UNNEST({}) AS l (item)", place.as_sql());
    let mut queries = Vec::new();
    let data = attachment.get("data");
    if data.is_known() {
        queries.push(format!(
            "  SELECT s.id {from}\n  WHERE {is_text} AND {} IS NOT NULL",
            data.as_sql()
        ));
    }
    let marks = attachment.get("_data.extension");
    if let Some(mark) = marks.list_items("e.extension")
        && mark.get("url").is_known()
        && mark.get("valueCode").is_known()
    {
        queries.push(format!(
            "  SELECT s.id {from}, UNNEST({}) AS e (extension)\n  WHERE {is_text}\n    AND {} = \
             '{ABSENT}' AND {} = 'masked'",
            marks.as_sql(),
            mark.get("url").value_sql(SqlType::Text),
            mark.get("valueCode").value_sql(SqlType::Text)
        ));
    }
    match queries.as_slice() {
        [] => None,
        // One row for each resource, as the rows are joined by ID. UNION drops equal rows by itself.
        [one] => Some(one.replacen("SELECT", "SELECT DISTINCT", 1)),
        _ => Some(queries.join("\n  UNION\n")),
    }
}

impl TimePart {
    /// The column of a time called `name`.
    fn time_column(self, name: &str) -> (String, SqlType) {
        match self {
            Self::Time => (name.to_owned(), SqlType::Timestamp),
            Self::Day => (format!("{name}_day"), SqlType::Date),
            Self::Week => (format!("{name}_week"), SqlType::Date),
            Self::Month => (format!("{name}_month"), SqlType::Date),
            Self::Year => (format!("{name}_year"), SqlType::Date),
        }
    }

    /// Its value.
    fn part_sql(self, time: &str) -> String {
        let day = format!("CAST({time} AS DATE)");
        match self {
            Self::Time => time.to_owned(),
            Self::Day => day,
            Self::Week => format!("date_trunc('week', {day})"),
            Self::Month => format!("date_trunc('month', {day})"),
            Self::Year => format!("date_trunc('year', {day})"),
        }
    }
}
