//! Which elements a line of JSON has.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use sonic_rs::JsonValueTrait;

use crate::fhir;
use crate::table::Shape;
use crate::table::schema::RESOURCE_TYPE;

const CONTAINED: &str = "contained";

/// The elements of a table's lines so far.
#[derive(Default)]
pub struct SeenShape {
    /// The elements. Those of contained resources are below one name for all types.
    pub shape: Shape,
    /// The types of contained resources.
    pub contained: BTreeSet<&'static str>,
}

impl SeenShape {
    /// Adds a line, if it is a JSON object and nothing else; false if it is not, or is of another resource
    /// type.
    pub fn add(&mut self, line: &[u8], resource_type: &str) -> bool {
        // Before anything is added: a file may have lines of several types, and others must not add
        // columns.
        let found = sonic_rs::get(line, [RESOURCE_TYPE]);
        if found.ok().as_ref().and_then(|found| found.as_str()) != Some(resource_type) {
            return false;
        }
        // The beginning of a broken line may add a column without values, which does no harm.
        let mut reader = sonic_rs::Deserializer::from_slice(line);
        self.deserialize(&mut reader).is_ok() && reader.end().is_ok()
    }
}

impl<'de> DeserializeSeed<'de> for &mut SeenShape {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for &mut SeenShape {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a resource")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<std::borrow::Cow<'de, str>>()? {
            if name == RESOURCE_TYPE {
                map.next_value::<IgnoredAny>()?;
            } else if name == CONTAINED {
                let shape = self.shape.element(CONTAINED).element("Resource");
                map.next_value_seed(ElementSeed { shape, types: Some(&mut self.contained) })?;
            } else {
                let shape = self.shape.element(&name);
                map.next_value_seed(ElementSeed { shape, types: None })?;
            }
        }
        Ok(())
    }
}

/// The value of an element, or one of its values.
struct ElementSeed<'a> {
    shape: &'a mut Shape,
    /// Where the types of resources go, if it is one that holds resources.
    types: Option<&'a mut BTreeSet<&'static str>>,
}

impl<'de> DeserializeSeed<'de> for ElementSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ElementSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let Self { shape, mut types } = self;
        while seq
            .next_element_seed(ElementSeed { shape: &mut *shape, types: types.as_deref_mut() })?
            .is_some()
        {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { shape, mut types } = self;
        while let Some(name) = map.next_key::<std::borrow::Cow<'de, str>>()? {
            if let Some(types) = types.as_deref_mut()
                && name == RESOURCE_TYPE
            {
                let found = map.next_value::<Option<String>>()?;
                let known = found.and_then(|name| fhir::type_named(&name));
                types.extend(known.filter(|r4| r4.resource).map(|r4| r4.name));
            } else if name == RESOURCE_TYPE {
                map.next_value::<IgnoredAny>()?;
            } else {
                map.next_value_seed(ElementSeed { shape: shape.element(&name), types: None })?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::DataType;

    use super::*;
    use crate::table::schema::table_schema;

    #[test]
    fn lines_show_their_elements() {
        let mut seen = SeenShape::default();
        let line = br#"{"resourceType": "Patient", "contact": [{"name": {"text": "a"}}],
            "contained": [{"resourceType": "Organization", "name": "b"}], "active": null}"#;
        assert!(seen.add(line, "Patient"));
        assert!(!seen.add(line, "Condition"), "another type");
        assert!(!seen.add(b"{\"resourceType\": \"Patient\"", "Patient"), "half a line");
        assert!(!seen.add(b"[1]", "Patient"));
        assert!(seen.add(b" {\"resourceType\": \"Patient\"} \r\n", "Patient"));
        for after in ["x", "{\"resourceType\": \"Patient\"}", "]", ",", "\0"] {
            let line = format!("{{\"resourceType\": \"Patient\"}} {after}\n");
            assert!(!seen.add(line.as_bytes(), "Patient"), "{after:?}");
        }
        assert_eq!(seen.contained.iter().copied().collect::<Vec<_>>(), ["Organization"]);
        let r4 = fhir::type_named("Patient").unwrap();
        let schema = table_schema(r4, &seen.shape, &seen.contained);
        let inside = |name: &str| {
            let field = schema.field_with_name(name).unwrap();
            let DataType::List(item) = field.data_type() else { panic!("{name}") };
            let DataType::Struct(fields) = item.data_type() else { panic!("{name}") };
            fields.iter().map(|field| field.name().clone()).collect::<Vec<_>>()
        };
        assert!(inside("contact").contains(&"name".to_owned()));
        assert_eq!(inside("contained"), ["resourceType", "name"]);
    }
}
