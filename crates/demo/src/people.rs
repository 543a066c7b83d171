//! Patients, and the people and places that treat them.

use super::codes::NPI;
use super::codes::staff::{DEGREES, LANGUAGES, MARITAL, RELATIONSHIPS, ROLES, SPECIALTIES};
use super::dates::{DAY, EXPORTED};
use super::json::Json;
use super::kind::RowType;
use super::names::PersonName;
use super::row::Row;

const WEEKDAYS: &[&str] = &["mon", "tue", "wed", "thu", "fri"];

pub(super) fn write_patient(w: &mut Row) {
    w.begin_resource();
    let person = w.person;
    let who = person.name;
    w.add_list("identifier", |w| {
        w.add_item(|w| {
            w.add_str("use", "usual");
            w.add_object("type", |w| w.add_str("text", "MRN"));
            w.add_str("system", "urn:oid:1.2.840.114350.1.13.861.1.7.5.737384.14");
            w.add_str_of("value", |w| who.record_number(w));
        });
        w.add_item(|w| {
            w.add_str("system", "http://hl7.org/fhir/sid/us-ssn");
            w.add_str_of("value", |w| who.social_security(w));
            w.primitive_extension("value");
        });
    });
    w.add_bool("active", true);
    w.add_list("name", |w| {
        w.add_item(|w| w.human_name(&who));
        w.add_item(|w| {
            w.add_str("use", "maiden");
            w.add_str_of("family", |w| PersonName::of_relative(person.number).write_family(w));
        });
    });
    w.add_telecom(&who);
    w.add_str("gender", if person.female { "female" } else { "male" });
    w.add_date("birthDate", person.birth);
    if w.has_turn(4, 1) {
        w.add_object("_birthDate", |w| {
            w.add_list("extension", |w| {
                w.add_item(|w| {
                    w.add_str("url", "http://hl7.org/fhir/StructureDefinition/patient-birthTime");
                    w.add_date_time("valueDateTime", person.birth);
                });
            });
        });
    }
    match person.death {
        Some(death) if w.has_turn(2, 0) => w.add_date_time("deceasedDateTime", death),
        Some(_) => w.add_bool("deceasedBoolean", true),
        None if w.has_turn(5, 3) => w.add_bool("deceasedBoolean", false),
        None => {}
    }
    w.add_list("address", |w| {
        w.add_item(|w| w.write_address(&who));
        if w.has_turn(6, 2) {
            w.add_item(|w| w.write_address(&PersonName::of_relative(person.number)));
        }
    });
    w.one_of("maritalStatus", MARITAL);
    match w.case_number() % 40 {
        0..13 => w.add_bool("multipleBirthBoolean", false),
        13 => w.add_int("multipleBirthInteger", 2),
        _ => {}
    }
    if w.has_turn(23, 1) {
        w.add_list("photo", |w| {
            w.add_item(|w| {
                w.add_str("contentType", "image/jpeg");
                w.add_str(
                    "data",
                    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAoHBwgHBgoICAgLCgoLDhgQDg0NDh0VFhEYIx8lJCIf",
                );
                w.add_str_of("title", |w| who.write_full(w));
            });
        });
    }
    if !w.has_turn(3, 0) {
        w.add_list("contact", |w| w.add_item(write_contact));
    }
    w.add_list("communication", |w| {
        w.add_item(|w| {
            w.communication_extensions();
            w.one_of("language", LANGUAGES);
            w.add_bool("preferred", true);
        });
    });
    let doctor = w.practitioner_of(person.number % w.world.count_shared(RowType::Practitioner));
    w.refer_list("generalPractitioner", &[Some(doctor)]);
    let home = w.target_shared(RowType::Organization, person.number);
    w.refer_plainly("managingOrganization", home);
    if w.has_turn(37, 5) {
        let other = w.target_elsewhere("Patient");
        w.add_list("link", |w| {
            w.add_item(|w| {
                w.add_backbone_oddities();
                w.add_reference("other", other);
                w.add_str("type", "seealso");
            });
        });
    }
}

