//! The parameters of the kick-off request.

use serde_json::json;

use super::server::{Fault, Server};
use super::*;

fn query(server: &Server) -> String {
    server.seen("*", "$export").last().expect("there was a kick-off").query.clone()
}

#[test]
fn a_kick_off_says_what_it_wants() {
    let (site, server) = (Site::new(), Server::start(small()));
    ends(&site, &server, &[], 0);
    let asked = &server.seen("GET", "/fhir/$export")[0];
    assert_eq!(asked.header("accept"), "application/fhir+json");
    assert_eq!(asked.header("prefer"), "respond-async");
    assert!(asked.header("user-agent").starts_with("cumulus-etl/"));
    // All types that have tables.
    assert!(asked.query.starts_with("_type=Encounter,Patient,"), "{}", asked.query);
    assert_eq!(asked.query.matches(',').count(), 19);
}

#[test]
fn an_export_is_narrowed() {
    let (site, server) = (Site::new(), Server::start(small()));
    let options = [
        "--type=Patient,Condition",
        "--type-filter=Condition?code=a,b",
        "--type-filter=Patient?active=true",
        "--since=2024-01-02",
        "--until=2024-03-04",
        "--param=_elements=id",
        "--param=_elements=meta",
        "--param=patient=Patient/secret-1",
        "--lenient",
    ];
    let url = format!("{}/Group/g-1", server.base());
    let ended = end(&mut export_of(&site, &url, &options));
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let asked = &server.seen("GET", "/fhir/Group/g-1/$export")[0];
    assert_eq!(asked.header("prefer"), "respond-async, handling=lenient");
    assert_eq!(
        asked.query,
        "_type=Patient,Condition&_since=2024-01-02T00:00:00Z&_until=2024-03-04T23:59:59.999Z\
         &_typeFilter=Condition%3Fcode%3Da%252Cb,Patient%3Factive%3Dtrue&_elements=id,meta\
         &patient=Patient/secret-1"
    );
    assert!(ended.err.contains("--since: few servers"), "{}", ended.err);
    assert!(ended.err.contains("--until: few servers"), "{}", ended.err);
    let log = fs::read_to_string(site.path("dir/log.ndjson")).unwrap();
    assert!(!log.contains("secret-1") && !ended.err.contains("secret-1"), "{log}");
    let parameters = &events(&site, "kickoff")[0]["requestParameters"];
    assert_eq!(parameters["_type"], "Patient,Condition");
}

#[test]
fn parameters_go_into_a_body() {
    let (site, server) = (Site::new(), Server::start(small()));
    ends(&site, &server, &["--post", "--type=Patient", "--param=patient=Patient/7"], 0);
    let asked = &server.seen("POST", "/fhir/$export")[0];
    assert_eq!((asked.query.as_str(), asked.header("content-type")), ("", "application/fhir+json"));
    let body: Value = serde_json::from_slice(&asked.body).unwrap();
    assert_eq!(
        body["parameter"],
        json!([
            {"name": "_type", "valueString": "Patient"},
            {"name": "patient", "valueReference": {"reference": "Patient/7"}},
        ])
    );
}

#[test]
fn settings_come_from_variables_and_files() {
    let (site, server) = (Site::new(), Server::start(small()));
    site.file("settings.toml", "type = [\"Patient\", \"Device\"]\nsince = \"2020-01-01\"\n");
    let mut command = export(&site, &server, &["--config=settings.toml", "--type=Condition"]);
    command.env("CUMULUS_ETL_SINCE", "2021-01-01").env("CUMULUS_ETL_TYPE", "Patient");
    let filter = "Condition?code=a,b,Condition?code=c";
    assert_eq!(end(command.env("CUMULUS_ETL_TYPE_FILTER", filter)).code, Some(0));
    let expected = "_type=Condition&_since=2021-01-01T00:00:00Z\
                    &_typeFilter=Condition%3Fcode%3Da%252Cb,Condition%3Fcode%3Dc";
    assert_eq!(query(&server), expected);
}

#[test]
fn types_that_the_server_lacks_are_left_out() {
    let (site, server) = (Site::new(), Server::start(small()));
    let statement = json!({"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1",
        "software": {"name": "Test", "version": "7", "releaseDate": "2024"},
        "rest": [{"mode": "server", "resource": [{"type": "Patient"}]}]});
    server.change(|content| content.capability = Some(statement));
    let ended = ends(&site, &server, &[], 0);
    assert_eq!(query(&server), "_type=Patient");
    assert!(ended.err.contains("does not have Encounter, "), "{}", ended.err);
    assert!(ended.err.contains("left out"), "{}", ended.err);
    let kickoff = &events(&site, "kickoff")[0];
    assert_eq!(
        (&kickoff["softwareName"], &kickoff["softwareVersion"], &kickoff["fhirVersion"]),
        (&json!("Test"), &json!("7"), &json!("4.0.1"))
    );
}

