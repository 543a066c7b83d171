//! Diagnoses and allergies.

use super::Kind;
use super::codes::YEAR;
use super::codes::drugs::ROUTES;
use super::codes::problems::{
    ALLERGENS, ALLERGY_STATUS, ALLERGY_VERIFIED, BODY_SITES, CONDITION_CATEGORIES,
    CONDITION_STATUS, CONDITION_VERIFICATION, CONDITIONS, SEVERITIES, STAGE_TYPE, STAGES, SYMPTOMS,
};
use super::dates::DAY;
use super::json::Json;
use super::row::Row;

pub(super) fn write_condition(w: &mut Row) {
    w.begin();
    let (case, index, time) = (w.case(), w.index, w.time);
    let resolved = w.rng.one_in(3);
    w.identifiers();
    w.concept(
        "clinicalStatus",
        &CONDITION_STATUS[if resolved { 1 } else { 2 * (case % 9 / 8) as usize }],
    );
    // One in 80 was entered in error.
    let verification = match case % 80 {
        7 => 2,
        0..4 => 1,
        _ => 0,
    };
    w.concept("verificationStatus", &CONDITION_VERIFICATION[verification]);
    w.concepts("category", &[*w.by_turn(CONDITION_CATEGORIES)]);
    if case % 5 == 0 {
        w.one_of("severity", SEVERITIES);
    }
    w.one_of("code", CONDITIONS);
    if case % 7 == 0 {
        w.list_of("bodySite", BODY_SITES);
    }
    w.about("subject");
    w.during("encounter");
    match case % 40 {
        0 => w.quantity("onsetAge", 30 + (case / 40 % 40) as i64, 0, YEAR),
        1 => w.period("onsetPeriod", time, time.plus(20 * DAY)),
        2 => w.range("onsetRange", 30, 40, YEAR),
        3 => w.free_text("onsetString"),
        _ => w.when("onsetDateTime", time),
    }
    if resolved {
        match case % 20 {
            0 => w.quantity("abatementAge", 50, 0, YEAR),
            1 => w.period("abatementPeriod", time.plus(9 * DAY), time.plus(20 * DAY)),
            2 => w.range("abatementRange", 50, 60, YEAR),
            3 => w.free_text("abatementString"),
            _ => w.when("abatementDateTime", time.plus(14 * DAY)),
        }
    }
    w.when("recordedDate", time);
    let (recorder, asserter) = (w.practitioner(), w.practitioner());
    w.refer("recorder", recorder);
    if case % 4 == 0 {
        w.refer("asserter", asserter);
    }
    if case % 17 == 0 {
        let report = w.own(Kind::DiagnosticReport, index);
        w.add_list("stage", |w| {
            w.add_item(|w| {
                w.backbone();
                w.one_of("summary", STAGES);
                w.refer_list("assessment", &[report]);
                w.concept("type", &STAGE_TYPE);
            });
        });
    }
    if case % 13 == 0 {
        let proof = w.own(Kind::Observation, index * 4);
        w.add_list("evidence", |w| {
            w.add_item(|w| {
                w.backbone();
                w.list_of("code", SYMPTOMS);
                w.refer_list("detail", &[proof]);
            });
        });
    }
    if case % 3 == 0 {
        w.note();
    }
}

pub(super) fn write_allergy_intolerance(w: &mut Row) {
    w.begin();
    let (case, time) = (w.case(), w.time);
    w.identifiers();
    w.concept("clinicalStatus", w.by_turn(ALLERGY_STATUS));
    w.concept("verificationStatus", w.by_turn(ALLERGY_VERIFIED));
    w.add_str("type", if case % 3 == 0 { "intolerance" } else { "allergy" });
    w.add_strs("category", if case % 4 == 0 { &["food", "environment"] } else { &["medication"] });
    w.str_by_turn("criticality", &["low", "high", "unable-to-assess"]);
    let allergen = *w.by_turn(ALLERGENS);
    w.concept("code", &allergen);
    w.about("patient");
    w.during("encounter");
    match case % 16 {
        // Cumulus ETL 4 takes these three for scalars, and rejects such rows.
        0 if w.world.flaws => w.quantity("onsetAge", 12, 0, YEAR),
        1 if w.world.flaws => w.period("onsetPeriod", time, time.plus(20 * DAY)),
        2 if w.world.flaws => w.range("onsetRange", 10, 15, YEAR),
        3 => w.free_text("onsetString"),
        _ => w.when("onsetDateTime", time),
    }
    w.when("recordedDate", time);
    let (recorder, asserter) = (w.practitioner(), w.subject());
    w.refer("recorder", recorder);
    w.refer("asserter", asserter);
    if case % 3 == 1 {
        w.when("lastOccurrence", time);
    }
    if case % 5 == 0 {
        w.note();
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
    w.backbone();
    if case.is_multiple_of(2) {
        w.one_of("substance", ALLERGENS);
    }
    w.concepts("manifestation", &[SYMPTOMS[case as usize % SYMPTOMS.len()], SYMPTOMS[2]]);
    w.free_text("description");
    w.when("onset", time);
    w.add_str("severity", ["mild", "moderate", "severe"][case as usize % 3]);
    w.one_of("exposureRoute", ROUTES);
    if case.is_multiple_of(6) {
        w.note();
    }
}
