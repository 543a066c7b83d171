//! Which files of the input hold which resources (spec: "Input").

use std::collections::{HashSet, VecDeque};
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;

use memchr::memmem::Finder;
use serde::Serialize;
use sonic_rs::JsonValueTrait;
use tracing::info;

use super::chunks::decompress;
use super::listing::{Found, Listing, list};
use crate::bounded::{LONGEST_LINE, is_too_deep};
use crate::error::{Context, Result};
use crate::fhir::TABLE_TYPES;
use crate::store::{Entry, Folder, Requested};
use crate::text::{escape_controls, text_of_line};

/// How far a file is searched before its name is told.
const LONG_SEARCH: u64 = 64 << 20;
/// The first part that is asked for: mostly its first row tells the type.
const PROBE_FIRST: usize = 256 << 10;
/// Files looked into concurrently in a bucket.
const PROBES: usize = 16;

/// A file with rows of a supported type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InputFile {
    /// The path below the input folder.
    pub name: String,
    /// The resource type of its first row of a supported type.
    pub resource_type: &'static str,
    /// Size as stored: compressed files, compressed.
    pub bytes: u64,
}

/// The content of the input folder.
#[derive(Debug, Default)]
pub struct Inputs {
    /// Files with rows to read, in path order.
    pub files: Vec<InputFile>,
    /// Files of `deleted/`.
    pub deleted: Vec<String>,
    /// The export log, if there is exactly one.
    pub log: Option<String>,
    /// Files of rows without a row of a supported type.
    pub skipped: Vec<String>,
    /// Those of them that hold no resources, one a line.
    pub no_resources: Vec<String>,
    /// Files that look like data by their names, and are not read.
    pub not_read: Vec<String>,
    /// The entries that could not be looked at: the name, as it may be shown, and why.
    pub unusable: Vec<(String, String)>,
}

impl Inputs {
    /// The files of one resource type, in path order.
    pub fn of(&self, resource_type: &str) -> Vec<InputFile> {
        self.files.iter().filter(|file| file.resource_type == resource_type).cloned().collect()
    }
}

/// The kind of a file, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FileRole {
    Log,
    Rows,
    Deletes,
    /// A server's report of resources that it could not export.
    Errors,
    /// Not read, although its name speaks of data.
    LooksLikeData,
    Other,
}

/// Looks through `folder`, at any depth. `error/` is passed over. Names have no case.
pub fn find(folder: &Folder) -> Result<Inputs> {
    let Listing { files, unusable } = list(folder)?;
    let mut inputs = Inputs { unusable, ..Inputs::default() };
    let (mut logs, mut data) = (Vec::new(), Vec::new());
    for entry in read_once(folder, files) {
        match find_role(&entry.name) {
            FileRole::Log => logs.push(entry.name),
            FileRole::Rows => data.push(entry),
            FileRole::Deletes => inputs.deleted.push(entry.name),
            FileRole::LooksLikeData => inputs.not_read.push(entry.name),
            FileRole::Other if entry.name.contains(char::is_control) => {
                let why = "it has control characters in its name, and not that of data";
                inputs.unusable.push((escape_controls(&entry.name).into_owned(), why.to_owned()));
            }
            FileRole::Errors | FileRole::Other => {}
        }
    }
    // A request begins when this iterator is asked for it, so that no more than `PROBES` are under
    // way.
    let mut requests = data.iter().map(|entry| folder.request_first(&entry.name, PROBE_FIRST));
    let mut under_way: VecDeque<_> = requests.by_ref().take(PROBES).collect();
    for entry in &data {
        let name = entry.name.clone();
        let Some(request) = under_way.pop_front() else { break };
        under_way.extend(requests.next());
        match probe(folder, &name, request)? {
            Probed::Supported(resource_type) => {
                inputs.files.push(InputFile { name, resource_type, bytes: entry.size });
            }
            Probed::Other => inputs.skipped.push(name),
            Probed::NoResources => {
                inputs.no_resources.push(name.clone());
                inputs.skipped.push(name);
            }
        }
    }
    let named = |wanted: fn(&str) -> bool| logs.iter().position(|name| wanted(name));
    // The usual name comes first. Several logs of other names leave it open which of them is of
    // this export (test `two_renamed_logs_are_no_log`).
    let log = named(|name| name == "log.ndjson")
        .or_else(|| named(|name| name.eq_ignore_ascii_case("log.ndjson")))
        .or_else(|| (logs.len() == 1).then_some(0));
    inputs.log = log.map(|index| logs.remove(index));
    inputs.not_read.append(&mut logs);
    Ok(inputs)
}

/// The files without those that are links to others of them: rows are read once.
fn read_once(folder: &Folder, files: Vec<Found>) -> impl Iterator<Item = Entry> {
    // A file that has no name of data is read by the name of the link that leads to it, so it does
    // not count as read by its own.
    let is_used = |file: &&Found| find_role(&file.entry.name) != FileRole::Other;
    let own = files.iter().filter(|file| file.target.is_none()).filter(is_used);
    let mut read: HashSet<PathBuf> =
        own.filter_map(|file| Some(folder.local()?.join(&file.entry.name))).collect();
    files.into_iter().filter_map(move |Found { entry, target }| {
        let is_new = target.is_none_or(|target| read.insert(target));
        is_new.then_some(entry)
    })
}

