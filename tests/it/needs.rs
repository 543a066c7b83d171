//! Tools that tests need and a machine may lack, and the rule for tests without them.
//!
//! A test asks here for what it needs, by `need!`, which returns where the need is not supplied. Only
//! [`skip`] makes the [`Skipped`] that `need!` returns for, so no test returns early without a record: a
//! line in the file that `CUMULUS_TEST_SKIPS` names, or else on standard error, past the test
//! runner's capture. Where `CUMULUS_TEST_REQUIRE` lists the need (`python,jose`, or `all`), the
//! test fails instead and says what is missing. Unit tests share this file (see `src/lib.rs`).

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Something that a machine may lack.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Need {
    /// The emulator of Azure's storage.
    Azurite,
    /// A Docker engine.
    Docker,
    /// A former release of this program.
    Former,
    /// The command `jose`.
    Jose,
    /// The right to limit a process's memory.
    Memory,
    /// The right to mount file systems.
    Mounts,
    /// The command `openssl`.
    Openssl,
    /// Cumulus ETL, which this program follows.
    Predecessor,
    /// Python with the packages that `.ci/run` installs.
    Python,
    /// A release build of this program.
    Release,
    /// The right to be another user.
    Root,
    /// The reference data beside the project.
    Shared,
    /// The packages that Spark needs for Delta tables.
    Spark,
}

impl Need {
    const ALL: [Self; 13] = [
        Self::Azurite,
        Self::Docker,
        Self::Former,
        Self::Jose,
        Self::Memory,
        Self::Mounts,
        Self::Openssl,
        Self::Predecessor,
        Self::Python,
        Self::Release,
        Self::Root,
        Self::Shared,
        Self::Spark,
    ];

    /// Its name in `CUMULUS_TEST_REQUIRE` and in records.
    fn name(self) -> &'static str {
        match self {
            Self::Azurite => "azurite",
            Self::Docker => "docker",
            Self::Former => "former",
            Self::Jose => "jose",
            Self::Memory => "memory",
            Self::Mounts => "mounts",
            Self::Openssl => "openssl",
            Self::Predecessor => "predecessor",
            Self::Python => "python",
            Self::Release => "release",
            Self::Root => "root",
            Self::Shared => "shared",
            Self::Spark => "spark",
        }
    }
}

/// The proof that a skip was recorded.
#[derive(Clone, Copy, Debug)]
pub struct Skipped(());

/// The tool that a test needs, or the proof that its skip was recorded.
pub type Needed<T> = Result<T, Skipped>;

/// Evaluates to what a test needs; where that is lacking, the test's skip was recorded, and it returns.
macro_rules! need {
    ($needed:expr) => {
        match $needed {
            Ok(supplied) => supplied,
            Err($crate::needs::Skipped { .. }) => return,
        }
    };
}
#[allow(unused_imports, reason = "not all test binaries have tests with needs")]
pub(crate) use need;

/// Skips the calling test, as it lacks what it needs, and records why. `missing` says what is missing
/// and how to supply it, in one line.
///
/// Panics where `CUMULUS_TEST_REQUIRE` lists the need.
#[track_caller]
pub fn skip<T>(need: Need, missing: &str) -> Needed<T> {
    let test = test_name();
    let required = std::env::var("CUMULUS_TEST_REQUIRE").unwrap_or_default();
    if is_required(&required, need).unwrap_or_else(|error| panic!("{error}")) {
        panic!("CUMULUS_TEST_REQUIRE lists '{}', but {missing}", need.name());
    }
    match variable("CUMULUS_TEST_SKIPS") {
        Some(path) => {
            let line = format!("{}\t{test}\t{missing}\n", need.name());
            // One write a line: tests and test binaries write concurrently.
            let file = OpenOptions::new().append(true).create(true).open(&path);
            let written = file.and_then(|mut file| file.write_all(line.as_bytes()));
            written.unwrap_or_else(|error| panic!("CUMULUS_TEST_SKIPS, {path:?}: {error}"));
        }
        None => {
            let line = format!("skipped: {test}: {missing}\n");
            let _ = io::stderr().write_all(line.as_bytes());
        }
    }
    Err(Skipped(()))
}

/// The running test: threads of the test runner have its name.
#[track_caller]
fn test_name() -> String {
    let thread = std::thread::current();
    match thread.name() {
        Some(name) if name != "main" => name.to_owned(),
        _ => {
            let place = std::panic::Location::caller();
            format!("{}:{}", place.file(), place.line())
        }
    }
}

/// Whether a list of needs has this one. An error for a name that is no need's, which would
/// otherwise require nothing without a word.
fn is_required(list: &str, need: Need) -> Result<bool, String> {
    let mut required = false;
    for name in list.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        let known = Need::ALL.into_iter().find(|known| known.name() == name);
        if known.is_none() && name != "all" {
            let names = Need::ALL.map(Need::name).join(", ");
            return Err(format!("CUMULUS_TEST_REQUIRE: '{name}' is none of all, {names}"));
        }
        required |= known.is_none_or(|known| known == need);
    }
    Ok(required)
}

