//! Behaviour of tables.
