//! Anonymous IDs.

use std::borrow::Cow;
use std::fmt;

use serde::{Serialize, Serializer};

/// An anonymous ID: 64 lower-case hex digits, or what a former version of the predecessor gave to a
/// patient or an encounter. Only this folder makes one of a real ID.
///
/// ```compile_fail,E0624
/// cumulus_etl::deid::AnonId::new("a-real-id".into());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AnonId<'a>(Cow<'a, str>);

impl<'a> AnonId<'a> {
    pub(super) fn new(text: Cow<'a, str>) -> Self {
        Self(text)
    }

    /// An ID that a former run has made, and that stands in what it wrote. An escape from what the
    /// type promises; each use says where the ID comes from.
    pub fn from_former_output(text: String) -> Self {
        Self(Cow::Owned(text))
    }

    /// The ID as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AnonId<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for AnonId<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}
