//! Rules for the folder of every Delta table, whatever its rows.

use std::collections::BTreeSet;
use std::path::Path;

use super::export::TYPES;
use crate::support::{children, json_lines};

/// Panics unless each table's log has all its versions, and its folder all data files that the newest
/// one names. Without `strays`, no others either than those that some version names.
pub fn assert_tables(root: &Path, strays: bool) {
    let types = TYPES.map(str::to_lowercase);
    let completion = ["etl__completion", "etl__completion_encounters"];
    for table in types.iter().map(String::as_str).chain(completion) {
        let folder = root.join(table);
        let log = folder.join("_delta_log");
        let names = children(&log);
        let versions: Vec<_> = names.iter().filter(|name| name.ends_with(".json")).collect();
        let (mut ever, mut now) = (BTreeSet::new(), BTreeSet::new());
        for (number, name) in versions.iter().enumerate() {
            assert_eq!(**name, format!("{number:020}.json"), "{table}: versions {versions:?}");
            for action in json_lines(&log.join(name)) {
                let path = |of: &str| action[of]["path"].as_str().map(str::to_owned);
                if let Some(path) = path("add") {
                    ever.insert(path.clone());
                    now.insert(path);
                }
                if let Some(path) = path("remove") {
                    now.remove(&path);
                }
            }
        }
        let files = children(&folder).into_iter().filter(|name| name.ends_with(".parquet"));
        let files: BTreeSet<_> = files.collect();
        let lost: Vec<_> = now.difference(&files).collect();
        assert!(lost.is_empty(), "{table}: {lost:?} are named, and not there");
        let odd: Vec<_> = files.difference(&ever).collect();
        assert!(strays || odd.is_empty(), "{table}: {odd:?} are of no version");
        assert_manifest(&folder, &now);
    }
}

/// Where there is a manifest for readers that know nothing of logs, it names the newest version's files.
fn assert_manifest(folder: &Path, now: &BTreeSet<String>) {
    let path = folder.join("_symlink_format_manifest/manifest");
    if path.exists() {
        let text = std::fs::read_to_string(&path).unwrap();
        let name = |line: &str| line.rsplit('/').next().unwrap_or_default().to_owned();
        let named: BTreeSet<_> = text.lines().map(name).collect();
        assert_eq!(&named, now, "{}", path.display());
    }
}
