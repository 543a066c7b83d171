use super::*;

fn kickoff(url: &str, narrowing: &ExportFilters, post: bool) -> KickOff {
    KickOff::new(&ExportTarget::parse(url).unwrap(), narrowing, post)
}

fn narrowing() -> ExportFilters {
    ExportFilters {
        types: vec!["Patient".to_owned(), "Condition".to_owned()],
        ..Default::default()
    }
}

#[test]
fn servers_patients_and_groups_are_told_apart() {
    for (text, base, export) in [
        ("https://ehr/fhir", "https://ehr/fhir/", "https://ehr/fhir/$export"),
        ("https://ehr", "https://ehr/", "https://ehr/$export"),
        ("https://ehr/r4/$export", "https://ehr/r4/", "https://ehr/r4/$export"),
        ("https://ehr/r4/Patient/", "https://ehr/r4/", "https://ehr/r4/Patient/$export"),
        ("https://ehr/r4/Group/a-1", "https://ehr/r4/", "https://ehr/r4/Group/a-1/$export"),
        ("https://ehr/r4/Group/a/$export", "https://ehr/r4/", "https://ehr/r4/Group/a/$export"),
        ("https://ehr/r4/Group/a/%24export", "https://ehr/r4/", "https://ehr/r4/Group/a/$export"),
        ("https://ehr/r4//$export//", "https://ehr/r4/", "https://ehr/r4/$export"),
        // A name that only ends so is a part of the base, or of the Group's ID.
        ("https://ehr/my$export", "https://ehr/my$export/", "https://ehr/my$export/$export"),
        ("https://ehr//.$export", "https://ehr//.$export/", "https://ehr//.$export/$export"),
        ("https://ehr/Group/a$export", "https://ehr/", "https://ehr/Group/a$export/$export"),
    ] {
        let target = ExportTarget::parse(text).unwrap();
        assert_eq!(target.base.as_str(), base);
        assert_eq!(target.export_url().as_str(), export);
        assert_eq!(
            ExportTarget::parse(export).unwrap().export_url(),
            target.export_url(),
            "{text}"
        );
    }
    for text in ["ehr/fhir", "ftp://ehr/", "https://u:secret@ehr/fhir", "https://ehr/Group/"] {
        let error = ExportTarget::parse(text).unwrap_err();
        assert_eq!(error.kind(), SettingsFault::InvalidValue.into(), "{text}");
        assert!(!error.to_string().contains("secret"));
    }
}

#[test]
fn the_types_are_always_sent() {
    let url = kickoff("https://ehr/fhir", &narrowing(), false).url;
    assert_eq!(url.as_str(), "https://ehr/fhir/$export?_type=Patient,Condition");
}

#[test]
fn commas_inside_a_filter_survive_the_list() {
    let type_filters = vec!["Condition?code=a,b".to_owned(), "Patient?active=true&x=y".to_owned()];
    let url = kickoff("https://ehr", &ExportFilters { type_filters, ..narrowing() }, false).url;
    let (_, filters) = url.query().unwrap().split_once("_typeFilter=").unwrap();
    assert_eq!(filters, "Condition%3Fcode%3Da%252Cb,Patient%3Factive%3Dtrue%26x%3Dy");
}

#[test]
fn repeated_parameters_fold_into_a_list() {
    let params = [("_elements", "id"), ("x", "1"), ("_elements", "meta,id")];
    let params = params.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let kickoff = kickoff("https://ehr?y=2", &ExportFilters { params, ..narrowing() }, false);
    let expected = "_type=Patient,Condition&y=2&_elements=id,meta&x=1";
    assert_eq!(kickoff.url.query(), Some(expected));
}

#[test]
fn patients_are_sent_but_not_shown() {
    let params = vec![("patient".to_owned(), "Patient/1,Patient/2".to_owned())];
    let narrowing = ExportFilters { params, ..narrowing() };
    let kickoff = kickoff("https://ehr", &narrowing, false);
    assert!(kickoff.url.query().unwrap().ends_with("&patient=Patient/1,Patient/2"));
    assert_eq!(kickoff.hidden, ["Patient/1", "Patient/2"]);
    assert!(kickoff.parameters.iter().all(|(name, _)| name != "patient"));
}

