//! Medicines, how they are given, and vaccines.

use super::{Code, CodedConcept, code, concept, rxnorm, snomed};

const fn cvx(id: &'static str, display: &'static str) -> Code {
    code("http://hl7.org/fhir/sid/cvx", id, display)
}

const fn ndc(id: &'static str, display: &'static str) -> Code {
    code("http://hl7.org/fhir/sid/ndc", id, display)
}

pub(crate) const DRUGS: &[CodedConcept] = &[
    concept(
        "lisinopril 10 MG tablet",
        &[
            rxnorm("314076", "lisinopril 10 MG Oral Tablet"),
            ndc("68180-513-01", "lisinopril 10 mg tablet"),
        ],
    ),
    concept(
        "metformin 500 MG tablet",
        &[rxnorm("861007", "metformin hydrochloride 500 MG Oral Tablet")],
    ),
    concept(
        "metformin ER 500 MG tablet",
        &[rxnorm("860975", "24 HR metformin hydrochloride 500 MG Extended Release Oral Tablet")],
    ),
    concept("atorvastatin 80 MG tablet", &[rxnorm("259255", "atorvastatin 80 MG Oral Tablet")]),
    concept("simvastatin 20 MG tablet", &[rxnorm("312961", "simvastatin 20 MG Oral Tablet")]),
    concept("amlodipine 5 MG tablet", &[rxnorm("197361", "amlodipine 5 MG Oral Tablet")]),
    concept(
        "hydrochlorothiazide 25 MG tablet",
        &[rxnorm("310798", "hydrochlorothiazide 25 MG Oral Tablet")],
    ),
    concept(
        "acetaminophen 325 MG tablet",
        &[
            rxnorm("313782", "acetaminophen 325 MG Oral Tablet"),
            code(
                "urn:oid:1.2.840.114350.1.13.861.1.7.2.698288",
                "8",
                "ACETAMINOPHEN 325 MG TABLET",
            ),
        ],
    ),
    concept("ibuprofen 200 MG tablet", &[rxnorm("310965", "ibuprofen 200 MG Oral Tablet")]),
    concept("furosemide 40 MG tablet", &[rxnorm("313988", "furosemide 40 MG Oral Tablet")]),
    concept("prednisone 20 MG tablet", &[rxnorm("312615", "prednisone 20 MG Oral Tablet")]),
    concept("clopidogrel 75 MG tablet", &[rxnorm("309362", "clopidogrel 75 MG Oral Tablet")]),
    concept(
        "metoprolol succinate ER 100 MG tablet",
        &[rxnorm("866412", "24 HR metoprolol succinate 100 MG Extended Release Oral Tablet")],
    ),
    concept("warfarin 5 MG tablet", &[rxnorm("855332", "warfarin sodium 5 MG Oral Tablet")]),
    concept("sertraline 50 MG tablet", &[rxnorm("312941", "sertraline 50 MG Oral Tablet")]),
    concept(
        "levothyroxine 75 MCG tablet",
        &[rxnorm("966222", "levothyroxine sodium 0.075 MG Oral Tablet")],
    ),
    concept("amoxicillin 250 MG capsule", &[rxnorm("308182", "amoxicillin 250 MG Oral Capsule")]),
    concept(
        "amoxicillin-clavulanate tablet",
        &[rxnorm("562251", "amoxicillin 250 MG / clavulanate 125 MG Oral Tablet")],
    ),
    concept(
        "albuterol inhaler",
        &[rxnorm("2123111", "NDA020503 200 ACTUAT albuterol 0.09 MG/ACTUAT Metered Dose Inhaler")],
    ),
    concept(
        "insulin isophane/regular 70/30",
        &[rxnorm(
            "106892",
            "insulin isophane, human 70 UNT/ML / insulin, regular, human 30 UNT/ML Injectable Suspension [Humulin]",
        )],
    ),
    concept(
        "sodium chloride 0.9 % infusion",
        &[rxnorm("313002", "sodium chloride 9 MG/ML Injectable Solution")],
    ),
];

