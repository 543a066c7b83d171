//! The types of FHIR R4: their elements, the elements' types, and which are lists; the names of the
//! resource types of all releases; a server's base URL; instants as numbers.

mod instant;
mod r4;
mod resource_types;
mod server_base;
#[cfg(test)]
mod tests;

#[cfg(test)]
#[path = "../../../tests/it/needs.rs"]
#[allow(dead_code, reason = "integration tests need more")]
mod needs;

pub use instant::{UNKNOWN_TIME, parse_instant};
pub use resource_types::{
    TABLE_TYPES, referenced_type, resource_type, resource_type_ignoring_case,
};
pub use server_base::ServerBase;

/// One element of a type, as it is spelled in JSON (`valueQuantity`, not `value[x]`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element {
    /// The JSON name.
    pub name: &'static str,
    /// The kind of its values.
    pub kind: Kind,
    /// Whether it is a JSON list (maximum cardinality above 1).
    pub list: bool,
}

/// The kind of an element's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text: codes, dates, URIs, base64, XHTML and all else that JSON writes as a string.
    Text,
    /// `integer`, `positiveInt`, `unsignedInt`.
    Integer,
    /// `decimal`.
    Decimal,
    /// `boolean`.
    Boolean,
    /// An object of the named type: a datatype (`Period`), a backbone element by its path
    /// (`Patient.contact`), or `Resource` (any resource: contained ones).
    Object(&'static str),
}

/// A resource type, a datatype, or a backbone element.
#[derive(Clone, Copy, Debug)]
pub struct Type {
    /// `Patient`, `Period`, `Patient.contact`.
    pub name: &'static str,
    /// Whether this can be a `resourceType`: `Patient`, not the abstract `DomainResource`.
    pub resource: bool,
    /// Its elements in the order of the specification, inherited ones included; a resource's
    /// `resourceType` is not among them. A `Quantity` narrowed to `Age`, `Count`, `Distance` or
    /// `Duration` is a type of its own with the same elements.
    pub elements: &'static [Element],
}

impl Type {
    /// The element of this JSON name.
    #[inline]
    pub fn element(&self, name: &str) -> Option<&'static Element> {
        self.elements.iter().find(|element| element.name == name)
    }
}

/// The R4 type of this name, if there is one. Primitive types have no entry: see [`Kind`].
pub fn type_named(name: &str) -> Option<&'static Type> {
    // The generator sorts the types by name.
    let at = r4::TYPES.binary_search_by_key(&name, |t| t.name).ok()?;
    Some(&r4::TYPES[at])
}

/// Every resource type of R4, in alphabetical order.
pub fn resource_types() -> impl Iterator<Item = &'static Type> {
    r4::TYPES.iter().filter(|r4| r4.resource)
}

/// The text without white space around it, as Unicode has it, and without ASCII's four separators:
/// how every text and ID of a row is taken.
#[inline]
pub fn trim_text(text: &str) -> &str {
    // Nearly all texts begin and end with a visible ASCII character: that is seen without decoding any.
    match text.as_bytes() {
        [first, .., last] if first.is_ascii_graphic() && last.is_ascii_graphic() => text,
        _ => text.trim_matches(|c: char| c.is_whitespace() || ('\x1c'..='\x1f').contains(&c)),
    }
}
