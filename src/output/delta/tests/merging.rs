//! Rows in merges.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;

use super::*;

#[test]
fn an_older_update_is_skipped_and_an_unknown_or_equal_time_is_taken() {
    let folder = memory();
    let old = |id| dated(id, "table", "2024-03-01T12:00:00+02:00");
    let ids = ["a", "b", "c", "d", "e", "f"];
    TestRun::new(&plain(), &ids.map(old)).merge(&folder).unwrap();
    let run = TestRun::new(
        &plain(),
        &[
            dated("a", "run", "2024-03-01T09:59:59.999Z"), // older by a millisecond
            dated("b", "run", "2024-03-01T10:00:00Z"),     // the same instant
            dated("c", "run", "2024-03-01T10:00:00.001Z"), // newer
            dated("d", "run", "2024-03-01"),               // not an instant
            row("e", "run"),                               // none
            dated("g", "run", "1999-01-01T00:00:00Z"),     // new to the table
        ],
    );
    let done = run.merge(&folder).unwrap();
    assert_eq!(statuses(&folder), "a=table b=run c=run d=run e=run f=table g=run");
    assert_eq!((done.inserted, done.updated, done.unchanged, done.deleted), (1, 4, 1, 0));
    assert_eq!(done.rows, 7);

    // `e` has no time in the table now: even the oldest is taken.
    let oldest = [dated("e", "old", "1970-01-01T00:00:00Z")];
    TestRun::new(&plain(), &oldest).merge(&folder).unwrap();
    assert!(statuses(&folder).contains("e=old"));

    let ignoring = WriteOptions { last_updated: false, ..WriteOptions::default() };
    let run = TestRun::new(&plain(), &[dated("a", "run", "1999-01-01T00:00:00Z")]);
    run.merge_with(&folder, Merge::Upsert, &ignoring).unwrap();
    assert!(statuses(&folder).contains("a=run"));
}

#[test]
fn existing_rows_win_where_only_new_ones_are_inserted() {
    let folder = memory();
    TestRun::new(&plain(), &[row("a", "1"), row("b", "1")]).merge(&folder).unwrap();
    let run = TestRun::new(&plain(), &[row("b", "2"), row("c", "2")]);
    let done = run.merge_with(&folder, Merge::InsertOnly, &WriteOptions::default()).unwrap();
    assert_eq!((done.inserted, done.updated, done.unchanged), (1, 0, 1));
    assert_eq!(statuses(&folder), "a=1 b=1 c=2");
    assert!(!actions(&folder, 1).iter().any(|action| action.get("remove").is_some()));
}

#[test]
fn several_columns_identify_a_row() {
    let schema: SchemaRef =
        Arc::new(Schema::new(vec![text("encounter_id"), text("group_name"), text("time")]));
    let folder = memory();
    let options = WriteOptions {
        key_columns: vec!["encounter_id".into(), "group_name".into()],
        last_updated: false,
        ..WriteOptions::default()
    };
    let merge_rows = |rows: &[(&str, &str, &str)]| {
        let json: Vec<Value> = rows
            .iter()
            .map(|(id, group, time)| {
                json!({"id": id, "encounter_id": id, "group_name": group, "time": time})
            })
            .collect();
        let mut run = TestRun::new(&schema, &json);
        run.keys = (0..)
            .zip(rows)
            .map(|(slot, (id, group, _))| {
                (row_key(&[id, group]), Change::Row { slot, last_updated: UNKNOWN_TIME })
            })
            .collect();
        run.merge_with(&folder, Merge::InsertOnly, &options).unwrap()
    };
    merge_rows(&[("e1", "g", "1"), ("e2", "", "1")]);
    let done = merge_rows(&[("e1", "g", "2"), ("e1", "h", "2"), ("e2", "", "2")]);
    assert_eq!((done.inserted, done.unchanged, done.rows), (1, 2, 3));
}

#[test]
fn appending_compares_nothing() {
    let folder = memory();
    let run = TestRun::new(&plain(), &[row("a", "1")]);
    let options = WriteOptions::default();
    run.merge_with(&folder, Merge::Append, &options).unwrap();
    let done = merge_run(&folder, &run, run.live(), None, Merge::Upsert, &options).unwrap();
    assert_eq!((done.inserted, done.updated, done.rows, done.files), (1, 0, 2, 2));
}

#[test]
fn nothing_is_committed_where_nothing_changes() {
    let folder = memory();
    TestRun::new(&plain(), &[dated("a", "1", "2024-01-01T00:00:00Z")]).merge(&folder).unwrap();
    let older = [dated("a", "2", "2023-01-01T00:00:00Z")];
    let done = TestRun::new(&plain(), &older).deleting(&["x"]).merge(&folder).unwrap();
    assert_eq!((done.version, done.unchanged, done.rows), (0, 1, 1));
    assert_eq!(parquet_files(&folder).len(), 1);
}