fn write_contact(w: &mut Row) {
    let relative = PersonName::of_relative(w.person.number);
    w.add_backbone_oddities();
    w.list_of("relationship", RELATIONSHIPS);
    w.add_object("name", |w| w.human_name(&relative));
    w.add_telecom(&relative);
    w.add_object("address", |w| w.write_address(&relative));
    w.add_str("gender", "female");
    if w.has_turn(7, 1) {
        let employer = w.target_organization();
        w.add_reference("organization", employer);
    }
    let birth = w.person.birth;
    w.add_period("period", birth, EXPORTED);
}

impl Row<'_> {
    /// How well the patient speaks a language.
    fn communication_extensions(&mut self) {
        const PREFERENCE: &str = "http://hl7.org/fhir/StructureDefinition/patient-preferenceType";
        const PROFICIENCY: &str = "http://hl7.org/fhir/StructureDefinition/patient-proficiency";
        match self.case_number() % 8 {
            0 => self.add_list("extension", |w| {
                w.add_item(|w| {
                    w.add_str("url", PREFERENCE);
                    w.add_object("valueCoding", |w| {
                        w.add_str(
                            "system",
                            "http://terminology.hl7.org/CodeSystem/v3-LanguageAbilityMode",
                        );
                        w.add_str("code", "RSP");
                    });
                });
            }),
            1 => self.add_list("extension", |w| {
                w.add_item(|w| {
                    w.add_str("url", PROFICIENCY);
                    w.add_list("extension", |w| {
                        w.add_item(|w| {
                            w.add_str("url", "level");
                            w.add_object("valueCoding", |w| w.add_str("code", "G"));
                        });
                    });
                });
            }),
            _ => self.add_backbone_oddities(),
        }
    }

    /// A National Provider Identifier, and numbers that have to go.
    fn provider_identifiers(&mut self, who: &PersonName, keep: &[&str]) {
        self.add_list("identifier", |w| {
            for system in keep {
                w.add_item(|w| w.write_identifier(system, |w| who.provider_number(w)));
            }
            w.add_item(|w| {
                w.add_str("system", "urn:oid:1.2.840.114350.1.13.861.1.7.2.697780");
                w.add_str_of("value", |w| who.record_number(w));
            });
        });
    }
}

pub(super) fn write_practitioner(w: &mut Row) {
    w.begin_resource();
    let who = PersonName::of_practitioner(w.index);
    w.provider_identifiers(&who, &[NPI]);
    w.add_bool("active", !w.has_turn(9, 4));
    w.add_list("name", |w| w.add_item(|w| w.human_name(&who)));
    w.add_telecom(&who);
    w.add_list("address", |w| w.add_item(|w| w.write_address(&who)));
    w.add_str("gender", if w.has_turn(2, 0) { "female" } else { "male" });
    let time = w.time;
    w.add_date("birthDate", super::dates::Time(time.0 - 45 * 365 * DAY));
    w.add_list("photo", |w| w.add_item(|w| w.add_str_of("title", |w| who.write_full(w))));
    w.add_list("qualification", |w| {
        w.add_item(|w| {
            let (time, issuer) = (w.time, w.target_organization());
            w.add_backbone_oddities();
            w.add_list("identifier", |w| {
                w.add_item(|w| {
                    w.write_identifier("urn:oid:2.16.840.1.113883.4.14", |w| {
                        w.write_raw("LIC-LQ7")
                    });
                    w.primitive_extension("value");
                });
            });
            w.one_of("code", DEGREES);
            w.add_period("period", time, EXPORTED);
            w.add_reference("issuer", issuer);
        });
    });
    w.list_of("communication", LANGUAGES);
}

