//! Which files of the input hold which resources (spec: "Input").

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};

use serde::Serialize;
use sonic_rs::JsonValueTrait;

use super::chunks::{BYTE_ORDER_MARK, LONGEST_LINE, decompress};
use crate::deid::policy::RESOURCE_TYPES;
use crate::deid::too_deep;
use crate::error::{Context, Result};
use crate::store::{Folder, Requested};

/// How far a file is read to find its type: a file whose first rows are of other types is rare,
/// a file of gigabytes of an unsupported type is not.
const PROBE_BYTES: u64 = 64 << 20;
/// What is asked for first: mostly its first row tells the type.
const PROBE_FIRST: usize = 256 << 10;
/// Files looked into at once in a bucket.
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
    /// Those of them that have rows, but none that is a resource.
    pub no_resources: Vec<String>,
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
    let (mut logs, mut data) = (Vec::new(), Vec::new());
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
            data.push(entry);
        }
    }
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

/// What a file's first rows show.
enum Probed {
    Supported(&'static str),
    /// Resources of other types only, or no rows at all.
    Other,
    /// Rows, and none of them a resource.
    NoResources,
}

/// An error is one of reading: a damaged file. Its type can't be known, nor so which table would
/// lack its rows.
fn probe(folder: &Folder, name: &str, request: Requested) -> Result<Probed> {
    let Some(reader) = request.open()? else { return Ok(Probed::Other) };
    let damaged = || {
        let show = folder.show(name);
        format!("cannot read '{show}' (copy it once more, or take it out of the input)")
    };
    let reader = decompress(reader).with_context(damaged)?;
    let mut lines = BufReader::with_capacity(1 << 16, reader);
    let mut line = Vec::new();
    let (mut first, mut rows, mut resources, mut left) = (true, false, false, PROBE_BYTES);
    loop {
        line.clear();
        let limit = LONGEST_LINE as u64 + 1;
        let count = (&mut lines).take(limit).read_until(b'\n', &mut line).with_context(damaged)?;
        if count == 0 || left == 0 {
            break;
        }
        let too_long = count as u64 == limit && !line.ends_with(b"\n");
        if too_long {
            lines.skip_until(b'\n').with_context(damaged)?;
        } else {
            left = left.saturating_sub(count as u64);
        }
        let text = line.strip_prefix(BYTE_ORDER_MARK).filter(|_| first).unwrap_or(&line);
        first = false;
        rows |= !text.trim_ascii().is_empty();
        // Of a line that is too long the beginning will do: its row is rejected later.
        let value = if too_deep(text) { None } else { sonic_rs::get(text, ["resourceType"]).ok() };
        let Some(found) = value.and_then(|value| value.as_str().map(str::to_owned)) else {
            continue;
        };
        resources = true;
        if let Some(known) = RESOURCE_TYPES.into_iter().find(|known| *known == found) {
            return Ok(Probed::Supported(known));
        }
    }
    Ok(if rows && !resources { Probed::NoResources } else { Probed::Other })
}
