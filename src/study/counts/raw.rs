//! A counts workflow as it is written.

use std::fmt;

use indexmap::IndexMap;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use toml::Spanned;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawCountsWorkflow {
    #[serde(rename = "config_type")]
    pub _config_type: String,
    pub tables: IndexMap<Spanned<String>, RawCountsTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawCountsTable {
    pub source_table: Spanned<String>,
    pub table_cols: Spanned<Vec<Spanned<RawColumn>>>,
    pub description: Option<String>,
    pub min_subject: Option<Spanned<u64>>,
    pub primary_id: Option<Spanned<String>>,
    #[serde(default)]
    pub filter_cols: Vec<Spanned<RawFilter>>,
    pub secondary_table: Option<Spanned<String>>,
    #[serde(default)]
    pub secondary_cols: Vec<Spanned<RawColumn>>,
    pub secondary_id: Option<Spanned<String>>,
    pub alt_secondary_join_id: Option<Spanned<String>>,
    #[serde(default)]
    pub where_clauses: Vec<Spanned<String>>,
    pub annotation: Option<RawAnnotation>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawAnnotation {
    pub field: Spanned<String>,
    pub join_table: Spanned<String>,
    pub join_field: String,
    pub columns: Spanned<Vec<Spanned<RawColumn>>>,
    pub alt_target: Option<Spanned<String>>,
}

/// `"name"`, `["name", "type"]` or `["name", "type", "alias"]`.
pub struct RawColumn {
    pub name: String,
    pub alias: Option<String>,
}

/// `{name, values, include_nulls}`, or the same three as a list.
#[derive(Debug)]
pub struct RawFilter {
    pub name: String,
    pub values: Vec<String>,
    pub include_nulls: bool,
}

impl<'de> Deserialize<'de> for RawColumn {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ColumnVisitor;

        impl<'de> Visitor<'de> for ColumnVisitor {
            type Value = RawColumn;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a column: its name, [name, type] or [name, type, alias]")
            }

            fn visit_str<E>(self, name: &str) -> Result<RawColumn, E> {
                Ok(RawColumn { name: name.to_owned(), alias: None })
            }

            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<RawColumn, A::Error> {
                let parts = Vec::<String>::deserialize(SeqAccessDeserializer::new(seq))?;
                let count = parts.len();
                let mut parts = parts.into_iter();
                match (parts.next(), parts.nth(1)) {
                    // The type is read and not used, as counts have all columns as text.
                    (Some(name), alias) if (1..=3).contains(&count) => {
                        Ok(RawColumn { name, alias })
                    }
                    _ => Err(A::Error::invalid_length(count, &self)),
                }
            }
        }

        deserializer.deserialize_any(ColumnVisitor)
    }
}

impl<'de> Deserialize<'de> for RawFilter {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Named {
            name: String,
            values: Vec<String>,
            #[serde(default)]
            include_nulls: bool,
        }

        struct FilterVisitor;

        impl<'de> Visitor<'de> for FilterVisitor {
            type Value = RawFilter;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a filter: {name, values, include_nulls} or a list of these three")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<RawFilter, A::Error> {
                let filter = Named::deserialize(MapAccessDeserializer::new(map))?;
                let Named { name, values, include_nulls } = filter;
                Ok(RawFilter { name, values, include_nulls })
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<RawFilter, A::Error> {
                let few =
                    |count| A::Error::invalid_length(count, &"name, values and include_nulls");
                let name = seq.next_element()?.ok_or_else(|| few(0))?;
                let values = seq.next_element()?.ok_or_else(|| few(1))?;
                let include_nulls = seq.next_element()?.ok_or_else(|| few(2))?;
                match seq.next_element::<serde::de::IgnoredAny>()? {
                    None => Ok(RawFilter { name, values, include_nulls }),
                    Some(_) => Err(few(4)),
                }
            }
        }

        deserializer.deserialize_any(FilterVisitor)
    }
}
