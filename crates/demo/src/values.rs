//! The values an extension can have.

use super::codes::problems::SEVERITIES;
use super::codes::staff::{LANGUAGES, SPECIALTIES};
use super::codes::{EPIC, HOUR, MILLIGRAM, MINUTE, NPI, YEAR, unit};
use super::dates::{DAY, TimeSpelling, WriteTime};
use super::json::Json;
use super::kind::RowType;
use super::row::Row;

impl Row<'_> {
    /// `"value…":…` as a site's own form fields have it.
    pub fn form_value(&mut self, number: u64) {
        // Positions in the list of all datatypes: decimal, string, concept, quantity.
        const USUAL: [u64; 4] = [6, 12, 21, 29];
        let choice =
            if self.world.every_element { number % 46 } else { USUAL[(number % 4) as usize] };
        self.any_value(choice, number);
    }

    /// `"value…":…` of the datatype `choice`: of all that FHIR has. Those after the fortieth have
    /// to go.
    fn any_value(&mut self, choice: u64, number: u64) {
        let time = self.time;
        match choice {
            0 => self.add_str("valueBase64Binary", "c21hcnRkYXRh"),
            1 => self.add_bool("valueBoolean", number & 64 == 0),
            2 => self.add_str("valueCanonical", "http://example.com/fhir/Questionnaire/phq-9|2.1"),
            3 => self.add_str("valueCode", "left"),
            4 => self.add_date("valueDate", time),
            5 => self.add_date_time("valueDateTime", time),
            6 if number >> 6 & 7 == 0 => {
                self.name("valueDecimal");
                self.write_raw("1.25e-3");
            }
            6 => self.add_decimal("valueDecimal", (number >> 6) as i64, 3),
            7 => {
                let id = self.world.row_id(RowType::Patient, self.person.number, 0);
                self.add_bytes("valueId", id.as_bytes());
            }
            8 => self.add_instant("valueInstant", time),
            9 => self.add_int("valueInteger", 500 - (number >> 6) as i64),
            10 => self.add_str("valueOid", "urn:oid:2.16.840.1.113883.6.238"),
            11 => self.add_int("valuePositiveInt", 1 + (number >> 6) as i64),
            12 => self.add_str("valueString", "no change since the last exam \u{2192} same plan"),
            13 => self.clock_time("valueTime"),
            14 => self.add_int("valueUnsignedInt", (number >> 6) as i64),
            15 => self.add_str("valueUri", "urn:example:smartdata"),
            16 => self.add_str("valueUrl", "https://ehr.example.com/smartdata"),
            17 => self.add_str_of("valueUuid", |w| w.write_uuid(number)),
            18 => {
                let who = self.person.name;
                self.add_object("valueAddress", |w| w.write_address(&who));
            }
            19 => self.add_quantity("valueAge", (number >> 6) as i64 % 90, 0, YEAR),
            20 => self.add_object("valueAttachment", |w| w.write_attachment("image/jpeg", |_| {})),
            21 => self.one_of("valueCodeableConcept", SEVERITIES),
            22 => self.add_object("valueCoding", |w| {
                w.add_oddities(number >> 6 & 15);
                w.add_str("system", EPIC[0].system);
                w.add_str("code", EPIC[0].code);
                w.add_str("display", EPIC[0].display);
            }),
            23 => self.add_quantity("valueCount", (number >> 6) as i64, 0, unit("1", "1")),
            24 => self.add_quantity("valueDistance", (number >> 6) as i64, 2, unit("km", "km")),
            25 => self.add_quantity("valueDuration", (number >> 6) as i64, 0, HOUR),
            26 => {
                let who = self.some_name();
                self.add_object("valueIdentifier", |w| {
                    w.write_identifier(NPI, |w| who.provider_number(w))
                });
            }
            27 => self.add_object("valueMoney", |w| {
                w.add_oddities(number >> 6 & 3);
                w.add_decimal("value", (number >> 6) as i64, 2);
                w.add_str("currency", "USD");
            }),
            28 => self.add_period("valuePeriod", time, time.plus_seconds(DAY)),
            29 => self.add_quantity("valueQuantity", (number >> 6) as i64, 1, MILLIGRAM),
            30 => self.add_range("valueRange", 2, 9, HOUR),
            31 => self.add_ratio("valueRatio", (1, MILLIGRAM), (2, HOUR)),
            32 => {
                let target = self.target_practitioner();
                self.add_reference("valueReference", target);
            }
            33 => self.sampled_data("valueSampledData"),
            34 => self.add_object("valueSignature", |w| w.write_signature(number)),
            35 => self.add_timing("valueTiming"),
            36 => {
                let who = self.some_name();
                self.add_object("valueContributor", |w| {
                    w.add_oddities(number >> 6 & 3);
                    w.add_str("type", "author");
                    w.add_str_of("name", |w| who.write_full(w));
                    w.add_list("contact", |w| {
                        w.add_item(|w| w.add_str_of("name", |w| who.write_full(w)))
                    });
                });
            }
            37 => self.add_object("valueUsageContext", |w| w.usage_context(number)),
            38 => self.add_object("valueDosage", Self::write_dosage),
            39 => self.add_object("valueMeta", |w| {
                w.add_str("versionId", "3");
                w.add_time("lastUpdated", time, TimeSpelling::Utc);
                w.add_str("source", "urn:demo:smartdata");
            }),
            40 => {
                let who = self.person.name;
                self.add_object("valueHumanName", |w| w.human_name(&who));
            }
            41 => {
                let who = self.person.name;
                self.add_object("valueContactPoint", |w| {
                    w.add_str("system", "phone");
                    w.add_str_of("value", |w| who.write_phone(w));
                });
            }
            42 => self.add_object("valueAnnotation", |w| w.free_text("text")),
            43 => self.free_text("valueMarkdown"),
            44 => self.add_object("valueContactDetail", |w| w.free_text("name")),
            _ => self.add_object("valueExpression", |w| {
                w.free_text("description");
                w.add_str("language", "text/cql");
                w.add_str("expression", "true");
            }),
        }
    }

    fn write_signature(&mut self, number: u64) {
        let time = self.time;
        let (who, on_behalf) = (self.target_practitioner(), self.target_organization());
        self.add_oddities(number >> 6 & 3);
        self.add_list("type", |w| {
            w.add_item(|w| {
                w.add_str("system", "urn:iso-astm:E1762-95:2013");
                w.add_str("code", "1.2.840.10065.1.12.1.1");
                w.add_str("display", "Author's Signature");
            });
        });
        self.add_instant("when", time);
        self.add_reference("who", who);
        self.add_reference("onBehalfOf", on_behalf);
        self.add_str("targetFormat", "application/fhir+json");
        self.add_str("sigFormat", "image/png");
        self.add_str("data", "aGFuZHdyaXR0ZW4gbmFtZQ==");
    }

    fn usage_context(&mut self, number: u64) {
        self.add_oddities(number >> 6 & 3);
        self.add_object("code", |w| {
            w.add_str("system", "http://terminology.hl7.org/CodeSystem/usage-context-type");
            w.add_str("code", "focus");
        });
        match number >> 8 & 3 {
            0 => self.one_of("valueCodeableConcept", SPECIALTIES),
            1 => self.add_quantity("valueQuantity", 18, 0, YEAR),
            2 => self.add_range("valueRange", 18, 65, YEAR),
            _ => {
                let organization = self.target_organization();
                self.add_reference("valueReference", organization);
            }
        }
    }

    /// The members of an Attachment: a link, and the members that `inline` writes.
    pub fn write_attachment(&mut self, content_type: &str, inline: impl FnOnce(&mut Self)) {
        let bits = self.rng.next_bits();
        let (time, who) = (self.time, self.person.name);
        self.add_oddities(bits & 31);
        self.add_str("contentType", content_type);
        if bits >> 8 & 3 == 0 {
            self.add_str("language", LANGUAGES[0].codings[0].code);
        }
        self.add_str_of("url", |w| {
            w.write_raw("Binary/");
            let id = w.world.row_id(w.kind, w.person.number, w.index | 1 << 40);
            w.buffer_mut().extend_from_slice(id.as_bytes());
        });
        inline(self);
        self.add_int("size", 1_000 + (bits >> 50) as i64);
        self.add_str("hash", "2jmj7l5rSw0yVb/vlWAYkK/YBwk=");
        self.add_str_of("title", |w| {
            w.write_raw("Note on ");
            who.write_full(w);
        });
        self.add_date_time("creation", time);
        if bits >> 10 & 31 == 0 {
            self.primitive_extension("url");
        }
    }

    /// `"name":…`: how long, in minutes.
    pub fn add_minutes(&mut self, name: &str, minutes: i64) {
        self.add_quantity(name, minutes, 0, MINUTE);
    }
}
