//! The export log, deleted Bundles, and gzip and Zstandard, from arbitrary bytes.

#![no_main]

#[path = "../../tests/it/fuzz/export_files.rs"]
mod export_files;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    export_files::check(data);
});
