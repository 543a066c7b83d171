//! Codes that EHRs use: published ones, and the kind that a site makes up itself.

pub(super) mod admin;
pub(super) mod drugs;
pub(super) mod labs;
pub(super) mod orders;
pub(super) mod problems;
pub(super) mod staff;

/// A code of one system.
#[derive(Clone, Copy)]
pub(super) struct Code {
    pub system: &'static str,
    pub code: &'static str,
    pub display: &'static str,
}

/// A concept with its codes in several systems.
#[derive(Clone, Copy)]
pub(super) struct CodedConcept {
    pub text: &'static str,
    pub codings: &'static [Code],
}

/// A unit of measure in UCUM.
#[derive(Clone, Copy)]
pub(super) struct ValueUnit {
    pub unit: &'static str,
    pub code: &'static str,
}

pub(super) const SNOMED: &str = "http://snomed.info/sct";
pub(super) const LOINC: &str = "http://loinc.org";
pub(super) const RXNORM: &str = "http://www.nlm.nih.gov/research/umls/rxnorm";
pub(super) const UCUM: &str = "http://unitsofmeasure.org";
pub(super) const NPI: &str = "http://hl7.org/fhir/sid/us-npi";

pub(super) const fn concept(text: &'static str, codings: &'static [Code]) -> CodedConcept {
    CodedConcept { text, codings }
}

pub(super) const fn code(system: &'static str, code: &'static str, display: &'static str) -> Code {
    Code { system, code, display }
}

pub(super) const fn snomed(id: &'static str, display: &'static str) -> Code {
    code(SNOMED, id, display)
}

pub(super) const fn loinc(id: &'static str, display: &'static str) -> Code {
    code(LOINC, id, display)
}

pub(super) const fn rxnorm(id: &'static str, display: &'static str) -> Code {
    code(RXNORM, id, display)
}

pub(super) const fn icd10(id: &'static str, display: &'static str) -> Code {
    code("http://hl7.org/fhir/sid/icd-10-cm", id, display)
}

pub(super) const fn icd9(id: &'static str, display: &'static str) -> Code {
    code("http://hl7.org/fhir/sid/icd-9-cm", id, display)
}

pub(super) const fn cpt(id: &'static str, display: &'static str) -> Code {
    code("http://www.ama-assn.org/go/cpt", id, display)
}

pub(super) const fn unit(unit: &'static str, code: &'static str) -> ValueUnit {
    ValueUnit { unit, code }
}

/// Numbers that sites make up in Epic, by their purpose. They are kept as they are.
pub(super) const EPIC: &[Code] = &[
    code("urn:oid:1.2.840.114350.1.13.861.1.7.10.696784.4500", "101", "Office Visit"),
    code("urn:oid:1.2.840.114350.1.13.861.1.7.4.737880.5010", "204", "Routine"),
    code("urn:oid:1.2.840.114350.1.13.861.1.7.2.696580", "38201", "Internal Medicine Clinic"),
    // A whole number with a sign is one, too, for the check of Epic's codes (`deid/scrub/codes.rs`).
    code("urn:oid:1.2.840.114350.1.13.861.1.7.4.798268.30080", "+7", "Verified"),
];

pub(super) const MINUTE: ValueUnit = unit("min", "min");
pub(super) const HOUR: ValueUnit = unit("hour", "h");
pub(super) const DAYS: ValueUnit = unit("days", "d");
pub(super) const YEAR: ValueUnit = unit("years", "a");
pub(super) const MILLILITER: ValueUnit = unit("mL", "mL");
pub(super) const MILLIGRAM: ValueUnit = unit("mg", "mg");
pub(super) const TABLET: ValueUnit = unit("tablet", "{tbl}");
