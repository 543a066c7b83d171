//! The model: what must be in OUTPUT and PHI, computed without the program.

use std::collections::{BTreeMap, BTreeSet};

use chrono::DateTime;
use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::export::{Export, Line, TYPES};

/// The bytes of the salt of all anonymous IDs.
const SALT: u8 = 0x11;
pub const CODEBOOK: &str = "{\"version\":1,\"codebook_id\":\"model\",\"id_salt\":\
    \"1111111111111111111111111111111111111111111111111111111111111111\"}";

/// The rows of a table by anonymous ID.
pub type Rows = BTreeMap<String, Value>;
/// Table, Group, time of the export, excluded type.
type Completed = (String, String, String, String);

/// The rejected rows of a run by type: file, line, reason, text.
pub type Rejects = BTreeMap<String, Vec<(String, u64, String, String)>>;

/// The rows that the tables hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    pub tables: BTreeMap<&'static str, Rows>,
    /// IDs that `<table>.meta` names as deleted, where the format has that.
    pub deleted: BTreeMap<&'static str, BTreeSet<String>>,
    /// Time of the export and excluded type by encounter and Group.
    pub encounters: BTreeMap<(String, String), (String, String)>,
    /// How many rows say so.
    pub completion: BTreeMap<Completed, usize>,
}

/// The anonymous form of an ID.
pub fn fake(id: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(&[SALT; 32]).unwrap();
    mac.update(id.as_bytes());
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A row as tables hold it: IDs hashed, dates cut, names dropped.
fn deidentified(row: &Value) -> Value {
    let mut row = row.clone();
    let members = row.as_object_mut().unwrap();
    members.remove("name");
    for (name, value) in members {
        match name.as_str() {
            "id" => *value = json!(fake(value.as_str().unwrap())),
            "birthDate" => *value = json!(value.as_str().unwrap()[..4]),
            "subject" | "patient" => {
                let id = value["reference"].as_str().unwrap().strip_prefix("Patient/").unwrap();
                *value = json!({"reference": format!("Patient/{}", fake(id))});
            }
            _ => {}
        }
    }
    row
}

fn time_of(row: &Value) -> Option<DateTime<chrono::FixedOffset>> {
    DateTime::parse_from_rfc3339(row["meta"]["lastUpdated"].as_str()?).ok()
}

impl Export {
    /// The rows that are taken of a type, in their order.
    fn rows(&self, of: &str) -> impl Iterator<Item = &Value> {
        let files = self.read().filter(move |(known, ..)| *known == of);
        files.flat_map(|(.., lines)| lines).filter_map(|line| match line {
            Line::Row(row) => Some(row),
            Line::Rejected(..) | Line::Blank => None,
        })
    }

    /// The types of the tables that a run of it writes.
    fn written(&self) -> impl Iterator<Item = &'static str> {
        TYPES.into_iter().filter(|of| self.damaged != Some(*of) && self.makes(of))
    }

    /// The rows that a run of it rejects, of the tables that it writes.
    pub fn rejects(&self) -> Rejects {
        let mut rejects = Rejects::new();
        for (of, name, lines) in self.read().filter(|(of, ..)| self.damaged != Some(of)) {
            for (line, number) in lines.iter().zip(1..) {
                if let Line::Rejected(reason, text) = line {
                    let row = (name.clone(), number, (*reason).to_owned(), text.clone());
                    rejects.entry((*of).to_owned()).or_default().push(row);
                }
            }
        }
        rejects
    }

    /// Whether a run of it is to make this type's table.
    pub fn makes(&self, of: &'static str) -> bool {
        let deletes = || self.deletes.iter().any(|(known, _)| *known == of);
        self.excluded != Some(of) && (self.rows(of).next().is_some() || deletes())
    }

    /// The Patients and Encounters whose IDs a run of it must be able to trace back.
    pub fn traced(&self) -> BTreeSet<(&'static str, String)> {
        let mut traced = BTreeSet::new();
        for of in self.written() {
            for row in self.rows(of) {
                if of != "Device" {
                    traced.insert((of, row["id"].as_str().unwrap().to_owned()));
                }
                for name in ["subject", "patient"] {
                    let id = row[name]["reference"].as_str();
                    let id = id.and_then(|reference| reference.strip_prefix("Patient/"));
                    traced.extend(id.map(|id| ("Patient", id.to_owned())));
                }
            }
        }
        traced
    }
}

impl State {
    /// The state after a run that could write all tables but the damaged one.
    pub fn after(&self, export: &Export, format: &str) -> Self {
        let mut next = self.clone();
        for of in export.written() {
            let excluded = export.excluded.unwrap_or_default().to_owned();
            let (group, time) = (export.group.to_owned(), export.time.clone());
            let completed = (of.to_lowercase(), group, time.clone(), excluded.clone());
            *next.completion.entry(completed).or_default() += 1;
            // Of several rows with one ID the last one counts.
            let mut run = Rows::new();
            for row in export.rows(of) {
                let row = deidentified(row);
                let id = row["id"].as_str().unwrap().to_owned();
                if of == "Encounter" {
                    let key = (id.clone(), export.group.to_owned());
                    let value = || (time.clone(), excluded.clone());
                    next.encounters.entry(key).or_insert_with(value);
                }
                run.insert(id, row);
            }
            let table = next.tables.entry(of).or_default();
            if format != "deltalake" {
                table.clear();
            }
            for (id, row) in run {
                let there = table.get(&id).and_then(time_of);
                // A row is not replaced by one that is known to be older.
                if there.zip(time_of(&row)).is_none_or(|(there, new)| new >= there) {
                    table.insert(id, row);
                }
            }
            let deletes = export.deletes.iter().filter(|(known, _)| *known == of);
            let deletes: BTreeSet<_> = deletes.map(|(_, id)| fake(id)).collect();
            deletes.iter().for_each(|id| drop(table.remove(id)));
            if format == "ndjson" {
                next.deleted.insert(of, deletes);
            }
        }
        next
    }

    /// The rows of a table; none where there is no table.
    pub fn rows(&self, of: &str) -> Rows {
        self.tables.get(of).cloned().unwrap_or_default()
    }

    /// IDs that were deleted of a table, as it says so itself.
    pub fn deleted_of(&self, of: &str) -> BTreeSet<String> {
        self.deleted.get(of).cloned().unwrap_or_default()
    }

    /// Whether a table is as in another state.
    pub fn has_same(&self, other: &Self, of: &str) -> bool {
        self.rows(of) == other.rows(of) && self.deleted_of(of) == other.deleted_of(of)
    }
}
