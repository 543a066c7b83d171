//! Which folder is for what, whose files are whose, and runs at the same time.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::{Child, Stdio};

use serde_json::{Value, json};

use crate::support::{Ended, FORMATS, Site, children, end, json_lines, patient, resource};

const GROUP: [&str; 2] = ["--export-group=g", "--export-timestamp=2024-01-01"];

fn run(site: &Site, places: [&str; 3], options: &[&str]) -> Ended {
    end(site.command().args(places).args(GROUP).args(options))
}

fn site() -> Site {
    let site = Site::new();
    site.rows("p.ndjson", &[patient("p", "x")]);
    site.input("broken.ndjson", "{\"resourceType\":\"Patient\"}\n");
    site
}

/// Folders as the former release left them: no markers.
fn without_markers(site: &Site) {
    for name in ["out/.cumulus-output", "phi/.cumulus-phi"] {
        fs::remove_file(site.path(name)).unwrap();
    }
}

#[test]
fn swapped_folders_are_refused_whoever_made_them() {
    for format in FORMATS {
        let site = site();
        let option = format!("--output-format={format}");
        site.run(&[&option]);
        for made_before in [false, true] {
            if made_before {
                without_markers(&site);
            }
            let before = site.listing("");
            for places in [["in", "phi", "out"], ["in", "phi", "new"], ["in", "new", "out"]] {
                for check in [&["--check", &option][..], &[&option]] {
                    let ended = run(&site, places, check);
                    assert_eq!(ended.code, Some(22), "{places:?} {check:?}: {}", ended.err);
                    assert!(ended.err.contains("INPUT OUTPUT PHI"), "{}", ended.err);
                    assert_eq!(site.listing(""), before, "{places:?} {check:?}");
                }
            }
            // As INPUT, too: rejected rows and anonymous IDs are nothing to read.
            for input in ["out", "phi"] {
                let ended = run(&site, [input, "new", "new-phi"], &[]);
                assert_eq!(ended.code, Some(22), "{input}: {}", ended.err);
                assert_eq!(site.listing(""), before);
            }
        }
        // In their places they are taken, and marked.
        site.run(&[&option]);
        assert!(site.path("out/.cumulus-output").is_file(), "{format}");
        assert!(site.path("phi/.cumulus-phi").is_file(), "{format}");
    }
}

#[test]
fn one_sign_is_enough_to_know_a_folder() {
    for (name, places) in [
        ("x/codebook.json", ["in", "x", "phi"]),
        ("x/codebook-cached-mappings.json", ["in", "x", "phi"]),
        ("x/rejected/2024-01-01__00.00.00/Patient.ndjson", ["in", "x", "phi"]),
        ("x/.cumulus-phi", ["in", "x", "phi"]),
        ("x/JobConfig/2024-01-01__00.00.00/job_config.json", ["in", "out", "x"]),
        ("x/patient/_delta_log/00000000000000000000.json", ["in", "out", "x"]),
        ("x/csv/etl__completion/etl__completion.000.csv", ["in", "out", "x"]),
        ("x/.cumulus-output", ["in", "out", "x"]),
    ] {
        let site = site();
        site.file(name, "");
        let before = site.listing("");
        for option in [&["--check"][..], &[]] {
            let ended = run(&site, places, option);
            assert_eq!(ended.code, Some(22), "{name} {option:?}: {}", ended.err);
            assert_eq!(site.listing(""), before, "{name}");
        }
    }
}

