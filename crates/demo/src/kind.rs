//! The types of an export, and how many rows a patient has of each.

/// The types of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RowType {
    AllergyIntolerance,
    Condition,
    Device,
    DiagnosticReport,
    DocumentReference,
    Encounter,
    EpisodeOfCare,
    Immunization,
    Location,
    Medication,
    MedicationDispense,
    MedicationRequest,
    Observation,
    Organization,
    Patient,
    Practitioner,
    PractitionerRole,
    Procedure,
    ServiceRequest,
    Specimen,
}

impl RowType {
    pub(super) const ALL: [Self; 20] = [
        Self::AllergyIntolerance,
        Self::Condition,
        Self::Device,
        Self::DiagnosticReport,
        Self::DocumentReference,
        Self::Encounter,
        Self::EpisodeOfCare,
        Self::Immunization,
        Self::Location,
        Self::Medication,
        Self::MedicationDispense,
        Self::MedicationRequest,
        Self::Observation,
        Self::Organization,
        Self::Patient,
        Self::Practitioner,
        Self::PractitionerRole,
        Self::Procedure,
        Self::ServiceRequest,
        Self::Specimen,
    ];

    /// `Patient`
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::AllergyIntolerance => "AllergyIntolerance",
            Self::Condition => "Condition",
            Self::Device => "Device",
            Self::DiagnosticReport => "DiagnosticReport",
            Self::DocumentReference => "DocumentReference",
            Self::Encounter => "Encounter",
            Self::EpisodeOfCare => "EpisodeOfCare",
            Self::Immunization => "Immunization",
            Self::Location => "Location",
            Self::Medication => "Medication",
            Self::MedicationDispense => "MedicationDispense",
            Self::MedicationRequest => "MedicationRequest",
            Self::Observation => "Observation",
            Self::Organization => "Organization",
            Self::Patient => "Patient",
            Self::Practitioner => "Practitioner",
            Self::PractitionerRole => "PractitionerRole",
            Self::Procedure => "Procedure",
            Self::ServiceRequest => "ServiceRequest",
            Self::Specimen => "Specimen",
        }
    }

    /// Rows per patient, on average; 0 for types whose rows belong to no one patient.
    pub(super) const fn per_patient(self) -> u64 {
        match self {
            Self::Location
            | Self::Medication
            | Self::Organization
            | Self::Practitioner
            | Self::PractitionerRole => 0,
            Self::Device | Self::EpisodeOfCare | Self::Patient => 1,
            Self::AllergyIntolerance => 2,
            Self::Specimen => 4,
            Self::Immunization => 6,
            Self::MedicationDispense => 8,
            Self::DiagnosticReport
            | Self::DocumentReference
            | Self::Encounter
            | Self::ServiceRequest => 10,
            Self::Procedure => 12,
            Self::Condition => 15,
            Self::MedicationRequest => 20,
            Self::Observation => 60,
        }
    }

    /// Whether the rows belong to no one patient.
    pub(super) const fn is_shared(self) -> bool {
        self.per_patient() == 0
    }

    /// The profile that rows claim in `meta`.
    pub(super) const fn profile_url(self) -> &'static str {
        macro_rules! us_core {
            ($name:literal) => {
                concat!("http://hl7.org/fhir/us/core/StructureDefinition/us-core-", $name)
            };
        }
        match self {
            Self::AllergyIntolerance => us_core!("allergyintolerance"),
            Self::Condition => us_core!("condition-encounter-diagnosis"),
            Self::Device => us_core!("implantable-device"),
            Self::DiagnosticReport => us_core!("diagnosticreport-lab"),
            Self::DocumentReference => us_core!("documentreference"),
            Self::Encounter => us_core!("encounter"),
            Self::EpisodeOfCare => "http://hl7.org/fhir/StructureDefinition/EpisodeOfCare",
            Self::Immunization => us_core!("immunization"),
            Self::Location => us_core!("location"),
            Self::Medication => us_core!("medication"),
            Self::MedicationDispense => us_core!("medicationdispense"),
            Self::MedicationRequest => us_core!("medicationrequest"),
            // A canonical URL may name a version behind `|` (FHIR R4, references).
            Self::Observation => us_core!("observation-lab|6.1.0"),
            Self::Organization => us_core!("organization"),
            Self::Patient => us_core!("patient"),
            Self::Practitioner => us_core!("practitioner"),
            Self::PractitionerRole => us_core!("practitionerrole"),
            Self::Procedure => us_core!("procedure"),
            Self::ServiceRequest => us_core!("servicerequest"),
            Self::Specimen => us_core!("specimen"),
        }
    }
}
