//! Administration: visits, roles, places, statuses.

use super::{Code, CodedConcept, code, concept, cpt, loinc, snomed};

const ACT: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
const PARTICIPATION: &str = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType";
const ENCOUNTER_TYPE: &str = "http://terminology.hl7.org/CodeSystem/encounter-type";
const PRIORITY: &str = "http://terminology.hl7.org/CodeSystem/v3-ActPriority";
const SERVICE_TYPE: &str = "http://terminology.hl7.org/CodeSystem/service-type";

/// Encounter classes: ambulatory, emergency, inpatient, virtual, observation, home.
pub(crate) const CLASSES: &[Code] = &[
    code(ACT, "AMB", "ambulatory"),
    code(ACT, "EMER", "emergency"),
    code(ACT, "IMP", "inpatient encounter"),
    code(ACT, "VR", "virtual"),
    code(ACT, "OBSENC", "observation encounter"),
    code(ACT, "HH", "home health"),
];

/// The same in a site's own numbers, as Epic sends them.
pub(crate) const EPIC_CLASSES: &[Code] = &[
    code("urn:oid:1.2.840.114350.1.72.1.7.7.10.696784.13260", "5", "Appointment"),
    code("urn:oid:1.2.840.114350.1.72.1.7.7.10.696784.13260", "3", "Emergency"),
    code("urn:oid:1.2.840.114350.1.72.1.7.7.10.696784.13260", "4", "Hospital Encounter"),
];

pub(crate) const ENCOUNTER_TYPES: &[CodedConcept] = &[
    concept(
        "Office Visit",
        &[
            code("urn:oid:1.2.840.114350.1.13.861.1.7.10.698084.30", "101", "Office Visit"),
            code("urn:oid:1.2.840.114350.1.13.861.1.7.10.698084.18875", "1003", "Established"),
            cpt("99213", "Office visit, established patient, low complexity"),
        ],
    ),
    concept("Encounter for check up", &[snomed("185349003", "Encounter for check up (procedure)")]),
    concept(
        "Emergency department visit",
        &[
            cpt("99284", "Emergency department visit, moderate complexity"),
            snomed("50849002", "Emergency room admission (procedure)"),
        ],
    ),
    concept(
        "Hospital Encounter",
        &[
            code("urn:oid:1.2.840.114350.1.13.861.1.7.10.698084.10110", "3", "Hospital Encounter"),
            code("http://terminology.hl7.org/CodeSystem/v2-0004", "I", "Inpatient"),
        ],
    ),
    concept(
        "Annual diabetes mellitus screening",
        &[code(ENCOUNTER_TYPE, "ADMS", "Annual diabetes mellitus screening")],
    ),
    concept(
        "Telemedicine",
        &[
            code("urn:oid:1.2.840.114350.1.13.861.1.7.2.808267", "2116", "Video Visit"),
            snomed("185317003", "Telephone encounter (procedure)"),
        ],
    ),
    concept(
        "Outpatient",
        &[code(
            "https://fhir.cerner.com/5f0c1b0e-7d5a-4f6c-9a61-2b1d3c4e5f60/codeSet/71",
            "309309",
            "Outpatient",
        )],
    ),
    concept(
        "Outpatient Kenacort injection",
        &[code("urn:oid:2.16.840.1.113883.4.642.3.248", "OKI", "Outpatient Kenacort injection")],
    ),
];

pub(crate) const SERVICE_TYPES: &[CodedConcept] = &[
    concept("General Practice", &[code(SERVICE_TYPE, "124", "General Practice")]),
    concept("Cardiology service", &[snomed("394579002", "Cardiology (qualifier value)")]),
    concept(
        "Pediatrics",
        &[code("urn:oid:1.2.840.114350.1.13.861.1.7.10.698084.18886", "19", "Pediatrics")],
    ),
    concept(
        "General Medicine",
        &[
            code(
                "https://fhir.cerner.com/5f0c1b0e-7d5a-4f6c-9a61-2b1d3c4e5f60/codeSet/34",
                "313002",
                "General Medicine",
            ),
            code("urn:oid:2.16.840.1.113883.4.642.3.518", "57", "Immunization"),
        ],
    ),
];

pub(crate) const PRIORITIES: &[CodedConcept] = &[
    concept("Routine", &[code(PRIORITY, "R", "routine")]),
    concept("Emergency", &[code(PRIORITY, "EM", "emergency")]),
    concept("Urgent", &[snomed("103391001", "Urgency (qualifier value)")]),
    concept(
        "Elective",
        &[
            code("urn:oid:1.2.840.114350.1.13.861.1.7.10.698084.410", "3", "Elective"),
            code(
                "https://fhir.cerner.com/5f0c1b0e-7d5a-4f6c-9a61-2b1d3c4e5f60/codeSet/3",
                "6",
                "E",
            ),
        ],
    ),
];

pub(crate) const DISCHARGES: &[CodedConcept] = &[
    concept(
        "Discharged to Home",
        &[code("http://terminology.hl7.org/CodeSystem/discharge-disposition", "home", "Home")],
    ),
    concept(
        "Skilled Nursing Facility",
        &[
            code("http://terminology.hl7.org/CodeSystem/discharge-disposition", "snf", "SNF"),
            code("urn:oid:1.2.840.114350.1.13.861.1.7.4.698084.18888", "3", "Skilled Nursing"),
        ],
    ),
    concept(
        "Left against advice",
        &[code(
            "http://terminology.hl7.org/CodeSystem/discharge-disposition",
            "aadvice",
            "Left against advice",
        )],
    ),
];