/// A CapabilityStatement with these types.
fn statement(types: &[&str]) -> Value {
    let resources: Vec<_> = types.iter().map(|name| json!({"type": name})).collect();
    json!({"resourceType": "CapabilityStatement", "rest": [{"mode": "server", "resource": resources}]})
}

#[test]
fn types_that_the_user_names_are_asked_for_whatever_the_statement_says() {
    let server = Server::start(small());
    server.change(|content| content.capability = Some(statement(&["Patient"])));
    for (below, options, expected) in [
        ("", &["--type=Device"][..], "_type=Device"),
        ("", &["--type=patient,CONDITION"], "_type=Patient,Condition"),
        ("", &["--param=_type=device"], "_type=Device"),
        ("", &["--type=Patient", "--param=_type=Device"], "_type=Patient,Device"),
        ("/$export?_type=Device,condition", &[], "_type=Device,Condition"),
        ("/Group/g/$export?_type=Device&_elements=id", &[], "_type=Device&_elements=id"),
    ] {
        let site = Site::new();
        let ended = end(&mut export_of(&site, &format!("{}{below}", server.base()), options));
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        assert_eq!(query(&server), expected);
        assert!(!ended.err.contains("left out"), "{}", ended.err);
    }
    let site = Site::new();
    ends(&site, &server, &["--type=observation", "--post"], 0);
    let body: Value = serde_json::from_slice(&server.seen("POST", "$export")[0].body).unwrap();
    assert_eq!(body["parameter"][0], json!({"name": "_type", "valueString": "Observation"}));
}

#[test]
fn forms_that_can_not_be_read_are_refused_before_the_kick_off() {
    let (site, server) = (Site::new(), Server::start(small()));
    for option in ["--param=organizeOutputBy=Patient", "--param=_outputFormat=text/csv"] {
        let ended = ends(&site, &server, &[option], 23);
        assert!(ended.err.contains("Leave it out"), "{}", ended.err);
    }
    let url = format!("{}/$export?organizeOutputBy=Patient", server.base());
    assert_eq!(end(&mut export_of(&site, &url, &[])).code, Some(23));
    assert_eq!(server.kickoffs(), 0);
    ends(&site, &server, &["--param=_outputFormat=application/fhir+ndjson"], 0);
}

#[test]
fn a_folder_that_can_not_be_written_to_is_told_before_the_kick_off() {
    // Also as root, for whom no folder is read-only: a full disk, and files in the way.
    let full = |site: &Site, name: &str| {
        fs::create_dir_all(site.path("dir")).unwrap();
        std::os::unix::fs::symlink("/dev/full", site.path("dir").join(name)).unwrap();
    };
    let state = |site: &Site| full(site, ".cumulus-etl-export.json.new");
    let log = |site: &Site| fs::create_dir_all(site.path("dir/log.ndjson")).unwrap();
    let file = |site: &Site| site.file("dir", "");
    let above = |site: &Site| {
        std::os::unix::fs::symlink("nowhere/at/all", site.path("dir")).unwrap();
    };
    let faults: [&dyn Fn(&Site); 4] = [&state, &log, &file, &above];
    for (index, fault) in faults.iter().enumerate() {
        let (site, server) = (Site::new(), Server::start(small()));
        fault(&site);
        let ended = ends(&site, &server, &[], 70);
        assert!(ended.err.contains("dir"), "{index} {}", ended.err);
        assert_eq!(server.kickoffs(), 0, "{index}");
    }
}

