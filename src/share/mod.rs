//! Sharing studies: what leaves the institution, and how.

pub mod export;
mod files;
pub mod import;
mod manifest;
mod place;
mod unpack;
pub mod upload;
