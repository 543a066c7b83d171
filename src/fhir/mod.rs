//! What FHIR R4 says of its types: elements, their types, and which are lists.

use std::collections::HashMap;
use std::sync::LazyLock;

mod r4;

/// One element of a type, as it is spelled in JSON (`valueQuantity`, not `value[x]`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element {
    /// The JSON name.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Whether it is a JSON list (maximum cardinality above 1).
    pub list: bool,
}

/// What an element holds.
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
    /// Its elements in the order of the specification, inherited ones included; `resourceType`
    /// is not among them.
    pub elements: &'static [Element],
}

impl Type {
    /// The element of this JSON name.
    pub fn element(&self, name: &str) -> Option<&'static Element> {
        self.elements.iter().find(|element| element.name == name)
    }
}

/// The R4 type of this name, if there is one.
pub fn type_named(name: &str) -> Option<&'static Type> {
    static BY_NAME: LazyLock<HashMap<&str, &Type>> =
        LazyLock::new(|| r4::TYPES.iter().map(|t| (t.name, t)).collect());
    BY_NAME.get(name).copied()
}

/// Every resource type of R4, in alphabetical order, abstract ones left out.
pub fn resource_types() -> impl Iterator<Item = &'static Type> {
    r4::TYPES.iter().filter(|t| {
        t.element("implicitRules").is_some() && !matches!(t.name, "Resource" | "DomainResource")
    })
}
