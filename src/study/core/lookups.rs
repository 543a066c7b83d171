//! Tables of fixed content: names of encounter classes, systems and profiles.

use super::sql_type::SqlType;
use super::{CoreColumn, TableQuery};

/// A table of fixed content.
pub(super) struct Lookup {
    /// The table's name after `core__`.
    name: &'static str,
    /// A description of its content.
    about: &'static str,
    /// The columns, all of them text.
    columns: &'static [&'static str],
    /// The rows.
    rows: &'static [&'static [&'static str]],
}

impl Lookup {
    /// The statement that makes the table.
    pub fn table_query(&self) -> TableQuery {
        let row = |row: &&[&str]| {
            let cells: Vec<_> =
                row.iter().map(|cell| format!("'{}'", cell.replace('\'', "''"))).collect();
            format!("({})", cells.join(", "))
        };
        let rows: Vec<_> = self.rows.iter().map(row).collect();
        TableQuery {
            table: format!("core__{}", self.name),
            columns: self
                .columns
                .iter()
                .map(|name| CoreColumn::from((*name, SqlType::Text)))
                .collect(),
            about: self.about.to_owned(),
            query: format!(
                "SELECT {columns}\nFROM (\n  VALUES\n  {}\n) AS t ({columns})",
                rows.join(",\n  "),
                columns = self.columns.join(", ")
            ),
        }
    }
}

