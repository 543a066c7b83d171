//! Answers of FHIR servers. The first byte says which: pages of a manifest (`m`), separated by NULs; a
//! file of errors (`e`); a capability statement (`c`); the headers `Retry-After` and, after a NUL,
//! `Date` (`r`); the body of an error, as OperationOutcome, OAuth's JSON or XML (`t`); a time (`d`).

use std::fs;
use std::path::{Component, Path};

use cumulus_etl::bulk::probe::{list_files, read_outcomes};
use cumulus_etl::bulk::to_instant;
use cumulus_etl::http::header::{DATE, HeaderMap, HeaderValue, RETRY_AFTER};
use cumulus_etl::http::{
    Capabilities, LONGEST_WAIT, Redactor, SHORTEST_WAIT, outcome_text, retry_after,
};
use cumulus_etl::input::parse_time;
use cumulus_etl::text::{escape_controls, escape_message};
use url::Url;

/// Takes the input as one of these answers, and panics where a promise is broken. Whether anything
/// of it was understood.
pub fn check(data: &[u8]) -> bool {
    let Some((kind, rest)) = data.split_first() else { return false };
    match kind {
        b'm' => check_manifest(rest),
        b'e' => check_errors(rest),
        b'c' => check_capabilities(rest),
        b'r' => check_wait(rest),
        b't' => check_text(rest),
        b'd' => check_time(rest),
        _ => false,
    }
}

fn check_manifest(bytes: &[u8]) -> bool {
    let url = Url::parse("https://ehr.example/fhir/jobs/1").expect("a URL");
    let pages: Vec<_> = bytes.split(|byte| *byte == 0).collect();
    let Some(files) = list_files(&pages, &url) else { return false };
    let mut names: Vec<_> = files.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), files.len(), "each file has a name of its own");
    for (name, url) in &files {
        // No name leads out of the export's folder, or to a folder that is not its own.
        let parts: Vec<_> = Path::new(name).components().collect();
        assert!(parts.iter().all(|part| matches!(part, Component::Normal(_))), "{name}");
        let folder = name.split_once('/').map(|(folder, _)| folder);
        assert!(matches!(folder, None | Some("deleted" | "error")) && parts.len() <= 2, "{name}");
        assert!(name.is_ascii() && name.ends_with(".ndjson"), "{name}");
        assert!(matches!(url.scheme(), "http" | "https"), "{url}");
    }
    true
}

fn check_errors(bytes: &[u8]) -> bool {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::create_dir(folder.path().join("error")).expect("a folder");
    fs::write(folder.path().join("error/OperationOutcome.000.ndjson"), bytes).expect("a file");
    let Ok((failures, warnings, lines)) = read_outcomes(folder.path()) else { return false };
    let rows = bytes.split(|byte| *byte == b'\n').count() as u64;
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        assert!(failures + warnings <= rows, "{failures} and {warnings} of {rows}");
    }
    assert!(lines.len() <= 11, "{} lines", lines.len());
    assert!(lines.is_empty() == (failures + warnings == 0), "{lines:?}");
    // Each is shown on a line of its own.
    assert!(lines.iter().all(|line| line.chars().count() < 400), "{lines:?}");
    let _ = outcome_text(bytes);
    failures + warnings > 0
}

fn check_capabilities(bytes: &[u8]) -> bool {
    let Ok(statement) = serde_json::from_slice(bytes) else { return false };
    let Some(capabilities) = Capabilities::read(&statement) else { return false };
    let _ = capabilities.is_epic();
    for of in ["Patient", "patient", "", "Patient\n"] {
        let listed = capabilities.resource_types.iter().any(|known| known == of);
        assert_eq!(
            capabilities.has(of),
            capabilities.resource_types.is_empty() || listed,
            "{of:?}"
        );
    }
    assert!(capabilities.token_url.is_none_or(|url| !url.is_empty()));
    true
}