fn variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// The path in a variable, if something is there.
#[track_caller]
fn named_by(name: &str, need: Need, what: &str) -> Needed<PathBuf> {
    match variable(name) {
        Some(path) if path.exists() => Ok(path),
        Some(path) => skip(need, &format!("{name} names '{}', which is not there", path.display())),
        None => skip(need, &format!("{name} does not name {what}")),
    }
}

/// The Python of `.ci/run`.
#[track_caller]
pub fn python() -> Needed<PathBuf> {
    let what = "a Python with the packages that .ci/run installs";
    named_by("CUMULUS_TEST_PYTHON", Need::Python, what)
}

/// The program `azurite-blob`.
#[track_caller]
pub fn azurite() -> Needed<PathBuf> {
    named_by("CUMULUS_TEST_AZURITE", Need::Azurite, "the program azurite-blob (npm's azurite)")
}

/// A program that `cargo build --release --features ballista` has made.
#[track_caller]
pub fn release() -> Needed<PathBuf> {
    named_by("CUMULUS_TEST_RELEASE", Need::Release, "a release build")
}

/// A former release of this program.
#[track_caller]
pub fn former() -> Needed<PathBuf> {
    named_by("CUMULUS_TEST_FORMER", Need::Former, "a former release of the program")
}

/// The program of Cumulus ETL.
#[track_caller]
pub fn predecessor() -> Needed<PathBuf> {
    let what = "the program of Cumulus ETL (bin/cumulus-etl of an environment with its package)";
    named_by("CUMULUS_TEST_PREDECESSOR", Need::Predecessor, what)
}

/// The program of Cumulus ETL, if its Spark has what it needs for Delta tables: it fetches that from
/// Maven when it first writes one.
#[track_caller]
pub fn predecessor_with_spark() -> Needed<PathBuf> {
    let program = predecessor()?;
    let entries = |folder: PathBuf| std::fs::read_dir(folder).into_iter().flatten().flatten();
    let begins = |entry: &std::fs::DirEntry, with: &str| {
        entry.file_name().to_string_lossy().starts_with(with)
    };
    let mut homes = variable("HOME").into_iter().flat_map(entries);
    let has_packages = homes.any(|entry| {
        begins(&entry, ".ivy2")
            && entries(entry.path().join("jars")).any(|jar| begins(&jar, "io.delta_delta-spark"))
    });
    let missing = "Delta's packages for Spark are not in ~/.ivy2*/jars (Cumulus ETL fetches them from \
                   Maven)";
    if has_packages { Ok(program) } else { skip(Need::Spark, missing) }
}

/// Whether there is a Docker engine, as `tests/container/with-docker` says.
#[track_caller]
pub fn docker() -> Needed<()> {
    if std::env::var("CUMULUS_TEST_DOCKER").is_ok_and(|value| value == "1") {
        return Ok(());
    }
    skip(
        Need::Docker,
        "CUMULUS_TEST_DOCKER is not 1 (run the tests with tests/container/with-docker)",
    )
}

/// Whether a test may run programs as another user.
#[track_caller]
pub fn root() -> Needed<()> {
    let user = std::fs::metadata("/proc/self").ok().map(|own| own.uid());
    if user == Some(0) {
        return Ok(());
    }
    skip(Need::Root, "only root can run a program as another user")
}

/// Whether the command `jose` can be run.
#[track_caller]
pub fn jose() -> Needed<()> {
    command("jose", Need::Jose)
}

/// Whether the command `openssl` can be run.
#[track_caller]
pub fn openssl() -> Needed<()> {
    command("openssl", Need::Openssl)
}

#[track_caller]
fn command(name: &str, need: Need) -> Needed<()> {
    let mut command = Command::new(name);
    command.arg("--help").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    match command.status() {
        Ok(_) => Ok(()),
        Err(_) => skip(need, &format!("the command '{name}' is not installed")),
    }
}

/// A file or folder of the reference data: in the folder that `CUMULUS_TEST_SHARED` names, or else
/// in a folder `shared` beside the project or beside a folder around it.
#[track_caller]
pub fn shared(path: &str) -> Needed<PathBuf> {
    let found = match variable("CUMULUS_TEST_SHARED") {
        Some(folder) => Some(folder.join(path)).filter(|found| found.exists()),
        None => {
            let around = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().skip(1);
            around.map(|up| up.join("shared").join(path)).find(|found| found.exists())
        }
    };
    let missing = || format!("there is no shared/{path} (CUMULUS_TEST_SHARED names the folder)");
    match found {
        Some(found) => Ok(found),
        None => skip(Need::Shared, &missing()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_need_is_required_by_its_name_or_by_all() {
        for list in ["jose", "python,jose", " python , jose ,", "all"] {
            assert_eq!(is_required(list, Need::Jose), Ok(true), "{list}");
        }
        for list in ["", ",", "python", "docker,python"] {
            assert_eq!(is_required(list, Need::Jose), Ok(false), "{list}");
        }
        let error = is_required("python,josé", Need::Python).unwrap_err();
        assert!(error.contains("'josé'") && error.contains("jose, "), "{error}");
    }

    #[test]
    fn each_need_has_a_name_of_its_own() {
        for need in Need::ALL {
            let same = Need::ALL.into_iter().filter(|other| other.name() == need.name());
            assert_eq!(same.collect::<Vec<_>>(), [need]);
        }
    }
}
