//! The list of files that the server has made (Bulk Data IG, "Output Manifest").

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

use crate::http::TokenUse;

/// What a manifest lists a file under.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    Output,
    Deleted,
    Error,
}

impl Kind {
    /// Its name in manifest and log; the folder of all but `output`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Output => "output",
            Self::Deleted => "deleted",
            Self::Error => "error",
        }
    }
}

/// A file to download.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub kind: Kind,
    /// What its rows are.
    pub resource_type: String,
    pub url: Url,
    /// How many rows the server promises.
    pub count: Option<u64>,
    /// Its path below the folder, without `.gz`.
    pub name: String,
    /// Who gets the credentials.
    pub token: TokenUse,
}

/// One page of a manifest.
#[derive(Clone, Debug, Default)]
pub(super) struct Page {
    pub transaction_time: Option<String>,
    /// The kick-off URL, as the server has seen it.
    pub request: Option<String>,
    pub next: Option<Url>,
    /// Kind, type, URL, count.
    pub files: Vec<(Kind, String, Url, Option<u64>)>,
    /// Who gets the credentials, as far as this manifest may say so.
    pub token: TokenUse,
}

impl Page {
    /// Files of one kind.
    pub(super) fn count(&self, kind: Kind) -> usize {
        self.files.iter().filter(|file| file.0 == kind).count()
    }

    /// Reads a page that came from `url`. The error says what is wrong with it.
    pub(super) fn read(value: &Value, url: &Url) -> Result<Self, String> {
        if value["resourceType"] == "OperationOutcome" {
            return Err("it is an OperationOutcome".to_owned());
        }
        let Some(manifest) = value.as_object() else { return Err("it is no object".to_owned()) };
        if !manifest.contains_key("output") && !manifest.contains_key("transactionTime") {
            return Err("it has neither 'output' nor 'transactionTime'".to_owned());
        }
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let mut page = Self {
            transaction_time: text(&value["transactionTime"]),
            request: text(&value["request"]),
            token: match &value["requiresAccessToken"] {
                Value::Bool(true) => TokenUse::Required,
                Value::Bool(false) => TokenUse::Unneeded,
                Value::String(text) if text == "true" => TokenUse::Required,
                Value::String(text) if text == "false" => TokenUse::Unneeded,
                // It says nothing: the files are as everything else of the server.
                _ => TokenUse::SameOrigin,
            },
            ..Self::default()
        };
        for kind in [Kind::Output, Kind::Deleted, Kind::Error] {
            for file in value[kind.name()].as_array().into_iter().flatten() {
                page.files.push(read_file(kind, file, url)?);
            }
        }
        let links = value["link"].as_array().into_iter().flatten();
        let next = links.filter(|link| link["relation"] == "next");
        if let Some(link) = next.filter_map(|link| link["url"].as_str()).next() {
            page.next = Some(url.join(link).map_err(|error| format!("its 'next' link: {error}"))?);
        }
        Ok(page)
    }
}

fn read_file(
    kind: Kind,
    file: &Value,
    base: &Url,
) -> Result<(Kind, String, Url, Option<u64>), String> {
    let shown = kind.name();
    let resource_type = match (kind, file["type"].as_str()) {
        (Kind::Deleted, None) => "Bundle",
        (Kind::Error, None) => "OperationOutcome",
        (_, Some(name)) if !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric()) => {
            name
        }
        _ => return Err(format!("a file of '{shown}' has no usable 'type'")),
    };
    // Some servers have their errors among the data.
    let kind = if resource_type == "OperationOutcome" { Kind::Error } else { kind };
    let url = file["url"].as_str().ok_or_else(|| format!("a file of '{shown}' has no 'url'"))?;
    let url = base.join(url).map_err(|error| format!("the URL of a file of '{shown}': {error}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("a file of '{shown}' is at a {}:// URL", url.scheme()));
    }
    let count = file["count"].as_u64().or_else(|| file["count"].as_str()?.parse().ok());
    Ok((kind, resource_type.to_owned(), url, count))
}

