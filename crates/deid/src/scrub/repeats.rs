//! Names that occur twice in an object: as everywhere in FHIR software, the last one counts.

use hashbrown::{HashMap, HashSet};
use sonic_rs::{Object, Value};

use crate::policy::Field;

/// Which elements of an object have occurred.
#[derive(Default)]
pub(super) struct SeenFields {
    columns: [u64; 4],
    others: Vec<&'static str>,
}

impl SeenFields {
    pub fn again(&mut self, field: &'static Field) -> bool {
        match field.column {
            // Two columns an element: nearly all types have fewer than 128 elements.
            Some(column) if column < 256 => {
                let bit = 1 << (column % 64);
                let word = &mut self.columns[column / 64];
                let again = *word & bit != 0;
                *word |= bit;
                again
            }
            _ => {
                let again = self.others.contains(&field.name);
                self.others.push(field.name);
                again
            }
        }
    }
}

/// The last value of this name: the one that counts where a name occurs twice.
pub(super) fn last_value<'v>(object: &'v Object, name: &str) -> Option<&'v Value> {
    let mut found = None;
    for (key, value) in object.iter() {
        if key == name {
            found = Some(value);
        }
    }
    found
}

/// The places of members that a later one of the same name replaces.
pub(super) fn find_overridden(object: &Object) -> HashSet<usize> {
    let mut latest = HashMap::new();
    let members = object.iter().enumerate();
    // `insert` gives the place that was known before, which is the one that is replaced.
    members.filter_map(|(index, (name, _))| latest.insert(name, index)).collect()
}