fn find_role(name: &str) -> FileRole {
    let lower = name.to_ascii_lowercase();
    let mut folders: Vec<&str> = lower.split('/').collect();
    let file = folders.pop().unwrap_or_default();
    // macOS writes such a file beside one of the same name (AppleDouble).
    if file.starts_with("._") {
        return FileRole::Other;
    }
    let plain = [".gz", ".zst"].iter().find_map(|end| file.strip_suffix(end)).unwrap_or(file);
    let is_rows = plain.ends_with(".ndjson") || plain.ends_with(".jsonl");
    if folders.is_empty() && file.starts_with("log.") && file.ends_with(".ndjson") {
        FileRole::Log
    } else if folders.contains(&"error") {
        FileRole::Errors
    } else if is_rows && folders.contains(&"deleted") {
        FileRole::Deletes
    } else if is_rows {
        FileRole::Rows
    } else if speaks_of_data(file) {
        FileRole::LooksLikeData
    } else {
        FileRole::Other
    }
}

/// Whether a file's name, in lower case, has the name of a format in it or begins with a resource
/// type: `patient.ndjson.bz2`, `patient.json`, `patient.000.txt`.
fn speaks_of_data(file: &str) -> bool {
    let first_word = file.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
    TABLE_TYPES.iter().any(|name| name.eq_ignore_ascii_case(first_word))
        || file.split('.').skip(1).any(|part| matches!(part, "ndjson" | "jsonl" | "json"))
}

/// The facts that a file's first rows show.
enum Probed {
    Supported(&'static str),
    /// Resources of other types only, or no rows at all.
    Other,
    /// Rows, and none of them a resource; or Bundles, whose resources are not looked at.
    NoResources,
}

/// Reads a file until a row of a supported type is found, or to its end, whatever its name and its
/// first rows: no row may be lost because many of another type stand before it.
///
/// An error is one of reading: a damaged file. Its type can't be known, nor so which table would
/// lack its rows.
fn probe(folder: &Folder, name: &str, request: Requested) -> Result<Probed> {
    let Some(reader) = request.open_requested()? else { return Ok(Probed::Other) };
    let damaged = || {
        let show = folder.show(name);
        format!("cannot read '{show}' (copy it once more, or take it out of the input)")
    };
    let reader = decompress(reader).with_context(damaged)?;
    let mut lines = BufReader::with_capacity(1 << 16, reader);
    let mut line = Vec::new();
    let (mut rows, mut resources, mut told, mut searched) = (false, false, false, 0);
    let mut other = OtherType::new();
    loop {
        line.clear();
        // With one byte more, a line that is too long differs from one that is just as long as
        // allowed.
        let limit = LONGEST_LINE as u64 + 1;
        let count = (&mut lines).take(limit).read_until(b'\n', &mut line).with_context(damaged)?;
        if count == 0 {
            break;
        }
        if !told && searched >= LONG_SEARCH {
            told = true;
            let shown = escape_controls(name);
            info!(
                "'{shown}' has no row of a supported type in its first 64 MiB; it is searched to its \
                 end"
            );
        }
        if count as u64 == limit && !line.ends_with(b"\n") {
            lines.skip_until(b'\n').with_context(damaged)?;
        }
        searched += count as u64;
        let text = text_of_line(&line);
        rows |= !text.is_empty();
        if other.is_all_of(text) {
            continue;
        }
        // Of a line that is too long the beginning will do: its row is rejected later.
        let found = if is_too_deep(text) { None } else { resource_type(text) };
        let Some(found) = found else { continue };
        resources |= found != "Bundle";
        if let Some(known) = TABLE_TYPES.into_iter().find(|known| *known == found) {
            return Ok(Probed::Supported(known));
        }
        other.name = Some(found);
    }
    Ok(if rows && !resources { Probed::NoResources } else { Probed::Other })
}

/// A row's `resourceType`: of several, the last, as where the row is taken.
pub fn resource_type(row: &[u8]) -> Option<String> {
    // The parser takes it for granted that text is UTF-8; what is cut off may end within a character.
    let row = match std::str::from_utf8(row) {
        Ok(row) => row,
        Err(error) => std::str::from_utf8(&row[..error.valid_up_to()]).unwrap_or_default(),
    };
    let members = sonic_rs::to_object_iter(row).map_while(Result::ok);
    let types = members.filter(|(name, _)| name == "resourceType");
    types.last().and_then(|(_, value)| value.as_str().map(str::to_owned))
}

/// The type of the last row that was parsed, which is not a supported one. Most rows of a file are of
/// one type: those that name no other need not be parsed, so that a long file takes little more than
/// the time to read and unpack it.
struct OtherType {
    member: Finder<'static>,
    name: Option<String>,
}

impl OtherType {
    fn new() -> Self {
        Self { member: Finder::new(b"\"resourceType\""), name: None }
    }

