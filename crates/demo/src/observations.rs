//! Vital signs, laboratory results, answers.

use super::codes::admin::ABSENT;
use super::codes::labs::{
    ANSWERS, BLOOD_PRESSURE, CATEGORIES, DIASTOLIC, INTERPRETATIONS, LABS, LabMeasure, METHODS,
    MM_HG, SURVEY, SYSTOLIC, VITALS,
};
use super::codes::problems::BODY_SITES;
use super::codes::{CodedConcept, unit};
use super::dates::DAY;
use super::json::Json;
use super::kind::RowType;
use super::row::Row;

/// Results per report: report `n` has the observations from `n * PER_REPORT` on.
pub(super) const PER_REPORT: u64 = 5;

pub(super) fn write_observation(w: &mut Row) {
    w.begin_resource();
    let (case, index) = (w.case_number(), w.index);
    w.add_identifiers();
    if case % 4 == 0 {
        let order = w.target_own(RowType::ServiceRequest, index / PER_REPORT);
        w.refer_list("basedOn", &[order]);
    }
    if case % 9 == 0 {
        let procedure = w.target_own(RowType::Procedure, index);
        w.refer_list("partOf", &[procedure]);
    }
    let status = match case % 90 {
        1 => "entered-in-error",
        2..6 => "amended",
        6..8 => "preliminary",
        _ => "final",
    };
    w.add_str("status", status);
    match w.rng.pick_below(20) {
        0..5 => {
            add_category(w, 1);
            blood_pressure(w);
        }
        5..9 => {
            add_category(w, 1);
            let measure = w.rng.pick_item(VITALS);
            head(w, &measure.concept);
            add_measured(w, measure);
        }
        9..16 => {
            add_category(w, 0);
            let measure = w.rng.pick_item(LABS);
            head(w, &measure.concept);
            add_measured(w, measure);
        }
        _ => {
            add_category(w, 2 + case as usize % 2);
            let asked = *w.by_turn(SURVEY);
            head(w, &asked);
            add_answer(w, case / SURVEY.len() as u64);
        }
    }
    add_details(w);
}

fn add_category(w: &mut Row, at: usize) {
    if w.rng.one_in(9) {
        w.add_concepts("category", &[CATEGORIES[at], CATEGORIES[0]]);
    } else {
        w.add_concepts("category", &[CATEGORIES[at]]);
    }
}

/// The head of an observation: its concept, its patient, its times.
fn head(w: &mut Row, concept: &CodedConcept) {
    let (case, time) = (w.case_number(), w.time);
    w.add_concept("code", concept);
    w.add_subject("subject");
    if case % 37 == 0 {
        let focus = w.target_subject();
        w.refer_list("focus", &[Some(focus)]);
    }
    w.add_encounter("encounter");
    match case % 43 {
        0 => w.add_period("effectivePeriod", time, time.plus_seconds(DAY)),
        1 => w.add_timing("effectiveTiming"),
        2 => w.add_instant("effectiveInstant", time),
        _ => w.add_date_time("effectiveDateTime", time),
    }
    w.add_instant("issued", time.plus_seconds(5_400));
    let performer = w.target_practitioner();
    w.refer_list("performer", &[Some(performer)]);
}

fn add_measured(w: &mut Row, measure: &LabMeasure) {
    if w.rng.one_in(40) {
        w.one_of("dataAbsentReason", ABSENT);
        return;
    }
    let value = w.rng.pick_between(measure.low, measure.high);
    w.add_quantity("valueQuantity", value, measure.places, measure.unit);
    let middle = (measure.low + measure.high) / 2;
    if w.rng.one_in(2) {
        w.add_concepts("interpretation", &[INTERPRETATIONS[usize::from(value > middle)]]);
    }
    w.add_list("referenceRange", |w| {
        w.add_item(|w| {
            w.add_quantity("low", measure.low, measure.places, measure.unit);
            w.add_quantity("high", middle, measure.places, measure.unit);
            w.add_str("text", "see manual");
        });
    });
}

fn blood_pressure(w: &mut Row) {
    head(w, &BLOOD_PRESSURE);
    let case = w.case_number();
    w.add_list("component", |w| {
        w.add_item(|w| {
            w.add_backbone_oddities();
            w.add_concept("code", &SYSTOLIC);
            let value = w.rng.pick_between(92, 178);
            w.add_quantity("valueQuantity", value, 0, MM_HG);
            if case.is_multiple_of(3) {
                w.list_of("interpretation", INTERPRETATIONS);
            }
        });
        w.add_item(|w| {
            w.add_backbone_oddities();
            w.add_concept("code", &DIASTOLIC);
            if case.is_multiple_of(19) {
                w.one_of("dataAbsentReason", ABSENT);
            } else {
                let value = w.rng.pick_between(51, 109);
                w.add_quantity("valueQuantity", value, 0, MM_HG);
            }
        });
    });
}

/// A value of any type, by turns; a panel of answers now and then.
fn add_answer(w: &mut Row, turn: u64) {
    add_value(w, turn);
    if turn.is_multiple_of(3) {
        w.add_list("component", |w| {
            w.add_item(|w| {
                w.add_backbone_oddities();
                w.one_of("code", SURVEY);
                add_value(w, turn / 3);
            });
        });
    }
}

fn add_value(w: &mut Row, turn: u64) {
    let time = w.time;
    match turn % 13 {
        0 | 1 => w.one_of("valueCodeableConcept", ANSWERS),
        2 | 3 => {
            w.free_text("valueString");
            if turn % 26 == 2 {
                w.primitive_extension("valueString");
            }
        }
        4 => w.add_bool("valueBoolean", turn.is_multiple_of(2)),
        5 => {
            let score = w.rng.pick_between(0, 27);
            w.add_int("valueInteger", score);
        }
        6 => w.add_range("valueRange", 2, 5, unit("/[HPF]", "/[HPF]")),
        7 => w.add_ratio(
            "valueRatio",
            (1, unit("titer", "{titer}")),
            (160, unit("titer", "{titer}")),
        ),
        8 => w.sampled_data("valueSampledData"),
        9 => w.clock_time("valueTime"),
        10 => w.add_date_time("valueDateTime", time.plus_seconds(200 * DAY)),
        11 => w.add_period("valuePeriod", time, time.plus_seconds(5 * DAY)),
        _ => w.add_quantity("valueQuantity", 4 + turn as i64 % 6, 0, unit("{score}", "{score}")),
    }
}

/// The details of an observation: its method, and the resources that it belongs to.
fn add_details(w: &mut Row) {
    let (case, index) = (w.case_number(), w.index);
    if case % 3 == 1 {
        w.add_note();
    }
    if case % 8 == 1 {
        w.one_of("bodySite", BODY_SITES);
    }
    if case % 8 == 2 {
        w.one_of("method", METHODS);
    }
    if case % 3 == 0 {
        let specimen = w.target_own(RowType::Specimen, index / 8);
        w.refer_to("specimen", specimen);
    }
    if case % 10 == 3 {
        let device = w.target_own(RowType::Device, index);
        w.refer_to("device", device);
    }
    if case % 21 == 4 {
        let members = [
            w.target_own(RowType::Observation, index + 1),
            w.target_own(RowType::Observation, index + 2),
        ];
        w.refer_list("hasMember", &members);
    }
    if case % 27 == 5 {
        let source = w.target_own(RowType::Observation, index + 3);
        w.refer_list("derivedFrom", &[source]);
    }
}
