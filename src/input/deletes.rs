//! Rows that the server says are gone: `deleted/` (spec: "Input").

use std::collections::BTreeMap;
use std::fmt;
use std::io::BufReader;

use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::chunks::{decompress, text_of_line};
use crate::bounded::{LONGEST_LINE, Line, read_line};
use crate::deid::policy::RESOURCE_TYPES;
use crate::error::{Context, Result};
use crate::fhir::{self, trim};
use crate::store::Folder;

/// Real IDs to delete, by resource type, each once.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Deletes {
    /// By resource type.
    pub by_type: BTreeMap<String, Vec<String>>,
    /// Lines that are no transaction Bundle, and entries that are no request to delete a `Type/id`.
    pub not_understood: u64,
    /// Entries that ask for something else than to delete, or for rows of types without a table.
    pub no_effect: u64,
}

#[derive(Deserialize)]
struct Bundle {
    #[serde(rename = "resourceType")]
    resource_type: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    entry: Requests,
}

/// What the entries of a Bundle ask for.
#[derive(Default)]
struct Requests {
    /// Types and IDs to delete.
    deletes: Vec<(&'static str, String)>,
    not_understood: u64,
    no_effect: u64,
}

/// An entry as it is, or anything else: each is understood by itself.
#[derive(Deserialize)]
#[serde(untagged)]
enum Entry {
    Request { request: Request },
    Other(IgnoredAny),
}

#[derive(Deserialize)]
struct Request {
    method: String,
    url: String,
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
            match read_line(&mut lines, LONGEST_LINE, &mut line).with_context(show)? {
                Line::End => break,
                Line::TooLong => deletes.not_understood += 1,
                Line::Whole => deletes.add(text_of_line(&line)),
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
        if line.is_empty() {
            return;
        }
        // This parser, unlike the faster one, bounds how deep it goes.
        let bundle = serde_json::from_slice::<Bundle>(line).ok().filter(|bundle| {
            bundle.resource_type == "Bundle" && bundle.kind.eq_ignore_ascii_case("transaction")
        });
        let Some(Bundle { entry: requests, .. }) = bundle else {
            self.not_understood += 1;
            return;
        };
        for (resource_type, id) in requests.deletes {
            self.by_type.entry(resource_type.to_owned()).or_default().push(id);
        }
        self.not_understood += requests.not_understood;
        self.no_effect += requests.no_effect;
    }
}

impl Requests {
    fn add(&mut self, entry: Entry) {
        let Entry::Request { request } = entry else {
            self.not_understood += 1;
            return;
        };
        if !trim(&request.method).eq_ignore_ascii_case("DELETE") {
            self.no_effect += 1;
            return;
        }
        match target(&request.url) {
            Some(target) if RESOURCE_TYPES.contains(&target.0) => self.deletes.push(target),
            Some(_) => self.no_effect += 1,
            None => self.not_understood += 1,
        }
    }
}

/// The type and the ID in `Patient/123`. IDs are trimmed as those of rows are.
fn target(url: &str) -> Option<(&'static str, String)> {
    let (name, id) = trim(url).split_once('/')?;
    let (name, id) = (fhir::resource_type_ignoring_case(trim(name))?, trim(id));
    (!id.is_empty() && !id.contains(['/', '?'])).then(|| (name, id.to_owned()))
}

/// A list of entries, or, which is no error of the Bundle's other parts, anything else.
impl<'de> Deserialize<'de> for Requests {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Entries;

        impl<'de> Visitor<'de> for Entries {
            type Value = Requests;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of entries")
            }

            fn visit_seq<A: SeqAccess<'de>>(
                self,
                mut items: A,
            ) -> std::result::Result<Self::Value, A::Error> {
                let mut requests = Requests::default();
                while let Some(entry) = items.next_element::<Entry>()? {
                    requests.add(entry);
                }
                Ok(requests)
            }
        }

        deserializer.deserialize_seq(Entries)
    }
}
