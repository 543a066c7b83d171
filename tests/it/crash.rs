//! Runs that end before their time.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use cumulus_etl::store::UNFINISHED;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::needs::need;
use crate::s3::S3;
use crate::support::{
    Moments, OF_OTHERS, Site, children, deletes, end, json_file, read_table, resource,
};

/// Rows of each type in an export.
const ROWS: usize = 150;
/// The types of an export: of the tables one is like the other, and in a debug build each takes
/// a while.
const SOME: [&str; 4] = ["Encounter", "Patient", "Device", "Observation"];

/// An export of these types: the first one, or a second with updates, new rows and deletes.
fn export(site: &Site, types: &[&str], generation: usize) {
    site.clear_input();
    let first = generation * ROWS / 2;
    for resource_type in types {
        let rows: Vec<_> = (first..first + ROWS)
            .map(|n| {
                let time = format!("2020-01-0{}T00:00:00Z", generation + 1);
                let mut row = resource(
                    resource_type,
                    &format!("{resource_type}-{n}"),
                    json!({
                        "meta": {"lastUpdated": time, "versionId": generation.to_string()},
                        "text": {"div": "x".repeat(200)},
                        "language": format!("l{}", n % 7),
                    }),
                );
                row["subject"] = json!({"reference": format!("Patient/Patient-{}", n % 40)});
                row["encounter"] = json!({"reference": format!("Encounter/other-{n}")});
                row
            })
            .collect();
        let (a, b) = rows.split_at(ROWS / 2);
        site.rows(&format!("{resource_type}.000.ndjson"), a);
        site.rows(&format!("{resource_type}.001.ndjson"), b);
        // A row that is not taken.
        site.input(&format!("{resource_type}.002.ndjson"), format!("{}\nx\n", a[0]));
    }
    if generation > 0 {
        let urls: Vec<_> = (0..10)
            .flat_map(|n| [format!("Patient/Patient-{n}"), format!("Device/Device-{n}")])
            .collect();
        site.rows(
            "deleted/d.ndjson",
            &[deletes(&urls.iter().map(String::as_str).collect::<Vec<_>>())],
        );
    }
}

/// Where the tables of a run are: a folder, and the format in it.
type Roots = [(&'static str, &'static str)];

/// Every table as sorted text; fails where one can't be read.
fn state(site: &Site, roots: &Roots) -> BTreeMap<String, Vec<String>> {
    let mut tables = BTreeMap::new();
    for (root, format) in roots {
        for table in children(&site.path(root)) {
            if table.starts_with('.')
                || table == "JobConfig"
                || !site.path(root).join(&table).is_dir()
            {
                continue;
            }
            let mut rows: Vec<_> = site.table(root, format, &table).iter().map(line).collect();
            rows.sort();
            tables.insert(format!("{root}/{table}"), rows);
        }
    }
    tables
}

/// A row as text, without when it was written.
fn line(row: &Value) -> String {
    let mut row = row.clone();
    if let Some(object) = row.as_object_mut() {
        object.remove("etl_time");
        object.sort_keys();
    }
    row.to_string()
}