#[test]
fn an_export_whose_url_can_not_be_kept_is_ended() {
    let (site, server) = (Site::new(), Server::start(small()));
    server.fault("GET", "$export", 1, Fault::Stall(std::time::Duration::from_secs(2)));
    let mut command = export(&site, &server, &[]);
    let child = command.stderr(std::process::Stdio::piped()).spawn().unwrap();
    while !server.is_over("$export") {
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    // The disk is full by now, say.
    fs::create_dir(site.path("dir/.cumulus-etl-export.json.new")).unwrap();
    let ended: Ended = child.wait_with_output().unwrap().into();
    assert_eq!(ended.code, Some(70), "{}", ended.err);
    assert_eq!((server.kickoffs(), server.seen("DELETE", "jobs/0").len()), (1, 1));
    assert!(ended.err.contains(&format!("{}/jobs/0", server.base())), "{}", ended.err);
    assert!(ended.err.contains("was ended on the server"), "{}", ended.err);
}

#[test]
fn a_run_that_was_killed_while_it_asked_is_not_in_the_way() {
    let (site, server) = (Site::new(), Server::start(small()));
    server.fault("GET", "$export", 1, Fault::Stall(std::time::Duration::from_secs(60)));
    let mut child = export(&site, &server, &[]).spawn().unwrap();
    while !server.is_over("$export") {
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(site.path("dir/.cumulus-etl-export.json").exists());
    let ended = ends(&site, &server, &["--type=Patient"], 0);
    assert!(ended.err.contains("its URL is not known here"), "{}", ended.err);
    assert_eq!(files(&site.path("dir")).len(), 3);
}

#[test]
fn a_refused_kick_off_says_why() {
    let (site, server) = (Site::new(), Server::start(small()));
    server.fault("GET", "$export", 1, Fault::outcome(400, "_typeFilter is not supported"));
    let ended = ends(&site, &server, &[], 16);
    assert!(ended.err.contains("_typeFilter is not supported"), "{}", ended.err);
    let kickoff = &events(&site, "kickoff")[0];
    assert_eq!(kickoff["errorCode"], 400);
    assert!(kickoff["errorBody"].as_str().unwrap().contains("not supported"));
    // A plain text, and no state that would be in the way of the next run.
    let text = "payload too large".into();
    server.fault("GET", "$export", 1, Fault::Answer(413, Vec::new(), text));
    assert!(ends(&site, &server, &[], 16).err.contains("413 Payload Too Large: payload too large"));
    ends(&site, &server, &[], 0);
}

#[test]
fn a_busy_server_is_asked_again() {
    let (site, server) = (Site::new(), Server::start(small()));
    server.fault("GET", "$export", 2, Fault::later(429, "3600"));
    server.fault("GET", "$export", 1, Fault::status(500));
    ends(&site, &server, &[], 0);
    assert_eq!((server.seen("GET", "$export").len(), server.kickoffs()), (4, 1));
    fs::remove_dir_all(site.path("dir")).unwrap();
    server.fault("GET", "$export", 99, Fault::later(429, "1"));
    let ended = ends(&site, &server, &[], 16);
    assert!(ended.err.contains("one export at a time"), "{}", ended.err);
}

#[test]
fn an_answer_without_a_status_url_is_an_error() {
    let (site, server) = (Site::new(), Server::start(small()));
    server.fault("GET", "$export", 1, Fault::status(202));
    assert!(ends(&site, &server, &[], 16).err.contains("Content-Location"));
    server.fault("GET", "$export", 1, Fault::status(200));
    assert!(ends(&site, &server, &[], 16).err.contains("does the server have $export"));
}

#[test]
fn a_relative_status_url_is_understood() {
    let (site, server) = (Site::new(), Server::start(small()));
    server.change(|content| content.relative_location = true);
    ends(&site, &server, &[], 0);
    let log = json_lines(&site.path("dir/log.ndjson"));
    assert_eq!(log[0]["exportId"], format!("{}/jobs/0", server.base()));
}

#[test]
fn folders_that_do_not_fit_are_refused() {
    let (site, server) = (Site::new(), Server::start(small()));
    site.file("dir/Patient.000.ndjson", "");
    let ended = ends(&site, &server, &[], 26);
    assert!(ended.err.contains("is not empty"), "{}", ended.err);
    assert_eq!(server.kickoffs(), 0);
    assert_eq!(files(&site.path("dir")).len(), 1);
    let mut bucket = site.command();
    bucket.args(["export", &server.base(), "s3://bucket/x"]);
    assert_eq!(end(&mut bucket).code, Some(27));
    let mut odd = site.command();
    odd.args(["export", "not-a-url", "dir"]);
    assert_eq!(end(&mut odd).code, Some(23));
}

#[test]
fn since_auto_takes_the_last_export_of_the_folder() {
    let (site, server) = (Site::new(), Server::start(small()));
    let first = ends(&site, &server, &["--since=auto", "--type=Patient"], 0);
    assert!(first.err.contains("no earlier export"), "{}", first.err);
    assert_eq!(query(&server), "_type=Patient");
    for name in files(&site.path("dir")).keys() {
        fs::remove_file(site.path("dir").join(name)).unwrap();
    }
    ends(&site, &server, &["--since=auto", "--type=Patient"], 0);
    assert_eq!(query(&server), "_type=Patient&_since=2024-08-06T18:12:57Z");
    // Of another Group nothing is known.
    let other = format!("{}/Group/g", server.base());
    for name in files(&site.path("dir")).keys() {
        fs::remove_file(site.path("dir").join(name)).unwrap();
    }
    let mut command = export_of(&site, &other, &["--since=auto", "--type=Patient"]);
    assert_eq!(end(&mut command).code, Some(0));
    assert_eq!(query(&server), "_type=Patient");
}
