//! What FHIR servers answer: pages of a manifest, files of errors, capability statements, and the
//! header `Retry-After`. The first byte says which (`m`, `e`, `c`, `r`); pages of a manifest are
//! separated by NULs.

use std::fs;
use std::path::{Component, Path};

use cumulus_etl::bulk::probe::{list_files, read_outcomes};
use cumulus_etl::http::header::{HeaderMap, HeaderValue, RETRY_AFTER};
use cumulus_etl::http::{Capabilities, LONGEST_WAIT, outcome_text, retry_after};
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
        // No name leads out of the export's folder, or to a folder that is none of its own.
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
    // Whether it has a type depends on the type alone.
    for of in ["Patient", "patient", "", "Patient\n"] {
        assert_eq!(capabilities.has(of), capabilities.has(of));
    }
    true
}

fn check_wait(bytes: &[u8]) -> bool {
    let Ok(value) = HeaderValue::from_bytes(bytes) else { return false };
    let headers = HeaderMap::from_iter([(RETRY_AFTER, value)]);
    let wait = retry_after(&headers);
    assert!(wait.is_none_or(|wait| wait <= LONGEST_WAIT), "{wait:?}");
    wait.is_some()
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
        seeds.push(match n % 3 {
            0 => format!("r{n}").into_bytes(),
            1 => format!("r{n}.5").into_bytes(),
            _ => format!("rTue, {:02} Nov 2026 08:49:37 GMT", 1 + n % 28).into_bytes(),
        });
    }
    seeds
}
