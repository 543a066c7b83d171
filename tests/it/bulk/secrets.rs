//! What must not be written anywhere.

use super::server::{Fault, Server};
use super::*;

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
