//! Which concepts have tables of codings. Systems with `%` are those of Cerner and Epic, which have
//! a part of each site's own.

use super::declare::Concept;

const SNOMED: &str = "http://snomed.info/sct";
const ICD10: &str = "http://hl7.org/fhir/sid/icd-10-cm";
const ICD9: &str = "http://hl7.org/fhir/sid/icd-9-cm";
const CPT: &str = "http://www.ama-assn.org/go/cpt";
const PRIORITY: &str = "http://terminology.hl7.org/CodeSystem/v3-ActPriority";

/// What tells contained resources apart.
const CONTAINED: &[(&str, &str)] = &[("id", "contained_id"), ("resourceType", "resource_type")];

/// All tables of codings, in the order of their resources.
pub(super) const CONCEPTS: &[Concept] = &[
    Concept::all("allergyintolerance", "dn_clinical_status", "clinicalStatus")
        .prefer(&["http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical"]),
    Concept::all("allergyintolerance", "dn_verification_status", "verificationStatus")
        .prefer(&["http://terminology.hl7.org/CodeSystem/allergyintolerance-verification"]),
    Concept::all("allergyintolerance", "dn_code", "code"),
    Concept::all("allergyintolerance", "dn_reaction_substance", "reaction[].substance").row(),
    Concept::all("allergyintolerance", "dn_reaction_manifestation", "reaction[].manifestation[]")
        .row(),
    Concept::all("condition", "dn_category", "category[]").row(),
    Concept::all("condition", "dn_clinical_status", "clinicalStatus")
        .prefer(&["http://terminology.hl7.org/CodeSystem/condition-clinical"]),
    Concept::all("condition", "codable_concepts_display", "code").prefer(&[
        SNOMED,
        ICD10,
        ICD9,
        "http://hl7.org/fhir/sid/icd-9-cm/diagnosis",
        "urn:oid:1.2.840.114350.1.13.%.7.2.728286",
        "urn:oid:1.2.840.114350.1.13.%.7.4.698084.10375",
        "http://terminology.hl7.org/CodeSystem/data-absent-reason",
    ]),
    Concept::all("condition", "codable_concepts_all", "code"),
    Concept::all("condition", "dn_verification_status", "verificationStatus")
        .prefer(&["http://terminology.hl7.org/CodeSystem/condition-ver-status"]),
    Concept::all("diagnosticreport", "dn_category", "category[]").row(),
    Concept::all("diagnosticreport", "dn_code", "code"),
    Concept::all("diagnosticreport", "dn_conclusioncode", "conclusionCode[]").row(),
    Concept::all("documentreference", "dn_type", "type").row(),
    Concept::all("documentreference", "dn_category", "category[]").row(),
    Concept::all("encounter", "dn_type", "type[]").row().prefer(&[
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
    Concept::all("encounter", "dn_servicetype", "serviceType").row().prefer(&[
        "http://terminology.hl7.org/CodeSystem/service-type",
        SNOMED,
        "urn:oid:2.16.840.1.113883.4.642.3.518",
        "https://fhir.cerner.com/%/codeSet/34",
        "urn:oid:1.2.840.114350.1.13.%.7.10.698084.18886",
    ]),
    Concept::all("encounter", "dn_priority", "priority").row().prefer(&[
        PRIORITY,
        SNOMED,
        "https://fhir.cerner.com/%/codeSet/3",
        "urn:oid:1.2.840.114350.1.13.%.7.10.698084.410",
    ]),
    Concept::all("encounter", "dn_reasoncode", "reasonCode[]").row().prefer(&[
        PRIORITY,
        SNOMED,
        ICD10,
        ICD9,
        "https://fhir.cerner.com/%/nomenclature",
        "urn:oid:1.2.840.114350.1.13.%.7.2.728286",
    ]),
    Concept::all("encounter", "dn_dischargedisposition", "hospitalization.dischargeDisposition"),
    Concept::all("episodeofcare", "dn_type", "type[]").row(),
    Concept::all("location", "dn_type", "type[]").row(),
    Concept::all("medication", "dn_code", "code").row(),
    Concept::all("medicationrequest", "dn_inline_code", "medicationCodeableConcept"),
    Concept::all("medicationrequest", "dn_contained_code", "contained[].code")
        .row()
        .extra(CONTAINED),
    Concept::all("medicationrequest", "dn_category", "category[]").row(),
    Concept::all("medicationrequest", "dn_course_of_therapy", "courseOfTherapyType").row(),
    Concept::all("medicationrequest", "dn_status_reason", "statusReason").row(),
    Concept::all("medicationrequest", "dn_dosage_route", "dosageInstruction[].route").row(),
    Concept::all("medicationdispense", "dn_inline_code", "medicationCodeableConcept").row(),
    Concept::all("medicationdispense", "dn_contained_code", "contained[].code")
        .row()
        .extra(CONTAINED),
    Concept::all("medicationdispense", "dn_category", "category").row(),
    Concept::all("medicationdispense", "dn_type", "type").row(),
    Concept::all("medicationdispense", "dn_dosage_route", "dosageInstruction[].route").row(),
    Concept::all("observation", "dn_category", "category[]").row(),
    Concept::all("observation", "dn_code", "code"),
    Concept::all("observation", "component_code", "component[].code").row(),
    Concept::all("observation", "component_dataabsentreason", "component[].dataAbsentReason").row(),
    Concept::all("observation", "component_interpretation", "component[].interpretation[]").row(),
    Concept::all(
        "observation",
        "component_valuecodeableconcept",
        "component[].valueCodeableConcept",
    )
    .row(),
    Concept::all("observation", "dn_interpretation", "interpretation[]").row(),
    Concept::all("observation", "dn_valuecodeableconcept", "valueCodeableConcept"),
    Concept::all("observation", "dn_dataabsentreason", "dataAbsentReason").row(),
    Concept::all("organization", "dn_type", "type[]").row(),
    Concept::all("practitioner", "dn_qualification_code", "qualification[].code").row(),
    Concept::all("practitionerrole", "dn_code", "code[]").row(),
    Concept::all("practitionerrole", "dn_specialty", "specialty[]").row(),
    Concept::all("procedure", "dn_category", "category").row(),
    Concept::all("procedure", "dn_code", "code"),
    Concept::all("servicerequest", "dn_category", "category[]").row(),
    Concept::all("servicerequest", "dn_code", "code").row(),
    Concept::all("specimen", "dn_type", "type").row(),
];
