//! Tables of findings, documents and procedures.

use crate::study::core::declare::ColumnSpec::{
    Concept, ConceptAs, Each, Element, HasText, Id, Own, Sql, Time,
};
use crate::study::core::declare::TimePart::{Month, Time as Instant, Week, Year};
use crate::study::core::declare::{Distinct, Join, Resource, TimePart, no_joins};
use crate::study::core::place::SourceElement;
use crate::study::core::sql_type::SqlType::{BigInt, Double, Text, Timestamp};

use super::{ALL, DAYS};

/// The forms of a recorded date.
const RECORDED: &[TimePart] = &[Instant, Week, Month, Year];

pub const ALLERGY_INTOLERANCE: Resource = Resource {
    fhir: "AllergyIntolerance",
    about: "Allergies and intolerances, a row for every reaction.",
    distinct: Distinct::Nowhere,
    has_status: false,
    keep: Some(VERIFIED),
    columns: &[
        Id,
        ConceptAs("dn_clinical_status", &[("code", "clinicalStatus_code")]),
        ConceptAs("dn_verification_status", &[("code", "verificationStatus_code")]),
        Element("type", "type", Text),
        Each("category", &[("", "category")]),
        Element("criticality", "criticality", Text),
        Concept("code", "dn_code"),
        Time("recordedDate", "recordedDate", RECORDED),
        Sql("reaction_row", BigInt, "reaction.row"),
        Concept("reaction_substance", "dn_reaction_substance"),
        Concept("reaction_manifestation", "dn_reaction_manifestation"),
        Sql("reaction_severity", Text, "reaction.severity"),
        Own("allergyintolerance_ref"),
        Element("patient_ref", "patient.reference", Text),
        Element("encounter_ref", "encounter.reference", Text),
    ],
    joins: |rows| {
        let same = |name: &str| {
            let on = format!("{name}.id = reaction.id AND {name}.row = reaction.row");
            Join::of_table(name, &format!("allergyintolerance_{name}"), on)
        };
        vec![
            Join::of_query("reaction", reactions_sql(rows)),
            same("dn_reaction_substance"),
            same("dn_reaction_manifestation"),
        ]
    },
};

/// The condition that a row was not entered in error.
// In R4 these two types have no `status`: their `verificationStatus` can say `entered-in-error`.
const VERIFIED: &str = "(dn_verification_status.code IS NULL \
     OR dn_verification_status.code <> 'entered-in-error')";

/// The reactions with their places.
fn reactions_sql(rows: &SourceElement) -> String {
    let list = rows.get("reaction");
    match list.list_items("r.reaction") {
        None => format!(
            "  SELECT {0} AS id, {1} AS row, {0} AS severity WHERE 1 = 0",
            Text.null_sql(),
            BigInt.null_sql()
        ),
        Some(item) => format!(
            "  SELECT s.id, r.row, {} AS severity\n  FROM allergyintolerance AS s, UNNEST({}) WITH \
             ORDINALITY AS r (reaction, row)",
            item.get("severity").value_sql(Text),
            list.as_sql()
        ),
    }
}

pub const CONDITION: Resource = Resource {
    fhir: "Condition",
    about: "Problems and diagnoses.",
    distinct: Distinct::Nowhere,
    has_status: false,
    keep: Some(VERIFIED),
    columns: &[
        Id,
        Concept("category", "dn_category"),
        ConceptAs(
            "codable_concepts_all",
            &[("code", "code"), ("system", "system"), ("display", "code_display")],
        ),
        Element("subject_ref", "subject.reference", Text),
        Element("encounter_ref", "encounter.reference", Text),
        Own("condition_ref"),
        Time("recordedDate", "recordedDate", RECORDED),
        Time("onsetDateTime", "onsetDateTime", &[Instant]),
        // Cumulus Library looks for the element under a name with a space at its end, so there it
        // is always null; studies and their receivers know it so.
        Sql("abatementDateTime", Timestamp, "CAST(NULL AS TIMESTAMP)"),
        ConceptAs("dn_clinical_status", &[("code", "clinicalStatus_code")]),
        ConceptAs("dn_verification_status", &[("code", "verificationStatus_code")]),
    ],
    joins: no_joins,
};