pub(crate) const INGREDIENTS: &[CodedConcept] = &[
    concept("lisinopril", &[rxnorm("29046", "lisinopril")]),
    concept("metformin", &[rxnorm("6809", "metformin")]),
    concept("acetaminophen", &[rxnorm("161", "acetaminophen")]),
];
pub(crate) const FORMS: &[CodedConcept] = &[
    concept("Tablet", &[snomed("385055001", "Tablet (basic dose form)")]),
    concept("Capsule", &[snomed("385049006", "Capsule (basic dose form)")]),
    concept(
        "Solution for injection",
        &[snomed("385219001", "Conventional release solution for injection (dose form)")],
    ),
];
pub(crate) const ROUTES: &[CodedConcept] = &[
    concept("Oral", &[snomed("26643006", "Oral route (qualifier value)")]),
    concept("Intravenous", &[snomed("47625008", "Intravenous route (qualifier value)")]),
    concept(
        "Inhalation",
        &[code(
            "http://terminology.hl7.org/CodeSystem/v3-RouteOfAdministration",
            "IPINHL",
            "Inhalation, respiratory",
        )],
    ),
    concept(
        "Intramuscular",
        &[code(
            "http://terminology.hl7.org/CodeSystem/v3-RouteOfAdministration",
            "IM",
            "Injection, intramuscular",
        )],
    ),
];
pub(crate) const GIVING: &[CodedConcept] = &[
    concept(
        "Swallow",
        &[snomed("421521009", "Swallow - dosing instruction imperative (qualifier value)")],
    ),
    concept(
        "Inject",
        &[snomed("422145002", "Inject - dosing instruction imperative (qualifier value)")],
    ),
];
pub(crate) const INSTRUCTIONS: &[CodedConcept] = &[
    concept("With food", &[snomed("311504000", "With or after food (qualifier value)")]),
    concept("Until gone", &[snomed("421769005", "Follow directions (qualifier value)")]),
];
pub(crate) const AS_NEEDED: &[CodedConcept] = &[
    concept("Pain", &[snomed("22253000", "Pain (finding)")]),
    concept("Wheezing", &[snomed("56018004", "Wheezing (finding)")]),
];
pub(crate) const DOSE_TYPES: &[CodedConcept] = &[
    concept(
        "Ordered",
        &[code("http://terminology.hl7.org/CodeSystem/dose-rate-type", "ordered", "Ordered")],
    ),
    concept(
        "Calculated",
        &[code("http://terminology.hl7.org/CodeSystem/dose-rate-type", "calculated", "Calculated")],
    ),
];
pub(crate) const TIMES: &[CodedConcept] = &[
    concept(
        "Twice daily",
        &[code("http://terminology.hl7.org/CodeSystem/v3-GTSAbbreviation", "BID", "BID")],
    ),
    concept(
        "Every morning",
        &[code("http://terminology.hl7.org/CodeSystem/v3-GTSAbbreviation", "AM", "AM")],
    ),
];
pub(crate) const REQUEST_CATEGORIES: &[CodedConcept] = &[
    concept(
        "Community",
        &[code(
            "http://terminology.hl7.org/CodeSystem/medicationrequest-category",
            "community",
            "Community",
        )],
    ),
    concept(
        "Inpatient",
        &[code(
            "http://terminology.hl7.org/CodeSystem/medicationrequest-category",
            "inpatient",
            "Inpatient",
        )],
    ),
    concept(
        "Discharge",
        &[code(
            "http://terminology.hl7.org/CodeSystem/medicationrequest-category",
            "discharge",
            "Discharge",
        )],
    ),
];
pub(crate) const STOPPED: &[CodedConcept] = &[
    concept(
        "Therapy completed",
        &[code(
            "http://terminology.hl7.org/CodeSystem/medicationrequest-status-reason",
            "altchoice",
            "Try another treatment first",
        )],
    ),
    concept(
        "Allergy",
        &[code(
            "http://terminology.hl7.org/CodeSystem/medicationrequest-status-reason",
            "salg",
            "Allergy",
        )],
    ),
];
pub(crate) const COURSES: &[CodedConcept] = &[
    concept(
        "Long term",
        &[code(
            "http://terminology.hl7.org/CodeSystem/medicationrequest-course-of-therapy",
            "continuous",
            "Continuous long term therapy",
        )],
    ),
    concept(
        "Short course",
        &[code(
            "http://terminology.hl7.org/CodeSystem/medicationrequest-course-of-therapy",
            "acute",
            "Short course (acute) therapy",
        )],
    ),
];
pub(crate) const SUBSTITUTIONS: &[CodedConcept] = &[
    concept(
        "Equivalent",
        &[code(
            "http://terminology.hl7.org/CodeSystem/v3-substanceAdminSubstitution",
            "E",
            "equivalent",
        )],
    ),
    concept(
        "None",
        &[code("http://terminology.hl7.org/CodeSystem/v3-substanceAdminSubstitution", "N", "none")],
    ),
];
pub(crate) const SUBSTITUTION_REASONS: &[CodedConcept] = &[concept(
    "Formulary policy",
    &[code("http://terminology.hl7.org/CodeSystem/v3-ActReason", "FP", "formulary policy")],
)];
pub(crate) const DISPENSE_CATEGORIES: &[CodedConcept] = &[
    concept(
        "Community",
        &[code(
            "http://terminology.hl7.org/fhir/CodeSystem/medicationdispense-category",
            "community",
            "Community",
        )],
    ),
    concept(
        "Outpatient",
        &[code(
            "http://terminology.hl7.org/fhir/CodeSystem/medicationdispense-category",
            "outpatient",
            "Outpatient",
        )],
    ),
];
pub(crate) const DISPENSE_TYPES: &[CodedConcept] = &[
    concept(
        "First Fill",
        &[code("http://terminology.hl7.org/CodeSystem/v3-ActCode", "FF", "First Fill")],
    ),
    concept(
        "Refill - Complete",
        &[code("http://terminology.hl7.org/CodeSystem/v3-ActCode", "RFC", "Refill - Complete")],
    ),
];
pub(crate) const NOT_DISPENSED: &[CodedConcept] = &[concept(
    "Drug not available",
    &[code(
        "http://terminology.hl7.org/CodeSystem/medicationdispense-status-reason",
        "outofstock",
        "Drug not available - out of stock",
    )],
)];
pub(crate) const PACKAGER: CodedConcept = concept(
    "Packager",
    &[code(
        "http://terminology.hl7.org/CodeSystem/medicationdispense-performer-function",
        "packager",
        "Packager",
    )],
);

