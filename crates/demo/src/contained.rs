//! Resources inside resources: people and places that exist in one row only.

use super::codes::CodedConcept;
use super::codes::drugs::{FORMS, INGREDIENTS};
use super::codes::staff::{ORGANIZATION_TYPES, ROLES};
use super::codes::{MILLIGRAM, NPI, TABLET};
use super::json::Json;
use super::row::Row;

impl Row<'_> {
    /// `"contained":[…]`: some of a practitioner, an organization, a patient, and a type that has
    /// no rules of its own.
    pub fn add_contained(&mut self) {
        let choice = self.rng.next_bits();
        let clash = self.world.flaws && choice & 7 == 0;
        self.holds_practitioner = choice >> 8 & 1 == 0;
        // One of the two at least: FHIR has no empty lists.
        self.holds_organization = choice >> 9 & 1 == 0 || !self.holds_practitioner;
        let (practitioner, organization) = (self.holds_practitioner, self.holds_organization);
        self.add_list("contained", |w| {
            if practitioner {
                w.add_item(Self::contained_practitioner);
            }
            if organization {
                w.add_item(Self::contained_organization);
            }
            if choice >> 10 & 1 == 0 {
                w.add_item(Self::contained_patient);
            }
            if choice >> 11 & 3 == 0 {
                w.add_item(Self::contained_relative);
            }
            if clash {
                w.add_item(Self::contained_role);
            }
        });
    }

    /// `"contained":[…]`: the medicine `#medication`, of a site's own making.
    pub fn contained_medication(&mut self, drug: &CodedConcept) {
        self.add_list("contained", |w| {
            w.add_item(|w| {
                w.add_str("resourceType", "Medication");
                w.add_str("id", "medication");
                w.add_concept("code", drug);
                w.one_of("form", FORMS);
                w.add_list("ingredient", |w| {
                    w.add_item(|w| {
                        w.one_of("itemCodeableConcept", INGREDIENTS);
                        w.add_ratio("strength", (500, MILLIGRAM), (1, TABLET));
                    });
                });
            });
        });
    }

    fn contained_practitioner(&mut self) {
        let who = self.some_name();
        self.add_str("resourceType", "Practitioner");
        self.add_str("id", "practitioner");
        self.add_list("identifier", |w| {
            w.add_item(|w| w.write_identifier(NPI, |w| who.provider_number(w)));
        });
        self.add_list("name", |w| w.add_item(|w| w.human_name(&who)));
        self.add_telecom(&who);
    }

    fn contained_organization(&mut self) {
        let who = self.some_name();
        self.add_str("resourceType", "Organization");
        self.add_str("id", "organization");
        self.list_of("type", ORGANIZATION_TYPES);
        self.add_str("name", "Westbrook Laboratories");
        self.add_telecom(&who);
        self.add_list("address", |w| w.add_item(|w| w.write_address(&who)));
    }

    fn contained_patient(&mut self) {
        let who = self.person.name;
        // The type stands second here: members of an object
        // have no order, and readers must not expect one.
        self.add_str("id", "patient");
        self.add_str("resourceType", "Patient");
        self.add_list("name", |w| w.add_item(|w| w.human_name(&who)));
        self.add_str("gender", if self.person.female { "female" } else { "male" });
        let birth = self.person.birth;
        self.add_date("birthDate", birth);
    }

    /// No rules are known for this type: little of it may stay.
    fn contained_relative(&mut self) {
        let who = super::names::PersonName::of_relative(self.person.number);
        self.add_str("resourceType", "RelatedPerson");
        self.add_str("id", "relative");
        self.add_str("language", "en");
        self.add_list("name", |w| w.add_item(|w| w.human_name(&who)));
        self.add_subject("patient");
    }

    /// Its `code` is a list, a Medication's or a Device's is not.
    fn contained_role(&mut self) {
        self.add_str("resourceType", "PractitionerRole");
        self.add_str("id", "role");
        self.list_of("code", ROLES);
    }
}
