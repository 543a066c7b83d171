//! Patients, and who treats them.

use super::Kind;
use super::codes::NPI;
use super::codes::staff::{DEGREES, LANGUAGES, MARITAL, RELATIONSHIPS, ROLES, SPECIALTIES};
use super::dates::{DAY, EXPORTED};
use super::json::Json;
use super::names::Name;
use super::row::Row;

const WEEKDAYS: &[&str] = &["mon", "tue", "wed", "thu", "fri"];

pub(super) fn write_patient(w: &mut Row) {
    w.begin();
    let person = w.person;
    let who = person.name;
    w.list("identifier", |w| {
        w.item(|w| {
            w.str("use", "usual");
            w.obj("type", |w| w.str("text", "MRN"));
            w.str("system", "urn:oid:1.2.840.114350.1.13.861.1.7.5.737384.14");
            w.str_of("value", |w| who.record_number(w));
        });
        w.item(|w| {
            w.str("system", "http://hl7.org/fhir/sid/us-ssn");
            w.str_of("value", |w| who.social_security(w));
            w.primitive_extension("value");
        });
    });
    w.bool("active", true);
    w.list("name", |w| {
        w.item(|w| w.human_name(&who));
        w.item(|w| {
            w.str("use", "maiden");
            w.str_of("family", |w| Name::relative(person.number).family(w));
        });
    });
    w.telecom(&who);
    w.str("gender", if person.female { "female" } else { "male" });
    w.day("birthDate", person.birth);
    if w.turn(4, 1) {
        w.obj("_birthDate", |w| {
            w.list("extension", |w| {
                w.item(|w| {
                    w.str("url", "http://hl7.org/fhir/StructureDefinition/patient-birthTime");
                    w.when("valueDateTime", person.birth);
                });
            });
        });
    }
    match person.death {
        Some(death) if w.turn(2, 0) => w.when("deceasedDateTime", death),
        Some(_) => w.bool("deceasedBoolean", true),
        None if w.turn(5, 3) => w.bool("deceasedBoolean", false),
        None => {}
    }
    w.list("address", |w| {
        w.item(|w| w.address(&who));
        if w.turn(6, 2) {
            w.item(|w| w.address(&Name::relative(person.number)));
        }
    });
    w.one_of("maritalStatus", MARITAL);
    match w.case() % 40 {
        0..13 => w.bool("multipleBirthBoolean", false),
        13 => w.int("multipleBirthInteger", 2),
        _ => {}
    }
    if w.turn(23, 1) {
        w.list("photo", |w| {
            w.item(|w| {
                w.str("contentType", "image/jpeg");
                w.str(
                    "data",
                    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAoHBwgHBgoICAgLCgoLDhgQDg0NDh0VFhEYIx8lJCIf",
                );
                w.str_of("title", |w| who.full(w));
            });
        });
    }
    if !w.turn(3, 0) {
        w.list("contact", |w| w.item(write_contact));
    }
    w.list("communication", |w| {
        w.item(|w| {
            w.communication_extensions();
            w.one_of("language", LANGUAGES);
            w.bool("preferred", true);
        });
    });
    let doctor = w.practitioner_of(person.number % w.world.shared(Kind::Practitioner));
    w.refer_list("generalPractitioner", &[Some(doctor)]);
    let home = w.shared(Kind::Organization, person.number);
    w.refer_plainly("managingOrganization", home);
    if w.turn(37, 5) {
        let other = w.elsewhere("Patient");
        w.list("link", |w| {
            w.item(|w| {
                w.backbone();
                w.refer("other", other);
                w.str("type", "seealso");
            });
        });
    }
}

fn write_contact(w: &mut Row) {
    let relative = Name::relative(w.person.number);
    w.backbone();
    w.list_of("relationship", RELATIONSHIPS);
    w.obj("name", |w| w.human_name(&relative));
    w.telecom(&relative);
    w.obj("address", |w| w.address(&relative));
    w.str("gender", "female");
    if w.turn(7, 1) {
        let employer = w.organization();
        w.refer("organization", employer);
    }
    let birth = w.person.birth;
    w.period("period", birth, EXPORTED);
}

