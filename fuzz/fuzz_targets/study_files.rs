//! Manifests, workflows and SQL of studies, from arbitrary bytes.

#![no_main]

#[path = "../../tests/it/fuzz/study_files.rs"]
mod study_files;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    study_files::check(data);
});
