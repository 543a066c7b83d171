//! Which concepts have tables of codings. Systems with `%` are those of Cerner and Epic, of which each
//! site has a part of its own.

use super::declare::Concept;

const SNOMED: &str = "http://snomed.info/sct";
const ICD10: &str = "http://hl7.org/fhir/sid/icd-10-cm";
const ICD9: &str = "http://hl7.org/fhir/sid/icd-9-cm";
const CPT: &str = "http://www.ama-assn.org/go/cpt";
const PRIORITY: &str = "http://terminology.hl7.org/CodeSystem/v3-ActPriority";

/// The elements that tell contained resources apart, and their columns.
const CONTAINED: &[(&str, &str)] = &[("id", "contained_id"), ("resourceType", "resource_type")];

/// All tables of codings, in the order of their resources.
pub(super) const CONCEPTS: &[Concept] = &[
    Concept::all_codings("allergyintolerance", "dn_clinical_status", "clinicalStatus")
        .with_preferred(&["http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical"]),
    Concept::all_codings("allergyintolerance", "dn_verification_status", "verificationStatus")
        .with_preferred(&["http://terminology.hl7.org/CodeSystem/allergyintolerance-verification"]),
    Concept::all_codings("allergyintolerance", "dn_code", "code"),
    Concept::all_codings("allergyintolerance", "dn_reaction_substance", "reaction[].substance")
        .with_row(),
    Concept::all_codings(
        "allergyintolerance",
        "dn_reaction_manifestation",
        "reaction[].manifestation[]",
    )
    .with_row(),
    Concept::all_codings("condition", "dn_category", "category[]").with_row(),
    Concept::all_codings("condition", "dn_clinical_status", "clinicalStatus")
        .with_preferred(&["http://terminology.hl7.org/CodeSystem/condition-clinical"]),
    Concept::all_codings("condition", "codable_concepts_display", "code").with_preferred(&[
        SNOMED,
        ICD10,
        ICD9,
        "http://hl7.org/fhir/sid/icd-9-cm/diagnosis",
        "urn:oid:1.2.840.114350.1.13.%.7.2.728286",
        "urn:oid:1.2.840.114350.1.13.%.7.4.698084.10375",
        "http://terminology.hl7.org/CodeSystem/data-absent-reason",
    ]),
    Concept::all_codings("condition", "codable_concepts_all", "code"),
    Concept::all_codings("condition", "dn_verification_status", "verificationStatus")
        .with_preferred(&["http://terminology.hl7.org/CodeSystem/condition-ver-status"]),
    Concept::all_codings("diagnosticreport", "dn_category", "category[]").with_row(),
    Concept::all_codings("diagnosticreport", "dn_code", "code"),
    Concept::all_codings("diagnosticreport", "dn_conclusioncode", "conclusionCode[]").with_row(),
    Concept::all_codings("documentreference", "dn_type", "type").with_row(),
    Concept::all_codings("documentreference", "dn_category", "category[]").with_row(),
    Concept::all_codings("encounter", "dn_type", "type[]").with_row().with_preferred(&[
        "http://terminology.hl7.org/CodeSystem/encounter-type",
        "http://terminology.hl7.org/CodeSystem/v2-0004",
        SNOMED,
        CPT,
        "urn:oid:2.16.840.1.113883.4.642.3.248",
        "https://fhir.cerner.com/%/codeSet/71",
        "urn:oid:1.2.840.114350.1.13.%.7.10.698084.10110",
        "urn:oid:1.2.840.114350.1.13.%.7.10.698084.18875",
        "urn:oid:1.2.840.114350.1.13.%.7.10.698084.30",
        "urn:oid:1.2.840.114350.1.13.%.7.2.808267",
    ]),
    // No list in R4, and yet with `row`: Cumulus Library's table has that column where there is no
    // data, and studies must find the same columns whatever the data.
    Concept::all_codings("encounter", "dn_servicetype", "serviceType").with_row().with_preferred(
        &[
            "http://terminology.hl7.org/CodeSystem/service-type",
            SNOMED,
            "urn:oid:2.16.840.1.113883.4.642.3.518",
            "https://fhir.cerner.com/%/codeSet/34",
            "urn:oid:1.2.840.114350.1.13.%.7.10.698084.18886",
        ],
    ),
    Concept::all_codings("encounter", "dn_priority", "priority").with_row().with_preferred(&[
        PRIORITY,
        SNOMED,
        "https://fhir.cerner.com/%/codeSet/3",
        "urn:oid:1.2.840.114350.1.13.%.7.10.698084.410",
    ]),
    // The system of priorities is the first in Cumulus Library's list, too, though reasons are not
    // coded in it. The order decides which coding is kept, so it stays.
    Concept::all_codings("encounter", "dn_reasoncode", "reasonCode[]").with_row().with_preferred(
        &[
            PRIORITY,
            SNOMED,
            ICD10,
            ICD9,
            "https://fhir.cerner.com/%/nomenclature",
            "urn:oid:1.2.840.114350.1.13.%.7.2.728286",
        ],
    ),
    Concept::all_codings(
        "encounter",
        "dn_dischargedisposition",
        "hospitalization.dischargeDisposition",
    ),
    Concept::all_codings("episodeofcare", "dn_type", "type[]").with_row(),
    Concept::all_codings("location", "dn_type", "type[]").with_row(),
    Concept::all_codings("medication", "dn_code", "code").with_row(),
    Concept::all_codings("medicationrequest", "dn_inline_code", "medicationCodeableConcept"),
    Concept::all_codings("medicationrequest", "dn_contained_code", "contained[].code")
        .with_row()
        .with_extra(CONTAINED),
    Concept::all_codings("medicationrequest", "dn_category", "category[]").with_row(),
    Concept::all_codings("medicationrequest", "dn_course_of_therapy", "courseOfTherapyType")
        .with_row(),
    Concept::all_codings("medicationrequest", "dn_status_reason", "statusReason").with_row(),
    Concept::all_codings("medicationrequest", "dn_dosage_route", "dosageInstruction[].route")
        .with_row(),
    Concept::all_codings("medicationdispense", "dn_inline_code", "medicationCodeableConcept")
        .with_row(),
    Concept::all_codings("medicationdispense", "dn_contained_code", "contained[].code")
        .with_row()
        .with_extra(CONTAINED),
    // R4: a dispense has one category, a request may have several.
    Concept::all_codings("medicationdispense", "dn_category", "category").with_row(),
    Concept::all_codings("medicationdispense", "dn_type", "type").with_row(),
    Concept::all_codings("medicationdispense", "dn_dosage_route", "dosageInstruction[].route")
        .with_row(),
    Concept::all_codings("observation", "dn_category", "category[]").with_row(),
    Concept::all_codings("observation", "dn_code", "code"),
    Concept::all_codings("observation", "component_code", "component[].code").with_row(),
    Concept::all_codings(
        "observation",
        "component_dataabsentreason",
        "component[].dataAbsentReason",
    )
    .with_row(),
    Concept::all_codings("observation", "component_interpretation", "component[].interpretation[]")
        .with_row(),
    Concept::all_codings(
        "observation",
        "component_valuecodeableconcept",
        "component[].valueCodeableConcept",
    )
    .with_row(),
    Concept::all_codings("observation", "dn_interpretation", "interpretation[]").with_row(),
    Concept::all_codings("observation", "dn_valuecodeableconcept", "valueCodeableConcept"),
    Concept::all_codings("observation", "dn_dataabsentreason", "dataAbsentReason").with_row(),
    Concept::all_codings("organization", "dn_type", "type[]").with_row(),
    Concept::all_codings("practitioner", "dn_qualification_code", "qualification[].code")
        .with_row(),
    Concept::all_codings("practitionerrole", "dn_code", "code[]").with_row(),
    Concept::all_codings("practitionerrole", "dn_specialty", "specialty[]").with_row(),
    Concept::all_codings("procedure", "dn_category", "category").with_row(),
    Concept::all_codings("procedure", "dn_code", "code"),
    Concept::all_codings("servicerequest", "dn_category", "category[]").with_row(),
    Concept::all_codings("servicerequest", "dn_code", "code").with_row(),
    Concept::all_codings("specimen", "dn_type", "type").with_row(),
];