/// Ends a run at many moments; every table must then be as before it or as after it, and a last
/// run must bring what an undisturbed one brings. Of a signal that the program knows, nothing half
/// written is left.
fn survive(types: &[&str], options: &[&str], roots: &Roots, signal: Signal, moments: u32) {
    let calm = Site::new();
    let salt = "11".repeat(32);
    let codebook = format!(r#"{{"version":1,"codebook_id":"c","id_salt":"{salt}"}}"#);
    let site = Site::new();
    let mut before = BTreeMap::new();
    for site in [&calm, &site] {
        site.file("phi/codebook.json", &codebook);
        export(site, types, 0);
        site.run(options);
        before = state(site, roots);
        export(site, types, 1);
        for table in before.keys() {
            site.file(&format!("{table}/{OF_OTHERS}"), table);
        }
    }
    let clock = Instant::now();
    calm.run(options);
    let took = clock.elapsed();
    let after = state(&calm, roots);
    assert_eq!(after.len(), roots.len() * (types.len() + 2));
    assert!(after.iter().all(|(table, rows)| rows != &before[table]));

    let mut killed = 0;
    let mut schedule = Moments::new(took, moments);
    while let Some(mut child) = schedule.start_next(|| quiet(&site, options)) {
        let ended = Instant::now();
        kill_process(Pid::from_child(&child), signal).unwrap();
        let code = child.wait().unwrap().code();
        if code == Some(0) {
            schedule.note_early_end();
        } else if signal == Signal::KILL {
            assert_eq!(code, None);
            killed += 1;
        } else if code.is_none() {
            // It had not begun to listen.
            assert_tidy(&site, roots);
        } else {
            killed += 1;
            assert_eq!(code, Some(if signal == Signal::INT { 130 } else { 143 }));
            assert!(ended.elapsed() < Duration::from_secs(10), "{:?}", ended.elapsed());
            assert_tidy(&site, roots);
        }
        for (table, rows) in state(&site, roots) {
            let is = |state: &BTreeMap<String, Vec<String>>| state[&table] == rows;
            if !table.ends_with("/etl__completion") {
                assert!(is(&before) || is(&after), "{table} is neither old nor new");
            }
        }
    }
    assert!(killed >= moments / 2, "{killed} runs were ended");

    site.run(options);
    let mut found = state(&site, roots);
    let mut expected = after.clone();
    for (root, _) in roots {
        let name = format!("{root}/etl__completion");
        for state in [&mut found, &mut expected] {
            // A run that was killed late has recorded tables that are complete.
            state.get_mut(&name).unwrap().dedup();
        }
    }
    for (table, rows) in &expected {
        assert_eq!(&found[table], rows, "{table}");
    }
    for table in before.keys() {
        let text = fs::read_to_string(site.path(table).join(OF_OTHERS));
        assert_eq!(text.as_deref().unwrap_or("gone"), table, "a file of somebody else's");
    }
    assert_eq!(mapping(&site), mapping(&calm));
    assert!(mapping(&site)["Patient"].as_object().unwrap().len() >= ROWS * 3 / 2);
    let left = [site.listing("phi"), site.listing("out"), site.listing("tmp")];
    let odd: Vec<_> =
        left.iter().flat_map(BTreeMap::keys).filter(|name| is_leftover(name)).collect();
    assert!(odd.is_empty(), "left behind: {odd:?}");
    assert!(left[2].is_empty(), "{:?}", left[2]);
}

/// Asserts that nothing lies around that a run had begun, and no data file that no version names.
fn assert_tidy(site: &Site, roots: &Roots) {
    for folder in ["phi", "out", "tmp"] {
        let listing = site.listing(folder);
        let odd: Vec<_> = listing.keys().filter(|name| is_leftover(name)).collect();
        assert!(odd.is_empty(), "left behind in {folder}: {odd:?}");
    }
    for (root, _) in roots.iter().filter(|(_, format)| *format == "deltalake") {
        for table in children(&site.path(root)) {
            let folder = site.path(root).join(&table);
            let log = folder.join("_delta_log");
            let commits = children(&log).into_iter().filter(|name| name.ends_with(".json"));
            let log: String =
                commits.map(|name| fs::read_to_string(log.join(name)).unwrap()).collect();
            for name in children(&folder).iter().filter(|name| name.ends_with(".parquet")) {
                assert!(log.contains(name.as_str()), "{table}: no version names {name}");
            }
        }
    }
}

fn is_leftover(name: &str) -> bool {
    let last = name.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    // The Delta library's checkpoints go by such names of its own; they are removed after a day,
    // since another run may be about to finish one.
    let library = name.contains("_delta_log/") && last.ends_with("#1");
    name.contains('#') && !library || last.starts_with(".cumulus-etl-") || last.ends_with(".new")
}

fn mapping(site: &Site) -> Value {
    let mut mapping = json_file(&site.path("phi/codebook-cached-mappings.json"));
    mapping.sort_all_objects();
    mapping
}

fn quiet(site: &Site, options: &[&str]) -> Child {
    site.job(options).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

#[test]
fn delta_tables_survive_being_killed() {
    survive(&SOME, &[], &[("out", "deltalake")], Signal::KILL, 20);
}

#[test]
fn plain_files_survive_being_killed() {
    survive(
        &SOME,
        &["--output-format=parquet,ndjson"],
        &[("out/parquet", "parquet"), ("out/ndjson", "ndjson")],
        Signal::KILL,
        20,
    );
}

#[test]
fn a_signal_at_any_moment_leaves_nothing_half_written() {
    survive(
        &SOME,
        &["--output-format=deltalake,parquet,csv"],
        &[("out/deltalake", "deltalake"), ("out/parquet", "parquet"), ("out/csv", "csv")],
        Signal::TERM,
        12,
    );
}

/// Long rows that do not compress well, so that writing them takes a while.
fn long_rows(site: &Site) {
    let rows: Vec<_> = (0..60_000_u64)
        .map(|n| {
            let text = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let words = format!("{text:x} {:x} {:x}", text.rotate_left(9), text ^ (text >> 7));
            resource("Patient", &format!("p{n}"), json!({"gender": words, "language": words}))
        })
        .collect();
    site.rows("p.ndjson", &rows);
}

#[test]
fn a_signal_amid_writing_takes_back_what_was_begun() {
    for (format, begun) in
        [("deltalake", "out/patient"), ("ndjson", "out/.cumulus-etl-new-patient")]
    {
        let site = Site::new();
        site.rows("p.ndjson", &[resource("Patient", "p", json!({}))]);
        let option = format!("--output-format={format}");
        site.run(&[&option]);
        let before = site.table("out", format, "patient");
        long_rows(&site);
        let mut child = quiet(&site, &[&option]);
        // A file under way goes by another name.
        while !children(&site.path(begun)).iter().any(|name| name.starts_with(UNFINISHED)) {
            assert!(child.try_wait().unwrap().is_none(), "it ended too early");
            sleep(Duration::from_millis(1));
        }
        let clock = Instant::now();
        kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(143), "{format}");
        assert!(clock.elapsed() < Duration::from_secs(10), "{:?}", clock.elapsed());
        assert_tidy(&site, &[("out", format)]);
        assert_eq!(site.table("out", format, "patient"), before);
        site.run(&[&option]);
        assert!(site.table("out", format, "patient").len() >= 60_000);
    }
}

#[test]
fn a_signal_amid_an_upload_leaves_the_bucket_as_it_was() {
    let server = need!(S3::start());
    let site = Site::new();
    long_rows(&site);
    server.order(&format!("load input {}", site.arg("in")));
    let job = || {
        let mut command = site.command();
        server.reach(&mut command);
        command.args(["s3://input/", "s3://output/", "s3://phi/", "--export-group=g"]);
        command.args(["--export-timestamp=2024-01-01", "--upload-part-size=5"]);
        command.args(["--output-format=ndjson", "--task=patient", "--work-dir=work"]);
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        command
    };
    let parts = |log: &Value| {
        let is_part = |r: &Value| r["query"].as_str().is_some_and(|q| q.contains("partNumber"));
        log.as_array().is_some_and(|log| log.iter().any(is_part))
    };
    // Answered, if slowly; and not answered at all any more.
    for hangs in [false, true] {
        server.order("log");
        server.order("delay 200");
        let mut child = job().spawn().unwrap();
        while !parts(&server.order("log")) {
            assert!(child.try_wait().unwrap().is_none(), "it ended too early");
            sleep(Duration::from_millis(20));
        }
        if hangs {
            server.order("hang 0");
        }
        let clock = Instant::now();
        kill_process(Pid::from_child(&child), Signal::INT).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(clock.elapsed() < Duration::from_secs(10), "{:?}", clock.elapsed());
        assert_eq!(output.status.code(), Some(130), "{output:?}");
        let log = server.order("log");
        server.order("resume");
        server.order("delay 0");
        let aborted = log.as_array().unwrap().iter().any(|request| {
            request["method"] == "DELETE"
                && request["query"].as_str().is_some_and(|query| query.contains("uploadId"))
        });
        assert!(aborted || hangs, "the upload was not aborted: {log}");
        let saved = site.path("saved");
        server.order(&format!("save output {}", saved.display()));
        assert!(children(&saved.join("patient")).is_empty());
        assert!(children(&site.path("work")).is_empty());
    }
    assert_eq!(end(&mut job()).code, Some(0));
    server.order(&format!("save output {}", site.arg("saved")));
    assert_eq!(read_table(&site.path("saved"), "ndjson", "patient").len(), 60_000);
}

/// The work folders below a folder.
fn work_folders(folder: &Path) -> usize {
    children(folder).iter().filter(|name| name.starts_with(".cumulus-etl-work-")).count()
}

#[test]
fn signals_end_a_run_tidily() {
    for (signal, code, work_dir) in
        [(Signal::TERM, 143, "phi"), (Signal::INT, 130, "spill"), (Signal::HUP, 143, "spill")]
    {
        let site = Site::new();
        export(&site, &SOME, 0);
        let work = site.path(work_dir);
        let mut options = vec!["--log-format=json".to_owned()];
        if work_dir != "phi" {
            options.push(format!("--work-dir={}", work.display()));
        }
        let options: Vec<_> = options.iter().map(String::as_str).collect();
        let mut child = site.job(&options).stderr(Stdio::piped()).spawn().unwrap();
        while work_folders(&work) == 0 {
            assert!(child.try_wait().unwrap().is_none(), "it ended too early");
            sleep(Duration::from_millis(1));
        }
        let clock = Instant::now();
        kill_process(Pid::from_child(&child), signal).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(clock.elapsed() < Duration::from_secs(10));
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        assert_eq!(work_folders(&work), 0);
        assert!(children(&site.path("tmp")).is_empty());
        let said = String::from_utf8(output.stderr).unwrap();
        let last: Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
        assert!(last["message"].as_str().unwrap().contains("the next run completes"), "{said}");
        site.run(&[]);
        assert_eq!(site.table("out", "deltalake", "observation").len(), ROWS);
        assert_eq!(work_folders(&work), 0);
    }
}

#[test]
fn what_a_dead_run_left_in_the_temporary_folder_goes_too() {
    let site = Site::new();
    site.rows("p.ndjson", &[resource("Patient", "p", json!({}))]);
    let folder = ".cumulus-etl-work-0123456789abcdef0123456789abcdef";
    for root in ["tmp", "phi"] {
        site.file(&format!("{root}/{folder}/lock"), "");
        site.file(&format!("{root}/{folder}/7"), "half");
    }
    let dead = format!("{UNFINISHED}{}", "0a".repeat(16));
    site.file(&format!("out/{UNFINISHED}patient/patient.000.ndjson"), "half");
    site.file(&format!("out/{UNFINISHED}patient/{dead}"), "half");
    site.file(&format!("phi/{dead}"), "half");
    // As the release before named them.
    site.file("out/.patient.new/patient.000.ndjson", "half");
    site.file("out/.patient.new/patient.001.ndjson#00000000000000000007", "half");
    site.file("out/etl__completion/etl__completion.000.ndjson#00000000000000000007", "half");
    let number = "#00000000000000000007";
    for name in ["codebook-cached-mappings.json", "context.json"] {
        site.file(&format!("phi/{name}{number}"), "half");
    }
    for name in ["job_config.json", "patient.json", "etl__completion.json", "manifest.json"] {
        site.file(&format!("out/JobConfig/2024-01-01__00.00.00/{name}{number}"), "half");
    }
    let foreign = format!("out/JobConfig/2024-01-01__00.00.00/notes.json{number}");
    site.file(&foreign, "of others");
    let mut job = site.job(&["--output-format=ndjson"]);
    assert_eq!(end(&mut job).code, Some(0));
    assert_eq!(fs::read_to_string(site.path(&foreign)).unwrap(), "of others");
    fs::remove_file(site.path(&foreign)).unwrap();
    for root in ["phi", "out"] {
        let odd: Vec<_> = site.listing(root).into_keys().filter(|name| is_leftover(name)).collect();
        assert!(odd.is_empty(), "{odd:?}");
    }
    assert!(children(&site.path("tmp")).is_empty(), "{:?}", children(&site.path("tmp")));
}

#[test]
fn what_a_dead_run_of_before_left_beside_a_delta_table_goes_too() {
    let site = Site::new();
    site.rows("p.ndjson", &[resource("Patient", "p", json!({}))]);
    let job = || end(&mut site.job(&[])).code;
    assert_eq!(job(), Some(0));
    let manifests = site.path("out/patient/_symlink_format_manifest");
    for name in ["manifest#00000000000000000007", "of-others#00000000000000000007"] {
        fs::write(manifests.join(name), "half").unwrap();
    }
    assert_eq!(job(), Some(0));
    assert_eq!(children(&manifests), ["manifest", "of-others#00000000000000000007"]);
}
