//! Measurements and questions, as codes.

use super::{CodedConcept, ValueUnit, code, concept, loinc, snomed, unit};

const CATEGORY: &str = "http://terminology.hl7.org/CodeSystem/observation-category";
const INTERPRETATION: &str = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation";

/// A measurement: its code, unit, and the usual values in units of `10^-places`.
pub(crate) struct LabMeasure {
    pub concept: CodedConcept,
    pub unit: ValueUnit,
    pub low: i64,
    pub high: i64,
    pub places: u32,
}

const fn measure(
    concept: CodedConcept,
    unit: ValueUnit,
    low: i64,
    high: i64,
    places: u32,
) -> LabMeasure {
    LabMeasure { concept, unit, low, high, places }
}

const MG_DL: ValueUnit = unit("mg/dL", "mg/dL");
const MMOL_L: ValueUnit = unit("mmol/L", "mmol/L");
const G_DL: ValueUnit = unit("g/dL", "g/dL");
const PERCENT: ValueUnit = unit("%", "%");
const U_L: ValueUnit = unit("U/L", "U/L");
pub(crate) const MM_HG: ValueUnit = unit("mm[Hg]", "mm[Hg]");
pub(crate) const MILLIVOLT: ValueUnit = unit("mV", "mV");

pub(crate) const LABS: &[LabMeasure] = &[
    measure(
        concept(
            "Hemoglobin",
            &[
                loinc("718-7", "Hemoglobin [Mass/volume] in Blood"),
                code("urn:oid:1.2.840.114350.1.13.861.1.7.5.737384.101", "1520", "HEMOGLOBIN"),
            ],
        ),
        G_DL,
        110,
        178,
        1,
    ),
    measure(
        concept("Hemoglobin A1c", &[loinc("4548-4", "Hemoglobin A1c/Hemoglobin.total in Blood")]),
        PERCENT,
        45,
        110,
        1,
    ),
    measure(
        concept("Glucose", &[loinc("2345-7", "Glucose [Mass/volume] in Serum or Plasma")]),
        MG_DL,
        65,
        260,
        0,
    ),
    measure(
        concept("Creatinine", &[loinc("2160-0", "Creatinine [Mass/volume] in Serum or Plasma")]),
        MG_DL,
        50,
        210,
        2,
    ),
    measure(
        concept(
            "Urea nitrogen",
            &[loinc("3094-0", "Urea nitrogen [Mass/volume] in Serum or Plasma")],
        ),
        MG_DL,
        7,
        41,
        0,
    ),
    measure(
        concept("Sodium", &[loinc("2951-2", "Sodium [Moles/volume] in Serum or Plasma")]),
        MMOL_L,
        130,
        147,
        0,
    ),
    measure(
        concept("Potassium", &[loinc("2823-3", "Potassium [Moles/volume] in Serum or Plasma")]),
        MMOL_L,
        33,
        56,
        1,
    ),
    measure(
        concept("Chloride", &[loinc("2075-0", "Chloride [Moles/volume] in Serum or Plasma")]),
        MMOL_L,
        96,
        110,
        0,
    ),
    measure(
        concept(
            "Carbon dioxide",
            &[loinc("2028-9", "Carbon dioxide, total [Moles/volume] in Serum or Plasma")],
        ),
        MMOL_L,
        19,
        31,
        0,
    ),
    measure(
        concept("Calcium", &[loinc("17861-6", "Calcium [Mass/volume] in Serum or Plasma")]),
        MG_DL,
        82,
        107,
        1,
    ),
    measure(
        concept(
            "Leukocytes",
            &[loinc("6690-2", "Leukocytes [#/volume] in Blood by Automated count")],
        ),
        unit("10*3/uL", "10*3/uL"),
        31,
        148,
        1,
    ),
    measure(
        concept("Platelets", &[loinc("777-3", "Platelets [#/volume] in Blood by Automated count")]),
        unit("10*3/uL", "10*3/uL"),
        110,
        440,
        0,
    ),
    measure(
        concept(
            "Hematocrit",
            &[loinc("4544-3", "Hematocrit [Volume Fraction] of Blood by Automated count")],
        ),
        PERCENT,
        330,
        520,
        1,
    ),
    measure(
        concept("Cholesterol", &[loinc("2093-3", "Cholesterol [Mass/volume] in Serum or Plasma")]),
        MG_DL,
        120,
        290,
        0,
    ),
    measure(
        concept(
            "HDL cholesterol",
            &[loinc("2085-9", "Cholesterol in HDL [Mass/volume] in Serum or Plasma")],
        ),
        MG_DL,
        28,
        95,
        0,
    ),
    measure(
        concept(
            "Triglycerides",
            &[loinc("2571-8", "Triglyceride [Mass/volume] in Serum or Plasma")],
        ),
        MG_DL,
        50,
        420,
        0,
    ),
    measure(
        concept(
            "ALT",
            &[loinc(
                "1742-6",
                "Alanine aminotransferase [Enzymatic activity/volume] in Serum or Plasma",
            )],
        ),
        U_L,
        7,
        96,
        0,
    ),
    measure(
        concept(
            "AST",
            &[loinc(
                "1920-8",
                "Aspartate aminotransferase [Enzymatic activity/volume] in Serum or Plasma",
            )],
        ),
        U_L,
        8,
        88,
        0,
    ),
    measure(
        concept("Albumin", &[loinc("1751-7", "Albumin [Mass/volume] in Serum or Plasma")]),
        G_DL,
        30,
        52,
        1,
    ),
    measure(
        concept(
            "Bilirubin",
            &[loinc("1975-2", "Bilirubin.total [Mass/volume] in Serum or Plasma")],
        ),
        MG_DL,
        2,
        19,
        1,
    ),
    measure(
        concept("TSH", &[loinc("3016-3", "Thyrotropin [Units/volume] in Serum or Plasma")]),
        unit("mIU/L", "m[IU]/L"),
        40,
        690,
        2,
    ),
    measure(
        concept("INR", &[loinc("6301-6", "INR in Platelet poor plasma by Coagulation assay")]),
        unit("INR", "{INR}"),
        9,
        38,
        1,
    ),
    measure(
        concept("Base excess", &[loinc("1925-7", "Base excess in Arterial blood by calculation")]),
        MMOL_L,
        -75,
        60,
        1,
    ),
];

