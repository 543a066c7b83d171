//! Base URLs and references, from arbitrary bytes.

#![no_main]

#[path = "../../tests/it/fuzz/urls.rs"]
mod urls;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    urls::check(data);
});
