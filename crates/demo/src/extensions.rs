//! Extensions: those that are kept, those that are dropped (silently or not), and where an EHR
//! puts them.

use super::codes::admin::{ENCOUNTER_TYPES, EPISODE_TYPES};
use super::codes::labs::METHODS;
use super::codes::problems::{BODY_SITES, PROCEDURES};
use super::codes::staff::{SEXES, SPECIALTIES};
use super::json::Json;
use super::kind::RowType;
use super::row::Row;

macro_rules! epic {
    ($name:literal) => {
        concat!("http://open.epic.com/FHIR/StructureDefinition/extension/", $name)
    };
}
macro_rules! fhir {
    ($name:literal) => {
        concat!("http://hl7.org/fhir/StructureDefinition/", $name)
    };
}
macro_rules! us_core {
    ($name:literal) => {
        concat!("http://hl7.org/fhir/us/core/StructureDefinition/us-core-", $name)
    };
}
macro_rules! cerner {
    ($name:literal) => {
        concat!("https://fhir-ehr.cerner.com/r4/StructureDefinition/", $name)
    };
}
macro_rules! synthea {
    ($name:literal) => {
        concat!("http://synthetichealth.github.io/synthea/", $name)
    };
}

pub(super) const DATA_ABSENT: &str = fhir!("data-absent-reason");
const SMARTDATA: &str = epic!("smartdata");
const NLP_SOURCE: &str = "http://fhir-registry.smarthealthit.org/StructureDefinition/nlp-source";
const NLP_POLARITY: &str =
    "http://fhir-registry.smarthealthit.org/StructureDefinition/nlp-polarity";