fn check_wait(bytes: &[u8]) -> bool {
    let mut headers = HeaderMap::new();
    for (name, value) in [RETRY_AFTER, DATE].into_iter().zip(bytes.split(|byte| *byte == 0)) {
        let Ok(value) = HeaderValue::from_bytes(value) else { return false };
        headers.insert(name, value);
    }
    let wait = retry_after(&headers);
    // A server can neither be asked without a pause nor keep us waiting.
    assert!(wait.is_none_or(|wait| (SHORTEST_WAIT..=LONGEST_WAIT).contains(&wait)), "{wait:?}");
    wait.is_some()
}

/// A server's text is shown on one line, no longer than is sensible, and without its secrets.
fn check_text(bytes: &[u8]) -> bool {
    const TOKEN: &str = "eyJhbGciOiJub25lIn0.eyJpc3MiOiJ4In0.c2ln";
    let redactor = Redactor::default();
    redactor.hide("s3cr3t");
    let shown = |text: &str| {
        let clean = redactor.clean(text);
        // Where it stands alone: what it was told may be as short as the ID of a patient.
        let mut words = clean.split(|c: char| !c.is_alphanumeric() && c != '_');
        assert!(!words.any(|word| word == "s3cr3t"), "{clean}");
        let line = escape_controls(&clean);
        assert!(!line.contains(char::is_control), "{line:?}");
        let message = escape_message(&clean);
        assert!(
            message.chars().all(|c| !c.is_control() || matches!(c, '\n' | '\t')),
            "{message:?}"
        );
        let set_in = |line: &str| line.is_empty() || line.starts_with("  ");
        assert!(message.split('\n').skip(1).all(set_in), "{message:?}");
    };
    let whole = String::from_utf8_lossy(bytes);
    shown(&whole);
    assert!(!redactor.clean(&format!("{whole} {TOKEN} ")).contains(TOKEN), "{whole:?}");
    let Some(text) = outcome_text(bytes) else { return false };
    assert!(!text.is_empty() && text.chars().count() <= 1001, "{text:?}");
    assert!(!text.contains(char::is_control), "{text:?}");
    shown(&text);
    true
}

/// A time that is understood is the same when it is written and read again.
fn check_time(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    for end_of_day in [false, true] {
        if let Some(time) = to_instant(text, end_of_day) {
            let again = to_instant(&time, end_of_day);
            assert_eq!(again.as_ref(), Some(&time), "of {text:?}");
        }
    }
    let Some(time) = parse_time(text) else { return false };
    assert_eq!(parse_time(&time.to_rfc3339()), Some(time), "{text:?}");
    true
}

