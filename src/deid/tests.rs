//! Behaviour of de-identification.
