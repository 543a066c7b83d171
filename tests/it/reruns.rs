//! Further runs on tables that are there.

use std::collections::BTreeMap;
use std::fs;

use serde_json::{Value, json};

use crate::support::{FORMATS, Site, children, dated, deletes, end, json_file, patient, resource};

/// `id=gender` of the rows that are there, by the real IDs given.
fn genders(site: &Site, root: &str, format: &str, ids: &[&str]) -> String {
    let rows = site.by_id(root, format, "patient");
    let mut shown = Vec::new();
    for id in ids {
        if let Some(row) = rows.get(&site.fake("Patient", id)) {
            shown.push(format!("{id}={}", row["gender"].as_str().unwrap_or("-")));
        }
    }
    assert_eq!(shown.len(), rows.len(), "rows that nobody knows in {format}");
    shown.join(" ")
}

#[test]
fn a_second_run_leaves_what_the_rules_say() {
    let ids =
        ["changed", "dropped", "equal", "gone", "kept", "late", "new", "older", "twice", "undated"];
    for format in FORMATS {
        let site = Site::new();
        let formats = format!("--output-format={format}");
        site.rows(
            "a.ndjson",
            &[
                // By the offset, these are the instants 19:00 of the day before.
                dated("changed", "first", "2020-06-01T00:00:00+05:00"),
                dated("equal", "first", "2020-06-01T00:00:00+05:00"),
                dated("older", "first", "2020-06-01T00:00:00+05:00"),
                dated("twice", "first", "2020-01-02T00:00:00Z"),
                dated("undated", "first", "2020-01-02T00:00:00Z"),
                patient("late", "first"),
                patient("kept", "first"),
                patient("gone", "first"),
                patient("dropped", "first"),
            ],
        );
        site.run(&[&formats]);
        site.clear_input();
        site.rows(
            "a.ndjson",
            &[
                patient("new", "overridden"),
                // Later as an instant, earlier as text; and the other way round.
                dated("changed", "second", "2020-05-31T20:00:00Z"),
                dated("older", "second", "2020-06-01T01:00:00+09:00"),
                dated("equal", "second", "2020-05-31T19:00:00.000Z"),
                // Of the two the later line is the run's, and that is older than the table's.
                dated("twice", "second", "2020-01-03T00:00:00Z"),
                dated("twice", "third", "2020-01-01T00:00:00Z"),
                patient("undated", "second"),
                dated("late", "second", "1999-01-01"),
                patient("dropped", "second"),
            ],
        );
        site.rows("b.ndjson", &[patient("new", "second")]);
        site.rows(
            "deleted/x.ndjson",
            &[deletes(&["Patient/gone", "Patient/dropped", "Patient/never", "Patient/gone"])],
        );
        site.run(&[&formats]);
        let expected = match format {
            "deltalake" => {
                "changed=second equal=second kept=first late=second new=second older=first \
                 twice=first undated=second"
            }
            _ => {
                "changed=second equal=second late=second new=second older=second twice=third \
                 undated=second"
            }
        };
        assert_eq!(genders(&site, "out", format, &ids), expected, "{format}");
        let manifest = site.manifest();
        let table = &manifest["tables"][0];
        assert_eq!(table["duplicates"], 2, "{format}");
        assert_eq!(table["deleted_within_run"], 1, "{format}");
        if format == "deltalake" {
            let output = &table["outputs"][0];
            let counts = ["inserted", "updated", "deleted", "unchanged", "rows"];
            assert_eq!(counts.map(|name| output[name].as_u64().unwrap()), [1, 4, 2, 2, 8]);
        }
        if format == "ndjson" {
            let mut deleted: Vec<_> =
                ["dropped", "gone", "never"].iter().map(|id| site.fake("Patient", id)).collect();
            deleted.sort();
            let meta = json_file(&site.path("out/patient/patient.meta"));
            assert_eq!(meta, json!({"deleted": deleted}));
            // It describes the run that wrote the table, not an earlier one.
            site.clear_input();
            site.rows("a.ndjson", &[patient("new", "third")]);
            site.run(&[&formats]);
            assert_eq!(children(&site.path("out/patient")), ["patient.000.ndjson"]);
        }
    }
}

