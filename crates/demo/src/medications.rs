//! Medicines, their prescriptions, and the doses that were handed out.

use super::codes::drugs::{
    COURSES, DISPENSE_CATEGORIES, DISPENSE_TYPES, DRUGS, FORMS, INGREDIENTS, NOT_DISPENSED,
    PACKAGER, REQUEST_CATEGORIES, STOPPED, SUBSTITUTION_REASONS, SUBSTITUTIONS,
};
use super::codes::problems::CONDITIONS;
use super::codes::staff::{PERFORMER_ROLES, ROLES};
use super::codes::{CodedConcept, DAYS, MILLIGRAM, TABLET};
use super::dates::{DAY, EXPORTED};
use super::json::Json;
use super::kind::RowType;
use super::rng::mix_parts;
use super::row::Row;

/// How a row says which medicine it is about.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    Inline,
    /// `#medication`
    Contained,
    /// A Medication of the export.
    Shared(u64),
}

/// The medicine of the patient's prescription `request`, and how it is told: a dispense says the
/// same as the prescription it fills.
fn find_prescribed(w: &Row, request: u64) -> (&'static CodedConcept, Way) {
    // Not by the row's own numbers: the prescription and its dispense must come to the same medicine.
    let bits = mix_parts(&[w.world.seed, w.person.number, request, 0x72_78]);
    let medication = bits >> 8 & 0xffff;
    match bits & 7 {
        0 => (&DRUGS[(bits >> 32) as usize % DRUGS.len()], Way::Contained),
        1..4 => {
            let at = medication % w.world.count_shared(RowType::Medication);
            (&DRUGS[at as usize % DRUGS.len()], Way::Shared(at))
        }
        _ => (&DRUGS[(bits >> 32) as usize % DRUGS.len()], Way::Inline),
    }
}

/// Starts a row about a medicine.
fn begin_medicine(w: &mut Row, drug: &CodedConcept, way: Way) {
    w.begin_with(|w| {
        let contains = way == Way::Contained;
        if contains {
            w.contained_medication(drug);
        }
        contains
    });
}

/// `medicationCodeableConcept` or `medicationReference`.
fn add_medicine(w: &mut Row, drug: &CodedConcept, way: Way) {
    match way {
        Way::Inline => w.add_concept("medicationCodeableConcept", drug),
        Way::Contained => {
            let target = w.target_contained("#medication");
            w.refer_plainly("medicationReference", target);
        }
        Way::Shared(at) => {
            let target = w.target_shared(RowType::Medication, at);
            w.refer_plainly("medicationReference", target);
        }
    }
}

pub(super) fn write_medication(w: &mut Row) {
    w.begin_resource();
    let (maker, time) = (w.target_organization(), w.time);
    w.add_list("identifier", |w| {
        w.add_item(|w| {
            w.add_str("system", "urn:oid:1.2.840.114350.1.13.861.1.7.2.698288");
            w.add_str_of("value", |w| {
                w.write_raw("MRN-Q-ERX");
                w.write_digits(w.index as i64);
            });
        });
    });
    w.add_concept("code", &DRUGS[w.index as usize % DRUGS.len()]);
    w.add_str("status", "active");
    w.add_reference("manufacturer", maker);
    w.one_of("form", FORMS);
    w.add_ratio("amount", (30, TABLET), (1, TABLET));
    w.add_list("ingredient", |w| {
        w.add_item(|w| {
            w.add_backbone_oddities();
            if w.has_turn(3, 0) {
                let substance = w.target_elsewhere("Substance");
                w.add_reference("itemReference", substance);
            } else {
                w.one_of("itemCodeableConcept", INGREDIENTS);
            }
            w.add_bool("isActive", true);
            w.add_ratio("strength", (10, MILLIGRAM), (1, TABLET));
        });
    });
    w.add_object("batch", |w| {
        w.add_backbone_oddities();
        w.add_str("lotNumber", "9494788");
        w.add_date_time("expirationDate", time.plus_seconds(500 * DAY));
    });
}

