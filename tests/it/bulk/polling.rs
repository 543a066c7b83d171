//! Waiting for the server.

use std::time::Duration;

use super::server::{Fault, Server};
use super::*;

/// An export that a run with these options has begun and given up, as the server was down; it is up
/// again.
fn given_up(options: &[&str]) -> (Site, Server, Ended) {
    let (site, server) = (Site::new(), Server::start(small()));
    server.fault("GET", "jobs/", 5, Fault::status(503));
    let ended = ends(&site, &server, options, 16);
    (site, server, ended)
}

#[test]
fn the_servers_progress_is_shown_and_logged() {
    let (site, server) = (Site::new(), Server::start(small()));
    server.change(|content| content.polls = 3);
    let ended = ends(&site, &server, &[], 0);
    assert!(ended.err.contains("2 of 3 polls"), "{}", ended.err);
    let progress = events(&site, "status_progress");
    assert_eq!(progress.len(), 3);
    assert_eq!(progress[1], json!({"body": null, "xProgress": "2 of 3 polls", "retryAfter": "1"}));
    assert_eq!(server.kickoffs(), 1);
}

#[test]
fn no_retry_after_makes_it_sleep_for_long() {
    for value in [
        "86400",
        "1763700000",
        "Fri, 01 Jan 2999 00:00:00 GMT",
        "soon",
        "-5",
        "0",
        "Fri, 01 Jan 1999 00:00:00 GMT",
        "",
    ] {
        let (site, server) = (Site::new(), Server::start(small()));
        let header = vec![("retry-after", value.to_owned())];
        server.fault("GET", "jobs/", 1, Fault::Headers(header));
        server.fault("GET", "jobs/", 1, Fault::later(429, value));
        ends(&site, &server, &[], 0);
    }
}

#[test]
fn a_server_that_says_now_is_asked_after_seconds() {
    for value in ["0", "-1", "Fri, 01 Jan 1999 00:00:00 GMT"] {
        let (site, server) = (Site::new(), Server::start(small()));
        server.fault("GET", "jobs/", 1, Fault::Headers(vec![("retry-after", value.to_owned())]));
        // In real time.
        let mut command = export(&site, &server, &[]);
        assert_eq!(end(command.env_remove("CUMULUS_ETL_TEST_TIME_SCALE")).code, Some(0));
        let log = json_lines(&site.path("dir/log.ndjson"));
        let time = |id: &str| {
            let event = log.iter().find(|event| event["eventId"] == id).unwrap();
            chrono::DateTime::parse_from_rfc3339(event["timestamp"].as_str().unwrap()).unwrap()
        };
        let waited = time("status_complete") - time("status_progress");
        assert!(waited >= chrono::TimeDelta::seconds(2), "{value}: {waited}");
    }
}

#[test]
fn passing_failures_pass() {
    let (site, server) = (Site::new(), Server::start(small()));
    server.fault("GET", "jobs/", 2, Fault::status(500));
    server.fault("GET", "jobs/", 1, Fault::status(404));
    server.change(|content| content.polls = 0);
    server.fault("GET", "jobs/", 1, Fault::Break(20));
    ends(&site, &server, &[], 0);
    assert_eq!((events(&site, "status_error").len(), server.kickoffs()), (4, 1));
    assert_eq!(events(&site, "status_error")[0]["code"], 500);
}

#[test]
fn a_server_that_stays_broken_is_given_up_and_taken_up_later() {
    let (site, server, ended) = given_up(&[]);
    assert!(ended.err.contains("takes the export up again"), "{}", ended.err);
    ends(&site, &server, &[], 0);
    assert_eq!(server.kickoffs(), 1);
}

#[test]
fn a_failed_export_says_why_and_is_not_in_the_way() {
    let (site, server) = (Site::new(), Server::start(small()));
    server.fault("GET", "jobs/", 1, Fault::outcome(400, "the Group has too many members"));
    let ended = ends(&site, &server, &[], 16);
    assert!(ended.err.contains("the Group has too many members"), "{}", ended.err);
    assert_eq!(events(&site, "status_error")[0]["code"], 400);
    ends(&site, &server, &[], 0);
    assert_eq!(server.kickoffs(), 2);
}

#[test]
fn waiting_has_an_end() {
    let (site, server) = (Site::new(), Server::start(small()));
    server.change(|content| content.polls = usize::MAX);
    let ended = ends(&site, &server, &["--export-timeout=1s"], 16);
    assert!(ended.err.contains("--export-timeout"), "{}", ended.err);
    server.change(|content| content.polls = 0);
    ends(&site, &server, &[], 0);
    assert_eq!(server.kickoffs(), 1);
}

