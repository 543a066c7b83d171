//! A FHIR server as INPUT.

use super::server::{Fault, List, Server};
use super::*;
use crate::support::{children, json_file};

fn job(site: &Site, url: &str, options: &[&str]) -> Command {
    let mut command = site.command();
    command.env("CUMULUS_ETL_TEST_TIME_SCALE", SCALE);
    command.args([url, "out", "phi", "--output-format=ndjson", "--task=patient,condition,device"]);
    command.args(options);
    command
}

#[test]
fn an_export_becomes_tables_and_leaves_nothing() {
    let (site, server) = (Site::new(), Server::start(small()));
    let url = format!("{}/Group/g-1", server.base());
    let ended = end(&mut job(&site, &url, &[]));
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert_eq!(site.table("out", "ndjson", "patient").len(), 5);
    assert_eq!(site.table("out", "ndjson", "condition").len(), 2);
    // That there are no devices is known now.
    assert_eq!(
        children(&site.path("out")),
        [".cumulus-output", "JobConfig", "condition", "device", "etl__completion", "patient"]
    );
    let rows = site.table("out", "ndjson", "etl__completion");
    assert_eq!((&rows[0]["group_name"], rows.len()), (&json!("g-1"), 3));
    assert_eq!(rows[0]["export_time"], "2024-08-06T18:12:57+00:00");
    assert_eq!(server.seen("GET", "$export")[0].query, "_type=Patient,Condition,Device");
    assert!(!site.listing("phi").keys().any(|name| name.contains("work")));
    assert!(children(&site.path("tmp")).is_empty());
    let config = json_file(&site.last_record().join("job_config.json"));
    assert_eq!(config["dir_input"], url);
}

#[test]
fn types_that_were_not_asked_for_have_neither_table_nor_completion() {
    let statement = json!({"resourceType": "CapabilityStatement", "rest": [{"mode": "server",
        "resource": [{"type": "Patient"}, {"type": "Condition"}]}]});
    for options in [&[][..], &["--export-to=dir"]] {
        let (site, server) = (Site::new(), Server::start(small()));
        server.change(|content| content.capability = Some(statement.clone()));
        if !options.is_empty() {
            // Also if another run has asked.
            server.fault("GET", "jobs/", 5, Fault::status(503));
            assert_eq!(end(&mut job(&site, &server.base(), options)).code, Some(16));
            server.change(|content| content.capability = None);
        }
        let ended = end(&mut job(&site, &server.base(), options));
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        let tables = [".cumulus-output", "JobConfig", "condition", "etl__completion", "patient"];
        assert_eq!(children(&site.path("out")), tables);
        let rows = site.table("out", "ndjson", "etl__completion");
        let mut names: Vec<_> =
            rows.iter().map(|row| row["table_name"].as_str().unwrap()).collect();
        names.sort_unstable();
        assert_eq!(names, ["condition", "patient"]);
    }
    // Named, it is asked for, and known to be empty.
    let (site, server) = (Site::new(), Server::start(small()));
    server.change(|content| content.capability = Some(statement));
    let ended = end(&mut job(&site, &server.base(), &["--type=patient,condition,device"]));
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert!(children(&site.path("out")).contains(&"device".to_owned()));
}

