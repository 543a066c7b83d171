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
        Kind::AllergyIntolerance => conditions::allergy_intolerance,
        Kind::Condition => conditions::condition,
        Kind::Device => procedures::device,
        Kind::DiagnosticReport => documents::diagnostic_report,
        Kind::DocumentReference => documents::document_reference,
        Kind::Encounter => encounters::encounter,
        Kind::EpisodeOfCare => encounters::episode_of_care,
        Kind::Immunization => procedures::immunization,
        Kind::Location => people::location,
        Kind::Medication => medications::medication,
        Kind::MedicationDispense => medications::medication_dispense,
        Kind::MedicationRequest => medications::medication_request,
        Kind::Observation => observations::observation,
        Kind::Organization => people::organization,
        Kind::Patient => people::patient,
        Kind::Practitioner => people::practitioner,
        Kind::PractitionerRole => people::practitioner_role,
        Kind::Procedure => procedures::procedure,
        Kind::ServiceRequest => orders::service_request,
        Kind::Specimen => orders::specimen,
    };
    members(&mut row);
    row.end();
}