/// The value of an extension.
#[derive(Clone, Copy)]
enum Holds {
    Bool,
    Code(&'static str),
    Concept,
    Site,
    DateTime,
    Decimal,
    Instant,
    Int,
    Text(&'static str),
    Practitioner,
    Patient,
    /// A name, which makes the extension one that must go.
    Name,
}
use Holds::{Bool, Code, Concept, DateTime, Decimal, Instant, Int, Patient, Practitioner, Text};

/// Those that stand on a resource itself, and are kept.
fn known_extensions(kind: RowType) -> &'static [(&'static str, Holds)] {
    match kind {
        RowType::Patient => &[
            (epic!("legal-sex"), Concept),
            (epic!("sex-for-clinical-use"), Concept),
            (epic!("calculated-pronouns-to-use-for-text"), Concept),
            (epic!("historical-fhir-id"), Text("eHist.0")),
            (fhir!("patient-genderIdentity"), Concept),
            (fhir!("individual-pronouns"), Concept),
            (us_core!("sex"), Code("248153007")),
            (us_core!("tribal-affiliation"), Concept),
            (
                "http://open.epic.com/FHIR/STU3/StructureDefinition/patient-preferred-provider-language",
                Concept,
            ),
            (
                "http://open.epic.com/FHIR/STU3/StructureDefinition/patient-preferred-provider-sex",
                Code("female"),
            ),
            (
                "http://open.epic.com/FHIR/R4/StructureDefinition/patient-preferred-provider-sex",
                Concept,
            ),
            (
                "https://open.epic.com/FHIR/StructureDefinition/patient-merge-target-reference",
                Patient,
            ),
            (
                "https://open.epic.com/FHIR/StructureDefinition/patient-merge-unmerge-instant",
                Instant,
            ),
            ("https://open.epic.com/FHIR/StructureDefinition/patient-unmerge-source", Patient),
            ("https://open.epic.com/FHIR/StructureDefinition/patient-unmerge-target", Patient),
            (synthea!("disability-adjusted-life-years"), Decimal),
            (synthea!("quality-adjusted-life-years"), Decimal),
            ("http://hl7.org/fhir/Profile/us-core#race", Concept),
            ("http://hl7.org/fhir/Profile/us-core#ethnicity", Concept),
        ],
        RowType::Encounter => &[
            (epic!("accidentrelated"), Bool),
            (epic!("ip-admit-datetime"), DateTime),
            (epic!("patient-type"), Concept),
            (epic!("observation-datetime"), DateTime),
            (epic!("specialty"), Concept),
            (cerner!("client-organization"), Text("client-11")),
        ],
        RowType::EpisodeOfCare => &[
            (epic!("transplant-center"), Text("Northfield Transplant Center")),
            (epic!("transplant-donor-or-recipient"), Concept),
            (epic!("transplant-event-admission-date"), DateTime),
            (epic!("transplant-event-center-waitlist-date"), DateTime),
            (epic!("transplant-event-committee-review-date"), DateTime),
            (epic!("transplant-event-discharge-date"), DateTime),
            (epic!("transplant-event-donated-date"), DateTime),
            (epic!("transplant-event-evaluation"), DateTime),
            (epic!("transplant-event-referral-date"), DateTime),
            (epic!("transplant-event-transplanted-date"), DateTime),
            (epic!("transplant-event-waitlist-date"), DateTime),
            (epic!("transplant-organ"), Concept),
            (epic!("transplant-organ-coordinator"), Practitioner),
            (epic!("transplant-phase-status"), Concept),
            (epic!("transplant-waitlist-score"), Decimal),
        ],
        RowType::Observation => &[
            (
                "http://open.epic.com/FHIR/STU3/StructureDefinition/temperature-in-fahrenheit",
                Decimal,
            ),
            (epic!("basis-at-begin-exam"), Concept),
            (epic!("edd-at-begin-exam"), DateTime),
            (fhir!("derivation-reference"), Patient),
            (fhir!("workflow-supportingInfo"), Practitioner),
            (fhir!("event-performerFunction"), Concept),
            ("http://terminology.hl7.org/CodeSystem/data-absent-reason", Code("unknown")),
        ],
        RowType::DocumentReference => &[
            (epic!("clinical-note-attached-media"), Text("none")),
            (epic!("clinical-note-authentication-instant"), Instant),
            (epic!("clinical-note-author-provider-type"), Concept),
            (epic!("clinical-note-interval-update"), Bool),
            (epic!("clinical-note-interval-update-source"), Practitioner),
            (epic!("clinical-note-post-procedure-diagnosis"), Concept),
            (epic!("clinical-note-pre-procedure-diagnosis"), Concept),
            (epic!("clinical-note-service"), Concept),
            (
                "http://hl7.org/fhir/5.0/StructureDefinition/extension-DocumentReference.attester",
                Practitioner,
            ),
        ],
        RowType::Condition => &[
            (fhir!("condition-assertedDate"), DateTime),
            (epic!("template-id"), Int),
            ("http://nictiz.nl/fhir/StructureDefinition/BodySite-Qualifier", Holds::Site),
        ],
        RowType::Procedure => &[
            (epic!("surgical-history-laterality"), Concept),
            (epic!("surgical-history-source"), Concept),
            (epic!("log-level-procedure-codes"), Concept),
        ],
        RowType::MedicationRequest => &[
            (us_core!("medication-adherence"), Concept),
            (cerner!("pharmacy-verification-status"), Code("verified")),
            (
                "http://electronichealth.se/fhir/StructureDefinition/NLLPrescriptionFormat",
                Code("1"),
            ),
            ("http://electronichealth.se/fhir/StructureDefinition/NLLRegistrationBasis", Code("2")),
        ],
        RowType::MedicationDispense => &[
            ("http://electronichealth.se/fhir/StructureDefinition/NLLDosePackaging", Bool),
            (epic!("data-conversion-warning"), Text("unit mapped")),
        ],
        RowType::Practitioner | RowType::PractitionerRole => &[
            ("https://open.epic.com/fhir/extensions/specialty", Concept),
            (us_core!("jurisdiction"), Concept),
            (epic!("specialty"), Concept),
        ],
        RowType::Organization => &[
            (synthea!("utilization-encounters-extension"), Int),
            (synthea!("utilization-labs-extension"), Int),
            (synthea!("utilization-prescriptions-extension"), Int),
            (synthea!("utilization-procedures-extension"), Int),
            (synthea!("bed-count-extension"), Int),
        ],
        _ => &[(epic!("data-conversion-warning"), Text("converted")), (epic!("template-id"), Int)],
    }
}

