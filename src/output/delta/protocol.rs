//! The demands of a table's protocol on its readers and writers.

use serde_json::Value;

/// The features a table's protocol names.
#[derive(Clone, Debug, Default)]
pub(super) struct Protocol {
    /// `minWriterVersion`.
    pub writer_version: u64,
    /// Those of readers and those of writers, sorted.
    pub features: Vec<String>,
}

impl Protocol {
    /// From the `protocol` action.
    pub fn from_action(action: &Value) -> Self {
        let names = |key: &str| {
            let names = action[key].as_array().map(Vec::as_slice).unwrap_or_default();
            names.iter().filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>()
        };
        let mut features = names("writerFeatures");
        features.extend(names("readerFeatures"));
        features.sort();
        features.dedup();
        // A version that is missing, or no number, is one that
        // is not known here: the table is not written.
        Self { writer_version: action["minWriterVersion"].as_u64().unwrap_or(u64::MAX), features }
    }

    /// Whether the protocol names this feature.
    pub fn has_feature(&self, feature: &str) -> bool {
        self.features.iter().any(|name| name == feature)
    }
}