/// Valid inputs of each kind.
#[allow(dead_code, reason = "fuzz targets read them from files")]
pub fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    let types = ["Patient", "Encounter", "Observation", "DocumentReference"];
    for n in 0..36 {
        let file = |of: &str, m: usize| {
            let url = match m % 4 {
                0 => format!("https://files.example/{n}/{m}?sig=x"),
                1 => format!("/out/{n}/{m}.ndjson"),
                2 => format!("{m}"),
                _ => format!("https://ehr.example/fhir/out/{n}.{m}"),
            };
            let count =
                if m.is_multiple_of(2) { format!(r#","count":{m}"#) } else { String::new() };
            format!(r#"{{"type":"{of}","url":"{url}"{count}}}"#)
        };
        let page = |number: usize, next: bool| {
            let output: Vec<_> = (0..n % 7).map(|m| file(types[m % 4], number * 10 + m)).collect();
            let link = if next { r#","link":[{"relation":"next","url":"?page=2"}]"# } else { "" };
            format!(
                r#"{{"transactionTime":"2024-08-06T18:12:57Z","request":"https://ehr.example/fhir/$export","requiresAccessToken":{},"output":[{}],"deleted":[{}],"error":[{}]{link}}}"#,
                n % 2 == 0,
                output.join(","),
                if n % 3 == 0 { file("Bundle", number * 10 + 8) } else { String::new() },
                if n % 5 == 0 { file("OperationOutcome", number * 10 + 9) } else { String::new() },
            )
        };
        let pages: Vec<_> = (0..1 + n % 3).map(|number| page(number, number < n % 3)).collect();
        seeds.push(format!("m{}", pages.join("\0")).into_bytes());
    }
    for n in 0..36 {
        let severity = ["error", "fatal", "warning"][n % 3];
        let issue = format!(
            r#"{{"severity":"{severity}","code":"processing","diagnostics":"it went wrong {n}"}}"#
        );
        let issues = vec![issue; 1 + n % 2].join(",");
        let line = format!(r#"{{"resourceType":"OperationOutcome","issue":[{issues}]}}"#);
        seeds.push(format!("e{}", format!("{line}\n").repeat(1 + n % 4)).into_bytes());
    }
    for n in 0..36 {
        let resources: Vec<_> =
            types.iter().take(1 + n % 4).map(|of| format!(r#"{{"type":"{of}"}}"#)).collect();
        let software = ["Epic", "HAPI FHIR", "Oracle Health"][n % 3];
        seeds.push(
            format!(
                r#"c{{"resourceType":"CapabilityStatement","software":{{"name":"{software}","version":"{n}"}},"rest":[{{"mode":"server","resource":[{}]}}]}}"#,
                resources.join(",")
            )
            .into_bytes(),
        );
    }
    for n in 0..36 {
        let headers = match n % 6 {
            0 => format!("r{n}"),
            1 => format!("r{n}.5"),
            2 => format!("rTue, {:02} Nov 2026 08:49:37 GMT", 1 + n % 28),
            // The forms of RFC 850 and of asctime, and the server's own clock.
            3 => format!("rSunday, 06-Nov-94 08:49:{n:02} GMT\0Sun, 06 Nov 1994 08:49:07 GMT"),
            4 => format!("rSun Nov  6 08:51:{n:02} 1994\0Sunday, 06-Nov-94 08:49:37 GMT"),
            _ => format!("r{n}\0not a date"),
        };
        seeds.push(headers.into_bytes());
    }
    seeds.extend((0..36).map(text));
    let times = [
        "2024-08-06",
        "2024-08-06T18:12:57Z",
        "2024-08-06T18:12:57.123456-05:00",
        "2024-08-06T18:12Z",
        "2024-08-06 18:12:57+0000",
        "2016-12-31T23:59:60Z",
    ];
    let time = |n: usize| format!("d{}", times[n % 6].replace("06", &format!("{:02}", 1 + n / 6)));
    seeds.extend((0..36).map(|n| time(n).into_bytes()));
    seeds.sort();
    seeds.dedup();
    seeds
}

/// The body of an error.
fn text(n: usize) -> Vec<u8> {
    let text = match n % 6 {
        0 => format!(
            r#"{{"resourceType":"OperationOutcome","issue":[{{"severity":"fatal","code":"exception","details":{{"text":"Try again"}},"diagnostics":"E-{n}"}},{{"details":{{"coding":[{{"code":"{n}","display":"Queue full"}}]}}}}]}}"#
        ),
        1 => format!(
            r#"{{"error":"invalid_client","error_description":"client {n} is unknown","error_uri":"https://ehr/e/{n}"}}"#
        ),
        2 => format!(
            "<?xml version=\"1.0\"?>\n<Error><Code>AccessDenied</Code><Message>Not &lt;you&gt; \n {n}</Message>\
             <HostId>x</HostId></Error>"
        ),
        3 => format!("\u{feff}<Error><Code>SlowDown{n}</Code></Error>"),
        4 => format!(
            r#"{{"error":"access_denied","error_description":"Bearer abcdefghijklmnopqrstuvwxyz{n} and s3cr3t, https://u:p@h/?token=a&sig=b"}}"#
        ),
        _ => format!(
            r#"{{"resourceType":"OperationOutcome","issue":[{{"code":"too-costly"}},{{"diagnostics":"\u001b[2J line\u2028{n}"}}]}}"#
        ),
    };
    format!("t{text}").into_bytes()
}
