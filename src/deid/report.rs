//! What de-identification left out, by type: counts only, never values.

use std::collections::BTreeMap;

use serde::Serialize;

/// Counts by resource type, then by extension URL or element name.
pub type ByType = BTreeMap<String, BTreeMap<String, u64>>;

/// What was left out of the rows of a run. Reports of parts of a run add up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Extensions outside the allow-list, dropped.
    pub dropped_extensions: ByType,
    /// Modifier extensions outside the allow-list; each cost its resource.
    pub unknown_modifier_extensions: ByType,
    /// Elements that R4 does not know, dropped.
    pub non_r4_elements: ByType,
    /// Elements of contained resources that did not fit the table's schema, dropped.
    pub contained_misfits: ByType,
}

/// What one entry of the report counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// A dropped extension.
    Extension,
    /// A modifier extension that cost its resource.
    Modifier,
    /// An element outside R4.
    NonR4,
}

impl Report {
    /// Counts one.
    pub fn count(&mut self, what: Left, resource_type: &str, name: &str) {
        let table = match what {
            Left::Extension => &mut self.dropped_extensions,
            Left::Modifier => &mut self.unknown_modifier_extensions,
            Left::NonR4 => &mut self.non_r4_elements,
        };
        add(table, resource_type, name, 1);
    }

    /// Counts an element of a contained resource that was dropped.
    pub fn count_misfits(&mut self, resource_type: &str, name: &str, count: u64) {
        add(&mut self.contained_misfits, resource_type, name, count);
    }

    /// Adds another part's counts.
    pub fn merge(&mut self, other: &Report) {
        for (mine, others) in [
            (&mut self.dropped_extensions, &other.dropped_extensions),
            (&mut self.unknown_modifier_extensions, &other.unknown_modifier_extensions),
            (&mut self.non_r4_elements, &other.non_r4_elements),
            (&mut self.contained_misfits, &other.contained_misfits),
        ] {
            for (resource_type, names) in others {
                for (name, count) in names {
                    add(mine, resource_type, name, *count);
                }
            }
        }
    }
}

fn add(table: &mut ByType, resource_type: &str, name: &str, count: u64) {
    if !table.contains_key(resource_type) {
        table.insert(resource_type.to_owned(), BTreeMap::new());
    }
    if let Some(names) = table.get_mut(resource_type) {
        match names.get_mut(name) {
            Some(sum) => *sum += count,
            None => {
                names.insert(name.to_owned(), count);
            }
        }
    }
}

/// A URL as the report may show it: what does not look like one is not repeated, since anything
/// may stand where a URL belongs.
pub fn printable_url(url: Option<&str>) -> &str {
    match url {
        None => "(no url)",
        Some(url) if looks_like_url(url) => url,
        Some(_) => "(not a URL)",
    }
}

fn looks_like_url(url: &str) -> bool {
    url.len() <= 300
        && ["http://", "https://", "urn:"].iter().any(|scheme| url.starts_with(scheme))
        && url.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~:/#%+".contains(&b))
}