pub const DIAGNOSTIC_REPORT: Resource = Resource {
    fhir: "DiagnosticReport",
    about: "Reports of examinations.",
    distinct: Distinct::Nowhere,
    has_status: true,
    keep: None,
    columns: &[
        Id,
        Element("status", "status", Text),
        Concept("category", "dn_category"),
        Concept("code", "dn_code"),
        Time("effectiveDateTime", "effectiveDateTime", ALL),
        Time("effectivePeriod_start", "effectivePeriod.start", ALL),
        Time("effectivePeriod_end", "effectivePeriod.end", ALL),
        Time("issued", "issued", ALL),
        Concept("conclusionCode", "dn_conclusioncode"),
        HasText("presentedForm", ""),
        Own("diagnosticreport_ref"),
        Element("subject_ref", "subject.reference", Text),
        Element("encounter_ref", "encounter.reference", Text),
        Each("performer", &[("reference", "performer_ref")]),
        Each("specimen", &[("reference", "specimen_ref")]),
        Each("result", &[("reference", "result_ref")]),
    ],
    joins: no_joins,
};

pub const DOCUMENT_REFERENCE: Resource = Resource {
    fhir: "DocumentReference",
    about: "Documents, most of them clinical notes; `aux_has_text` says whether there is text.",
    distinct: Distinct::Table,
    has_status: true,
    keep: None,
    columns: &[
        Id,
        Element("status", "status", Text),
        Concept("type", "dn_type"),
        ConceptAs("dn_category", &[("code", "category_code")]),
        Element("docStatus", "docStatus", Text),
        Time("date", "date", &[Instant]),
        // Cumulus Library's name. R4: the period is that of the care that is documented, not of the
        // writing.
        Time("author", "context.period.start", DAYS),
        ConceptAs("dn_format", &[("code", "format_code")]),
        HasText("content", "attachment"),
        Element("subject_ref", "subject.reference", Text),
        Each("context.encounter", &[("reference", "encounter_ref")]),
        Each("author", &[("reference", "author_ref")]),
        Own("documentreference_ref"),
    ],
    joins: no_joins,
};

pub const OBSERVATION: Resource = Resource {
    fhir: "Observation",
    about: "Measurements and findings; components have tables of their own.",
    distinct: Distinct::Nowhere,
    has_status: true,
    keep: None,
    columns: &[
        Id,
        ConceptAs("dn_category", &[("code", "category_code"), ("system", "category_system")]),
        Element("status", "status", Text),
        ConceptAs("dn_code", &[("code", "observation_code"), ("system", "observation_system")]),
        Concept("interpretation", "dn_interpretation"),
        Time("effectiveDateTime", "effectiveDateTime", ALL),
        Concept("valueCodeableConcept", "dn_valuecodeableconcept"),
        Element("valueQuantity_value", "valueQuantity.value", Double),
        Element("valueQuantity_comparator", "valueQuantity.comparator", Text),
        Element("valueQuantity_unit", "valueQuantity.unit", Text),
        Element("valueQuantity_system", "valueQuantity.system", Text),
        Element("valueQuantity_code", "valueQuantity.code", Text),
        Element("valueString", "valueString", Text),
        Concept("dataAbsentReason", "dn_dataabsentreason"),
        Element("subject_ref", "subject.reference", Text),
        Element("encounter_ref", "encounter.reference", Text),
        Element("specimen_ref", "specimen.reference", Text),
        Own("observation_ref"),
    ],
    joins: no_joins,
};

pub const PROCEDURE: Resource = Resource {
    fhir: "Procedure",
    about: "Procedures on patients.",
    distinct: Distinct::Nowhere,
    has_status: true,
    keep: None,
    columns: &[
        Id,
        Element("status", "status", Text),
        Concept("category", "dn_category"),
        Concept("code", "dn_code"),
        Time("performedDateTime", "performedDateTime", ALL),
        Time("performedPeriod_start", "performedPeriod.start", ALL),
        Time("performedPeriod_end", "performedPeriod.end", ALL),
        Own("procedure_ref"),
        Element("subject_ref", "subject.reference", Text),
        Element("encounter_ref", "encounter.reference", Text),
    ],
    joins: no_joins,
};
