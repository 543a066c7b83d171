//! Exports that no one wants to keep, cut short: patients' data goes, and the server is told.

use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::server::{Fault, Recorded, Server};
use super::*;
use crate::support::children;

fn job(site: &Site, server: &Server, options: &[&str]) -> Command {
    let mut command = site.command();
    command.env("CUMULUS_ETL_TEST_TIME_SCALE", SCALE).stdout(Stdio::null());
    command.args([&server.base(), "out", "phi", "--output-format=ndjson"]).args(options);
    command
}

/// The files of temporary exports below PHI and the system's temporary folder.
fn left(site: &Site) -> Vec<String> {
    let names = ["phi", "tmp"].map(|root| site.listing(root).into_keys());
    names.into_iter().flatten().filter(|name| name.contains("work")).collect()
}

fn until(child: &mut Child, what: &str, mut condition: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(child.try_wait().unwrap().is_none(), "it ended before: {what}");
        assert!(begun.elapsed() < Duration::from_secs(60), "it never came to: {what}");
        sleep(Duration::from_millis(1));
    }
}

/// Starts the job, and waits until it has a file and waits for another one.
fn amid_downloads(site: &Site, server: &Server, options: &[&str]) -> Child {
    server.fault("GET", "/files/2", 1, Fault::Stall(Duration::from_secs(60)));
    let mut child = job(site, server, options).stderr(Stdio::piped()).spawn().unwrap();
    until(&mut child, "downloads", || {
        let names: Vec<_> = site.listing(".").into_keys().collect();
        let has = |name: &str| names.iter().any(|found| found.contains(name));
        has("Patient.000.ndjson") && server.is_over("/files/2")
    });
    child
}

#[test]
fn a_signal_removes_the_files_and_ends_the_export_on_the_server() {
    for (signal, code) in [(Signal::TERM, 143), (Signal::INT, 130), (Signal::HUP, 143)] {
        // While the server works, and while files come.
        for polls in [usize::MAX, 0] {
            let (site, server) = (Site::new(), Server::start(small()));
            server.change(|content| content.polls = polls);
            let mut child = match polls {
                0 => amid_downloads(&site, &server, &[]),
                _ => job(&site, &server, &[]).stderr(Stdio::piped()).spawn().unwrap(),
            };
            until(&mut child, "polling", || {
                server.seen("GET", "jobs/").len() > usize::from(polls > 0)
            });
            assert!(!left(&site).is_empty());
            kill_process(Pid::from_child(&child), signal).unwrap();
            let ended: Ended = child.wait_with_output().unwrap().into();
            assert_eq!(ended.code, Some(code), "{}", ended.err);
            assert_eq!(left(&site), [""; 0]);
            assert!(!site.path("out").exists());
            assert_eq!(server.seen("DELETE", "jobs/0").len(), 1, "{}", ended.err);
        }
    }
}

#[test]
fn a_signal_leaves_what_can_be_taken_up() {
    for signal in [Signal::TERM, Signal::HUP] {
        let (site, server) = (Site::new(), Server::start(small()));
        let options = ["--export-to=dir"];
        let child = amid_downloads(&site, &server, &options);
        kill_process(Pid::from_child(&child), signal).unwrap();
        let ended: Ended = child.wait_with_output().unwrap().into();
        assert_eq!(ended.code, Some(143), "{}", ended.err);
        assert!(server.seen("DELETE", "jobs/").is_empty());
        let ended = end(&mut job(&site, &server, &options));
        assert_eq!((ended.code, server.kickoffs()), (Some(0), 1), "{}", ended.err);
        assert_eq!(site.table("out", "ndjson", "patient").len(), 5);
    }
}

#[test]
fn a_signal_amid_the_kick_off_does_not_lose_the_export() {
    for (options, ended) in [(&[][..], 1), (&["--export-to=dir"], 0)] {
        let (site, server) = (Site::new(), Server::start(small()));
        server.fault("GET", "$export", 1, Fault::Stall(Duration::from_secs(1)));
        let mut child = job(&site, &server, options).stderr(Stdio::piped()).spawn().unwrap();
        until(&mut child, "the kick-off", || server.is_over("$export"));
        kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
        let stopped: Ended = child.wait_with_output().unwrap().into();
        assert_eq!(stopped.code, Some(143), "{}", stopped.err);
        assert_eq!(server.kickoffs(), 1);
        assert_eq!(server.seen("DELETE", "jobs/0").len(), ended, "{}", stopped.err);
        assert_eq!(left(&site), [""; 0]);
        let again = end(&mut job(&site, &server, options));
        assert_eq!(again.code, Some(0), "{}", again.err);
        assert_eq!(server.kickoffs(), 1 + ended);
    }
}

#[test]
fn a_run_that_ignores_hangups_goes_on() {
    let (site, server) = (Site::new(), Server::start(small()));
    server.change(|content| content.polls = usize::MAX);
    // As nohup does.
    let mut command = site.command_of(std::path::Path::new("/bin/sh"));
    command.env("CUMULUS_ETL_TEST_TIME_SCALE", SCALE).args([
        "-c",
        "trap '' HUP; exec \"$@\"",
        "sh",
    ]);
    command.args([crate::support::PROGRAM, "export", &server.base(), "dir"]);
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    until(&mut child, "polling", || !server.seen("GET", "jobs/").is_empty());
    kill_process(Pid::from_child(&child), Signal::HUP).unwrap();
    server.change(|content| content.polls = 0);
    let ended: Ended = child.wait_with_output().unwrap().into();
    assert_eq!(ended.code, Some(0), "{}", ended.err);
}

