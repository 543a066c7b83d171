//! FHIR bulk exports become de-identified tables.

pub mod demo;
pub mod error;
pub mod fhir;
pub mod output;
pub mod store;
