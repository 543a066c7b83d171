//! Arbitrary bytes as lines of a resource type, from the scrubber to Arrow.

#![no_main]

#[path = "../../tests/it/line_to_row.rs"]
mod line_to_row;

libfuzzer_sys::fuzz_target!(|data: &[u8]| line_to_row::check(data));
