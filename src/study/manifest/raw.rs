//! `manifest.toml` as it is written, in its two layouts.

use std::fmt;

use indexmap::IndexMap;
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use toml::Spanned;

/// All keys that a manifest may have.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawManifest {
    pub study_prefix: Option<Spanned<String>>,
    pub description: Option<String>,
    pub data_dictionary: Option<Spanned<String>>,
    #[serde(default)]
    pub stages: IndexMap<Spanned<String>, Vec<Spanned<RawAction>>>,
    #[serde(default)]
    pub advanced_options: RawOptions,
    pub subject_grain_column: Option<String>,
    pub subject_grain_tables: Option<Vec<String>>,

    // The older layout, which has no stages.
    pub table_builder_config: Option<Spanned<RawFiles>>,
    pub sql_config: Option<Spanned<RawFiles>>,
    pub counts_builder_config: Option<Spanned<RawFiles>>,
    pub file_config: Option<Spanned<RawFiles>>,
    pub statistics_config: Option<Spanned<RawFiles>>,
    pub export_config: Option<Spanned<RawExports>>,
}

/// A part of a manifest that several studies share.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawSubmanifest {
    pub actions: Vec<Spanned<RawAction>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawAction {
    pub label: Option<Spanned<String>>,
    // The older key for `label`.
    pub description: Option<Spanned<String>>,
    #[serde(rename = "type")]
    pub kind: Option<Spanned<String>>,
    pub files: Option<Vec<Spanned<String>>>,
    pub tables: Option<Vec<Spanned<RawExport>>>,
    #[serde(default)]
    pub skip_by_default: bool,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawOptions {
    pub dedicated_schema: Option<Spanned<String>>,
    pub dynamic_study_prefix: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawFiles {
    #[serde(default)]
    pub file_names: Vec<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawExports {
    #[serde(default)]
    pub export_list: Vec<Spanned<RawExport>>,
    #[serde(default)]
    pub count_list: Vec<Spanned<RawExport>>,
    #[serde(default)]
    pub annotated_count_list: Vec<Spanned<RawExport>>,
    #[serde(default)]
    pub flat_list: Vec<Spanned<RawExport>>,
    #[serde(default)]
    pub meta_list: Vec<Spanned<RawExport>>,
}

/// `"name"` or `{name = "…", description = "…"}`.
pub struct RawExport {
    pub name: String,
    pub description: Option<String>,
}

impl<'de> Deserialize<'de> for RawExport {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Table {
            name: String,
            description: Option<String>,
        }

        struct Either;

        // Not an untagged enum: serde copies the value for it, and the line of an unknown key is lost.
        impl<'de> Visitor<'de> for Either {
            type Value = RawExport;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table's name or {name, description}")
            }

            fn visit_str<E>(self, name: &str) -> Result<RawExport, E> {
                Ok(RawExport { name: name.to_owned(), description: None })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<RawExport, A::Error> {
                let Table { name, description } =
                    Table::deserialize(MapAccessDeserializer::new(map))?;
                Ok(RawExport { name, description })
            }
        }

        deserializer.deserialize_any(Either)
    }
}
