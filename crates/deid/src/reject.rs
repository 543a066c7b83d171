//! Why a row is not taken.

use std::fmt;

use serde::Serialize;

/// The kinds of rejection that summaries count by (spec: "Input", "Rows").
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// The line is not JSON.
    NotJson,
    /// The line is JSON, but not an object.
    NotAnObject,
    /// `resourceType` is missing, or not that of the file.
    WrongResourceType,
    /// There is no `id`.
    NoId,
    /// A scalar where an object belongs, an object where a scalar belongs, a list where one
    /// value belongs, or the other way round.
    WrongKind,
    /// A list directly inside a list.
    ListInList,
    /// A value that its column cannot hold: text for a number, an integer beyond 32 bits.
    DoesNotFit,
    /// A modifier extension that is not understood, so that the row cannot be understood.
    UnknownModifierExtension,
    /// The line is longer than 64 MiB.
    TooLong,
    /// More objects inside each other than any FHIR resource needs.
    TooDeep,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotJson => "not JSON",
            Self::NotAnObject => "not a JSON object",
            Self::WrongResourceType => "wrong or missing resourceType",
            Self::NoId => "no id",
            Self::WrongKind => "wrong kind of JSON value",
            Self::ListInList => "list inside a list",
            Self::DoesNotFit => "value does not fit its type",
            Self::UnknownModifierExtension => "unknown modifierExtension",
            Self::TooLong => "line over 64 MiB",
            Self::TooDeep => "nested too deeply",
        })
    }
}

/// Why one row is not taken, and at which element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reject {
    /// The kind.
    pub reason: Reason,
    /// Element names from the innermost outwards.
    path: Vec<&'static str>,
}

impl Reject {
    /// A rejection of the whole row, or of a value whose path is added by [`Reject::within_object`].
    pub fn new(reason: Reason) -> Self {
        Self { reason, path: Vec::new() }
    }

    /// Adds the element that the rejected one is in.
    pub(super) fn within_object(mut self, name: &'static str) -> Self {
        self.path.push(name);
        self
    }

    /// The element, as `a.b.c` from the top of the resource; empty for the row itself.
    pub fn element(&self) -> String {
        self.path.iter().rev().copied().collect::<Vec<_>>().join(".")
    }
}