#[test]
fn manifests_have_pages_and_may_be_partial() {
    let (site, server) = (Site::new(), Server::start(small()));
    server.change(|content| (content.page_size, content.partial) = (1, true));
    server.fault("GET", "jobs/", 1, Fault::Truncate(40));
    ends(&site, &server, &[], 0);
    let expected = ["Condition.000.ndjson", "Patient.000.ndjson", "Patient.001.ndjson"];
    assert_eq!(files(&site.path("dir")).into_keys().collect::<Vec<_>>(), expected);
    assert_eq!(events(&site, "status_page_complete").len(), 3);
    let complete = &events(&site, "manifest_complete")[0];
    assert_eq!(
        *complete,
        json!({"transactionTime": "2024-08-06T18:12:57Z", "totalOutputFileCount": 3,
            "totalDeletedFileCount": 0, "totalErrorFileCount": 0, "totalManifests": 3})
    );
    assert_eq!(events(&site, "status_complete").len(), 1);
}

#[test]
fn the_server_hears_when_its_files_are_safe() {
    let (site, server) = (Site::new(), Server::start(small()));
    // Its status may live on after DELETE.
    server.change(|content| content.haunted = true);
    ends(&site, &server, &[], 0);
    let last = server.requests().pop().unwrap();
    assert_eq!((last.method.as_str(), last.path.as_str()), ("DELETE", "/fhir/jobs/0"));
    fs::remove_dir_all(site.path("dir")).unwrap();
    server.fault("DELETE", "jobs/", 2, Fault::status(500));
    let ended = ends(&site, &server, &[], 0);
    assert!(!ended.err.contains("no longer needed"), "{}", ended.err);
    fs::remove_dir_all(site.path("dir")).unwrap();
    server.fault("DELETE", "jobs/", 99, Fault::status(500));
    let ended = ends(&site, &server, &[], 0);
    assert!(ended.err.contains("no longer needed"), "{}", ended.err);
    assert!(ended.err.contains(&format!("{}/jobs/2", server.base())), "{}", ended.err);
}

#[test]
fn an_export_that_runs_is_taken_up_by_its_url() {
    let (site, server, _) = given_up(&["--type=Patient"]);
    fs::remove_dir_all(site.path("dir")).unwrap();
    let status = format!("--resume={}/jobs/0", server.base());
    ends(&site, &server, &[&status], 0);
    assert_eq!((server.kickoffs(), files(&site.path("dir")).len()), (1, 3));
    // Its log is one that the main job understands.
    assert!(events(&site, "kickoff")[0]["exportUrl"].as_str().unwrap().ends_with("/fhir/$export"));
}

#[test]
fn an_export_is_cancelled() {
    let (site, server, _) = given_up(&[]);
    let other = ends(&site, &server, &["--type=Patient"], 26);
    assert!(other.err.contains("another request") && other.err.contains("--cancel"));
    ends(&site, &server, &["--cancel"], 0);
    assert_eq!(server.seen("DELETE", "jobs/0").len(), 1);
    assert_eq!(files(&site.path("dir")).len(), 0);
    ends(&site, &server, &["--type=Patient"], 0);
    assert_eq!(server.kickoffs(), 2);
}

#[test]
fn an_export_that_comes_to_nothing_is_ended_on_the_server() {
    let nothing = json!({"transactionTime": "2024-08-06T18:12:57Z", "requiresAccessToken": false});
    let with = |output: Value| {
        let mut manifest = nothing.clone();
        manifest["output"] = output;
        Fault::manifest(&manifest)
    };
    for (fault, said) in [
        (Fault::manifest(&nothing), "'output' is no list"),
        (with(json!({})), "'output' is no list"),
        (with(json!(null)), "'output' is no list"),
        (with(json!([{"url": "/files/0"}])), "has no usable 'type'"),
        (with(json!([{"type": "Patient"}])), "has no 'url'"),
        (with(json!([null])), "has no usable 'type'"),
        (Fault::outcome(400, "too many members"), "too many members"),
        (Fault::status(405), "405"),
        (Fault::status(406), "406"),
        (Fault::status(501), "501"),
    ] {
        let (site, server) = (Site::new(), Server::start(small()));
        server.fault("GET", "jobs/", 99, fault);
        let ended = ends(&site, &server, &[], 16);
        assert!(ended.err.contains(said), "{said}: {}", ended.err);
        assert_eq!(server.seen("DELETE", "jobs/0").len(), 1, "{said}");
        assert_eq!(files(&site.path("dir")).len(), 0, "{said}");
        server.clear_faults();
        ends(&site, &server, &[], 0);
        assert_eq!(server.kickoffs(), 2, "{said}");
    }
}

