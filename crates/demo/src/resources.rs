//! One row of any type.

use super::kind::RowType;
use super::row::{Revision, Row};
use super::world::{Person, World};
use super::{
    conditions, documents, encounters, medications, observations, orders, people, procedures,
};

/// Writes one row and its line's end.
pub(super) fn write_row(
    buf: &mut Vec<u8>,
    world: &World,
    person: &Person,
    kind: RowType,
    index: u64,
    revision: Revision,
) {
    let mut row = Row::new(buf, world, person, kind, index, revision);
    let members = match kind {
        RowType::AllergyIntolerance => conditions::write_allergy_intolerance,
        RowType::Condition => conditions::write_condition,
        RowType::Device => procedures::write_device,
        RowType::DiagnosticReport => documents::write_diagnostic_report,
        RowType::DocumentReference => documents::write_document_reference,
        RowType::Encounter => encounters::write_encounter,
        RowType::EpisodeOfCare => encounters::write_episode_of_care,
        RowType::Immunization => procedures::write_immunization,
        RowType::Location => people::write_location,
        RowType::Medication => medications::write_medication,
        RowType::MedicationDispense => medications::write_medication_dispense,
        RowType::MedicationRequest => medications::write_medication_request,
        RowType::Observation => observations::write_observation,
        RowType::Organization => people::write_organization,
        RowType::Patient => people::write_patient,
        RowType::Practitioner => people::write_practitioner,
        RowType::PractitionerRole => people::write_practitioner_role,
        RowType::Procedure => procedures::write_procedure,
        RowType::ServiceRequest => orders::write_service_request,
        RowType::Specimen => orders::write_specimen,
    };
    members(&mut row);
    row.end_resource();
}