#[test]
fn every_command_that_writes_asks_what_a_folder_is_for() {
    let site = site();
    site.run(&["--output-format=ndjson"]);
    for made_before in [false, true] {
        if made_before {
            without_markers(&site);
        }
        let before = site.listing("");
        for command in [
            &["init", "phi"][..],
            &["convert", "out", "phi"],
            &["export", "http://127.0.0.1:9/fhir", "out"],
            &["export", "http://127.0.0.1:9/fhir", "phi"],
            &["http://127.0.0.1:9/fhir", "new", "new-phi", "--export-to=out"],
            &["http://127.0.0.1:9/fhir", "new", "new-phi", "--export-to=phi"],
            &["inline", "out", "--fhir-url=http://127.0.0.1:9/fhir"],
            &["inline", "phi", "--fhir-url=http://127.0.0.1:9/fhir"],
            &["demo", "out"],
            &["demo", "phi", "--data-only"],
            &["study", "build", "-t", "core", "--database=phi", "--lake=out"],
            &["study", "build", "-t", "core", "--database=out", "--lake=out"],
            &["study", "build", "-t", "core", "--database=db", "--lake=out", "--work-dir=out/w"],
            &["study", "export", "-t", "core", "--database=db", "phi"],
            &["in", "new", "new-phi", "--work-dir=out/below"],
        ] {
            let ended = end(site.command().args(command));
            assert_eq!(ended.code, Some(22), "{command:?}: {}", ended.err);
            assert_eq!(site.listing(""), before, "{command:?}");
        }
    }
    // A command that makes an OUTPUT marks it.
    for command in [&["init", "fresh"][..], &["convert", "out", "converted"]] {
        let ended = end(site.command().args(command));
        assert_eq!(ended.code, Some(0), "{command:?}: {}", ended.err);
        let output = command[command.len() - 1];
        assert!(site.path(output).join(".cumulus-output").is_file(), "{command:?}");
    }
}

#[test]
fn secrets_are_refused_inside_an_output_of_any_run_and_an_output_inside_any_phi() {
    let site = site();
    site.run(&["--output-format=ndjson"]);
    site.file("out/raw/p.ndjson", format!("{}\n", patient("p", "x")));
    symlink(site.path("out/raw"), site.path("link")).unwrap();
    let url = format!("file://{}", site.arg("out/err"));
    let url = format!("--errors-to={url}");
    for made_before in [false, true] {
        if made_before {
            without_markers(&site);
        }
        let before = site.listing("");
        for command in [
            &["keys", "new", "out"][..],
            &["keys", "new", "out/keys"],
            &["keys", "new", "link/a/b"],
            &["in", "new", "out/phi"],
            &["in", "new", "link"],
            &["in", "new", "out/patient/phi", "--check"],
            &["out/raw", "new", "new-phi"],
            &["in", "new", "new-phi", "--errors-to=out/err"],
            &["in", "new", "new-phi", "--errors-to=link/../err"],
            &["in", "new", "new-phi", &url],
            &["in", "new", "new-phi", "--work-dir=link/w"],
            &["http://127.0.0.1:9/fhir", "new", "new-phi", "--export-to=out/new"],
            &["export", "http://127.0.0.1:9/fhir", "out/new"],
            &["inline", "out/raw", "--fhir-url=http://127.0.0.1:9/fhir"],
            &["study", "build", "-t", "core", "--database=out/db", "--load-ndjson-dir=in"],
            &["in", "phi/out", "new-phi"],
            &["in", "phi/rejected/out", "new-phi", "--check"],
            &["init", "phi/out"],
            &["convert", "out", "phi/out"],
        ] {
            let ended = end(site.command().args(command).args(match command[0] {
                "in" | "out/raw" => &GROUP[..],
                _ => &[],
            }));
            assert_eq!(ended.code, Some(22), "{command:?}: {}", ended.err);
            assert_eq!(site.listing(""), before, "{command:?}");
        }
    }
    // Beside them is where they belong; tables of studies are no secrets.
    for command in [
        &["keys", "new", "phi/keys"][..],
        &["in", "out2", "phi2", "--errors-to=err", "--work-dir=w", GROUP[0], GROUP[1]],
        &["study", "sql", "SELECT 1", "--database=out/db", "--lake=out"],
    ] {
        let ended = end(site.command().args(command));
        assert_eq!(ended.code, Some(0), "{command:?}: {}", ended.err);
    }
}

