//! Files from the server to the disk.

use std::io::Read;
use std::os::unix::fs::PermissionsExt;

use super::server::{Fault, List, Server, gzip};
use super::*;
use crate::support::children;

fn rows(range: std::ops::Range<usize>) -> String {
    patients(range).iter().map(|row| format!("{row}\n")).collect()
}

/// One file of patients.
fn one(rows: usize) -> Content {
    Content::default().file("Patient", &patients(0..rows))
}

#[test]
fn files_come_in_manifest_order_with_the_log_of_it() {
    let (site, server) = (Site::new(), Server::start(small()));
    server.change(|content| {
        content.push(List::Deleted, "Bundle", "{\"resourceType\":\"Bundle\"}\n", None);
    });
    ends(&site, &server, &[], 0);
    let found = files(&site.path("dir"));
    assert_eq!(found["Patient.001.ndjson"], rows(3..5).into_bytes());
    assert!(found.contains_key("deleted/Bundle.000.ndjson"));
    assert_eq!(found.len(), 4);
    for request in server.seen("GET", "/files/") {
        assert_eq!(request.header("accept"), "application/fhir+ndjson");
        assert!(request.header("accept-encoding").contains("gzip"));
    }
    let log = json_lines(&site.path("dir/log.ndjson"));
    let ids: Vec<_> = log.iter().map(|event| event["eventId"].as_str().unwrap()).collect();
    assert_eq!(ids[0], "kickoff");
    assert_eq!(*ids.last().unwrap(), "export_complete");
    let id = format!("{}/jobs/0", server.base());
    assert!(log.iter().all(|event| event["exportId"] == id));
    assert!(log.iter().all(|event| event["timestamp"].as_str().unwrap().ends_with('Z')));
    let asked = events(&site, "download_request");
    let url = format!("{}/files/0?signature=***", server.origin());
    let first = json!({"fileUrl": url, "itemType": "output", "resourceType": "Patient"});
    assert!(asked.contains(&first), "{asked:?}");
    let came = events(&site, "download_complete");
    let first = came.iter().find(|event| event["fileUrl"] == url).unwrap();
    assert_eq!(
        (&first["resourceCount"], &first["fileSize"]),
        (&json!(3), &json!(rows(0..3).len()))
    );
    let complete = &events(&site, "export_complete")[0];
    assert_eq!((&complete["files"], &complete["resources"]), (&json!(4), &json!(8)));
    assert!(complete["attachments"].is_null() && complete["duration"].as_u64().is_some());
}

#[test]
fn exports_are_compressed_unless_told_otherwise() {
    let (site, server) = (Site::new(), Server::start(one(5)));
    store(&site, &server, true);
    let found = files(&site.path("dir"));
    let mut text = String::new();
    let mut decoder = flate2::read::MultiGzDecoder::new(&found["Patient.000.ndjson.gz"][..]);
    decoder.read_to_string(&mut text).unwrap();
    assert_eq!(text, rows(0..5));
    let mode = |name: &str| fs::metadata(site.path(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("dir"), mode("dir/Patient.000.ndjson.gz")), (0o700, 0o600));
    assert_eq!(mode("dir/log.ndjson"), 0o600);
}

#[test]
fn passing_failures_pass() {
    for fault in [
        Fault::status(500),
        Fault::status(401),
        Fault::status(404),
        Fault::status(408),
        Fault::later(429, "7200"),
        Fault::later(503, "Fri, 01 Jan 2999 00:00:00 GMT"),
        Fault::Break(0),
        Fault::Break(10),
        Fault::Truncate(100),
        Fault::outcome(200, "come back later"),
        Fault::Answer(200, Vec::new(), "<html>maintenance</html>".into()),
    ] {
        for gzip in [false, true] {
            let (site, server) = (Site::new(), Server::start(one(9)));
            server.change(|content| content.gzip = gzip);
            server.fault("GET", "/files/", 2, fault.clone());
            let ended = ends(&site, &server, &[], 0);
            assert_eq!(files(&site.path("dir"))["Patient.000.ndjson"], rows(0..9).into_bytes());
            assert!(ended.err.contains("were tried again"), "{fault:?} {}", ended.err);
        }
    }
}

