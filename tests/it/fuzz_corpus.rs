//! The checks of the fuzz targets on kept inputs, on valid ones, and on damaged forms of these.
//!
//! A fuzz target starts from the same valid inputs: `write_seeds` writes them for it.

use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use crate::fuzz::{archives, export_files, server_answers, study_files, urls};
use crate::line_to_row;

/// A target that makes its own valid inputs.
struct Target {
    name: &'static str,
    /// Whether an input was understood.
    check: fn(&[u8]) -> bool,
    seeds: fn() -> Vec<Vec<u8>>,
    /// First bytes of inputs, which say what they are; empty where all are the same.
    kinds: &'static [u8],
    /// Damaged forms of each valid input that the test tries.
    damaged: usize,
}

const TARGETS: [Target; 6] = [
    Target {
        name: "archives",
        check: archives::check,
        seeds: archives::seeds,
        kinds: b"zmxps",
        damaged: 4,
    },
    Target {
        name: "export_files",
        check: export_files::check,
        seeds: export_files::seeds,
        kinds: b"ldzfn",
        damaged: 20,
    },
    Target {
        name: "line_to_row",
        check: line_to_row::check,
        seeds: line_to_row::seeds,
        kinds: b"",
        damaged: 6,
    },
    Target {
        name: "server_answers",
        check: server_answers::check,
        seeds: server_answers::seeds,
        kinds: b"mecrtd",
        damaged: 20,
    },
    Target {
        name: "study_files",
        check: study_files::check,
        seeds: study_files::seeds,
        kinds: b"mcqs",
        damaged: 20,
    },
    Target { name: "urls", check: urls::check, seeds: urls::seeds, kinds: b"", damaged: 40 },
];

/// Valid inputs that there must be of each kind.
const LEAST: usize = 30;

fn project(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The inputs that fuzzing found, of a target.
fn kept(target: &str) -> Vec<(String, Vec<u8>)> {
    let Ok(entries) = fs::read_dir(project("tests/corpus").join(target)) else {
        return Vec::new();
    };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.map(|path| (path.display().to_string(), fs::read(&path).unwrap())).collect()
}

/// Runs a check; a panic names the input.
fn run<T>(check: impl Fn(&[u8]) -> T, name: &str, bytes: &[u8]) -> T {
    match catch_unwind(AssertUnwindSafe(|| check(bytes))) {
        Ok(found) => found,
        Err(_) => panic!("{name}: {}", bytes.escape_ascii()),
    }
}

/// A damaged form of an input: cut, with other bytes, with a part twice, or with a part of another.
fn damage(input: &[u8], other: &[u8], seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut below = |limit: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % limit.max(1) as u64) as usize
    };
    let mut bytes = input.to_vec();
    for _ in 0..1 + below(3) {
        let (at, to) = (1 + below(bytes.len()), 1 + below(bytes.len()));
        let (from, to) = (at.min(to).min(bytes.len()), at.max(to).min(bytes.len()));
        match below(6) {
            0 => bytes.truncate(from),
            1 => bytes[from..to].iter_mut().take(4).for_each(|byte| *byte = below(256) as u8),
            2 => bytes.extend_from_within(from..to.min(from + 64)),
            3 => drop(bytes.splice(from..from, other.iter().skip(from).take(32).copied())),
            4 => drop(bytes.drain(from..to.min(from + 8))),
            _ => {
                let odd: [&[u8]; 6] =
                    [b"\0", b"\xff\xfe", b"99999999999999999999", b"-1", "é".as_bytes(), b"[[[[{"];
                drop(bytes.splice(from..from, odd[below(6)].iter().copied()));
            }
        }
    }
    bytes
}

#[test]
fn valid_inputs_of_each_kind_are_understood() {
    for target in TARGETS {
        let seeds = (target.seeds)();
        let kinds = target.kinds.iter().map(Some).chain(target.kinds.is_empty().then_some(None));
        for kind in kinds {
            let of_kind = seeds.iter().filter(|seed| kind.is_none() || seed.first() == kind);
            assert!(of_kind.count() >= LEAST, "{}: {kind:?}", target.name);
        }
        let odd = seeds.iter().filter(|seed| !run(target.check, target.name, seed));
        let odd: Vec<_> = odd.map(|seed| seed.escape_ascii().to_string()).collect();
        assert!(odd.is_empty(), "{}: {odd:#?}", target.name);
        let mut different = seeds.clone();
        different.sort();
        different.dedup();
        assert_eq!(different.len(), seeds.len(), "{}: inputs are there twice", target.name);
    }
}

