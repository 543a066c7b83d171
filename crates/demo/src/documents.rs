//! Notes and reports.

use super::codes::CodedConcept;
use super::codes::admin::{EVENT, NOTE_CATEGORIES, NOTE_FORMATS, NOTE_TYPES, SECURITY_LABELS};
use super::codes::orders::{ORDERS, REPORT_CATEGORIES};
use super::codes::problems::CONDITIONS;
use super::codes::staff::{LOCATION_TYPES, SPECIALTIES};
use super::dates::DAY;
use super::json::{Json, write_base64};
use super::kind::RowType;
use super::observations::PER_REPORT;
use super::row::Row;

const CONTENT_TYPES: &[&str] =
    &["text/html", "text/plain; charset=utf-8", "text/rtf", "application/pdf", "application/xml"];

pub(super) fn write_diagnostic_report(w: &mut Row) {
    w.begin_resource();
    let (case, index, time) = (w.case_number(), w.index, w.time);
    w.add_identifiers();
    let order = w.target_own(RowType::ServiceRequest, index);
    w.refer_list("basedOn", &[order]);
    let statuses = ["final", "final", "amended"];
    let status = if case % 70 == 3 { "entered-in-error" } else { w.by_turn(&statuses) };
    w.add_str("status", status);
    w.add_concepts("category", &[*w.by_turn(REPORT_CATEGORIES)]);
    w.one_of("code", ORDERS);
    w.add_subject("subject");
    w.add_encounter("encounter");
    if case % 9 == 4 {
        w.add_period("effectivePeriod", time, time.plus_seconds(DAY));
    } else {
        w.add_date_time("effectiveDateTime", time);
    }
    w.add_instant("issued", time.plus_seconds(7_200));
    let (performer, reader) = (w.target_organization(), w.target_practitioner());
    w.refer_list("performer", &[Some(performer)]);
    if case % 3 == 1 {
        w.refer_list("resultsInterpreter", &[Some(reader)]);
    }
    let specimen = w.target_own(RowType::Specimen, index);
    w.refer_list("specimen", &[specimen]);
    let results = w.person.count_rows(RowType::Observation);
    // The last report of a patient may have fewer results.
    let mut found = [None; PER_REPORT as usize];
    for (at, slot) in found.iter_mut().enumerate() {
        let number = index * PER_REPORT + at as u64;
        if number < results {
            *slot = w.target_own(RowType::Observation, number);
        }
    }
    w.refer_list("result", &found);
    if case % 8 == 1 {
        let (study, media) = (w.target_elsewhere("ImagingStudy"), w.target_elsewhere("Media"));
        w.refer_list("imagingStudy", &[Some(study)]);
        w.add_list("media", |w| {
            w.add_item(|w| {
                w.add_backbone_oddities();
                w.free_text("comment");
                w.add_reference("link", media);
            });
        });
    }
    w.free_text("conclusion");
    if case % 4 == 0 {
        w.list_of("conclusionCode", CONDITIONS);
    }
    if case % 5 < 2 {
        let code = *w.by_turn(ORDERS);
        w.add_list("presentedForm", |w| w.add_item(|w| note_attachment(w, &code)));
    }
}

pub(super) fn write_document_reference(w: &mut Row) {
    w.begin_resource();
    let (case, index, time) = (w.case_number(), w.index, w.time);
    let kind = *w.by_turn(NOTE_TYPES);
    let (author, signer, owner) =
        (w.target_practitioner(), w.target_practitioner(), w.target_organization());
    w.add_object("masterIdentifier", |w| w.add_str_of("value", |w| w.write_uuid(case)));
    w.add_identifiers();
    w.add_str("status", if case % 60 == 9 { "entered-in-error" } else { "current" });
    w.str_by_turn("docStatus", &["final", "amended", "preliminary"]);
    w.add_concept("type", &kind);
    w.add_concepts("category", NOTE_CATEGORIES);
    w.add_subject("subject");
    w.add_instant("date", time);
    w.refer_list("author", &[Some(author)]);
    if case % 2 == 0 {
        w.add_reference("authenticator", signer);
    }
    w.add_reference("custodian", owner);
    if case % 8 == 3 {
        let earlier = w.target_own(RowType::DocumentReference, index + 1);
        w.add_list("relatesTo", |w| {
            w.add_item(|w| {
                w.add_backbone_oddities();
                w.add_str("code", "appends");
                w.refer_to("target", earlier);
            });
        });
    }
    w.free_text("description");
    if case % 6 == 1 {
        w.add_concepts("securityLabel", SECURITY_LABELS);
    }
    w.add_list("content", |w| {
        w.add_item(|w| add_content(w, &kind));
        if case % 9 == 2 {
            w.add_item(|w| add_content(w, &kind));
        }
    });
    w.add_object("context", add_context);
}

