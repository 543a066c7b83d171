//! Integration tests.

mod auth;
mod bulk;
mod check;
mod cli;
mod container;
mod convert;
mod crash;
mod credentials;
mod docs;
mod env_example;
mod fuzz_corpus;
mod goldens;
mod input;
mod keys;
mod lake;
mod leak;
mod line_to_row;
mod loopback;
mod places;
mod readers;
mod requests;
mod reruns;
mod s3;
mod stores;
mod study;
mod support;