impl Row<'_> {
    /// How well the patient speaks a language.
    fn communication_extensions(&mut self) {
        const PREFERENCE: &str = "http://hl7.org/fhir/StructureDefinition/patient-preferenceType";
        const PROFICIENCY: &str = "http://hl7.org/fhir/StructureDefinition/patient-proficiency";
        match self.case() % 8 {
            0 => self.list("extension", |w| {
                w.item(|w| {
                    w.str("url", PREFERENCE);
                    w.obj("valueCoding", |w| {
                        w.str(
                            "system",
                            "http://terminology.hl7.org/CodeSystem/v3-LanguageAbilityMode",
                        );
                        w.str("code", "RSP");
                    });
                });
            }),
            1 => self.list("extension", |w| {
                w.item(|w| {
                    w.str("url", PROFICIENCY);
                    w.list("extension", |w| {
                        w.item(|w| {
                            w.str("url", "level");
                            w.obj("valueCoding", |w| w.str("code", "G"));
                        });
                    });
                });
            }),
            _ => self.backbone(),
        }
    }

    /// A National Provider Identifier, and numbers that have to go.
    fn provider_identifiers(&mut self, who: &Name, keep: &[&str]) {
        self.list("identifier", |w| {
            for system in keep {
                w.item(|w| w.identifier(system, |w| who.provider_number(w)));
            }
            w.item(|w| {
                w.str("system", "urn:oid:1.2.840.114350.1.13.861.1.7.2.697780");
                w.str_of("value", |w| who.record_number(w));
            });
        });
    }
}

pub(super) fn write_practitioner(w: &mut Row) {
    w.begin();
    let who = Name::practitioner(w.index);
    w.provider_identifiers(&who, &[NPI]);
    w.bool("active", !w.turn(9, 4));
    w.list("name", |w| w.item(|w| w.human_name(&who)));
    w.telecom(&who);
    w.list("address", |w| w.item(|w| w.address(&who)));
    w.str("gender", if w.turn(2, 0) { "female" } else { "male" });
    let time = w.time;
    w.day("birthDate", super::dates::Time(time.0 - 45 * 365 * DAY));
    w.list("photo", |w| w.item(|w| w.str_of("title", |w| who.full(w))));
    w.list("qualification", |w| {
        w.item(|w| {
            let (time, issuer) = (w.time, w.organization());
            w.backbone();
            w.list("identifier", |w| {
                w.item(|w| {
                    w.identifier("urn:oid:2.16.840.1.113883.4.14", |w| w.raw("LIC-LQ7"));
                    w.primitive_extension("value");
                });
            });
            w.one_of("code", DEGREES);
            w.period("period", time, EXPORTED);
            w.refer("issuer", issuer);
        });
    });
    w.list_of("communication", LANGUAGES);
}

pub(super) fn write_practitioner_role(w: &mut Row) {
    w.begin();
    let practitioners = w.world.shared(Kind::Practitioner);
    let who = Name::practitioner(w.index % practitioners);
    w.provider_identifiers(&who, &[NPI]);
    w.bool("active", true);
    let time = w.time;
    w.period("period", time, EXPORTED);
    let practitioner = w.practitioner_of(w.index % practitioners);
    w.refer_plainly("practitioner", practitioner);
    let organization = w.shared(Kind::Organization, w.index);
    w.refer_plainly("organization", organization);
    w.list_of("code", ROLES);
    let (specialty, index) = (*w.by_turn(SPECIALTIES), w.index);
    w.concepts("specialty", &[specialty]);
    let places = [Some(w.shared(Kind::Location, index)), Some(w.shared(Kind::Location, index + 7))];
    w.refer_list("location", &places);
    let service = w.elsewhere("HealthcareService");
    w.refer_list("healthcareService", &[Some(service)]);
    w.telecom(&who);
    w.list("availableTime", |w| {
        w.item(|w| {
            w.backbone();
            w.strs("daysOfWeek", WEEKDAYS);
            w.bool("allDay", false);
            w.clock_time("availableStartTime");
            w.str("availableEndTime", "17:30:00");
        });
    });
    w.list("notAvailable", |w| {
        w.item(|w| {
            w.free_text("description");
            let time = w.time;
            w.period("during", time, time.plus(14 * DAY));
        });
    });
    w.free_text("availabilityExceptions");
    let endpoint = w.elsewhere("Endpoint");
    w.refer_list("endpoint", &[Some(endpoint)]);
}

