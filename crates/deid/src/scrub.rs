//! One walk over a parsed row: elements that the allow-list names go to the output, nothing else.

mod codes;
mod masking;
mod parse;
mod repeats;

use std::collections::BTreeSet;

use cumulus_fhir::{self as fhir, Kind, trim_text};
use sonic_rs::{JsonContainerTrait, JsonType, JsonValueTrait, Object, Value};

use self::codes::system_allows;
use self::masking::ObjectState;
use self::parse::parse_line;
use self::repeats::{SeenFields, find_overridden, last_value};
use super::anonymize::Anonymizer;
use super::identities::Identities;
use super::phi::Phi;
use super::policy::{Action, Disposition, Field, Policy, Rules, Scalar};
use super::reject::{Reason, Reject};
use super::report::{DroppedKind, Report, shown_url};
use super::row::{Deidentified, Step};
use super::shapes::{parse_year, push_zip};

/// Objects that may be inside each other, the resource counted, and those that a mask adds. FHIR
/// needs some ten.
///
/// Arrow's files may nest 64 tables, and each object in a list takes two of them, so that 31 objects
/// could be staged at most. The JSON of a Delta table's schema takes four levels for each, of 128
/// that its readers accept. This leaves room for the levels that readers add of their own.
const DEEPEST: u32 = 24;

type Scrub<T = ()> = Result<T, Reject>;

/// Makes rows safe. Each worker has its own; buffers are reused from row to row.
pub struct Scrubber {
    policy: &'static Policy,
    anonymizer: Anonymizer,
    /// The rows have been de-identified before: IDs and references are not hashed again.
    again: bool,
    steps: Vec<Step>,
    text: String,
    id: Option<(u32, u32)>,
    last_updated: Option<(u32, u32)>,
    /// Counts are reported even of rows that are rejected.
    report: Report,
    /// The entries that the row under way adds to the report.
    row_left: Vec<(DroppedKind, &'static str, String)>,
    /// Whether the row under way names an element twice, and is walked with care for that.
    repeats: bool,
    /// Types of the contained resources: of the row under way, and of the rows taken.
    row_contained: Vec<&'static str>,
    contained_types: BTreeSet<&'static str>,
}

/// Where in a row the walk is.
#[derive(Clone, Copy)]
struct WalkContext {
    /// The resource's type, or the contained one's: reports and the ID mapping go by it.
    resource_type: &'static str,
    /// Inside an extension that is kept: the extensions in it are not checked again.
    in_extension: bool,
    /// Objects entered: 1 in the resource itself.
    depth: u32,
    /// Directly in the resource's own `meta`.
    in_meta: bool,
}

impl Scrubber {
    /// A scrubber that hashes with `anonymizer`.
    pub fn new(anonymizer: Anonymizer) -> Self {
        Self {
            policy: Policy::built_in(),
            anonymizer,
            again: false,
            steps: Vec::new(),
            text: String::new(),
            id: None,
            last_updated: None,
            report: Report::default(),
            row_left: Vec::new(),
            repeats: false,
            row_contained: Vec::new(),
            contained_types: BTreeSet::new(),
        }
    }

    /// A scrubber for rows that this program or Cumulus ETL has written. The allow-list is applied once
    /// more, but IDs and references are not hashed again. Years and shortened postal codes stay the same.
    pub fn again(anonymizer: Anonymizer) -> Self {
        Self { again: true, ..Self::new(anonymizer) }
    }

    /// The report on the elements that were left out since the last call.
    pub fn take_report(&mut self) -> Report {
        std::mem::take(&mut self.report)
    }

    /// The Patient and Encounter IDs of the rows taken since the last call.
    pub fn take_identities(&mut self) -> Phi<Identities> {
        Phi::new(self.anonymizer.take_identities())
    }

    /// The types of the contained resources in rows taken since the last call.
    pub fn take_contained_types(&mut self) -> BTreeSet<&'static str> {
        std::mem::take(&mut self.contained_types)
    }

