//! Manifests, errors, capabilities and waits of FHIR servers, from arbitrary bytes.

#![no_main]

#[path = "../../tests/it/fuzz/server_answers.rs"]
mod server_answers;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    server_answers::check(data);
});
