use std::io::Write;

use super::*;

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
    let dead = dir.path().join("a/b/x.json#00000000000000000001");
    let others = ["y.json#1", "no.1#", "page#two", "x#0000000000000000001x"];
    std::fs::create_dir_all(dead.parent().unwrap()).unwrap();
    std::fs::write(&dead, "half").unwrap();
    for name in others {
        std::fs::write(dir.path().join(name), "other").unwrap();
    }
    let mut alive = folder.upload("a/alive").unwrap();
    alive.write_all(b"whole").unwrap();
    folder.remove_unfinished();
    assert!(!dead.exists());
    for name in others {
        assert!(dir.path().join(name).exists(), "{name}");
    }
    alive.finish().unwrap();
    assert_eq!(folder.read("a/alive").unwrap().unwrap(), "whole");
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
            (0..3_000).map(|n| folder.write(&format!("{}", n % 7), "whole")).collect();
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        let failed: Vec<_> = written.into_iter().filter_map(Result::err).collect();
        assert!(failed.is_empty(), "{} failed, the first: {:?}", failed.len(), failed[0]);
    });
}

#[test]
fn old_files_under_way_of_other_programs_are_removed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("y.json#1");
    let file = std::fs::File::create(&path).unwrap();
    let long_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(200_000);
    file.set_modified(long_ago).unwrap();
    Folder::open(dir.path().to_str().unwrap()).unwrap().remove_unfinished();
    assert!(!path.exists());
}
