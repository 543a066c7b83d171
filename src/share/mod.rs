//! Sharing studies: what leaves the institution, and how.

pub mod upload;