    /// Whether each `resourceType` in a row, of which there is one at least, is this type.
    fn is_all_of(&self, row: &[u8]) -> bool {
        let Some(name) = self.name.as_deref() else { return false };
        let mut members = self.member.find_iter(row).peekable();
        members.peek().is_some()
            && members.all(|at| is_string_value(&row[at + self.member.needle().len()..], name))
    }
}

/// Whether `text` begins with a colon and the string `value`, as it follows a member's name.
fn is_string_value(text: &[u8], value: &str) -> bool {
    let text = text.trim_ascii_start().strip_prefix(b":").map(<[u8]>::trim_ascii_start);
    let text = text.and_then(|text| text.strip_prefix(b"\""));
    text.and_then(|text| text.strip_prefix(value.as_bytes()))
        .is_some_and(|rest| rest.starts_with(b"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_have_no_case() {
        for (name, expected) in [
            ("Patient.ndjson", FileRole::Rows),
            ("a/PATIENT.NDJSON", FileRole::Rows),
            ("Patient.Jsonl", FileRole::Rows),
            ("Patient.ndjson.GZ", FileRole::Rows),
            ("Patient.JsonL.Zst", FileRole::Rows),
            ("deleted/Bundle.NDJSON", FileRole::Deletes),
            ("a/Deleted/b/Bundle.Ndjson.Gz", FileRole::Deletes),
            ("Error/x.ndjson", FileRole::Errors),
            ("error/x.txt", FileRole::Errors),
            ("LOG.ndjson", FileRole::Log),
            ("Log.May.NDJSON", FileRole::Log),
            ("a/log.ndjson", FileRole::Rows),
            ("Patient.ndjson.bz2", FileRole::LooksLikeData),
            ("Patient.JSON", FileRole::LooksLikeData),
            ("x.ndjson.part", FileRole::LooksLikeData),
            ("patient", FileRole::LooksLikeData),
            ("Patient_2024.zip", FileRole::LooksLikeData),
            ("deleted/Bundle.json", FileRole::LooksLikeData),
            ("README.md", FileRole::Other),
            ("patients.txt", FileRole::Other),
            ("Icon\r", FileRole::Other),
            ("._Patient.ndjson", FileRole::Other),
        ] {
            assert_eq!(find_role(name), expected, "{name}");
        }
    }

    #[test]
    fn of_several_resource_types_the_last_counts() {
        let found = |row: &str| resource_type(row.as_bytes());
        assert_eq!(
            found(r#"{"resourceType":"A","id":1,"resourceType":"B"}"#).as_deref(),
            Some("B")
        );
        assert_eq!(found(r#"{"resourceType":"A","x":{"resourceType":"B"}}"#).as_deref(), Some("A"));
        assert_eq!(found(r#"{"resourceType":"A","resourceType":null}"#), None);
        // The beginning of a row that is too long.
        assert_eq!(found(r#"{"resourceType":"A","text":"aaa"#).as_deref(), Some("A"));
        assert_eq!(
            resource_type(b"{\"resourceType\":\"A\",\"x\":\"caf\xe9\"}").as_deref(),
            Some("A")
        );
        assert_eq!(resource_type(b"{\"resourceType\":\"\xff\"}"), None);
        for other in ["", "x", "[]", r#"[{"resourceType":"A"}]"#, r#"{"id":"A"}"#] {
            assert_eq!(found(other), None, "{other}");
        }
    }

    #[test]
    fn rows_that_name_one_known_type_only_are_not_parsed() {
        let claim = OtherType { name: Some("Claim".to_owned()), ..OtherType::new() };
        for (row, is_all) in [
            (r#"{"resourceType":"Claim","id":"a"}"#, true),
            ("{\"resourceType\"\t: \"Claim\"}", true),
            (r#"{"contained":[{"resourceType":"Claim"}],"resourceType":"Claim"}"#, true),
            (r#"{"resourceType":"Claim","x":{"reference":"Patient/a","type":"Patient"}}"#, true),
            (r#"{"resourceType":"Claim","resourceType":"Patient"}"#, false),
            (r#"{"contained":[{"resourceType":"Claim"}],"resourceType":"Patient"}"#, false),
            (r#"{"resourceType":"Claim","contained":[{"resourceType":"Patient"}]}"#, false),
            (r#"{"resourceType":"ClaimResponse"}"#, false),
            (r#"{"resourceType":"Clai"}"#, false),
            (r#"{"resourceType":"Cl\u0061im"}"#, false),
            (r#"{"resourceType":null}"#, false),
            (r#"{"resourceType":"Claim","x":"resourceType"}"#, false),
            (r#"{"resourceType""#, false),
            (r#"{"id":"Claim"}"#, false),
            ("", false),
        ] {
            assert_eq!(claim.is_all_of(row.as_bytes()), is_all, "{row}");
        }
        assert!(!OtherType::new().is_all_of(br#"{"resourceType":"Claim"}"#));
    }
}
