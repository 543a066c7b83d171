//! The export log, deleted Bundles, and gzip and Zstandard, from arbitrary bytes.
//!
//! Code that it aims at:
//! - crates/base/src/bounded.rs
//! - src/input/chunks.rs
//! - src/input/deletes.rs
//! - src/input/export_log.rs
//! - src/input/files.rs
//! - src/input/gzip.rs
//! - src/input/listing.rs

#![no_main]

#[path = "../../tests/it/fuzz/export_files.rs"]
mod export_files;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    export_files::check(data);
});
