//! Diagnoses, allergies and procedures.

use super::{Code, CodedConcept, code, concept, cpt, icd9, icd10, snomed};

/// A site's own diagnosis numbers in Epic.
const fn epic(id: &'static str, display: &'static str) -> Code {
    code("urn:oid:1.2.840.114350.1.13.861.1.7.2.728286", id, display)
}

const CLINICAL: &str = "http://terminology.hl7.org/CodeSystem/condition-clinical";
const VERIFICATION: &str = "http://terminology.hl7.org/CodeSystem/condition-ver-status";
const ALLERGY_CLINICAL: &str = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical";
const ALLERGY_VERIFICATION: &str =
    "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification";

pub(crate) const CONDITIONS: &[CodedConcept] = &[
    concept(
        "Essential hypertension",
        &[
            snomed("59621000", "Essential hypertension (disorder)"),
            icd10("I10", "Essential (primary) hypertension"),
            icd9("401.9", "Unspecified essential hypertension"),
        ],
    ),
    concept(
        "Type 2 diabetes mellitus",
        &[
            epic("77168", "Type 2 diabetes mellitus without complication"),
            icd10("E11.9", "Type 2 diabetes mellitus without complications"),
            snomed("44054006", "Diabetes mellitus type 2 (disorder)"),
        ],
    ),
    concept(
        "Asthma",
        &[
            snomed("195967001", "Asthma (disorder)"),
            icd10("J45.909", "Unspecified asthma, uncomplicated"),
        ],
    ),
    concept(
        "Hyperlipidemia",
        &[
            icd10("E78.5", "Hyperlipidemia, unspecified"),
            snomed("55822004", "Hyperlipidemia (disorder)"),
            code("urn:oid:1.2.840.114350.1.13.861.1.7.4.698084.10375", "272", "Hyperlipidemia"),
        ],
    ),
    concept(
        "Chronic obstructive lung disease",
        &[
            snomed("13645005", "Chronic obstructive lung disease (disorder)"),
            icd10("J44.9", "Chronic obstructive pulmonary disease, unspecified"),
            code("http://hl7.org/fhir/sid/icd-9-cm/diagnosis", "496", "Chronic airway obstruction"),
        ],
    ),
    concept(
        "Depression",
        &[
            snomed("370143000", "Major depressive disorder (disorder)"),
            icd10("F32.A", "Depression, unspecified"),
        ],
    ),
    concept(
        "Anxiety",
        &[
            snomed("197480006", "Anxiety disorder (disorder)"),
            icd10("F41.9", "Anxiety disorder, unspecified"),
        ],
    ),
    concept(
        "Gastro-esophageal reflux disease",
        &[
            snomed("235595009", "Gastroesophageal reflux disease (disorder)"),
            icd10("K21.9", "Gastro-esophageal reflux disease without esophagitis"),
            icd9("530.81", "Esophageal reflux"),
        ],
    ),
    concept(
        "Osteoarthritis",
        &[
            snomed("396275006", "Osteoarthritis (disorder)"),
            icd10("M19.90", "Unspecified osteoarthritis, unspecified site"),
        ],
    ),
    concept(
        "Hypothyroidism",
        &[
            snomed("40930008", "Hypothyroidism (disorder)"),
            icd10("E03.9", "Hypothyroidism, unspecified"),
        ],
    ),
    concept(
        "Obesity",
        &[snomed("414916001", "Obesity (disorder)"), icd10("E66.9", "Obesity, unspecified")],
    ),
    concept(
        "Anemia",
        &[snomed("271737000", "Anemia (disorder)"), icd10("D64.9", "Anemia, unspecified")],
    ),
    concept(
        "Acute pharyngitis",
        &[
            snomed("195662009", "Acute viral pharyngitis (disorder)"),
            icd10("J02.9", "Acute pharyngitis, unspecified"),
        ],
    ),
    concept(
        "Acute bronchitis",
        &[
            snomed("10509002", "Acute bronchitis (disorder)"),
            icd10("J20.9", "Acute bronchitis, unspecified"),
        ],
    ),
    concept(
        "Pneumonia",
        &[
            snomed("233604007", "Pneumonia (disorder)"),
            icd10("J18.9", "Pneumonia, unspecified organism"),
        ],
    ),
    concept(
        "Urinary tract infection",
        &[
            snomed("68566005", "Urinary tract infectious disease (disorder)"),
            icd10("N39.0", "Urinary tract infection, site not specified"),
        ],
    ),
    concept(
        "Atrial fibrillation",
        &[
            snomed("49436004", "Atrial fibrillation (disorder)"),
            icd10("I48.91", "Unspecified atrial fibrillation"),
        ],
    ),
    concept(
        "Heart failure",
        &[
            snomed("84114007", "Heart failure (disorder)"),
            icd10("I50.9", "Heart failure, unspecified"),
        ],
    ),
    concept(
        "Chronic kidney disease stage 3",
        &[
            snomed("433144002", "Chronic kidney disease stage 3 (disorder)"),
            icd10("N18.30", "Chronic kidney disease, stage 3 unspecified"),
        ],
    ),
    concept(
        "COVID-19",
        &[
            snomed(
                "840539006",
                "Disease caused by severe acute respiratory syndrome coronavirus 2 (disorder)",
            ),
            icd10("U07.1", "COVID-19"),
        ],
    ),
    concept(
        "Crohn's disease",
        &[
            snomed("34000006", "Crohn's disease (disorder)"),
            icd10("K50.90", "Crohn's disease, unspecified, without complications"),
        ],
    ),
    concept(
        "Ulcerative colitis",
        &[
            snomed("64766004", "Ulcerative colitis (disorder)"),
            icd10("K51.90", "Ulcerative colitis, unspecified, without complications"),
        ],
    ),
    concept(
        "Migraine",
        &[
            snomed("37796009", "Migraine (disorder)"),
            icd10("G43.909", "Migraine, unspecified, not intractable, without status migrainosus"),
        ],
    ),
    concept(
        "Atopic dermatitis",
        &[
            snomed("24079001", "Atopic dermatitis (disorder)"),
            icd10("L20.9", "Atopic dermatitis, unspecified"),
        ],
    ),
    concept(
        "Breast cancer",
        &[
            snomed("254837009", "Malignant neoplasm of breast (disorder)"),
            icd10("C50.919", "Malignant neoplasm of unspecified site of unspecified female breast"),
        ],
    ),
    concept(
        "Unknown diagnosis",
        &[code("http://terminology.hl7.org/CodeSystem/data-absent-reason", "unknown", "Unknown")],
    ),
];

