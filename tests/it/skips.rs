//! No test is skipped in silence: what `needs` promises, shown on tests that need something.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{Ended, Site, end};

/// A test of this binary in a process of its own, where no command is installed and nothing of the
/// outer environment names anything.
fn run_alone(site: &Site, test: &str, variables: &[(&str, &str)]) -> Ended {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture"]);
    command.env_clear().env("PATH", site.path("home")).env("TMPDIR", site.path("tmp"));
    command.env("CUMULUS_TEST_SHARED", site.path("home"));
    end(command.envs(variables.iter().copied()))
}

/// Tests and what they lack there: a command, a Python, an engine, data, a program.
const SKIPPED: [(&str, &str, &str); 5] = [
    ("keys::keys_of_other_tools_sign_as_well", "jose", "'jose' is not installed"),
    ("buckets::errors_say_what_to_do_and_no_secret", "python", "CUMULUS_TEST_PYTHON"),
    ("container::there_is_no_shell", "docker", "CUMULUS_TEST_DOCKER"),
    ("goldens::rows_equal_those_of_cumulus_etl", "shared", "shared/golden/synthea-10"),
    ("emulators::tables_are_right_in_azurite", "azurite", "CUMULUS_TEST_AZURITE"),
];

#[test]
fn a_skip_is_recorded_with_its_test_and_its_need() {
    let site = Site::new();
    let list = site.arg("skips");
    for (test, ..) in SKIPPED {
        let ended = run_alone(&site, test, &[("CUMULUS_TEST_SKIPS", &list)]);
        assert_eq!(ended.code, Some(0), "{test}: {}", ended.err);
        assert!(ended.out.contains("1 passed"), "{test}: {}", ended.out);
    }
    let recorded = fs::read_to_string(&list).unwrap();
    let mut lines = recorded.lines();
    for (test, need, missing) in SKIPPED {
        let line = lines.next().unwrap();
        assert!(line.starts_with(&format!("{need}\t{test}\t")), "{line}");
        assert!(line.contains(missing), "{line}");
    }
    assert_eq!(lines.next(), None);
}

#[test]
fn a_skip_is_said_where_no_file_takes_it() {
    let site = Site::new();
    for (test, _, missing) in SKIPPED {
        let ended = run_alone(&site, test, &[("CUMULUS_TEST_SKIPS", "")]);
        assert_eq!(ended.code, Some(0), "{test}: {}", ended.err);
        assert!(ended.err.contains(&format!("skipped: {test}: ")), "{}", ended.err);
        assert!(ended.err.contains(missing), "{}", ended.err);
    }
}

#[test]
fn a_skip_is_a_failure_where_its_need_is_required() {
    let site = Site::new();
    for (test, need, missing) in SKIPPED {
        for required in [need, "all"] {
            let ended = run_alone(&site, test, &[("CUMULUS_TEST_REQUIRE", required)]);
            assert_eq!(ended.code, Some(101), "{test}: {}", ended.out);
            let said = ended.out + &ended.err;
            assert!(said.contains("1 failed") && said.contains(missing), "{test}: {said}");
        }
    }
    // A name that no need has is not passed over.
    let wrong = [("CUMULUS_TEST_REQUIRE", "pyhton")];
    let ended = run_alone(&site, SKIPPED[0].0, &wrong);
    assert_eq!(ended.code, Some(101), "{}", ended.out);
    assert!((ended.out + &ended.err).contains("'pyhton'"));
}

/// All Rust files below a folder of the project.
fn sources(folder: &str) -> Vec<PathBuf> {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files
}

#[test]
fn tests_ask_for_what_they_need_in_one_place() {
    // Variables that tests may read of their environment themselves: nothing decides whether they run.
    const SETTINGS: [&str; 3] = ["CUMULUS_TEST_PANIC", "CUMULUS_TEST_SEEDS", "CUMULUS_TEST_UPDATE"];
    let mut wrong = Vec::new();
    for path in ["crates", "src", "tests"].into_iter().flat_map(sources) {
        if path.ends_with("tests/it/needs.rs") || path.ends_with("tests/it/skips.rs") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        for (number, line) in text.lines().enumerate() {
            let asks = (line.contains("env::var") && line.contains("\"CUMULUS_TEST_"))
                && !SETTINGS.iter().any(|setting| line.contains(setting));
            let own_words = line.contains('"') && line.contains("skipped: ");
            let own_place = line.contains("\"../shared");
            if asks || own_words || own_place {
                wrong.push(format!("{}:{}: {line}", path.display(), number + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "these belong into tests/it/needs.rs:\n{}", wrong.join("\n"));
}

/// `need!` returns for a skip that was recorded, and nothing else returns before the end.
#[test]
fn no_test_returns_in_silence() {
    let mut wrong = Vec::new();
    // In two parts, so that it is not found here.
    let silent = ["else {", " return }"].concat();
    let of_tests = |path: &PathBuf| path.components().any(|part| part.as_os_str() == "tests");
    let all = ["crates", "src", "tests"].into_iter().flat_map(sources);
    for path in all.filter(|path| path.ends_with("tests.rs") || of_tests(path)) {
        let text = fs::read_to_string(&path).unwrap();
        for (number, line) in text.lines().enumerate() {
            if line.contains(&silent) {
                wrong.push(format!("{}:{}: {line}", path.display(), number + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "use `need!`, or a condition:\n{}", wrong.join("\n"));
}
