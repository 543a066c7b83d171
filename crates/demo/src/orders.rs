//! Orders, and the specimens taken for them.

use super::codes::drugs::AS_NEEDED;
use super::codes::orders::{
    ADDITIVE, COLLECTION, FASTING, ORDER_CATEGORIES, ORDER_DETAILS, ORDERS, PROCESSING,
    SERVICE_SITES, SPECIMEN_STATE, SPECIMENS, TUBE,
};
use super::codes::problems::{BODY_SITES, CONDITIONS};
use super::codes::staff::ROLES;
use super::codes::{DAYS, HOUR, MILLILITER, MINUTE, unit};
use super::dates::DAY;
use super::json::Json;
use super::kind::RowType;
use super::row::Row;

pub(super) fn write_service_request(w: &mut Row) {
    w.begin_resource();
    let (case, index, time) = (w.case_number(), w.index, w.time);
    w.add_identifiers();
    if case % 12 == 1 {
        w.add_strs(
            "instantiatesCanonical",
            &["http://example.com/fhir/PlanDefinition/lab-order|2"],
        );
        w.add_gappy_list("instantiatesUri", "https://example.com/protocols/17");
    }
    if case % 9 == 1 {
        let earlier = w.target_own(RowType::ServiceRequest, index + 1);
        w.refer_list("basedOn", &[earlier]);
        w.refer_list("replaces", &[earlier]);
    }
    w.add_object("requisition", |w| w.add_str_of("value", |w| w.write_uuid(case)));
    w.str_by_turn("status", &["completed", "active", "completed", "revoked", "completed"]);
    w.str_by_turn("intent", &["order", "order", "original-order", "plan"]);
    w.list_of("category", ORDER_CATEGORIES);
    w.str_by_turn("priority", &["routine", "urgent", "stat"]);
    if case % 6 == 1 {
        w.add_bool("doNotPerform", false);
    }
    w.add_concept("code", w.by_turn(ORDERS));
    if case % 5 == 1 {
        w.list_of("orderDetail", ORDER_DETAILS);
    }
    match case % 30 {
        1 => w.add_quantity("quantityQuantity", 2, 0, unit("1", "1")),
        2 => w.add_ratio("quantityRatio", (1, unit("1", "1")), (1, DAYS)),
        3 => w.add_range("quantityRange", 1, 3, unit("1", "1")),
        _ => {}
    }
    w.add_subject("subject");
    w.add_encounter("encounter");
    match case % 24 {
        0..5 => w.add_period("occurrencePeriod", time, time.plus_seconds(7 * DAY)),
        5 | 6 => w.add_timing("occurrenceTiming"),
        7..10 => {}
        _ => w.add_date_time("occurrenceDateTime", time),
    }
    match case % 20 {
        1 => w.add_bool("asNeededBoolean", true),
        2 => w.one_of("asNeededCodeableConcept", AS_NEEDED),
        _ => {}
    }
    w.add_date_time("authoredOn", time);
    let (requester, performer) = (w.target_practitioner(), w.target_organization());
    w.add_reference("requester", requester);
    if case % 4 == 1 {
        w.one_of("performerType", ROLES);
    }
    w.refer_list("performer", &[Some(performer)]);
    if case % 7 == 1 {
        let place = w.target_location();
        w.list_of("locationCode", SERVICE_SITES);
        w.refer_list("locationReference", &[Some(place)]);
    }
    if case % 3 == 1 {
        w.list_of("reasonCode", CONDITIONS);
    } else if case % 3 == 2 {
        let reason = w.target_own(RowType::Condition, index);
        w.refer_list("reasonReference", &[reason]);
    }
    if case % 6 == 2 {
        let coverage = w.target_elsewhere("Coverage");
        w.refer_list("insurance", &[Some(coverage)]);
    }
    if case % 8 == 3 {
        let (fact, history) =
            (w.target_own(RowType::Observation, index), w.target_elsewhere("Provenance"));
        w.refer_list("supportingInfo", &[fact]);
        w.refer_list("relevantHistory", &[Some(history)]);
    }
    if case % 2 == 0 {
        let specimen = w.target_own(RowType::Specimen, index);
        w.refer_list("specimen", &[specimen]);
    }
    if case % 9 == 2 {
        w.list_of("bodySite", BODY_SITES);
    }
    if case % 3 == 0 {
        w.add_note();
    }
    w.free_text("patientInstruction");
}

pub(super) fn write_specimen(w: &mut Row) {
    w.begin_resource();
    let (case, index, time) = (w.case_number(), w.index, w.time);
    w.add_identifiers();
    w.add_object("accessionIdentifier", |w| {
        let who = w.person.name;
        w.add_str_of("value", |w| who.record_number(w));
    });
    w.str_by_turn("status", &["available", "available", "unavailable"]);
    w.add_concept("type", w.by_turn(SPECIMENS));
    w.add_subject("subject");
    w.add_date_time("receivedTime", time.plus_seconds(3_600));
    if case % 9 == 1 {
        let parent = w.target_own(RowType::Specimen, index + 1);
        w.refer_list("parent", &[parent]);
    }
    let order = w.target_own(RowType::ServiceRequest, index);
    w.refer_list("request", &[order]);
    w.add_object("collection", |w| {
        let collector = w.target_practitioner();
        w.add_backbone_oddities();
        w.add_reference("collector", collector);
        match case % 5 {
            0 => w.add_period("collectedPeriod", time, time.plus_seconds(600)),
            _ => w.add_date_time("collectedDateTime", time),
        }
        if case % 4 == 1 {
            w.add_quantity("duration", 5, 0, MINUTE);
        }
        w.add_quantity("quantity", 6, 0, MILLILITER);
        w.add_concept("method", &COLLECTION);
        if case % 3 == 1 {
            w.one_of("bodySite", BODY_SITES);
        }
        match case % 8 {
            0..3 => w.add_concept("fastingStatusCodeableConcept", &FASTING),
            3 => w.add_quantity("fastingStatusDuration", 10, 0, HOUR),
            _ => {}
        }
    });
    if case % 3 == 2 {
        let additive = w.target_elsewhere("Substance");
        w.add_list("processing", |w| {
            w.add_item(|w| {
                w.add_backbone_oddities();
                w.free_text("description");
                w.add_concept("procedure", &PROCESSING);
                w.refer_list("additive", &[Some(additive)]);
                match case % 2 {
                    0 => w.add_date_time("timeDateTime", time),
                    _ => w.add_period("timePeriod", time, time.plus_seconds(900)),
                }
            });
        });
    }
    w.add_list("container", |w| {
        w.add_item(|w| {
            w.add_backbone_oddities();
            w.free_text("description");
            w.add_concept("type", &TUBE);
            w.add_quantity("capacity", 10, 0, MILLILITER);
            w.add_quantity("specimenQuantity", 55, 1, MILLILITER);
            match case % 4 {
                0 => w.add_concept("additiveCodeableConcept", &ADDITIVE),
                1 => {
                    let additive = w.target_elsewhere("Substance");
                    w.add_reference("additiveReference", additive);
                }
                _ => {}
            }
        });
    });
    if case % 10 == 3 {
        w.add_concepts("condition", &[SPECIMEN_STATE]);
    }
    if case % 4 == 0 {
        w.add_note();
    }
}
