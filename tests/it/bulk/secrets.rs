//! Texts that must not be written anywhere.

use std::process::Stdio;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::thread::sleep;
use std::time::Duration;

use url::form_urlencoded;

use super::server::{Fault, Server, access_token};
use super::*;
use crate::loopback::{Answer as RawAnswer, Server as Raw};
use crate::needs::{self, need};
use crate::support::{PROGRAM, json_file};

/// Fails if a file below the folder holds one of the texts.
fn search(folder: &Path, secrets: &[&str]) {
    for (name, bytes) in files(folder) {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        for secret in secrets {
            assert!(!text.contains(secret), "{secret} is in {name}");
        }
    }
    let log = fs::read_to_string(folder.join("log.ndjson")).unwrap_or_default();
    assert!(secrets.iter().all(|secret| !log.contains(secret)), "{log}");
}

#[test]
fn no_secret_and_no_patient_is_shown_logged_or_kept() {
    let (site, server) = (Site::new(), Server::start(small()));
    let token = "tok-0123456789-abcdefghijkl";
    site.file("token", token);
    server.change(|content| content.expected_auth = Some(format!("Bearer {token}")));
    let echo = |code| {
        let body = format!("who is Bearer {token}, and Patient/hidden-7?");
        Fault::Answer(code, vec![("x-echo", format!("Bearer {token}"))], body.into())
    };
    server.fault("GET", "$export", 1, echo(503));
    server.fault("GET", "jobs/", 1, echo(500));
    server.fault("GET", "/files/", 2, echo(500));
    server.fault("GET", "/files/1", 99, echo(400));
    server.fault("DELETE", "jobs/", 1, echo(500));
    let secrets = [token, "hidden-7", "s3cret"];
    let options = ["--bearer-token=token", "--param=patient=Patient/hidden-7", "-v"];
    for code in [16, 0] {
        let mut command = site.command();
        command.env("CUMULUS_ETL_TEST_TIME_SCALE", SCALE);
        command.args([&server.base(), "out", "phi", "--output-format=ndjson", "--export-to=dir"]);
        let ended = end(command.args(options));
        assert_eq!(ended.code, Some(code), "{}", ended.err);
        for secret in secrets {
            assert!(!ended.err.contains(secret) && !ended.out.contains(secret), "{}", ended.err);
        }
        search(&site.path("dir"), &[&secrets[..2], &["s3cret"]].concat());
        server.clear_faults();
    }
    search(&site.path("out"), &secrets);
    search(&site.path("phi"), &secrets);
}