pub(super) fn write_organization(w: &mut Row) {
    const NAMES: &[&str] = &[
        "Northfield General Hospital",
        "Northfield Children's Clinic",
        "Westbrook Laboratories ",
        "Lakeside Imaging Associates",
        "Harbor Street Family Practice",
    ];
    w.begin();
    let who = Name::practitioner(w.index);
    w.provider_identifiers(
        &who,
        &[NPI, "urn:oid:2.16.840.1.113883.4.7", "urn:oid:2.16.840.1.113883.6.300"],
    );
    w.bool("active", true);
    w.list_of("type", super::codes::staff::ORGANIZATION_TYPES);
    w.str_by_turn("name", NAMES);
    if w.turn(3, 1) {
        w.gappy("alias", "NGH");
    } else {
        w.strs("alias", &["NGH", "The General"]);
    }
    w.telecom(&who);
    w.list("address", |w| w.item(|w| w.address(&who)));
    if w.index > 0 {
        // Half of them belong to the first one, the others to one of those.
        let parent = w.shared(Kind::Organization, if w.turn(2, 0) { 0 } else { w.index / 2 });
        w.refer_plainly("partOf", parent);
    }
    w.list("contact", |w| {
        w.item(|w| {
            w.backbone();
            w.one_of("purpose", super::codes::staff::CONTACT_PURPOSES);
            w.obj("name", |w| w.human_name(&who));
            w.telecom(&who);
            w.obj("address", |w| w.address(&who));
        });
    });
    let endpoint = w.elsewhere("Endpoint");
    w.refer_list("endpoint", &[Some(endpoint)]);
}

pub(super) fn write_location(w: &mut Row) {
    const NAMES: &[&str] =
        &["Emergency Department", "Ward 4 East", "Outpatient Clinic", "Radiology", "Main Pharmacy"];
    w.begin();
    let who = Name::practitioner(w.index);
    w.provider_identifiers(&who, &[NPI]);
    w.str("status", if w.turn(12, 5) { "suspended" } else { "active" });
    w.obj("operationalStatus", |w| {
        w.coding(&super::codes::code(
            "http://terminology.hl7.org/CodeSystem/v2-0116",
            "O",
            "Occupied",
        ));
    });
    w.str_by_turn("name", NAMES);
    if w.turn(3, 1) {
        w.gappy("alias", "4E");
    } else {
        w.strs("alias", &["4E"]);
    }
    w.free_text("description");
    w.str("mode", "instance");
    w.list_of("type", super::codes::staff::LOCATION_TYPES);
    w.telecom(&who);
    w.obj("address", |w| w.address(&who));
    w.one_of("physicalType", super::codes::staff::PHYSICAL_TYPES);
    w.obj("position", |w| {
        w.decimal("longitude", -71_059_773, 6);
        w.decimal("latitude", 42_358_431, 6);
    });
    let owner = w.shared(Kind::Organization, w.index);
    w.refer_plainly("managingOrganization", owner);
    if w.index > 0 {
        let parent = w.shared(Kind::Location, w.index / 3);
        w.refer_plainly("partOf", parent);
    }
    w.list("hoursOfOperation", |w| {
        w.item(|w| {
            w.backbone();
            w.strs("daysOfWeek", WEEKDAYS);
            w.bool("allDay", false);
            w.str("openingTime", "08:00:00");
            w.str("closingTime", "18:00:00");
        });
    });
    w.free_text("availabilityExceptions");
    let endpoint = w.elsewhere("Endpoint");
    w.refer_list("endpoint", &[Some(endpoint)]);
}
