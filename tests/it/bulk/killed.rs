//! Exports that are killed, at any moment.

use std::process::Stdio;
use std::time::{Duration, Instant};

use super::server::Server;
use super::*;
use crate::support::Moments;

/// Several files, slowly, with notes.
fn content() -> Content {
    let reference = |n: usize| {
        resource(
            "DocumentReference",
            &format!("d{n}"),
            json!({"content": [{"attachment":
            {"contentType": "text/plain", "url": format!("Binary/{n}")}}]}),
        )
    };
    let mut content = small();
    for n in 0..6 {
        content = content.file("Patient", &patients(n * 2000..n * 2000 + 2000));
    }
    content = content.file("DocumentReference", &(0..12).map(reference).collect::<Vec<_>>());
    for n in 0..12 {
        let note = ("text/plain".to_owned(), format!("note {n}").into());
        content.notes.insert(format!("/fhir/Binary/{n}"), note);
    }
    content.polls = 4;
    content.delay = Duration::from_millis(8);
    content
}

#[test]
fn an_export_that_is_killed_at_any_moment_is_taken_up() {
    let server = Server::start(content());
    let options = ["--inline", "--max-connections=2"];
    for compressed in [false, true] {
        let command = |site: &Site| {
            let mut command = site.command();
            command.env("CUMULUS_ETL_TEST_TIME_SCALE", SCALE).stdout(Stdio::null());
            command.args(["export", &server.base(), "dir"]).args(options);
            if !compressed {
                command.arg("--no-compression");
            }
            command
        };
        let calm = Site::new();
        let clock = Instant::now();
        let ended = end(&mut command(&calm));
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        assert!(ended.err.contains("12 downloaded"), "{}", ended.err);
        let took = clock.elapsed();
        let expected = files(&calm.path("dir"));
        assert_eq!(expected.len(), 10);
        let mut killed = 0;
        let mut moments = Moments::new(took, 20);
        loop {
            let site = Site::new();
            let start = || command(&site).stderr(Stdio::null()).spawn().unwrap();
            let Some(mut child) = moments.start_next(start) else { break };
            child.kill().unwrap();
            if child.wait().unwrap().code() == Some(0) {
                moments.note_early_end();
                continue;
            }
            killed += 1;
            let moment = killed;
            let state = std::fs::read(site.path("dir/.cumulus-etl-export.json"));
            // Until the server has answered, there is nothing to take up.
            let known = state.is_ok_and(|state| {
                let state: Value = serde_json::from_slice(&state).unwrap();
                state["phase"] != "asking"
            });
            let log = std::fs::read_to_string(site.path("dir/log.ndjson")).unwrap_or_default();
            if !known && log.contains("export_complete") {
                // Killed with all done: there is nothing to take up.
                let mut found = files(&site.path("dir"));
                found.remove(".cumulus-etl-export.done");
                assert!(found == expected, "{moment}: not complete");
                continue;
            }
            let begun = server.kickoffs();
            let ended = end(&mut command(&site));
            assert_eq!(ended.code, Some(0), "{moment}: {}", ended.err);
            assert_eq!(server.kickoffs() - begun, usize::from(!known), "{moment}");
            let found = files(&site.path("dir"));
            assert_eq!(
                found.keys().collect::<Vec<_>>(),
                expected.keys().collect::<Vec<_>>(),
                "{moment}"
            );
            assert!(found == expected, "{moment}: another content");
        }
        assert!(killed >= 10, "{killed} runs were killed");
    }
}
