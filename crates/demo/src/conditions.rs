//! Diagnoses and allergies.

use super::codes::YEAR;
use super::codes::drugs::ROUTES;
use super::codes::problems::{
    ALLERGENS, ALLERGY_STATUS, ALLERGY_VERIFIED, BODY_SITES, CONDITION_CATEGORIES,
    CONDITION_STATUS, CONDITION_VERIFICATION, CONDITIONS, SEVERITIES, STAGE_TYPE, STAGES, SYMPTOMS,
};
use super::dates::DAY;
use super::json::Json;
use super::kind::RowType;
use super::row::Row;

pub(super) fn write_condition(w: &mut Row) {
    w.begin_resource();
    let (case, index, time) = (w.case_number(), w.index, w.time);
    let resolved = w.rng.one_in(3);
    w.add_identifiers();
    w.add_concept(
        "clinicalStatus",
        &CONDITION_STATUS[if resolved { 1 } else { 2 * (case % 9 / 8) as usize }],
    );
    // One in 80 was entered in error.
    let verification = match case % 80 {
        7 => 2,
        0..4 => 1,
        _ => 0,
    };
    w.add_concept("verificationStatus", &CONDITION_VERIFICATION[verification]);
    w.add_concepts("category", &[*w.by_turn(CONDITION_CATEGORIES)]);
    if case % 5 == 0 {
        w.one_of("severity", SEVERITIES);
    }
    w.one_of("code", CONDITIONS);
    if case % 7 == 0 {
        w.list_of("bodySite", BODY_SITES);
    }
    w.add_subject("subject");
    w.add_encounter("encounter");
    match case % 40 {
        0 => w.add_quantity("onsetAge", 30 + (case / 40 % 40) as i64, 0, YEAR),
        1 => w.add_period("onsetPeriod", time, time.plus_seconds(20 * DAY)),
        2 => w.add_range("onsetRange", 30, 40, YEAR),
        3 => w.free_text("onsetString"),
        _ => w.add_date_time("onsetDateTime", time),
    }
    if resolved {
        match case % 20 {
            0 => w.add_quantity("abatementAge", 50, 0, YEAR),
            1 => w.add_period(
                "abatementPeriod",
                time.plus_seconds(9 * DAY),
                time.plus_seconds(20 * DAY),
            ),
            2 => w.add_range("abatementRange", 50, 60, YEAR),
            3 => w.free_text("abatementString"),
            _ => w.add_date_time("abatementDateTime", time.plus_seconds(14 * DAY)),
        }
    }
    w.add_date_time("recordedDate", time);
    let (recorder, asserter) = (w.target_practitioner(), w.target_practitioner());
    w.add_reference("recorder", recorder);
    if case % 4 == 0 {
        w.add_reference("asserter", asserter);
    }
    if case % 17 == 0 {
        let report = w.target_own(RowType::DiagnosticReport, index);
        w.add_list("stage", |w| {
            w.add_item(|w| {
                w.add_backbone_oddities();
                w.one_of("summary", STAGES);
                w.refer_list("assessment", &[report]);
                w.add_concept("type", &STAGE_TYPE);
            });
        });
    }
    if case % 13 == 0 {
        // There are four times as many Observations as Conditions: each Condition has some of its own.
        let proof = w.target_own(RowType::Observation, index * 4);
        w.add_list("evidence", |w| {
            w.add_item(|w| {
                w.add_backbone_oddities();
                w.list_of("code", SYMPTOMS);
                w.refer_list("detail", &[proof]);
            });
        });
    }
    if case % 3 == 0 {
        w.add_note();
    }
}

pub(super) fn write_allergy_intolerance(w: &mut Row) {
    w.begin_resource();
    let (case, time) = (w.case_number(), w.time);
    w.add_identifiers();
    w.add_concept("clinicalStatus", w.by_turn(ALLERGY_STATUS));
    w.add_concept("verificationStatus", w.by_turn(ALLERGY_VERIFIED));
    w.add_str("type", if case % 3 == 0 { "intolerance" } else { "allergy" });
    w.add_strs("category", if case % 4 == 0 { &["food", "environment"] } else { &["medication"] });
    w.str_by_turn("criticality", &["low", "high", "unable-to-assess"]);
    let allergen = *w.by_turn(ALLERGENS);
    w.add_concept("code", &allergen);
    w.add_subject("patient");
    w.add_encounter("encounter");
    match case % 16 {
        // Cumulus ETL 4 takes these three for scalars, and rejects such rows.
        0 if w.world.flaws => w.add_quantity("onsetAge", 12, 0, YEAR),
        1 if w.world.flaws => w.add_period("onsetPeriod", time, time.plus_seconds(20 * DAY)),
        2 if w.world.flaws => w.add_range("onsetRange", 10, 15, YEAR),
        3 => w.free_text("onsetString"),
        _ => w.add_date_time("onsetDateTime", time),
    }
    w.add_date_time("recordedDate", time);
    let (recorder, asserter) = (w.target_practitioner(), w.target_subject());
    w.add_reference("recorder", recorder);
    w.add_reference("asserter", asserter);
    if case % 3 == 1 {
        w.add_date_time("lastOccurrence", time);
    }
    if case % 5 == 0 {
        w.add_note();
    }
    if case % 4 != 3 {
        w.add_list("reaction", |w| {
            w.add_item(|w| add_reaction(w, case));
            if case % 5 == 2 {
                w.add_item(|w| add_reaction(w, case + 1));
            }
        });
    }
}

fn add_reaction(w: &mut Row, case: u64) {
    let time = w.time;
    w.add_backbone_oddities();
    if case.is_multiple_of(2) {
        w.one_of("substance", ALLERGENS);
    }
    w.add_concepts("manifestation", &[SYMPTOMS[case as usize % SYMPTOMS.len()], SYMPTOMS[2]]);
    w.free_text("description");
    w.add_date_time("onset", time);
    w.add_str("severity", ["mild", "moderate", "severe"][case as usize % 3]);
    w.one_of("exposureRoute", ROUTES);
    if case.is_multiple_of(6) {
        w.add_note();
    }
}