    /// De-identifies one line, which must hold a resource of type `expected` (one of
    /// [`TABLE_TYPES`](cumulus_fhir::TABLE_TYPES)).
    pub fn scrub(&mut self, line: &[u8], expected: &'static str) -> Scrub<Deidentified<'_>> {
        self.scrub_value(&parse_line(line)?, expected)
    }

    fn scrub_value(&mut self, value: &Value, expected: &'static str) -> Scrub<Deidentified<'_>> {
        self.repeats = false;
        let mut walked = self.walk_row(value, expected);
        if self.repeats {
            // The elements that the walk met before it found the repeated name have to be undone. The
            // walk begins again once, at the top, or objects inside each other would each double the work.
            walked = self.walk_row(value, expected);
        }
        for (what, resource_type, name) in self.row_left.drain(..) {
            self.report.count_dropped(what, resource_type, &name);
        }
        walked?;
        let id = self.id.ok_or(Reject::new(Reason::NoId))?;
        // Not before: the IDs of a rejected row do not belong into the mapping, as no table has them.
        self.anonymizer.keep_row();
        self.contained_types.extend(self.row_contained.drain(..));
        Ok(Deidentified {
            steps: &self.steps,
            text: &self.text,
            id,
            last_updated: self.last_updated,
        })
    }

    fn walk_row(&mut self, value: &Value, expected: &'static str) -> Scrub {
        self.steps.clear();
        self.text.clear();
        (self.id, self.last_updated) = (None, None);
        self.row_contained.clear();
        self.row_left.clear();
        self.anonymizer.begin_row();

        let row = value.as_object().ok_or(Reject::new(Reason::NotAnObject))?;
        if last_value(row, "resourceType").and_then(|v| v.as_str()) != Some(expected) {
            return Err(Reject::new(Reason::WrongResourceType));
        }
        let place =
            WalkContext { resource_type: expected, in_extension: false, depth: 0, in_meta: false };
        self.walk_object(row, self.policy.resource_rules(expected), place, false).map(|_| ())
    }

    /// Scrubs an object; false, and nothing written, if nothing of it is kept. With `mask`, a
    /// data-absent-reason is added to its extensions.
    fn walk_object(
        &mut self,
        object: &Object,
        rules: &'static Rules,
        place: WalkContext,
        mask: bool,
    ) -> Scrub<bool> {
        let place = WalkContext { depth: place.depth + 1, ..place };
        if place.depth > DEEPEST {
            return Err(Reject::new(Reason::TooDeep));
        }
        let overridden = self.repeats.then(|| find_overridden(object));
        let start = self.mark_place();
        self.steps.push(Step::Object(rules));
        let begin = self.steps.len();
        let mut pending = ObjectState { mask_self: mask, ..ObjectState::default() };
        let mut seen = SeenFields::default();
        for (index, (name, value)) in object.iter().enumerate() {
            // JSON lets a name occur twice; as everywhere in FHIR software, the last one counts.
            if overridden.as_ref().is_some_and(|overridden| overridden.contains(&index)) {
                continue;
            }
            let Some(field) = rules.field_named(name) else {
                self.count_unknown(rules, place);
                continue;
            };
            // Before repeated names are looked for: they do no harm where nothing is kept.
            if matches!(field.action, Action::Drop) {
                continue;
            }
            // Before nulls are passed over: a null that stands last takes away the value before it.
            if seen.again(field) {
                self.repeats = true;
                return Err(Reject::new(Reason::NotJson));
            }
            if value.is_null() {
                continue;
            }
            self.walk_field(object, rules, field, value, place, &mut pending)
                .map_err(|reject| reject.within_object(field.name))?;
        }
        self.settle(rules, place, &pending)?;
        if self.steps.len() == begin {
            self.reset_to(start);
            return Ok(false);
        }
        self.steps.push(Step::End);
        Ok(true)
    }

    fn walk_field<'v>(
        &mut self,
        object: &'v Object,
        rules: &'static Rules,
        field: &'static Field,
        value: &'v Value,
        place: WalkContext,
        pending: &mut ObjectState<'v>,
    ) -> Scrub {
        if field.sibling {
            return match rules.masks && pending.wants_sibling(rules, field) {
                true => {
                    pending.siblings.push((field, Some(value)));
                    Ok(())
                }
                false => self.walk_values(field, value, place, object, pending),
            };
        }
        match &field.action {
            // Whether a data-absent-reason is to be added is known only when the whole object was seen.
            Action::Extension { modifier: false } if rules.checks_system || pending.mask_self => {
                pending.extension = Some((field, value));
                Ok(())
            }
            _ => self.walk_values(field, value, place, object, pending),
        }
    }

    /// Writes an element with its value, or its list of values.
    fn walk_values<'v>(
        &mut self,
        field: &'static Field,
        value: &'v Value,
        place: WalkContext,
        parent: &'v Object,
        pending: &mut ObjectState<'v>,
    ) -> Scrub {
        let start = self.mark_place();
        self.steps.push(Step::Field(field));
        let items = value.as_array();
        let kept = match items {
            None => self.walk_value(field, value, place, parent, pending)?,
            Some(items) => {
                self.steps.push(Step::List);
                let mut kept = false;
                for item in items.iter() {
                    kept |= match item.get_type() {
                        JsonType::Array => return Err(Reject::new(Reason::ListInList)),
                        JsonType::Null => self.null_item(field)?,
                        _ => self.walk_value(field, item, place, parent, pending)?,
                    };
                }
                self.steps.push(Step::End);
                kept
            }
        };
        // An empty list, or one of which nothing is kept, cannot be of the wrong
        // kind: nothing of it has to fit. Cumulus ETL takes such rows, too.
        if !kept {
            self.reset_to(start);
            return Ok(());
        }
        // A list where R4 has one value, or one value where it has a list, fits no column.
        match field.element {
            Some(element) if element.list != items.is_some() => Err(Reject::new(Reason::WrongKind)),
            _ => Ok(()),
        }
    }

