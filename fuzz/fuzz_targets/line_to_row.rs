//! Arbitrary bytes as lines of a resource type, from the scrubber to Arrow.
//!
//! Code that it aims at:
//! - crates/deid/src/anonymize.rs
//! - crates/base/src/bounded/depth.rs
//! - crates/deid/src/json.rs
//! - crates/deid/src/policy.rs
//! - crates/deid/src/row.rs
//! - crates/deid/src/scrub.rs
//! - crates/deid/src/scrub/codes.rs
//! - crates/deid/src/scrub/masking.rs
//! - crates/deid/src/scrub/parse.rs
//! - crates/deid/src/scrub/repeats.rs
//! - src/table/adapt.rs
//! - src/table/builder.rs
//! - src/table/column.rs
//! - src/table/json.rs
//! - src/table/schema.rs

#![no_main]

#[path = "../../tests/it/line_to_row.rs"]
mod line_to_row;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    line_to_row::check(data);
});