/// 3,000 rows with every third updated, more than once, must come out as a plain map would have
/// it, however many passes, files and threads that takes.
#[test]
fn many_runs_agree_with_a_map_whatever_the_limits() {
    for (key_bytes, rows_per_file, threads) in
        [(64 << 20, 1 << 20, 2), (1024, 100, 3), (8 << 10, 700, 1)]
    {
        let folder = memory();
        let usual = WriteOptions::default();
        let memory = WritingShare { key_bytes, ..usual.memory };
        let options = WriteOptions { memory, rows_per_file, threads, ..usual };
        let mut expected = BTreeMap::new();
        let id = |n: u64| {
            // As anonymous IDs are: hexadecimal, and even from the first digit on.
            let hash = u128::from(n).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
            format!("{hash:032x}{hash:032x}")
        };
        for round in 0..20_u64 {
            let numbers: Vec<u64> = (0..600).map(|n| (n * 7919 + round * 104_729) % 3000).collect();
            let status = round.to_string();
            let run: Vec<Value> = numbers.iter().map(|n| row(&id(*n), &status)).collect();
            let gone: Vec<String> = (0..20).map(|n| id((n * 31 + round * 17) % 3000)).collect();
            let gone: Vec<&str> = gone
                .iter()
                .map(String::as_str)
                .filter(|id| !run.iter().any(|row| row["id"] == *id))
                .collect();
            let run = TestRun::new(&plain(), &run).deleting(&gone);
            let done = run.merge_with(&folder, Merge::Upsert, &options).unwrap();

            let before = expected.len() as u64;
            for n in &numbers {
                expected.insert(id(*n), status.clone());
            }
            let inserted = expected.len() as u64 - before;
            let deleted = gone.iter().filter(|id| expected.remove(**id).is_some()).count() as u64;
            let counts = (done.inserted, done.updated, done.deleted, done.rows);
            let all = expected.len() as u64;
            assert_eq!(counts, (inserted, 600 - inserted, deleted, all), "round {round}");
        }
        let found: BTreeMap<String, String> = rows(&folder)
            .into_iter()
            .map(|(id, row)| (id, row["status"].as_str().unwrap().to_owned()))
            .collect();
        assert_eq!(found, expected);
    }
}

#[test]
fn only_files_that_lose_rows_are_rewritten() {
    let folder = memory();
    for file in ["a", "b", "c"] {
        let rows = [row(&format!("{file}1"), "1"), row(&format!("{file}2"), "1")];
        TestRun::new(&plain(), &rows).merge(&folder).unwrap();
    }
    let before = parquet_files(&folder);
    let done = TestRun::new(&plain(), &[]).deleting(&["a1", "c1", "c2"]).merge(&folder).unwrap();
    assert_eq!((done.deleted, done.files, done.rows), (3, 2, 3));
    let actions = actions(&folder, 3);
    let count = |kind: &str| actions.iter().filter(|action| action.get(kind).is_some()).count();
    // `c` lost all its rows: nothing takes its place.
    assert_eq!((count("remove"), count("add")), (2, 1));
    assert!(before.iter().all(|name| folder.read(name).unwrap().is_some()));
    assert_eq!(statuses(&folder), "a2=1 b1=1 b2=1");
}

#[test]
fn writers_at_once_lose_no_row_and_double_none() {
    let dir = tempfile::tempdir().unwrap();
    for folder in [memory(), local(&dir)] {
        let barrier = Barrier::new(3);
        thread::scope(|scope| {
            for writer in 0..3 {
                let (folder, barrier) = (&folder, &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    for round in 0..4 {
                        let own = format!("w{writer}r{round}");
                        let rows = [row("shared", &own), row(&own, "x")];
                        TestRun::new(&plain(), &rows).merge(folder).unwrap();
                    }
                });
            }
        });
        let rows = rows(&folder);
        assert_eq!(rows.len(), 13);
        let newest = Log::open_log(&folder).unwrap().read_snapshot().unwrap().unwrap();
        assert_eq!(newest.version, 11);
        // The files that overtaken merges wrote are gone.
        let named: usize = (0..=newest.version)
            .flat_map(|version| actions(&folder, version))
            .filter(|action| action.get("add").is_some())
            .count();
        assert_eq!(parquet_files(&folder).len(), named);
    }
}