#[test]
fn new_nested_fields_leave_other_rows_as_they_are() {
    let site = Site::new();
    let spoken = |code: &str| json!([{"language": {"coding": [{"code": code}]}}]);
    let first = |id: &str| {
        let meta = json!({"lastUpdated": "2020-01-02T00:00:00Z"});
        resource("Patient", id, json!({"meta": meta, "communication": spoken("en")}))
    };
    site.rows("p.ndjson", &[first("unmatched"), first("skipped"), first("matched")]);
    site.run(&[]);
    let before = site.by_id("out", "deltalake", "patient");

    site.clear_input();
    let second = |id: &str, time: &str| {
        let mut row = resource(
            "Patient",
            id,
            json!({
                "meta": {"lastUpdated": time, "tag": [{"code": "t", "userSelected": true}]},
                "communication": [
                    {"language": {"text": "x", "coding": [{"code": "de"}]}, "preferred": true},
                    {"language": {"coding": [{"code": "fr"}]}},
                ],
                "multipleBirthInteger": 2,
                "contact": [{"gender": "other", "period": {"start": "2001"}}],
                "_birthDate": {"extension": [{
                    "url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason",
                    "valueCode": "unknown",
                }]},
            }),
        );
        row["link"] = json!([{"type": "seealso"}]);
        row
    };
    let rows = [
        second("matched", "2021-01-01"),
        second("skipped", "2019-01-01T00:00:00Z"),
        second("new", "2019-01-01T00:00:00Z"),
    ];
    site.rows("p.ndjson", &rows);
    site.run(&[]);
    let after = site.by_id("out", "deltalake", "patient");
    for id in ["unmatched", "skipped"] {
        let id = site.fake("Patient", id);
        assert_eq!(after[&id], before[&id]);
    }
    for row in &rows {
        let id = row["id"].as_str().unwrap();
        if id != "skipped" {
            let mut expected = row.clone();
            expected["id"] = site.fake("Patient", id).into();
            assert_eq!(after[&site.fake("Patient", id)], expected);
        }
    }
}

#[test]
fn contained_resources_of_types_that_clash_lose_what_does_not_fit() {
    let contained = |kind: &str, category: Value| json!({"contained": [{"resourceType": kind, "id": "c", "category": category}]});
    let allergy = || contained("AllergyIntolerance", json!(["food"]));
    let observation = || contained("Observation", json!([{"text": "x"}]));
    for format in FORMATS {
        let site = Site::new();
        let formats = format!("--output-format={format}");
        let request = |id: &str, more| resource("MedicationRequest", id, more);
        site.rows("m.ndjson", &[request("a", allergy()), request("o", observation())]);
        site.run(&[&formats]);
        let rows = site.by_id("out", format, "medicationrequest");
        let category = |id: &str| &rows[&site.fake("", id)]["contained"][0]["category"];
        assert_eq!(*category("o"), json!([{"text": "x"}]), "{format}");
        if format != "ndjson" {
            // Lines of JSON have no columns that could clash.
            assert!(category("a").is_null(), "{format}: {}", category("a"));
            let manifest = site.manifest();
            let misfits = &manifest["tables"][0]["counts"]["report"]["contained_misfits"];
            assert_eq!(*misfits, json!({"AllergyIntolerance": {"category": 1}}), "{format}");
        }
    }
}

#[test]
fn contained_resources_that_clash_with_those_of_an_earlier_run_lose_too() {
    let site = Site::new();
    let request = |id: &str, kind: &str, more: Value| {
        let mut inner = resource(kind, "c", more);
        inner["language"] = "en".into();
        resource("MedicationRequest", id, json!({"contained": [inner]}))
    };
    let allergy = request("a", "AllergyIntolerance", json!({"category": ["food"]}));
    site.rows("m.ndjson", &[allergy]);
    site.run(&[]);
    let category = json!([{"text": "x"}]);
    let observation = request("o", "Observation", json!({"category": category, "status": "final"}));
    site.rows("m.ndjson", &[observation]);
    site.run(&[]);
    let rows = site.by_id("out", "deltalake", "medicationrequest");
    let contained = |id: &str| rows[&site.fake("", id)]["contained"][0].clone();
    assert_eq!(contained("a")["category"], json!(["food"]));
    let id = site.fake("", "c");
    let expected =
        json!({"resourceType": "Observation", "id": id, "language": "en", "status": "final"});
    assert_eq!(contained("o"), expected);
    let manifest = site.manifest();
    let misfits = &manifest["tables"][0]["counts"]["report"]["contained_misfits"];
    assert_eq!(*misfits, json!({"Observation": {"category": 1}}));
}

