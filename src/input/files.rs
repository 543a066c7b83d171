//! Which files of the input hold which resources (spec: "Input").

use std::io::{BufRead, BufReader, Read};

use serde::Serialize;
use sonic_rs::JsonValueTrait;

use super::chunks::decompress;
use crate::deid::policy::RESOURCE_TYPES;
use crate::error::{Context, Result};
use crate::store::Folder;

/// How far a file is read to find its type: a file whose first rows are of other types is rare,
/// a file of gigabytes of an unsupported type is not.
const PROBE_BYTES: u64 = 64 << 20;

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

/// What the input folder holds.
#[derive(Debug, Default)]
pub struct Inputs {
    /// Files with rows to read, in path order.
    pub files: Vec<InputFile>,
    /// Files of `deleted/`.
    pub deleted: Vec<String>,
    /// The export log, if there is exactly one.
    pub log: Option<String>,
    /// Files that look like data, but begin with no supported type.
    pub skipped: Vec<String>,
}

impl Inputs {
    /// The files of one resource type, in path order.
    pub fn of(&self, resource_type: &str) -> Vec<InputFile> {
        self.files.iter().filter(|file| file.resource_type == resource_type).cloned().collect()
    }
}

/// Looks through `folder`, at any depth. `error/` is passed over.
pub fn find(folder: &Folder) -> Result<Inputs> {
    let mut inputs = Inputs::default();
    let mut logs = Vec::new();
    for entry in folder.list()? {
        let mut parts: Vec<&str> = entry.name.split('/').collect();
        let file = parts.pop().unwrap_or_default();
        if parts.is_empty() && is_log(file) {
            logs.push(entry.name);
        } else if !is_data(file) || parts.contains(&"error") {
            continue;
        } else if parts.contains(&"deleted") {
            inputs.deleted.push(entry.name);
        } else {
            match probe(folder, &entry.name)? {
                Some(resource_type) => inputs.files.push(InputFile {
                    name: entry.name,
                    resource_type,
                    bytes: entry.size,
                }),
                None => inputs.skipped.push(entry.name),
            }
        }
    }
    inputs.log = match logs.iter().position(|name| name == "log.ndjson") {
        Some(index) => Some(logs.swap_remove(index)),
        None if logs.len() == 1 => logs.pop(),
        None => None,
    };
    Ok(inputs)
}

fn is_log(file: &str) -> bool {
    file == "log.ndjson" || (file.starts_with("log.") && file.ends_with(".ndjson"))
}

fn is_data(file: &str) -> bool {
    let plain = [".gz", ".zst"].iter().find_map(|end| file.strip_suffix(end)).unwrap_or(file);
    plain.ends_with(".ndjson") || plain.ends_with(".jsonl")
}

fn probe(folder: &Folder, name: &str) -> Result<Option<&'static str>> {
    let Some(reader) = folder.reader(name)? else { return Ok(None) };
    let show = || format!("cannot read '{}'", folder.show(name));
    let reader = decompress(reader).with_context(show)?;
    let mut lines = BufReader::with_capacity(1 << 16, reader.take(PROBE_BYTES));
    let mut line = Vec::new();
    loop {
        line.clear();
        match lines.read_until(b'\n', &mut line) {
            Ok(0) => return Ok(None),
            Ok(_) => {}
            // A damaged file is reported when it is read for good.
            Err(_) => return Ok(None),
        }
        let value = sonic_rs::get(line.as_slice(), ["resourceType"]);
        let found = value.ok().and_then(|value| {
            let name = value.as_str()?.to_owned();
            RESOURCE_TYPES.into_iter().find(|known| *known == name)
        });
        if found.is_some() {
            return Ok(found);
        }
    }
}
