//! One row: its buffer, its patient, and the members that every resource begins with.

use super::codes::admin::CONFIDENTIALITY;
use super::codes::orders::TAGS;
use super::dates::{DAY, EXPORTED, Time, TimeSpelling, WriteTime};
use super::json::Json;
use super::kind::RowType;
use super::rng::Rng;
use super::world::{PatientVisit, Person, World};

/// Which version of a row is written. All but the first are duplicates: the same id with other
/// content.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Revision {
    First,
    /// A later `meta.lastUpdated` than the first's.
    Newer,
    /// An earlier one.
    Older,
}

/// A row being written.
pub(super) struct Row<'a> {
    buf: &'a mut Vec<u8>,
    pub rng: Rng,
    pub world: &'a World,
    pub person: &'a Person,
    pub kind: RowType,
    /// Which one of the patient's rows of this type, or of the shared ones.
    pub index: u64,
    /// When it happened.
    pub time: Time,
    /// Whether a practitioner, an organization are contained, for references to them.
    pub holds_practitioner: bool,
    pub holds_organization: bool,
    /// Whether the row's writer is inside an extension that is kept. Extensions in it are kept, too,
    /// whatever they say, so they must name no one.
    pub inside_kept: bool,
    /// Counts on through the rows of a type: rare cases come by turns, not by chance, so that a few
    /// hundred patients suffice to see all of them.
    case: u64,
    revision: Revision,
    type_last: bool,
}

impl Json for Row<'_> {
    fn buffer_mut(&mut self) -> &mut Vec<u8> {
        self.buf
    }
}

impl<'a> Row<'a> {
    pub fn new(
        buf: &'a mut Vec<u8>,
        world: &'a World,
        person: &'a Person,
        kind: RowType,
        index: u64,
        revision: Revision,
    ) -> Self {
        let owner = if kind.is_shared() { 0 } else { person.number };
        let rng =
            Rng::from_parts(&[world.seed, kind as u64, owner, index, revision as u64, 0x72_6f_77]);
        let visit = &person.visits[person.visit_of(kind, index)];
        let mut row = Self {
            buf,
            rng,
            world,
            person,
            kind,
            index,
            time: visit.start,
            holds_practitioner: false,
            holds_organization: false,
            inside_kept: false,
            // 61 is prime and no period in use, so each turn comes round for each type.
            case: if kind.per_patient() == 1 { owner + index } else { owner * 61 + index },
            revision,
            type_last: false,
        };
        row.time = row.time.plus_seconds(row.rng.pick_between(0, visit.minutes) * 60);
        row
    }

    /// Whether it is this row's turn: once in `period` rows of a type (more often in small tables).
    pub fn has_turn(&self, period: u64, at: u64) -> bool {
        let period = if self.kind.is_shared() { period.min(6) } else { period };
        self.case % period == at % period
    }

