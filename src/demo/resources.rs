//! One row of any type.

use super::row::{Revision, Row};
use super::world::{Person, World};
use super::{
    Kind, conditions, documents, encounters, medications, observations, orders, people, procedures,
};

/// Writes one row and its line's end.
pub(super) fn write_row(
    buf: &mut Vec<u8>,
    world: &World,
    person: &Person,
    kind: Kind,
    index: u64,
    revision: Revision,
) {
    let mut row = Row::new(buf, world, person, kind, index, revision);
    let members = match kind {
        Kind::AllergyIntolerance => conditions::write_allergy_intolerance,
        Kind::Condition => conditions::write_condition,
        Kind::Device => procedures::write_device,
        Kind::DiagnosticReport => documents::write_diagnostic_report,
        Kind::DocumentReference => documents::write_document_reference,
        Kind::Encounter => encounters::write_encounter,
        Kind::EpisodeOfCare => encounters::write_episode_of_care,
        Kind::Immunization => procedures::write_immunization,
        Kind::Location => people::write_location,
        Kind::Medication => medications::write_medication,
        Kind::MedicationDispense => medications::write_medication_dispense,
        Kind::MedicationRequest => medications::write_medication_request,
        Kind::Observation => observations::write_observation,
        Kind::Organization => people::write_organization,
        Kind::Patient => people::write_patient,
        Kind::Practitioner => people::write_practitioner,
        Kind::PractitionerRole => people::write_practitioner_role,
        Kind::Procedure => procedures::write_procedure,
        Kind::ServiceRequest => orders::write_service_request,
        Kind::Specimen => orders::write_specimen,
    };
    members(&mut row);
    row.end_resource();
}