/// The arguments of a process and of its children.
fn arguments(pid: &str) -> String {
    let text = |path: String| fs::read(path).map(|t| String::from_utf8_lossy(&t).into_owned());
    let mut all = text(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    for task in tasks {
        let children = task.path().join("children").display().to_string();
        for child in text(children).unwrap_or_default().split_whitespace() {
            all.push_str(&arguments(child));
        }
    }
    all
}

/// Runs the job to its end; what it said, and all arguments that a look at the processes shows.
fn watched(command: &mut Command) -> (Ended, String) {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let pid = child.id().to_string();
    let mut seen = String::new();
    while child.try_wait().unwrap().is_none() {
        seen.push_str(&arguments(&pid));
        sleep(Duration::from_millis(2));
    }
    (child.wait_with_output().unwrap().into(), seen)
}

#[test]
fn no_key_assertion_token_or_password_is_shown_logged_kept_or_an_argument() {
    let password = "p4ssword-0123456789";
    for smart in [true, false] {
        let (site, server) = (Site::new(), Server::start(small()));
        let mut command = site.command();
        command.env("CUMULUS_ETL_TEST_TIME_SCALE", SCALE);
        command.args([&server.base(), "out", "phi", "--output-format=ndjson", "--export-to=dir"]);
        let mut secrets = Vec::new();
        if smart {
            let ended = end(site.command().args(["keys", "new", "keys"]));
            assert_eq!(ended.code, Some(0), "{}", ended.err);
            let key = &json_file(&site.path("keys/private.jwks"))["keys"][0];
            let parts = ["d", "p", "q", "dp", "dq", "qi"];
            secrets.extend(parts.map(|part| key[part].as_str().unwrap().to_owned()));
            server.change(|content| content.token_uses = Some(2));
            command.args(["--smart-client-id=our-client", "--smart-key=keys/private.jwks"]);
        } else {
            let basic = "Basic dXM6cDRzc3dvcmQtMDEyMzQ1Njc4OQ==";
            server.change(|content| content.expected_auth = Some(basic.to_owned()));
            secrets.extend([password.to_owned(), basic[6..].to_owned()]);
            site.file("password", password);
            command.args(["--basic-user=us", "--basic-passwd=password"]);
        }
        // A server that says what it was told.
        let known = secrets.join(" ");
        let echo = |code| {
            let said = format!("{} {}", access_token(1), if smart { "" } else { &known });
            Fault::Answer(code, vec![("x-echo", said.clone())], said.into())
        };
        for path in ["$export", "jobs/", "/files/"] {
            server.fault("GET", path, 1, echo(503));
        }
        server.fault("DELETE", "jobs/", 1, echo(500));
        let (ended, arguments) = watched(command.arg("-v"));
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        assert!(arguments.contains("--export-to=dir"), "{arguments}");
        assert_eq!(server.seen("POST", "/token").is_empty(), !smart);
        for request in server.seen("POST", "/token") {
            let fields = form_urlencoded::parse(&request.body);
            let assertion = fields.into_iter().find(|(name, _)| name == "client_assertion");
            secrets.push(assertion.unwrap().1.into_owned());
        }
        secrets.extend((1..=server.seen("POST", "/token").len()).map(access_token));
        let secrets: Vec<_> = secrets.iter().map(String::as_str).collect();
        for secret in &secrets {
            assert!(!ended.err.contains(secret) && !ended.out.contains(secret), "{}", ended.err);
            assert!(!arguments.contains(secret), "{arguments}");
        }
        for folder in ["dir", "out", "phi", "tmp", "home"] {
            search(&site.path(folder), &secrets);
        }
    }
}

/// Parameters that name a patient, and words of them that must be nowhere.
const TELLING: [(&str, &str); 3] = [
    ("--type-filter=Patient?identifier=MRN-4711", "MRN-4711"),
    ("--param=_has=Patient:name:Doe-4711", "Doe-4711"),
    ("--param=patient=Patient/hidden-4711", "hidden-4711"),
];

#[test]
fn a_filter_that_names_a_patient_is_recorded_nowhere() {
    for post in [false, true] {
        let (site, server) = (Site::new(), Server::start(small()));
        // A server that repeats what it was asked.
        let echo = |code, (option, word): (&str, &str)| {
            let body = format!("cannot do {} now, nor {word}", option.split_once('=').unwrap().1);
            Fault::Answer(code, vec![("x-echo", word.to_owned())], body.into())
        };
        for path in ["$export", "jobs/", "/files/"] {
            TELLING.into_iter().for_each(|telling| server.fault("*", path, 1, echo(503, telling)));
        }
        let mut command = site.command();
        command.env("CUMULUS_ETL_TEST_TIME_SCALE", SCALE);
        command.args([&server.base(), "out", "phi", "--output-format=ndjson,deltalake"]);
        command.args(["--export-to=dir", "-v"]).args(TELLING.map(|(option, _)| option));
        if post {
            command.arg("--post");
        }
        let ended = end(&mut command);
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        let words = TELLING.map(|(_, word)| word);
        assert!(words.iter().all(|word| !ended.err.contains(word)), "{}", ended.err);
        for folder in ["dir", "out", "phi", "tmp", "home"] {
            search(&site.path(folder), &words);
        }
        let kickoff = &events(&site, "kickoff")[0];
        let url = kickoff["exportUrl"].as_str().unwrap();
        assert!(url.ends_with("$export") == post, "{url}");
        let names: Vec<_> = kickoff["requestParameters"].as_object().unwrap().keys().collect();
        assert_eq!(names, ["_type"]);
    }
}

#[test]
fn a_kickoff_that_fails_shows_no_patient() {
    let (site, server) = (Site::new(), Server::start(small()));
    server.fault("GET", "$export", 1, Fault::outcome(400, "identifier=MRN-4711 is odd"));
    let ended = ends(&site, &server, &TELLING.map(|(option, _)| option), 16);
    let words = TELLING.map(|(_, word)| word);
    assert!(words.iter().all(|word| !ended.err.contains(word)), "{}", ended.err);
    assert!(ended.err.contains("_typeFilter=***"), "{}", ended.err);
    search(&site.path("dir"), &words);
}

#[test]
fn the_url_in_the_log_of_another_exporter_is_not_copied() {
    let time = "2024-01-02T03:00:00Z";
    for (url, recorded) in [
        (
            "https://user:pw-4711@ehr/fhir/Group/g-7/$export?_type=Patient&token=tok-4711&patient=p-4711",
            json!("https://ehr/fhir/Group/g-7/$export?_type=Patient"),
        ),
        (
            "https://ehr:8443/fhir/%24export?_typeFilter=Patient%3Fname%3DDoe-4711&_since=2024-01-01#x-4711",
            json!("https://ehr:8443/fhir/$export?_since=2024-01-01"),
        ),
        ("https://ehr/fhir/Patient/p-4711/$export", json!("https://ehr/fhir/Patient/***/$export")),
        ("an export of Doe-4711", json!(null)),
    ] {
        let site = Site::new();
        site.rows("Patient.000.ndjson", &patients(0..1));
        let event = |id: &str, detail: Value| json!({"exportId": "x", "timestamp": time, "eventId": id, "eventDetail": detail});
        let log = [
            event("kickoff", json!({"exportUrl": url, "requestParameters": {"patient": "p-4711"}})),
            event("status_complete", json!({"transactionTime": time})),
        ];
        site.rows("log.ndjson", &log);
        let mut command = site.command();
        command.args(["in", "out", "phi", "--output-format=ndjson", "-v", "--export-group=g"]);
        let ended = end(&mut command);
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        assert!(!ended.err.contains("4711"), "{}", ended.err);
        search(&site.path("out"), &["4711"]);
        search(&site.path("phi"), &["4711"]);
        assert_eq!(site.table("out", "ndjson", "etl__completion")[0]["export_url"], recorded);
        let config = json_file(&site.last_record().join("job_config.json"));
        assert_eq!(config["export_url"], recorded);
    }
}

#[test]
fn what_a_server_says_can_not_move_the_cursor_nor_forge_a_line() {
    let evil = "\u{1b}[2J\u{1b}[1;1H all good\nThe export is in 'x'\u{9b}31m\u{202e}";
    let body = json!({"resourceType": "OperationOutcome",
        "issue": [{"severity": "fatal", "code": "processing", "diagnostics": evil}]});
    let said = |code| {
        let kind = vec![("content-type", "application/fhir+json".to_owned())];
        Fault::Answer(code, kind, body.to_string().into())
    };
    let plain = |code| Fault::Answer(code, Vec::new(), evil.to_owned().into());
    let check = |err: &str| {
        assert!(
            !err.contains('\u{1b}') && !err.contains('\u{9b}') && !err.contains('\u{202e}'),
            "{err:?}"
        );
        assert!(!err.lines().any(|line| line.starts_with("The export is in 'x'")), "{err}");
        assert!(err.contains("\\u{1b}[2J"), "{err}");
    };
    for fault in [said(400), plain(400)] {
        for path in ["$export", "jobs/", "/files/1"] {
            let (site, server) = (Site::new(), Server::start(small()));
            server.fault("GET", path, 99, fault.clone());
            check(&ends(&site, &server, &[], 16).err);
        }
    }
    // In a file of errors.
    let mut content = small();
    content.push(super::server::List::Error, "OperationOutcome", format!("{body}\n"), Some(1));
    let (site, server) = (Site::new(), Server::start(content));
    check(&ends(&site, &server, &[], 16).err);
    // As JSON, a line is a line.
    let ended = end(export(&site, &server, &["--log-format=json"]).env("CUMULUS_ETL_X", ""));
    assert!(
        ended.err.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()),
        "{}",
        ended.err
    );
}

