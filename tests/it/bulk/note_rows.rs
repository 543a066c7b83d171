//! Clinical notes of rows as sites have them: attachments without their text, and lines without an end.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::thread::sleep;
use std::time::Duration;

use cumulus_etl::bulk::NoteSelection;
use cumulus_etl::bulk::inline::inline_notes;
use cumulus_etl::http::{Auth, Client, ClientOptions, Pace};
use cumulus_etl::ui::Bars;

use super::notes::{attachment, content_of, server};
use super::server::{Server, gzip};
use super::*;
use crate::loopback::{Answer as RawAnswer, Server as Raw};
use crate::support::{children, open_folder};

/// The longest line that is read, in MiB.
const LONGEST: usize = 64;

fn inline(site: &Site, server: &Server) -> Ended {
    let mut command = site.command();
    command.env("CUMULUS_ETL_TEST_TIME_SCALE", SCALE);
    end(command.args(["inline", "in", "--fhir-url", &server.base()]))
}

/// Attachments of a note whose text is no text.
const WITHOUT_TEXT: [&str; 6] = [
    r#"{"contentType":"text/plain","url":"Binary/json","data":""}"#,
    r#"{"contentType":"text/plain","url":"Binary/json","data":null}"#,
    r#"{"data" : null,"url":"Binary/json","contentType":"text/plain"}"#,
    r#"{"contentType":"text/plain","url":"Binary/json","data":" \n"}"#,
    r#"{"contentType":"text/plain; charset=utf-8","data":"","url":"Binary/json","size":0,"hash":null}"#,
    r#"{"contentType":"text/plain","data":"b3RoZXI=","url":"Binary/json","data":""}"#,
];

/// Rows of both types that have notes, with these attachments.
fn rows_without_text() -> String {
    let rows = WITHOUT_TEXT.iter().enumerate().map(|(n, one)| {
        let report = format!(
            "{{\"resourceType\":\"DiagnosticReport\",\"id\":\"r{n}\",\"presentedForm\":[{one}]}}\n"
        );
        match n % 2 {
            0 => attachment(&format!("d{n}"), one),
            _ => report,
        }
    });
    rows.collect()
}

/// How many of the rows have the note that the server has, once and with its size.
fn count_notes(text: &str) -> usize {
    let attachments = text.lines().map(|line| {
        let row: Value = serde_json::from_str(line).unwrap();
        match row["resourceType"].as_str() {
            Some("DiagnosticReport") => row["presentedForm"][0].clone(),
            _ => row["content"][0]["attachment"].clone(),
        }
    });
    attachments
        .filter(|one| one["data"] == "aGVsbG8=" && one["size"] == 5 && one["hash"].is_string())
        .count()
}

#[test]
fn an_attachment_whose_text_is_empty_or_null_gets_its_note() {
    let server = server();
    let site = Site::new();
    site.input("rows.ndjson", rows_without_text());
    site.input("below/rows.jsonl.gz", gzip(rows_without_text().as_bytes()));
    let ended = inline(&site, &server);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert!(ended.err.contains("12 downloaded, 0 were there already, 0 failed"), "{}", ended.err);
    let plain = fs::read_to_string(site.path("in/rows.ndjson")).unwrap();
    let packed = fs::read(site.path("in/below/rows.jsonl.gz")).unwrap();
    let mut unpacked = String::new();
    let mut reader = flate2::read::MultiGzDecoder::new(&packed[..]);
    std::io::Read::read_to_string(&mut reader, &mut unpacked).unwrap();
    for text in [&plain, &unpacked] {
        assert_eq!(count_notes(text), WITHOUT_TEXT.len(), "{text}");
    }
    // The value in the place of the text is replaced; nothing is added beside it.
    for (line, count) in plain.lines().zip([1, 1, 1, 1, 1, 2]) {
        assert_eq!(line.matches("\"data\"").count(), count, "{line}");
    }
    // Where there is nothing to download, nothing is asked for.
    server.forget();
    let site = Site::new();
    let none = [
        r#"{"contentType":"text/plain","data":""}"#,
        r#"{"contentType":"text/plain","url":"","data":null}"#,
        r#"{"contentType":"text/plain","url":"Binary/json","data":"b3RoZXI="}"#,
    ];
    let none: String = none.iter().map(|one| attachment("d", one)).collect();
    site.input("rows.ndjson", &none);
    let ended = inline(&site, &server);
    assert!(ended.err.contains("0 downloaded, 1 was there already"), "{}", ended.err);
    assert_eq!(fs::read_to_string(site.path("in/rows.ndjson")).unwrap(), none);
    assert!(server.requests().is_empty());
}

