//! Exports from a FHIR server, against one on loopback that can misbehave.

mod downloads;
mod kickoff;
mod killed;
mod main_job;
mod note_rows;
mod notes;
mod origins;
mod polling;
mod secrets;
pub mod server;
mod temporary;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::{Ended, Site, end, json_lines, resource};
use server::{Content, Server};

/// Waits are a thousandth of what they are in earnest.
const SCALE: &str = "0.001";

/// `export` to `dir`, quickly, uncompressed.
fn export(site: &Site, server: &Server, options: &[&str]) -> Command {
    export_of(site, &server.base(), options)
}

fn export_of(site: &Site, url: &str, options: &[&str]) -> Command {
    let mut command = site.command();
    command.env("CUMULUS_ETL_TEST_TIME_SCALE", SCALE);
    command.args(["export", url, "dir", "--no-compression"]).args(options);
    command
}

/// Exports; panics unless it ends with this exit code.
fn ends(site: &Site, server: &Server, options: &[&str], code: i32) -> Ended {
    let ended = end(&mut export(site, server, options));
    assert_eq!(ended.code, Some(code), "{}", ended.err);
    ended
}

fn patients(range: std::ops::Range<usize>) -> Vec<Value> {
    range.map(|n| resource("Patient", &format!("p{n}"), json!({"gender": "other"}))).collect()
}

fn conditions(range: std::ops::Range<usize>) -> Vec<Value> {
    range.map(|n| resource("Condition", &format!("c{n}"), json!({}))).collect()
}

/// Two files of patients, one of conditions.
fn small() -> Content {
    Content::default()
        .file("Patient", &patients(0..3))
        .file("Condition", &conditions(0..2))
        .file("Patient", &patients(3..5))
}

/// Every file of the folder but the log, by name.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut all = BTreeMap::new();
    let mut todo = vec![folder.to_owned()];
    while let Some(path) = todo.pop() {
        for entry in fs::read_dir(&path).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
            if path.is_dir() {
                todo.push(path);
            } else if name != "log.ndjson" {
                all.insert(name, fs::read(path).unwrap());
            }
        }
    }
    all
}

/// The events of one kind in the log of `dir`: their details.
fn events(site: &Site, id: &str) -> Vec<Value> {
    let log = json_lines(&site.path("dir/log.ndjson"));
    let ours = log.into_iter().filter(|event| event["eventId"] == id);
    ours.map(|mut event| event["eventDetail"].take()).collect()
}
