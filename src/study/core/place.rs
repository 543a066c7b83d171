//! Elements of the source tables as their schemas have them.

use std::collections::HashMap;

use arrow::datatypes::{DataType, Fields, SchemaRef};

use super::sql_type::SqlType;

/// The schemas of the source tables by name, in lower case.
#[derive(Clone, Debug, Default)]
pub struct Sources(HashMap<String, SchemaRef>);

impl Sources {
    /// The schemas of tables that are there.
    pub fn new(tables: impl IntoIterator<Item = (String, SchemaRef)>) -> Self {
        Self(tables.into_iter().map(|(name, schema)| (name.to_ascii_lowercase(), schema)).collect())
    }

    /// A table's rows, called `alias`.
    pub(super) fn table_rows(&self, table: &str, alias: &str) -> SourceElement {
        let data = self.0.get(table).map(|schema| DataType::Struct(schema.fields().clone()));
        SourceElement { sql: alias.to_owned(), data }
    }
}

/// An element that a statement can name. If the schema lacks it, its value is null.
#[derive(Clone, Debug)]
pub(super) struct SourceElement {
    sql: String,
    data: Option<DataType>,
}

impl SourceElement {
    /// Whether the schema has it.
    pub fn is_known(&self) -> bool {
        self.data.is_some()
    }

    /// How a statement names it.
    pub fn as_sql(&self) -> &str {
        &self.sql
    }

    /// An element below it. Names are compared without case, as Athena does.
    pub fn get(&self, path: &str) -> Self {
        // An empty path is the element itself, as for `category`, a list of codes. Where the schema
        // ends the path is spelled on: `value_sql` shows a null in its place.
        path.split('.').filter(|name| !name.is_empty()).fold(self.clone(), |place, name| {
            let data = match &place.data {
                Some(DataType::Struct(fields)) => find_field(fields, name).cloned(),
                _ => None,
            };
            Self { sql: format!("{}.{}", place.sql, quote_name(name)), data }
        })
    }

    /// The items of the list that it is, called `sql`; nothing if it is no list.
    pub fn list_items(&self, sql: impl Into<String>) -> Option<Self> {
        match &self.data {
            Some(DataType::List(item) | DataType::LargeList(item)) => {
                Some(Self { sql: sql.into(), data: Some(item.data_type().clone()) })
            }
            _ => None,
        }
    }

    /// Its text as a time; null if the text is no time. Such a text must not end the study for all other
    /// rows.
    fn time_sql(&self) -> String {
        format!("TRY(from_iso8601_timestamp({}))", self.value_sql(SqlType::Text))
    }

    /// Whether it is a text that is no time.
    pub fn is_no_time(&self) -> String {
        let text = self.value_sql(SqlType::Text);
        format!("{text} IS NOT NULL AND {} IS NULL", self.time_sql())
    }

    /// Its value as a type.
    pub fn value_sql(&self, wanted: SqlType) -> String {
        use DataType::{Boolean, Float64, Int32, Int64, LargeUtf8, Null, Utf8, Utf8View};
        match (&self.data, wanted) {
            (None | Some(Null), _) => wanted.null_sql(),
            // Data that is not R4's may have an object here. A cast of it would end the build for all
            // other rows.
            (Some(data), _) if data.is_nested() => wanted.null_sql(),
            (Some(Utf8 | Utf8View | LargeUtf8), SqlType::Text)
            | (Some(Boolean), SqlType::Boolean)
            | (Some(Int64), SqlType::BigInt)
            | (Some(Int32), SqlType::Int)
            | (Some(Float64), SqlType::Double) => self.sql.clone(),
            // On Athena the function gives a time with a zone, which the cast takes off.
            (Some(_), SqlType::Timestamp | SqlType::Date) => {
                format!("CAST({} AS {})", self.time_sql(), wanted.sql_name())
            }
            _ => format!("CAST({} AS {})", self.sql, wanted.sql_name()),
        }
    }
}

fn find_field<'a>(fields: &'a Fields, name: &str) -> Option<&'a DataType> {
    let same = fields.iter().find(|field| field.name() == name);
    let same = same.or_else(|| fields.iter().find(|field| field.name().eq_ignore_ascii_case(name)));
    same.map(|field| field.data_type())
}

/// A name as SQL takes it: words of SQL in quotes.
pub(super) fn quote_name(name: &str) -> String {
    const WORDS: [&str; 6] = ["alias", "date", "end", "offset", "procedure", "start"];
    match WORDS.contains(&name) {
        true => format!("\"{name}\""),
        false => name.to_owned(),
    }
}
