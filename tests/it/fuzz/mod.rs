//! The checks of fuzz targets, a module each. The targets in `fuzz/` are these functions; the tests of
//! `fuzz_corpus` replay them.

pub mod archives;
pub mod export_files;
pub mod server_answers;
pub mod study_files;
pub mod urls;