/// Exports to files that may be compressed; panics unless it ends well.
fn store(site: &Site, server: &Server, compressed: bool) {
    let mut command = export(site, server, &[]);
    if compressed {
        command = site.command();
        command.env("CUMULUS_ETL_TEST_TIME_SCALE", SCALE);
        command.args(["export", &server.base(), "dir"]);
    }
    let ended = end(&mut command);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
}

/// The file of one export that may be compressed.
fn patients_of(site: &Site, compressed: bool) -> Vec<u8> {
    let found = files(&site.path("dir"));
    let expected = if compressed { "Patient.000.ndjson.gz" } else { "Patient.000.ndjson" };
    assert_eq!(found.keys().collect::<Vec<_>>(), [expected]);
    let mut text = Vec::new();
    match compressed {
        true => {
            let bytes = &found[expected][..];
            flate2::read::MultiGzDecoder::new(bytes).read_to_end(&mut text).unwrap();
        }
        false => text.clone_from(&found[expected]),
    }
    text
}

const MODIFIED: &str = "Tue, 06 Aug 2024 18:12:57 GMT";

#[test]
fn a_broken_transfer_goes_on_where_it_was() {
    for (ranges, gzip, compressed, by_time) in [
        (true, false, false, false),
        (true, false, true, true),
        // The tag of a compressed answer is of other bytes; the time is of both.
        (true, true, true, true),
        (false, false, true, false),
        (false, true, false, true),
    ] {
        let (site, server) = (Site::new(), Server::start(one(4000)));
        server.change(|content| {
            (content.ranges, content.gzip) = (ranges, gzip);
            if by_time {
                (content.etag, content.last_modified) = (None, Some(MODIFIED.to_owned()));
            }
        });
        server.fault("GET", "/files/", 1, Fault::Break(if gzip { 3_000 } else { 90_000 }));
        store(&site, &server, compressed);
        let asked = server.seen("GET", "/files/");
        assert!(asked[1].header("range").starts_with("bytes="), "{:?}", asked[1]);
        assert_eq!(asked[1].header("if-range"), if by_time { MODIFIED } else { "\"0-v1\"" });
        assert_eq!(asked[1].header("accept-encoding"), "identity");
        assert_eq!(asked[1].status, if ranges { 206 } else { 200 });
        let text = patients_of(&site, compressed);
        assert_eq!(text, rows(0..4000).into_bytes(), "{ranges} {gzip}");
    }
}

#[test]
fn parts_of_two_versions_of_a_file_are_not_spliced() {
    // (tag before, tag after, time before, time after, whether If-Range is known)
    let other = "Wed, 07 Aug 2024 18:12:57 GMT";
    for (tags, times, known) in [
        ((Some("v1"), Some("v2")), (None, None), true),
        ((Some("v1"), Some("v2")), (None, None), false),
        ((None, None), (Some(MODIFIED), Some(other)), true),
        ((None, None), (Some(MODIFIED), Some(other)), false),
        ((Some("W/v1"), Some("W/v1")), (None, None), true),
        ((None, None), (None, None), false),
    ] {
        let (site, server) = (Site::new(), Server::start(one(20_000)));
        let text = |text: Option<&str>| text.map(str::to_owned);
        server.change(|content| {
            (content.gzip, content.ignores_if_range) = (false, !known);
            (content.etag, content.last_modified) = (text(tags.0), text(times.0));
        });
        // The second run meets another version; the first one leaves a part.
        server.fault("GET", "/files/", 6, Fault::Break(100_000));
        ends(&site, &server, &[], 16);
        let changed =
            conditions(0..20_000).iter().map(|row| format!("{row}\n")).collect::<String>();
        let changed = changed.replace("Condition", "Patient").replace("\"c", "\"q");
        server.change(|content| {
            content.files[0].body = changed.clone().into();
            (content.etag, content.last_modified) = (text(tags.1), text(times.1));
        });
        server.forget();
        let ended = ends(&site, &server, &[], 0);
        let found = patients_of(&site, false);
        assert!(found == changed.as_bytes(), "{tags:?} {times:?} {known}: {}", ended.err);
    }
}

