//! Nothing that identifies anyone leaves the PHI folder: not into tables, not into records, not
//! into messages, not into temporary files.
//!
//! The identifying strings come from the raw export, by the elements that hold them; what the
//! program writes is searched for them as bytes and, decoded, as text.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Output;

use arrow::array::{Array, AsArray};
use arrow::datatypes::DataType;
use cumulus_etl::demo;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;

use crate::lake::{self, FORMATS, program};

/// Identifying strings, each with the kind of element it stands in.
#[derive(Default)]
struct Secrets {
    kinds: BTreeMap<String, &'static str>,
}

impl Secrets {
    fn of(export: &Path) -> Self {
        let mut secrets = Self::default();
        for row in raw_rows(export) {
            secrets.add("id", &row["id"]);
            secrets.collect(&row, "");
        }
        for word in demo::identifying_words() {
            secrets.kinds.insert(word.to_owned(), "word");
        }
        // Names of organizations are public, beside a reference too.
        for row in raw_rows(export).iter().filter(|row| row["resourceType"] == "Organization") {
            strings(&row["name"]).into_iter().for_each(|name| {
                secrets.kinds.remove(name.trim());
            });
        }
        secrets
    }

    fn add(&mut self, kind: &'static str, value: &Value) {
        for text in strings(value) {
            let text = text.trim();
            if text.len() > 3 {
                self.kinds.insert(text.to_owned(), kind);
            }
        }
    }

    fn collect(&mut self, node: &Value, inside: &str) {
        let members = match node {
            Value::Array(items) => return items.iter().for_each(|item| self.collect(item, inside)),
            Value::Object(members) => members,
            _ => return,
        };
        let has = |name: &str| members.contains_key(name);
        for (name, value) in members {
            match name.as_str() {
                "family" | "given" => self.add("name", value),
                "text" if has("family") || has("given") => self.add("name", value),
                "line" | "city" | "district" => self.add("address", value),
                "text" if has("line") || has("city") => self.add("address", value),
                "value" if inside == "telecom" => self.add("telecom", value),
                "value" if ours_alone(members) => self.add("identifier", value),
                "div" => {
                    self.add("narrative", value);
                    self.pieces("narrative", value.as_str().unwrap_or_default());
                }
                "display" if has("reference") => self.add("display", value),
                "reference" => self.reference(value.as_str().unwrap_or_default()),
                "data" if has("contentType") => self.attachment(value, inside),
                "url" if has("contentType") => self.add("attachment url", value),
                "title" if has("contentType") => self.add("attachment title", value),
                "text" if inside == "note" => self.add("comment", value),
                "comment" | "description" | "patientInstruction" | "conclusion" => {
                    self.add("comment", value);
                }
                _ => {}
            }
            self.collect(value, name);
        }
    }

    /// The id in a reference, relative or not.
    fn reference(&mut self, text: &str) {
        let path = text.trim().split("/_history/").next().unwrap_or_default();
        // Provider numbers, by which some references go, are public and kept.
        if !text.starts_with('#') && !text.contains("us-npi|") {
            let id = path.rsplit(['/', '|', ':']).next().unwrap_or_default();
            self.add("referenced id", &id.into());
        }
        if text.contains("://") || text.starts_with("urn:") {
            self.add("absolute reference", &text.into());
        }
    }

    fn attachment(&mut self, data: &Value, inside: &str) {
        let kind = if inside == "photo" { "photo" } else { "note" };
        self.add(kind, data);
        let text = data.as_str().and_then(base64).unwrap_or_default();
        self.pieces("note text", &String::from_utf8_lossy(&text));
    }

    /// Parts of a text that say something of their own.
    fn pieces(&mut self, kind: &'static str, text: &str) {
        for piece in text.split(['<', '>', '\n', '\r']).map(str::trim) {
            if piece.len() >= 24 && piece.contains(|c: char| c.is_ascii_digit()) {
                self.kinds.insert(piece.to_owned(), kind);
            }
        }
    }
}

/// Whether an Identifier is of a system that no table keeps: record and security numbers.
fn ours_alone(identifier: &serde_json::Map<String, Value>) -> bool {
    let system = identifier.get("system").and_then(Value::as_str).unwrap_or_default();
    system.ends_with("us-ssn") || system.starts_with("urn:oid:1.2.840.114350.")
}

