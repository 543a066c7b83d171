//! Manifests, workflows and SQL of studies, from arbitrary bytes.
//!
//! Code that it aims at:
//! - src/study/build/plan.rs
//! - src/study/build/template.rs
//! - src/study/build/upload.rs
//! - src/study/counts/check.rs
//! - src/study/counts/clause.rs
//! - src/study/counts/mod.rs
//! - src/study/counts/raw.rs
//! - src/study/counts/sql.rs
//! - src/study/dialect/calls.rs
//! - src/study/dialect/elements.rs
//! - src/study/dialect/mod.rs
//! - src/study/dialect/rewrite.rs
//! - src/study/dialect/text.rs
//! - src/study/dialect/words.rs
//! - src/study/folder.rs
//! - src/study/manifest/dictionary.rs
//! - src/study/manifest/load.rs
//! - src/study/manifest/mod.rs
//! - src/study/manifest/names.rs
//! - src/study/manifest/raw.rs
//! - src/study/source.rs
//! - src/study/dialect/cut.rs
//! - src/study/upload.rs
//! - src/study/workflow.rs

#![no_main]

#[path = "../../tests/it/fuzz/study_files.rs"]
mod study_files;
#[path = "../src/panics.rs"]
mod panics;

libfuzzer_sys::fuzz_target!(init: panics::pass_caught_panics(), |data: &[u8]| {
    study_files::check(data);
});
