//! Sharing studies: what leaves the institution, and how.

pub mod export;
pub mod import;
mod manifest;
mod place;
pub mod screen;
mod unpack;
pub mod upload;
