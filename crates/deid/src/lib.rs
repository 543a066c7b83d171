//! De-identification: raw lines in, [`Deidentified`] rows out, and no other way to make one.

mod anon_id;
mod anonymize;
mod codebook;
mod identities;
pub mod json;
mod phi;
pub mod policy;
mod reject;
mod report;
mod row;
mod row_key;
mod scrub;
mod shapes;

pub use anon_id::AnonId;
pub use anonymize::Anonymizer;
pub use codebook::{CODEBOOK, Codebook};
pub use identities::{Identities, MAPPING, Mapping};
pub use phi::{Phi, PhiFiles, PhiFolder};
pub use reject::{Reason, Reject};
pub use report::Report;
pub use row::{Deidentified, Event};
pub use row_key::{RowKey, row_key};
pub use scrub::Scrubber;

#[cfg(test)]
mod tests;
