//! Rows that the server says are gone: `deleted/` (spec: "Input").

use std::collections::BTreeMap;
use std::fmt;
use std::io::BufReader;
use std::marker::PhantomData;

use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::chunks::decompress;
use crate::bounded::{LONGEST_LINE, Line, read_line};
use crate::error::{Context, Result};
use crate::fhir::{self, TABLE_TYPES, trim_text};
use crate::store::Folder;
use crate::text::text_of_line;

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

/// The requests of a Bundle's entries.
#[derive(Default)]
struct Requests {
    /// Types and IDs to delete.
    deletes: Vec<(&'static str, String)>,
    not_understood: u64,
    no_effect: u64,
}

#[derive(Deserialize)]
struct BundleEntry {
    request: EntryRequest,
}

#[derive(Deserialize)]
struct EntryRequest {
    method: String,
    url: String,
}

/// How many entries a Bundle has; 0 for anything else.
pub fn count_entries(line: &[u8]) -> u64 {
    #[derive(Deserialize)]
    struct CountedBundle {
        entry: Count,
    }
    serde_json::from_slice::<CountedBundle>(line).map_or(0, |bundle| bundle.entry.0)
}

/// How many members a list has.
struct Count(u64);

/// Reads the Bundles in `files` of `folder`.
pub fn read_deletes(folder: &Folder, files: &[String]) -> Result<Deletes> {
    let mut deletes = Deletes::default();
    for name in files {
        let show = || format!("cannot read '{}'", folder.show(name));
        let Some(reader) = folder.open_reader(name)? else { continue };
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
    /// Adds an entry: each is understood by itself.
    fn add(&mut self, entry: &RawValue) {
        let Ok(BundleEntry { request }) = serde_json::from_str(entry.get()) else {
            self.not_understood += 1;
            return;
        };
        if !trim_text(&request.method).eq_ignore_ascii_case("DELETE") {
            self.no_effect += 1;
            return;
        }
        match target(&request.url) {
            Some(target) if TABLE_TYPES.contains(&target.0) => self.deletes.push(target),
            Some(_) => self.no_effect += 1,
            None => self.not_understood += 1,
        }
    }
}

/// The type and the ID in `Patient/123`. IDs are trimmed as those of rows are.
fn target(url: &str) -> Option<(&'static str, String)> {
    let (name, id) = trim_text(url).split_once('/')?;
    let (name, id) = (fhir::resource_type_ignoring_case(trim_text(name))?, trim_text(id));
    (!id.is_empty() && !id.contains(['/', '?'])).then(|| (name, id.to_owned()))
}

impl<'de> Deserialize<'de> for Requests {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        // Each as its text: what it holds beside the request takes no room.
        let add = |requests: &mut Self, entry: &'de RawValue| requests.add(entry);
        deserializer.deserialize_seq(BundleMembers(Self::default(), add, PhantomData))
    }
}

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let add = |count: &mut Self, _: IgnoredAny| count.0 += 1;
        deserializer.deserialize_seq(BundleMembers(Self(0), add, PhantomData))
    }
}

/// Takes the members of a list one by one.
struct BundleMembers<A, F, M>(A, F, PhantomData<M>);

impl<'de, A, F: Fn(&mut A, M), M: Deserialize<'de>> Visitor<'de> for BundleMembers<A, F, M> {
    type Value = A;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut members: S) -> std::result::Result<A, S::Error> {
        let Self(mut all, add, _) = self;
        while let Some(member) = members.next_element::<M>()? {
            add(&mut all, member);
        }
        Ok(all)
    }
}
