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