#[test]
fn the_next_run_goes_on_within_the_same_version() {
    let (site, server) = (Site::new(), Server::start(one(20_000)));
    server.change(|content| content.gzip = false);
    server.fault("GET", "/files/", 6, Fault::Break(100_000));
    ends(&site, &server, &[], 16);
    server.forget();
    ends(&site, &server, &[], 0);
    let asked = server.seen("GET", "/files/");
    assert_eq!((asked.len(), asked[0].status), (1, 206));
    assert_eq!(asked[0].header("if-range"), "\"0-v1\"");
    assert_eq!(patients_of(&site, false), rows(0..20_000).into_bytes());
}

#[test]
fn files_that_are_stored_compressed_are_told_by_their_first_bytes() {
    let text = rows(0..4000);
    let zstd = zstd::encode_all(text.as_bytes(), 1).unwrap();
    let skippable = [&[0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 1, 2][..], &zstd].concat();
    let halves = text.split_at(text.len() / 2);
    let members = [halves.0, halves.1].map(|half| gzip(half.as_bytes())).concat();
    for stored in [gzip(text.as_bytes()).to_vec(), members, zstd, skippable] {
        for (broken, compressed) in [(None, false), (Some(3), true), (Some(3000), false)] {
            let (site, server) = (Site::new(), Server::start(Content::default()));
            server.change(|content| {
                content.gzip = false;
                content.push(List::Output, "Patient", stored.clone(), Some(4000));
            });
            if let Some(bytes) = broken {
                server.fault("GET", "/files/", 1, Fault::Break(bytes));
            }
            store(&site, &server, compressed);
            assert!(patients_of(&site, compressed) == text.as_bytes(), "{broken:?}");
            assert_eq!(server.seen("DELETE", "jobs/0").len(), 1);
        }
    }
}

#[test]
fn a_transfer_that_breaks_behind_the_last_byte_is_ended_as_others_are() {
    let text = rows(0..4);
    let packed = gzip(text.as_bytes()).to_vec();
    let zstd = zstd::encode_all(text.as_bytes(), 1).unwrap();
    for stored in [text.clone().into_bytes(), packed.clone(), zstd] {
        let (site, server) = (Site::new(), Server::start(Content::default()));
        server.change(|content| {
            content.gzip = false;
            content.push(List::Output, "Patient", stored.clone(), None);
        });
        server.fault("GET", "/files/", 1, Fault::Break(usize::MAX));
        store(&site, &server, false);
        assert_eq!(patients_of(&site, false), text.as_bytes());
        assert_eq!(server.seen("DELETE", "jobs/0").len(), 1);
    }
    // The server's file is damaged.
    for cut in [1, 9] {
        let (site, server) = (Site::new(), Server::start(small()));
        server.change(|content| {
            content.gzip = false;
            content.push(List::Output, "Patient", packed[..packed.len() - cut].to_vec(), None);
        });
        server.fault("GET", "/files/3", 1, Fault::Break(usize::MAX));
        ends(&site, &server, &[], 16);
        assert_eq!(server.seen("DELETE", "jobs/").len(), 0);
    }
}

/// A folder's notes of its files.
const DONE: &str = "dir/.cumulus-etl-export.done";

#[test]
fn a_file_that_lacks_rows_is_not_whole_by_a_power_cut() {
    let deletes = json!({"resourceType": "Bundle", "type": "transaction", "entry": []});
    let (rows, deletes) = (rows(0..2), format!("{deletes}\n"));
    for (list, of, body, count) in
        [(List::Output, "Patient", &rows, 3), (List::Deleted, "Bundle", &deletes, 2)]
    {
        let (site, server) = (Site::new(), Server::start(small()));
        server.change(|content| content.push(list, of, body.clone(), Some(count)));
        ends(&site, &server, &[], 16);
        // The names are durable, and the notes of them are not.
        fs::write(site.path(DONE), "").unwrap();
        ends(&site, &server, &[], 16);
        assert_eq!(server.seen("DELETE", "jobs/").len(), 0);
        server.change(|content| content.files[3].count = None);
        ends(&site, &server, &[], 0);
    }
}

#[test]
fn what_a_killed_run_left_beside_a_whole_file_goes() {
    let (site, server) = (Site::new(), Server::start(small()));
    server.fault("GET", "/files/2", 99, Fault::outcome(410, "gone"));
    ends(&site, &server, &[], 16);
    for left in ["dir/Patient.000.ndjson.part", "dir/Patient.000.ndjson.source"] {
        site.file(left, "x");
    }
    ends(&site, &server, &[], 16);
    let left: Vec<_> = children(&site.path("dir"))
        .into_iter()
        .filter(|name| name.starts_with("Patient.000"))
        .collect();
    assert_eq!(left, ["Patient.000.ndjson"]);
}

