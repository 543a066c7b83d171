//! Clinical notes.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::Stdio;
use std::thread::sleep;
use std::time::Duration;

use cumulus_etl::bulk::NoteSelection;
use cumulus_etl::bulk::inline::inline_notes as inline_folder;
use cumulus_etl::http::{Auth, Client, ClientOptions, Pace};
use cumulus_etl::store::Folder;
use cumulus_etl::ui::Bars;
use rustix::fs::{FlockOperation, flock};

use super::server::{Fault, Server};
use super::*;
use crate::needs::need;
use crate::s3::S3;
use crate::support::open_folder;

/// A DocumentReference with one attachment, as a line.
pub(super) fn attachment(id: &str, attachment: &str) -> String {
    format!(
        "{{\"resourceType\":\"DocumentReference\",\"id\":\"{id}\",\"x\":1.50,\
         \"content\":[{{\"attachment\":{attachment},\"format\":{{}}}}]}}\n"
    )
}

/// A server of notes.
pub(super) fn server() -> Server {
    let mut content = Content::default();
    let mut note = |path: &str, kind: &str, text: &str| {
        content.notes.insert(path.to_owned(), (kind.to_owned(), text.to_owned().into()));
    };
    note("/fhir/Binary/plain", "text/plain; charset=ISO-8859-1", "hello");
    note("/fhir/Binary/bare", "text/html", "<p>h\u{e9}</p>");
    let binary = r#"{"resourceType":"Binary","contentType":"text/plain","data":"aGVs\nbG8="}"#;
    note("/fhir/Binary/json", "application/fhir+json", binary);
    note("/fhir/Binary/pdf", "application/pdf", "%PDF");
    Server::start(content)
}

fn inline(site: &Site, server: &Server, options: &[&str]) -> Ended {
    let mut command = site.command();
    command.env("CUMULUS_ETL_TEST_TIME_SCALE", SCALE);
    command.args(["inline", "in", "--fhir-url", &server.base()]).args(options);
    let ended = end(&mut command);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    ended
}

