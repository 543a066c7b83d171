//! Runs that end before their time.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::support::{Site, children, deletes, end, json_file, resource};

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

/// Kills a run at many moments; every table must then be as before it or as after it, and a last
/// run must bring what an undisturbed one brings.
fn survive(types: &[&str], options: &[&str], roots: &Roots) {
    let calm = Site::new();
    let salt = "11".repeat(32);
    let codebook = format!(r#"{{"version":1,"codebook_id":"c","id_salt":"{salt}"}}"#);
    let site = Site::new();
    let mut took = Duration::ZERO;
    let mut before = BTreeMap::new();
    for site in [&calm, &site] {
        site.file("phi/codebook.json", &codebook);
        export(site, types, 0);
        site.run(options);
        before = state(site, roots);
        export(site, types, 1);
    }
    let clock = Instant::now();
    calm.run(options);
    took += clock.elapsed();
    let after = state(&calm, roots);
    assert_eq!(after.len(), roots.len() * (types.len() + 2));
    assert!(after.iter().all(|(table, rows)| rows != &before[table]));

    let mut killed = 0;
    for moment in 0..20_u32 {
        let mut child = quiet(&site, options);
        // Every part of a run is hit, and never quite the same moment.
        let jitter = Duration::from_micros(u64::from(clock.elapsed().subsec_micros() % 20_000));
        sleep(took * moment / 20 + jitter);
        child.kill().unwrap();
        if child.wait().unwrap().code().is_none() {
            killed += 1;
        }
        for (table, rows) in state(&site, roots) {
            let is = |state: &BTreeMap<String, Vec<String>>| state[&table] == rows;
            if !table.ends_with("/etl__completion") {
                assert!(is(&before) || is(&after), "{table} is neither old nor new");
            }
        }
    }
    assert!(killed >= 10, "{killed} runs were killed");

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
    assert_eq!(mapping(&site), mapping(&calm));
    assert!(mapping(&site)["Patient"].as_object().unwrap().len() >= ROWS * 3 / 2);
    let left = [site.listing("phi"), site.listing("out"), site.listing("tmp")];
    let odd: Vec<_> =
        left.iter().flat_map(BTreeMap::keys).filter(|name| is_leftover(name)).collect();
    assert!(odd.is_empty(), "left behind: {odd:?}");
    assert!(left[2].is_empty(), "{:?}", left[2]);
}

fn is_leftover(name: &str) -> bool {
    let last = name.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    // The Delta library's checkpoints go by such names of its own; they are removed after a day,
    // since another run may be about to finish one.
    let library = name.contains("_delta_log/") && last.ends_with("#1");
    name.contains('#') && !library
        || last.starts_with(".cumulus-etl-work")
        || last.ends_with(".new")
        || last.ends_with(".old")
        || last.ends_with(".tmp")
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
    survive(&SOME, &[], &[("out", "deltalake")]);
}

#[test]
fn plain_files_survive_being_killed() {
    survive(
        &SOME,
        &["--output-format=parquet,ndjson"],
        &[("out/parquet", "parquet"), ("out/ndjson", "ndjson")],
    );
}

/// The work folders below a folder.
fn work_folders(folder: &Path) -> usize {
    children(folder).iter().filter(|name| name.starts_with(".cumulus-etl-work-")).count()
}

#[test]
fn signals_end_a_run_tidily() {
    for (signal, code, work_dir) in [(Signal::TERM, 143, "phi"), (Signal::INT, 130, "spill")] {
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
    site.file("out/.patient.new/patient.000.ndjson", "half");
    site.file("phi/codebook-cached-mappings.json#00000000000000000007", "half");
    let mut job = site.job(&["--output-format=ndjson"]);
    assert_eq!(end(&mut job).code, Some(0));
    for root in ["phi", "out"] {
        let odd: Vec<_> = site.listing(root).into_keys().filter(|name| is_leftover(name)).collect();
        assert!(odd.is_empty(), "{odd:?}");
    }
    assert!(children(&site.path("tmp")).is_empty(), "{:?}", children(&site.path("tmp")));
}
