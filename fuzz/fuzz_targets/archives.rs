//! Archives of studies and spreadsheets, from arbitrary bytes.

#![no_main]

#[path = "../../tests/it/fuzz/archives.rs"]
mod archives;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    archives::check(data);
});