#[test]
fn what_filters_look_for_is_not_shown() {
    let type_filters = vec![
        "Patient?identifier=http://hospital.example/mrn|MRN-1&active=true".to_owned(),
        "Patient?name=Doe".to_owned(),
    ];
    let params = vec![("_has".to_owned(), "Patient:family:Smith".to_owned())];
    let narrowing = ExportFilters { type_filters, params, ..narrowing() };
    let hidden = kickoff("https://ehr", &narrowing, false).hidden;
    for text in ["MRN-1", "Doe", "Smith", "Patient?name=Doe", "Patient%3Fname%3DDoe"] {
        assert!(hidden.iter().any(|known| known == text), "{text}: {hidden:?}");
    }
    for text in ["http", "Patient", "true", "identifier"] {
        assert!(hidden.iter().all(|known| known != text), "{text}: {hidden:?}");
    }
}

#[test]
fn a_body_has_each_parameter_with_its_type() {
    let pairs = [("patient", "Patient/1,Patient/2"), ("allowPartialManifests", "true")];
    let narrowing = ExportFilters {
        since: to_instant("2024-01-01", false),
        type_filters: vec!["Condition?code=a,b".to_owned()],
        params: pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
        ..narrowing()
    };
    let kickoff = kickoff("https://ehr/Group/g", &narrowing, true);
    assert_eq!(kickoff.url.as_str(), "https://ehr/Group/g/$export");
    let expected = json!({"resourceType": "Parameters", "parameter": [
        {"name": "_type", "valueString": "Patient,Condition"},
        {"name": "_since", "valueInstant": "2024-01-01T00:00:00Z"},
        {"name": "_typeFilter", "valueString": "Condition?code=a,b"},
        {"name": "patient", "valueReference": {"reference": "Patient/1"}},
        {"name": "patient", "valueReference": {"reference": "Patient/2"}},
        {"name": "allowPartialManifests", "valueBoolean": true},
    ]});
    assert_eq!(kickoff.body, Some(expected));
}

#[test]
fn dates_become_instants() {
    let since = |text| to_instant(text, false);
    assert_eq!(since("2024-02-29").as_deref(), Some("2024-02-29T00:00:00Z"));
    assert_eq!(to_instant("2024-02-29", true).as_deref(), Some("2024-02-29T23:59:59.999Z"));
    assert_eq!(since("2024-01-01T10:00:00").as_deref(), Some("2024-01-01T10:00:00Z"));
    let offset = "2024-01-01T10:00:00.250-05:00";
    assert_eq!(to_instant(offset, true).as_deref(), Some(offset));
    assert_eq!((since("2023-02-29"), since("soon")), (None, None));
    // Leap seconds: whatever reads the time need not know them.
    assert_eq!(since("2016-12-31T23:59:60Z").as_deref(), Some("2016-12-31T23:59:59.999Z"));
    assert_eq!(
        to_instant("2017-01-01T08:59:60.5+09:00", true).as_deref(),
        Some("2017-01-01T08:59:59.999+09:00")
    );
}

#[test]
fn filters_in_one_text_are_told_apart_by_their_types() {
    let text = "Condition?code=a,b, Patient?active=true";
    assert_eq!(split_filters(text), ["Condition?code=a,b", "Patient?active=true"]);
}

#[test]
fn only_the_same_request_has_the_same_fingerprint() {
    let since = ExportFilters { since: to_instant("2024-01-01", false), ..narrowing() };
    let one = kickoff("https://ehr/fhir", &narrowing(), false).fingerprint;
    assert_eq!(one, kickoff("https://ehr/fhir/", &narrowing(), true).fingerprint);
    assert_ne!(one, kickoff("https://ehr/fhir/Patient", &narrowing(), false).fingerprint);
    assert_ne!(one, kickoff("https://ehr/fhir", &since, false).fingerprint);
}
