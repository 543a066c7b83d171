//! Waiting for the server.

use std::time::Duration;

use super::server::{Fault, Server};
use super::*;

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
    for value in ["86400", "1763700000", "Fri, 01 Jan 2999 00:00:00 GMT", "soon", "-5", ""] {
        let (site, server) = (Site::new(), Server::start(small()));
        let header = vec![("retry-after", value.to_owned())];
        server.fault("GET", "jobs/", 1, Fault::Headers(header));
        server.fault("GET", "jobs/", 1, Fault::later(429, value));
        ends(&site, &server, &[], 0);
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
    let (site, server) = (Site::new(), Server::start(small()));
    server.fault("GET", "jobs/", 5, Fault::status(503));
    let ended = ends(&site, &server, &[], 16);
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
    server.fault("DELETE", "jobs/", 1, Fault::status(500));
    let ended = ends(&site, &server, &[], 0);
    assert!(ended.err.contains("no longer needed"), "{}", ended.err);
}

#[test]
fn an_export_that_runs_is_taken_up_by_its_url() {
    let (site, server) = (Site::new(), Server::start(small()));
    server.fault("GET", "jobs/", 5, Fault::status(503));
    ends(&site, &server, &["--type=Patient"], 16);
    fs::remove_dir_all(site.path("dir")).unwrap();
    let status = format!("--resume={}/jobs/0", server.base());
    ends(&site, &server, &[&status], 0);
    assert_eq!((server.kickoffs(), files(&site.path("dir")).len()), (1, 3));
    // Its log is one that the main job understands.
    assert!(events(&site, "kickoff")[0]["exportUrl"].as_str().unwrap().ends_with("/fhir/$export"));
}

#[test]
fn an_export_is_cancelled() {
    let (site, server) = (Site::new(), Server::start(small()));
    server.fault("GET", "jobs/", 5, Fault::status(503));
    ends(&site, &server, &[], 16);
    let other = ends(&site, &server, &["--type=Patient"], 26);
    assert!(other.err.contains("another request") && other.err.contains("--cancel"));
    ends(&site, &server, &["--cancel"], 0);
    assert_eq!(server.seen("DELETE", "jobs/0").len(), 1);
    assert_eq!(files(&site.path("dir")).len(), 0);
    ends(&site, &server, &["--type=Patient"], 0);
    assert_eq!(server.kickoffs(), 2);
}

#[test]
fn an_export_that_the_server_has_forgotten_does_not_block_the_next() {
    let (site, server) = (Site::new(), Server::start(small()));
    server.fault("GET", "jobs/", 5, Fault::status(503));
    ends(&site, &server, &[], 16);
    server.fault("GET", "jobs/0", 9, Fault::status(410));
    let ended = ends(&site, &server, &[], 0);
    assert!(ended.err.contains("a new one begins"), "{}", ended.err);
    assert_eq!(server.kickoffs(), 2);
}

#[test]
fn two_runs_do_not_share_a_folder() {
    let (site, server) = (Site::new(), Server::start(small()));
    server.fault("GET", "jobs/", 1, Fault::Stall(Duration::from_secs(3)));
    let mut first = export(&site, &server, &[]).spawn().unwrap();
    while !site.path("dir/log.ndjson").exists() {
        std::thread::sleep(Duration::from_millis(5));
    }
    let second = ends(&site, &server, &[], 26);
    assert!(second.err.contains("another run"), "{}", second.err);
    assert_eq!((first.wait().unwrap().code(), server.kickoffs()), (Some(0), 1));
}