#[test]
fn a_check_tells_a_folder_that_an_export_can_not_go_to() {
    let server = Server::start(small());
    let check =
        |site: &Site| end(&mut job(site, &server.base(), &["--check", "--export-to=dir/x"]));
    let file = |site: &Site| site.file("dir", "");
    let full = |site: &Site| site.file("dir/x/Patient.000.ndjson", "");
    let link = |site: &Site| {
        fs::create_dir_all(site.path("dir")).unwrap();
        std::os::unix::fs::symlink("/dev/full", site.path("dir/x")).unwrap();
    };
    type Fault<'f> = &'f dyn Fn(&Site);
    let faults: [(Fault<'_>, i32); 3] = [(&file, 70), (&full, 26), (&link, 70)];
    server.change(|content| {
        content.capability = Some(json!({"resourceType": "CapabilityStatement"}));
    });
    for (index, (fault, code)) in faults.into_iter().enumerate() {
        let site = Site::new();
        fault(&site);
        let ended = check(&site);
        assert_eq!(ended.code, Some(code), "{index} {}", ended.err);
        assert!(!ended.err.contains("A run would begin"), "{}", ended.err);
    }
    let site = Site::new();
    let ended = check(&site);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert!(!site.path("dir").exists());
    assert_eq!(server.kickoffs(), 0);
}

#[test]
fn exported_files_are_kept_where_the_user_says() {
    let (site, server) = (Site::new(), Server::start(small()));
    let ended = end(&mut job(&site, &server.base(), &["--export-to=dir"]));
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let expected = ["Condition.000.ndjson", "Patient.000.ndjson", "Patient.001.ndjson"];
    assert_eq!(files(&site.path("dir")).into_keys().collect::<Vec<_>>(), expected);
    assert_eq!(end(&mut job(&site, &server.base(), &["--export-to=dir"])).code, Some(26));
    assert_eq!(end(&mut job(&site, &server.base(), &["--export-to=s3://b/x"])).code, Some(27));
    assert_eq!(end(&mut job(&site, &server.base(), &["--export-to=out/x"])).code, Some(22));
    assert_eq!(server.kickoffs(), 1);
}

#[test]
fn a_job_that_fails_after_the_export_does_not_export_again() {
    let (site, server) = (Site::new(), Server::start(small()));
    // The tables can't be written.
    site.file("out/patient", "in the way");
    let ended = end(&mut job(&site, &server.base(), &["--export-to=dir"]));
    assert_eq!(ended.code, Some(19), "{}", ended.err);
    fs::remove_dir_all(site.path("out")).unwrap();
    let ended = end(&mut job(&site, &server.base(), &["--export-to=dir"]));
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert_eq!((server.kickoffs(), site.table("out", "ndjson", "patient").len()), (1, 5));
}

#[test]
fn an_export_whose_files_are_gone_does_not_pass_for_whole() {
    for gone in ["Patient.000.ndjson", "Condition.000.ndjson"] {
        let (site, server) = (Site::new(), Server::start(small()));
        site.file("out/patient", "in the way");
        let ended = end(&mut job(&site, &server.base(), &["--export-to=dir"]));
        assert_eq!(ended.code, Some(19), "{}", ended.err);
        fs::remove_dir_all(site.path("out")).unwrap();
        fs::rename(site.path("dir").join(gone), site.path("kept")).unwrap();
        let ended = end(&mut job(&site, &server.base(), &["--export-to=dir"]));
        assert_eq!(ended.code, Some(16), "{}", ended.err);
        assert!(ended.err.contains(&format!("1 file of it is gone ({gone})")), "{}", ended.err);
        assert!(!site.path("out").exists());
        fs::rename(site.path("kept"), site.path("dir").join(gone)).unwrap();
        let ended = end(&mut job(&site, &server.base(), &["--export-to=dir"]));
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        assert_eq!(server.kickoffs(), 1);
    }
}

#[test]
fn an_incomplete_export_makes_no_tables() {
    let (site, server) = (Site::new(), Server::start(small()));
    let issue = json!({"resourceType": "OperationOutcome", "issue": [{"severity": "fatal"}]});
    server.change(|content| content.push(List::Error, "OperationOutcome", issue.to_string(), None));
    let ended = end(&mut job(&site, &server.base(), &[]));
    assert_eq!(ended.code, Some(16), "{}", ended.err);
    assert!(ended.err.contains("--export-to"), "{}", ended.err);
    assert!(!site.path("out").exists());
    assert!(!site.listing("phi").keys().any(|name| name.contains("work")));
}

#[test]
fn since_auto_takes_the_last_run_of_the_same_thing() {
    let (site, server) = (Site::new(), Server::start(small()));
    let queries = || {
        let asked = server.seen("GET", "$export");
        asked.last().unwrap().query.contains("_since=2024-08-06T18:12:57")
    };
    assert_eq!(end(&mut job(&site, &server.base(), &["--since=auto"])).code, Some(0));
    assert!(!queries());
    assert_eq!(end(&mut job(&site, &server.base(), &["--since=auto"])).code, Some(0));
    assert!(queries());
    let other = format!("{}/Group/g", server.base());
    assert_eq!(end(&mut job(&site, &other, &["--since=auto"])).code, Some(0));
    assert!(!queries());
}

#[test]
fn a_folder_has_no_use_for_an_exports_options() {
    let site = Site::new();
    site.rows("p.ndjson", &patients(0..1));
    let ended = site.fails(&["--since=2020-01-01"], 22);
    assert!(ended.err.contains("--since is for exports"), "{}", ended.err);
}

/// The logs of other exporters, each with the events that it writes.
#[test]
fn logs_of_other_exporters_are_understood() {
    let event = |id: &str, export: &str, detail: Value| {
        json!({"exportId": export, "timestamp": "2024-01-02T03:04:05Z", "eventId": id,
            "eventDetail": detail})
    };
    let (status, uuid) = ("https://ehr/fhir/jobs/7", "e0c1b2a3-0000-4000-8000-000000000001");
    let url = "https://ehr/fhir/Group/g-7/$export?_type=Patient";
    let time = "2024-01-02T03:00:00Z";
    let logs = [
        // SMART Fetch: the export's own ID, and more events after the export.
        vec![
            event(
                "kickoff",
                uuid,
                json!({"exportUrl": url, "softwareName": null,
                "requestParameters": {"_type": "Patient"}, "errorCode": null}),
            ),
            event("status_complete", uuid, json!({"transactionTime": time})),
            event("export_complete", uuid, json!({"files": 1, "attachments": null})),
        ],
        // SMART Bulk Data Client: the status URL, with an earlier export before.
        vec![
            event(
                "kickoff",
                "https://ehr/fhir/jobs/6",
                json!({"exportUrl": "https://ehr/fhir/Group/old/$export"}),
            ),
            event(
                "status_complete",
                "https://ehr/fhir/jobs/6",
                json!({"transactionTime": "2020-01-01T00:00:00Z"}),
            ),
            event("kickoff", status, json!({"exportUrl": url, "responseHeaders": {"a": "b"}})),
            event(
                "status_progress",
                status,
                json!({"body": null, "xProgress": "1%", "retryAfter": "60"}),
            ),
            event("status_complete", status, json!({"transactionTime": time})),
            event(
                "status_page_complete",
                status,
                json!({"transactionTime": time, "outputFileCount": 1}),
            ),
            event(
                "manifest_complete",
                status,
                json!({"transactionTime": time, "totalManifests": 1}),
            ),
            event("export_complete", status, json!({"files": 1})),
        ],
        // Cumulus ETL: kick-off errors before the one that worked.
        vec![
            event("kickoff", uuid, json!({"exportUrl": url, "errorCode": 500, "errorBody": "no"})),
            event(
                "kickoff",
                status,
                json!({"exportUrl": url, "errorCode": null, "errorBody": null}),
            ),
            event("status_error", status, json!({"body": "x", "code": 503, "message": "y"})),
            event("status_complete", status, json!({"transactionTime": time})),
        ],
    ];
    for log in logs {
        let site = Site::new();
        site.rows("Patient.000.ndjson", &patients(0..1));
        site.rows("log.ndjson", &log);
        let mut command = site.command();
        command.args(["in", "out", "phi", "--output-format=ndjson"]);
        let ended = end(&mut command);
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        let row = &site.table("out", "ndjson", "etl__completion")[0];
        assert_eq!((&row["group_name"], &row["export_url"]), (&json!("g-7"), &json!(url)));
        assert_eq!(row["export_time"], "2024-01-02T03:00:00+00:00");
    }
}