#[test]
fn twenty_runs_add_up() {
    let site = Site::new();
    let mut expected = BTreeMap::new();
    for run in 0..20 {
        site.clear_input();
        let ids = [format!("p{}", run % 7), format!("p{run}")];
        let rows: Vec<_> = ids.iter().map(|id| patient(id, &format!("run {run}"))).collect();
        site.rows("p.ndjson", &rows);
        for id in ids {
            expected.insert(id, format!("run {run}"));
        }
        let gone = format!("p{}", (run + 3) % 11);
        if run % 5 == 4 {
            site.rows("deleted/d.ndjson", &[deletes(&[&format!("Patient/{gone}")])]);
            expected.remove(&gone);
        }
        site.run(&[]);
    }
    let rows = site.by_id("out", "deltalake", "patient");
    let found: BTreeMap<_, _> = rows
        .iter()
        .map(|(id, row)| (id.clone(), row["gender"].as_str().unwrap().to_owned()))
        .collect();
    let expected: BTreeMap<_, _> =
        expected.into_iter().map(|(id, gender)| (site.fake("Patient", &id), gender)).collect();
    assert_eq!(found, expected);
    assert_eq!(site.table("out", "deltalake", "etl__completion").len(), 20);
    assert_eq!(children(&site.path("out/JobConfig")).len(), 20);
}

#[test]
fn runs_at_the_same_time_all_count() {
    let site = Site::new();
    site.rows("p.ndjson", &[patient("first", "x")]);
    site.run(&[]);
    let runs: Vec<_> = (0..4)
        .map(|n| {
            let rows = [
                patient(&format!("p{n}"), "x"),
                resource("Encounter", &format!("e{n}"), json!({})),
            ];
            site.rows(&format!("../in{n}/p.ndjson"), &rows[..1]);
            site.rows(&format!("../in{n}/e.ndjson"), &rows[1..]);
            let mut job = site.command();
            job.args([&format!("in{n}"), "out", "phi", "--export-group=g"]);
            job.args(["--export-timestamp=2024-08-07", "--threads=1", "-q"]).spawn().unwrap()
        })
        .collect();
    for mut run in runs {
        assert_eq!(run.wait().unwrap().code(), Some(0));
    }
    assert_eq!(site.by_id("out", "deltalake", "patient").len(), 5);
    assert_eq!(site.by_id("out", "deltalake", "encounter").len(), 4);
    assert_eq!(site.table("out", "deltalake", "etl__completion").len(), 9);
    assert_eq!(site.table("out", "deltalake", "etl__completion_encounters").len(), 4);
    assert_eq!(children(&site.path("out/JobConfig")).len(), 5);
    let mapping = json_file(&site.path("phi/codebook-cached-mappings.json"));
    assert_eq!(mapping["Patient"].as_object().unwrap().len(), 5);
    assert_eq!(mapping["Encounter"].as_object().unwrap().len(), 4);
}

#[test]
fn deletes_reach_tables_that_have_no_other_input() {
    let site = Site::new();
    site.rows("p.ndjson", &[patient("p", "x")]);
    site.rows(
        "c.ndjson",
        &[resource("Condition", "c1", json!({})), resource("Condition", "c2", json!({}))],
    );
    site.run(&[]);
    site.clear_input();
    site.rows("deleted/d.ndjson", &[deletes(&["Condition/c1", "Claim/none", "Device/none"])]);
    site.run(&[]);
    let conditions = site.by_id("out", "deltalake", "condition");
    assert_eq!(conditions.into_keys().collect::<Vec<_>>(), [site.fake("Condition", "c2")]);
    assert_eq!(site.table("out", "deltalake", "patient").len(), 1);
    // A table with nothing but deletes comes into being, empty.
    assert_eq!(site.table("out", "deltalake", "device").len(), 0);
    let mut completed: Vec<_> = site
        .table("out", "deltalake", "etl__completion")
        .iter()
        .map(|row| row["table_name"].as_str().unwrap().to_owned())
        .collect();
    completed.sort();
    assert_eq!(completed, ["condition", "condition", "device", "patient"]);
}