/// Reasons for a visit in a Cerner site's terms.
pub(crate) const CERNER_REASON: CodedConcept = concept(
    "Chest pain",
    &[
        code(
            "https://fhir.cerner.com/5f0c1b0e-7d5a-4f6c-9a61-2b1d3c4e5f60/nomenclature",
            "7598443",
            "Chest pain",
        ),
        code("http://terminology.hl7.org/CodeSystem/v3-ActPriority", "UR", "urgent"),
    ],
);

pub(crate) const CONDITION_STATUS: &[CodedConcept] = &[
    concept("Active", &[code(CLINICAL, "active", "Active")]),
    concept("Resolved", &[code(CLINICAL, "resolved", "Resolved")]),
    concept("Inactive", &[code(CLINICAL, "inactive", "Inactive")]),
];
pub(crate) const CONDITION_VERIFICATION: &[CodedConcept] = &[
    concept("Confirmed", &[code(VERIFICATION, "confirmed", "Confirmed")]),
    concept("Unconfirmed", &[code(VERIFICATION, "unconfirmed", "Unconfirmed")]),
    concept("Entered in Error", &[code(VERIFICATION, "entered-in-error", "Entered in Error")]),
];
pub(crate) const CONDITION_CATEGORIES: &[CodedConcept] = &[
    concept(
        "Encounter Diagnosis",
        &[code(
            "http://terminology.hl7.org/CodeSystem/condition-category",
            "encounter-diagnosis",
            "Encounter Diagnosis",
        )],
    ),
    concept(
        "Problem List Item",
        &[code(
            "http://terminology.hl7.org/CodeSystem/condition-category",
            "problem-list-item",
            "Problem List Item",
        )],
    ),
];
pub(crate) const SEVERITIES: &[CodedConcept] = &[
    concept("Mild", &[snomed("255604002", "Mild (qualifier value)")]),
    concept("Moderate", &[snomed("6736007", "Moderate (severity modifier) (qualifier value)")]),
    concept("Severe", &[snomed("24484000", "Severe (severity modifier) (qualifier value)")]),
];
pub(crate) const BODY_SITES: &[CodedConcept] = &[
    concept("Left upper arm", &[snomed("368208006", "Left upper arm structure (body structure)")]),
    concept(
        "Right upper arm",
        &[snomed("368209003", "Right upper arm structure (body structure)")],
    ),
    concept("Chest", &[snomed("51185008", "Thoracic structure (body structure)")]),
    concept(
        "Left deltoid",
        &[code("http://terminology.hl7.org/CodeSystem/v3-ActSite", "LA", "left arm")],
    ),
];
pub(crate) const STAGES: &[CodedConcept] =
    &[concept("Stage 2", &[snomed("258219007", "Stage 2 (qualifier value)")])];
pub(crate) const STAGE_TYPE: CodedConcept = concept(
    "Pathological staging",
    &[snomed("261023001", "Pathological staging (qualifier value)")],
);
pub(crate) const SYMPTOMS: &[CodedConcept] = &[
    concept("Fever", &[snomed("386661006", "Fever (finding)")]),
    concept("Cough", &[snomed("49727002", "Cough (finding)")]),
    concept("Hives", &[snomed("247472004", "Wheal (finding)")]),
    concept("Anaphylaxis", &[snomed("39579001", "Anaphylaxis (disorder)")]),
    concept("Nausea", &[snomed("422587007", "Nausea (finding)")]),
];