pub(crate) const VACCINES: &[CodedConcept] = &[
    concept(
        "Influenza",
        &[
            cvx("140", "Influenza, seasonal, injectable, preservative free"),
            ndc("49281-0421-50", "Fluzone"),
        ],
    ),
    concept("Tdap", &[cvx("115", "Tdap")]),
    concept(
        "COVID-19",
        &[
            cvx("208", "COVID-19, mRNA, LNP-S, PF, 30 mcg/0.3 mL dose"),
            ndc("59267-1000-1", "Comirnaty"),
        ],
    ),
    concept("MMR", &[cvx("03", "MMR")]),
    concept("DTaP", &[cvx("20", "DTaP")]),
    concept("IPV", &[cvx("10", "IPV")]),
    concept("Varicella", &[cvx("21", "varicella")]),
    concept("Hepatitis B", &[cvx("08", "Hep B, adolescent or pediatric")]),
    concept("Pneumococcal", &[cvx("133", "Pneumococcal conjugate PCV 13")]),
    concept("Zoster", &[cvx("187", "zoster recombinant")]),
    concept("HPV", &[cvx("62", "HPV, quadrivalent")]),
];
pub(crate) const NOT_GIVEN: &[CodedConcept] = &[
    concept(
        "Immunity",
        &[code("http://terminology.hl7.org/CodeSystem/v3-ActReason", "IMMUNE", "immunity")],
    ),
    concept(
        "Patient objection",
        &[code(
            "http://terminology.hl7.org/CodeSystem/v3-ActReason",
            "PATOBJ",
            "patient objection",
        )],
    ),
];
pub(crate) const REPORT_ORIGINS: &[CodedConcept] = &[concept(
    "Other provider",
    &[code(
        "http://terminology.hl7.org/CodeSystem/immunization-origin",
        "provider",
        "Other Provider",
    )],
)];
pub(crate) const VACCINATORS: &[CodedConcept] = &[concept(
    "Administering provider",
    &[code("http://terminology.hl7.org/CodeSystem/v2-0443", "AP", "Administering Provider")],
)];
pub(crate) const SUBPOTENT: &[CodedConcept] = &[concept(
    "Cold chain break",
    &[code(
        "http://terminology.hl7.org/CodeSystem/immunization-subpotent-reason",
        "coldchainbreak",
        "Cold Chain Break",
    )],
)];
pub(crate) const ELIGIBLE: &[CodedConcept] = &[concept(
    "Not eligible",
    &[code(
        "http://terminology.hl7.org/CodeSystem/immunization-program-eligibility",
        "ineligible",
        "Not Eligible",
    )],
)];
pub(crate) const FUNDING: &[CodedConcept] = &[concept(
    "Private",
    &[code(
        "http://terminology.hl7.org/CodeSystem/immunization-funding-source",
        "private",
        "Private",
    )],
)];
pub(crate) const TARGET_DISEASES: &[CodedConcept] = &[
    concept("Influenza", &[snomed("6142004", "Influenza (disorder)")]),
    concept("Measles", &[snomed("14189004", "Measles (disorder)")]),
];
