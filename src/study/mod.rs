//! Studies: folders of SQL and workflows that turn tables into study tables, most of them counts.
//!
//! ```text
//!  manifest.toml ──► manifest ──► actions in order: what to build, what to export
//!  *.workflow ─────► counts   ──► the SQL that a table of counts means
//! ```
//!
//! Everything here is read and checked before any table is touched. A fault names file and line.

pub mod build;
pub mod core;
pub mod counts;
pub mod dialect;
pub mod engine;
pub mod find;
pub mod folder;
pub mod manifest;
mod name;
pub mod protected;
pub mod room;
pub mod source;
pub mod upload;
pub mod workflow;

pub use name::StudyName;
