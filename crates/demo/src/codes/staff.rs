//! People and places: their kinds and their tasks.

use super::{CodedConcept, code, concept, snomed};

const TAXONOMY: &str = "http://nucc.org/provider-taxonomy";

pub(crate) const PERFORMER_ROLES: &[CodedConcept] = &[
    concept("Surgeon", &[snomed("304292004", "Surgeon (occupation)")]),
    concept("Registered nurse", &[snomed("224535009", "Registered nurse (occupation)")]),
    concept("Pharmacist", &[snomed("46255001", "Pharmacist (occupation)")]),
];
pub(crate) const SPECIALTIES: &[CodedConcept] = &[
    concept("Internal Medicine", &[code(TAXONOMY, "207R00000X", "Internal Medicine Physician")]),
    concept("Family Medicine", &[code(TAXONOMY, "207Q00000X", "Family Medicine Physician")]),
    concept("Pediatrics", &[code(TAXONOMY, "208000000X", "Pediatrics Physician")]),
    concept("Emergency Medicine", &[code(TAXONOMY, "207P00000X", "Emergency Medicine Physician")]),
    concept("General Surgery", &[code(TAXONOMY, "208600000X", "Surgery Physician")]),
    concept("Psychiatry", &[code(TAXONOMY, "2084P0800X", "Psychiatry Physician")]),
    concept(
        "Diagnostic Radiology",
        &[code(TAXONOMY, "2085R0202X", "Diagnostic Radiology Physician")],
    ),
];
pub(crate) const ROLES: &[CodedConcept] = &[
    concept(
        "Doctor",
        &[code("http://terminology.hl7.org/CodeSystem/practitioner-role", "doctor", "Doctor")],
    ),
    concept(
        "Nurse",
        &[code("http://terminology.hl7.org/CodeSystem/practitioner-role", "nurse", "Nurse")],
    ),
    concept("Physician", &[snomed("309343006", "Physician (occupation)")]),
];
pub(crate) const DEGREES: &[CodedConcept] = &[
    concept(
        "MD",
        &[code("http://terminology.hl7.org/CodeSystem/v2-0360", "MD", "Doctor of Medicine")],
    ),
    concept(
        "RN",
        &[code("http://terminology.hl7.org/CodeSystem/v2-0360", "RN", "Registered Nurse")],
    ),
    concept(
        "PharmD",
        &[code("http://terminology.hl7.org/CodeSystem/v2-0360", "PHARMD", "Doctor of Pharmacy")],
    ),
];
pub(crate) const ORGANIZATION_TYPES: &[CodedConcept] = &[
    concept(
        "Healthcare Provider",
        &[code(
            "http://terminology.hl7.org/CodeSystem/organization-type",
            "prov",
            "Healthcare Provider",
        )],
    ),
    concept(
        "Hospital Department",
        &[code(
            "http://terminology.hl7.org/CodeSystem/organization-type",
            "dept",
            "Hospital Department",
        )],
    ),
    concept(
        "Insurance Company",
        &[code(
            "http://terminology.hl7.org/CodeSystem/organization-type",
            "ins",
            "Insurance Company",
        )],
    ),
];
pub(crate) const CONTACT_PURPOSES: &[CodedConcept] = &[
    concept(
        "Billing",
        &[code("http://terminology.hl7.org/CodeSystem/contactentity-type", "BILL", "Billing")],
    ),
    concept(
        "Administrative",
        &[code(
            "http://terminology.hl7.org/CodeSystem/contactentity-type",
            "ADMIN",
            "Administrative",
        )],
    ),
];
pub(crate) const LOCATION_TYPES: &[CodedConcept] = &[
    concept(
        "Hospital",
        &[code("http://terminology.hl7.org/CodeSystem/v3-RoleCode", "HOSP", "Hospital")],
    ),
    concept(
        "Emergency room",
        &[code("http://terminology.hl7.org/CodeSystem/v3-RoleCode", "ER", "Emergency room")],
    ),
    concept(
        "Outpatient clinic",
        &[
            code("http://terminology.hl7.org/CodeSystem/v3-RoleCode", "OF", "Outpatient facility"),
            snomed("33022008", "Hospital-based outpatient department (environment)"),
        ],
    ),
    concept(
        "Pharmacy",
        &[code("http://terminology.hl7.org/CodeSystem/v3-RoleCode", "PHARM", "Pharmacy")],
    ),
];
pub(crate) const PHYSICAL_TYPES: &[CodedConcept] = &[
    concept(
        "Building",
        &[code("http://terminology.hl7.org/CodeSystem/location-physical-type", "bu", "Building")],
    ),
    concept(
        "Ward",
        &[code("http://terminology.hl7.org/CodeSystem/location-physical-type", "wa", "Ward")],
    ),
    concept(
        "Room",
        &[code("http://terminology.hl7.org/CodeSystem/location-physical-type", "ro", "Room")],
    ),
    concept(
        "Bed",
        &[code("http://terminology.hl7.org/CodeSystem/location-physical-type", "bd", "Bed")],
    ),
];
pub(crate) const LANGUAGES: &[CodedConcept] = &[
    concept("English", &[code("urn:ietf:bcp:47", "en-US", "English (United States)")]),
    concept("Spanish", &[code("urn:ietf:bcp:47", "es", "Spanish")]),
    concept("Portuguese", &[code("urn:ietf:bcp:47", "pt-BR", "Portuguese (Brazil)")]),
    concept("Haitian Creole", &[code("urn:ietf:bcp:47", "ht", "Haitian")]),
];
pub(crate) const MARITAL: &[CodedConcept] = &[
    concept(
        "Married",
        &[code("http://terminology.hl7.org/CodeSystem/v3-MaritalStatus", "M", "Married")],
    ),
    concept(
        "Never Married",
        &[code("http://terminology.hl7.org/CodeSystem/v3-MaritalStatus", "S", "Never Married")],
    ),
    concept(
        "Widowed",
        &[code("http://terminology.hl7.org/CodeSystem/v3-MaritalStatus", "W", "Widowed")],
    ),
];
pub(crate) const RELATIONSHIPS: &[CodedConcept] = &[
    concept(
        "Mother",
        &[code("http://terminology.hl7.org/CodeSystem/v3-RoleCode", "MTH", "mother")],
    ),
    concept(
        "Emergency Contact",
        &[code("http://terminology.hl7.org/CodeSystem/v2-0131", "C", "Emergency Contact")],
    ),
    concept(
        "Next-of-Kin",
        &[code("http://terminology.hl7.org/CodeSystem/v2-0131", "N", "Next-of-Kin")],
    ),
];
pub(crate) const SEXES: &[CodedConcept] = &[
    concept(
        "female",
        &[code("urn:oid:1.2.840.114350.1.13.861.1.7.10.698084.130.657370.19999000", "1", "female")],
    ),
    concept(
        "male",
        &[code("urn:oid:1.2.840.114350.1.13.861.1.7.10.698084.130.657370.19999000", "2", "male")],
    ),
];
