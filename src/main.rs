//! The `cumulus-etl` command.
fn main() {}