/// Not a test by itself: `tests_that_send_hangups_end_under_nohup` runs it.
#[test]
#[ignore = "run by another test"]
fn a_child_does_not_ignore_hangups() {
    let site = Site::new();
    let mut child = site.command_of(Path::new("/bin/grep"));
    let ended = end(child.args(["SigIgn", "/proc/self/status"]));
    let mask = ended.out.trim().rsplit('\t').next().unwrap().to_owned();
    assert_eq!(u64::from_str_radix(&mask, 16).unwrap() & 1, 0, "{}", ended.out);
}

#[test]
fn tests_that_send_hangups_end_under_nohup() {
    let own = std::env::current_exe().unwrap();
    let name = "bulk::temporary::a_child_does_not_ignore_hangups";
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "trap '' HUP; exec \"$@\"", "sh"]).arg(own);
    let ended = end(command.args(["--exact", "--ignored", name]));
    assert!(ended.out.contains("1 passed"), "{}{}", ended.out, ended.err);
}

#[test]
fn what_a_killed_run_has_downloaded_is_removed_by_the_next() {
    let (site, server) = (Site::new(), Server::start(small()));
    let mut child = amid_downloads(&site, &server, &[]);
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(left(&site).iter().any(|name| name.contains("Patient.000.ndjson")));
    assert!(server.seen("DELETE", "jobs/").is_empty());
    let ended = end(&mut job(&site, &server, &[]));
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert_eq!(left(&site), [""; 0]);
    assert_eq!(site.table("out", "ndjson", "patient").len(), 5);
    // It would be in the way of this one on servers that run one at a time.
    let requests = server.requests();
    let place = |method: &str, path: &str| {
        let wanted = |r: &Recorded| r.method == method && r.path.contains(path);
        requests.iter().rposition(wanted)
    };
    assert!(place("DELETE", "jobs/0") < place("GET", "$export"));
    assert!(place("DELETE", "jobs/0").is_some() && place("DELETE", "jobs/1").is_some());
}

#[test]
fn what_is_exported_is_below_phi_wherever_temporary_files_go() {
    for work in ["--work-dir=spill", "--work-dir=tmp/spill"] {
        let (site, server) = (Site::new(), Server::start(small()));
        let mut child = amid_downloads(&site, &server, &[work]);
        child.kill().unwrap();
        child.wait().unwrap();
        let listing = site.listing(".");
        let raw: Vec<_> = listing.keys().filter(|name| name.contains("Patient")).collect();
        assert!(!raw.is_empty() && raw.iter().all(|name| name.starts_with("phi/")), "{raw:?}");
        let ended = end(&mut job(&site, &server, &[work]));
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        assert_eq!(left(&site), [""; 0]);
        assert_eq!(site.table("out", "ndjson", "patient").len(), 5);
    }
}

#[test]
fn without_a_place_for_what_is_exported_nothing_begins() {
    let (site, server) = (Site::new(), Server::start(small()));
    for (phi, options) in
        [("s3://phi/", &[][..]), ("gs://phi/x", &["--work-dir=work"]), ("az://phi/x", &["--check"])]
    {
        let mut command = site.command();
        command.env("AZURE_STORAGE_ACCOUNT_NAME", "none");
        command.args([&server.base(), "out", phi]).args(options);
        let ended = end(&mut command);
        assert_eq!(ended.code, Some(22), "{phi}: {}", ended.err);
        assert!(ended.err.contains("--export-to"), "{phi}: {}", ended.err);
        assert_eq!(server.requests().len(), 0, "{phi}");
        assert!(!site.path("out").exists() && !site.path("work").exists(), "{phi}");
    }
}

#[test]
fn an_export_that_fails_is_ended_on_the_server() {
    let gone = |server: &Server| server.fault("GET", "/files/1", 99, Fault::status(404));
    let down = |server: &Server| server.fault("GET", "jobs/", 99, Fault::status(503));
    let failures: [&dyn Fn(&Server); 2] = [&gone, &down];
    for failure in failures {
        let (site, server) = (Site::new(), Server::start(small()));
        failure(&server);
        let ended = end(&mut job(&site, &server, &[]));
        assert_eq!(ended.code, Some(16), "{}", ended.err);
        assert_eq!(server.seen("DELETE", "jobs/0").len(), 1);
        assert_eq!(left(&site), [""; 0]);
        assert!(ended.err.contains("with --export-to DIR, the next run"), "{}", ended.err);
        let ended = end(&mut job(&site, &server, &["--export-to=dir"]));
        assert_eq!(ended.code, Some(16), "{}", ended.err);
        assert!(server.seen("DELETE", "jobs/1").is_empty());
        assert!(ended.err.contains("the same command takes the export up again"), "{}", ended.err);
        assert!(children(&site.path("dir")).iter().any(|name| name.ends_with("export.json")));
    }
}

#[test]
fn a_server_that_does_not_hear_of_the_end_holds_nobody_up() {
    let (site, server) = (Site::new(), Server::start(small()));
    server.fault("DELETE", "jobs/", 1, Fault::Stall(Duration::from_secs(600)));
    let child = amid_downloads(&site, &server, &[]);
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    let ended: Ended = child.wait_with_output().unwrap().into();
    assert_eq!(ended.code, Some(143), "{}", ended.err);
    assert!(ended.err.contains("--resume URL --cancel"), "{}", ended.err);
    assert_eq!(left(&site), [""; 0]);
}
