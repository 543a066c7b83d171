//! The list of files that the server has made (Bulk Data IG, "Output Manifest").

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Datelike, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::Url;

use super::request::to_instant;
use crate::http::TokenUse;

/// The list of a manifest that a file is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum FileKind {
    Output,
    Deleted,
    Error,
}

impl FileKind {
    /// Its name in manifest and log; the folder of all but `output`.
    pub(super) fn folder_name(self) -> &'static str {
        match self {
            Self::Output => "output",
            Self::Deleted => "deleted",
            Self::Error => "error",
        }
    }
}

/// A file to download.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ManifestEntry {
    pub kind: FileKind,
    /// The kind of its rows.
    pub resource_type: String,
    pub url: Url,
    /// How many rows the server promises.
    pub count: Option<u64>,
    /// Its path below the folder, without `.gz`.
    pub name: String,
    /// The receivers of credentials.
    pub token: TokenUse,
}

/// One page of a manifest.
#[derive(Clone, Debug, Default)]
pub(super) struct Page {
    /// `transactionTime` as an instant, where it is one that data can be of.
    pub time: Option<String>,
    /// The kick-off URL, as the server has seen it.
    pub request: Option<String>,
    pub next: Option<Url>,
    /// Kind, type, URL, count.
    pub files: Vec<(FileKind, String, Url, Option<u64>)>,
    /// OperationOutcomes that stand in the manifest itself, rather than in a file.
    pub outcomes: Vec<Value>,
    /// The receivers of credentials, as far as this manifest may say so.
    pub token: TokenUse,
}

impl Page {
    /// Files of one kind.
    pub(super) fn count_files(&self, kind: FileKind) -> usize {
        self.files.iter().filter(|file| file.0 == kind).count()
    }

    /// Reads a page that came from `url`. The error says what is wrong with it.
    pub(super) fn read_page(value: &Value, url: &Url) -> Result<Self, String> {
        if value["resourceType"] == "OperationOutcome" {
            return Err("it is an OperationOutcome".to_owned());
        }
        let Some(manifest) = value.as_object() else { return Err("it is no object".to_owned()) };
        if !manifest.contains_key("output") && !manifest.contains_key("transactionTime") {
            return Err("it has neither 'output' nor 'transactionTime'".to_owned());
        }
        let mut page = Self {
            time: value["transactionTime"].as_str().and_then(read_time),
            request: value["request"].as_str().map(str::to_owned),
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
        // Without this list nothing is known: that there are no files must be said.
        if !value["output"].is_array() {
            return Err("its 'output' is no list of files".to_owned());
        }
        for kind in [FileKind::Output, FileKind::Deleted] {
            for file in read_list(value, kind.folder_name())? {
                page.files.push(read_file(kind, file, url)?);
            }
        }
        for file in read_list(value, FileKind::Error.folder_name())? {
            // An entry that can't be fetched as a file is a report all the same.
            match read_file(FileKind::Error, file, url) {
                Ok(file) => page.files.push(file),
                Err(what) => page.outcomes.extend(make_outcome(file, &what)),
            }
        }
        for link in read_list(value, "link")?.iter().filter(|link| link["relation"] == "next") {
            let next = link["url"].as_str().ok_or("its 'next' link has no 'url'")?;
            let next = url.join(next).map_err(|error| format!("its 'next' link: {error}"))?;
            if !matches!(next.scheme(), "http" | "https") {
                return Err(format!("its 'next' link is a {}:// URL", next.scheme()));
            }
            page.next.get_or_insert(next);
        }
        Ok(page)
    }
}

/// A list of the manifest. It may be absent or null, but nothing else in its place.
fn read_list<'a>(manifest: &'a Value, name: &str) -> Result<&'a [Value], String> {
    match &manifest[name] {
        Value::Null => Ok(&[]),
        Value::Array(list) => Ok(list),
        _ => Err(format!("its '{name}' is no list")),
    }
}

/// The instant that `transactionTime` means, if data can be as of then: some servers send the year
/// 1, and an export of the future would hide what changes until then from the next one.
fn read_time(text: &str) -> Option<String> {
    let time = to_instant(text, false)?;
    let moment = DateTime::parse_from_rfc3339(&time).ok()?.to_utc();
    let possible = moment.year() >= 1990 && moment < Utc::now() + TimeDelta::days(1);
    possible.then_some(time)
}

/// The OperationOutcome of an entry of `error` that names no file. `what` is wrong with it as a
/// file. `None` if it stands for no error at all.
fn make_outcome(entry: &Value, what: &str) -> Option<Value> {
    let is_outcome =
        |value: &&Value| value["resourceType"] == "OperationOutcome" || value["issue"].is_array();
    let members = entry.as_object().into_iter().flat_map(|object| object.values());
    if let Some(found) = std::iter::once(entry).chain(members).find(is_outcome) {
        return Some(json!({"resourceType": "OperationOutcome", "issue": found["issue"]}));
    }
    if entry.is_null() || entry["count"] == 0 {
        return None;
    }
    let text = format!("the server's manifest has an error that can't be read: {what}");
    let issue = json!([{"severity": "error", "code": "exception", "diagnostics": text}]);
    Some(json!({"resourceType": "OperationOutcome", "issue": issue}))
}