pub(super) fn write_medication_request(w: &mut Row) {
    let (drug, way) = find_prescribed(w, w.index);
    begin_medicine(w, drug, way);
    let (case, index, time) = (w.case_number(), w.index, w.time);
    w.add_identifiers();
    let status = if case % 75 == 2 {
        "entered-in-error"
    } else {
        w.by_turn(&["active", "completed", "stopped"])
    };
    w.add_str("status", status);
    if status == "stopped" {
        w.one_of("statusReason", STOPPED);
    }
    w.str_by_turn("intent", &["order", "order", "plan", "instance-order"]);
    w.list_of("category", REQUEST_CATEGORIES);
    if case % 3 == 0 {
        w.add_str("priority", "routine");
    }
    if case % 20 == 1 {
        w.add_bool("doNotPerform", false);
    }
    match case % 10 {
        0..4 => w.add_bool("reportedBoolean", case % 10 == 0),
        4 => {
            let who = w.target_subject();
            w.add_reference("reportedReference", who);
        }
        _ => {}
    }
    add_medicine(w, drug, way);
    w.add_subject("subject");
    w.add_encounter("encounter");
    if case % 15 == 1 {
        let fact = w.target_own(RowType::Observation, index);
        w.refer_list("supportingInformation", &[fact]);
    }
    w.add_date_time("authoredOn", time);
    let (requester, performer, recorder) =
        (w.target_practitioner(), w.target_organization(), w.target_practitioner());
    w.add_reference("requester", requester);
    if case % 12 == 1 {
        w.add_reference("performer", performer);
        w.one_of("performerType", ROLES);
    }
    if case % 2 == 0 {
        w.add_reference("recorder", recorder);
    }
    if case % 3 == 1 {
        w.list_of("reasonCode", CONDITIONS);
    } else {
        let reason = w.target_own(RowType::Condition, index);
        w.refer_list("reasonReference", &[reason]);
    }
    if case % 18 == 1 {
        w.add_gappy_list("instantiatesCanonical", "http://example.com/fhir/PlanDefinition/bp");
        w.add_strs("instantiatesUri", &["https://example.com/protocols/9"]);
    }
    if case % 14 == 1 {
        let order = w.target_own(RowType::ServiceRequest, index);
        w.refer_list("basedOn", &[order]);
    }
    if case % 4 == 0 {
        w.add_object("groupIdentifier", |w| w.add_str_of("value", |w| w.write_uuid(case)));
        w.one_of("courseOfTherapyType", COURSES);
    }
    if case % 7 == 1 {
        let coverage = w.target_elsewhere("Coverage");
        w.refer_list("insurance", &[Some(coverage)]);
    }
    if case % 3 == 0 {
        w.add_note();
    }
    w.add_dosages();
    if case % 5 < 3 {
        w.add_object("dispenseRequest", |w| dispense_request(w, case));
    }
    if case % 4 == 1 {
        w.add_object("substitution", |w| {
            w.add_backbone_oddities();
            match case % 3 {
                0 => w.one_of("allowedCodeableConcept", SUBSTITUTIONS),
                _ => w.add_bool("allowedBoolean", true),
            }
            w.one_of("reason", SUBSTITUTION_REASONS);
        });
    }
    if case % 9 == 1 {
        let prior = w.target_own(RowType::MedicationRequest, index + 1);
        w.refer_to("priorPrescription", prior);
    }
    if case % 22 == 1 {
        let (issue, history) =
            (w.target_elsewhere("DetectedIssue"), w.target_elsewhere("Provenance"));
        w.refer_list("detectedIssue", &[Some(issue)]);
        w.refer_list("eventHistory", &[Some(history)]);
    }
}

