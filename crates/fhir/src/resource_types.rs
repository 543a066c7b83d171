//! The names of all resource types of FHIR R4, R4B, R5 and R6, and which of them have tables.
//!
//! Sources: of R4 (4.0.1), R4B (4.3.0) and R5 (5.0.0), the resource types of HL7's packages
//! `hl7.fhir.r4.core`, `hl7.fhir.r4b.core` and `hl7.fhir.r5.core`, as the npm package
//! `@types/fhir@0.0.44` has them; of R6, which is in ballot, the folders of the specification's
//! source (<https://github.com/HL7/fhir>, `source/`). HL7 dedicates the specification to the public
//! domain (CC0 1.0).

use std::sync::LazyLock;

use hashbrown::HashSet;

/// Where the definitions of HL7's types are: `Reference.type` may name a type by its URL.
const DEFINITIONS: &str = "http://hl7.org/fhir/StructureDefinition/";

/// The resource type of this name, spelled exactly so, in R4, R4B, R5 or R6.
pub fn resource_type(name: &str) -> Option<&'static str> {
    // A set, as each reference of each row asks.
    static NAMES: LazyLock<HashSet<&str>> = LazyLock::new(|| RESOURCE_TYPES.into_iter().collect());
    NAMES.get(name).copied()
}

/// The resource type that a `Reference.type` names, as a name or as the URL of its definition.
pub fn referenced_type(text: &str) -> Option<&'static str> {
    resource_type(text.strip_prefix(DEFINITIONS).unwrap_or(text))
}

/// The resource type of this name, however its letters are written.
pub fn resource_type_ignoring_case(name: &str) -> Option<&'static str> {
    resource_type(name)
        .or_else(|| RESOURCE_TYPES.into_iter().find(|known| known.eq_ignore_ascii_case(name)))
}

/// The resource types with a table of their own, in the order in which they run: Encounter and
/// Patient first, because most references point at them.
pub const TABLE_TYPES: [&str; 20] = [
    "Encounter",
    "Patient",
    "AllergyIntolerance",
    "Condition",
    "Device",
    "DiagnosticReport",
    "DocumentReference",
    "EpisodeOfCare",
    "Immunization",
    "Location",
    "Medication",
    "MedicationDispense",
    "MedicationRequest",
    "Observation",
    "Organization",
    "Practitioner",
    "PractitionerRole",
    "Procedure",
    "ServiceRequest",
    "Specimen",
];

