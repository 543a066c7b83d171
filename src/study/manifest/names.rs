//! Names of a study's tables: whose they are, and that each is used once.

use std::collections::HashMap;
use std::path::Path;

use super::FilePlace;
use crate::error::{Error, Result};
use crate::study::protected;
use crate::study::source::Source;

/// The separator between a study's prefix and a table's name.
const SEPARATOR: &str = "__";

/// The prefix of the tables that the main job makes about itself.
// A study of this name could drop the tables that say which data has been loaded.
const MAIN_JOB: &str = "etl";
/// Prefixes that stand for kinds of tables, not for studies.
const RESERVED: [&str; 2] = ["lib", "nlp"];

/// Why a text can't be a study's prefix, if it can't.
pub fn prefix_fault(prefix: &str) -> Option<&'static str> {
    let mut letters = prefix.chars();
    let begins = letters.next().is_some_and(|c| c.is_ascii_alphabetic());
    if !begins || !letters.all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return Some("a study_prefix is a letter, then letters, digits and '_'");
    }
    if prefix.eq_ignore_ascii_case(MAIN_JOB) {
        return Some("tables that begin with etl__ are the main job's");
    }
    if RESERVED.iter().any(|reserved| prefix.eq_ignore_ascii_case(reserved)) {
        return Some("'lib' and 'nlp' are reserved: within a study's name they protect a table");
    }
    // Otherwise nobody could tell the tables of study `a` from those of `a__b` or `a_`.
    (prefix.contains(SEPARATOR) || prefix.ends_with('_'))
        .then_some("a study_prefix has no '__' and no '_' at its end: '__' begins a table's name")
}

/// A table's whole name.
pub fn whole_name(prefix: &str, name: &str) -> String {
    match name.split_once(SEPARATOR) {
        Some((before, after)) if before.eq_ignore_ascii_case(prefix) => {
            format!("{prefix}{SEPARATOR}{after}")
        }
        // A name with another prefix becomes one with two `__`, which `protected::name_fault` refuses.
        _ => format!("{prefix}{SEPARATOR}{name}"),
    }
}

/// The tables that were seen so far. Names are the same whatever their case.
#[derive(Default)]
pub struct TableNames {
    made: HashMap<String, FilePlace>,
    exported: HashMap<String, FilePlace>,
}

impl TableNames {
    /// Takes note of a table that a file makes. A file may be part of several stages; its tables
    /// are the same.
    pub fn note_made(&mut self, name: &str, source: &Source, line: usize) -> Result<()> {
        let place = FilePlace { file: source.path().to_owned(), line };
        match self.made.get(&name.to_lowercase()) {
            // The same place again is the same file in a further stage, or one that a stage names
            // twice.
            Some(other) if *other != place => {
                let message = format!("table {name} is made at {other}, too; rename one of them");
                Err(source.fault_in_line(line, message))
            }
            Some(_) => Ok(()),
            None => {
                self.made.insert(name.to_lowercase(), place);
                Ok(())
            }
        }
    }

    /// Takes note of a table that is exported at a line of the manifest.
    pub fn note_exported(&mut self, name: &str, source: &Source, line: usize) -> Result<()> {
        let place = FilePlace { file: source.path().to_owned(), line };
        match self.exported.insert(name.to_lowercase(), place) {
            None => Ok(()),
            Some(other) => {
                Err(source.fault_in_line(line, format!("{name} is exported at {other}, too")))
            }
        }
    }
}

/// The whole name of a table that may lack its prefix; an error if it has another study's.
pub fn own_name(prefix: &str, name: &str, source: &Source, line: usize) -> Result<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.is_empty() || !name.chars().all(plain) {
        let message = format!("'{name}' is no table's name: letters, digits and '_' are");
        return Err(source.fault_in_line(line, message));
    }
    match name.split_once(SEPARATOR) {
        Some((before, _)) if !before.eq_ignore_ascii_case(prefix) => {
            Err(foreign_table(prefix, name, source, line))
        }
        _ => permitted_name(whole_name(prefix, name), source, line),
    }
}

/// The whole name, unless no study may have such a table.
fn permitted_name(whole: String, source: &Source, line: usize) -> Result<String> {
    match protected::name_fault(&whole) {
        None => Ok(whole),
        Some(fault) => Err(source.fault_in_line(line, fault)),
    }
}

/// The whole name of a table that a statement makes, which must have the prefix, or be in the
/// study's own schema.
pub fn own_in_sql(
    prefix: &str,
    dedicated_schema: Option<&str>,
    (schema, name): (Option<&str>, &str),
    source: &Source,
    line: usize,
) -> Result<String> {
    let same = |schema: &str| dedicated_schema.is_some_and(|own| own.eq_ignore_ascii_case(schema));
    match schema {
        Some(schema) if same(schema) => permitted_name(whole_name(prefix, name), source, line),
        Some(schema) => {
            let message = format!("{schema}.{name} is in a schema that is not this study's");
            Err(source.fault_in_line(line, message))
        }
        None if name.split_once(SEPARATOR).is_some_and(|(p, _)| p.eq_ignore_ascii_case(prefix)) => {
            permitted_name(whole_name(prefix, name), source, line)
        }
        None => Err(foreign_table(prefix, name, source, line)),
    }
}

fn foreign_table(prefix: &str, name: &str, source: &Source, line: usize) -> Error {
    let message =
        format!("{name} is not a table of this study: its name must begin with {prefix}__");
    source.fault_in_line(line, message)
}

/// Whether a table tells about the study itself, by its name.
pub fn is_meta(prefix: &str, name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let own = name.strip_prefix(prefix).and_then(|rest| rest.strip_prefix(SEPARATOR));
    own.unwrap_or(&name).starts_with("meta_")
}

/// Whether a path names a workflow.
pub fn is_workflow(name: &str) -> bool {
    let ending = Path::new(name).extension().and_then(|ending| ending.to_str());
    ending.is_some_and(|e| e.eq_ignore_ascii_case("workflow") || e.eq_ignore_ascii_case("toml"))
}