pub(crate) const ALLERGENS: &[CodedConcept] = &[
    concept(
        "Penicillin",
        &[super::rxnorm("7980", "penicillin G"), snomed("764146007", "Penicillin (substance)")],
    ),
    concept("Peanut", &[snomed("762952008", "Peanut (substance)")]),
    concept("Latex", &[snomed("111088007", "Latex (substance)")]),
    concept("Shellfish", &[snomed("735029006", "Shellfish (substance)")]),
    concept("Aspirin", &[super::rxnorm("1191", "aspirin")]),
    concept("Cat dander", &[snomed("260152009", "Cat dander (substance)")]),
];
pub(crate) const ALLERGY_STATUS: &[CodedConcept] = &[
    concept("Active", &[code(ALLERGY_CLINICAL, "active", "Active")]),
    concept("Resolved", &[code(ALLERGY_CLINICAL, "resolved", "Resolved")]),
];
pub(crate) const ALLERGY_VERIFIED: &[CodedConcept] = &[
    concept("Confirmed", &[code(ALLERGY_VERIFICATION, "confirmed", "Confirmed")]),
    concept("Unconfirmed", &[code(ALLERGY_VERIFICATION, "unconfirmed", "Unconfirmed")]),
];

pub(crate) const PROCEDURES: &[CodedConcept] = &[
    concept(
        "Colonoscopy",
        &[snomed("73761001", "Colonoscopy (procedure)"), cpt("45378", "Diagnostic colonoscopy")],
    ),
    concept("Appendectomy", &[snomed("80146002", "Excision of appendix (procedure)")]),
    concept(
        "Electrocardiogram",
        &[
            cpt("93000", "Electrocardiogram with interpretation and report"),
            snomed("29303009", "Electrocardiographic procedure (procedure)"),
        ],
    ),
    concept(
        "Chest x-ray",
        &[
            cpt("71046", "Chest x-ray, 2 views"),
            snomed("399208008", "Plain X-ray of chest (procedure)"),
        ],
    ),
    concept("Echocardiogram", &[snomed("40701008", "Echocardiography (procedure)")]),
    concept("Venipuncture", &[cpt("36415", "Collection of venous blood by venipuncture")]),
    concept("Depression screening", &[snomed("171207006", "Depression screening (procedure)")]),
    concept(
        "Medication reconciliation",
        &[snomed("430193006", "Medication reconciliation (procedure)")],
    ),
    concept("Hemodialysis", &[snomed("302497006", "Hemodialysis (procedure)")]),
    concept("Cesarean section", &[snomed("11466000", "Cesarean section (procedure)")]),
    concept(
        "CT of head without contrast",
        &[cpt("70450", "CT scan of head or brain without contrast")],
    ),
    concept("Administration of vaccine", &[cpt("90471", "Immunization administration")]),
];
pub(crate) const PROCEDURE_CATEGORIES: &[CodedConcept] = &[
    concept("Surgical procedure", &[snomed("387713003", "Surgical procedure (procedure)")]),
    concept("Diagnostic procedure", &[snomed("103693007", "Diagnostic procedure (procedure)")]),
    concept("Counseling", &[snomed("409063005", "Counseling (procedure)")]),
];
pub(crate) const OUTCOMES: &[CodedConcept] =
    &[concept("Successful", &[snomed("385669000", "Successful (qualifier value)")])];
pub(crate) const COMPLICATIONS: &[CodedConcept] =
    &[concept("Bleeding", &[snomed("131148009", "Bleeding (finding)")])];
pub(crate) const FOLLOW_UPS: &[CodedConcept] =
    &[concept("Removal of suture", &[snomed("30549001", "Removal of suture (procedure)")])];
pub(crate) const DEVICE_ACTIONS: &[CodedConcept] =
    &[concept("Implantation", &[snomed("71861002", "Implantation (procedure)")])];
pub(crate) const NOT_DONE: &[CodedConcept] = &[
    concept("Refused", &[snomed("443390004", "Refused (qualifier value)")]),
    concept(
        "Patient preference",
        &[code(
            "http://terminology.hl7.org/CodeSystem/v3-ActReason",
            "PATOBJ",
            "patient objection",
        )],
    ),
];
pub(crate) const DEVICE_STATES: &[CodedConcept] = &[concept(
    "Online",
    &[code("http://terminology.hl7.org/CodeSystem/device-status-reason", "online", "Online")],
)];
pub(crate) const DEVICES: &[CodedConcept] = &[
    concept(
        "Cardiac pacemaker",
        &[snomed("14106009", "Cardiac pacemaker, device (physical object)")],
    ),
    concept("Insulin pump", &[snomed("69805005", "Insulin pump, device (physical object)")]),
    concept("Blood glucose meter", &[snomed("337414009", "Blood glucose meter (physical object)")]),
    concept("Stent", &[snomed("65818007", "Stent, device (physical object)")]),
];
