//! FHIR bulk exports become de-identified tables.
//!
//! A record flows one way, and each folder is one stage, or a package:
//!
//! ```text
//!  INPUT ──► input ──► deid ──► table ──► output ──► OUTPUT (tables + manifests)
//!            lines     scrub    Arrow     commit │
//!                        │                       │
//!                PHI ◄───┴─ codebook, mapping, rejected rows
//! ```
//!
//! `etl` is the recipe that joins them; `cli` turns command lines into calls of it. `http` talks to
//! FHIR servers.
//! Only [`deid`] can make a [`deid::Deidentified`], and only what [`table`] makes of these rows reaches
//! `output`.

// Packages of their own, by the names that they have here: the code below does not ask where a stage is.
pub use cumulus_base::{bounded, encrypted, error, numbers, poison, text};
pub use cumulus_deid as deid;
pub use cumulus_demo as demo;
pub use cumulus_fhir as fhir;
pub use cumulus_process::{memory, secrecy, stop, threads};
pub use cumulus_screen as screen;

pub mod bulk;
pub mod claim;
pub mod cli;
pub mod etl;
pub mod http;
pub mod input;
pub mod output;
pub mod parquet_bounds;
pub mod share;
pub mod store;
pub mod study;
pub mod table;
pub mod ui;

#[cfg(test)]
#[path = "../tests/it/needs.rs"]
#[allow(dead_code, reason = "integration tests need more")]
mod needs;
