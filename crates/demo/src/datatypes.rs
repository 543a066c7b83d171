//! FHIR's datatypes as EHRs fill them: nearly regular, and full of names.

use super::codes::{Code, CodedConcept, EPIC, UCUM, ValueUnit, code, concept};
use super::dates::Time;
use super::json::Json;
use super::names::{PersonName, REGIONS};
use super::row::Row;

/// The odds of a rarity: an oddity in some of the many datatypes of a row.
const ODD: u64 = 0x3f;

const IDENTIFIER_TYPE: CodedConcept = concept(
    "National provider identifier",
    &[code("http://terminology.hl7.org/CodeSystem/v2-0203", "NPI", "NPI")],
);

impl Row<'_> {
    /// A practitioner's name, any.
    pub fn some_name(&mut self) -> PersonName {
        let count = self.world.count_shared(super::kind::RowType::Practitioner);
        PersonName::of_practitioner(self.rng.pick_below(count))
    }

    /// Some free text that names the patient and a doctor.
    pub fn free_text(&mut self, name: &str) {
        const TEXTS: &[&str] = &[
            // These texts stand in JSON as they are here, so the
            // escapes are JSON's. Readers have to undo them.
            " doesn\\u2019t feel better after a week, \\\"worse\\\" even; wrote to Dr. ",
            " called and was told to come back if it gets worse; seen by Dr. ",
            " was doing well today, labs reviewed together with ",
            " asked for a copy; please fax it to ",
            " – “not convinced”, wants a second opinion from Dr. ",
        ];
        let (who, doctor) = (self.person.name, self.some_name());
        let text = *self.rng.pick_item(TEXTS);
        self.add_str_of(name, |w| {
            who.write_full(w);
            w.write_raw(text);
            doctor.write_full(w);
        });
    }

    /// `"note":[…]`, which never survives.
    pub fn add_note(&mut self) {
        let (author, time) = (self.some_name(), self.time);
        self.add_list("note", |w| {
            w.add_item(|w| {
                w.note_extension();
                w.add_str_of("authorString", |w| author.write_full(w));
                w.add_instant("time", time);
                w.free_text("text");
            });
        });
    }

    /// `"identifier":[…]` of every other row: the record's number in another system.
    pub fn add_identifiers(&mut self) {
        let who = self.person.name;
        let bits = self.rng.next_bits();
        if bits & 1 == 0 {
            return;
        }
        self.add_list("identifier", |w| {
            w.add_item(|w| {
                w.add_str("use", "usual");
                w.add_str("system", "urn:oid:1.2.840.114350.1.13.861.1.7.3.698084.8");
                w.add_str_of("value", |w| {
                    who.record_number(w);
                    w.write_raw("-");
                    w.write_digits((bits >> 40) as i64);
                });
            });
        });
    }

    /// `"name":{…}`
    pub fn add_concept(&mut self, name: &str, concept: &CodedConcept) {
        self.add_object(name, |w| w.concept_members(concept));
    }

    /// `"name":[{…}]`
    pub fn add_concepts(&mut self, name: &str, concepts: &[CodedConcept]) {
        self.add_list(name, |w| {
            for concept in concepts {
                w.add_item(|w| w.concept_members(concept));
            }
        });
    }

    /// `"name":{…}`, one of a list.
    pub fn one_of(&mut self, name: &str, concepts: &[CodedConcept]) {
        let concept = *self.rng.pick_item(concepts);
        self.add_concept(name, &concept);
    }

    /// `"name":[{…}]`, one of a list.
    pub fn list_of(&mut self, name: &str, concepts: &[CodedConcept]) {
        let concept = *self.rng.pick_item(concepts);
        self.add_concepts(name, &[concept]);
    }

    /// The members of a CodeableConcept.
    pub fn concept_members(&mut self, concept: &CodedConcept) {
        let bits = self.rng.next_bits();
        self.add_oddities(bits);
        self.add_list("coding", |w| {
            for code in concept.codings {
                w.add_item(|w| w.write_coding(code));
            }
            if bits >> 8 & 15 == 0 {
                w.add_item(|w| w.local_coding(bits >> 12));
            }
        });
        match bits >> 20 & ODD {
            0 => self.add_str("text", ""),
            1..6 => {}
            6..12 => self.add_str_of("text", |w| {
                w.write_raw(concept.text);
                // Blanks behind a text: de-identification trims, and
                // two spellings of one text become one.
                w.write_raw("  ");
            }),
            _ => self.add_str("text", concept.text),
        }
    }

    /// The members of a Coding.
    pub fn write_coding(&mut self, code: &Code) {
        let bits = self.rng.next_bits();
        self.add_oddities(bits);
        if bits >> 8 & 0xff != 0 {
            self.add_str("system", code.system);
        }
        // Small tables show all of a Coding, too.
        let turn = self.kind.is_shared() && self.has_turn(3, 1);
        if bits >> 16 & 15 == 0 || turn {
            self.add_str("version", "2024-09");
        }
        self.add_str("code", code.code);
        match bits >> 20 & ODD {
            0 => self.add_str("display", ""),
            1..6 => {}
            6..10 => self.add_str_of("display", |w| {
                w.write_raw(code.display);
                w.write_raw(" ");
            }),
            10 => {
                self.add_str("display", code.display);
                self.primitive_extension("display");
            }
            _ => self.add_str("display", code.display),
        }
        if bits >> 26 & 7 < 2 || turn {
            self.add_bool("userSelected", bits >> 26 & 1 == 0);
        }
    }

    /// A code of the site's own, with a text that someone typed in.
    fn local_coding(&mut self, bits: u64) {
        let code = self.rng.pick_item(EPIC);
        let name = self.some_name();
        self.add_str("system", code.system);
        match bits & 7 {
            // "Other": the display has anyone's words for it.
            0 => {
                self.add_str("code", "0");
                self.add_str_of("display", |w| {
                    w.write_raw("as per ");
                    name.write_full(w);
                });
            }
            1 => self.add_str_of("display", |w| name.write_full(w)),
            2 => {
                self.add_str_of("code", |w| {
                    w.write_raw("PEND-");
                    name.write_family(w);
                });
                self.add_str_of("display", |w| name.write_full(w));
            }
            3 => self.add_str("code", "0"),
            4 => {
                self.add_str_of("code", |w| {
                    w.write_raw("12.");
                    name.write_family(w);
                });
                if self.world.every_element {
                    self.add_absent_reason("asked-unknown");
                }
                self.add_str_of("display", |w| name.write_full(w));
            }
            _ => {
                self.add_str("code", code.code);
                self.add_str("display", code.display);
            }
        }
    }

    /// `"name":{…}`: a Quantity of `value` units of `10^-places`.
    pub fn add_quantity(&mut self, name: &str, value: i64, places: u32, unit: ValueUnit) {
        self.add_object(name, |w| w.quantity_members(value, places, unit));
    }

    /// The members of a Quantity.
    pub fn quantity_members(&mut self, value: i64, places: u32, unit: ValueUnit) {
        let bits = self.rng.next_bits();
        self.quantity_extensions(bits, value, places);
        if bits >> 8 & 0x7f == 0 {
            // The value is missing, and says why.
            if self.world.every_element {
                self.add_object("_value", |w| w.add_absent_reason("unknown"));
            }
        } else {
            self.add_decimal("value", value, places);
        }
        if bits >> 15 & 31 == 0 {
            self.add_str("comparator", if bits >> 20 & 1 == 0 { "<" } else { ">=" });
        }
        self.add_str("unit", unit.unit);
        match bits >> 24 & 0x7f {
            0 => {}
            1 => {
                self.add_str("system", EPIC[1].system);
                self.add_str("code", "17");
            }
            2 => {
                let name = self.some_name();
                self.add_str("system", EPIC[1].system);
                self.add_str_of("code", |w| {
                    w.write_raw("per ");
                    name.write_family(w);
                });
            }
            _ => {
                self.add_str("system", UCUM);
                self.add_str("code", unit.code);
            }
        }
    }

    /// `"name":{"start":…,"end":…}`
    pub fn add_period(&mut self, name: &str, start: Time, end: Time) {
        self.add_object(name, |w| {
            let bits = w.rng.next_bits();
            w.add_oddities(bits);
            w.add_date_time("start", start);
            if bits >> 8 & 15 != 0 {
                w.add_date_time("end", end);
            }
        });
    }

    /// `"name":{"low":…,"high":…}`
    pub fn add_range(&mut self, name: &str, low: i64, high: i64, unit: ValueUnit) {
        self.add_object(name, |w| {
            let bits = w.rng.next_bits();
            w.add_oddities(bits);
            w.add_quantity("low", low, 0, unit);
            w.add_quantity("high", high, 0, unit);
        });
    }

    /// `"name":{"numerator":…,"denominator":…}`
    pub fn add_ratio(
        &mut self,
        name: &str,
        (over, over_unit): (i64, ValueUnit),
        (under, under_unit): (i64, ValueUnit),
    ) {
        self.add_object(name, |w| {
            let bits = w.rng.next_bits();
            w.add_oddities(bits);
            w.add_quantity("numerator", over, 0, over_unit);
            w.add_quantity("denominator", under, 0, under_unit);
        });
    }

    /// `"name":{…}`: a curve.
    pub fn sampled_data(&mut self, name: &str) {
        self.add_object(name, |w| {
            let bits = w.rng.next_bits();
            w.add_oddities(bits & 3);
            w.add_quantity("origin", 2_048, 0, super::codes::labs::MILLIVOLT);
            w.add_decimal("period", 100, 1);
            w.add_decimal("factor", 1_612, 3);
            w.add_decimal("lowerLimit", -3_300, 0);
            w.add_decimal("upperLimit", 3_300, 0);
            w.add_int("dimensions", 1);
            w.add_str_of("data", |w| {
                for sample in 0..60 {
                    w.write_digits(2_040 + (bits >> (sample % 48) & 31) as i64);
                    w.write_raw(" ");
                }
                w.write_raw("E U L");
            });
        });
    }

    /// The members of an Address, of the person `who`.
    pub fn write_address(&mut self, who: &PersonName) {
        let bits = self.rng.next_bits();
        let (state, zip, country) = *self.rng.pick_item(REGIONS);
        match bits >> 8 & 3 {
            0 => self.add_geolocation(),
            _ => self.add_oddities(bits),
        }
        self.add_str("use", "home");
        self.add_str("type", "both");
        self.add_list("line", |w| {
            w.write_comma();
            w.write_raw("\"");
            who.write_street(w);
            w.write_raw("\"");
        });
        self.add_str("city", who.city_name());
        self.add_str("district", who.city_name());
        self.add_str("state", state);
        self.add_str("postalCode", zip);
        self.add_str("country", country);
        let start = self.person.birth;
        self.add_period("period", start, start.plus_seconds(400 * super::dates::DAY));
        self.add_str_of("text", |w| {
            who.write_street(w);
            w.write_raw(", ");
            w.write_raw(who.city_name());
        });
        if bits >> 16 & 31 == 0 {
            self.primitive_extension("postalCode");
        }
    }

    /// `"telecom":[…]`
    pub fn add_telecom(&mut self, who: &PersonName) {
        self.add_list("telecom", |w| {
            w.add_item(|w| {
                w.add_str("system", "phone");
                w.add_str_of("value", |w| who.write_phone(w));
                w.add_str("use", "home");
                w.add_list("extension", |w| {
                    w.add_item(|w| {
                        w.add_str(
                            "url",
                            "http://hl7.org/fhir/StructureDefinition/iso21090-TEL-address",
                        );
                        w.add_str_of("valueString", |w| who.write_phone(w));
                    });
                });
            });
            w.add_item(|w| {
                w.add_list("extension", |w| {
                    w.add_item(|w| {
                        w.add_str(
                            "url",
                            "http://hl7.org/fhir/us/core/StructureDefinition/us-core-direct",
                        );
                        w.add_bool("valueBoolean", true);
                    });
                });
                w.add_str("system", "email");
                w.add_str_of("value", |w| who.write_email(w));
            });
        });
    }

    /// The members of a HumanName.
    pub fn human_name(&mut self, who: &PersonName) {
        self.add_str("use", "official");
        self.add_str_of("text", |w| who.write_full(w));
        self.add_str_of("family", |w| who.write_family(w));
        self.add_strs("given", &[who.given_name(), who.middle_name()]);
        self.add_list("_given", |w| {
            // The first given name has no extension. FHIR's JSON
            // holds its place in the sibling by a null.
            w.write_raw("null");
            w.add_item(|w| {
                w.add_list("extension", |w| {
                    w.add_item(|w| {
                        w.add_str(
                            "url",
                            "http://hl7.org/fhir/StructureDefinition/iso21090-EN-qualifier",
                        );
                        w.add_str("valueCode", "CL");
                    });
                });
            });
        });
        self.add_strs("suffix", &["Jr."]);
    }

    /// The members of an Identifier that may be kept.
    pub fn write_identifier(&mut self, system: &str, value: impl FnOnce(&mut Self)) {
        let bits = self.rng.next_bits();
        self.add_oddities(bits);
        self.add_str("use", "official");
        self.add_concept("type", &IDENTIFIER_TYPE);
        self.add_str("system", system);
        self.add_str_of("value", value);
        let start = self.time;
        self.add_period("period", start, start.plus_seconds(700 * super::dates::DAY));
        let assigner = self.target_organization();
        self.add_reference("assigner", assigner);
    }
}
