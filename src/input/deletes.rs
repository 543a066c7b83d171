//! Rows that the server says are gone: `deleted/` (spec: "Input").

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};

use serde::Deserialize;

use super::chunks::decompress;
use crate::error::{Context, Result};
use crate::store::Folder;

/// Real IDs to delete, by resource type, each once.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Deletes {
    /// By resource type.
    pub by_type: BTreeMap<String, Vec<String>>,
    /// Lines that are no transaction Bundle, and entries that name no `Type/id`.
    pub not_understood: u64,
}

#[derive(Deserialize)]
struct Bundle {
    #[serde(rename = "resourceType")]
    resource_type: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    entry: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    request: Option<Request>,
}

#[derive(Deserialize)]
struct Request {
    method: Option<String>,
    url: Option<String>,
}

/// Reads the Bundles in `files` of `folder`.
pub fn read_deletes(folder: &Folder, files: &[String]) -> Result<Deletes> {
    let mut deletes = Deletes::default();
    for name in files {
        let show = || format!("cannot read '{}'", folder.show(name));
        let Some(reader) = folder.reader(name)? else { continue };
        let reader = decompress(reader).with_context(show)?;
        let mut lines = BufReader::with_capacity(1 << 16, reader);
        let mut line = Vec::new();
        loop {
            line.clear();
            if lines.read_until(b'\n', &mut line).with_context(show)? == 0 {
                break;
            }
            if !line.trim_ascii().is_empty() {
                deletes.add(&line);
            }
        }
    }
    for ids in deletes.by_type.values_mut() {
        ids.sort_unstable();
        ids.dedup();
    }
    Ok(deletes)
}

impl Deletes {
    fn add(&mut self, line: &[u8]) {
        // This parser, unlike the faster one, bounds how deep it goes.
        let bundle = serde_json::from_slice::<Bundle>(line)
            .ok()
            .filter(|bundle| bundle.resource_type == "Bundle" && bundle.kind == "transaction");
        let Some(bundle) = bundle else {
            self.not_understood += 1;
            return;
        };
        for request in bundle.entry.into_iter().filter_map(|entry| entry.request) {
            if request.method.as_deref() != Some("DELETE") {
                continue;
            }
            match request.url.as_deref().and_then(|url| url.split_once('/')) {
                Some((resource_type, id)) if !id.is_empty() && !id.contains('/') => {
                    self.by_type.entry(resource_type.to_owned()).or_default().push(id.to_owned());
                }
                _ => self.not_understood += 1,
            }
        }
    }
}
