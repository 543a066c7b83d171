//! Housekeeping: compaction, vacuum, checkpoints, the manifest.

use super::*;

const DAY: i64 = 24 * 60 * 60 * 1000;

fn runs(folder: &Folder, count: u64) {
    for round in 0..count {
        let rows = [row("shared", &round.to_string()), row(&format!("r{round:02}"), "x")];
        TestRun::new(&plain(), &rows).merge(folder).unwrap();
    }
}

fn vacuum(log: &Log, now: i64) -> Result<u64> {
    optimize::remove_unneeded(log, log.list_objects()?, now)
}

#[test]
fn compaction_and_vacuum_keep_every_row() {
    let dir = tempfile::tempdir().unwrap();
    for folder in [memory(), local(&dir)] {
        runs(&folder, 5);
        let before = rows(&folder);
        let done = optimize_table(&folder, &WriteOptions::default()).unwrap();
        assert_eq!((done.version, done.compacted, done.vacuumed), (5, 5, 0));
        assert_eq!(rows(&folder), before);
        let changes = actions(&folder, 5);
        assert!(changes.iter().all(|action| {
            let change = action.get("add").or(action.get("remove")).map(|a| &a["dataChange"]);
            change.is_none_or(|change| *change == false)
        }));
        let table = Log::open_log(&folder).unwrap().read_snapshot().unwrap().unwrap();
        assert_eq!((table.files.len(), table.files[0].rows), (1, Some(6)));

        // Nothing small is left to join, and nothing is old enough to go.
        let again = optimize_table(&folder, &WriteOptions::default()).unwrap();
        assert_eq!(again, Optimized { version: 5, ..Optimized::default() });
        assert!(parquet_files(&folder).len() > 5);

        let log = Log::open_log(&folder).unwrap();
        let later = actions::now_millis() + 8 * DAY;
        assert!(vacuum(&log, later).unwrap() > 5);
        assert_eq!(parquet_files(&folder), [table.files[0].name.clone()]);
        assert_eq!(rows(&folder), before);
        runs(&folder, 2);
    }
}

#[test]
fn only_small_files_are_joined() {
    let folder = memory();
    let options = WriteOptions { rows_per_file: 10, threads: 2, ..WriteOptions::default() };
    for (file, rows) in [("a", 9), ("b", 3), ("c", 4), ("d", 2), ("e", 6)] {
        let rows: Vec<Value> = (0..rows).map(|n| row(&format!("{file}{n}"), "1")).collect();
        TestRun::new(&plain(), &rows).merge_with(&folder, Merge::Upsert, &options).unwrap();
    }
    let done = optimize_table(&folder, &options).unwrap();
    assert_eq!(done.compacted, 3);
    let table = Log::open_log(&folder).unwrap().read_snapshot().unwrap().unwrap();
    let mut sizes: Vec<_> = table.files.iter().filter_map(|file| file.rows).collect();
    sizes.sort();
    assert_eq!(sizes, [6, 9, 9]);
    assert_eq!(rows(&folder).len(), 24);
}

#[test]
fn vacuum_removes_only_what_is_its_own_and_old() {
    let folder = memory();
    runs(&folder, 2);
    let live = Log::open_log(&folder).unwrap().read_snapshot().unwrap().unwrap();
    let live: Vec<_> = live.files.iter().map(|file| file.name.clone()).collect();
    let others = ["patient.000.parquet", "notes.txt", "_hidden/part-0.parquet", "sub/x.parquet"];
    let orphans = ["part-00000-dead-c000.zstd.parquet"];
    for name in others.iter().chain(&orphans) {
        folder.write(name, "x").unwrap();
    }
    let log = Log::open_log(&folder).unwrap();
    let there = |name: &str| folder.read(name).unwrap().is_some();
    assert_eq!(vacuum(&log, actions::now_millis() + 6 * DAY).unwrap(), 0);
    assert_eq!(vacuum(&log, actions::now_millis() + 8 * DAY).unwrap(), 2);
    assert!(others.iter().all(|name| there(name)));
    assert!(live.iter().all(|name| there(name)));
    assert!(!orphans.iter().any(|name| there(name)));
}

#[test]
fn vacuum_keeps_files_as_long_as_the_table_says() {
    let folder = memory();
    runs(&folder, 1);
    let log = Log::open_log(&folder).unwrap();
    let mut metadata = actions(&folder, 0)[2].clone();
    metadata["metaData"]["configuration"]["delta.deletedFileRetentionDuration"] =
        "interval 30 days".into();
    log.add_version(1, &[metadata]).unwrap();
    runs(&folder, 1);
    assert_eq!(vacuum(&log, actions::now_millis() + 29 * DAY).unwrap(), 0);
    assert_eq!(vacuum(&log, actions::now_millis() + 31 * DAY).unwrap(), 1);
}

#[test]
fn a_checkpoint_stands_in_for_the_commits_before_it() {
    let dir = tempfile::tempdir().unwrap();
    for folder in [memory(), local(&dir)] {
        runs(&folder, 12);
        let logged = |name: &str| folder.read(&format!("_delta_log/{name}")).unwrap();
        assert!(logged("00000000000000000010.checkpoint.parquet").is_some());
        let before = rows(&folder);
        for version in 0..=10 {
            folder.remove(&format!("_delta_log/{version:020}.json")).unwrap();
        }
        assert_eq!(rows(&folder), before);
        runs(&folder, 1);
        assert_eq!(rows(&folder).len(), 13);
    }
}

#[test]
fn the_manifest_lists_the_files_of_the_newest_version() {
    let dir = tempfile::tempdir().unwrap();
    for folder in [memory(), local(&dir)] {
        let listed = || {
            let bytes = folder.read("_symlink_format_manifest/manifest").unwrap().unwrap();
            let mut lines: Vec<String> =
                String::from_utf8_lossy(&bytes).lines().map(str::to_owned).collect();
            lines.sort();
            lines
        };
        let live = || {
            let table = Log::open_log(&folder).unwrap().read_snapshot().unwrap().unwrap();
            let root = match folder.local() {
                Some(path) => format!("{}/", path.display()),
                None => "memory:///lake/patient/".to_owned(),
            };
            let mut names: Vec<_> =
                table.files.iter().map(|file| format!("{root}{}", file.name)).collect();
            names.sort();
            names
        };
        create_table(&folder, plain()).unwrap();
        assert_eq!(listed(), live());
        for _ in 0..3 {
            runs(&folder, 2);
            assert_eq!(listed(), live());
        }
        assert!(!listed().is_empty());
        // A run that died between commit and manifest: the next one makes up for it.
        folder.write("_symlink_format_manifest/manifest", "stale").unwrap();
        TestRun::new(&plain(), &[]).merge(&folder).unwrap();
        assert_eq!(listed(), live());
        optimize_table(&folder, &WriteOptions::default()).unwrap();
        assert_eq!(listed(), live());
        assert_eq!(listed().len(), 1);
    }
}

#[test]
fn housekeeping_without_a_table_does_nothing() {
    let folder = memory();
    assert_eq!(optimize_table(&folder, &WriteOptions::default()).unwrap(), Optimized::default());
    assert!(folder.list().unwrap().is_empty());
}
