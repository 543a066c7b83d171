//! The gate's scripts: what they run, and what they say about it.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::{Ended, end};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
/// The command that README.md and CONTRIBUTING.md tell people to run.
const TESTS: &str = "cargo test --locked --all-features";

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(ROOT).join(path)).unwrap()
}

/// `.ci/summary` of a log and a list of skips.
fn summary(log: &str, skips: Option<&str>) -> Ended {
    let folder = tempfile::tempdir().unwrap();
    let (log_path, skips_path) = (folder.path().join("log"), folder.path().join("skips"));
    fs::write(&log_path, log).unwrap();
    if let Some(skips) = skips {
        fs::write(&skips_path, skips).unwrap();
    }
    end(Command::new(Path::new(ROOT).join(".ci/summary")).args([log_path, skips_path]))
}

#[test]
fn the_gate_runs_the_tests_as_people_are_told_to() {
    assert!(read("README.md").contains(&format!("```sh\n{TESTS}\n```")));
    assert!(read("CONTRIBUTING.md").contains(&format!("\n{TESTS} ")));
    let gate = read(".ci/run");
    let runs: Vec<_> = gate.lines().filter(|line| line.contains("cargo test")).collect();
    assert_eq!(runs.len(), 1, "one build of all: {runs:?}");
    assert!(runs[0].contains(&format!("with-docker {TESTS} --no-fail-fast")), "{}", runs[0]);
    // Nor do the lints build with other features.
    let lints: Vec<_> = gate.lines().filter(|line| line.contains("cargo clippy")).collect();
    assert!(lints.len() == 1 && lints[0].contains("--all-features"), "{lints:?}");
    assert!(!gate.contains("--features"));
}

#[test]
fn the_summary_ends_with_the_runners_own_line() {
    let first = "test result: ok. 30 passed; 0 failed; 2 ignored; 0 measured; 0 filtered out; \
                 finished in 3.10s";
    let last = "test result: FAILED. 11 passed; 4 failed; 1 ignored; 0 measured; 0 filtered out; \
                finished in 9.99s";
    let log = format!("running 32 tests\n{first}\n\nrunning 16 tests\n{last}\nerror: 1 target\n");
    let skips = "jose\tkeys::one\t'jose' is not installed\npython\tkeys::one\tno Python\n\
                 jose\tkeys::one\t'jose' is not installed\npython\treaders::two\tno Python\n";
    let ended = summary(&log, Some(skips));
    let lines: Vec<_> = ended.out.lines().collect();
    let [.., sum, closing] = lines[..] else { panic!("{}", ended.out) };
    // Two of those that passed were skipped.
    assert_eq!((sum, closing), ("tests: 39 passed, 4 failed, 2 skipped", last));
    assert!(ended.out.contains("1 for want of jose: 'jose' is not installed"), "{}", ended.out);
    assert!(ended.out.contains("2 for want of python: no Python"), "{}", ended.out);
    for name in ["keys::one", "readers::two"] {
        assert!(ended.out.contains(name), "{}", ended.out);
    }
    for none in [None, Some("")] {
        let ended = summary(&log, none);
        assert_eq!(ended.out, format!("tests: 41 passed, 4 failed, 0 skipped\n{last}\n"));
    }
}

#[test]
fn a_log_without_tests_is_no_success() {
    for log in ["", "error: could not compile `cumulus-etl`\n"] {
        let ended = summary(log, None);
        assert_eq!((ended.code, ended.out.as_str()), (Some(1), "no test was run\n"));
    }
}

#[test]
fn long_proofs_are_called_by_name() {
    let long = |part: &str| end(Command::new(Path::new(ROOT).join(".ci/long")).arg(part));
    let help = long("--help");
    assert_eq!(help.code, Some(0), "{}", help.err);
    for part in ["model", "fuzz", "fuzz-TARGET", "default-features", "release"] {
        let described = format!("\n  {part} ");
        assert!(help.out.contains(&described), "{part}: {}", help.out);
    }
    for wrong in ["models", "fuzz-none", ""] {
        let ended = long(wrong);
        assert_eq!(ended.code, Some(2), "{wrong}: {}", ended.out);
        assert!(ended.err.contains(&format!("'{}'", wrong.trim_start_matches("fuzz-"))));
    }
    // Every target is among those that the text lists.
    for entry in fs::read_dir(Path::new(ROOT).join("fuzz/fuzz_targets")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(help.out.contains(name.trim_end_matches(".rs")), "{name}: {}", help.out);
    }
}