#[test]
fn damaged_and_kept_inputs_keep_the_promises() {
    for target in TARGETS {
        let seeds = (target.seeds)();
        let mut refused = 0;
        for (index, seed) in seeds.iter().enumerate() {
            let other = &seeds[(index * 7 + 3) % seeds.len()];
            for round in 0..target.damaged {
                let number = (index * target.damaged + round) as u64;
                let bytes = damage(seed, other, number + 1);
                refused += usize::from(!run(target.check, target.name, &bytes));
            }
        }
        assert!(refused > 0, "{}: no damage was noticed", target.name);
        for (name, bytes) in kept(target.name) {
            run(target.check, &name, &bytes);
        }
    }
}

#[test]
fn each_target_of_the_fuzz_crate_is_replayed_here() {
    let mut targets: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
    targets.sort_unstable();
    let mut found = Vec::new();
    let manifest = fs::read_to_string(project("fuzz/Cargo.toml")).unwrap();
    for entry in fs::read_dir(project("fuzz/fuzz_targets")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let name = name.strip_suffix(".rs").unwrap().to_owned();
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
        found.push(name);
    }
    found.sort_unstable();
    assert_eq!(found, targets);
}

/// Fuzz targets are built with the dependencies that the tests have built.
#[test]
fn the_fuzz_crate_builds_its_dependencies_as_the_tests_do() {
    let read =
        |path: &str| -> toml::Table { fs::read_to_string(project(path)).unwrap().parse().unwrap() };
    let locked = |path: &str| -> BTreeSet<String> {
        let file = read(path);
        let packages = file["package"].as_array().unwrap();
        packages.iter().map(|one| format!("{} {}", one["name"], one["version"])).collect()
    };
    let (ours, theirs) = (locked("Cargo.lock"), locked("fuzz/Cargo.lock"));
    let own = ["arbitrary", "cumulus-etl-fuzz", "libfuzzer-sys"];
    let more = theirs.difference(&ours).filter(|one| !own.iter().any(|name| one.contains(name)));
    assert_eq!(more.collect::<Vec<_>>(), [""; 0], "copy Cargo.lock to fuzz/ and build there");
    let (ours, mut theirs) = (read("Cargo.toml"), read("fuzz/Cargo.toml"));
    let packages = theirs["profile"]["dev"]["package"].as_table_mut().unwrap();
    let members = fs::read_dir(project("crates")).unwrap();
    let members = members.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let own = members.map(|name| format!("cumulus-{name}"));
    for of_this_project in own.chain(["cumulus-etl".to_owned(), "cumulus-etl-fuzz".to_owned()]) {
        assert!(packages.remove(&of_this_project).is_some(), "{of_this_project}");
    }
    assert_eq!(ours["profile"]["dev"], theirs["profile"]["dev"]);
}

#[test]
fn each_target_names_the_code_that_it_aims_at() {
    for target in TARGETS {
        let path = project("fuzz/fuzz_targets").join(format!("{}.rs", target.name));
        let text = fs::read_to_string(&path).unwrap();
        let aims: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("//! - ")).collect();
        assert!(!aims.is_empty(), "{}", target.name);
        for aim in aims {
            let of_the_program = aim.starts_with("src/") || aim.starts_with("crates/");
            assert!(of_the_program && project(aim).is_file(), "{}: {aim}", target.name);
        }
    }
}

/// Runs the check of the target `CUMULUS_TEST_TARGET` on all files of the folders
/// `CUMULUS_TEST_INPUTS`, for `.ci/long`, which counts the lines that run.
#[test]
#[ignore = "for fuzzing: .ci/long calls it"]
fn replay_inputs() {
    let var = |name| std::env::var(name).unwrap_or_else(|_| panic!("{name} is set"));
    let (name, folders) = (var("CUMULUS_TEST_TARGET"), var("CUMULUS_TEST_INPUTS"));
    let target = TARGETS.into_iter().find(|target| target.name == name).expect("a target");
    for folder in folders.split(':') {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            run(target.check, &path.display().to_string(), &fs::read(&path).unwrap());
        }
    }
}

/// Writes the valid inputs to `CUMULUS_TEST_SEEDS/<target>/`, for `.ci/long`.
#[test]
#[ignore = "for fuzzing: .ci/long calls it"]
fn write_seeds() {
    let root = std::env::var("CUMULUS_TEST_SEEDS").expect("CUMULUS_TEST_SEEDS names a folder");
    for target in TARGETS {
        let folder = Path::new(&root).join(target.name);
        fs::create_dir_all(&folder).unwrap();
        for (number, seed) in (target.seeds)().iter().enumerate() {
            fs::write(folder.join(format!("{number:03}")), seed).unwrap();
        }
    }
}
