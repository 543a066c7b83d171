//! The image and compose.yaml.
//!
//! The image is built and run for real: `tests/container/with-docker cargo test --test it
//! container` switches these tests on (`CUMULUS_TEST_DOCKER=1`) and sees to an engine.

mod buckets;
mod built;
#[cfg(feature = "ballista")]
mod cluster;
mod limits;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::bulk::server::{Content, Server};
use crate::needs::{self, need};
use crate::support::patient;

const PROGRAM: &str = env!("CARGO_BIN_EXE_cumulus-etl");
const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const IMAGE: &str = "cumulus-etl:test";
/// The image's own user.
const NOBODY: u32 = 65532;

/// `docker`, with nothing of the developer's settings.
fn docker() -> Command {
    let mut command = Command::new("docker");
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if ["AWS_", "COMPOSE_", "CUMULUS_"].iter().any(|prefix| text.starts_with(prefix)) {
            command.env_remove(&name);
        }
    }
    command.env("CUMULUS_IMAGE", IMAGE);
    command
}

fn output(command: &mut Command) -> Output {
    command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

/// Runs it to a good end; what it printed.
fn succeed(command: &mut Command) -> String {
    let output = output(command);
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Docker's name of this machine's architecture.
fn own_architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// The build context of an image that takes `program` as it is, in a folder that goes away.
fn context(program: &Path, architecture: &str) -> TempDir {
    let context = tempfile::tempdir().unwrap();
    for file in ["Dockerfile", ".dockerignore", "compose.yaml", "LICENSE"] {
        fs::copy(Path::new(ROOT).join(file), context.path().join(file)).unwrap();
    }
    let dist = context.path().join("dist").join(architecture);
    fs::create_dir_all(&dist).unwrap();
    fs::copy(program, dist.join("cumulus-etl")).unwrap();
    context
}

/// `docker compose build` there.
fn build(context: &TempDir) -> Command {
    let mut command = docker();
    command.current_dir(context.path());
    command.args(["compose", "--profile", "etl", "build", "--build-arg", "BINARY=prebuilt"]);
    command
}

/// Builds the image, once per test run, from this build's program.
fn image() -> &'static str {
    static BUILT: OnceLock<()> = OnceLock::new();
    BUILT.get_or_init(|| {
        let context = context(Path::new(PROGRAM), own_architecture());
        succeed(build(&context).args(["--build-arg", "REVISION=0123456789abcdef"]));
    });
    IMAGE
}

/// A checkout's compose.yaml with folders to mount; all of it is removed at the end.
struct Job {
    folder: TempDir,
    project: String,
}

impl Job {
    fn new(name: &str) -> Self {
        image();
        let folder = tempfile::tempdir().unwrap();
        fs::copy(Path::new(ROOT).join("compose.yaml"), folder.path().join("compose.yaml")).unwrap();
        for mounted in ["in", "out", "phi"] {
            let path = folder.path().join(mounted);
            fs::create_dir(&path).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).unwrap();
        }
        let project = format!("cumulus-etl-test-{name}-{}", std::process::id());
        Self { folder, project }
    }

    /// The same, with an export in the input folder.
    fn with_data(name: &str) -> Self {
        let job = Self::new(name);
        let mut demo = Command::new(PROGRAM);
        demo.args(["demo", "--patients", "20", "--data-only"]).arg(job.path("in"));
        succeed(&mut demo);
        job
    }

    fn path(&self, below: &str) -> PathBuf {
        self.folder.path().join(below)
    }

    /// `--volume` options for the three folders.
    fn volumes(&self) -> Vec<String> {
        let mounts = [("in", "ro"), ("out", "rw"), ("phi", "rw")];
        let mount = |(name, mode)| format!("--volume={}:/{name}:{mode}", self.path(name).display());
        mounts.map(mount).to_vec()
    }

    fn compose(&self) -> Command {
        let mut command = docker();
        command.current_dir(self.folder.path());
        command.args(["compose", "--project-name", &self.project]);
        command
    }

    /// `docker compose run` as the documentation has it.
    fn run(&self, options: &[&str], arguments: &[&str]) -> Command {
        let mut command = self.compose();
        command.args(["run", "--rm", "-T"]).args(self.volumes()).args(options);
        command.arg("cumulus-etl").args(arguments);
        command
    }

    /// The mounted folders' files and folders, each with its owner.
    fn owners(&self, folder: &str) -> BTreeMap<PathBuf, u32> {
        let mut found = BTreeMap::new();
        let mut todo = vec![self.path(folder)];
        while let Some(path) = todo.pop() {
            for entry in fs::read_dir(path).unwrap() {
                let entry = entry.unwrap();
                let metadata = entry.metadata().unwrap();
                if metadata.is_dir() {
                    todo.push(entry.path());
                }
                found.insert(entry.path(), metadata.uid());
            }
        }
        found
    }

    /// Asserts that the job wrote to OUTPUT and PHI as `user` and left the rest alone.
    fn assert_all_written_by(&self, user: u32) {
        for folder in ["out", "phi"] {
            let owners = self.owners(folder);
            assert!(!owners.is_empty(), "nothing in {folder}");
            let others: Vec<_> = owners.iter().filter(|(_, owner)| **owner != user).collect();
            assert!(others.is_empty(), "not owned by {user}: {others:?}");
        }
        let mut entries: Vec<_> = fs::read_dir(self.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        entries.retain(|name| name != ".env" && name != "compose.override.yaml");
        entries.sort();
        assert_eq!(entries, ["compose.yaml", "in", "out", "phi"]);
    }

    /// Rows of the `ndjson` format's patient table.
    fn patients(&self) -> usize {
        let text = fs::read_to_string(self.path("out/patient/patient.000.ndjson")).unwrap();
        text.lines().filter(|line| line.contains("\"resourceType\":\"Patient\"")).count()
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        let _ = docker().args(["rm", "--force", &self.project]).output();
        let _ = self.compose().args(["--profile", "*", "down", "--volumes"]).output();
    }
}

/// A user that is nobody's on this machine where we may clean up after it, else our own.
fn foreign_user() -> u32 {
    let own = fs::metadata("/proc/self").unwrap().uid();
    if own == 0 { 12345 } else { own }
}

#[test]
fn the_image_says_what_it_is() {
    need!(needs::docker());
    let text = succeed(docker().args(["image", "inspect", image()]));
    let inspected: Value = serde_json::from_str(&text).unwrap();
    let config = &inspected[0]["Config"];
    assert_eq!(config["Entrypoint"], serde_json::json!(["cumulus-etl"]));
    assert_eq!(config["User"], format!("{NOBODY}:{NOBODY}"));
    assert_eq!(config["Healthcheck"]["Test"], serde_json::json!(["NONE"]));
    let label = |name: &str| config["Labels"][format!("org.opencontainers.image.{name}")].clone();
    assert_eq!(label("title"), env!("CARGO_PKG_NAME"));
    assert_eq!(label("version"), env!("CARGO_PKG_VERSION"));
    assert_eq!(label("licenses"), env!("CARGO_PKG_LICENSE"));
    // This program has no address yet; another program's would mislead scanners and people.
    for name in ["source", "url", "documentation"] {
        assert!(label(name).is_null(), "{name}: {}", label(name));
    }
    assert_eq!(label("revision"), "0123456789abcdef");
}

#[test]
fn the_program_starts_as_any_user_with_nothing_writable_or_allowed() {
    need!(needs::docker());
    let mut run = docker();
    run.args(["run", "--rm", "--read-only", "--network=none", "--cap-drop=ALL"]);
    run.args(["--security-opt=no-new-privileges", "--user=12345:0", image(), "--version"]);
    succeed(&mut run);
}

#[test]
fn there_is_no_shell() {
    need!(needs::docker());
    for shell in ["/bin/sh", "/bin/bash", "/usr/bin/sh"] {
        let run = output(docker().args(["run", "--rm", "--entrypoint", shell, image()]));
        assert_eq!(run.status.code(), Some(127), "{shell}");
    }
}

#[test]
fn settings_come_from_the_shell_and_from_dot_env() {
    need!(needs::docker());
    let job = Job::new("settings");
    fs::write(job.path(".env"), "AWS_REGION=eu-west-3\nCUMULUS_USER=4321:1\nOTHER=1\n").unwrap();
    let text = succeed(
        job.compose()
            .args(["--profile", "etl", "--profile", "library", "config", "--format", "json"])
            .env("CUMULUS_ETL_COMMENT", "a b")
            .env("https_proxy", "http://proxy:1")
            .env("CUMULUS_AWS_DIR", "/somewhere/.aws"),
    );
    let config: Value = serde_json::from_str(&text).unwrap();
    for service in ["cumulus-etl", "cumulus-library"] {
        let service = &config["services"][service];
        let set: BTreeMap<_, _> = service["environment"]
            .as_object()
            .unwrap()
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name.as_str(), value.as_str().unwrap()))
            .collect();
        for (name, value) in [
            ("AWS_REGION", "eu-west-3"),
            ("CUMULUS_ETL_COMMENT", "a b"),
            ("https_proxy", "http://proxy:1"),
            ("OTHER", "1"),
        ] {
            assert_eq!(set.get(name), Some(&value), "{name}");
        }
        assert!(!set.contains_key("CUMULUS_ETL_TASK"), "{set:?}");
        assert_eq!(service["user"], "4321:1");
        assert_eq!(service["volumes"][0]["source"], "/somewhere/.aws");
        assert_eq!(service["volumes"][0]["read_only"], true);
    }
}

