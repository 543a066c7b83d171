//! What fuzzing has found, and what covers the most code, once more.

use std::fs;
use std::path::Path;

use crate::line_to_row::check;

#[test]
fn every_line_of_the_corpus_keeps_the_promises() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/line_to_row");
    let mut count = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let bytes = fs::read(&path).unwrap();
        let result = std::panic::catch_unwind(|| check(&bytes));
        assert!(result.is_ok(), "{}", path.display());
        count += 1;
    }
    assert!(count >= 20, "there is a row of each type at least");
}