#[test]
fn an_export_downloads_notes_whose_text_is_empty_or_null() {
    let (site, server) = (Site::new(), server());
    let rows: Vec<Value> =
        rows_without_text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |kind: &str| -> Vec<Value> {
        rows.iter().filter(|row| row["resourceType"] == kind).cloned().collect()
    };
    server.change(|content| {
        *content = Content { notes: content.notes.clone(), ..Content::default() }
            .file("DocumentReference", &of("DocumentReference"))
            .file("DiagnosticReport", &of("DiagnosticReport"));
    });
    let ended = ends(&site, &server, &["--inline"], 0);
    assert!(ended.err.contains("6 downloaded, 0 were there already"), "{}", ended.err);
    let names = children(&site.path("dir"));
    let files = names.iter().filter(|name| name.starts_with('D'));
    let texts: Vec<_> =
        files.map(|name| fs::read_to_string(site.path("dir").join(name)).unwrap()).collect();
    assert_eq!(texts.iter().map(|text| count_notes(text)).sum::<usize>(), 6, "{names:?}");
}

/// A document whose line has this many MiB.
fn long_row(mebibytes: usize) -> String {
    let text = "0".repeat(mebibytes << 20);
    let note = r#"{"contentType":"text/plain","url":"Binary/json"}"#;
    attachment("long", note).replacen("\"x\":1.50", &format!("\"x\":\"{text}\""), 1)
}

#[test]
fn a_line_that_is_too_long_for_inline_is_told_and_its_file_stays() {
    let server = server();
    let short = attachment("short", r#"{"contentType":"text/plain","url":"Binary/plain"}"#);
    let long = long_row(LONGEST);
    for (name, bytes, number) in [
        ("d.ndjson.gz", gzip(format!("{short}{long}{short}").as_bytes()).to_vec(), 2),
        ("below/d.jsonl", format!("{short}\n{long}").into_bytes(), 3),
        // A member of its own for each line: what follows the long one is passed over, too.
        ("long first.ndjson.gz", [long.as_bytes(), short.as_bytes()].map(gzip).concat(), 1),
    ] {
        let site = Site::new();
        site.input(name, &bytes);
        let ended = inline(&site, &server);
        assert_eq!(ended.code, Some(70), "{name}: {}", ended.err);
        let told = format!("line {number} is longer than {LONGEST} MiB");
        let file = format!("cannot put notes into '{}'", site.arg(&format!("in/{name}")));
        for part in [&told, &file, "the file stays as it was"] {
            assert!(ended.err.contains(part), "{name}: {part}: {}", ended.err);
        }
        assert!(!ended.err.contains("0000"), "{name}");
        assert!(fs::read(site.path("in").join(name)).unwrap() == bytes, "{name} has changed");
        // Without the line it goes on.
        site.input(name, short.repeat(number));
        site.input("other.ndjson", &short);
        let ended = inline(&site, &server);
        assert_eq!(ended.code, Some(0), "{name}: {}", ended.err);
        assert!(ended.err.contains("downloaded, 0 were there already, 0 failed"), "{}", ended.err);
        let left = children(&site.path("in"));
        assert!(left.iter().all(|file| !file.starts_with('.')), "{name}: {left:?}");
    }
}

#[test]
fn a_line_that_is_too_long_for_inline_leaves_a_bucket_as_it_was() {
    let server = server();
    let client =
        Client::new(&server.base().parse().unwrap(), Auth::none(), &ClientOptions::default())
            .unwrap();
    let selection = NoteSelection::new(Vec::new(), Vec::new()).unwrap();
    let folder = open_folder("memory://long-lines/notes");
    let short = attachment("short", r#"{"contentType":"text/plain","url":"Binary/plain"}"#);
    folder.write("d.ndjson.gz", gzip(format!("{short}{}", long_row(LONGEST)).as_bytes())).unwrap();
    let before = content_of(&folder);
    let pace = Pace::with_scale(0.001);
    let error = inline_notes(&client, &folder, &selection, 3, pace, &Bars::default()).unwrap_err();
    let told = error.explain_causes();
    assert!(told.contains("d.ndjson.gz'") && told.contains("line 2 is longer than"), "{told}");
    assert!(content_of(&folder) == before, "{:?}", content_of(&folder).keys());
}

#[test]
fn no_more_notes_are_asked_for_at_the_same_time_than_there_may_be_connections() {
    let row = |n: usize| {
        attachment(
            &format!("d{n}"),
            &format!(r#"{{"contentType":"text/plain","url":"Binary/{n}"}}"#),
        )
    };
    for most in [1, 3] {
        let (active, peak) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (counted, highest) = (active.clone(), peak.clone());
        let server = Raw::start(move |_| {
            highest.fetch_max(counted.fetch_add(1, SeqCst) + 1, SeqCst);
            // Others come meanwhile, if they may.
            sleep(Duration::from_millis(20));
            counted.fetch_sub(1, SeqCst);
            RawAnswer::new(200, "hello").header("Content-Type", "text/plain")
        });
        let site = Site::new();
        site.input("rows.ndjson", (0..24).map(row).collect::<String>());
        let mut command = site.command();
        command.args(["inline", "in", "--fhir-url", server.url.as_str()]);
        let ended = end(command.arg(format!("--max-connections={most}")));
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        assert_eq!(count_notes(&fs::read_to_string(site.path("in/rows.ndjson")).unwrap()), 24);
        assert!(peak.load(SeqCst) <= most, "{} for {most}", peak.load(SeqCst));
    }
}