    /// One of `list` by turns.
    pub fn by_turn<'l, T>(&self, list: &'l [T]) -> &'l T {
        &list[(self.case % list.len() as u64) as usize]
    }

    /// `"name":"…"`, one of `values` by turns.
    pub fn str_by_turn(&mut self, name: &str, values: &[&str]) {
        let value = *self.by_turn(values);
        self.add_str(name, value);
    }

    /// The number that turns go by.
    pub fn case_number(&self) -> u64 {
        self.case
    }

    /// The visit that this row belongs to.
    pub fn visit(&self) -> &'a PatientVisit {
        &self.person.visits[self.person.visit_of(self.kind, self.index)]
    }

    /// Starts the resource: type, id, meta, narrative, contained resources, extensions.
    pub fn begin_resource(&mut self) {
        self.begin_with(|_| false);
    }

    /// [`Row::begin_resource`], where `contain` may write contained resources of its own, and tells whether
    /// it did.
    pub fn begin_with(&mut self, contain: impl FnOnce(&mut Self) -> bool) {
        // Members of an object have no order: a few rows show their type last.
        self.type_last = self.rng.one_in(50);
        self.buf.push(b'{');
        if !self.type_last {
            self.add_str("resourceType", self.kind.name());
        }
        let id = self.world.row_id(self.kind, self.owner_number(), self.index);
        self.add_bytes("id", id.as_bytes());
        self.add_object("meta", Self::add_meta);
        if self.world.every_element && self.has_turn(53, 7) {
            self.add_str("implicitRules", "https://ehr.example.com/fhir/rules/v2");
        }
        if self.has_turn(29, 3) {
            self.add_str("language", "en-US");
        }
        if self.rng.one_in(6) {
            self.add_narrative();
        }
        if !contain(self) && self.world.every_element && self.has_turn(31, 11) {
            self.add_contained();
        }
        self.resource_extensions();
    }

    /// Ends the resource and its line.
    pub fn end_resource(mut self) {
        if self.type_last {
            self.add_str("resourceType", self.kind.name());
        }
        self.buf.extend_from_slice(b"}\n");
    }

    fn owner_number(&self) -> u64 {
        if self.kind.is_shared() { 0 } else { self.person.number }
    }

    fn add_meta(&mut self) {
        let (version, shift) = match self.revision {
            Revision::First => ("1", 0),
            Revision::Newer => ("2", self.rng.pick_between(60, DAY)),
            Revision::Older => ("1", -self.rng.pick_between(60, DAY)),
        };
        self.add_str("versionId", version);
        // Not by this row's own numbers: they differ between its versions.
        let delay = Rng::from_parts(&[self.world.seed, self.owner_number(), self.index])
            .pick_between(DAY, 9 * DAY);
        let updated = self.visit().end_time().0 + delay;
        // A newer version is up to a day later, and must still be before the export.
        let updated = Time(updated.min(EXPORTED.0 - 2 * DAY) + shift);
        let spelling = *self.rng.pick_item(&[
            TimeSpelling::Millis,
            TimeSpelling::Utc,
            TimeSpelling::Micros,
            TimeSpelling::Seconds,
        ]);
        self.add_time("lastUpdated", updated, spelling);
        let bits = self.rng.next_bits();
        if bits & 1 == 0 {
            self.add_str_of("source", |w| {
                w.write_raw("urn:demo:interface:");
                w.write_digits((bits >> 8 & 0xffff) as i64);
            });
        }
        if bits & 2 == 0 {
            self.add_strs("profile", &[self.kind.profile_url()]);
        }
        if bits & 0x7c == 0 {
            self.add_list("security", |w| w.add_item(|w| w.write_coding(&CONFIDENTIALITY[1])));
        }
        if bits & 0xf80 == 0 {
            self.add_list("tag", |w| {
                w.add_item(|w| w.write_coding(&TAGS[(bits >> 32 & 1) as usize]))
            });
        }
        if self.world.every_element && bits >> 58 == 0 {
            self.add_absent_reason("unsupported");
        }
    }

    /// The text a person would read: full of names.
    fn add_narrative(&mut self) {
        let (who, kind, shared) = (self.person.name, self.kind.name(), self.kind.is_shared());
        let practitioner = self.some_name();
        self.add_object("text", |w| {
            w.add_str("status", "generated");
            w.add_str_of("div", |w| {
                w.write_raw(r#"<div xmlns=\"http://www.w3.org/1999/xhtml\"><p><b>"#);
                w.write_raw(kind);
                w.write_raw("</b>");
                if !shared {
                    w.write_raw(" of ");
                    who.write_full(w);
                    w.write_raw(" (");
                    who.record_number(w);
                    w.write_raw(")");
                }
                w.write_raw(
                    r#"</p><table class=\"hapiPropertyTable\"><tbody><tr><td>Recorded by</td><td>"#,
                );
                practitioner.write_full(w);
                w.write_raw("</td></tr><tr><td>Phone</td><td>");
                practitioner.write_phone(w);
                w.write_raw("</td></tr></tbody></table></div>");
            });
        });
    }

    /// `"name":"…"`: a dateTime of any precision.
    pub fn add_date_time(&mut self, name: &str, time: Time) {
        let spelling = match self.rng.pick_below(24) {
            0 => TimeSpelling::Year,
            1 => TimeSpelling::Month,
            2..6 => TimeSpelling::Date,
            6..8 => TimeSpelling::Millis,
            8..10 => TimeSpelling::Utc,
            10 => TimeSpelling::Micros,
            _ => TimeSpelling::Seconds,
        };
        self.add_time(name, time, spelling);
        if self.rng.one_in(200) {
            self.primitive_extension(name);
        }
    }

    /// `"name":"…"`: an instant or a time of the day with its offset.
    pub fn add_instant(&mut self, name: &str, time: Time) {
        let spelling =
            *self.rng.pick_item(&[TimeSpelling::Millis, TimeSpelling::Utc, TimeSpelling::Micros]);
        self.add_time(name, time, spelling);
    }

    /// `"name":"2019-03-02"`
    pub fn add_date(&mut self, name: &str, time: Time) {
        self.add_time(name, time, TimeSpelling::Date);
    }
}