fn read_file(
    kind: FileKind,
    file: &Value,
    base: &Url,
) -> Result<(FileKind, String, Url, Option<u64>), String> {
    let shown = kind.folder_name();
    // The type becomes the name of a file here: `../x` must not lead out of the folder.
    let is_usable =
        |name: &&str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric());
    let resource_type = match (kind, file["type"].as_str().filter(is_usable)) {
        (_, Some(name)) => name,
        // By the Bulk Data IG `deleted` lists files of Bundles and of nothing else.
        (FileKind::Deleted, None) if file["type"].is_null() => "Bundle",
        (FileKind::Error, None) => "OperationOutcome",
        _ => return Err(format!("a file of '{shown}' has no usable 'type'")),
    };
    // Some servers have their errors among the data.
    let kind = if resource_type == "OperationOutcome" { FileKind::Error } else { kind };
    let url = file["url"].as_str().filter(|url| !url.is_empty());
    let url = url.ok_or_else(|| format!("a file of '{shown}' has no 'url'"))?;
    let url = base.join(url).map_err(|error| format!("the URL of a file of '{shown}': {error}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("a file of '{shown}' is at a {}:// URL", url.scheme()));
    }
    let count = file["count"].as_u64().or_else(|| file["count"].as_str()?.parse().ok());
    Ok((kind, resource_type.to_owned(), url, count))
}

/// The name of the file, without `.gz`, that reports go to which stand in the manifest itself:
/// the next after those of the server's own.
pub(super) fn name_outcomes(entries: &[ManifestEntry]) -> String {
    let is_report = |entry: &&ManifestEntry| {
        entry.kind == FileKind::Error && entry.resource_type == "OperationOutcome"
    };
    let number = entries.iter().filter(is_report).count();
    format!("{}/OperationOutcome.{number:03}.ndjson", FileKind::Error.folder_name())
}

/// Names the files of all pages: `Type.000.ndjson`, in manifest order. A file that is listed
/// twice is there once.
pub(super) fn list_entries(pages: &[Page]) -> Vec<ManifestEntry> {
    let mut seen = BTreeSet::new();
    let mut totals = BTreeMap::<_, usize>::new();
    let mut entries: Vec<ManifestEntry> = Vec::new();
    for page in pages {
        for (kind, resource_type, url, count) in &page.files {
            if !seen.insert((*kind, url.as_str())) {
                continue;
            }
            *totals.entry((*kind, resource_type.clone())).or_default() += 1;
            entries.push(ManifestEntry {
                kind: *kind,
                resource_type: resource_type.clone(),
                url: url.clone(),
                count: *count,
                // Numbers have as many digits as the type's files need, which is known after all
                // pages.
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
            FileKind::Output => String::new(),
            kind => format!("{}/", kind.folder_name()),
        };
        entry.name = format!("{folder}{}.{number:0width$}.ndjson", entry.resource_type);
        *number += 1;
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(value: Value) -> Result<Page, String> {
        Page::read_page(&value, &Url::parse("https://ehr/jobs/1").unwrap())
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
        let two = page(json!({"transactionTime": "2024-08-06", "requiresAccessToken": true,
            "output": [file("Patient", "c"), file("Patient", "/a"),
                file("OperationOutcome", "oo")],
            "deleted": [{"url": "d"}]}))
        .unwrap();
        let entries = list_entries(&[one, two]);
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
        let entries = list_entries(&[page(json!({"output": files})).unwrap()]);
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

    #[test]
    fn only_a_list_says_that_there_are_no_files() {
        let time = "2024-08-06T18:12:57Z";
        for output in [json!({}), json!(null), json!("none"), json!(0), json!({"Patient": []})] {
            assert!(page(json!({"transactionTime": time, "output": output})).is_err(), "{output}");
        }
        assert!(page(json!({"transactionTime": time})).is_err());
        for name in ["deleted", "error", "link"] {
            for (value, good) in [(json!(null), true), (json!([]), true), (json!({}), false)] {
                let found = page(json!({"output": [], name: value}));
                assert_eq!(found.is_ok(), good, "{name} {value}");
            }
        }
        let lost = json!({"output": [], "link": [{"relation": "next"}]});
        assert!(page(lost).is_err());
    }

    #[test]
    fn errors_in_the_manifest_itself_are_reports() {
        let outcome = json!({"resourceType": "OperationOutcome",
            "issue": [{"severity": "warning", "diagnostics": "one is slow"}]});
        let page = page(json!({"output": [], "error": [
            outcome, {"type": "OperationOutcome", "resource": outcome},
            {"type": "OperationOutcome", "url": null}, {"url": ""}, {"type": "../x", "url": "/e"},
            {"count": 0}, null, "lost", {"url": "file:///etc/passwd"}]}))
        .unwrap();
        assert_eq!(page.files.len(), 1);
        assert_eq!(page.files[0].1, "OperationOutcome");
        let severities = page.outcomes.iter().map(|outcome| &outcome["issue"][0]["severity"]);
        let expected = ["warning", "warning", "error", "error", "error", "error"];
        assert_eq!(severities.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn only_times_that_data_can_be_of_are_believed() {
        let time =
            |value: Value| page(json!({"transactionTime": value, "output": []})).unwrap().time;
        assert_eq!(
            time(json!("2024-08-06T14:12:57.5-04:00")).as_deref(),
            Some("2024-08-06T14:12:57.500-04:00")
        );
        assert_eq!(time(json!("2024-08-06")).as_deref(), Some("2024-08-06T00:00:00Z"));
        for odd in [
            json!(null),
            json!(""),
            json!("yesterday"),
            json!(1_722_967_977),
            json!("0001-01-01T00:00:00Z"),
            json!("2999-01-01T00:00:00Z"),
        ] {
            assert_eq!(time(odd.clone()), None, "{odd}");
        }
    }
}