/// A server whose first answer to polls has this in `X-Progress`, byte for byte.
fn in_progress(progress: &str) -> Raw {
    let (progress, polls) = (progress.to_owned(), AtomicUsize::new(0));
    Raw::start(move |asked| match asked.target.as_str() {
        target if target.contains("$export") => {
            RawAnswer::new(202, "").header("Content-Location", "/jobs/1")
        }
        "/jobs/1" if asked.method == "GET" && polls.fetch_add(1, SeqCst) < 9 => {
            RawAnswer::new(202, "").header("X-Progress", &progress).header("Retry-After", "1")
        }
        "/jobs/1" if asked.method == "GET" => RawAnswer::json(
            200,
            &json!({"transactionTime": "2024-08-06T18:12:57Z", "request": "http://x/$export",
                "requiresAccessToken": false, "output": [], "error": []}),
        ),
        _ => RawAnswer::new(404, ""),
    })
}

/// Each way in which a server's progress may reach a terminal's cursor or a log's lines, and what is
/// shown of it. Where a header is not valid, the answer cannot be used.
const PROGRESS: [(&str, Option<&str>); 9] = [
    ("half\tdone", Some("half\\tdone")),
    ("80 % \u{9b}31m", None),
    ("80 % \u{202e}enod", None),
    ("80 % \u{2028}The export is in 'x'", None),
    ("80 %\u{85}The export is in 'x'", None),
    ("80 % \u{1b}[2J", None),
    ("80 % \u{7}\u{8}\u{8}", None),
    ("80 %\rThe export is in 'x'", None),
    ("80 %\r\n The export is in 'x'", None),
];