#[test]
fn an_export_that_can_not_be_ended_is_not_forgotten() {
    let (site, server) = (Site::new(), Server::start(small()));
    server.fault("GET", "jobs/", 99, Fault::status(400));
    server.fault("DELETE", "jobs/", 99, Fault::status(503));
    let ended = ends(&site, &server, &[], 16);
    assert!(ended.err.contains(&format!("{}/jobs/0", server.base())), "{}", ended.err);
    assert!(site.path("dir/.cumulus-etl-export.json").exists());
    server.clear_faults();
    ends(&site, &server, &["--cancel"], 0);
    assert_eq!(server.seen("DELETE", "jobs/0").last().unwrap().status, 202);
    // A server that ends no exports must not be in the way for ever.
    let (site, server) = (Site::new(), Server::start(small()));
    server.fault("GET", "jobs/", 1, Fault::status(400));
    server.fault("DELETE", "jobs/", 99, Fault::status(405));
    let ended = ends(&site, &server, &[], 16);
    assert!(ended.err.contains("does not end the export"), "{}", ended.err);
    ends(&site, &server, &[], 0);
    assert_eq!(server.kickoffs(), 2);
}

#[test]
fn media_types_that_the_server_lacks_are_no_end() {
    let (site, server) = (Site::new(), Server::start(small()));
    server.fault("GET", "jobs/", 1, Fault::status(406));
    ends(&site, &server, &[], 0);
    let asked = server.seen("GET", "jobs/");
    assert_eq!(asked[0].header("accept"), "application/json");
    assert!(asked[1].header("accept").starts_with("application/fhir+json"));
}

#[test]
fn a_server_that_knows_no_export_is_not_asked_for_ever() {
    for status in [404, 410] {
        let (site, server) = (Site::new(), Server::start(small()));
        server.fault("GET", "jobs/", 9999, Fault::status(status));
        let ended = ends(&site, &server, &[], 16);
        assert_eq!((server.kickoffs(), server.seen("GET", "jobs/").len()), (1, 2));
        assert!(ended.err.contains(&status.to_string()), "{}", ended.err);
        assert_eq!(server.seen("DELETE", "jobs/0").len(), 1);
        // Taken up from an earlier run: once anew, and no more.
        let (site, server, _) = given_up(&[]);
        server.fault("GET", "jobs/", 9999, Fault::status(status));
        let ended = ends(&site, &server, &[], 16);
        assert!(ended.err.contains("a new one begins"), "{}", ended.err);
        assert_eq!(server.kickoffs(), 2);
    }
}

#[test]
fn pages_that_lead_back_are_read_once() {
    let (site, server) = (Site::new(), Server::start(small()));
    let page = |file: usize, next: &str| {
        let base = server.base();
        Fault::manifest(&json!({
            "transactionTime": "2024-08-06T18:12:57Z", "requiresAccessToken": false,
            "output": [{"type": "Patient", "url": format!("{}/files/{file}", server.origin())}],
            "link": [{"relation": "next", "url": format!("{base}/jobs/0{next}")}]}))
    };
    for next in ["?page=1", "?page=2", "?page=1"] {
        server.fault("GET", "jobs/", 1, page(0, next));
    }
    let ended = ends(&site, &server, &[], 0);
    assert!(ended.err.contains("leads back to an earlier one"), "{}", ended.err);
    assert_eq!(server.seen("GET", "jobs/").len(), 3);
    // One that leads to itself.
    fs::remove_dir_all(site.path("dir")).unwrap();
    server.forget();
    server.fault("GET", "jobs/", 1, page(0, "").clone());
    server.fault("GET", "jobs/", 1, page(0, ""));
    ends(&site, &server, &["--type=Patient"], 0);
}

#[test]
fn pages_without_an_end_are_ended() {
    let (site, server) = (Site::new(), Server::start(small()));
    server.change(|content| (content.endless, content.page_size) = (true, 1));
    let ended = ends(&site, &server, &["--type=Patient"], 16);
    assert!(ended.err.contains("manifest has no end; 10,000 pages"), "{}", ended.err);
    assert_eq!(server.seen("DELETE", "jobs/0").len(), 1);
}