pub(crate) const ADMIT_SOURCE: CodedConcept = concept(
    "From accident/emergency department",
    &[code("http://terminology.hl7.org/CodeSystem/admit-source", "emd", "Emergency department")],
);
pub(crate) const READMISSION: CodedConcept = concept(
    "Re-admission",
    &[code("http://terminology.hl7.org/CodeSystem/v2-0092", "R", "Re-admission")],
);
pub(crate) const DIET: CodedConcept = concept(
    "Vegetarian",
    &[code("http://terminology.hl7.org/CodeSystem/diet", "vegetarian", "Vegetarian")],
);
pub(crate) const COURTESY: CodedConcept = concept(
    "Normal courtesy",
    &[code(
        "http://terminology.hl7.org/CodeSystem/v3-EncounterSpecialCourtesy",
        "NRM",
        "normal courtesy",
    )],
);
pub(crate) const ARRANGEMENT: CodedConcept = concept(
    "Wheelchair",
    &[code(
        "http://terminology.hl7.org/CodeSystem/encounter-special-arrangements",
        "wheel",
        "Wheelchair",
    )],
);

pub(crate) const PARTICIPANTS: &[CodedConcept] = &[
    concept("primary performer", &[code(PARTICIPATION, "PPRF", "primary performer")]),
    concept("attender", &[code(PARTICIPATION, "ATND", "attender")]),
    concept("referrer", &[code(PARTICIPATION, "REF", "referrer")]),
];

pub(crate) const DIAGNOSIS_ROLES: &[CodedConcept] = &[
    concept(
        "Admission diagnosis",
        &[code(
            "http://terminology.hl7.org/CodeSystem/diagnosis-role",
            "AD",
            "Admission diagnosis",
        )],
    ),
    concept(
        "Discharge diagnosis",
        &[code(
            "http://terminology.hl7.org/CodeSystem/diagnosis-role",
            "DD",
            "Discharge diagnosis",
        )],
    ),
    concept(
        "Billing",
        &[code("http://terminology.hl7.org/CodeSystem/diagnosis-role", "billing", "Billing")],
    ),
];

/// Notes, by their type.
pub(crate) const NOTE_TYPES: &[CodedConcept] = &[
    concept(
        "Progress Notes",
        &[
            loinc("11506-3", "Progress note"),
            code("urn:oid:1.2.840.114350.1.13.861.1.7.4.737880.5010", "1", "Progress Notes"),
        ],
    ),
    concept("History and physical note", &[loinc("34117-2", "History and physical note")]),
    concept("Discharge summary", &[loinc("18842-5", "Discharge summary")]),
    concept("Consult note", &[loinc("11488-4", "Consult note")]),
    concept("Emergency department Note", &[loinc("34111-5", "Emergency department Note")]),
    concept("Surgical operation note", &[loinc("11504-8", "Surgical operation note")]),
    concept("Telephone encounter Note", &[loinc("34748-4", "Telephone encounter Note")]),
    concept("Pathology study", &[loinc("11526-1", "Pathology study")]),
    concept("Procedure note", &[loinc("28570-0", "Procedure note")]),
];

pub(crate) const NOTE_CATEGORIES: &[CodedConcept] = &[concept(
    "Clinical Note",
    &[code(
        "http://hl7.org/fhir/us/core/CodeSystem/us-core-documentreference-category",
        "clinical-note",
        "Clinical Note",
    )],
)];

pub(crate) const NOTE_FORMATS: &[Code] = &[
    code(
        "http://ihe.net/fhir/ihe.formatcode.fhir/CodeSystem/formatcode",
        "urn:ihe:iti:xds:2017:mimeTypeSufficient",
        "mimeType Sufficient",
    ),
    code(
        "urn:oid:1.3.6.1.4.1.19376.1.2.3",
        "urn:hl7-org:sdwg:ccda-structuredBody:2.1",
        "C-CDA 2.1",
    ),
];

pub(crate) const CONFIDENTIALITY: &[Code] = &[
    code("http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "N", "normal"),
    code("http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "R", "restricted"),
];

pub(crate) const SECURITY_LABELS: &[CodedConcept] = &[concept(
    "Restricted",
    &[code("http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "R", "restricted")],
)];

pub(crate) const EPISODE_TYPES: &[CodedConcept] = &[
    concept(
        "Home and Community Care",
        &[code(
            "http://terminology.hl7.org/CodeSystem/episodeofcare-type",
            "hacc",
            "Home and Community Care",
        )],
    ),
    concept("Pregnancy", &[code("urn:oid:1.2.840.114350.1.13.861.1.7.2.726668", "2", "Pregnancy")]),
    concept(
        "Post-acute care",
        &[code(
            "http://terminology.hl7.org/CodeSystem/episodeofcare-type",
            "pac",
            "Post Acute Care",
        )],
    ),
];

pub(crate) const EVENT: CodedConcept =
    concept("Care provision", &[code(ACT, "PCPR", "care provision")]);
pub(crate) const ABSENT: &[CodedConcept] = &[
    concept(
        "Unknown",
        &[code("http://terminology.hl7.org/CodeSystem/data-absent-reason", "unknown", "Unknown")],
    ),
    concept(
        "Not Performed",
        &[code(
            "http://terminology.hl7.org/CodeSystem/data-absent-reason",
            "not-performed",
            "Not Performed",
        )],
    ),
    concept(
        "Error",
        &[code("http://terminology.hl7.org/CodeSystem/data-absent-reason", "error", "Error")],
    ),
];