fn add_content(w: &mut Row, kind: &CodedConcept) {
    w.add_backbone_oddities();
    w.add_object("attachment", |w| note_attachment(w, kind));
    let format = *w.rng.pick_item(NOTE_FORMATS);
    w.add_object("format", |w| w.write_coding(&format));
}

fn add_context(w: &mut Row) {
    let (visit, index, case) = (w.visit(), w.index, w.case_number());
    w.add_backbone_oddities();
    let encounter = w.target_encounter();
    w.add_list("encounter", |w| w.add_item(|w| w.reference_members(encounter, 3)));
    if case % 5 == 0 {
        w.add_concepts("event", &[EVENT]);
    }
    w.add_period("period", visit.start, visit.end_time());
    if case % 4 == 1 {
        w.one_of("facilityType", LOCATION_TYPES);
    }
    if case % 3 == 1 {
        w.one_of("practiceSetting", SPECIALTIES);
    }
    if case % 7 == 2 {
        let (patient, order) = (w.target_subject(), w.target_own(RowType::ServiceRequest, index));
        w.add_reference("sourcePatientInfo", patient);
        w.refer_list("related", &[order]);
    }
}

/// A note: linked in most rows, inside the row in one of four.
fn note_attachment(w: &mut Row, kind: &CodedConcept) {
    let content_type = *w.rng.pick_item(CONTENT_TYPES);
    let inline = w.rng.one_in(4);
    w.write_attachment(content_type, |w| {
        if inline {
            let note = note_text(w, kind, content_type == "text/html");
            w.add_str_of("data", |w| write_base64(w.buffer_mut(), &note));
        }
    });
}

/// One to six kilobytes of a clinician's text, the patient's name all over it.
fn note_text(w: &mut Row, kind: &CodedConcept, html: bool) -> Vec<u8> {
    const SENTENCES: &[&str] = &[
        "Presents today for follow-up; denies chest pain, shortness of breath, fever or chills.",
        "Blood pressure is well controlled on the current regimen, no change for now.",
        "Lungs clear to auscultation bilaterally. Heart regular, no murmur.",
        "Abdomen soft, nontender, no organomegaly. Extremities without edema.",
        "Labs were reviewed: hemoglobin stable, creatinine at baseline, A1c slightly up.",
        "Plan: continue medication, repeat labs in three months, return sooner if symptoms worsen.",
        "Counseled on diet, exercise and tobacco cessation for more than ten minutes.",
        "Imaging shows no acute cardiopulmonary process; degenerative changes of the spine.",
        "Allergies and medication list were reconciled with the patient at this visit.",
    ];
    let (who, doctor) = (w.person.name, w.some_name());
    let mut note = Vec::with_capacity(6_000);
    let (open, close) = if html { ("<p>", "</p>") } else { ("", "\n\n") };
    note.write_raw(if html { "<html><body><h1>" } else { "" });
    note.write_raw(kind.text);
    note.write_raw(if html { "</h1>" } else { "\n" });
    for _ in 0..w.rng.pick_between(2, 12) {
        note.write_raw(open);
        who.write_full(&mut note);
        note.write_raw(" (");
        who.record_number(&mut note);
        note.write_raw("): ");
        for _ in 0..w.rng.pick_between(2, 6) {
            let sentence = *w.rng.pick_item(SENTENCES);
            note.write_raw(sentence);
            note.write_raw(" ");
        }
        note.write_raw(close);
    }
    note.write_raw("Electronically signed by Dr. ");
    doctor.write_full(&mut note);
    note.write_raw(if html { "</body></html>" } else { "\n" });
    note
}