#[test]
fn the_timeout_ends_all_that_has_no_end() {
    let slowly = Fault::Trickle(Duration::from_millis(100));
    let stall = Fault::Stall(Duration::from_secs(600));
    let cases = [
        ("/metadata", slowly.clone()),
        ("$export", stall.clone()),
        ("jobs/", slowly.clone()),
        ("jobs/", stall.clone()),
        ("/files/", slowly),
        ("/files/", stall),
    ];
    for (path, fault) in cases {
        let (site, server) = (Site::new(), Server::start(small()));
        server.change(|content| {
            (content.polls, content.gzip) = (0, false);
            content.capability = Some(json!({"resourceType": "CapabilityStatement"}));
        });
        server.fault("GET", path, 99, fault.clone());
        let ended = ends(&site, &server, &["--export-timeout=2s"], 16);
        assert!(ended.err.contains("--export-timeout"), "{path} {fault:?} {}", ended.err);
        server.clear_faults();
        let begun = server.kickoffs();
        ends(&site, &server, &["--export-timeout=60s"], 0);
        // The export that had begun is carried on.
        let anew = usize::from(path == "/metadata" || path == "$export");
        assert_eq!(server.kickoffs() - begun, anew, "{path} {fault:?}");
    }
}

/// Answers with a header of a byte now and then, until nobody listens.
fn trickle_headers(mut stream: std::net::TcpStream) {
    use std::io::{Read, Write};
    let mut asked = [0; 1];
    if stream.read_exact(&mut asked).is_err()
        || stream.write_all(b"HTTP/1.1 202 Accepted\r\nX-Long: ").is_err()
    {
        return;
    }
    while stream.write_all(b"x").is_ok() {
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn headers_that_have_no_end_are_ended() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/fhir", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            std::thread::spawn(|| trickle_headers(stream.unwrap()));
        }
    });
    let site = Site::new();
    let ended = end(&mut export_of(&site, &url, &["--export-timeout=1s"]));
    assert_eq!(ended.code, Some(16), "{}", ended.err);
    assert!(ended.err.contains("--export-timeout"), "{}", ended.err);
}

/// A manifest like the server's own, with another time.
fn dated(server: &Server, time: &Value) -> Fault {
    let file = |n: usize| format!("{}/files/{n}", server.origin());
    let mut manifest = json!({"requiresAccessToken": true, "output": [
        {"type": "Patient", "url": file(0)}, {"type": "Condition", "url": file(1)},
        {"type": "Patient", "url": file(2)}]});
    if !time.is_null() {
        manifest["transactionTime"] = time.clone();
    }
    Fault::manifest(&manifest)
}

#[test]
fn where_the_server_names_no_time_that_of_the_kick_off_is_taken() {
    for time in [
        json!(null),
        json!(""),
        json!("yesterday"),
        json!(1_722_967_977),
        json!("0001-01-01T00:00:00Z"),
        json!("2999-01-01T00:00:00Z"),
    ] {
        let (site, server) = (Site::new(), Server::start(small()));
        let before = chrono::Utc::now();
        server.fault("GET", "jobs/", 1, dated(&server, &time));
        let ended = ends(&site, &server, &[], 0);
        assert!(ended.err.contains("the time of the kick-off is taken"), "{time} {}", ended.err);
        let found = events(&site, "status_complete")[0]["transactionTime"].clone();
        let found = chrono::DateTime::parse_from_rfc3339(found.as_str().unwrap()).unwrap();
        assert!(found > before - chrono::TimeDelta::seconds(1) && found < chrono::Utc::now());
        assert_eq!(server.seen("DELETE", "jobs/0").len(), 1);
        // The main job finds it in the log.
        let mut job = site.command();
        let ended = end(job.args(["dir", "out", "phi", "--output-format=ndjson"]));
        assert_eq!(ended.code, Some(0), "{}", ended.err);
    }
}