/// All tables of fixed content.
pub(super) const LOOKUPS: [Lookup; 4] = [
    Lookup {
        name: "fhir_act_encounter_code_v3",
        about: "Classes of encounters: HL7's ActEncounterCode.",
        columns: &["code", "display"],
        rows: &[
            &["ACUTE", "inpatient acute"],
            &["AMB", "ambulatory"],
            &["EMER", "emergency"],
            &["FLD", "field"],
            &["HH", "home health"],
            &["IMP", "inpatient encounter"],
            &["NONAC", "inpatient non-acute"],
            &["OBSENC", "observation encounter"],
            &["PRENC", "pre-admission"],
            &["SS", "short stay"],
            &["VR", "virtual"],
        ],
    },
    Lookup {
        name: "fhir_mapping_code_system_uri",
        about: "Code systems by name, and what they are called in data.",
        columns: &["code_system", "uri"],
        rows: &[
            &["CPT", "CPT"],
            &["CPT", "http://www.ama-assn.org/go/cpt"],
            &["ICD10", "2.16.840.1.113883.6.90"],
            &["ICD10", "ICD-10"],
            &["ICD10", "ICD-10-CM"],
            &["ICD10", "ICD10"],
            &["ICD10", "ICD10-CM"],
            &["ICD10", "http://hl7.org/fhir/sid/icd-10-cm"],
            &["ICD9", "2.16.840.1.113883.6.103"],
            &["ICD9", "ICD-9"],
            &["ICD9", "ICD-9-CM"],
            &["ICD9", "ICD9"],
            &["ICD9", "ICD9-CM"],
            &["ICD9", "http://hl7.org/fhir/sid/icd-9-cm"],
            &["LOINC", "2.16.840.1.113883.6.1"],
            &["LOINC", "LNC"],
            &["LOINC", "LOINC"],
            &["LOINC", "http://loinc.org"],
            &["RXNORM", "2.16.840.1.113883.6.88"],
            &["RXNORM", "RXNORM"],
            // FHIR's URI of RxNorm ends in `umls/rxnorm`. Cumulus Library's table has the URI of UMLS here,
            // and this table must have the same rows.
            &["RXNORM", "http://www.nlm.nih.gov/research/umls/"],
            &["SNOMED", "2.16.840.1.113883.6.96"],
            &["SNOMED", "SNOMED"],
            &["SNOMED", "SNOMEDCT"],
            &["SNOMED", "SNOMEDCT_US"],
            &["SNOMED", "http://snomed.info/sct"],
            &["UMLS", "UMLS"],
            &["UMLS", "http://www.nlm.nih.gov/research/umls/"],
        ],
    },
    Lookup {
        name: "fhir_mapping_resource_uri",
        about: "The definitions of core's elements.",
        columns: &["resource", "uri"],
        rows: &[
            &["Coding", "http://hl7.org/fhir/datatypes.html#Coding"],
            &["Condition", "http://hl7.org/fhir/condition-definitions.html"],
            &["ConditionCategory", "http://hl7.org/fhir/ValueSet/condition-category"],
            &["ConditionCode", "http://hl7.org/fhir/ValueSet/condition-code"],
            &[
                "DocumentReference",
                "http://hl7.org/fhir/us/core/StructureDefinition/us-core-documentreference",
            ],
            &["DocumentType", "http://hl7.org/fhir/ValueSet/c80-doc-typecodes"],
            &["Encounter", "http://hl7.org/fhir/us/core/StructureDefinition/us-core-encounter"],
            &["EncounterCode", "http://terminology.hl7.org/ValueSet/v3-ActEncounterCode"],
            &["EncounterLocationStatus", "http://hl7.org/fhir/ValueSet/encounter-location-status"],
            &["EncounterPriority", "http://terminology.hl7.org/CodeSystem/v3-ActPriority"],
            &["EncounterReason", "http://hl7.org/fhir/ValueSet/encounter-reason"],
            &["EncounterStatus", "http://hl7.org/fhir/ValueSet/encounter-status"],
            &["EncounterType", "http://hl7.org/fhir/ValueSet/encounter-type"],
            &["Ethnicity", "http://hl7.org/fhir/us/core/StructureDefinition/us-core-ethnicity"],
            &["Gender", "http://hl7.org/fhir/ValueSet/administrative-gender"],
            &["ObservationCategory", "http://hl7.org/fhir/ValueSet/observation-category"],
            &["ObservationCode", "http://hl7.org/fhir/ValueSet/observation-codes"],
            &[
                "ObservationInterpretation",
                "http://hl7.org/fhir/ValueSet/observation-interpretation",
            ],
            &[
                "ObservationLab",
                "http://hl7.org/fhir/us/core/StructureDefinition/us-core-observation-lab",
            ],
            &[
                "ObservationValue",
                "http://hl7.org/fhir/observation-definitions.html#Observation.value_x_",
            ],
            &["Patient", "http://hl7.org/fhir/us/core/StructureDefinition/us-core-patient"],
            &["PatientClass", "http://terminology.hl7.org/CodeSystem/v2-0004"],
            &["Period", "http://hl7.org/fhir/datatypes.html#Period"],
            &["PostalCode", "http://hl7.org/fhir/datatypes-definitions.html#Address.postalCode"],
            &["Race", "http://hl7.org/fhir/us/core/StructureDefinition/us-core-race"],
            &["VitalSign", "http://hl7.org/fhir/observation-vitalsigns.html"],
        ],
    },
    // `B`, `C`, `N` and `U` of version 2 mean nothing that the newer has.
    Lookup {
        name: "fhir_mapping_expected_act_encounter_code_v3",
        about: "The class that an encounter's class in data means, of HL7's version 2, too.",
        columns: &["expected", "found", "found_system"],
        rows: &[
            &["ACUTE", "ACUTE", "http://terminology.hl7.org/CodeSystem/v3-ActCode"],
            &["AMB", "AMB", "http://terminology.hl7.org/CodeSystem/v3-ActCode"],
            &["AMB", "O", "http://terminology.hl7.org/CodeSystem/v2-0004"],
            &["AMB", "R", "http://terminology.hl7.org/CodeSystem/v2-0004"],
            &["EMER", "E", "http://terminology.hl7.org/CodeSystem/v2-0004"],
            &["EMER", "EMER", "http://terminology.hl7.org/CodeSystem/v3-ActCode"],
            &["FLD", "FLD", "http://terminology.hl7.org/CodeSystem/v3-ActCode"],
            &["HH", "HH", "http://terminology.hl7.org/CodeSystem/v3-ActCode"],
            &["IMP", "I", "http://terminology.hl7.org/CodeSystem/v2-0004"],
            &["IMP", "IMP", "http://terminology.hl7.org/CodeSystem/v3-ActCode"],
            &["NONAC", "NONAC", "http://terminology.hl7.org/CodeSystem/v3-ActCode"],
            &["OBSENC", "OBSENC", "http://terminology.hl7.org/CodeSystem/v3-ActCode"],
            &["PRENC", "P", "http://terminology.hl7.org/CodeSystem/v2-0004"],
            &["PRENC", "PRENC", "http://terminology.hl7.org/CodeSystem/v3-ActCode"],
            &["SS", "SS", "http://terminology.hl7.org/CodeSystem/v3-ActCode"],
            &["VR", "VR", "http://terminology.hl7.org/CodeSystem/v3-ActCode"],
        ],
    },
];