pub(super) fn write_practitioner_role(w: &mut Row) {
    w.begin_resource();
    let practitioners = w.world.count_shared(RowType::Practitioner);
    let who = PersonName::of_practitioner(w.index % practitioners);
    w.provider_identifiers(&who, &[NPI]);
    w.add_bool("active", true);
    let time = w.time;
    w.add_period("period", time, EXPORTED);
    let practitioner = w.practitioner_of(w.index % practitioners);
    w.refer_plainly("practitioner", practitioner);
    let organization = w.target_shared(RowType::Organization, w.index);
    w.refer_plainly("organization", organization);
    w.list_of("code", ROLES);
    let (specialty, index) = (*w.by_turn(SPECIALTIES), w.index);
    w.add_concepts("specialty", &[specialty]);
    let places = [
        Some(w.target_shared(RowType::Location, index)),
        Some(w.target_shared(RowType::Location, index + 7)),
    ];
    w.refer_list("location", &places);
    let service = w.target_elsewhere("HealthcareService");
    w.refer_list("healthcareService", &[Some(service)]);
    w.add_telecom(&who);
    w.add_list("availableTime", |w| {
        w.add_item(|w| {
            w.add_backbone_oddities();
            w.add_strs("daysOfWeek", WEEKDAYS);
            w.add_bool("allDay", false);
            w.clock_time("availableStartTime");
            w.add_str("availableEndTime", "17:30:00");
        });
    });
    w.add_list("notAvailable", |w| {
        w.add_item(|w| {
            w.free_text("description");
            let time = w.time;
            w.add_period("during", time, time.plus_seconds(14 * DAY));
        });
    });
    w.free_text("availabilityExceptions");
    let endpoint = w.target_elsewhere("Endpoint");
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
    w.begin_resource();
    let who = PersonName::of_practitioner(w.index);
    w.provider_identifiers(
        &who,
        &[NPI, "urn:oid:2.16.840.1.113883.4.7", "urn:oid:2.16.840.1.113883.6.300"],
    );
    w.add_bool("active", true);
    w.list_of("type", super::codes::staff::ORGANIZATION_TYPES);
    w.str_by_turn("name", NAMES);
    if w.has_turn(3, 1) {
        w.add_gappy_list("alias", "NGH");
    } else {
        w.add_strs("alias", &["NGH", "The General"]);
    }
    w.add_telecom(&who);
    w.add_list("address", |w| w.add_item(|w| w.write_address(&who)));
    if w.index > 0 {
        // Half of them belong to the first one, the others to one of those.
        let parent =
            w.target_shared(RowType::Organization, if w.has_turn(2, 0) { 0 } else { w.index / 2 });
        w.refer_plainly("partOf", parent);
    }
    w.add_list("contact", |w| {
        w.add_item(|w| {
            w.add_backbone_oddities();
            w.one_of("purpose", super::codes::staff::CONTACT_PURPOSES);
            w.add_object("name", |w| w.human_name(&who));
            w.add_telecom(&who);
            w.add_object("address", |w| w.write_address(&who));
        });
    });
    let endpoint = w.target_elsewhere("Endpoint");
    w.refer_list("endpoint", &[Some(endpoint)]);
}

pub(super) fn write_location(w: &mut Row) {
    const NAMES: &[&str] =
        &["Emergency Department", "Ward 4 East", "Outpatient Clinic", "Radiology", "Main Pharmacy"];
    w.begin_resource();
    let who = PersonName::of_practitioner(w.index);
    w.provider_identifiers(&who, &[NPI]);
    w.add_str("status", if w.has_turn(12, 5) { "suspended" } else { "active" });
    w.add_object("operationalStatus", |w| {
        w.write_coding(&super::codes::code(
            "http://terminology.hl7.org/CodeSystem/v2-0116",
            "O",
            "Occupied",
        ));
    });
    w.str_by_turn("name", NAMES);
    if w.has_turn(3, 1) {
        w.add_gappy_list("alias", "4E");
    } else {
        w.add_strs("alias", &["4E"]);
    }
    w.free_text("description");
    w.add_str("mode", "instance");
    w.list_of("type", super::codes::staff::LOCATION_TYPES);
    w.add_telecom(&who);
    w.add_object("address", |w| w.write_address(&who));
    w.one_of("physicalType", super::codes::staff::PHYSICAL_TYPES);
    w.add_object("position", |w| {
        w.add_decimal("longitude", -71_059_773, 6);
        w.add_decimal("latitude", 42_358_431, 6);
    });
    let owner = w.target_shared(RowType::Organization, w.index);
    w.refer_plainly("managingOrganization", owner);
    if w.index > 0 {
        let parent = w.target_shared(RowType::Location, w.index / 3);
        w.refer_plainly("partOf", parent);
    }
    w.add_list("hoursOfOperation", |w| {
        w.add_item(|w| {
            w.add_backbone_oddities();
            w.add_strs("daysOfWeek", WEEKDAYS);
            w.add_bool("allDay", false);
            w.add_str("openingTime", "08:00:00");
            w.add_str("closingTime", "18:00:00");
        });
    });
    w.free_text("availabilityExceptions");
    let endpoint = w.target_elsewhere("Endpoint");
    w.refer_list("endpoint", &[Some(endpoint)]);
}
