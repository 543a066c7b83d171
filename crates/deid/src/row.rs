//! A de-identified row: the only form in which data leaves this folder.

use super::anon_id::AnonId;
use super::policy::{Field, Rules};

/// One step through a de-identified row. Text stands in the row's own buffer, so that a row
/// borrows nothing from the line that it was read from.
#[derive(Clone, Copy)]
pub(super) enum Step {
    Object(&'static Rules),
    List,
    End,
    Field(&'static Field),
    // A line has 64 MiB at most, and a hash some four times the bytes of the
    // shortest reference that it stands for: a row's text has less than 4 GiB.
    Text { start: u32, len: u32 },
    Integer(i64),
    Decimal(f64),
    Boolean(bool),
    Null,
}

/// The events of a row that its reader is shown, in order.
#[derive(Clone, Copy)]
pub enum Event<'a> {
    /// An object begins, with the rules (and so the R4 type) it was scrubbed by.
    Object(&'static Rules),
    /// A list begins.
    List,
    /// The innermost object or list ends.
    End,
    /// The next value belongs to this element.
    Field(&'static Field),
    /// A string.
    Text(&'a str),
    /// A number without fraction.
    Integer(i64),
    /// Any other number.
    Decimal(f64),
    /// A boolean.
    Boolean(bool),
    /// A null, in a list of primitives.
    Null,
}

/// One row, de-identified. Only [`Scrubber`](super::Scrubber) makes one: a row of this type
/// may be written to a table.
pub struct Deidentified<'a> {
    pub(super) steps: &'a [Step],
    pub(super) text: &'a str,
    pub(super) id: (u32, u32),
    pub(super) last_updated: Option<(u32, u32)>,
}

impl<'a> Deidentified<'a> {
    /// The anonymous ID.
    #[inline]
    pub fn id(&self) -> AnonId<'a> {
        AnonId::new(self.text_slice(self.id).into())
    }

    /// `meta.lastUpdated`, as text.
    #[inline]
    pub fn last_updated(&self) -> Option<&'a str> {
        self.last_updated.map(|span| self.text_slice(span))
    }

    /// The row from its first event ([`Event::Object`]) to its last ([`Event::End`]).
    #[inline]
    pub fn read_events(&self) -> impl Iterator<Item = Event<'a>> + use<'a> {
        let text = self.text;
        self.steps.iter().map(move |step| match *step {
            Step::Object(rules) => Event::Object(rules),
            Step::List => Event::List,
            Step::End => Event::End,
            Step::Field(field) => Event::Field(field),
            Step::Text { start, len } => {
                Event::Text(&text[start as usize..start as usize + len as usize])
            }
            Step::Integer(number) => Event::Integer(number),
            Step::Decimal(number) => Event::Decimal(number),
            Step::Boolean(value) => Event::Boolean(value),
            Step::Null => Event::Null,
        })
    }

    #[inline]
    fn text_slice(&self, (start, len): (u32, u32)) -> &'a str {
        &self.text[start as usize..start as usize + len as usize]
    }
}