#[test]
fn notes_come_into_their_attachments() {
    let (site, server) = (Site::new(), server());
    let absolute = format!("{}/Binary/bare", server.base());
    let kind = |kind: &str, url: &str| format!(r#"{{"contentType":"{kind}","url":"{url}"}}"#);
    let odd = "not json\n";
    let other = attachment("pdf", &kind("application/pdf", "Binary/pdf"));
    site.input(
        "d.ndjson",
        [
            &attachment("a", &kind("text/plain", "Binary/plain")),
            odd,
            &attachment("b", &kind("Text/HTML; charset=utf-8", &absolute)),
            &attachment("c", &kind("text/plain", "Binary/json")),
            &other,
        ]
        .concat(),
    );
    let report = r#"{"resourceType":"DiagnosticReport","id":"r","presentedForm":[{"contentType":"text/plain","url":"Binary/json"}]}"#;
    site.input("r.ndjson", report);
    let before = fs::read_to_string(site.path("in/d.ndjson")).unwrap();
    let ended = inline(&site, &server, &[]);
    assert!(ended.err.contains("4 downloaded"), "{}", ended.err);
    let text = fs::read_to_string(site.path("in/d.ndjson")).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let hello = r#""data":"aGVsbG8=","size":5,"hash":"qvTGHdzF6KLavt4PO0gs2a6pQ00="}"#;
    assert_eq!(
        lines[0],
        before.lines().next().unwrap().replace(
            r#""text/plain","url":"Binary/plain"}"#,
            &format!(r#""text/plain; charset=iso-8859-1","url":"Binary/plain",{hello}"#)
        )
    );
    assert_eq!((lines[1], lines[4]), (odd.trim_end(), other.trim_end()));
    let html: Value = serde_json::from_str(lines[2]).unwrap();
    assert_eq!(html["content"][0]["attachment"]["contentType"], "text/html; charset=utf-8");
    assert!(lines[3].contains(hello), "{}", lines[3]);
    let report = fs::read_to_string(site.path("in/r.ndjson")).unwrap();
    assert!(report.contains(hello), "{report}");
    assert_eq!(server.seen("GET", "Binary/plain")[0].header("accept"), "text/plain");
    assert_eq!(server.seen("GET", "Binary/pdf").len(), 0);

    // Again: nothing to do, nothing changed.
    server.forget();
    let ended = inline(&site, &server, &[]);
    assert!(ended.err.contains("0 downloaded, 4 were there already"), "{}", ended.err);
    assert_eq!(server.requests().len(), 0);
    assert_eq!(fs::read_to_string(site.path("in/d.ndjson")).unwrap(), text);
    assert_eq!(crate::support::children(&site.path("in")), ["d.ndjson", "r.ndjson"]);
}

#[test]
fn a_note_that_fails_is_counted_and_had_the_next_time() {
    let (site, server) = (Site::new(), server());
    let url = |url: &str| format!(r#"{{"contentType":"text/plain","url":"{url}"}}"#);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    for name in ["Binary/missing", "Binary/pdf", "Binary/plain", "urn:uuid:1"] {
        gzip.write_all(attachment(name, &url(name)).as_bytes()).unwrap();
    }
    site.input("d.ndjson.gz", gzip.finish().unwrap());
    server.fault("GET", "Binary/plain", 2, Fault::status(503));
    let ended = inline(&site, &server, &[]);
    assert!(ended.err.contains("1 downloaded"), "{}", ended.err);
    assert!(ended.err.contains("3 failed"), "{}", ended.err);
    assert!(ended.err.contains("404 Not Found") && ended.err.contains("came as application/pdf"));
    assert!(!ended.err.contains("Binary/missing"), "{}", ended.err);
    server.change(|content| {
        let note = ("text/plain".to_owned(), "late".into());
        content.notes.insert("/fhir/Binary/missing".to_owned(), note);
    });
    let ended = inline(&site, &server, &[]);
    assert!(ended.err.contains("1 downloaded, 1 was there already"), "{}", ended.err);
}

#[test]
fn only_the_notes_that_were_asked_for() {
    let (site, server) = (Site::new(), server());
    site.input("d.ndjson", attachment("a", r#"{"contentType":"text/plain","url":"Binary/plain"}"#));
    inline(&site, &server, &["--inline-resource=diagnosticreport"]);
    inline(&site, &server, &["--inline-mimetype=text/html"]);
    assert_eq!(server.requests().len(), 0);
    let mut command = site.command();
    command.args(["inline", "in", "--fhir-url", &server.base(), "--inline-resource=Patient"]);
    assert_eq!(end(&mut command).code, Some(23));
}

/// Files of documents of every kind: plain and compressed, at any depth, with and without notes.
fn documents(count: usize) -> Vec<(&'static str, Vec<u8>)> {
    let note = |n: usize| {
        let (kind, url) = match n % 5 {
            0 => ("text/plain", "Binary/json"),
            1 => ("text/html", "Binary/bare"),
            2 => ("application/pdf", "Binary/pdf"),
            3 => ("text/plain", "Binary/missing"),
            _ => ("text/plain", "Binary/plain"),
        };
        attachment(&format!("d{n}"), &format!(r#"{{"contentType":"{kind}","url":"{url}"}}"#))
    };
    let plain: String = (0..count).map(note).collect();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(plain.as_bytes()).unwrap();
    let none = attachment("none", r#"{"contentType":"application/pdf","url":"Binary/pdf"}"#);
    vec![
        ("DocumentReference.000.ndjson", plain.trim_end().to_owned().into_bytes()),
        ("deep/er/documents.ndjson.gz", gzip.finish().unwrap()),
        ("none.ndjson", none.into_bytes()),
    ]
}

/// The files of a folder on any store, by name.
pub(super) fn content_of(folder: &Folder) -> BTreeMap<String, Vec<u8>> {
    let names = folder.list().unwrap().into_iter().map(|entry| entry.name);
    names.map(|name| (name.clone(), folder.read(&name).unwrap().unwrap().to_vec())).collect()
}

#[test]
fn notes_come_into_any_store_and_the_files_are_the_same_to_the_byte() {
    let server = server();
    let base = server.base().parse().unwrap();
    let client = Client::new(&base, Auth::none(), &ClientOptions::default()).unwrap();
    let selection = NoteSelection::new(Vec::new(), Vec::new()).unwrap();
    let site = Site::new();
    let mut found = Vec::new();
    for location in [site.arg("in"), "memory://notes/of a week/".to_owned()] {
        let folder = open_folder(&location);
        for (name, bytes) in documents(40) {
            folder.write(name, bytes).unwrap();
        }
        let put = || {
            inline_folder(
                &client,
                &folder,
                &selection,
                3,
                Pace::with_scale(0.001),
                &Bars::default(),
            )
        };
        let summary = put().unwrap();
        assert_eq!((summary.downloaded, summary.present), (48, 0), "{location}: {summary:?}");
        let first = content_of(&folder);
        server.forget();
        let summary = put().unwrap();
        assert_eq!((summary.downloaded, summary.present), (0, 48), "{location}: {summary:?}");
        assert!(server.seen("GET", "Binary/plain").is_empty(), "notes are asked for again");
        assert_eq!(content_of(&folder), first, "{location}");
        found.push(first);
    }
    let names: Vec<_> = found[0].keys().map(String::as_str).collect();
    assert_eq!(names, documents(1).iter().map(|(name, _)| *name).collect::<Vec<_>>());
    assert!(found[0] == found[1], "the bucket's files are others");
}

#[test]
fn notes_in_a_bucket_survive_a_run_that_is_killed() {
    let s3 = need!(S3::start());
    let server = server();
    let count = 120;
    server.change(|content| {
        content.delay = Duration::from_millis(5);
        // A URL for each, to see which are asked for.
        for n in 0..count {
            let note = ("text/plain".to_owned(), format!("note {n}").into());
            content.notes.insert(format!("/fhir/Binary/n{n}"), note);
        }
    });
    let row = |n: usize| {
        let url = format!(r#"{{"contentType":"text/plain","url":"Binary/n{n}"}}"#);
        attachment(&format!("d{n}"), &url)
    };
    let rows: String = (0..count).map(row).collect();
    let before = Site::new();
    before.input("d.ndjson", &rows);
    let command = || {
        let mut command = before.command();
        s3.reach(&mut command).env("CUMULUS_ETL_TEST_TIME_SCALE", SCALE);
        command.args(["inline", "s3://input/", "--fhir-url", &server.base()]);
        command.args(["--max-connections=2"]).stdout(Stdio::null());
        command
    };
    let objects = || {
        let saved = tempfile::tempdir().unwrap();
        s3.order(&format!("save input {}", saved.path().display()));
        files(saved.path())
    };
    let load = || s3.order(&format!("load input {}", before.path("in").display()));
    load();
    let ended = end(&mut command());
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert!(ended.err.contains(&format!("{count} downloaded")), "{}", ended.err);
    let expected = objects();
    assert_eq!(expected.keys().collect::<Vec<_>>(), ["d.ndjson"]);
    let (mut killed, mut spared) = (0, 0);
    for notes in [1, 20, 40, 60, 80, 100] {
        load();
        server.forget();
        let mut child = command().stderr(Stdio::null()).spawn().unwrap();
        while server.requests().len() < notes && child.try_wait().unwrap().is_none() {
            sleep(Duration::from_millis(1));
        }
        child.kill().unwrap();
        if child.wait().unwrap().code() == Some(0) {
            continue;
        }
        killed += 1;
        // The last note that it has asked for is done.
        s3.order("resume");
        // A reader meanwhile finds a whole file: the old one or the new one.
        let there = objects().remove("d.ndjson").unwrap();
        assert!(there == rows.as_bytes() || there == expected["d.ndjson"], "{notes}");
        let noted: BTreeSet<_> = server.requests().iter().map(|seen| seen.path.clone()).collect();
        server.forget();
        let ended = end(&mut command());
        assert_eq!(ended.code, Some(0), "{notes}: {}", ended.err);
        assert!(objects() == expected, "{notes}: {:?}", objects().keys());
        let again = server.requests().iter().filter(|seen| noted.contains(&seen.path)).count();
        spared += noted.len().saturating_sub(again);
    }
    assert!(killed >= 4, "{killed} runs were killed");
    assert!(spared > count / 2, "what was noted down is of no use: {spared}");
}

#[test]
fn a_draft_of_other_rows_is_not_used() {
    let server = server();
    let url = r#"{"contentType":"text/plain","url":"Binary/plain"}"#;
    let other = r#"{"contentType":"text/plain","url":"Binary/plain","data":"b3RoZXI="}"#;
    let base = server.base().parse().unwrap();
    let client = Client::new(&base, Auth::none(), &ClientOptions::default()).unwrap();
    let selection = NoteSelection::new(Vec::new(), Vec::new()).unwrap();
    let site = Site::new();
    for location in [site.arg("in"), "memory://drafts/".to_owned()] {
        let folder = open_folder(&location);
        folder.write("d.ndjson", attachment("new", url)).unwrap();
        // Of a file that was there before, and whose run was killed.
        match folder.local() {
            Some(_) => folder.write(".d.ndjson.draft", attachment("old", other)).unwrap(),
            None => {
                let row = format!("0 {}", attachment("old", other));
                folder.write(".d.ndjson.draft/000000", row).unwrap();
            }
        }
        let put =
            inline_folder(&client, &folder, &selection, 3, Pace::with_scale(0.0), &Bars::default());
        assert_eq!(put.unwrap().downloaded, 1, "{location}");
        let found = content_of(&folder);
        assert_eq!(found.keys().collect::<Vec<_>>(), ["d.ndjson"], "{location}");
        let text = String::from_utf8(found["d.ndjson"].clone()).unwrap();
        assert!(text.contains(r#""id":"new""#) && text.contains("aGVsbG8="), "{text}");
    }
}

#[test]
fn a_folder_is_for_one_run_at_a_time_and_must_be_there() {
    let (site, server) = (Site::new(), server());
    site.input("d.ndjson", attachment("a", r#"{"contentType":"text/plain","url":"Binary/plain"}"#));
    let ended = |dir: &str| end(site.command().args(["inline", dir, "--fhir-url", &server.base()]));
    let other = fs::File::open(site.path("in")).unwrap();
    flock(&other, FlockOperation::LockExclusive).unwrap();
    let refused = ended("in");
    assert_eq!(refused.code, Some(26), "{}", refused.err);
    assert!(refused.err.contains("another run"), "{}", refused.err);
    drop(other);
    for missing in ["nowhere", "memory://nothing/there"] {
        let refused = ended(missing);
        assert_eq!(refused.code, Some(54), "{}", refused.err);
        assert!(refused.err.contains("does not exist"), "{}", refused.err);
    }
    assert_eq!(server.requests().len(), 0);
    assert_eq!(ended("in").code, Some(0));
}

/// `inline` of one row for each of these URLs, all of plain text.
fn inline_urls(site: &Site, server: &Server, urls: &[String], options: &[&str]) -> Ended {
    let row =
        |url: &String| attachment("d", &format!(r#"{{"contentType":"text/plain","url":"{url}"}}"#));
    site.input("d.ndjson", urls.iter().map(row).collect::<String>());
    let mut command = site.command();
    command.env("CUMULUS_ETL_TEST_TIME_SCALE", SCALE);
    command.args(["inline", "in", "--fhir-url", &server.base()]).args(options);
    end(&mut command)
}

fn port(server: &Server) -> &str {
    server.origin().rsplit(':').next().unwrap()
}

#[test]
fn notes_come_from_the_server_and_from_named_hosts_only() {
    let (site, server, other) = (Site::new(), server(), server());
    let port = port(&other);
    let urls: Vec<_> = ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]"]
        .iter()
        .map(|host| format!("http://{host}:{port}/fhir/Binary/plain"))
        .chain([format!("//127.0.0.1:{port}/fhir/Binary/plain")])
        .collect();
    let ended = inline_urls(&site, &server, &urls, &[]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert!(other.requests().is_empty() && server.requests().is_empty());
    assert!(ended.err.contains("--note-host 127.0.0.1"), "{}", ended.err);
    // A redirect is a way out, too.
    let elsewhere = format!("{}/fhir/Binary/plain", other.origin());
    server.fault("GET", "Binary/plain", 9, Fault::redirect(302, elsewhere.clone()));
    let own = vec!["Binary/plain".to_owned()];
    let ended = inline_urls(&site, &server, &own, &[]);
    assert!(ended.err.contains("0 downloaded") && other.requests().is_empty(), "{}", ended.err);

    let named = format!("--note-host=127.0.0.1:{port}");
    let ended = inline_urls(&site, &server, &own, &["--bearer-token=abc", &named]);
    assert!(ended.err.contains("1 downloaded"), "{}", ended.err);
    assert_eq!(other.requests().pop().unwrap().header("authorization"), "");
    let mut command = site.command();
    command.env("CUMULUS_ETL_NOTE_HOST", "127.0.0.1,localhost").args(["inline", "in"]);
    site.input(
        "d.ndjson",
        attachment("d", &format!(r#"{{"contentType":"text/plain","url":"{elsewhere}"}}"#)),
    );
    let ended = end(command.args(["--fhir-url", &server.base()]));
    assert!(ended.err.contains("1 downloaded"), "{}", ended.err);
}

#[test]
fn a_named_host_at_a_private_address_is_not_asked_for_a_server_of_the_internet() {
    let (site, other) = (Site::new(), server());
    // Nobody asks the server itself.
    for host in ["localhost", "127.0.0.1", "[::1]"] {
        let url = format!("http://{host}:{}/fhir/Binary/plain", port(&other));
        site.input(
            "d.ndjson",
            attachment("d", &format!(r#"{{"contentType":"text/plain","url":"{url}"}}"#)),
        );
        let mut command = site.command();
        command.args(["inline", "in", "--fhir-url=http://198.51.100.1/fhir"]);
        command.arg(format!("--note-host={host}")).env("CUMULUS_ETL_TEST_TIME_SCALE", SCALE);
        let ended = end(&mut command);
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        assert!(ended.err.contains("at a private address"), "{}", ended.err);
    }
    assert!(other.requests().is_empty());
}

#[test]
fn relative_urls_of_notes_are_resolved_as_urls_are() {
    let (site, server) = (Site::new(), server());
    let urls = ["Binary/plain", "/fhir/Binary/plain", "../fhir/Binary/plain", "./Binary/plain"];
    let ended = inline_urls(&site, &server, &urls.map(str::to_owned), &[]);
    assert!(ended.err.contains("4 downloaded"), "{}", ended.err);
    let paths: Vec<_> = server.requests().into_iter().map(|request| request.path).collect();
    assert_eq!(paths, ["/fhir/Binary/plain"; 4]);
}

#[test]
fn a_server_that_has_notes_in_its_own_format_only_is_asked_for_that() {
    let (site, server) = (Site::new(), server());
    server.fault("GET", "Binary/json", 1, Fault::status(406));
    let ended = inline_urls(&site, &server, &["Binary/json".to_owned()], &[]);
    assert!(ended.err.contains("1 downloaded"), "{}", ended.err);
    let accepted = server.requests();
    let accepted: Vec<_> = accepted.iter().map(|request| request.header("accept")).collect();
    assert_eq!(accepted, ["text/plain", "application/fhir+json"]);
}

#[test]
fn only_text_has_a_charset() {
    let (site, server) = (Site::new(), server());
    server.change(|content| {
        let mut note = |name: &str, kind: &str| {
            let note = (kind.to_owned(), "%PDF".into());
            content.notes.insert(format!("/fhir/Binary/{name}"), note);
        };
        note("pdf", "application/pdf");
        note("png", "image/png; charset=binary");
        note("xhtml", "application/xhtml+xml");
    });
    let row = |kind: &str, url: &str| {
        attachment(url, &format!(r#"{{"contentType":"{kind}","url":"Binary/{url}"}}"#))
    };
    let kinds = [
        ("application/pdf; charset=utf-8", "pdf"),
        ("image/png", "png"),
        ("application/xhtml+xml", "xhtml"),
    ];
    site.input("d.ndjson", kinds.map(|(kind, url)| row(kind, url)).concat());
    let types = "--inline-mimetype=application/pdf,image/png,application/xhtml+xml";
    let ended = inline(&site, &server, &[types]);
    assert!(ended.err.contains("3 downloaded"), "{}", ended.err);
    let found: Vec<_> = json_lines(&site.path("in/d.ndjson"))
        .into_iter()
        .map(|row| row["content"][0]["attachment"]["contentType"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(found, ["application/pdf", "image/png", "application/xhtml+xml; charset=utf-8"]);
}

#[test]
fn what_a_killed_run_could_not_have_is_asked_for_again() {
    let server = server();
    let base = server.base().parse().unwrap();
    let client = Client::new(&base, Auth::none(), &ClientOptions::default()).unwrap();
    let selection = NoteSelection::new(Vec::new(), Vec::new()).unwrap();
    let site = Site::new();
    let url = |name: &str| format!(r#"{{"contentType":"text/plain","url":"Binary/{name}"}}"#);
    let note = r#"{"contentType":"text/plain; charset=iso-8859-1","url":"Binary/plain","data":"aGVsbG8="}"#;
    let (late, plain) = (attachment("late", &url("json")), attachment("plain", &url("plain")));
    let (had, last) = (attachment("plain", note), attachment("last", &url("missing")));
    for location in [site.arg("in"), "memory://late/".to_owned()] {
        let folder = open_folder(&location);
        folder.write("d.ndjson", [&*late, &*plain, &*last].concat()).unwrap();
        // Of a run that could not have the first note, had the second, and was killed then.
        match folder.local() {
            Some(_) => folder.write(".d.ndjson.draft", [&*late, &*had].concat()).unwrap(),
            None => folder.write(".d.ndjson.draft/000000", format!("1 {had}")).unwrap(),
        }
        server.forget();
        let put =
            inline_folder(&client, &folder, &selection, 3, Pace::with_scale(0.0), &Bars::default());
        let summary = put.unwrap();
        assert_eq!((summary.downloaded, summary.present), (2, 0), "{location}: {summary:?}");
        assert_eq!(summary.failed.values().sum::<u64>(), 1, "{location}: {summary:?}");
        // Nothing is asked for twice by one run.
        let paths: BTreeSet<_> = server.requests().into_iter().map(|seen| seen.path).collect();
        assert_eq!(server.requests().len(), paths.len(), "{location}");
        assert_eq!(paths.len(), 2, "{location}: {paths:?}");
        assert_eq!(content_of(&folder).keys().collect::<Vec<_>>(), ["d.ndjson"], "{location}");
    }
}

#[test]
fn a_server_that_gives_no_notes_is_not_asked_for_each() {
    let (site, server) = (Site::new(), server());
    let urls: Vec<_> = (0..300).map(|n| format!("Binary/{n}")).collect();
    for (status, code) in [(503, 16), (401, 32)] {
        server.forget();
        server.fault("GET", "Binary/", 999, Fault::status(status));
        let ended = inline_urls(&site, &server, &urls, &["--max-connections=2"]);
        assert_eq!(ended.code, Some(code), "{}", ended.err);
        assert!(server.requests().len() < 50, "{} requests", server.requests().len());
        assert!(ended.err.contains("300 failed"), "{}", ended.err);
        server.clear_faults();
    }
    // One that lacks notes has been asked for each.
    server.forget();
    let ended = inline_urls(&site, &server, &urls, &[]);
    assert_eq!((ended.code, server.requests().len()), (Some(0), 300), "{}", ended.err);
    // One that was away for a while is asked on.
    server.fault("GET", "Binary/", 8, Fault::status(503));
    let urls: Vec<_> = (0..20).map(|_| "Binary/plain".to_owned()).collect();
    let ended = inline_urls(&site, &server, &urls, &["--max-connections=1"]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
}

#[test]
fn an_export_without_any_of_its_notes_does_not_end_well_and_is_taken_up() {
    let (site, server) = (Site::new(), server());
    let row = attachment("a", r#"{"contentType":"text/plain","url":"Binary/plain"}"#);
    server.change(|content| {
        let row = serde_json::from_str(&row).unwrap();
        *content = Content { notes: content.notes.clone(), ..Content::default() }
            .file("DocumentReference", &[row]);
    });
    server.fault("GET", "Binary/", 1, Fault::status(401));
    let ended = end(&mut export(&site, &server, &["--inline"]));
    assert_eq!(ended.code, Some(32), "{}", ended.err);
    assert!(ended.err.contains("no note could be downloaded"), "{}", ended.err);
    let ended = end(&mut export(&site, &server, &["--inline"]));
    assert_eq!((ended.code, server.kickoffs()), (Some(0), 1), "{}", ended.err);
    assert!(ended.err.contains("1 downloaded"), "{}", ended.err);
}

#[test]
fn a_folder_with_a_servers_url_says_how_its_notes_come() {
    let site = Site::new();
    let note = attachment("a", r#"{"contentType":"text/plain","url":"Binary/plain"}"#);
    site.input("d.ndjson", note);
    let option = "--fhir-url=https://ehr.invalid/fhir";
    let ended = site.run(&[option]);
    let line = "run cumulus-etl inline in --fhir-url https://ehr.invalid/fhir";
    assert!(ended.err.contains(line), "{}", ended.err);
    let ended = site.run(&[]);
    assert!(!ended.err.contains("cumulus-etl inline"), "{}", ended.err);
    // Without notes there is nothing to say.
    let site = Site::new();
    site.rows("p.ndjson", &patients(0..1));
    let ended = site.run(&[option]);
    assert!(!ended.err.contains("cumulus-etl inline"), "{}", ended.err);
}
