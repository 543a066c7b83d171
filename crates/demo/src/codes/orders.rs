//! Codes of orders and reports, and of the specimens for them.

use super::{Code, CodedConcept, code, concept, cpt, loinc, snomed};

const SERVICE_SECTION: &str = "http://terminology.hl7.org/CodeSystem/v2-0074";

/// Panels and studies, as ordered and as reported.
pub(crate) const ORDERS: &[CodedConcept] = &[
    concept(
        "CBC with differential",
        &[
            cpt("85025", "Complete blood count with automated differential"),
            loinc("58410-2", "CBC panel - Blood by Automated count"),
            code("urn:oid:1.2.840.114350.1.13.861.1.7.2.696580", "287", "CBC W/ DIFF"),
        ],
    ),
    concept(
        "Comprehensive metabolic panel",
        &[
            cpt("80053", "Comprehensive metabolic panel"),
            loinc("24323-8", "Comprehensive metabolic 2000 panel - Serum or Plasma"),
        ],
    ),
    concept("Basic metabolic panel", &[loinc("51990-0", "Basic metabolic panel - Blood")]),
    concept(
        "Lipid panel",
        &[loinc("24331-1", "Lipid 1996 panel - Serum or Plasma"), cpt("80061", "Lipid panel")],
    ),
    concept(
        "Urinalysis",
        &[
            loinc("24356-8", "Urinalysis complete panel - Urine"),
            cpt("81001", "Urinalysis with microscopy"),
        ],
    ),
    concept("XR Chest 2 Views", &[loinc("36643-5", "XR Chest 2 Views")]),
    concept("CT Chest", &[loinc("24627-2", "CT Chest")]),
    concept("EKG 12 lead", &[loinc("34534-8", "EKG 12 lead panel")]),
    concept(
        "Hemoglobin A1c",
        &[
            cpt("83036", "Hemoglobin A1c"),
            loinc("4548-4", "Hemoglobin A1c/Hemoglobin.total in Blood"),
        ],
    ),
];
pub(crate) const REPORT_CATEGORIES: &[CodedConcept] = &[
    concept("Lab", &[code(SERVICE_SECTION, "LAB", "Laboratory")]),
    concept("Imaging", &[code(SERVICE_SECTION, "RAD", "Radiology")]),
    concept("Cardiology", &[loinc("LP29708-2", "Cardiology")]),
    concept("Pathology", &[loinc("LP7839-6", "Pathology")]),
];
pub(crate) const ORDER_CATEGORIES: &[CodedConcept] = &[
    concept("Laboratory procedure", &[snomed("108252007", "Laboratory procedure (procedure)")]),
    concept("Imaging", &[snomed("363679005", "Imaging (procedure)")]),
];
pub(crate) const ORDER_DETAILS: &[CodedConcept] =
    &[concept("Fasting", &[snomed("726054005", "Fasting (finding)")])];
pub(crate) const SERVICE_SITES: &[CodedConcept] = &[concept(
    "Hospital laboratory",
    &[code("http://terminology.hl7.org/CodeSystem/v3-RoleCode", "HLAB", "hospital laboratory")],
)];
pub(crate) const SPECIMENS: &[CodedConcept] = &[
    concept(
        "Venous blood",
        &[
            snomed("122555007", "Venous blood specimen (specimen)"),
            code("http://terminology.hl7.org/CodeSystem/v2-0487", "BLDV", "Blood venous"),
        ],
    ),
    concept("Serum", &[snomed("119364003", "Serum specimen (specimen)")]),
    concept("Urine", &[snomed("122575003", "Urine specimen (specimen)")]),
    concept("Nasopharyngeal swab", &[snomed("258500001", "Nasopharyngeal swab (specimen)")]),
];
pub(crate) const COLLECTION: CodedConcept =
    concept("Venipuncture", &[snomed("28520004", "Venipuncture (procedure)")]);
pub(crate) const FASTING: CodedConcept = concept(
    "Fasting",
    &[code(
        "http://terminology.hl7.org/CodeSystem/v2-0916",
        "F",
        "Patient was fasting prior to the procedure.",
    )],
);
pub(crate) const PROCESSING: CodedConcept =
    concept("Centrifugation", &[snomed("73373003", "Specimen centrifugation (procedure)")]);
pub(crate) const TUBE: CodedConcept = concept(
    "EDTA tube",
    &[snomed("702278000", "Evacuated blood collection tube with EDTA (physical object)")],
);
pub(crate) const ADDITIVE: CodedConcept = concept(
    "EDTA",
    &[code("http://terminology.hl7.org/CodeSystem/v2-0371", "EDTK", "Potassium/K EDTA")],
);
pub(crate) const SPECIMEN_STATE: CodedConcept = concept(
    "Hemolyzed",
    &[code("http://terminology.hl7.org/CodeSystem/v2-0493", "HEM", "Hemolyzed")],
);
/// Flags that tag and protect a row (`meta.tag`, `meta.security`).
pub(crate) const TAGS: &[Code] = &[
    code("http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "SUBSETTED", "subsetted"),
    code("urn:example:hospital:tags", "migrated", "Migrated from the old system"),
];