#[test]
fn folders_inside_input_are_refused() {
    let site = site();
    fs::create_dir_all(site.path("in/below/phi")).unwrap();
    symlink(site.path("in/below"), site.path("link")).unwrap();
    let before = site.listing("");
    for (places, option) in [
        (["in", "out", "in"], ""),
        (["in", "out", "in/phi"], ""),
        (["in", "out", "in/below/phi"], ""),
        (["in", "out", "link/phi"], ""),
        (["in", "out", "phi"], "--errors-to=in/errors"),
        (["in", "out", "phi"], "--work-dir=in/work"),
        (["in", "out", "phi"], "--work-dir=in"),
        (["in", "out", "phi"], "--work-dir=link"),
        (["in", "out", "phi"], "--work-dir=out"),
        (["in", "out", "phi"], "--work-dir=out/work"),
    ] {
        for check in [None, Some("--check")] {
            let options: Vec<_> = [Some(option), check].into_iter().flatten().collect();
            let options: Vec<_> = options.into_iter().filter(|text| !text.is_empty()).collect();
            let ended = run(&site, places, &options);
            assert_eq!(ended.code, Some(22), "{places:?} {options:?}: {}", ended.err);
            assert_eq!(site.listing(""), before, "{places:?} {options:?}");
        }
    }
    // PHI around INPUT is fine: nothing of it is read.
    fs::create_dir(site.path("around")).unwrap();
    fs::rename(site.path("in"), site.path("around/in")).unwrap();
    let ended = run(&site, ["around/in", "out", "around"], &["--work-dir=work"]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
}

#[test]
fn a_table_of_another_format_is_refused_before_anything_changes() {
    for first in FORMATS {
        for second in FORMATS.into_iter().filter(|second| *second != first) {
            let site = site();
            site.run(&[&format!("--output-format={first}")]);
            let before = site.listing("");
            let option = format!("--output-format={second}");
            for options in [&[&*option][..], &[&option, "--check"], &[&option, "--task=patient"]] {
                let ended = site.fails(options, 22);
                for part in ["Nothing was changed", first, second, "another OUTPUT"] {
                    assert!(ended.err.contains(part), "{first}, {second}: {}", ended.err);
                }
                let advice = ended.err.contains("cumulus-etl convert");
                assert_eq!(advice, first == "ndjson" && second == "deltalake", "{}", ended.err);
                assert_eq!(site.listing(""), before, "{first}, then {second}");
            }
            let ended = end(site.command().args(["init", "out", &option]));
            assert_eq!(ended.code, Some(22), "{first}, then init {second}: {}", ended.err);
            assert_eq!(site.listing(""), before, "{first}, then init {second}");
        }
    }
}

#[test]
fn a_second_set_of_tables_begins_with_a_warning() {
    const WARNING: &str = "another set of tables";
    for (first, second) in [("deltalake", "deltalake,csv"), ("csv,ndjson", "ndjson")] {
        let site = site();
        let (one, two) = (format!("--output-format={first}"), format!("--output-format={second}"));
        for _ in 0..2 {
            assert!(!site.run(&[&one]).err.contains(WARNING), "{first}");
        }
        for options in [&[&*two, "--check"][..], &[&two]] {
            let ended = end(&mut site.job(options));
            assert_eq!(ended.code, Some(0), "{}", ended.err);
            assert!(ended.err.contains(WARNING), "{second}: {}", ended.err);
        }
    }
}

#[test]
fn what_is_not_of_its_format_stays_in_a_tables_folder() {
    for format in FORMATS {
        let site = site();
        let option = format!("--output-format={format}");
        site.run(&[&option]);
        let others = [
            "README.md",
            "archive/patient.000.csv",
            "archive/part-00000-0-c000.zstd.parquet",
            "patient.csv",
            "Figure#7",
            &format!("patient.000.{format}.bak"),
            "patient.1.txt",
        ];
        for name in others {
            site.file(&format!("out/patient/{name}"), name);
            site.file(&format!("out/etl__completion/{name}"), name);
        }
        symlink("README.md", site.path("out/patient/link")).unwrap();
        for generation in 0..2 {
            site.rows("p.ndjson", &[patient("q", &format!("of {generation}"))]);
            site.run(&[&option]);
            for name in others {
                for table in ["patient", "etl__completion"] {
                    let text = fs::read_to_string(site.path("out").join(table).join(name));
                    assert_eq!(text.unwrap(), name, "{format}: {table}/{name}");
                }
            }
            assert!(site.path("out/patient/link").is_symlink(), "{format}");
        }
        let rows = if format == "deltalake" { 2 } else { 1 };
        let own = format!(".{format}");
        let files = children(&site.path("out/patient"));
        let files = files.iter().filter(|name| name.ends_with(&own) && name.contains(".000."));
        assert_eq!(files.count(), usize::from(format != "deltalake"), "{format}");
        for name in others {
            fs::remove_file(site.path("out/patient").join(name)).unwrap();
        }
        fs::remove_file(site.path("out/patient/link")).unwrap();
        fs::remove_dir(site.path("out/patient/archive")).unwrap();
        assert_eq!(site.table("out", format, "patient").len(), rows, "{format}");
    }
}

#[test]
fn a_link_to_a_tables_folder_is_followed() {
    for format in FORMATS {
        let site = site();
        let option = format!("--output-format={format}");
        site.run(&[&option]);
        fs::create_dir(site.path("disk")).unwrap();
        fs::rename(site.path("out/patient"), site.path("disk/large")).unwrap();
        symlink(site.path("disk/large"), site.path("out/patient")).unwrap();
        site.file("disk/large/README.md", "r");
        site.rows("p.ndjson", &[patient("p", "new")]);
        site.run(&[&option]);
        assert!(site.path("out/patient").is_symlink(), "{format}");
        assert_eq!(children(&site.path("disk")), ["large"], "{format}");
        assert!(site.path("disk/large/README.md").is_file(), "{format}");
        fs::remove_file(site.path("disk/large/README.md")).unwrap();
        let rows = site.table("out", format, "patient");
        assert_eq!((rows.len(), &rows[0]["gender"]), (1, &json!("new")), "{format}");
    }
}

#[test]
fn nothing_is_removed_but_what_the_program_made() {
    let site = site();
    site.run(&[]);
    let long_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(300_000);
    let others = [
        "phi/codebook.json#1",
        "phi/codebook.json#00000000000000000007",
        "phi/copies/Figure#7",
        "phi/rejected/notes#12",
        "phi/.cumulus-etl-new-mine",
        "out/Figure#7",
        "out/patient/Figure#7",
        "out/patient/.patient.new/x",
        "out/.patient.new/x",
        "out/JobConfig/plan#3",
        "out/patient/_delta_log/notes#7",
        "out/patient/archive/part-00000-x.parquet",
        "out/my.own.new/x",
    ];
    for name in others {
        site.file(name, name);
        let file = fs::File::options().write(true).open(site.path(name)).unwrap();
        file.set_modified(long_ago).unwrap();
    }
    let dead = format!(".cumulus-etl-new-{}", "01".repeat(16));
    let places = ["phi", "out", "out/patient", "out/patient/_delta_log", "out/JobConfig/x"];
    for place in places {
        site.file(&format!("{place}/{dead}"), "half");
    }
    site.run(&[]);
    for name in others {
        assert_eq!(fs::read_to_string(site.path(name)).unwrap(), name);
    }
    for place in places {
        assert!(!site.path(place).join(&dead).exists(), "{place}");
    }
}

/// Starts the main job on an input of its own.
fn start(site: &Site, input: &str, places: [&str; 2], options: &[&str]) -> Child {
    let mut command = site.command();
    command.arg(input).args(places).args(GROUP).args(options);
    command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

fn ended(child: Child) -> Ended {
    child.wait_with_output().unwrap().into()
}

#[test]
fn runs_of_plain_files_on_one_output_come_one_after_the_other() {
    for format in ["parquet", "csv", "ndjson", "deltalake,csv"] {
        let site = Site::new();
        let rows = |run: u64| -> Vec<Value> {
            (0..2_000).map(|n| patient(&format!("p{n}"), &format!("of run {run}"))).collect()
        };
        let encounters = |run: u64| -> Vec<Value> {
            (0..50).map(|n| resource("Encounter", &format!("e{run}-{n}"), json!({}))).collect()
        };
        for run in 0..4 {
            site.rows(&format!("../in{run}/p.ndjson"), &rows(run));
            site.rows(&format!("../in{run}/e.ndjson"), &encounters(run));
        }
        let option = format!("--output-format={format}");
        let options = [&*option, "--threads=1", "--batch-size=300"];
        let runs: Vec<_> =
            (0..4).map(|run| start(&site, &format!("in{run}"), ["out", "phi"], &options)).collect();
        for run in runs {
            let ended = ended(run);
            assert_eq!(ended.code, Some(0), "{format}: {}", ended.err);
        }
        let (root, format) = match format.split_once(',') {
            Some((_, last)) => (format!("out/{last}"), last),
            None => ("out".to_owned(), format),
        };
        let rows = site.by_id(&root, format, "patient");
        let runs: std::collections::BTreeSet<_> =
            rows.values().map(|row| row["gender"].as_str().unwrap()).collect();
        assert_eq!((rows.len(), runs.len()), (2_000, 1), "{format}: rows of several runs");
        assert_eq!(site.table(&root, format, "encounter").len(), 50, "{format}");
        assert_eq!(site.table(&root, format, "etl__completion").len(), 8, "{format}");
        let encounters = site.table(&root, format, "etl__completion_encounters").len();
        assert_eq!(encounters, 200, "{format}");
    }
}

#[test]
fn a_run_that_has_to_wait_says_for_whom_and_looks_again() {
    use rustix::fs::{FlockOperation, flock};

    let site = site();
    site.run(&["--output-format=csv"]);
    let marker = fs::File::open(site.path("out/.cumulus-output")).unwrap();
    flock(&marker, FlockOperation::LockExclusive).unwrap();
    let mut run = start(&site, "in", ["out", "phi"], &["--output-format=csv"]);
    let mut says = std::io::BufReader::new(run.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("waiting for its end") {
        line.clear();
        assert!(std::io::BufRead::read_line(&mut says, &mut line).unwrap() > 0, "it did not wait");
    }
    assert!(line.contains("process ") && line.contains("/out'"), "{line}");
    // Meanwhile the folder becomes that of another codebook.
    let record = json!({"codebook_id": "other", "dir_phi": "elsewhere"});
    site.file("out/JobConfig/2999-01-01__00.00.00/job_config.json", record.to_string());
    drop(marker);
    assert_eq!(run.wait().unwrap().code(), Some(41));
}

#[test]
fn runs_within_a_second_with_one_phi_keep_all_rejected_rows() {
    let site = Site::new();
    let broken: String =
        (0..20).map(|n| format!("{{\"resourceType\":\"Patient\",\"n\":{n}}}\n")).collect();
    let runs: Vec<_> = (0..4)
        .map(|run| {
            site.file(&format!("in{run}/p.ndjson"), &broken);
            site.rows(&format!("../in{run}/d.ndjson"), &[resource("Device", "d", json!({}))]);
            start(&site, &format!("in{run}"), [&format!("out{run}"), "phi"], &["--threads=1"])
        })
        .collect();
    let mut said = Vec::new();
    for run in runs {
        let ended = ended(run);
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        let line = ended.err.lines().find(|line| line.contains("are in '")).unwrap();
        said.push(line.rsplit('/').next().unwrap().trim_end_matches('\'').to_owned());
    }
    said.sort();
    let root = site.path("phi/rejected");
    assert_eq!(children(&root), said, "each run says where its own are");
    let rows = said.iter().map(|run| json_lines(&root.join(run).join("Patient.ndjson")).len());
    assert_eq!(rows.collect::<Vec<_>>(), [20; 4]);
}

#[test]
fn error_41_shows_both_codebooks_and_a_new_one_is_announced() {
    let site = site();
    let begun = site.run(&[]);
    let id = |phi: &str| -> String {
        let text = fs::read(site.path(phi).join("codebook.json")).unwrap();
        let codebook: Value = serde_json::from_slice(&text).unwrap();
        codebook["codebook_id"].as_str().unwrap().to_owned()
    };
    let own = id("phi");
    for part in ["new codebook", &own, "Back up", "phi/codebook.json"] {
        assert!(begun.err.contains(part), "{part}: {}", begun.err);
    }
    assert!(!site.run(&[]).err.contains("new codebook"));
    assert_eq!(run(&site, ["in", "out2", "phi2"], &[]).code, Some(0));
    for (phi, other) in [("phi2", id("phi2")), ("phi3", "has no codebook".to_owned())] {
        let ended = run(&site, ["in", "out", phi], &[]);
        assert_eq!(ended.code, Some(41), "{}", ended.err);
        for part in [&own, &other, "mounted"] {
            assert!(ended.err.contains(part), "{part}: {}", ended.err);
        }
    }
}

#[test]
fn what_stands_where_the_codebook_belongs_is_named() {
    for (name, what) in
        [("codebook.json", "a folder"), ("codebook-cached-mappings.json", "a folder")]
    {
        let site = site();
        fs::create_dir_all(site.path("phi").join(name)).unwrap();
        let ended = end(&mut site.job(&[]));
        assert_eq!(ended.code, Some(70), "{}", ended.err);
        assert!(ended.err.contains(what) && ended.err.contains(name), "{}", ended.err);
    }
    let site = site();
    fs::create_dir(site.path("phi")).unwrap();
    symlink("/nowhere/codebook.json", site.path("phi/codebook.json")).unwrap();
    let ended = site.fails(&[], 70);
    assert!(ended.err.contains("leads to nothing"), "{}", ended.err);
    assert!(!site.path("out/patient").exists());
}