#[test]
fn where_nobody_knows_the_time_the_server_keeps_the_export() {
    let (site, server, _) = given_up(&[]);
    fs::remove_dir_all(site.path("dir")).unwrap();
    let status = format!("--resume={}/jobs/0", server.base());
    server.fault("GET", "jobs/", 2, dated(&server, &json!(null)));
    let ended = ends(&site, &server, &[&status], 34);
    assert!(ended.err.contains("--export-timestamp TIME"), "{}", ended.err);
    assert!(server.seen("DELETE", "jobs/").is_empty());
    let mut job = site.command();
    job.env("CUMULUS_ETL_TEST_TIME_SCALE", SCALE);
    job.args([&server.base(), "out", "phi", "--output-format=ndjson", "--export-to=dir"]);
    let ended = end(job.args([&status, "--export-timestamp=2024-01-02"]));
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let rows = site.table("out", "ndjson", "etl__completion");
    assert_eq!(rows[0]["export_time"], "2024-01-02T00:00:00+00:00");
}

#[test]
fn times_are_written_as_other_programs_read_them() {
    for (time, expected) in [
        ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59.999Z"),
        ("2024-08-06T18:12:57+0000", "2024-08-06T18:12:57Z"),
        ("2024-08-06T18:12Z", "2024-08-06T18:12:00Z"),
        ("2024-08-06", "2024-08-06T00:00:00Z"),
        ("2024-08-06T18:12:57", "2024-08-06T18:12:57Z"),
        (" 2024-08-06T14:12:57.5-04:00 ", "2024-08-06T14:12:57.500-04:00"),
    ] {
        let (site, server) = (Site::new(), Server::start(small()));
        server.fault("GET", "jobs/", 1, dated(&server, &json!(time)));
        ends(&site, &server, &[], 0);
        assert_eq!(events(&site, "status_complete")[0]["transactionTime"], expected);
    }
}

#[test]
fn manifests_may_begin_with_a_byte_order_mark() {
    let (site, server) = (Site::new(), Server::start(small()));
    server.change(|content| (content.polls, content.page_size) = (0, 2));
    server.fault("GET", "jobs/", 9, Fault::Marked);
    ends(&site, &server, &[], 0);
    assert_eq!(events(&site, "status_error").len(), 0);
    assert_eq!(files(&site.path("dir")).len(), 3);
}

#[test]
fn errors_in_the_manifest_itself_are_reports_like_others() {
    let issue = |severity: &str| {
        json!({"resourceType": "OperationOutcome",
            "issue": [{"severity": severity, "diagnostics": "Condition/1 was lost"}]})
    };
    for (entry, code) in [
        (json!({"type": "OperationOutcome", "resource": issue("warning")}), 0),
        (issue("warning"), 0),
        (issue("error"), 16),
        (json!({"type": "OperationOutcome"}), 16),
        (json!("Condition/1 was lost"), 16),
    ] {
        let (site, server) = (Site::new(), Server::start(small()));
        let manifest = json!({
            "transactionTime": "2024-08-06T18:12:57Z", "requiresAccessToken": true,
            "output": [{"type": "Patient", "url": format!("{}/files/0", server.origin())}],
            "error": [entry]});
        server.fault("GET", "jobs/", 1, Fault::manifest(&manifest));
        let ended = ends(&site, &server, &[], code);
        assert!(ended.err.contains("The server says: "), "{entry} {}", ended.err);
        let found = files(&site.path("dir"));
        assert!(found.contains_key("error/OperationOutcome.000.ndjson"), "{:?}", found.keys());
        assert_eq!(found["Patient.000.ndjson"].iter().filter(|byte| **byte == b'\n').count(), 3);
        assert_eq!(server.seen("DELETE", "jobs/0").len(), 1);
    }
}

#[test]
fn an_export_that_the_server_has_forgotten_does_not_block_the_next() {
    let (site, server, _) = given_up(&[]);
    server.fault("GET", "jobs/0", 9, Fault::status(410));
    let ended = ends(&site, &server, &[], 0);
    assert!(ended.err.contains("a new one begins"), "{}", ended.err);
    assert_eq!(server.kickoffs(), 2);
}

#[test]
fn two_runs_do_not_share_a_folder() {
    let (site, server) = (Site::new(), Server::start(small()));
    server.change(|content| content.polls = usize::MAX);
    let mut first = export(&site, &server, &[]).spawn().unwrap();
    while !site.path("dir/log.ndjson").exists() {
        std::thread::sleep(Duration::from_millis(5));
    }
    let second = ends(&site, &server, &[], 26);
    assert!(second.err.contains("another run"), "{}", second.err);
    server.change(|content| content.polls = 0);
    assert_eq!((first.wait().unwrap().code(), server.kickoffs()), (Some(0), 1));
}