/// The rows that a Delta table's commits say they added.
fn rows_added(table: &Path) -> u64 {
    let mut rows = 0;
    for entry in fs::read_dir(table.join("_delta_log")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        for line in fs::read_to_string(path).unwrap().lines() {
            let action: Value = serde_json::from_str(line).unwrap();
            if let Some(stats) = action["add"]["stats"].as_str() {
                let stats: Value = serde_json::from_str(stats).unwrap();
                rows += stats["numRecords"].as_u64().unwrap();
            }
        }
    }
    rows
}

#[test]
fn tables_appear_in_the_mounted_folders() {
    need!(needs::docker());
    let job = Job::with_data("tables");
    succeed(&mut job.run(&[], &["/in", "/out", "/phi"]));
    assert!(rows_added(&job.path("out/patient")) > 0);
    assert!(job.path("phi/codebook.json").exists());
    job.assert_all_written_by(NOBODY);
}

#[test]
fn any_user_owns_what_the_job_writes() {
    need!(needs::docker());
    let job = Job::with_data("user");
    let user = format!("{}:0", foreign_user());
    let options = ["--user", &user];
    succeed(&mut job.run(&options, &["/in", "/out", "/phi", "--output-format=ndjson"]));
    assert!(job.patients() > 0);
    job.assert_all_written_by(foreign_user());
}

