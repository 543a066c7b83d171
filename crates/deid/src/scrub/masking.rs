//! Masked values: their place is taken by a data-absent-reason, in the `extension` of the object
//! or in the element's `_name` sibling. Both may stand before or after the masked value, so they
//! are written when the whole object has been seen.

use sonic_rs::{JsonContainerTrait, JsonValueTrait, Object, Value};

use super::repeats::last_value;
use super::{DEEPEST, Scrub, Scrubber, WalkContext};
use crate::policy::{Action, Field, Rules};
use crate::reject::{Reason, Reject};
use crate::row::Step;

const DATA_ABSENT_REASON: &str = "http://hl7.org/fhir/StructureDefinition/data-absent-reason";
static NULL: Value = Value::new();

/// The work that an object's elements leave to be done at its end.
#[derive(Default)]
pub(super) struct ObjectState<'v> {
    /// Elements masked so far.
    pub masked: Vec<&'static str>,
    /// `_name` siblings of elements that may be masked.
    pub siblings: Vec<(&'static Field, Option<&'v Value>)>,
    /// The `extension` list of an object that may be masked itself.
    pub extension: Option<(&'static Field, &'v Value)>,
    pub mask_self: bool,
}

impl ObjectState<'_> {
    pub fn mask(&mut self, field: &'static Field) {
        if !self.masked.contains(&field.name) {
            self.masked.push(field.name);
        }
    }

    pub fn wants_sibling(&self, rules: &Rules, field: &Field) -> bool {
        // A sibling's name is `_` and the element's name.
        let of = rules.field_named(&field.name[1..]);
        of.is_some_and(|of| matches!(of.action, Action::Scalar { then, .. } if then.may_mask()))
    }
}

impl Scrubber {
    /// Writes the parts that had to wait until the whole object was seen.
    pub(super) fn settle(
        &mut self,
        rules: &'static Rules,
        place: WalkContext,
        pending: &ObjectState<'_>,
    ) -> Scrub {
        for (field, value) in &pending.siblings {
            let mask = pending.masked.iter().any(|name| field.name[1..] == **name);
            self.sibling(field, *value, mask, place).map_err(|r| r.within_object(field.name))?;
        }
        for name in &pending.masked {
            let done = pending.siblings.iter().any(|(field, _)| field.name[1..] == **name);
            if !done && let Some(field) = sibling_of(rules, name) {
                self.sibling(field, None, true, place)?;
            }
        }
        let extension = pending.extension.or_else(|| {
            let field = rules.field_named("extension")?;
            pending.mask_self.then_some((field, &NULL))
        });
        if let Some((field, value)) = extension {
            self.extensions(field, value, pending.mask_self, place)
                .map_err(|r| r.within_object(field.name))?;
        }
        Ok(())
    }

    /// Writes a `_name` sibling, with a data-absent-reason if its element was masked.
    fn sibling(
        &mut self,
        field: &'static Field,
        value: Option<&Value>,
        mask: bool,
        place: WalkContext,
    ) -> Scrub {
        // A masked element without a sibling gets one.
        let empty = Object::new();
        let object = match value {
            None => &empty,
            Some(value) => value.as_object().ok_or_else(|| Reject::new(Reason::WrongKind))?,
        };
        let Action::Object { rules, .. } = field.action else { return Ok(()) };
        let start = self.mark_place();
        self.steps.push(Step::Field(field));
        let place = WalkContext { in_meta: false, ..place };
        if !self.walk_object(object, self.policy.rules_by_id(rules), place, mask)? {
            self.reset_to(start);
        }
        Ok(())
    }

    /// Writes an `extension` list, with a data-absent-reason at its end if one is wanted and
    /// the raw list has none.
    fn extensions(
        &mut self,
        field: &'static Field,
        value: &Value,
        mask: bool,
        place: WalkContext,
    ) -> Scrub {
        let (items, list) = match value.as_array() {
            Some(items) => (items.as_slice(), true),
            // `NULL` stands for a list that is not there, and to which a mask is to be added.
            None if value.is_null() => (&[][..], true),
            None => (std::slice::from_ref(value), false),
        };
        let absent = |item: &Value| {
            item.as_object()
                .and_then(|item| last_value(item, "url"))
                .and_then(|url| url.as_str())
                .is_some_and(|url| url == DATA_ABSENT_REASON)
        };
        let start = self.mark_place();
        self.steps.extend([Step::Field(field), Step::List]);
        let mut kept = false;
        for item in items {
            let object = match item.as_object() {
                Some(object) => object,
                None if item.is_array() => return Err(Reject::new(Reason::ListInList)),
                None => return Err(Reject::new(Reason::WrongKind)),
            };
            kept |= self.walk_extension(object, false, place)?;
        }
        if kept && !list {
            return Err(Reject::new(Reason::WrongKind));
        }
        // The raw list is asked: with a reason of its own there, a second one would contradict it.
        if mask && !items.iter().any(absent) {
            if place.depth >= DEEPEST {
                return Err(Reject::new(Reason::TooDeep));
            }
            self.masked_extension();
            kept = true;
        }
        match kept {
            true => self.steps.push(Step::End),
            false => self.reset_to(start),
        }
        Ok(())
    }

    fn masked_extension(&mut self) {
        let rules = self.policy.extension_rules();
        self.steps.push(Step::Object(rules));
        for (name, text) in [("url", DATA_ABSENT_REASON), ("valueCode", "masked")] {
            if let Some(field) = rules.field_named(name) {
                let start = self.text.len() as u32;
                self.text.push_str(text);
                self.steps.push(Step::Field(field));
                self.steps.push(Step::Text { start, len: text.len() as u32 });
            }
        }
        self.steps.push(Step::End);
    }
}

fn sibling_of(rules: &'static Rules, name: &str) -> Option<&'static Field> {
    rules.field_named(&format!("_{name}"))
}
