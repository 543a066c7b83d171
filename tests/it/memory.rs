//! Runs with little memory, in cgroups of their own.

use std::fs;
use std::io::Write;
use std::path::Path;

use serde_json::{Value, json};

use crate::needs::{self, Need, Needed, need};
use crate::support::{PROGRAM, Site, end, resource};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
/// The exit code of `scripts/with-memory-limit` where no cgroup can be made.
const IMPOSSIBLE: i32 = 77;

/// The main job with so many MiB, where memory can be limited; panics unless it ends well.
pub fn run_limited(site: &Site, mib: u64, options: &[&str]) -> Needed<String> {
    let mut job = site.command_of(&Path::new(ROOT).join("scripts/with-memory-limit"));
    job.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    job.args([&mib.to_string(), PROGRAM, "in", "out", "phi", "--export-group=g"]);
    job.args(["--export-timestamp=2024-01-01"]).args(options);
    let ended = end(&mut job);
    if ended.code == Some(IMPOSSIBLE) {
        return needs::skip(Need::Memory, ended.err.trim());
    }
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    Ok(ended.err)
}

#[test]
fn an_input_larger_than_the_memory_goes_through() {
    const MIB: u64 = 280;
    let site = Site::new();
    let demo = end(site.command().args(["demo", "--data-only", "--patients=20", "in"]));
    assert_eq!(demo.code, Some(0), "{}", demo.err);
    // Lines that would fill the memory if all threads had one at the same time.
    let mut file = fs::File::create(site.path("in/Long.ndjson")).unwrap();
    for n in 0..12 {
        let text = json!({"text": {"div": "x".repeat(24 << 20)}, "gender": "other"});
        writeln!(file, "{}", resource("Patient", &format!("long-{n}"), text)).unwrap();
    }
    let said = need!(run_limited(&site, MIB, &["--threads=16"]));
    let limited = format!("memory is limited to {MIB} MiB by a cgroup: 2 threads instead of 16");
    assert!(said.contains(&limited), "{said}");
    assert!(said.contains(&format!("{MIB} MiB by a cgroup: 2 threads, ")), "{said}");
    let limit = site.manifest()["memory_limit_bytes"].as_u64();
    assert_eq!(limit, Some(MIB << 20));
    let patients = site.table("out", "deltalake", "patient");
    assert!(patients.len() >= 32, "{}", patients.len());
    // Again, now into tables that are there.
    run_limited(&site, MIB, &[]).unwrap();
    assert_eq!(site.table("out", "deltalake", "patient").len(), patients.len());
}

#[test]
fn without_a_limit_nothing_is_said() {
    let site = Site::new();
    site.rows("p.ndjson", &[resource("Patient", "p", Value::Object(Default::default()))]);
    let said = site.run(&[]).err;
    let manifest = site.manifest();
    let limit = manifest["memory_limit_bytes"].as_u64().unwrap();
    assert_eq!(said.contains(" MiB of rows a table in memory"), limit < 1 << 30, "{said}");
}