#[test]
fn a_read_only_root_is_enough() {
    need!(needs::docker());
    let job = Job::with_data("read-only");
    let mut run = docker();
    run.args(["run", "--rm", "--read-only", "--network=none"]).args(job.volumes());
    run.args([image(), "/in", "/out", "/phi", "--output-format=ndjson"]);
    succeed(&mut run);
    assert!(job.patients() > 0);
    job.assert_all_written_by(NOBODY);
}

#[test]
fn an_export_goes_through_compose_to_the_mounted_folder() {
    need!(needs::docker());
    let rows = |n| (0..n).map(|n| patient(&format!("p{n}"), "other")).collect::<Vec<_>>();
    let server = Server::start(Content::default().file("Patient", &rows(3)));
    let job = Job::new("export");
    // The server is on this machine's loopback.
    let host = "services:\n  cumulus-etl:\n    network_mode: host\n";
    fs::write(job.path("compose.override.yaml"), host).unwrap();
    let exported = job.path("in").join("exported");
    fs::create_dir(&exported).unwrap();
    fs::set_permissions(&exported, fs::Permissions::from_mode(0o777)).unwrap();
    let volume = format!("--volume={}:/folder", exported.display());
    let url = format!("{}/", server.base());
    let mut run = job.run(&[&volume], &["--export-to=/folder", &url, "/out", "/phi"]);
    succeed(run.arg("--output-format=ndjson"));
    let lines = fs::read_to_string(exported.join("Patient.000.ndjson")).unwrap();
    assert_eq!(lines.lines().count(), 3);
    assert!(exported.join("log.ndjson").exists());
    assert_eq!(job.patients(), 3);
    assert_eq!(server.seen("DELETE", "jobs/").len(), 1);
}