/// A commit that comes while the merge is at work has it done anew, on what that left.
#[test]
fn a_commit_in_between_is_merged_with() {
    let folder = memory();
    TestRun::new(&plain(), &[row("a", "1"), row("b", "1")]).merge(&folder).unwrap();
    let (meddled, calls) = (AtomicBool::new(false), AtomicU64::new(0));
    let progress = |_| {
        calls.fetch_add(1, Relaxed);
        if !meddled.swap(true, Relaxed) {
            let newer = [dated("b", "2", "2024-01-02T00:00:00Z"), row("c", "2")];
            TestRun::new(&schema_with(vec![text("gender")]), &newer).merge(&folder).unwrap();
        }
    };
    let options = WriteOptions { progress: Some(&progress), threads: 1, ..WriteOptions::default() };
    let rows = [row("a", "3"), dated("b", "3", "2024-01-01T00:00:00Z"), row("c", "3")];
    let run = TestRun::new(&schema_with(vec![text("title")]), &rows);
    let done = run.merge_with(&folder, Merge::Upsert, &options).unwrap();
    assert_eq!(statuses(&folder), "a=3 b=2 c=3");
    assert_eq!((done.version, done.updated, done.inserted, done.unchanged), (2, 2, 0, 1));
    let names = schema(&folder).unwrap().unwrap();
    assert!(names.field_with_name("gender").is_ok() && names.field_with_name("title").is_ok());
    assert!(calls.load(Relaxed) > 2);
}

#[test]
fn a_writer_that_is_always_overtaken_gives_up_cleanly() {
    let folder = memory();
    TestRun::new(&plain(), &[row("a", "1")]).merge(&folder).unwrap();
    let others = AtomicU64::new(0);
    let progress = |_| {
        let id = format!("other{}", others.fetch_add(1, Relaxed));
        TestRun::new(&plain(), &[row(&id, "1")]).merge(&folder).unwrap();
    };
    let options = WriteOptions { progress: Some(&progress), threads: 1, ..WriteOptions::default() };
    let run = TestRun::new(&plain(), &[row("mine", "1")]);
    let error = run.merge_with(&folder, Merge::Upsert, &options).unwrap_err().to_string();
    assert!(error.contains("other writers kept changing"), "{error}");
    assert!(error.ends_with("nothing was changed. Run again when they are done"), "{error}");
    assert!(!rows(&folder).contains_key("mine"));
}

/// A run that fails half-way leaves the table and its folder as they were.
#[test]
fn a_failed_run_leaves_nothing_behind() {
    struct Broken(TestRun);
    impl RowSource for Broken {
        fn schema(&self) -> SchemaRef {
            self.0.schema()
        }
        fn slots(&self) -> u64 {
            self.0.slots()
        }
        fn read<'a>(&'a self, slots: Range<u64>, live: &'a dyn Live) -> Result<Batches<'a>> {
            let broken = std::iter::once(Err(Error::failed("the disk is gone")));
            Ok(Box::new(self.0.read(slots, live)?.take(2).chain(broken)))
        }
    }
    let folder = memory();
    TestRun::new(&plain(), &[row("a", "1")]).merge(&folder).unwrap();
    let before = folder.list().unwrap();
    let many: Vec<Value> = (0..400).map(|n| row(&format!("r{n}"), "2")).collect();
    let run = Broken(TestRun::new(&plain(), &many));
    // The first files of 100 rows are finished before the run breaks.
    let options = WriteOptions { rows_per_file: 100, threads: 1, ..WriteOptions::default() };
    let error = merge_run(&folder, &run, run.0.live(), Some(&run.0), Merge::Upsert, &options);
    assert!(error.unwrap_err().to_string().contains("the disk is gone"));
    assert_eq!(folder.list().unwrap(), before);
}

#[test]
fn keys_are_compared_in_passes_that_fit_the_budget() {
    for (keys, budget) in [(0, 1 << 20), (1_000_000, 64 << 20), (5_000_000, 64 << 20), (1 << 40, 1)]
    {
        let ranges = matching::key_ranges(keys, budget);
        assert_eq!((ranges[0].start, ranges[ranges.len() - 1].end), (0, 256));
        assert!(ranges.windows(2).all(|pair| pair[0].end == pair[1].start));
        assert!(ranges.iter().all(|range| !range.is_empty()));
    }
    assert_eq!(matching::key_ranges(800_000, 64 << 20).len(), 1);
    assert_eq!(matching::key_ranges(5_000_000, 64 << 20).len(), 6);
}

#[test]
fn a_data_file_that_is_gone_is_said_to_be_gone() {
    let folder = memory();
    TestRun::new(&plain(), &[row("a", "1")]).merge(&folder).unwrap();
    let [name] = &parquet_files(&folder)[..] else { panic!("one file") };
    folder.remove(name).unwrap();
    let error = TestRun::new(&plain(), &[row("a", "2")]).merge(&folder).unwrap_err();
    let error = error.explain_causes();
    assert!(error.contains(name) && error.contains("it is gone"), "{error}");
}
