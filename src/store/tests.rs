use std::io::{Read, Write};
use std::sync::LazyLock;
use std::time::Duration;

use super::*;

impl Storage {
    /// One for all tests of the process, which open folders in memory by names of their own.
    pub fn for_tests() -> Self {
        static STORAGE: LazyLock<Storage> = LazyLock::new(|| {
            let runtime = StoreRuntime::start_threads().unwrap();
            let leases = LeaseTimes {
                renew: Duration::from_millis(100),
                dead: Duration::from_secs(2),
                look: Duration::from_millis(20),
            };
            let options = StoreOptions { leases, ..StoreOptions::default() };
            Storage::new(runtime, Shutdown::default()).with_options(options)
        });
        STORAGE.clone()
    }
}

impl Folder {
    /// Opens a folder for a test.
    pub fn open(location: &str) -> Result<Self> {
        Storage::for_tests().open_folder(location)
    }
}

#[test]
fn an_upload_appears_only_when_finished() {
    let dir = tempfile::tempdir().unwrap();
    let folder = Folder::open(dir.path().to_str().unwrap()).unwrap().child("a b#c");
    let mut upload = folder.upload("x.bin").unwrap();
    upload.write_all(&vec![7; 20 << 20]).unwrap();
    assert_eq!(folder.read("x.bin").unwrap(), None);
    assert_eq!(upload.finish().unwrap(), 20 << 20);
    assert_eq!(std::fs::metadata(dir.path().join("a b#c/x.bin")).unwrap().len(), 20 << 20);

    let mut dropped = folder.upload("y.bin").unwrap();
    dropped.write_all(b"half").unwrap();
    drop(dropped);
    assert_eq!(folder.read("y.bin").unwrap(), None);
}

#[test]
fn write_new_leaves_what_is_there() {
    let folder = Folder::open("memory:///").unwrap();
    assert!(folder.write_new("one", "first").unwrap());
    assert!(!folder.write_new("one", "second").unwrap());
    assert_eq!(folder.read("one").unwrap().unwrap(), "first");
    assert_eq!(folder.list().unwrap(), [Entry { name: "one".into(), size: 5 }]);
}

#[test]
fn a_file_that_cannot_be_finished_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let folder = Folder::open(dir.path().to_str().unwrap()).unwrap();
    std::fs::create_dir(dir.path().join("taken")).unwrap();
    assert!(folder.write("taken", "a folder has this name").is_err());
    assert!(folder.write_new("taken", "x").is_ok_and(|written| !written));
    drop(folder.upload("half").unwrap());
    let names: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap()).collect();
    assert_eq!(names.len(), 1);
}

#[test]
fn only_files_of_dead_writers_are_removed() {
    let dir = tempfile::tempdir().unwrap();
    let folder = Folder::open(dir.path().to_str().unwrap()).unwrap();
    let dead = dir.path().join(format!("{UNFINISHED}{}", "0f".repeat(16)));
    let others = [
        "codebook.json#1",
        "Figure#7",
        "copy#00000000000000000001",
        ".cumulus-etl-new-notes",
        &format!("{UNFINISHED}{}", "0F".repeat(16)),
        &format!("x{UNFINISHED}{}", "0f".repeat(16)),
        // Not where this program writes.
        &format!("archive/{UNFINISHED}{}", "0f".repeat(16)),
    ];
    let long_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(200_000);
    for name in others.map(|name| dir.path().join(name)).iter().chain([&dead]) {
        std::fs::create_dir_all(name.parent().unwrap()).unwrap();
        std::fs::write(name, "half").unwrap();
        std::fs::File::options().write(true).open(name).unwrap().set_modified(long_ago).unwrap();
    }
    let mut alive = folder.upload("alive").unwrap();
    alive.write_all(b"whole").unwrap();
    folder.remove_unfinished();
    assert!(!dead.exists());
    for name in others {
        assert!(dir.path().join(name).exists(), "{name}");
    }
    alive.finish().unwrap();
    assert_eq!(folder.read("alive").unwrap().unwrap(), "whole");
}

#[test]
fn listings_do_not_show_files_under_way() {
    let dir = tempfile::tempdir().unwrap();
    let folder = Folder::open(dir.path().to_str().unwrap()).unwrap();
    let mut upload = folder.upload("a/file").unwrap();
    upload.write_all(b"x").unwrap();
    assert_eq!(folder.list().unwrap(), []);
    assert_eq!(folder.child("a").list_direct().unwrap(), Default::default());
    upload.finish().unwrap();
    assert_eq!(folder.child("a").list_direct().unwrap().1, ["file"]);
}

#[test]
fn what_is_no_file_is_not_taken_for_nothing() {
    use rustix::fs::{CWD, FileType, Mode, mknodat};

    let dir = tempfile::tempdir().unwrap();
    let folder = Folder::open(dir.path().to_str().unwrap()).unwrap();
    let path = dir.path().join("codebook.json");
    let says = |part: &str| {
        let read = folder.read("codebook.json").unwrap_err().to_string();
        let reader = folder.open_reader("codebook.json").err().unwrap().to_string();
        for error in [read, reader] {
            assert!(error.contains(part) && error.contains("codebook.json'"), "{error}");
        }
    };
    std::fs::create_dir(&path).unwrap();
    says("is a folder");
    std::fs::remove_dir(&path).unwrap();
    std::os::unix::fs::symlink("nowhere", &path).unwrap();
    says("is a link that leads to nothing");
    std::fs::remove_file(&path).unwrap();
    mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    says("is a pipe");
    std::fs::remove_file(&path).unwrap();
    assert_eq!(folder.read("codebook.json").unwrap(), None);
    // A link to a file is a file.
    std::fs::write(dir.path().join("there"), "x").unwrap();
    std::os::unix::fs::symlink("there", &path).unwrap();
    assert_eq!(folder.read("codebook.json").unwrap().unwrap(), "x");
}