#[test]
fn the_exit_code_is_passed_on() {
    need!(needs::docker());
    let job = Job::new("exit");
    let code = |command: &mut Command| output(command).status.code();
    let folders = ["/in", "/out", "/phi"];
    assert_eq!(code(&mut job.run(&[], &["--no-such-flag"])), Some(2));
    assert_eq!(code(&mut job.run(&[], &["/missing", "/out", "/phi"])), Some(54));
    assert_eq!(code(&mut job.run(&[], &folders)), Some(36));
    let mut task = job.run(&[], &folders);
    assert_eq!(code(task.env("CUMULUS_ETL_TASK", "help")), Some(35));
    fs::write(job.path(".env"), "CUMULUS_ETL_TASK=no-such-task\n").unwrap();
    assert_eq!(code(&mut job.run(&[], &folders)), Some(17));
    assert_eq!(job.owners("out"), BTreeMap::new());
}

#[test]
fn the_library_service_is_the_study_command() {
    need!(needs::docker());
    let job = Job::new("library");
    let help = succeed(job.compose().args(["run", "--rm", "-T", "cumulus-library", "--help"]));
    assert_eq!(help, succeed(Command::new(PROGRAM).args(["study", "--help"])));
}

/// Starts `run` (which names its container), stops it amid its work, and asserts a proper end.
fn assert_stops(job: &Job, container: &str, mut run: Command) {
    succeed(&mut run);
    let started = Instant::now();
    while !job.path("phi/codebook.json").exists() {
        assert!(started.elapsed() < Duration::from_secs(60), "the job did not begin");
        thread::sleep(Duration::from_millis(20));
    }
    let stopping = Instant::now();
    succeed(docker().args(["stop", "--time=20", container]));
    let took = stopping.elapsed();
    let code = succeed(docker().args(["inspect", "--format={{.State.ExitCode}}", container]));
    assert_eq!(code.trim(), "143");
    assert!(took < Duration::from_secs(10), "it took {took:?}");
}

/// Makes the job slow enough to be stopped before it is done.
const SLOWLY: [&str; 2] = ["--cpus", "0.1"];

#[test]
fn a_stopped_container_ends_with_143() {
    need!(needs::docker());
    let job = Job::with_data("stop");
    // The program is process 1 here, which has no default action on signals.
    let mut run = docker();
    run.args(["run", "--detach", "--name", &job.project]).args(SLOWLY).args(job.volumes());
    run.args([image(), "/in", "/out", "/phi"]);
    assert_stops(&job, &job.project, run);
}

#[test]
fn a_stopped_compose_run_ends_with_143() {
    need!(needs::docker());
    let job = Job::with_data("compose-stop");
    let limits = "services:\n  cumulus-etl:\n    cpus: 0.1\n";
    fs::write(job.path("compose.override.yaml"), limits).unwrap();
    let mut run = job.compose();
    run.args(["run", "--detach", "--name", &job.project]).args(job.volumes());
    run.args(["cumulus-etl", "/in", "/out", "/phi"]);
    assert_stops(&job, &job.project, run);
}
