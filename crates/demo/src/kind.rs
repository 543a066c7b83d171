//! The types of an export, and how many rows a patient has of each.

/// The URL of a profile of US Core.
macro_rules! us_core {
    ($name:literal) => {
        concat!("http://hl7.org/fhir/us/core/StructureDefinition/us-core-", $name)
    };
}

/// Declares the types of an export: rows per patient, on average (0 for types whose rows belong to no one
/// patient), and the profile that rows claim in `meta`.
macro_rules! row_types {
    ($($name:ident: $per_patient:literal, $profile:expr;)*) => {
        /// The types of an export.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum RowType {
            $($name,)*
        }

        impl RowType {
            pub(super) const ALL: [Self; [$(stringify!($name)),*].len()] = [$(Self::$name,)*];

            /// `Patient`
            pub(super) const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                }
            }

            /// Rows per patient, on average; 0 for types whose rows belong to no one patient.
            pub(super) const fn per_patient(self) -> u64 {
                match self {
                    $(Self::$name => $per_patient,)*
                }
            }

            /// The profile that rows claim in `meta`.
            pub(super) const fn profile_url(self) -> &'static str {
                match self {
                    $(Self::$name => $profile,)*
                }
            }
        }
    };
}

row_types! {
    AllergyIntolerance: 2, us_core!("allergyintolerance");
    Condition: 15, us_core!("condition-encounter-diagnosis");
    Device: 1, us_core!("implantable-device");
    DiagnosticReport: 10, us_core!("diagnosticreport-lab");
    DocumentReference: 10, us_core!("documentreference");
    Encounter: 10, us_core!("encounter");
    EpisodeOfCare: 1, "http://hl7.org/fhir/StructureDefinition/EpisodeOfCare";
    Immunization: 6, us_core!("immunization");
    Location: 0, us_core!("location");
    Medication: 0, us_core!("medication");
    MedicationDispense: 8, us_core!("medicationdispense");
    MedicationRequest: 20, us_core!("medicationrequest");
    // A canonical URL may name a version behind `|` (FHIR R4, references).
    Observation: 60, us_core!("observation-lab|6.1.0");
    Organization: 0, us_core!("organization");
    Patient: 1, us_core!("patient");
    Practitioner: 0, us_core!("practitioner");
    PractitionerRole: 0, us_core!("practitionerrole");
    Procedure: 12, us_core!("procedure");
    ServiceRequest: 10, us_core!("servicerequest");
    Specimen: 4, us_core!("specimen");
}

impl RowType {
    /// Whether the rows belong to no one patient.
    pub(super) const fn is_shared(self) -> bool {
        self.per_patient() == 0
    }
}
