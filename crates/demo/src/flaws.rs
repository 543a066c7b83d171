//! Rows that have to be rejected, each for another reason.

use super::json::Json;
use super::kind::RowType;
use super::resources;
use super::rng::Id;
use super::row::Revision;
use super::world::{Person, World};

/// A flaw of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    /// Not JSON at all.
    Text,
    /// Half a row.
    Truncated,
    /// Two objects on one line.
    Twice,
    /// A list of rows.
    Array,
    /// A string.
    Scalar,
    /// A type that the file is not for.
    OtherType,
    /// The server's complaint in place of a row.
    Outcome,
    NoId,
    NullId,
    /// A string where an object belongs.
    StringForObject,
    /// An object where a scalar belongs.
    ObjectForScalar,
    /// A string where an integer belongs.
    StringForInteger,
    /// A string where a decimal belongs.
    StringForDecimal,
    /// An integer that needs more than 32 bits.
    Overflow,
    /// A list inside a list.
    Nested,
    /// A modifierExtension that no one knows.
    Modifier,
}

impl Flaw {
    pub const ALL: &[Self] = &[
        Self::Text,
        Self::Truncated,
        Self::Twice,
        Self::Array,
        Self::Scalar,
        Self::OtherType,
        Self::Outcome,
        Self::NoId,
        Self::NullId,
        Self::StringForObject,
        Self::ObjectForScalar,
        Self::StringForInteger,
        Self::StringForDecimal,
        Self::Overflow,
        Self::Nested,
        Self::Modifier,
    ];
}

/// Ends some usable lines as Windows does, and puts blank lines after others.
pub(super) fn vary_line_end(buf: &mut Vec<u8>, bits: u64) {
    match bits & 0xff {
        0 => {
            buf.pop();
            buf.extend_from_slice(b"\r\n");
        }
        1 => buf.push(b'\n'),
        2 => buf.extend_from_slice(b"  \t\n"),
        _ => {}
    }
}

/// Writes a broken line.
pub(super) fn write_broken_line(
    buf: &mut Vec<u8>,
    world: &World,
    person: &Person,
    kind: RowType,
    index: u64,
    flaw: Flaw,
) {
    let start = buf.len();
    let id = world.row_id(kind, person.number, index);
    match flaw {
        Flaw::Text => buf.write_raw("upstream request timeout"),
        Flaw::Truncated => {
            resources::write_row(buf, world, person, kind, index, Revision::First);
            let length = buf.len() - start;
            // Not inside a character: the part that is left is text, only not JSON.
            let mut end = start + length / 2;
            while !buf[end].is_ascii() {
                end += 1;
            }
            buf.truncate(end);
        }
        Flaw::Twice => {
            for _ in 0..2 {
                resources::write_row(buf, world, person, kind, index, Revision::First);
                buf.pop();
            }
        }
        Flaw::Array => {
            buf.write_raw("[");
            resources::write_row(buf, world, person, kind, index, Revision::First);
            buf.pop();
            buf.write_raw("]");
        }
        Flaw::Scalar => buf.write_raw("\"no more results\""),
        Flaw::OtherType => write_object(buf, person, "Basic", &id, |_| {}),
        Flaw::Outcome => {
            buf.write_raw(
                r#"{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"#,
            );
            buf.write_raw(
                r#""processing","diagnostics":"Internal error while reading the resource"}]}"#,
            );
        }
        _ => write_object(buf, person, kind.name(), &id, |w| write_flaw_members(w, flaw)),
    }
    if flaw == Flaw::NoId || flaw == Flaw::NullId {
        without_id(buf, start, flaw == Flaw::NullId);
    }
    buf.push(b'\n');
}

/// A short row, with the members that `members` adds.
fn write_object(
    buf: &mut Vec<u8>,
    person: &Person,
    type_name: &str,
    id: &Id,
    members: impl FnOnce(&mut Vec<u8>),
) {
    buf.add_item(|w| {
        w.add_str("resourceType", type_name);
        w.add_bytes("id", id.as_bytes());
        members(w);
        w.add_object("text", |w| {
            w.add_str("status", "generated");
            w.add_str_of("div", |w| {
                w.write_raw("<div>");
                person.name.write_full(w);
                w.write_raw("</div>");
            });
        });
    });
}

fn write_flaw_members(w: &mut Vec<u8>, flaw: Flaw) {
    // One that is kept: a wrong value in an extension that is dropped does not cost the row.
    const KNOWN: &str = "http://open.epic.com/FHIR/StructureDefinition/extension/template-id";
    let extension = |w: &mut Vec<u8>, value: &dyn Fn(&mut Vec<u8>)| {
        w.add_list("extension", |w| {
            w.add_item(|w| {
                w.add_str("url", KNOWN);
                value(w);
            });
        });
    };
    match flaw {
        Flaw::StringForObject => w.add_str("meta", "2024-05-05T10:00:00Z"),
        Flaw::ObjectForScalar => w.add_object("language", |w| w.add_str("value", "en")),
        Flaw::StringForInteger => extension(w, &|w| w.add_str("valueInteger", "seven")),
        Flaw::StringForDecimal => extension(w, &|w| w.add_str("valueDecimal", "<0.5")),
        Flaw::Overflow => extension(w, &|w| w.add_int("valueInteger", 5_000_000_000)),
        Flaw::Nested => w.add_object("meta", |w| {
            w.add_list("profile", |w| w.write_raw("[\"http://example.com/profile\"]"));
        }),
        Flaw::Modifier => w.add_list("modifierExtension", |w| {
            w.add_item(|w| {
                w.add_str("url", "https://ehr.example.com/fhir/StructureDefinition/not-really");
                w.add_bool("valueBoolean", true);
            });
        }),
        _ => {}
    }
}

/// Takes the id out of the row that begins at `start`, or puts `null` in its place.
fn without_id(buf: &mut Vec<u8>, start: usize, null: bool) {
    // The comma tells the row's own `id` from others: it is never the first member here.
    let name = b",\"id\":";
    let row = &buf[start..];
    let Some(at) = row.windows(name.len()).position(|window| window == name) else { return };
    let value = start + at + name.len();
    // An opening quote, 23 characters, a closing quote.
    let end = (value + 25).min(buf.len());
    if null {
        buf.splice(value..end, *b"null");
    } else {
        buf.drain(start + at..end);
    }
}
