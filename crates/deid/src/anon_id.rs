//! Anonymous IDs, and the kinds of IDs that can be traced back.

use std::borrow::Cow;
use std::fmt;

use hmac::{Hmac, Mac};
use serde::{Serialize, Serializer};
use sha2::Sha256;

use super::row_key::{RowKey, row_key};

/// An anonymous ID: 64 lower-case hex digits, or the ID that a former version of the predecessor gave
/// to a patient or an encounter. Only this folder makes one of a real ID.
///
/// ```compile_fail,E0624
/// cumulus_deid::AnonId::new("a-real-id".into());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AnonId<'a>(Cow<'a, str>);

impl<'a> AnonId<'a> {
    pub(super) fn new(text: Cow<'a, str>) -> Self {
        Self(text)
    }

    /// An ID that a former run has made, and that stands in its output. An escape from the promise of the
    /// type; each use says where the ID comes from.
    pub fn from_former_output(text: String) -> Self {
        Self(Cow::Owned(text))
    }

    /// The ID as text.
    #[inline]
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

/// The hash of a real ID: 64 lower-case hex digits.
pub(super) type HashedId = [u8; 64];

/// HMAC-SHA256 of the ID, as hex.
pub(super) fn hash_id(mac: &Hmac<Sha256>, real: &str) -> HashedId {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    // The clone has the salt mixed in already, which saves
    // two of the four blocks of SHA-256 for each ID.
    let digest = mac.clone().chain_update(real.as_bytes()).finalize().into_bytes();
    let mut hashed = [0; 64];
    for (pair, byte) in hashed.chunks_exact_mut(2).zip(digest) {
        pair[0] = HEX[usize::from(byte >> 4)];
        pair[1] = HEX[usize::from(byte & 15)];
    }
    hashed
}

/// The two kinds of resource that can be traced back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IdKind {
    /// `Patient`.
    Patient,
    /// `Encounter`.
    Encounter,
}

impl IdKind {
    /// The kind of this resource type, if its IDs are kept.
    pub(super) fn for_type(resource_type: &str) -> Option<Self> {
        match resource_type {
            "Patient" => Some(Self::Patient),
            "Encounter" => Some(Self::Encounter),
            _ => None,
        }
    }

    pub(super) fn type_name(self) -> &'static str {
        match self {
            Self::Patient => "Patient",
            Self::Encounter => "Encounter",
        }
    }

    /// The key that tells a pair from others: an encounter may have the ID of a patient.
    pub(super) fn pair_key(self, anon_id: &str) -> RowKey {
        row_key(&[anon_id]) ^ (self as RowKey)
    }
}