#[test]
fn the_server_keeps_what_is_not_whole_here() {
    let text = rows(0..400);
    let mut damaged = gzip(text.as_bytes()).to_vec();
    damaged.truncate(damaged.len() - 9);
    let cut = text.as_bytes()[..text.len() - 20].to_vec();
    for (stored, count) in [(damaged, None), (cut, None), (text.clone().into_bytes(), Some(401))] {
        let (site, server) = (Site::new(), Server::start(small()));
        server.change(|content| {
            content.gzip = false;
            content.push(List::Output, "Patient", stored.clone(), count);
        });
        ends(&site, &server, &[], 16);
        assert_eq!(server.seen("DELETE", "jobs/").len(), 0);
        // The file, whole by now, comes with the same command.
        server.change(|content| {
            (content.files[3].body, content.files[3].count) = (text.clone().into(), None);
        });
        server.forget();
        ends(&site, &server, &[], 0);
        assert_eq!((server.kickoffs(), server.seen("GET", "/files/").len()), (1, 1));
        assert_eq!(server.seen("DELETE", "jobs/0").len(), 1);
        assert_eq!(files(&site.path("dir"))["Patient.002.ndjson"], text.as_bytes());
    }
    // Nothing can be kept of an export that goes away with this run.
    let (site, server) = (Site::new(), Server::start(small()));
    server.change(|content| content.files[0].count = Some(9));
    let mut command = site.command();
    command.env("CUMULUS_ETL_TEST_TIME_SCALE", SCALE);
    let ended = end(command.args([&server.base(), "out", "phi", "--output-format=ndjson"]));
    assert_eq!(ended.code, Some(16), "{}", ended.err);
    assert_eq!(server.seen("DELETE", "jobs/0").len(), 1);
    assert!(!site.path("out").exists());
}

#[test]
fn only_the_file_itself_is_taken_for_it() {
    // A file that is not ready yet, and a part that nobody has asked for.
    let part = vec![("content-range", "bytes 10-20/900".to_owned())];
    for fault in [
        Fault::status(202),
        Fault::Answer(206, part, rows(0..1).into()),
        Fault::Answer(206, Vec::new(), rows(0..1).into()),
        Fault::Answer(299, Vec::new(), rows(0..1).into()),
    ] {
        let (site, server) = (Site::new(), Server::start(one(9)));
        server.fault("GET", "/files/", 2, fault.clone());
        let ended = ends(&site, &server, &[], 0);
        assert!(ended.err.contains("were tried again"), "{fault:?} {}", ended.err);
        assert_eq!(patients_of(&site, false), rows(0..9).into_bytes());
    }
}

#[test]
fn counts_of_reports_and_deletes_need_not_be_of_rows() {
    let (site, server) = (Site::new(), Server::start(small()));
    let bundle = crate::support::deletes(&["Patient/a", "Patient/b", "Patient/c"]);
    server.change(|content| {
        let report = outcome("warning", "one is slow");
        content.push(List::Error, "OperationOutcome", report.clone(), Some(7));
        content.push(List::Error, "OperationOutcome", "plain words\n", None);
        // Among the data, and with a count that is not that of its rows either.
        content.push(List::Output, "OperationOutcome", report, Some(3));
        content.push(List::Deleted, "Bundle", format!("{bundle}\n"), Some(3));
    });
    let ended = ends(&site, &server, &[], 16);
    assert!(ended.err.contains("1 error of the server"), "{}", ended.err);
    assert_eq!(server.seen("GET", "/files/").len(), 7);
    // Deletes that are missing are.
    let (site, server) = (Site::new(), Server::start(small()));
    server.change(|content| content.push(List::Deleted, "Bundle", format!("{bundle}\n"), Some(4)));
    let ended = ends(&site, &server, &[], 16);
    assert!(ended.err.contains("1 row, but the server promised 4"), "{}", ended.err);
}

