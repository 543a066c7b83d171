//! Manifests, errors, capabilities and waits of FHIR servers, from arbitrary bytes.
//!
//! Code that it aims at:
//! - src/bulk/manifest.rs
//! - src/bulk/outcomes.rs
//! - src/http/capability.rs
//! - src/http/outcome.rs
//! - src/http/redact.rs
//! - src/http/retry.rs
//! - crates/base/src/text.rs

#![no_main]

#[path = "../../tests/it/fuzz/server_answers.rs"]
mod server_answers;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    server_answers::check(data);
});
