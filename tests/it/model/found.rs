//! The content of OUTPUT, read and compared with what the model says.

use std::path::Path;

use serde_json::Value;

use super::expected::{Rows, State};
use super::export::TYPES;
use crate::support::{json_file, read_table};

impl State {
    /// The rows of the tables of a folder. Panics where one cannot be read or has an ID twice.
    pub fn found(output: &Path, format: &str) -> Self {
        let mut state = Self::default();
        let text = |row: &Value, name: &str| row[name].as_str().unwrap_or_default().to_owned();
        let read = |table: &str| match output.join(table).is_dir() {
            true => read_table(output, format, table),
            false => Vec::new(),
        };
        for of in TYPES {
            let mut rows = Rows::new();
            for row in read(&of.to_lowercase()) {
                let id = row["id"].as_str().unwrap().to_owned();
                assert!(rows.insert(id.clone(), row).is_none(), "{of}: {id} is there twice");
            }
            state.tables.insert(of, rows);
            let table = of.to_lowercase();
            let meta = output.join(&table).join(format!("{table}.meta"));
            if format == "ndjson" && meta.exists() {
                let deleted = json_file(&meta)["deleted"].as_array().unwrap().clone();
                let ids = deleted.iter().map(|id| id.as_str().unwrap().to_owned());
                state.deleted.insert(of, ids.collect());
            }
        }
        for row in read("etl__completion") {
            let completed = (
                text(&row, "table_name"),
                text(&row, "group_name"),
                text(&row, "export_time"),
                text(&row, "excluded_resources"),
            );
            *state.completion.entry(completed).or_default() += 1;
        }
        for row in read("etl__completion_encounters") {
            let key = (text(&row, "encounter_id"), text(&row, "group_name"));
            let value = (text(&row, "export_time"), text(&row, "excluded_resources"));
            let twice = state.encounters.insert(key.clone(), value);
            assert!(twice.is_none(), "{key:?} is declared complete twice");
        }
        state
    }

    /// Panics unless this is, table by table, one of some states, and says of no table that it is
    /// complete which is not.
    pub fn assert_any_of(&self, before: &Self, states: &[Self]) {
        for of in TYPES {
            let known = states.iter().chain([before]).any(|state| self.has_same(state, of));
            assert!(
                known,
                "{of}:\n{:#?}\n{:#?}\nis none of\n{:#?}\nor\n{:#?}",
                self.rows(of),
                self.deleted_of(of),
                shown(states, of),
                before.rows(of)
            );
        }
        let encounters =
            states.iter().chain([before]).any(|state| state.encounters == self.encounters);
        assert!(encounters, "completed encounters: {:#?}", self.encounters);
        for (completed, count) in &self.completion {
            let least = before.completion.get(completed).copied().unwrap_or(0);
            let most = states.iter().filter_map(|state| state.completion.get(completed)).max();
            let most = most.copied().unwrap_or(least).max(least);
            assert!((least..=most).contains(count), "{completed:?}: {count} times");
            if *count > least {
                let of = TYPES.iter().find(|of| of.to_lowercase() == completed.0).unwrap();
                let done = states.iter().any(|state| {
                    state.completion.contains_key(completed) && self.has_same(state, of)
                });
                assert!(done, "{of} is declared complete, and is not");
            }
        }
        for (completed, count) in &before.completion {
            assert!(self.completion.get(completed) >= Some(count), "{completed:?} is lost");
        }
    }
}

fn shown(states: &[State], of: &str) -> Vec<Rows> {
    states.iter().map(|state| state.rows(of)).collect()
}