/// Those that are known to be useless or worse.
const SILENT: &[(&str, Holds)] = &[
    (fhir!("patient-birthPlace"), Holds::Name),
    (fhir!("patient-birthTime"), DateTime),
    (fhir!("patient-mothersMaidenName"), Holds::Name),
    (cerner!("clinical-instruction"), Holds::Name),
    (cerner!("custom-attribute"), Holds::Name),
    (cerner!("estimated-financial-responsibility-amount"), Decimal),
    (epic!("birth-location"), Holds::Name),
    (epic!("ce-encounter-id"), Int),
    (epic!("episode-comments"), Holds::Name),
    (epic!("episode-name"), Holds::Name),
    (epic!("lab-e-signature"), Holds::Name),
    (epic!("team-name"), Holds::Name),
    (epic!("technical-details"), Holds::Name),
];

/// Those that nobody expects.
const UNKNOWN: &[&str] = &[
    "https://ehr.example.com/fhir/StructureDefinition/registration-clerk",
    "http://hl7.org/fhir/StructureDefinition/translation",
    "urn:example:site:free-text-comment",
    "https://vendor.example.net/ext/chat-transcript",
];

impl Row<'_> {
    /// The resource's own `extension` and `modifierExtension`.
    pub fn resource_extensions(&mut self) {
        let bits = self.rng.next_bits();
        let (shared, case) = (self.kind.is_shared(), self.case_number());
        let known = known_extensions(self.kind);
        let often = self.kind.per_patient() <= 1;
        // By turns, so that all of the list occurs within few
        // patients. Types with many rows need not have one in each.
        let due = if often { Some(case) } else { (case % 5 == 0).then_some(case / 5) };
        // Each Patient has one, by turns: thirteen patients show all of them.
        let silent = bits & 15 == 0 || self.kind == RowType::Patient;
        let unknown = bits >> 4 & 15 == 0;
        let smartdata = bits >> 8 & 31 == 0 && !shared;
        let person = self.kind == RowType::Patient;
        if due.is_some() || silent || unknown || smartdata {
            self.add_list("extension", |w| {
                if person {
                    w.write_demographics();
                }
                if let Some(due) = due {
                    let (url, holds) = known[due as usize % known.len()];
                    w.add_item(|w| w.within_kept(|w| w.write_extension(url, holds)));
                }
                if silent {
                    let (url, holds) = SILENT[w.index as usize % SILENT.len()];
                    let (url, holds) =
                        if person { SILENT[case as usize % SILENT.len()] } else { (url, holds) };
                    w.add_item(|w| w.write_extension(url, holds));
                }
                if unknown {
                    w.add_item(Self::unknown_extension);
                }
                if smartdata {
                    w.add_item(|w| w.within_kept(Self::write_smartdata));
                }
            });
        }
        if self.has_turn(43, 5) {
            self.add_modifier();
        }
    }

    /// A `modifierExtension` that is understood.
    pub fn add_modifier(&mut self) {
        if !self.world.every_element {
            return;
        }
        self.add_list("modifierExtension", |w| {
            w.add_item(|w| {
                w.add_list("extension", |w| {
                    w.add_item(|w| {
                        w.add_str("url", "algorithm");
                        w.add_str("valueString", "ctakes");
                    });
                });
                w.add_str("url", NLP_SOURCE);
            });
            w.add_item(|w| {
                w.add_str("url", NLP_POLARITY);
                w.add_bool("valueBoolean", false);
            });
        });
    }

    fn write_extension(&mut self, url: &str, holds: Holds) {
        self.add_str("url", url);
        let time = self.time;
        match holds {
            Bool => self.add_bool("valueBoolean", true),
            Code(code) => self.add_str("valueCode", code),
            Concept => {
                let concepts = match self.kind {
                    RowType::Patient => SEXES,
                    RowType::Encounter => ENCOUNTER_TYPES,
                    RowType::EpisodeOfCare => EPISODE_TYPES,
                    RowType::Observation => METHODS,
                    RowType::Practitioner | RowType::PractitionerRole => SPECIALTIES,
                    _ => PROCEDURES,
                };
                self.one_of("valueCodeableConcept", concepts);
            }
            Holds::Site => self.one_of("valueCodeableConcept", BODY_SITES),
            DateTime => self.add_date_time("valueDateTime", time),
            Decimal => self.add_decimal("valueDecimal", time.0 / 300 % 10_000, 2),
            Instant => self.add_instant("valueInstant", time),
            Int => self.add_int("valueInteger", time.0 / 60 % 10_000),
            Text(text) => self.add_str("valueString", text),
            Practitioner => {
                let who = self.target_practitioner();
                self.add_reference("valueReference", who);
            }
            Patient => {
                let who = self.target_subject();
                self.add_reference("valueReference", who);
            }
            Holds::Name => self.free_text("valueString"),
        }
    }

    fn unknown_extension(&mut self) {
        let url = *self.rng.pick_item(UNKNOWN);
        if self.rng.one_in(2) {
            self.add_str("url", url);
            self.free_text("valueString");
        } else {
            self.add_list("extension", |w| {
                w.add_item(|w| {
                    w.add_str("url", "clerk");
                    w.free_text("valueString");
                });
            });
            self.add_str("url", url);
        }
    }

    /// Epic's catch-all: an extension of extensions of any datatype.
    fn write_smartdata(&mut self) {
        let bits = self.rng.next_bits();
        self.add_list("extension", |w| {
            w.add_item(|w| {
                w.add_str("url", "element-id");
                w.add_str_of("valueString", |w| {
                    w.write_raw("EPIC#31000");
                    w.write_digits((bits & 0xffff) as i64);
                });
            });
            for shift in [16, 32] {
                w.add_item(|w| {
                    w.add_str("url", "element-value");
                    w.form_value(bits >> shift & 0xffff);
                });
            }
        });
        self.add_str("url", SMARTDATA);
    }

    /// Race, ethnicity, birth sex and gender identity as US Core has them.
    fn write_demographics(&mut self) {
        const RACES: &[(&str, &str)] = &[
            ("2106-3", "White"),
            ("2054-5", "Black or African American"),
            ("2028-9", "Asian"),
            ("1002-5", "American Indian or Alaska Native"),
        ];
        const DETAILED: &[(&str, &str)] = &[("2108-9", "European"), ("2058-6", "African American")];
        let (female, turn) = (self.person.female, self.case_number());
        let race = *self.rng.pick_item(RACES);
        if turn % 19 != 1 {
            self.add_item(|w| {
                w.add_list("extension", |w| {
                    w.write_omb_extension("ombCategory", race);
                    if turn % 11 == 1 {
                        w.write_omb_extension("ombCategory", RACES[2]);
                    }
                    if turn % 7 == 1 {
                        w.write_omb_extension("detailed", DETAILED[turn as usize % 2]);
                    }
                    w.add_item(|w| {
                        w.add_str("url", "text");
                        w.add_str("valueString", race.1);
                    });
                });
                w.add_str("url", us_core!("race"));
            });
        }
        self.add_item(|w| {
            let hispanic = w.rng.one_in(5);
            let ethnicity = if hispanic {
                ("2135-2", "Hispanic or Latino")
            } else {
                ("2186-5", "Not Hispanic or Latino")
            };
            w.add_list("extension", |w| {
                w.write_omb_extension("ombCategory", ethnicity);
                if turn % 5 == 1 {
                    w.write_omb_extension("detailed", ("2148-5", "Mexican"));
                }
                w.add_item(|w| {
                    w.add_str("url", "text");
                    w.add_str("valueString", ethnicity.1);
                });
            });
            w.add_str("url", us_core!("ethnicity"));
        });
        self.add_item(|w| {
            w.add_str("url", us_core!("birthsex"));
            w.add_str("valueCode", if female { "F" } else { "M" });
        });
        self.add_item(|w| {
            w.add_str("url", us_core!("genderIdentity"));
            w.add_object("valueCodeableConcept", |w| {
                w.add_list("coding", |w| {
                    w.add_item(|w| {
                        w.add_str("system", "http://snomed.info/sct");
                        w.add_str(
                            "code",
                            if female { "446141000124107" } else { "446151000124109" },
                        );
                    });
                });
            });
        });
    }

    fn write_omb_extension(&mut self, url: &str, (code, display): (&str, &str)) {
        self.add_item(|w| {
            w.add_str("url", url);
            w.add_object("valueCoding", |w| {
                w.add_str("system", "urn:oid:2.16.840.1.113883.6.238");
                w.add_str("code", code);
                w.add_str("display", display);
                if w.has_turn(23, 7) {
                    w.add_str("version", "1.2");
                    w.add_bool("userSelected", false);
                }
            });
        });
    }
}