fn check_progress(progress: &str, text: &str) {
    let odd = |c: char| c.is_control() && c != '\n' || "\u{202e}\u{2028}".contains(c);
    assert!(!text.contains(odd), "{progress:?}: {text:?}");
    let forged = text.lines().any(|line| line.trim_start().starts_with("The export is in 'x'"));
    assert!(!forged, "{progress:?}: {text}");
}

#[test]
fn a_servers_progress_can_not_move_the_cursor_nor_forge_a_line() {
    for (progress, shown) in PROGRESS {
        let (site, server) = (Site::new(), in_progress(progress));
        let ended = end(&mut export_of(&site, server.url.as_str(), &["--type=Patient"]));
        // A value that is no header may cost the export, not the terminal.
        let code = if progress.contains(|c| c < ' ' && c != '\t') { 16 } else { 0 };
        assert_eq!(ended.code, Some(code), "{progress:?}: {}", ended.err);
        check_progress(progress, &ended.err);
        check_progress(progress, &ended.out);
        let log = fs::read_to_string(site.path("dir/log.ndjson")).unwrap();
        check_progress(progress, &log);
        for event in events(&site, "status_progress") {
            let said = event["xProgress"].as_str().unwrap_or_default();
            check_progress(progress, said);
            assert_eq!(said, shown.unwrap_or_default(), "{progress:?}");
        }
        if let Some(shown) = shown {
            assert!(ended.err.contains(shown), "{progress:?}: {}", ended.err);
        }
    }
}

#[test]
fn a_servers_progress_can_not_move_the_cursor_of_a_terminal() {
    let python = need!(needs::python());
    for (progress, shown) in &PROGRESS[..4] {
        let (site, server) = (Site::new(), in_progress(progress));
        let mut command = site.command_of(&python);
        command.env("CUMULUS_ETL_TEST_TIME_SCALE", "0.1").env("TERM", "xterm");
        command.args(["-c", "import pty, sys; pty.spawn(sys.argv[1:])", PROGRAM, "export"]);
        command.args([server.url.as_str(), "dir", "--type=Patient"]);
        let ended = end(&mut command);
        // The bar's own code moves the cursor, but not so.
        let odd = ['\t', '\u{9b}', '\u{202e}', '\u{2028}'];
        assert!(!ended.out.contains(odd), "{progress:?}: {:?}", ended.out);
        assert!(ended.out.contains(shown.unwrap_or("in progress")), "{:?}", ended.out);
    }
}
