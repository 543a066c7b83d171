//! Clinical notes.

use std::io::Write;

use super::server::{Fault, Server};
use super::*;

fn attachment(id: &str, attachment: &str) -> String {
    format!(
        "{{\"resourceType\":\"DocumentReference\",\"id\":\"{id}\",\"x\":1.50,\
         \"content\":[{{\"attachment\":{attachment},\"format\":{{}}}}]}}\n"
    )
}

fn server() -> Server {
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
    assert!(ended.err.contains("1 downloaded, 1 were there already"), "{}", ended.err);
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