fn dispense_request(w: &mut Row, case: u64) {
    let time = w.time;
    w.add_backbone_oddities();
    if case % 6 == 1 {
        w.add_object("initialFill", |w| {
            w.add_backbone_oddities();
            w.add_quantity("quantity", 10, 0, TABLET);
            w.add_quantity("duration", 10, 0, DAYS);
        });
        w.add_quantity("dispenseInterval", 30, 0, DAYS);
    }
    w.add_period("validityPeriod", time, EXPORTED);
    w.add_int("numberOfRepeatsAllowed", (case / 5 % 5) as i64);
    w.add_quantity("quantity", 30 * (1 + case as i64 / 5 % 3), 0, TABLET);
    w.add_quantity("expectedSupplyDuration", 30, 0, DAYS);
    if case % 4 == 1 {
        let pharmacy = w.target_organization();
        w.add_reference("performer", pharmacy);
    }
}

pub(super) fn write_medication_dispense(w: &mut Row) {
    let request = w.index * 2 % w.person.count_rows(RowType::MedicationRequest).max(1);
    let (drug, way) = find_prescribed(w, request);
    begin_medicine(w, drug, way);
    let (case, index, time) = (w.case_number(), w.index, w.time);
    w.add_identifiers();
    if case % 10 == 1 {
        let procedure = w.target_own(RowType::Procedure, index);
        w.refer_list("partOf", &[procedure]);
    }
    let declined = case % 20 == 3;
    w.add_str(
        "status",
        if declined {
            "declined"
        } else if case % 55 == 4 {
            "entered-in-error"
        } else {
            "completed"
        },
    );
    if declined {
        match case % 3 {
            0 => {
                let issue = w.target_elsewhere("DetectedIssue");
                w.add_reference("statusReasonReference", issue);
            }
            _ => w.one_of("statusReasonCodeableConcept", NOT_DISPENSED),
        }
    }
    w.one_of("category", DISPENSE_CATEGORIES);
    add_medicine(w, drug, way);
    w.add_subject("subject");
    w.add_encounter("context");
    if case % 12 == 1 {
        let fact = w.target_own(RowType::Observation, index);
        w.refer_list("supportingInformation", &[fact]);
    }
    w.add_list("performer", |w| {
        w.add_item(|w| {
            let actor = w.target_practitioner();
            w.add_backbone_oddities();
            if case % 2 == 0 {
                w.add_concept("function", &PACKAGER);
            } else {
                w.one_of("function", PERFORMER_ROLES);
            }
            w.add_reference("actor", actor);
        });
    });
    let place = w.target_location();
    w.add_reference("location", place);
    let prescription = w.target_own(RowType::MedicationRequest, request);
    w.refer_list("authorizingPrescription", &[prescription]);
    w.one_of("type", DISPENSE_TYPES);
    w.add_quantity("quantity", 30, 0, TABLET);
    w.add_quantity("daysSupply", 30, 0, DAYS);
    w.add_date_time("whenPrepared", time);
    w.add_date_time("whenHandedOver", time.plus_seconds(3_600));
    if case % 8 == 1 {
        let (to, receiver) = (w.target_location(), w.target_subject());
        w.add_reference("destination", to);
        w.refer_list("receiver", &[Some(receiver)]);
    }
    if case % 3 == 0 {
        w.add_note();
    }
    w.add_dosages();
    if case % 5 == 1 {
        let responsible = w.target_practitioner();
        w.add_object("substitution", |w| {
            w.add_backbone_oddities();
            w.add_bool("wasSubstituted", case % 2 == 0);
            w.one_of("type", SUBSTITUTIONS);
            w.list_of("reason", SUBSTITUTION_REASONS);
            w.refer_list("responsibleParty", &[Some(responsible)]);
        });
    }
    if case % 16 == 1 {
        let (issue, history) =
            (w.target_elsewhere("DetectedIssue"), w.target_elsewhere("Provenance"));
        w.refer_list("detectedIssue", &[Some(issue)]);
        w.refer_list("eventHistory", &[Some(history)]);
    }
}
