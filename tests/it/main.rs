//! Integration tests.

mod container;
