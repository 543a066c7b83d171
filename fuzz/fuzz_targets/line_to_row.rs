//! Arbitrary bytes as lines of a resource type, from the scrubber to Arrow.
//!
//! Code that it aims at:
//! - src/deid/anonymize.rs
//! - crates/base/src/bounded/depth.rs
//! - src/deid/policy.rs
//! - src/deid/row.rs
//! - src/deid/scrub.rs
//! - src/deid/scrub/codes.rs
//! - src/deid/scrub/masking.rs
//! - src/deid/scrub/parse.rs
//! - src/deid/scrub/repeats.rs
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
