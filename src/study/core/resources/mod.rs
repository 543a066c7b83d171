//! Each resource type's table, declared: its columns, in order.

mod clinical;
mod orders;
mod people;

use super::declare::{Resource, TimePart};

/// All forms of a time.
const ALL: &[TimePart] =
    &[TimePart::Time, TimePart::Day, TimePart::Week, TimePart::Month, TimePart::Year];
/// All but the time itself.
const DAYS: &[TimePart] = &[TimePart::Day, TimePart::Week, TimePart::Month, TimePart::Year];

/// The patients' table, which others look up.
pub(super) const PATIENT: Resource = people::PATIENT;
/// The observations' table, of which there are excerpts.
pub(super) const OBSERVATION: Resource = clinical::OBSERVATION;

/// The tables of all other types, in alphabetical order.
pub(super) const OTHERS: [Resource; 16] = [
    clinical::ALLERGY_INTOLERANCE,
    clinical::CONDITION,
    clinical::DIAGNOSTIC_REPORT,
    clinical::DOCUMENT_REFERENCE,
    people::ENCOUNTER,
    people::EPISODE_OF_CARE,
    people::LOCATION,
    orders::MEDICATION_DISPENSE,
    orders::MEDICATION_REQUEST,
    clinical::OBSERVATION,
    people::ORGANIZATION,
    people::PRACTITIONER,
    people::PRACTITIONER_ROLE,
    clinical::PROCEDURE,
    orders::SERVICE_REQUEST,
    orders::SPECIMEN,
];