fn raw_rows(export: &Path) -> Vec<Value> {
    let mut rows = Vec::new();
    for path in lake::files(export, ".000.ndjson") {
        for line in fs::read_to_string(path).unwrap().lines() {
            // Broken rows are there, too; even of these nothing may leak, but only whole ones
            // tell what is in them.
            rows.extend(serde_json::from_str::<Value>(line).ok().filter(Value::is_object));
        }
    }
    rows
}

/// All strings in a value, the names of members too.
fn strings(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().flat_map(strings).collect(),
        Value::Object(members) => members
            .iter()
            .flat_map(|(name, value)| std::iter::once(name.as_str()).chain(strings(value)))
            .collect(),
        _ => Vec::new(),
    }
}

fn base64(text: &str) -> Option<Vec<u8>> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bits, mut count, mut bytes) = (0_u32, 0, Vec::new());
    for byte in text.bytes().filter(|byte| *byte != b'=') {
        let digit = DIGITS.iter().position(|digit| *digit == byte)?;
        bits = bits << 6 | digit as u32;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    Some(bytes)
}

/// Finds any of many strings in one pass.
struct Search<'a> {
    /// Strings of eight bytes and more by their first eight.
    long: HashMap<u64, Vec<&'a str>>,
    /// Whether any of them may begin so, at hand for every byte.
    filter: Vec<bool>,
    /// Shorter ones, and IDs: as whole words. Compressed bytes hold any short string by chance.
    words: HashSet<&'a str>,
    kinds: &'a BTreeMap<String, &'static str>,
}

impl<'a> Search<'a> {
    fn new(secrets: &'a Secrets) -> Self {
        let mut search = Self {
            long: HashMap::new(),
            filter: vec![false; 1 << 20],
            words: HashSet::new(),
            kinds: &secrets.kinds,
        };
        for (text, kind) in &secrets.kinds {
            match text.as_bytes().first_chunk() {
                Some(first) if !kind.ends_with("id") => {
                    let first = u64::from_be_bytes(*first);
                    search.long.entry(first).or_default().push(text);
                    search.filter[slot(first)] = true;
                }
                _ => {
                    search.words.insert(text);
                }
            }
        }
        search
    }