#[test]
fn files_under_way_survive_runs_that_begin() {
    let dir = tempfile::tempdir().unwrap();
    let folder = Folder::open(dir.path().to_str().unwrap()).unwrap();
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !done.load(std::sync::atomic::Ordering::Relaxed) {
                    folder.remove_unfinished();
                }
            });
        }
        let written: Vec<_> =
            (0..1_000).map(|n| folder.write(&format!("{}", n % 7), "whole")).collect();
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        let failed: Vec<_> = written.into_iter().filter_map(Result::err).collect();
        assert!(failed.is_empty(), "{} failed, the first: {:?}", failed.len(), failed[0]);
    });
}

#[test]
fn old_files_of_a_library_are_removed_by_their_names() {
    let dir = tempfile::tempdir().unwrap();
    let folder = Folder::open(dir.path().to_str().unwrap()).unwrap();
    let long_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(200_000);
    for (name, is_old) in [("old#1", true), ("new#1", false), ("Figure#7", true)] {
        let file = std::fs::File::create(dir.path().join(name)).unwrap();
        if is_old {
            file.set_modified(long_ago).unwrap();
        }
    }
    folder.remove_abandoned(&|name| name.ends_with("#1"));
    let left = ["old#1", "new#1", "Figure#7"].map(|name| dir.path().join(name).exists());
    assert_eq!(left, [false, true, true]);
}

#[test]
fn a_lock_in_a_bucket_is_held_by_one_at_a_time() {
    let folder = Folder::open("memory:///").unwrap();
    let inside = std::sync::atomic::AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..5 {
                    let lock = folder.lock_file("lock").unwrap();
                    assert_eq!(inside.fetch_add(1, std::sync::atomic::Ordering::SeqCst), 0);
                    std::thread::yield_now();
                    inside.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
                    drop(lock);
                }
            });
        }
    });
    assert_eq!(folder.list().unwrap(), []);
}

#[test]
fn a_lock_of_a_dead_process_is_taken_over() {
    let folder = Folder::open("memory:///").unwrap();
    folder.write("lock", "of a process that was killed").unwrap();
    drop(folder.lock_file("lock").unwrap());
    assert_eq!(folder.read("lock").unwrap(), None);
}

#[test]
fn a_lock_that_another_run_has_taken_over_stays_that_runs() {
    let folder = Folder::open("memory:///").unwrap();
    let lock = folder.lock_file("lock").unwrap();
    folder.write("lock", "of another run").unwrap();
    assert!(lock.check_lock().is_err());
    drop(lock);
    assert_eq!(folder.read("lock").unwrap().unwrap(), "of another run");
}

#[test]
fn large_objects_go_to_buckets_and_come_back_in_parts() {
    let options = StoreOptions { part_bytes: 1000, ..StoreOptions::default() };
    let storage = Storage::for_tests().with_options(options);
    let folder = storage.open_folder("memory://parts/x").unwrap();
    for size in [0, 1, 999, 1000, 1001, 2000, 12_345] {
        let bytes: Vec<u8> = (0..size).map(|n: u32| (n % 251) as u8).collect();
        let mut upload = folder.upload("object").unwrap();
        bytes.chunks(77).for_each(|part| upload.write_all(part).unwrap());
        assert_eq!(upload.finish().unwrap(), u64::from(size));
        let mut back = Vec::new();
        folder.open_reader("object").unwrap().unwrap().read_to_end(&mut back).unwrap();
        assert!(back == bytes, "{size}");
    }
    let mut reader = folder.open_reader("object").unwrap().unwrap();
    reader.read_exact(&mut [0; 10]).unwrap();
    folder.write("object", "another").unwrap();
    let error = reader.read_to_end(&mut Vec::new()).unwrap_err();
    assert!(error.to_string().contains("replaced"), "{error}");
}

#[test]
fn a_folder_below_is_below() {
    let dir = tempfile::tempdir().unwrap();
    let root = Folder::open(&dir.path().display().to_string()).unwrap();
    for bucket in [root.clone(), Folder::open("memory://below/root").unwrap()] {
        for name in ["..", "../x", "a/../../x", "/etc", "."] {
            let below = bucket.child(name);
            assert!(bucket.contains(&below), "{name}: {below}");
            assert!(below.path("").to_string().starts_with(bucket.path("").as_ref()), "{name}");
            if let Some(path) = below.local() {
                assert!(path.starts_with(dir.path().canonicalize().unwrap()), "{name}");
                assert!(!path.components().any(|part| part.as_os_str() == ".."), "{name}");
            }
        }
        assert_eq!(bucket.child("a/b").url(), bucket.child("a").child("b").url());
    }
}

#[test]
fn files_begun_concurrently_make_the_folder_that_all_of_them_need() {
    const WRITERS: usize = 8;
    let dir = tempfile::tempdir().unwrap();
    for round in 0..100 {
        let target = dir.path().join(format!("{round}/below/file"));
        let barrier = std::sync::Barrier::new(WRITERS);
        std::thread::scope(|scope| {
            let begin = || {
                barrier.wait();
                Staging::begin_file(target.clone(), false).map(drop)
            };
            let writers: Vec<_> = (0..WRITERS).map(|_| scope.spawn(begin)).collect();
            writers.into_iter().for_each(|writer| writer.join().unwrap().unwrap());
        });
    }
}