/// Sorted.
const RESOURCE_TYPES: [&str; 182] = [
    "Account",
    "ActivityDefinition",
    "ActorDefinition",
    "AdministrableProductDefinition",
    "AdverseEvent",
    "AllergyIntolerance",
    "Appointment",
    "AppointmentResponse",
    "ArtifactAssessment",
    "AuditEvent",
    "Basic",
    "Binary",
    "BiologicallyDerivedProduct",
    "BiologicallyDerivedProductDispense",
    "BodyStructure",
    "Bundle",
    "CapabilityStatement",
    "CarePlan",
    "CareTeam",
    "CatalogEntry",
    "ChargeItem",
    "ChargeItemDefinition",
    "Citation",
    "Claim",
    "ClaimResponse",
    "ClinicalImpression",
    "ClinicalUseDefinition",
    "CodeSystem",
    "Communication",
    "CommunicationRequest",
    "CompartmentDefinition",
    "Composition",
    "ConceptMap",
    "Condition",
    "ConditionDefinition",
    "Consent",
    "Contract",
    "Coverage",
    "CoverageEligibilityRequest",
    "CoverageEligibilityResponse",
    "DetectedIssue",
    "Device",
    "DeviceAlert",
    "DeviceAssociation",
    "DeviceDefinition",
    "DeviceDispense",
    "DeviceMetric",
    "DeviceRequest",
    "DeviceUsage",
    "DeviceUseStatement",
    "DiagnosticReport",
    "DocumentManifest",
    "DocumentReference",
    "EffectEvidenceSynthesis",
    "Encounter",
    "EncounterHistory",
    "Endpoint",
    "EnrollmentRequest",
    "EnrollmentResponse",
    "EpisodeOfCare",
    "EventDefinition",
    "Evidence",
    "EvidenceReport",
    "EvidenceVariable",
    "ExampleScenario",
    "ExplanationOfBenefit",
    "FamilyMemberHistory",
    "Flag",
    "FormularyItem",
    "GenomicStudy",
    "Goal",
    "GraphDefinition",
    "Group",
    "GuidanceResponse",
    "HealthcareService",
    "ImagingSelection",
    "ImagingStudy",
    "Immunization",
    "ImmunizationEvaluation",
    "ImmunizationRecommendation",
    "ImplementationGuide",
    "Ingredient",
    "InsurancePlan",
    "InsuranceProduct",
    "InventoryItem",
    "InventoryReport",
    "Invoice",
    "Library",
    "Linkage",
    "List",
    "Location",
    "ManufacturedItemDefinition",
    "Measure",
    "MeasureReport",
    "Media",
    "Medication",
    "MedicationAdministration",
    "MedicationDispense",
    "MedicationKnowledge",
    "MedicationRequest",
    "MedicationStatement",
    "MedicinalProduct",
    "MedicinalProductAuthorization",
    "MedicinalProductContraindication",
    "MedicinalProductDefinition",
    "MedicinalProductIndication",
    "MedicinalProductIngredient",
    "MedicinalProductInteraction",
    "MedicinalProductManufactured",
    "MedicinalProductPackaged",
    "MedicinalProductPharmaceutical",
    "MedicinalProductUndesirableEffect",
    "MessageDefinition",
    "MessageHeader",
    "MolecularDefinition",
    "MolecularSequence",
    "NamingSystem",
    "NutritionIntake",
    "NutritionOrder",
    "NutritionProduct",
    "Observation",
    "ObservationDefinition",
    "OperationDefinition",
    "OperationOutcome",
    "Organization",
    "OrganizationAffiliation",
    "PackagedProductDefinition",
    "Parameters",
    "Patient",
    "PaymentNotice",
    "PaymentReconciliation",
    "Permission",
    "Person",
    "PersonalRelationship",
    "PlanDefinition",
    "Practitioner",
    "PractitionerRole",
    "Procedure",
    "Provenance",
    "Questionnaire",
    "QuestionnaireResponse",
    "RegulatedAuthorization",
    "RelatedPerson",
    "RequestGroup",
    "RequestOrchestration",
    "Requirements",
    "ResearchDefinition",
    "ResearchElementDefinition",
    "ResearchStudy",
    "ResearchSubject",
    "RiskAssessment",
    "RiskEvidenceSynthesis",
    "Schedule",
    "SearchParameter",
    "ServiceRequest",
    "Slot",
    "Specimen",
    "SpecimenDefinition",
    "StructureDefinition",
    "StructureMap",
    "Subscription",
    "SubscriptionStatus",
    "SubscriptionTopic",
    "Substance",
    "SubstanceDefinition",
    "SubstanceNucleicAcid",
    "SubstancePolymer",
    "SubstanceProtein",
    "SubstanceReferenceInformation",
    "SubstanceSourceMaterial",
    "SubstanceSpecification",
    "SupplyDelivery",
    "SupplyRequest",
    "Task",
    "TerminologyCapabilities",
    "TestPlan",
    "TestReport",
    "TestScript",
    "Transport",
    "ValueSet",
    "VerificationResult",
    "VisionPrescription",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resource_types_of_every_release_are_known() {
        assert!(RESOURCE_TYPES.is_sorted());
        for name in ["Patient", "Media", "Citation", "Transport", "DeviceAlert"] {
            assert_eq!(resource_type(name), Some(name));
            assert_eq!(referenced_type(&format!("{DEFINITIONS}{name}")), Some(name));
        }
        assert!(crate::resource_types().all(|r4| resource_type(r4.name).is_some()));
        for name in ["", "patient", "Patient ", "Period", "Resource", "DomainResource", "Jane Doe"]
        {
            assert_eq!(resource_type(name), None, "{name}");
        }
        assert_eq!(resource_type_ignoring_case("pAtient"), Some("Patient"));
        assert_eq!(resource_type_ignoring_case("patients"), None);
    }
}
