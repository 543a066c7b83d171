//! Integration tests.

mod container;
mod env_example;
mod goldens;
mod lake;
