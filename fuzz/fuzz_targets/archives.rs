//! Archives of studies and spreadsheets, from arbitrary bytes.
//!
//! Code that it aims at:
//! - crates/base/src/bounded.rs
//! - src/parquet_bounds.rs
//! - src/share/import.rs
//! - src/share/unpack.rs
//! - src/study/build/spreadsheet.rs

#![no_main]

#[path = "../../tests/it/fuzz/archives.rs"]
mod archives;
#[path = "../src/panics.rs"]
mod panics;

libfuzzer_sys::fuzz_target!(init: panics::pass_caught_panics(), |data: &[u8]| {
    archives::check(data);
});