    /// Nulls hold a place in lists of primitives, and in the `_name` lists aligned with them.
    fn null_item(&mut self, field: &Field) -> Scrub<bool> {
        match (field.sibling, &field.action) {
            (false, Action::Scalar { .. }) | (true, _) => {
                self.steps.push(Step::Null);
                Ok(true)
            }
            _ => Err(Reject::new(Reason::WrongKind)),
        }
    }

    /// Writes one value; false, and nothing written, if it is not kept.
    fn walk_value<'v>(
        &mut self,
        field: &'static Field,
        value: &'v Value,
        place: WalkContext,
        parent: &'v Object,
        pending: &mut ObjectState<'v>,
    ) -> Scrub<bool> {
        let wrong = || Reject::new(Reason::WrongKind);
        match &field.action {
            Action::Drop => Ok(false),
            Action::Object { rules, systems } => {
                let object = value.as_object().ok_or_else(wrong)?;
                if !systems.is_empty() {
                    let system = last_value(object, "system").and_then(|v| v.as_str());
                    if !system.is_some_and(|system| systems.contains(&system)) {
                        return Ok(false);
                    }
                }
                // A contained resource has a `meta`, too: its time is not the row's.
                let in_meta = place.depth == 1 && field.name == "meta";
                self.walk_object(
                    object,
                    self.policy.rules_by_id(*rules),
                    WalkContext { in_meta, ..place },
                    false,
                )
            }
            Action::Resource => {
                let object = value.as_object().ok_or_else(wrong)?;
                self.walk_contained(object, place)
            }
            Action::Extension { modifier } => {
                let object = value.as_object().ok_or_else(wrong)?;
                self.walk_extension(object, *modifier, place)
            }
            Action::Scalar { check, then } => {
                if value.is_object() {
                    return Err(wrong());
                }
                // A blank text is not there, so nothing in its place is masked.
                let is_there = || value.as_str().is_none_or(|text| !trim_text(text).is_empty());
                if let Some(check) = *check
                    && is_there()
                    && !system_allows(parent, check)
                {
                    pending.mask_self = true;
                    return Ok(false);
                }
                self.push_scalar(field, value, *then, place, parent, pending)
            }
        }
    }

    fn walk_contained(&mut self, object: &Object, place: WalkContext) -> Scrub<bool> {
        let name = last_value(object, "resourceType").and_then(|v| v.as_str());
        // A text that is no type may be anything, a name included.
        let Some(name) = name.and_then(|name| fhir::resource_type(trim_text(name))) else {
            self.count_dropped(DroppedKind::NonR4, place, "contained");
            return Ok(false);
        };
        let resource_type = self.policy.type_name(name).unwrap_or("Resource");
        let rules = self.policy.resource_rules(name);
        if let Some(r4) = fhir::type_named(name) {
            self.row_contained.push(r4.name);
        }
        // The depth goes on from the row's: at depth 1 the
        // walk takes `id` and `meta` for the row's own.
        let place = WalkContext { resource_type, in_extension: false, in_meta: false, ..place };
        self.walk_object(object, rules, place, false)
    }

    fn walk_extension(
        &mut self,
        object: &Object,
        modifier: bool,
        place: WalkContext,
    ) -> Scrub<bool> {
        // Inside an extension that is kept, URLs are names
        // such as `ombCategory`, and part of its definition.
        if !place.in_extension {
            let url = last_value(object, "url").and_then(|v| v.as_str());
            if modifier {
                if !url.is_some_and(|url| self.policy.is_modifier_known(url)) {
                    self.count_dropped(DroppedKind::Modifier, place, shown_url(url));
                    return Err(Reject::new(Reason::UnknownModifierExtension));
                }
            } else {
                match url.map_or(Disposition::Unknown, |url| self.policy.extension_disposition(url))
                {
                    Disposition::Keep => {}
                    Disposition::DropSilently => return Ok(false),
                    Disposition::Unknown => {
                        self.count_dropped(DroppedKind::Extension, place, shown_url(url));
                        return Ok(false);
                    }
                }
            }
        }
        let place = WalkContext { in_extension: true, in_meta: false, ..place };
        self.walk_object(object, self.policy.extension_rules(), place, false)
    }

    fn push_scalar<'v>(
        &mut self,
        field: &'static Field,
        value: &'v Value,
        then: Scalar,
        place: WalkContext,
        parent: &'v Object,
        pending: &mut ObjectState<'v>,
    ) -> Scrub<bool> {
        let text = value.as_str();
        let trimmed = text.map(trim_text);
        if trimmed == Some("") {
            return Ok(false);
        }
        if then == Scalar::Mask {
            pending.mask(field);
            return Ok(false);
        }
        let Some((trimmed, raw)) = trimmed.zip(text) else {
            // Only `Keep` has a use for numbers and booleans.
            return match then {
                Scalar::Keep => self.push_number(field, value),
                _ => Err(Reject::new(Reason::DoesNotFit)),
            };
        };
        if field.element.is_some_and(|element| element.kind != Kind::Text) {
            return Err(Reject::new(Reason::DoesNotFit));
        }
        let start = self.text.len();
        match then {
            Scalar::Keep => self.text.push_str(trimmed),
            Scalar::Year => match parse_year(trimmed) {
                Some(year) => self.text.push_str(year),
                None => return Ok(false),
            },
            Scalar::Zip => {
                if !push_zip(trimmed, &mut self.text) {
                    pending.mask(field);
                    return Ok(false);
                }
            }
            Scalar::ResourceType => match fhir::referenced_type(trimmed) {
                Some(_) => self.text.push_str(trimmed),
                None => return Ok(false),
            },
            Scalar::AnonId if self.again => self.text.push_str(raw),
            Scalar::AnonRef if self.again => self.text.push_str(known_type_or_bare(raw)),
            Scalar::AnonId => {
                let text = &mut self.text;
                self.anonymizer.push_id(place.resource_type, trimmed, text);
            }
            // Untrimmed, as Cumulus ETL hashes references: trimmed ones would not join with its tables.
            Scalar::AnonRef => {
                let sibling = last_value(parent, "type").and_then(|v| v.as_str());
                self.anonymizer.push_reference(raw, sibling, &mut self.text);
            }
            Scalar::Mask => {}
        }
        let span = (start as u32, (self.text.len() - start) as u32);
        self.steps.push(Step::Text { start: span.0, len: span.1 });
        if place.depth == 1 && field.name == "id" {
            self.id = Some(span);
        }
        if place.in_meta && field.name == "lastUpdated" {
            self.last_updated = Some(span);
        }
        Ok(true)
    }

    fn push_number(&mut self, field: &Field, value: &Value) -> Scrub<bool> {
        let unfit = Reject::new(Reason::DoesNotFit);
        let kind = field.element.map(|element| element.kind);
        let step = if let Some(value) = value.as_bool() {
            match kind {
                None | Some(Kind::Boolean) => Step::Boolean(value),
                _ => return Err(unfit),
            }
        } else {
            let decimal = value.as_f64().filter(|n| n.is_finite()).ok_or(unfit.clone())?;
            let integer =
                // `2.0` and `1e3` are whole numbers in JSON. From 2^53
                // on a float no longer tells which one.
                value.as_i64().or((decimal.fract() == 0.0 && decimal.abs() < (1_i64 << 53) as f64)
                    .then_some(decimal as i64));
            match (kind, integer) {
                (Some(Kind::Integer), Some(n)) if i32::try_from(n).is_ok() => Step::Integer(n),
                // NDJSON then shows `5` and not `5.0`; the Arrow column makes it a float again.
                (None | Some(Kind::Decimal), Some(n)) => Step::Integer(n),
                (None | Some(Kind::Decimal), None) => Step::Decimal(decimal),
                _ => return Err(unfit),
            }
        };
        self.steps.push(step);
        Ok(true)
    }

    /// Counts an element that R4 does not know, by the type it was found in: its name comes from
    /// the input and may be anything, a patient's included, so it isn't repeated.
    fn count_unknown(&mut self, rules: &Rules, place: WalkContext) {
        if rules.r4.is_some() && rules.name != "Resource" {
            self.count_dropped(DroppedKind::NonR4, place, rules.name);
        }
    }

    fn count_dropped(&mut self, what: DroppedKind, place: WalkContext, name: impl Into<String>) {
        self.row_left.push((what, place.resource_type, name.into()));
    }

    fn mark_place(&self) -> (usize, usize) {
        (self.steps.len(), self.text.len())
    }

    fn reset_to(&mut self, (steps, text): (usize, usize)) {
        self.steps.truncate(steps);
        self.text.truncate(text);
    }
}

/// A reference that has been hashed before, without a type that FHIR does not have: Cumulus ETL takes any
/// text for a type.
fn known_type_or_bare(reference: &str) -> &str {
    match reference.rsplit_once('/') {
        Some((name, id)) if fhir::resource_type(name).is_none() => id,
        _ => reference,
    }
}
