//! The treatment of a patient: procedures, vaccines, devices.

use super::codes::drugs::{
    ELIGIBLE, FUNDING, NOT_GIVEN, REPORT_ORIGINS, ROUTES, SUBPOTENT, TARGET_DISEASES, VACCINATORS,
    VACCINES,
};
use super::codes::problems::{
    BODY_SITES, COMPLICATIONS, CONDITIONS, DEVICE_ACTIONS, DEVICE_STATES, DEVICES, FOLLOW_UPS,
    NOT_DONE, OUTCOMES, PROCEDURE_CATEGORIES, PROCEDURES,
};
use super::codes::staff::PERFORMER_ROLES;
use super::codes::{MILLILITER, YEAR, unit};
use super::dates::DAY;
use super::json::Json;
use super::kind::RowType;
use super::row::Row;

pub(super) fn write_procedure(w: &mut Row) {
    w.begin_resource();
    let (case, index, time) = (w.case_number(), w.index, w.time);
    w.add_identifiers();
    if case % 14 == 1 {
        w.add_strs(
            "instantiatesCanonical",
            &["http://example.com/fhir/PlanDefinition/colonoscopy"],
        );
        w.add_strs("instantiatesUri", &["https://example.com/protocols/3", ""]);
    }
    let order = w.target_own(RowType::ServiceRequest, index);
    w.refer_list("basedOn", &[order]);
    if case % 11 == 1 {
        let whole = w.target_own(RowType::Procedure, index + 1);
        w.refer_list("partOf", &[whole]);
    }
    let not_done = case % 25 == 3;
    w.add_str(
        "status",
        if not_done {
            "not-done"
        } else if case % 65 == 4 {
            "entered-in-error"
        } else {
            "completed"
        },
    );
    if not_done {
        w.one_of("statusReason", NOT_DONE);
    }
    w.one_of("category", PROCEDURE_CATEGORIES);
    w.add_concept("code", w.by_turn(PROCEDURES));
    w.add_subject("subject");
    w.add_encounter("encounter");
    match case % 32 {
        0..6 => w.add_period("performedPeriod", time, time.plus_seconds(2_700)),
        6 => w.add_quantity("performedAge", 44, 0, YEAR),
        7 => w.add_range("performedRange", 40, 45, YEAR),
        8 => w.free_text("performedString"),
        _ => w.add_date_time("performedDateTime", time),
    }
    let (recorder, asserter) = (w.target_practitioner(), w.target_practitioner());
    if case % 3 == 0 {
        w.add_reference("recorder", recorder);
        w.add_reference("asserter", asserter);
    }
    w.add_list("performer", |w| {
        w.add_item(|w| {
            let (actor, employer) = (w.target_practitioner(), w.target_organization());
            w.add_backbone_oddities();
            w.one_of("function", PERFORMER_ROLES);
            w.add_reference("actor", actor);
            if case % 4 == 0 {
                w.add_reference("onBehalfOf", employer);
            }
        });
    });
    let place = w.target_location();
    w.add_reference("location", place);
    if case % 3 == 1 {
        w.list_of("reasonCode", CONDITIONS);
    } else {
        let reason = w.target_own(RowType::Condition, index);
        w.refer_list("reasonReference", &[reason]);
    }
    if case % 5 == 1 {
        w.list_of("bodySite", BODY_SITES);
        w.one_of("outcome", OUTCOMES);
        let report = w.target_own(RowType::DiagnosticReport, index);
        w.refer_list("report", &[report]);
    }
    if case % 18 == 2 {
        w.list_of("complication", COMPLICATIONS);
        let detail = w.target_own(RowType::Condition, index + 1);
        w.refer_list("complicationDetail", &[detail]);
        w.list_of("followUp", FOLLOW_UPS);
    }
    if case % 3 == 2 {
        w.add_note();
    }
    let device = w.target_own(RowType::Device, index);
    if let (0, Some(device)) = (case % 13, device) {
        w.add_list("focalDevice", |w| {
            w.add_item(|w| {
                w.add_backbone_oddities();
                w.one_of("action", DEVICE_ACTIONS);
                w.add_reference("manipulated", device);
            });
        });
    }
    if case % 10 == 5 {
        w.refer_list("usedReference", &[device]);
        w.list_of("usedCode", DEVICES);
    }
}