    fn bytes(&self, bytes: &[u8], found: &mut BTreeSet<(&'static str, String)>) {
        let mut window = 0;
        for (index, byte) in bytes.iter().enumerate() {
            window = window << 8 | u64::from(*byte);
            if index < 7 || !self.filter[slot(window)] {
                continue;
            }
            let Some(texts) = self.long.get(&window) else { continue };
            for text in texts.iter().filter(|t| bytes[index - 7..].starts_with(t.as_bytes())) {
                found.insert((self.kinds[*text], (*text).to_owned()));
            }
        }
    }

    fn text(&self, text: &str, found: &mut BTreeSet<(&'static str, String)>) {
        self.bytes(text.as_bytes(), found);
        let part_of_id = |c: char| c.is_alphanumeric() || c == '-' || c == '.';
        for word in text.split(|c| !part_of_id(c)) {
            for word in [word, word.trim_end_matches('.')] {
                if let Some(word) = self.words.get(word) {
                    found.insert((self.kinds[*word], (*word).to_owned()));
                }
            }
        }
    }

    /// A file as it is, and what its format makes of it.
    fn file(&self, path: &Path, found: &mut BTreeSet<(&'static str, String)>) {
        let bytes = fs::read(path).unwrap();
        self.text(&path.to_string_lossy(), found);
        self.bytes(&bytes, found);
        let extension = path.extension().map_or(String::new(), |e| e.to_string_lossy().into());
        match extension.as_str() {
            "parquet" => {
                let file = File::open(path).unwrap();
                let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
                for batch in reader.build().unwrap() {
                    for column in batch.unwrap().columns() {
                        leaves(column, &mut |text| self.text(text, found));
                    }
                }
            }
            "csv" => {
                for record in csv::Reader::from_path(path).unwrap().records() {
                    for cell in record.unwrap().iter() {
                        self.text(cell, found);
                        // Escapes are another spelling.
                        if cell.starts_with(['{', '[']) {
                            let value = lake::parse(cell);
                            strings(&value).iter().for_each(|text| self.text(text, found));
                        }
                    }
                }
            }
            _ => {
                let text = String::from_utf8_lossy(&bytes);
                self.text(&text, found);
                // One value, or one a line; there may be broken lines.
                let values: Vec<Value> = match serde_json::from_str(&text) {
                    Ok(value) => vec![value],
                    Err(_) => text.lines().filter_map(|l| serde_json::from_str(l).ok()).collect(),
                };
                for value in &values {
                    strings(value).iter().for_each(|text| self.text(text, found));
                }
            }
        }
    }
}

fn slot(first: u64) -> usize {
    (first.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 44) as usize
}

/// Visits every string in an array.
fn leaves(array: &dyn Array, visit: &mut dyn FnMut(&str)) {
    match array.data_type() {
        DataType::Utf8 => array.as_string::<i32>().iter().flatten().for_each(visit),
        DataType::List(_) => leaves(array.as_list::<i32>().values(), visit),
        DataType::Map(..) => array.as_map().entries().columns().iter().for_each(|c| {
            leaves(c, visit);
        }),
        DataType::Struct(_) => array.as_struct().columns().iter().for_each(|c| leaves(c, visit)),
        other => assert!(!other.is_nested() && !other.to_string().contains("Utf8"), "{other}"),
    }
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files.extend(walk(&path)),
            false => files.push(path),
        }
    }
    files
}

#[test]
fn nothing_that_identifies_anyone_leaves_the_phi_folder() {
    let root = tempfile::tempdir().unwrap();
    let path = |name: &str| root.path().join(name);
    lake::succeed(
        program()
            .args(["demo", "--data-only", "--every-element", "--patients", "10"])
            .arg(path("export")),
    );
    let secrets = Secrets::of(&path("export"));
    let search = Search::new(&secrets);

    // It finds them where they are, or else it would find none anywhere.
    let mut there = BTreeSet::new();
    walk(&path("export")).iter().for_each(|file| search.file(file, &mut there));
    let kinds = |of: &mut dyn Iterator<Item = &'static str>| of.collect::<BTreeSet<_>>();
    let all = kinds(&mut secrets.kinds.values().copied());
    let mut there = kinds(&mut there.iter().map(|(kind, _)| *kind));
    // There it is Base64, which is the kind "note".
    there.insert("note text");
    assert_eq!(there, all);
    for kind in [
        "id",
        "referenced id",
        "absolute reference",
        "name",
        "address",
        "telecom",
        "identifier",
        "narrative",
        "display",
        "note",
        "note text",
        "photo",
        "attachment url",
        "comment",
        "word",
    ] {
        assert!(all.contains(kind), "the export has a {kind}");
    }

    // Folders that a program writes to without being told: they stay empty.
    let own = ["home", "temporary", "current", "work"];
    own.iter().for_each(|name| fs::create_dir(path(name)).unwrap());
    let run = |options: &[&str]| -> Output {
        let mut command = program();
        command.env("HOME", path("home")).env("TMPDIR", path("temporary"));
        command.current_dir(path("current")).args(["--output-format", &FORMATS.join(",")]);
        command.args(options).args([path("export"), path("output"), path("phi")]);
        command.output().unwrap()
    };
    let work = path("work").to_string_lossy().into_owned();
    let mut found = BTreeSet::new();
    for (options, code) in [
        (&["-v"][..], 0),
        (&["-v", "--log-format", "json", "--work-dir", &work], 0),
        // It has rejected rows.
        (&["-q", "--strict", "--output-format", "ndjson", "--task", "patient"], 71),
        // It cannot be done.
        (&["--export-timestamp", "never"], 23),
    ] {
        let Output { status, stdout, stderr } = run(options);
        let said = String::from_utf8_lossy(&stderr);
        assert_eq!(status.code(), Some(code), "{options:?}: {said}");
        search.text(&String::from_utf8_lossy(&stdout), &mut found);
        search.text(&said, &mut found);
        assert!(!said.is_empty());
        let left: Vec<_> = own.iter().flat_map(|name| walk(&path(name))).collect();
        assert_eq!(left, Vec::<PathBuf>::new(), "{options:?}");
    }
    for name in own {
        assert_eq!(fs::read_dir(path(name)).unwrap().count(), 0, "{name}");
    }
    let in_phi: BTreeSet<_> = fs::read_dir(path("phi"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    let expected = [
        ".codebook.lock",
        ".cumulus-phi",
        "codebook-cached-mappings.json",
        "codebook.json",
        "context.json",
        "rejected",
    ];
    assert_eq!(in_phi, expected.map(str::to_owned).into());

    let files = walk(&path("output"));
    for extension in ["parquet", "csv", "ndjson", "json"] {
        assert!(files.iter().any(|file| file.extension().is_some_and(|e| e == extension)));
    }
    files.iter().for_each(|file| search.file(file, &mut found));
    let found: Vec<_> = found.iter().take(20).collect();
    assert!(found.is_empty(), "outside of PHI: {found:#?}");
}