/// Names the files of all pages: `Type.000.ndjson`, in manifest order. A file that is listed
/// twice is there once.
pub(super) fn entries(pages: &[Page]) -> Vec<Entry> {
    let mut seen = BTreeSet::new();
    let mut totals = BTreeMap::<_, usize>::new();
    let mut entries: Vec<Entry> = Vec::new();
    for page in pages {
        for (kind, resource_type, url, count) in &page.files {
            if !seen.insert((*kind, url.as_str())) {
                continue;
            }
            *totals.entry((*kind, resource_type.clone())).or_default() += 1;
            entries.push(Entry {
                kind: *kind,
                resource_type: resource_type.clone(),
                url: url.clone(),
                count: *count,
                name: String::new(),
                token: page.token,
            });
        }
    }
    let mut numbers = BTreeMap::<_, usize>::new();
    for entry in &mut entries {
        let key = (entry.kind, entry.resource_type.clone());
        // Readers go by name: a thousand files more must not end up before the first hundred.
        let width = totals.get(&key).map_or(0, |total| (total - 1).to_string().len()).max(3);
        let number = numbers.entry(key).or_default();
        let folder = match entry.kind {
            Kind::Output => String::new(),
            kind => format!("{}/", kind.name()),
        };
        entry.name = format!("{folder}{}.{number:0width$}.ndjson", entry.resource_type);
        *number += 1;
    }
    entries
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn page(value: Value) -> Result<Page, String> {
        Page::read(&value, &Url::parse("https://ehr/jobs/1").unwrap())
    }

    fn file(resource_type: &str, url: &str) -> Value {
        json!({"type": resource_type, "url": url})
    }

    #[test]
    fn files_are_named_in_manifest_order_over_all_pages() {
        let one = page(json!({"output": [file("Patient", "/a"), file("Device", "b")],
            "error": [file("OperationOutcome", "https://x/e")],
            "link": [{"relation": "self", "url": "?p=0"}, {"relation": "next", "url": "?p=1"}]}))
        .unwrap();
        assert_eq!(one.next.as_ref().unwrap().as_str(), "https://ehr/jobs/1?p=1");
        let two = page(json!({"transactionTime": "t", "requiresAccessToken": true,
            "output": [file("Patient", "c"), file("Patient", "/a"),
                file("OperationOutcome", "oo")],
            "deleted": [{"url": "d"}]}))
        .unwrap();
        let entries = entries(&[one, two]);
        let named = entries.iter().map(|e| (e.name.as_str(), e.url.as_str(), e.token));
        assert_eq!(
            named.collect::<Vec<_>>(),
            [
                ("Patient.000.ndjson", "https://ehr/a", TokenUse::SameOrigin),
                ("Device.000.ndjson", "https://ehr/jobs/b", TokenUse::SameOrigin),
                ("error/OperationOutcome.000.ndjson", "https://x/e", TokenUse::SameOrigin),
                ("Patient.001.ndjson", "https://ehr/jobs/c", TokenUse::Required),
                ("error/OperationOutcome.001.ndjson", "https://ehr/jobs/oo", TokenUse::Required),
                ("deleted/Bundle.000.ndjson", "https://ehr/jobs/d", TokenUse::Required),
            ]
        );
    }

    #[test]
    fn many_files_keep_their_order_by_name() {
        let files: Vec<_> = (0..1001).map(|n| file("Patient", &format!("/{n}"))).collect();
        let entries = entries(&[page(json!({"output": files})).unwrap()]);
        assert_eq!(entries[7].name, "Patient.0007.ndjson");
        assert!(entries.is_sorted_by(|a, b| a.name < b.name));
    }

    #[test]
    fn a_manifest_can_not_lead_out_of_the_folder_or_elsewhere() {
        for output in [file("../x", "/a"), file("", "/a"), json!({"url": "/a"}), json!({})] {
            assert!(page(json!({"output": [output]})).is_err());
        }
        assert!(page(json!({"output": [file("Patient", "file:///etc/passwd")]})).is_err());
        for odd in [json!([]), json!({}), json!({"resourceType": "OperationOutcome"})] {
            assert!(page(odd).is_err());
        }
    }
}
