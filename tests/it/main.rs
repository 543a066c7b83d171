//! Integration tests.

mod container;
mod docs;
mod env_example;
mod goldens;
mod lake;
