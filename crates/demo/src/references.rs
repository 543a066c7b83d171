//! References to other resources, in all the ways that servers spell them.

use super::json::Json;
use super::kind::RowType;
use super::names::PersonName;
use super::rng::Id;
use super::row::Row;

/// The FHIR server that the export comes from.
pub(super) const BASE: &str = "https://ehr.example.com/fhir";

/// The text that is shown beside a reference.
#[derive(Clone, Copy)]
enum Shown {
    Nothing,
    Person(PersonName),
    Text(&'static str),
}

/// The target of a reference.
#[derive(Clone, Copy)]
pub(super) struct ReferenceTarget {
    kind: &'static str,
    to: To,
    shown: Shown,
}

#[derive(Clone, Copy)]
enum To {
    Id(Id),
    /// A contained resource.
    Inside(&'static str),
    /// A practitioner by provider number.
    Number(PersonName),
}

impl Row<'_> {
    /// The row `index` (modulo their count) of the patient's rows of a type, if there is any.
    pub fn target_own(&self, kind: RowType, index: u64) -> Option<ReferenceTarget> {
        let count = self.person.count_rows(kind);
        (count > 0)
            .then(|| self.make_target(kind, self.person.number, index % count, Shown::Nothing))
    }

    /// The patient.
    pub fn target_subject(&self) -> ReferenceTarget {
        self.make_target(RowType::Patient, self.person.number, 0, Shown::Person(self.person.name))
    }

    /// The visit.
    pub fn target_encounter(&self) -> ReferenceTarget {
        let index = self.person.visit_of(self.kind, self.index) as u64;
        self.make_target(RowType::Encounter, self.person.number, index, Shown::Nothing)
    }

    /// Some practitioner.
    pub fn target_practitioner(&mut self) -> ReferenceTarget {
        let index = self.rng.pick_below(self.world.count_shared(RowType::Practitioner));
        self.practitioner_of(index)
    }

    /// The practitioner of this number, at times by other means than the id.
    pub fn practitioner_of(&mut self, index: u64) -> ReferenceTarget {
        let name = PersonName::of_practitioner(index);
        let mut target = self.make_target(RowType::Practitioner, 0, index, Shown::Person(name));
        if self.holds_practitioner && self.rng.one_in(2) {
            target.to = To::Inside("#practitioner");
        } else if self.rng.one_in(12) {
            target.to = To::Number(name);
        }
        target
    }

    /// Some organization.
    pub fn target_organization(&mut self) -> ReferenceTarget {
        let index = self.rng.pick_below(self.world.count_shared(RowType::Organization));
        let mut target = self.target_shared(RowType::Organization, index);
        if self.holds_organization && self.rng.one_in(2) {
            target.to = To::Inside("#organization");
        }
        target.shown = Shown::Text("Northfield General Hospital");
        target
    }

    /// Some location.
    pub fn target_location(&mut self) -> ReferenceTarget {
        let index = self.rng.pick_below(self.world.count_shared(RowType::Location));
        self.target_shared(RowType::Location, index)
    }

    /// The shared row `index` of a type (modulo their count).
    pub fn target_shared(&self, kind: RowType, index: u64) -> ReferenceTarget {
        self.make_target(kind, 0, index % self.world.count_shared(kind), Shown::Nothing)
    }

    /// A resource of a type that is not exported.
    pub fn target_elsewhere(&self, kind: &'static str) -> ReferenceTarget {
        let id = Id::from_parts(&[
            self.world.seed,
            kind.len() as u64,
            self.person.number,
            // Several rows of a patient point at the same
            // resource, as they do in an export of all types.
            self.index % 3,
        ]);
        ReferenceTarget { kind, to: To::Id(id), shown: Shown::Nothing }
    }

    /// The contained resource `#name`.
    pub fn target_contained(&self, name: &'static str) -> ReferenceTarget {
        ReferenceTarget { kind: "", to: To::Inside(name), shown: Shown::Nothing }
    }

    fn make_target(
        &self,
        kind: RowType,
        patient: u64,
        index: u64,
        shown: Shown,
    ) -> ReferenceTarget {
        ReferenceTarget {
            kind: kind.name(),
            to: To::Id(self.world.row_id(kind, patient, index)),
            shown,
        }
    }

    /// `"name":{"reference":…}`, spelled in one of many ways.
    pub fn add_reference(&mut self, name: &str, target: ReferenceTarget) {
        self.add_object(name, |w| w.reference_members(target, 0));
    }

