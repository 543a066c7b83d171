//! Integration tests.

mod container;
mod env_example;
