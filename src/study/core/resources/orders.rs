//! Tables of orders, dispensed medicines and specimens.

use crate::study::core::declare::ColumnSpec::{
    Concept, ConceptAs, Date, Each, EachPresent, Element, Hidden, Id, Own, Time,
};
use crate::study::core::declare::TimePart::{Month, Time as Instant};
use crate::study::core::declare::{ColumnSpec, Distinct, Join, Resource, no_joins};
use crate::study::core::sql_type::SqlType::{BigInt, Boolean, Double, Text};

use super::ALL;

pub const MEDICATION_REQUEST: Resource = Resource {
    fhir: "MedicationRequest",
    about: "Prescriptions; their dosage instructions have a table of their own.",
    distinct: Distinct::Table,
    has_status: true,
    keep: None,
    columns: &[
        Id,
        Element("status", "status", Text),
        Element("intent", "intent", Text),
        Concept("category", "dn_category"),
        Concept("status_reason", "dn_status_reason"),
        Element("status_reason_text", "statusReason.text", Text),
        Concept("course_of_therapy", "dn_course_of_therapy"),
        Element("course_of_therapy_text", "courseOfTherapyType.text", Text),
        Element("reportedBoolean", "reportedBoolean", Boolean),
        Element("reported_ref", "reportedReference.reference", Text),
        MEDICATION_REFERENCE,
        MEDICATION,
        Element("dispense_refills_allowed", "dispenseRequest.numberOfRepeatsAllowed", BigInt),
        Element("dispense_quantity_value", "dispenseRequest.quantity.value", Double),
        Element("dispense_quantity_unit", "dispenseRequest.quantity.unit", Text),
        Element("dispense_quantity_system", "dispenseRequest.quantity.system", Text),
        Element("dispense_quantity_code", "dispenseRequest.quantity.code", Text),
        Element(
            "expected_supply_duration_value",
            "dispenseRequest.expectedSupplyDuration.value",
            Double,
        ),
        Element(
            "expected_supply_duration_unit",
            "dispenseRequest.expectedSupplyDuration.unit",
            Text,
        ),
        Date("validity_period_start", "dispenseRequest.validityPeriod.start"),
        Date("validity_period_end", "dispenseRequest.validityPeriod.end"),
        Time("authoredOn", "authoredOn", &[Instant, Month]),
        Own("medicationrequest_ref"),
        Element("subject_ref", "subject.reference", Text),
        Element("encounter_ref", "encounter.reference", Text),
        Element("requester_ref", "requester.reference", Text),
        Element("prior_prescription_ref", "priorPrescription.reference", Text),
    ],
    joins: |_| vec![join_medication("medicationrequest")],
};

pub const MEDICATION_DISPENSE: Resource = Resource {
    fhir: "MedicationDispense",
    about: "Medication handed over; dosage instructions have a table of their own.",
    distinct: Distinct::Source,
    has_status: true,
    keep: None,
    columns: &[
        Id,
        Element("status", "status", Text),
        Concept("category", "dn_category"),
        Concept("type", "dn_type"),
        MEDICATION_REFERENCE,
        MEDICATION,
        Element("quantity_value", "quantity.value", Double),
        Element("quantity_unit", "quantity.unit", Text),
        Element("quantity_system", "quantity.system", Text),
        Element("quantity_code", "quantity.code", Text),
        Element("days_supply_value", "daysSupply.value", Double),
        Element("days_supply_unit", "daysSupply.unit", Text),
        Element("days_supply_system", "daysSupply.system", Text),
        Element("days_supply_code", "daysSupply.code", Text),
        Time("whenPrepared", "whenPrepared", &[Instant, Month]),
        Time("whenHandedOver", "whenHandedOver", ALL),
        Own("medicationdispense_ref"),
        Element("subject_ref", "subject.reference", Text),
        // R4 calls the encounter its context.
        Element("encounter_ref", "context.reference", Text),
        Each("authorizingPrescription", &[("reference", "medicationrequest_ref")]),
        EachPresent("performer", &[("actor.reference", "performer_ref")]),
    ],
    joins: |_| vec![join_medication("medicationdispense")],
};

const MEDICATION_REFERENCE: ColumnSpec =
    Hidden("medication_reference", "medicationReference.reference", Text);
const MEDICATION: ColumnSpec = ConceptAs(
    "medication_codes",
    &[
        ("code", "medication_code"),
        ("system", "medication_system"),
        ("display", "medication_display"),
    ],
);

/// The codings of a medication wherever they are: with the order, in a contained resource, or in
/// the table of medications.
fn join_medication(source: &str) -> Join {
    // Cerner sends codes with the order, sometimes in a contained resource; Epic refers to Medications.
    // References to contained resources are `#` and their ID (FHIR R4, References). Contained resources
    // of other types may have a `code`, too.
    let select = "  SELECT s.id, m.code, m.system, m.display\n  FROM source AS s";
    let query = format!(
        "{select}\n  INNER JOIN core__{source}_dn_inline_code AS m ON m.id = s.id\n  UNION\n\
         {select}\n  INNER JOIN core__{source}_dn_contained_code AS m\n    ON m.id = s.id AND '#' || \
         m.contained_id = s.medication_reference\n  WHERE m.resource_type = 'Medication'\n  \
         UNION\n\
         {select}\n  INNER JOIN core__medication_dn_code AS m\n    ON 'Medication/' || m.id = \
         s.medication_reference"
    );
    Join::of_query("medication_codes", query)
}

pub const SERVICE_REQUEST: Resource = Resource {
    fhir: "ServiceRequest",
    about: "Orders of examinations and procedures.",
    distinct: Distinct::Nowhere,
    has_status: true,
    keep: None,
    columns: &[
        Id,
        Element("status", "status", Text),
        Element("intent", "intent", Text),
        Concept("category", "dn_category"),
        Concept("code", "dn_code"),
        Time("occurrenceDateTime", "occurrenceDateTime", ALL),
        Time("occurrencePeriod_start", "occurrencePeriod.start", ALL),
        Time("occurrencePeriod_end", "occurrencePeriod.end", ALL),
        Time("authoredOn", "authoredOn", ALL),
        Own("servicerequest_ref"),
        Element("subject_ref", "subject.reference", Text),
        Element("encounter_ref", "encounter.reference", Text),
        Element("requester_ref", "requester.reference", Text),
        Each("specimen", &[("reference", "specimen_ref")]),
    ],
    joins: no_joins,
};

pub const SPECIMEN: Resource = Resource {
    fhir: "Specimen",
    about: "Samples.",
    distinct: Distinct::Nowhere,
    has_status: true,
    keep: None,
    columns: &[
        Id,
        Element("status", "status", Text),
        Concept("type", "dn_type"),
        Own("specimen_ref"),
        Element("subject_ref", "subject.reference", Text),
    ],
    joins: no_joins,
};