    /// The same, if there is something to refer to.
    pub fn refer_to(&mut self, name: &str, target: Option<ReferenceTarget>) {
        if let Some(target) = target {
            self.add_reference(name, target);
        }
    }

    /// `"name":[{"reference":…}]`
    pub fn refer_list(&mut self, name: &str, targets: &[Option<ReferenceTarget>]) {
        if targets.iter().any(Option::is_some) {
            self.add_list(name, |w| {
                for target in targets.iter().flatten() {
                    w.add_item(|w| w.reference_members(*target, 0));
                }
            });
        }
    }

    /// `"name":{…}` for a reference that tables are joined by: nearly always spelled the plain way.
    pub fn refer_plainly(&mut self, name: &str, target: ReferenceTarget) {
        self.add_object(name, |w| w.reference_members(target, 3));
    }

    /// `"subject":{…}` (or `patient`).
    pub fn add_subject(&mut self, name: &str) {
        let subject = self.target_subject();
        self.refer_plainly(name, subject);
    }

    /// `"encounter":{…}` (or `context`), in most rows.
    pub fn add_encounter(&mut self, name: &str) {
        if !self.rng.one_in(30) {
            let encounter = self.target_encounter();
            self.refer_plainly(name, encounter);
        }
    }

    /// The members of a Reference. Each step of `plain` halves the odds of an odd one.
    pub fn reference_members(&mut self, target: ReferenceTarget, plain: u32) {
        let bits = self.rng.next_bits();
        // 63 is one of the plain styles: relative, with nothing beside it.
        let style = if bits >> 40 & ((1 << plain) - 1) == 0 { bits & 63 } else { 63 };
        if style == 0 {
            self.add_oddities(1 + (bits >> 6 & 1));
        }
        let with_type = matches!(style, 1..4) && !target.kind.is_empty();
        match target.to {
            To::Inside(name) => self.add_str("reference", name),
            To::Number(name) => self.add_str_of("reference", |w| {
                w.write_raw("Practitioner?identifier=http://hl7.org/fhir/sid/us-npi|");
                name.provider_number(w);
            }),
            To::Id(id) => {
                self.add_str_of("reference", |w| w.write_url(target.kind, &id, style, bits))
            }
        }
        if with_type || style == 4 && bits >> 12 & 1 == 0 && matches!(target.to, To::Id(_)) {
            self.add_str("type", target.kind);
        }
        if matches!(style, 6 | 7) {
            let who = self.person.name;
            self.add_object("identifier", |w| {
                w.add_str("system", "urn:oid:1.2.840.114350.1.13.861.1.7.5.737384.14");
                w.add_str_of("value", |w| who.record_number(w));
            });
        }
        match target.shown {
            Shown::Nothing => {}
            Shown::Person(name) if bits >> 16 & 3 != 0 => {
                self.add_str_of("display", |w| name.write_full(w));
            }
            Shown::Text(text) if bits >> 16 & 1 == 0 => self.add_str("display", text),
            Shown::Person(_) | Shown::Text(_) => {}
        }
    }

    /// A reference's text: relative, but for a few styles.
    fn write_url(&mut self, kind: &str, id: &Id, style: u64, bits: u64) {
        let relative = |w: &mut Self| {
            w.write_raw(kind);
            w.write_raw("/");
            w.buffer_mut().extend_from_slice(id.as_bytes());
        };
        match style {
            // Under the export's own base. Cumulus ETL 4 takes these with a type beside them only.
            1 => {
                self.write_raw(BASE);
                self.write_raw("/");
                relative(self);
            }
            2 => self.buffer_mut().extend_from_slice(id.as_bytes()),
            4 if self.world.flaws => {
                match bits >> 13 & 3 {
                    0 => return self.write_uuid(bits),
                    1 => self.write_raw(BASE),
                    _ => self.write_raw("https://other.example.org/R4"),
                }
                self.write_raw("/");
                relative(self);
            }
            5 => {
                relative(self);
                self.write_raw("/_history/2");
            }
            8 => {
                relative(self);
                self.write_raw(" ");
            }
            _ => relative(self),
        }
    }

    /// `urn:uuid:…`
    pub fn write_uuid(&mut self, bits: u64) {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        self.write_raw("urn:uuid:");
        let mut rest = bits ^ bits.rotate_left(29);
        for at in 0..32 {
            if matches!(at, 8 | 12 | 16 | 20) {
                self.write_raw("-");
            }
            self.buffer_mut().push(HEX[(rest & 15) as usize]);
            rest = rest.rotate_right(5).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        }
    }
}
