//! Base URLs and references, from arbitrary bytes.
//!
//! Code that it aims at:
//! - src/bulk/request.rs
//! - crates/deid/src/anonymize.rs
//! - crates/fhir/src/server_base.rs
//! - src/http/recorded.rs
//! - src/http/redact.rs

#![no_main]

#[path = "../../tests/it/fuzz/urls.rs"]
mod urls;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    urls::check(data);
});