pub(crate) const VITALS: &[LabMeasure] = &[
    measure(
        concept("Heart rate", &[loinc("8867-4", "Heart rate")]),
        unit("/min", "/min"),
        48,
        128,
        0,
    ),
    measure(
        concept("Body temperature", &[loinc("8310-5", "Body temperature")]),
        unit("Cel", "Cel"),
        358,
        397,
        1,
    ),
    measure(
        concept("Body height", &[loinc("8302-2", "Body height")]),
        unit("cm", "cm"),
        1480,
        1960,
        1,
    ),
    measure(
        concept(
            "Weight",
            &[
                loinc("29463-7", "Body weight"),
                snomed("27113001", "Body weight (observable entity)"),
            ],
        ),
        unit("kg", "kg"),
        440,
        1320,
        1,
    ),
    measure(
        concept("BMI", &[loinc("39156-5", "Body mass index (BMI) [Ratio]")]),
        unit("kg/m2", "kg/m2"),
        1740,
        4110,
        2,
    ),
    measure(
        concept("Respiratory rate", &[loinc("9279-1", "Respiratory rate")]),
        unit("/min", "/min"),
        11,
        26,
        0,
    ),
    measure(
        concept(
            "SpO2",
            &[
                loinc("59408-5", "Oxygen saturation in Arterial blood by Pulse oximetry"),
                loinc("2708-6", "Oxygen saturation in Arterial blood"),
            ],
        ),
        PERCENT,
        88,
        100,
        0,
    ),
];

pub(crate) const BLOOD_PRESSURE: CodedConcept = concept(
    "Blood pressure",
    &[loinc("85354-9", "Blood pressure panel with all children optional")],
);
pub(crate) const SYSTOLIC: CodedConcept =
    concept("Systolic blood pressure", &[loinc("8480-6", "Systolic blood pressure")]);
pub(crate) const DIASTOLIC: CodedConcept =
    concept("Diastolic blood pressure", &[loinc("8462-4", "Diastolic blood pressure")]);

/// Questions, answered by something other than a quantity.
pub(crate) const SURVEY: &[CodedConcept] = &[
    concept("Tobacco smoking status", &[loinc("72166-2", "Tobacco smoking status")]),
    concept(
        "PHQ-9 total score",
        &[loinc("44261-6", "Patient Health Questionnaire 9 item (PHQ-9) total score [Reported]")],
    ),
    concept(
        "Pain severity",
        &[loinc("72514-3", "Pain severity - 0-10 verbal numeric rating [Score] - Reported")],
    ),
    concept("Pregnancy status", &[loinc("82810-3", "Pregnancy status")]),
    concept(
        "Nuclear antibody titer",
        &[loinc("5048-4", "Nuclear Ab [Titer] in Serum by Immunofluorescence")],
    ),
    concept("EKG study", &[loinc("11524-6", "EKG study")]),
    concept("Estimated delivery date", &[loinc("11778-8", "Delivery date Estimated")]),
    concept("Bacteria identified", &[loinc("600-7", "Bacteria identified in Blood by Culture")]),
    concept(
        "SARS-CoV-2 RNA",
        &[loinc(
            "94500-6",
            "SARS-CoV-2 (COVID-19) RNA [Presence] in Respiratory system specimen by NAA with probe detection",
        )],
    ),
    concept("Comment", &[loinc("8251-1", "Service comment")]),
];

pub(crate) const ANSWERS: &[CodedConcept] = &[
    concept("Never smoker", &[snomed("266919005", "Never smoked tobacco (finding)")]),
    concept("Former smoker", &[snomed("8517006", "Ex-smoker (finding)")]),
    concept("Positive", &[snomed("10828004", "Positive (qualifier value)")]),
    concept(
        "Negative",
        &[snomed("260385009", "Negative (qualifier value)"), loinc("LA6577-6", "Negative")],
    ),
    concept("Not detected", &[snomed("260415000", "Not detected (qualifier value)")]),
];

pub(crate) const CATEGORIES: &[CodedConcept] = &[
    concept("Laboratory", &[code(CATEGORY, "laboratory", "Laboratory")]),
    concept("Vital Signs", &[code(CATEGORY, "vital-signs", "Vital Signs")]),
    concept("Survey", &[code(CATEGORY, "survey", "Survey")]),
    concept("Social History", &[code(CATEGORY, "social-history", "Social History")]),
];

pub(crate) const INTERPRETATIONS: &[CodedConcept] = &[
    concept("Normal", &[code(INTERPRETATION, "N", "Normal")]),
    concept("High", &[code(INTERPRETATION, "H", "High")]),
    concept("Low", &[code(INTERPRETATION, "L", "Low")]),
    concept("Abnormal", &[code(INTERPRETATION, "A", "Abnormal")]),
];

pub(crate) const METHODS: &[CodedConcept] = &[
    concept(
        "Automated count",
        &[snomed("702659008", "Automated count technique (qualifier value)")],
    ),
    concept(
        "Non-invasive",
        &[snomed("17146006", "Arterial pressure monitoring, non-invasive method (procedure)")],
    ),
];
