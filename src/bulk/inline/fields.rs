//! A JSON object of which some members are changed, and all others stay as they are, to the byte.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::value::{RawValue, to_raw_value};

/// The members in their order.
#[derive(Debug)]
pub(super) struct RawObject(Vec<(String, Box<RawValue>)>);

impl RawObject {
    /// A member's text; of several of this name, the last's, which is the one that counts.
    pub(super) fn raw_member(&self, name: &str) -> Option<&RawValue> {
        self.0.iter().rfind(|(known, _)| known == name).map(|(_, value)| &**value)
    }

    /// A member that is a string.
    pub(super) fn text_member(&self, name: &str) -> Option<String> {
        serde_json::from_str(self.raw_member(name)?.get()).ok()
    }

    /// Whether both have the same members, in the same order, but for the value of one.
    pub(super) fn is_same_but_for(&self, other: &Self, name: &str) -> bool {
        self.0.len() == other.0.len()
            && self.0.iter().zip(&other.0).all(|((one, value), (another, changed))| {
                one == another && (one == name || value.get() == changed.get())
            })
    }

    /// Replaces a member, or adds it at the end.
    pub(super) fn set_member(
        &mut self,
        name: &str,
        value: &impl Serialize,
    ) -> serde_json::Result<()> {
        let value = to_raw_value(value)?;
        match self.0.iter_mut().rfind(|(known, _)| known == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name.to_owned(), value)),
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for RawObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = RawObject;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawObject, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(RawObject(members))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

impl Serialize for RawObject {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}
