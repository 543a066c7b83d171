//! FHIR bulk exports become de-identified tables.

pub mod deid;
pub mod error;
pub mod fhir;
pub mod input;
pub mod output;
pub mod store;
pub mod table;