#[test]
fn completion_tables_accumulate_in_every_format() {
    for format in FORMATS {
        let site = Site::new();
        let runs = [
            ("one", "2024-01-01", "a b"),
            ("one", "2024-02-02", "b c"),
            ("two", "2024-03-03", "b"),
        ];
        for (group, time, ids) in runs {
            site.clear_input();
            let rows: Vec<_> =
                ids.split(' ').map(|id| resource("Encounter", id, json!({}))).collect();
            // An encounter that comes twice in a run is one encounter.
            site.rows("e.ndjson", &rows);
            site.rows("f.ndjson", &rows[..1]);
            let mut job = site.command();
            job.args(["in", "out", "phi", "--exclude-resources=device"]);
            job.arg(format!("--output-format={format}"));
            job.arg(format!("--export-group={group}")).arg(format!("--export-timestamp={time}"));
            let ended = end(&mut job);
            assert_eq!(ended.code, Some(0), "{}", ended.err);
        }
        let mut found: Vec<_> = site
            .table("out", format, "etl__completion_encounters")
            .iter()
            .map(|row| {
                ["encounter_id", "group_name", "export_time", "excluded_resources"]
                    .map(|c| row[c].as_str().unwrap().to_owned())
            })
            .collect();
        found.sort();
        let mut expected = Vec::new();
        for (id, group, time) in [
            ("a", "one", "01-01"),
            ("b", "one", "01-01"),
            ("c", "one", "02-02"),
            ("b", "two", "03-03"),
        ] {
            let time = format!("2024-{time}T00:00:00+00:00");
            expected.push([site.fake("Encounter", id), group.into(), time, "device".into()]);
        }
        expected.sort();
        assert_eq!(found, expected, "{format}");

        let mut completed: Vec<_> = site
            .table("out", format, "etl__completion")
            .iter()
            .map(|row| {
                assert_eq!(row["table_name"], "encounter");
                assert_eq!(row["etl_version"], env!("CARGO_PKG_VERSION"));
                format!(
                    "{} {}",
                    row["group_name"].as_str().unwrap(),
                    row["export_time"].as_str().unwrap()
                )
            })
            .collect();
        completed.sort();
        let expected = ["one 2024-01-01", "one 2024-02-02", "two 2024-03-03"];
        assert_eq!(completed, expected.map(|text| format!("{text}T00:00:00+00:00")), "{format}");
    }
}

#[test]
fn several_formats_hold_the_same_rows_each_in_its_folder() {
    let site = Site::new();
    let rows: Vec<_> = (0..5).map(|n| dated(&format!("p{n}"), "x", "2020-01-01")).collect();
    site.rows("p.ndjson", &rows);
    site.rows("e.ndjson", &[resource("Encounter", "e", json!({"status": "finished"}))]);
    site.run(&[
        "--output-format=csv,ndjson",
        "--output-format=deltalake,parquet,csv",
        "--batch-size=2",
    ]);
    let mut folders: Vec<_> = FORMATS.map(str::to_owned).to_vec();
    folders.extend([".cumulus-output", "JobConfig"].map(str::to_owned));
    folders.sort();
    assert_eq!(children(&site.path("out")), folders);
    let expected = site.by_id("out/ndjson", "ndjson", "patient");
    assert_eq!(expected.len(), 5);
    for format in FORMATS {
        let root = format!("out/{format}");
        assert_eq!(site.by_id(&root, format, "patient"), expected, "{format}");
        assert_eq!(site.table(&root, format, "etl__completion").len(), 2, "{format}");
        assert_eq!(site.table(&root, format, "etl__completion_encounters").len(), 1, "{format}");
        let files = children(&site.path(&format!("{root}/patient")));
        let parts = ["000", "001", "002"].map(|n| format!("patient.{n}.{format}"));
        if format != "deltalake" {
            assert_eq!(files, parts, "{format}");
        }
    }
}

#[test]
fn fewer_files_than_before_leave_none_behind() {
    for format in ["parquet", "csv", "ndjson"] {
        let site = Site::new();
        let options = [&format!("--output-format={format}"), "--batch-size=1"];
        site.rows("p.ndjson", &[patient("a", "x"), patient("b", "x"), patient("c", "x")]);
        site.run(&options);
        site.rows("p.ndjson", &[patient("d", "y")]);
        site.run(&options);
        assert_eq!(children(&site.path("out/patient")), [format!("patient.000.{format}")]);
        assert_eq!(site.table("out", format, "patient").len(), 1);
        // Nothing but deletes: the table is there, and empty.
        site.clear_input();
        site.rows("deleted/p.ndjson", &[deletes(&["Patient/d"])]);
        site.run(&options);
        assert_eq!(site.table("out", format, "patient").len(), 0);
        assert!(fs::exists(site.path(&format!("out/patient/patient.000.{format}"))).unwrap());
    }
}
