//! Sharing studies: what leaves the institution, and how.

pub mod cells;
pub mod export;
mod files;
pub mod import;
mod manifest;
mod place;
pub mod screen;
mod unpack;
pub mod upload;