pub(super) fn write_immunization(w: &mut Row) {
    w.begin_resource();
    let (case, index, time) = (w.case_number(), w.index, w.time);
    let not_done = case % 20 == 1;
    w.add_identifiers();
    w.add_str("status", if not_done { "not-done" } else { "completed" });
    if not_done {
        w.one_of("statusReason", NOT_GIVEN);
    }
    w.add_concept("vaccineCode", w.by_turn(VACCINES));
    w.add_subject("patient");
    w.add_encounter("encounter");
    if case % 40 == 2 {
        w.free_text("occurrenceString");
    } else {
        w.add_date_time("occurrenceDateTime", time);
    }
    w.add_date_time("recorded", time);
    w.add_bool("primarySource", case % 5 != 0);
    if case % 5 == 0 {
        w.one_of("reportOrigin", REPORT_ORIGINS);
    }
    let (place, maker) = (w.target_location(), w.target_organization());
    w.add_reference("location", place);
    w.add_reference("manufacturer", maker);
    w.add_str("lotNumber", "L-2207B");
    w.add_date("expirationDate", time.plus_seconds(300 * DAY));
    w.one_of("site", BODY_SITES);
    w.one_of("route", ROUTES);
    w.add_quantity("doseQuantity", 5, 1, MILLILITER);
    w.add_list("performer", |w| {
        w.add_item(|w| {
            let actor = w.target_practitioner();
            w.add_backbone_oddities();
            w.list_function();
            w.add_reference("actor", actor);
        });
    });
    if case % 3 == 0 {
        w.add_note();
    }
    match case % 4 {
        0 => w.list_of("reasonCode", CONDITIONS),
        1 => {
            let reason = w.target_own(RowType::Condition, index);
            w.refer_list("reasonReference", &[reason]);
        }
        _ => {}
    }
    w.add_bool("isSubpotent", case % 30 == 3);
    if case % 30 == 3 {
        w.list_of("subpotentReason", SUBPOTENT);
    }
    w.add_list("education", |w| {
        w.add_item(|w| {
            w.add_backbone_oddities();
            w.add_str("documentType", "253088698300010311120702");
            w.add_date_time("publicationDate", time);
            w.add_date_time("presentationDate", time);
        });
    });
    if case % 4 == 2 {
        w.list_of("programEligibility", ELIGIBLE);
        w.one_of("fundingSource", FUNDING);
    }
    if case % 15 == 4 {
        let detail = w.target_own(RowType::Observation, index);
        w.add_list("reaction", |w| {
            w.add_item(|w| {
                w.add_backbone_oddities();
                w.add_date_time("date", time);
                w.refer_to("detail", detail);
                w.add_bool("reported", true);
            });
        });
    }
    if case % 3 == 1 {
        let authority = w.target_organization();
        w.add_list("protocolApplied", |w| {
            w.add_item(|w| {
                w.add_backbone_oddities();
                w.add_str("series", "2-dose");
                w.add_reference("authority", authority);
                w.list_of("targetDisease", TARGET_DISEASES);
                if case % 2 == 0 {
                    w.add_int("doseNumberPositiveInt", 1);
                    w.add_int("seriesDosesPositiveInt", 2);
                } else {
                    w.add_str("doseNumberString", "booster");
                    w.add_str("seriesDosesString", "2 + booster");
                }
            });
        });
    }
}

impl Row<'_> {
    fn list_function(&mut self) {
        self.one_of("function", VACCINATORS);
    }
}

pub(super) fn write_device(w: &mut Row) {
    w.begin_resource();
    let (case, time) = (w.case_number(), w.time);
    let kind = *w.by_turn(DEVICES);
    w.add_identifiers();
    let definition = w.target_elsewhere("DeviceDefinition");
    w.add_reference("definition", definition);
    w.add_list("udiCarrier", |w| {
        w.add_item(|w| {
            w.add_backbone_oddities();
            w.add_str("deviceIdentifier", "00844588003288");
            w.add_str("issuer", "http://hl7.org/fhir/NamingSystem/gs1-di");
            w.add_str("jurisdiction", "http://hl7.org/fhir/NamingSystem/fda-udi");
            w.add_str("carrierAIDC", "KDAxKTAwODQ0NTg4MDAzMjg4");
            w.add_str("carrierHRF", "(01)00844588003288(17)141120(10)7654321D(21)10987654d321");
            w.add_str("entryType", "barcode");
        });
    });
    w.str_by_turn("status", &["active", "inactive", "active"]);
    if case % 4 == 1 {
        w.list_of("statusReason", DEVICE_STATES);
    }
    w.add_str("distinctIdentifier", "A9999XYZ100T0474");
    w.add_str("manufacturer", "Acme Devices, Inc");
    w.add_date_time("manufactureDate", time);
    w.add_date_time("expirationDate", time.plus_seconds(900 * DAY));
    w.add_str("lotNumber", "7654321D");
    w.add_str("serialNumber", "10987654d321");
    w.add_list("deviceName", |w| {
        w.add_item(|w| {
            w.add_backbone_oddities();
            w.add_str("name", kind.text);
            w.add_str("type", "user-friendly-name");
        });
    });
    w.add_str("modelNumber", "PM/Octane 2014");
    w.add_str("partNumber", "65-0001");
    w.add_concept("type", &kind);
    w.add_list("specialization", |w| {
        w.add_item(|w| {
            w.add_backbone_oddities();
            w.add_concept("systemType", &kind);
            w.add_str("version", "1.4");
        });
    });
    w.add_list("version", |w| {
        w.add_item(|w| {
            w.add_concept("type", &kind);
            w.add_object("component", |w| {
                w.write_identifier("urn:example:device-parts", |w| w.write_raw("K-77"))
            });
            w.add_str("value", "3.1.2-rc1");
        });
    });
    w.add_list("property", |w| {
        w.add_item(|w| {
            w.add_concept("type", &kind);
            w.add_list("valueQuantity", |w| {
                w.add_item(|w| w.quantity_members(70, 0, unit("/min", "/min")));
            });
            w.list_of("valueCode", OUTCOMES);
        });
    });
    w.add_subject("patient");
    let (owner, place, parent) =
        (w.target_organization(), w.target_location(), w.target_own(RowType::Device, w.index + 1));
    w.add_reference("owner", owner);
    let who = w.some_name();
    w.add_list("contact", |w| {
        w.add_item(|w| {
            w.add_str("system", "phone");
            w.add_str_of("value", |w| who.write_phone(w));
        });
    });
    w.add_reference("location", place);
    w.add_note();
    w.list_of("safety", super::codes::problems::SEVERITIES);
    if case % 6 == 1 {
        w.refer_to("parent", parent);
    }
}
