//! The content of PHI.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::expected::{CODEBOOK, Rejects, fake};
use crate::support::{children, json_file, json_lines};

/// Panics unless PHI has the codebook that it began with.
pub fn assert_codebook(phi: &Path) {
    assert_eq!(fs::read_to_string(phi.join("codebook.json")).unwrap(), CODEBOOK);
}

/// The Patients and Encounters that PHI can trace back, with their anonymous IDs. Panics where one of
/// these is not theirs.
pub fn traced(phi: &Path) -> BTreeMap<(String, String), String> {
    let path = phi.join("codebook-cached-mappings.json");
    let mut all = BTreeMap::new();
    if !path.exists() {
        return all;
    }
    for (of, ids) in json_file(&path).as_object().unwrap() {
        for (real, anonymous) in ids.as_object().unwrap() {
            assert_eq!(anonymous, &fake(real), "{of}/{real}");
            let is_known = real.starts_with(&of.to_lowercase()) || real.starts_with("damaged");
            assert!(is_known, "{of}/{real} was in no export");
            all.insert((of.clone(), real.clone()), fake(real));
        }
    }
    all
}

/// The rejected rows in PHI, run by run.
fn rejected(phi: &Path) -> Vec<Rejects> {
    let root = phi.join("rejected");
    let runs = children(&root).into_iter().filter(|run| root.join(run).is_dir());
    let rejects = runs.map(|run| {
        let folder = root.join(run);
        let files = children(&folder).into_iter().map(|name| {
            let of = name.strip_suffix(".ndjson").unwrap_or_else(|| panic!("an odd file: {name}"));
            let text = |row: &serde_json::Value, name: &str| row[name].as_str().unwrap().to_owned();
            let rows = json_lines(&folder.join(&name));
            let row = |row: &serde_json::Value| {
                let line = row["line"].as_u64().unwrap();
                (text(row, "file"), line, text(row, "reason"), text(row, "row"))
            };
            (of.to_owned(), rows.iter().map(row).collect())
        });
        files.collect()
    });
    rejects.collect()
}

/// Panics unless PHI has the rejected rows of each of some runs, and otherwise only such as others may
/// have left, whose tables were not all written.
pub fn assert_rejects(phi: &Path, must: &[Rejects], may: &[Rejects]) {
    let mut found = rejected(phi);
    for run in must.iter().filter(|run| !run.is_empty()) {
        let place = found.iter().position(|there| there == run);
        let place = place.unwrap_or_else(|| panic!("PHI has {found:#?}\nand not {run:#?}"));
        found.swap_remove(place);
    }
    for there in found {
        let is_of = |run: &Rejects| there.iter().all(|(of, rows)| run.get(of) == Some(rows));
        assert!(may.iter().any(is_of), "PHI has {there:#?}, which nobody was to reject");
    }
}