#[test]
fn what_can_not_be_had_is_named_and_had_by_the_next_run() {
    let (site, server) = (Site::new(), Server::start(small()));
    server.fault("GET", "/files/1", 99, Fault::outcome(403, "no access to Condition"));
    let ended = ends(&site, &server, &[], 16);
    assert!(ended.err.contains("1 of 3 files"), "{}", ended.err);
    assert!(ended.err.contains("Condition.000.ndjson"), "{}", ended.err);
    assert!(ended.err.contains("no access to Condition"), "{}", ended.err);
    let error = &events(&site, "download_error")[0];
    assert_eq!(error["code"], 403);
    assert!(error["responseHeaders"]["x-request-id"] == "test");
    assert_eq!(server.seen("DELETE", "jobs/").len(), 0);
    server.clear_faults();
    server.forget();
    ends(&site, &server, &[], 0);
    // Only what was missing.
    assert_eq!(server.seen("GET", "/files/").len(), 1);
    assert_eq!((server.kickoffs(), files(&site.path("dir")).len()), (1, 3));
    let complete = &events(&site, "export_complete")[0];
    assert_eq!((&complete["files"], &complete["resources"]), (&json!(3), &json!(7)));
}

#[test]
fn urls_that_have_run_out_are_asked_for_again() {
    let (site, server) = (Site::new(), Server::start(small()));
    server.fault("GET", "/files/2", 1, Fault::status(403));
    ends(&site, &server, &[], 0);
    assert_eq!(events(&site, "manifest_complete").len(), 2);
    assert_eq!(server.seen("GET", "/files/0").len(), 1);
}

#[test]
fn rows_that_stay_wrong_fail_the_export_but_are_kept() {
    let good = rows(0..2);
    for (body, count, said) in [
        (format!("{good}{{\"resourceType\":\"Patient\",\"id\":"), None, "line 3 is not a whole"),
        (format!("{good}{{\"resourceType\":\"Device\"}}\n"), None, "line 3 is not of type Patient"),
        (good.clone(), Some(3), "2 rows, but the server promised 3"),
    ] {
        let (site, server) = (Site::new(), Server::start(small()));
        server.change(|content| content.push(List::Output, "Patient", body.clone(), count));
        let ended = ends(&site, &server, &[], 16);
        assert!(ended.err.contains(said), "{}", ended.err);
        assert!(ended.err.contains("Patient.002.ndjson"), "{}", ended.err);
        let found = files(&site.path("dir"));
        assert_eq!(found["Patient.002.ndjson"], body.into_bytes());
        // And what the next run needs.
        assert_eq!(found.len(), 6);
        assert!(!events(&site, "download_error").is_empty());
    }
}

#[test]
fn rows_that_are_there_twice_are_no_problem() {
    let (site, server) = (Site::new(), Server::start(small()));
    server.change(|content| {
        content.push(List::Output, "Patient", rows(0..3).repeat(2), Some(6));
        // The same file again.
        let mut twice = content.files[0].clone();
        twice.url = None;
        content.files.push(twice);
    });
    ends(&site, &server, &[], 0);
    assert_eq!(files(&site.path("dir")).len(), 5);
}

#[test]
fn an_outcome_in_place_of_a_file_is_an_error() {
    let (site, server) = (Site::new(), Server::start(small()));
    server.fault("GET", "/files/1", 99, Fault::outcome(200, "the file is gone"));
    let ended = ends(&site, &server, &[], 16);
    assert!(ended.err.contains("the file is gone"), "{}", ended.err);
    let found = files(&site.path("dir"));
    assert!(!found.keys().any(|name| name.starts_with("Condition")), "{:?}", found.keys());
}

fn outcome(severity: &str, text: &str) -> String {
    let issue = json!([{"severity": severity, "code": "x", "diagnostics": text}]);
    format!("{}\n", json!({"resourceType": "OperationOutcome", "issue": issue}))
}

#[test]
fn outcomes_among_the_data_are_sorted_out() {
    let (site, server) = (Site::new(), Server::start(small()));
    let mixed = format!("{}{}{}", rows(5..6), outcome("warning", "one is slow"), rows(6..7));
    server.change(|content| content.push(List::Output, "Patient", mixed, Some(2)));
    let ended = ends(&site, &server, &[], 0);
    assert!(ended.err.contains("one is slow"), "{}", ended.err);
    let found = files(&site.path("dir"));
    assert_eq!(found["Patient.002.ndjson"], rows(5..7).into_bytes());
    assert_eq!(found["error/Patient.002.ndjson"], outcome("warning", "one is slow").into_bytes());
    assert_eq!(found.len(), 5);
}

