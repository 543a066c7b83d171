//! Visits, and the episodes they belong to.

use super::codes::HOUR;
use super::codes::admin::{
    ADMIT_SOURCE, ARRANGEMENT, CLASSES, COURTESY, DIAGNOSIS_ROLES, DIET, DISCHARGES,
    ENCOUNTER_TYPES, EPISODE_TYPES, PARTICIPANTS, PRIORITIES, READMISSION, SERVICE_TYPES,
};
use super::codes::problems::{CERNER_REASON, CONDITIONS};
use super::codes::staff::PHYSICAL_TYPES;
use super::dates::{DAY, EXPORTED};
use super::json::Json;
use super::kind::RowType;
use super::row::Row;

pub(super) fn write_encounter(w: &mut Row) {
    w.begin_resource();
    let visit = w.visit();
    let (start, end, inpatient) = (visit.start, visit.end_time(), visit.inpatient);
    w.add_identifiers();
    write_status_and_class(w);
    let kind = *w.by_turn(ENCOUNTER_TYPES);
    if w.has_turn(5, 1) {
        w.add_concepts("type", &[kind, ENCOUNTER_TYPES[0]]);
    } else {
        w.add_concepts("type", &[kind]);
    }
    if w.has_turn(3, 1) {
        w.one_of("serviceType", SERVICE_TYPES);
    }
    if w.has_turn(3, 2) {
        w.one_of("priority", PRIORITIES);
    }
    w.add_subject("subject");
    let (case, index) = (w.case_number(), w.index);
    let episode = w.target_own(RowType::EpisodeOfCare, index);
    if case % 3 == 0 {
        w.refer_list("episodeOfCare", &[episode]);
    }
    if case % 4 == 1 {
        let order = w.target_own(RowType::ServiceRequest, index);
        w.refer_list("basedOn", &[order]);
    }
    w.add_list("participant", |w| {
        w.add_item(|w| write_participant(w, 0));
        if case % 3 == 0 {
            w.add_item(|w| write_participant(w, 1));
        }
    });
    if case % 7 == 1 {
        let appointment = w.target_elsewhere("Appointment");
        w.refer_list("appointment", &[Some(appointment)]);
    }
    w.add_period("period", start, end);
    if case % 5 == 2 {
        w.add_minutes("length", (end.0 - start.0) / 60);
    } else if case % 5 == 3 {
        w.add_quantity("length", (end.0 - start.0) / 36, 2, HOUR);
    }
    match case % 6 {
        0 => w.add_concepts("reasonCode", &[CERNER_REASON]),
        1..4 => w.list_of("reasonCode", CONDITIONS),
        _ => {}
    }
    // A patient has three Conditions for two Encounters, so neighbours point at different ones.
    let condition = w.target_own(RowType::Condition, index * 3 / 2);
    if case % 4 == 2 {
        w.refer_list("reasonReference", &[condition]);
    }
    if let Some(condition) = condition {
        w.add_list("diagnosis", |w| {
            w.add_item(|w| {
                w.add_backbone_oddities();
                w.add_reference("condition", condition);
                w.one_of("use", DIAGNOSIS_ROLES);
                w.add_int("rank", 1);
            });
        });
    }
    if case % 9 == 1 {
        let account = w.target_elsewhere("Account");
        w.refer_list("account", &[Some(account)]);
    }
    if inpatient || case % 29 == 3 {
        w.add_object("hospitalization", add_hospitalization);
    }
    w.add_list("location", |w| {
        w.add_item(|w| {
            let place = w.target_location();
            w.add_backbone_oddities();
            w.add_reference("location", place);
            w.add_str("status", "completed");
            w.one_of("physicalType", PHYSICAL_TYPES);
            w.add_period("period", start, end);
        });
    });
    let provider = w.target_organization();
    w.add_reference("serviceProvider", provider);
    if inpatient && index > 0 {
        let before = w.target_own(RowType::Encounter, index - 1);
        w.refer_to("partOf", before);
    }
}

/// `status`, `class` and their histories.
fn write_status_and_class(w: &mut Row) {
    let visit = w.visit();
    let (start, end) = (visit.start, visit.end_time());
    w.add_str(
        "status",
        match w.case_number() % 97 {
            1 => "entered-in-error",
            2..6 => "cancelled",
            6..9 => "in-progress",
            _ => "finished",
        },
    );
    if w.has_turn(11, 2) {
        w.add_list("statusHistory", |w| {
            w.add_item(|w| {
                w.add_backbone_oddities();
                w.add_str("status", "arrived");
                w.add_period("period", start, end);
            });
        });
    }
    w.add_object("class", |w| w.write_coding(visit.class));
    if w.has_turn(13, 2) {
        w.add_list("classHistory", |w| {
            w.add_item(|w| {
                w.add_backbone_oddities();
                w.add_object("class", |w| w.write_coding(&CLASSES[1]));
                w.add_period("period", start, end);
            });
        });
    }
}

fn write_participant(w: &mut Row, at: usize) {
    let (visit, who) = (w.visit(), w.target_practitioner());
    w.add_backbone_oddities();
    w.add_concepts("type", &[PARTICIPANTS[at]]);
    w.add_period("period", visit.start, visit.end_time());
    w.add_reference("individual", who);
}

fn add_hospitalization(w: &mut Row) {
    let (origin, destination) = (w.target_location(), w.target_location());
    w.add_oddities(w.case_number() % 64);
    w.add_object("preAdmissionIdentifier", |w| {
        let who = w.person.name;
        w.add_str_of("value", |w| who.record_number(w));
    });
    w.add_reference("origin", origin);
    w.add_concept("admitSource", &ADMIT_SOURCE);
    w.add_concept("reAdmission", &READMISSION);
    w.add_concepts("dietPreference", &[DIET]);
    w.add_concepts("specialCourtesy", &[COURTESY]);
    w.add_concepts("specialArrangement", &[ARRANGEMENT]);
    w.add_reference("destination", destination);
    w.one_of("dischargeDisposition", DISCHARGES);
}

pub(super) fn write_episode_of_care(w: &mut Row) {
    w.begin_resource();
    let (start, index) = (w.time, w.index);
    w.add_identifiers();
    w.str_by_turn("status", &["active", "finished", "planned"]);
    w.add_list("statusHistory", |w| {
        w.add_item(|w| {
            w.add_backbone_oddities();
            w.add_str("status", "planned");
            w.add_period("period", start, start.plus_seconds(DAY));
        });
    });
    w.list_of("type", EPISODE_TYPES);
    if let Some(condition) = w.target_own(RowType::Condition, index) {
        w.add_list("diagnosis", |w| {
            w.add_item(|w| {
                w.add_backbone_oddities();
                w.add_reference("condition", condition);
                w.one_of("role", DIAGNOSIS_ROLES);
                w.add_int("rank", 1);
            });
        });
    }
    w.add_subject("patient");
    let organization = w.target_organization();
    w.add_reference("managingOrganization", organization);
    w.add_period("period", start, EXPORTED);
    let order = w.target_own(RowType::ServiceRequest, index);
    w.refer_list("referralRequest", &[order]);
    let manager = w.target_practitioner();
    w.add_reference("careManager", manager);
    let (team, account) = (w.target_elsewhere("CareTeam"), w.target_elsewhere("Account"));
    w.refer_list("team", &[Some(team)]);
    w.refer_list("account", &[Some(account)]);
}
