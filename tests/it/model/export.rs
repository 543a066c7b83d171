//! Random exports of three types: updates, older and newer rows, rejects, deletes.

use std::fs;
use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use super::rng::Rng;
use crate::support::deletes;

/// The types, in the order of their tables' names.
pub const TYPES: [&str; 3] = ["Device", "Encounter", "Patient"];
/// IDs of a type: few, so that runs meet each other's rows.
const IDS: usize = 10;

/// One export, as a folder has it.
pub struct Export {
    pub group: &'static str,
    /// When it was made, as tables show it.
    pub time: String,
    /// Files in the order of their names: a type, a name, lines.
    pub files: Vec<(&'static str, String, Vec<Line>)>,
    /// Type and ID of rows to delete.
    pub deletes: Vec<(&'static str, String)>,
    /// A type that the run of it leaves out.
    pub excluded: Option<&'static str>,
    /// A type of which a file is cut off, so that its table cannot be made.
    pub damaged: Option<&'static str>,
    /// Options of its run that change no row.
    pub options: Vec<&'static str>,
}

/// A line of a file.
pub enum Line {
    Row(Value),
    /// The rows to be rejected, and why.
    Rejected(&'static str, String),
    Blank,
}

impl Export {
    /// The `number`-th export of a sequence: its values occur in no other.
    pub fn random(rng: &mut Rng, number: usize) -> Self {
        let mut export = Self {
            group: *rng.pick(&["g", "h"]),
            time: format!("2024-01-02T{:02}:{:02}:00+00:00", number / 60, number % 60),
            files: Vec::new(),
            deletes: Vec::new(),
            excluded: None,
            damaged: None,
            options: Vec::new(),
        };
        let mut value = 0;
        for of in TYPES {
            let files = if rng.one_in(4) { 0 } else { 1 + rng.below(2) };
            for file in 0..files {
                // A file's type is that of its first row.
                let mut lines = vec![Line::Row(row(rng, of, &format!("{number}-{value}")))];
                for _ in 0..rng.below(8) {
                    value += 1;
                    lines.push(line(rng, of, &format!("{number}-{value}")));
                }
                value += 1;
                let end = rng.pick(&["ndjson", "ndjson.gz", "jsonl"]);
                export.files.push((of, format!("{of}.{file:03}.{end}"), lines));
            }
            for _ in 0..rng.below(3) {
                export.deletes.push((of, id(rng, of)));
            }
        }
        if export.files.is_empty() {
            let lines = vec![Line::Row(row(rng, "Patient", &format!("{number}-only")))];
            export.files.push(("Patient", "Patient.ndjson".to_owned(), lines));
        }
        let excluded = *rng.pick(&TYPES);
        if rng.one_in(5) && export.files.iter().any(|(of, ..)| *of != excluded) {
            export.excluded = Some(excluded);
        }
        for option in ["--batch-size=3", "--no-table-optimization", "--work-dir=spill"] {
            if rng.one_in(4) {
                export.options.push(option);
            }
        }
        export
    }

    /// The same without what other programs take otherwise: rejected rows, compressed files, and
    /// deletes of rows that it has itself.
    pub fn plain(rng: &mut Rng, number: usize) -> Self {
        let mut export = Self::random(rng, number);
        (export.excluded, export.options) = (None, Vec::new());
        for (index, (of, name, lines)) in export.files.iter_mut().enumerate() {
            lines.retain(|line| matches!(line, Line::Row(_)));
            *name = format!("{of}.{index:03}.ndjson");
        }
        let has = |of: &str, id: Option<&str>| {
            let mut lines = export.files.iter().filter(|(known, ..)| *known == of);
            lines.any(|(.., lines)| {
                let mut rows = lines.iter();
                rows.any(
                    |line| matches!(line, Line::Row(row) if id.is_none_or(|id| row["id"] == id)),
                )
            })
        };
        let mut deletes = export.deletes.clone();
        deletes.retain(|(of, id)| has(of, None) && !has(of, Some(id)));
        export.deletes = deletes;
        export
    }

    /// The files that a run of it reads.
    pub fn read(&self) -> impl Iterator<Item = &(&'static str, String, Vec<Line>)> {
        self.files.iter().filter(|(of, ..)| self.excluded != Some(of))
    }

    /// Whether a line of it is to be rejected.
    pub fn has_rejects(&self) -> bool {
        let mut lines = self.read().flat_map(|(.., lines)| lines);
        lines.any(|line| matches!(line, Line::Rejected(..)))
    }

    /// Writes it to a folder in place of what is there.
    pub fn write(&self, folder: &Path) {
        let _ = fs::remove_dir_all(folder);
        fs::create_dir_all(folder.join("deleted")).unwrap();
        for (_, name, lines) in &self.files {
            let lines = lines.iter().map(|line| match line {
                Line::Row(row) => format!("{row}\n"),
                Line::Rejected(_, text) => format!("{text}\n"),
                Line::Blank => "\r\n".to_owned(),
            });
            let mut bytes = lines.collect::<String>().into_bytes();
            if name.ends_with(".gz") {
                bytes = gzip(&bytes);
            }
            fs::write(folder.join(name), bytes).unwrap();
        }
        if let Some(of) = self.damaged {
            // Its first row, which tells its type, can be read.
            let rows: String = (0..20_000_u64)
                .map(|n| {
                    let noise = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
                    format!("{{\"resourceType\":\"{of}\",\"id\":\"damaged{noise:x}\"}}\n")
                })
                .collect();
            let mut bytes = gzip(rows.as_bytes());
            bytes.truncate(bytes.len() / 2);
            fs::write(folder.join(format!("{of}.999.ndjson.gz")), bytes).unwrap();
        }
        if !self.deletes.is_empty() {
            let urls: Vec<_> = self.deletes.iter().map(|(of, id)| format!("{of}/{id}")).collect();
            let bundle = deletes(&urls.iter().map(String::as_str).collect::<Vec<_>>());
            fs::write(folder.join("deleted/d.ndjson"), format!("{bundle}\n")).unwrap();
        }
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn id(rng: &mut Rng, of: &str) -> String {
    format!("{}{}", of.to_lowercase(), rng.below(IDS))
}

/// A row whose text occurs nowhere else.
fn row(rng: &mut Rng, of: &str, text: &str) -> Value {
    let mut row = json!({"resourceType": of, "id": id(rng, of)});
    if !rng.one_in(3) {
        // The same instants in other words: they are compared as instants.
        let day = 1 + rng.below(5);
        let times = [format!("2020-01-0{day}T12:00:00Z"), format!("2020-01-0{day}T14:00:00+02:00")];
        row["meta"] = json!({"lastUpdated": rng.pick(&times)});
    }
    match of {
        "Patient" => {
            row["gender"] = json!(text);
            row["birthDate"] = json!(format!("19{:02}-03-0{}", rng.below(99), 1 + rng.below(9)));
            row["name"] = json!([{"family": format!("secret {text}")}]);
        }
        "Encounter" => {
            row["status"] = json!(text);
            row["subject"] = json!({"reference": format!("Patient/{}", id(rng, "Patient"))});
        }
        _ => {
            row["lotNumber"] = json!(text);
            row["patient"] = json!({"reference": format!("Patient/{}", id(rng, "Patient"))});
        }
    }
    row
}

fn line(rng: &mut Rng, of: &str, text: &str) -> Line {
    match rng.below(12) {
        0 => Line::Blank,
        1 => Line::Rejected("not-json", "{\"resourceType\":".to_owned()),
        2 => Line::Rejected("not-an-object", "[]".to_owned()),
        3 => Line::Rejected("no-id", json!({"resourceType": of, "language": text}).to_string()),
        4 => {
            let row = json!({"resourceType": "Location", "id": "l"});
            Line::Rejected("wrong-resource-type", row.to_string())
        }
        5 => {
            let mut row = row(rng, of, text);
            row["language"] = json!({"not": "a text"});
            Line::Rejected("wrong-kind", row.to_string())
        }
        _ => Line::Row(row(rng, of, text)),
    }
}