#[test]
fn errors_that_the_server_reports_fail_the_export_at_its_end() {
    for (severity, code) in [("warning", 0), ("information", 0), ("error", 16), ("fatal", 16)] {
        let (site, server) = (Site::new(), Server::start(small()));
        let report = outcome(severity, "Condition/1 was lost");
        server.change(|content| content.push(List::Error, "OperationOutcome", report, None));
        let ended = ends(&site, &server, &[], code);
        assert_eq!(ended.err.contains("was lost"), severity != "information", "{}", ended.err);
        let found = files(&site.path("dir"));
        assert_eq!(found.len(), 4);
        assert!(found.contains_key("error/OperationOutcome.000.ndjson"));
        assert_eq!(server.seen("DELETE", "jobs/").len(), 1);
    }
}

#[test]
fn a_busy_server_gets_fewer_downloads() {
    let mut content = Content::default();
    (0..60)
        .for_each(|n| content = std::mem::take(&mut content).file("Patient", &patients(n..n + 1)));
    let (site, server) = (Site::new(), Server::start(content));
    server.fault("GET", "/files/", 20, Fault::later(429, "1"));
    ends(&site, &server, &["--max-connections=8"], 0);
    let found = files(&site.path("dir"));
    assert_eq!(found.len(), 60);
    assert_eq!(found["Patient.059.ndjson"], rows(59..60).into_bytes());
}

#[test]
fn credentials_stay_with_the_fhir_server() {
    let other = Server::start(one(2));
    other.change(|content| content.requires_token = false);
    let token = "Bearer abc.def-123456789012345";
    for (requires_token, redirected) in [(false, false), (true, false), (true, true)] {
        let (site, server) = (Site::new(), Server::start(one(2)));
        other.forget();
        let url = format!("{}/files/0", other.origin());
        server.change(|content| {
            content.expected_auth = Some(token.to_owned());
            content.requires_token = requires_token;
            if !redirected {
                content.files[0].url = Some(url.clone());
            }
        });
        if redirected {
            server.fault("GET", "/files/0", 1, Fault::redirect(307, url.clone()));
        }
        ends(&site, &server, &["--bearer-token=abc.def-123456789012345"], 0);
        let asked = &other.seen("GET", "/files/0")[0];
        let expected = if requires_token && !redirected { token } else { "" };
        assert_eq!(asked.header("authorization"), expected, "{requires_token} {redirected}");
        assert_eq!(server.seen("GET", "jobs/")[0].header("authorization"), token);
    }
}

#[test]
fn tokens_that_run_out_amid_downloads_are_renewed() {
    let (site, server) = (Site::new(), Server::start(small()));
    let ended = end(site.command().args(["keys", "new", "keys", "--alg=ES384"]));
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    // A token is good for one request. A file that breaks off goes on with another one; the first of the two faults meets the answer that its first token has run out.
    server.change(|content| (content.token_uses, content.gzip) = (Some(1), false));
    server.fault("GET", "/files/0", 2, Fault::Break(60));
    let options = ["--smart-client-id=me", "--smart-key=keys/private.jwks", "--max-connections=1"];
    let ended = ends(&site, &server, &options, 0);
    let gone_on = server.seen("GET", "/files/0");
    let gone_on = gone_on.iter().find(|request| request.status == 206).unwrap();
    assert_eq!(gone_on.header("range"), "bytes=60-");
    // To renew a token is no failure of a download.
    assert!(ended.err.contains("1 download was tried again"), "{}", ended.err);
    assert_eq!(events(&site, "download_error").len(), 1);
    assert!(server.seen("POST", "/token").len() > 4);
    assert_eq!(json_lines(&site.path("dir/Patient.000.ndjson")), patients(0..3));
    // Renewed once a request: what is refused again is refused.
    let (site, server) = (Site::new(), Server::start(small()));
    end(site.command().args(["keys", "new", "keys", "--alg=ES384"]));
    server.change(|content| content.token_uses = Some(0));
    let ended = ends(&site, &server, &options, 32);
    assert!(ended.err.contains("401"), "{}", ended.err);
    assert_eq!(server.seen("GET", "$export").len(), 2);
}
