//! `--check`: what a run would say, without a run.

use crate::support::{Site, end, patient};

#[test]
fn a_check_says_what_would_run_and_leaves_nothing() {
    let site = Site::new();
    site.rows("p.ndjson", &[patient("a", "male")]);
    let ended = end(&mut site.job(&["--check"]));
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    for phrase in ["Group 'g'", "patient: 1 file,", "no codebook", "nothing was changed"] {
        assert!(ended.err.contains(phrase), "{phrase}: {}", ended.err);
    }
    assert!(site.listing("out").is_empty() && !site.path("out").exists());
    assert!(!site.path("phi").exists());

    site.run(&[]);
    let before = (site.listing("out"), site.listing("phi"));
    let ended = end(&mut site.job(&["--check"]));
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert!(ended.err.contains("has the codebook"), "{}", ended.err);
    assert_eq!((site.listing("out"), site.listing("phi")), before);
}

#[test]
fn a_check_says_all_that_is_wrong() {
    let site = Site::new();
    site.input("p.ndjson", "nothing of use\n");
    // A file where a folder should be.
    site.file("out", "");
    site.file("phi/codebook.json", "{\"version\": 1, \"id_salt\": \"short\"}");
    let ended = site.fails(&["--check"], 70);
    for phrase in ["No supported resources", "/out", "codebook.json"] {
        assert!(ended.err.contains(phrase), "{phrase}: {}", ended.err);
    }
}

#[test]
fn a_check_finds_the_codebook_of_another_output() {
    let site = Site::new();
    site.rows("p.ndjson", &[patient("a", "male")]);
    site.run(&[]);
    std::fs::remove_file(site.path("phi/codebook.json")).unwrap();
    site.fails(&["--check"], 41);
}
