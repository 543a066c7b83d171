//! The surroundings of a container: volumes that can't be written to, limits, signals.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};
use std::thread;
use std::time::{Duration, Instant};

use super::{Job, docker, image, output, succeed};
use crate::needs::{self, need};
use crate::support::children;

/// `docker run` of the main job on a job's input, with these mounts for OUTPUT and PHI.
fn run(job: &Job, options: &[&str], mounts: &[String]) -> Command {
    let mut run = docker();
    run.args(["run", "--rm", "--network=none", "--init"]).args(options);
    run.arg(format!("--volume={}:/in:ro", job.path("in").display())).args(mounts);
    run.args([image(), "/in", "/out", "/phi", "--threads=2"]);
    run
}

fn volume(job: &Job, name: &str, mode: &str) -> String {
    format!("--volume={}:/{name}:{mode}", job.path(name).display())
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The run has failed for a reason of the system, has said which folder it was, and is no fault of
/// the program's own.
fn assert_failed(output: &Output, folder: &str, case: &str) {
    let said = said(output);
    assert!(matches!(output.status.code(), Some(19 | 70)), "{case}: {:?}: {said}", output.status);
    assert!(said.contains(&format!("'/{folder}")), "{case}: {said}");
    assert!(!said.contains("panicked") && !said.contains("fault of its own"), "{case}: {said}");
}

#[test]
fn volumes_that_cannot_be_written_to_fail_the_run_with_their_name() {
    need!(needs::docker());
    for (bad, good) in [("out", "phi"), ("phi", "out")] {
        for case in ["full", "read-only", "foreign"] {
            let job = Job::with_data(&format!("volumes-{bad}-{case}"));
            let mount = match case {
                "full" => {
                    format!("--mount=type=tmpfs,destination=/{bad},tmpfs-size=4096,tmpfs-mode=1777")
                }
                "read-only" => volume(&job, bad, "ro"),
                _ => {
                    // Of whoever runs the tests, and closed to the container's user.
                    let closed = fs::Permissions::from_mode(0o755);
                    fs::set_permissions(job.path(bad), closed).unwrap();
                    volume(&job, bad, "rw")
                }
            };
            let output = output(&mut run(&job, &[], &[mount, volume(&job, good, "rw")]));
            assert_failed(&output, bad, &format!("{bad} is {case}"));
            assert!(children(&job.path(bad)).is_empty(), "{bad} is {case}");
            let tables = children(&job.path("out"));
            assert!(!tables.iter().any(|name| name == "patient"), "{bad} is {case}: {tables:?}");
        }
    }
}

#[test]
fn a_pids_limit_ends_the_run_with_70_and_says_so() {
    need!(needs::docker());
    let job = Job::with_data("pids");
    let mounts = [volume(&job, "out", "rw"), volume(&job, "phi", "rw")];
    let (mut refused, mut done) = (0, false);
    for limit in [3, 5, 8, 12, 16, 20, 24, 32, 48, 64] {
        let option = format!("--pids-limit={limit}");
        let output = output(&mut run(&job, &[&option], &mounts));
        let said = said(&output);
        match output.status.code() {
            Some(0) => {
                done = true;
                break;
            }
            Some(70) => {
                assert!(said.contains("starts no further thread"), "{limit}: {said}");
                assert!(said.contains("--pids-limit"), "{limit}: {said}");
                refused += 1;
            }
            other => panic!("{limit}: {other:?}: {said}"),
        }
    }
    assert!(refused > 0 && done, "{refused} were refused");
}

/// Starts a job that takes a while, as a container of this name, until it is in the midst of it.
fn start_slowly(job: &Job, options: &[&str]) {
    let mut run = docker();
    run.args(["run", "--detach", "--name", &job.project, "--cpus=0.1"]).args(options);
    run.args(job.volumes()).args([image(), "/in", "/out", "/phi"]);
    succeed(&mut run);
    let started = Instant::now();
    while !job.path("phi/codebook.json").exists() {
        assert!(started.elapsed() < Duration::from_secs(120), "the job did not begin");
        thread::sleep(Duration::from_millis(20));
    }
}

fn inspect(job: &Job, what: &str) -> String {
    let format = format!("--format={{{{{what}}}}}");
    succeed(docker().args(["inspect", &format, &job.project])).trim().to_owned()
}

#[test]
fn a_container_leaves_no_core() {
    need!(needs::docker());
    let job = Job::with_data("core");
    // As the first process of the container, and writing where a core would go.
    start_slowly(&job, &["--ulimit=core=-1:-1", "--workdir=/out"]);
    let process = format!("/proc/{}", inspect(&job, ".State.Pid"));
    let limits = fs::read_to_string(Path::new(&process).join("limits")).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"], "{core}");
    succeed(docker().args(["kill", "--signal=SEGV", &job.project]));
    succeed(docker().args(["wait", &job.project]));
    let left = children(&job.path("out"));
    assert!(!left.iter().any(|name| name.starts_with("core")), "{left:?}");
}

#[test]
fn a_container_that_is_hung_up_on_ends_as_one_that_is_stopped() {
    need!(needs::docker());
    for (name, options) in [("hangup", &[][..]), ("hangup-init", &["--init"])] {
        let job = Job::with_data(name);
        start_slowly(&job, options);
        succeed(docker().args(["kill", "--signal=HUP", &job.project]));
        let code = succeed(docker().args(["wait", &job.project]));
        assert_eq!(code.trim(), "143", "{name}");
        let left = children(&job.path("phi"));
        assert!(!left.iter().any(|name| name.contains("work")), "{name}: {left:?}");
    }
}

#[test]
fn root_without_a_mount_for_phi_begins_no_codebook() {
    need!(needs::docker());
    let job = Job::with_data("unmounted");
    let root = |arguments: &[&str]| {
        let mut run = docker();
        run.args(["run", "--rm", "--network=none", "--user=0:0"]);
        run.arg(format!("--volume={}:/in:ro", job.path("in").display()));
        run.arg(volume(&job, "out", "rw")).args([image(), "/in", "/out"]).args(arguments);
        output(&mut run)
    };
    // A folder of its own, and one that is there already.
    for phi in ["/phi", "/home/cumulus", "/tmp/phi"] {
        let refused = root(&[phi]);
        let said = said(&refused);
        assert_eq!(refused.status.code(), Some(41), "{phi}: {said}");
        assert!(said.contains("--new-codebook") && said.contains("mounted"), "{phi}: {said}");
        assert!(children(&job.path("out")).is_empty(), "{phi}");
    }
    let meant = root(&["/phi", "--new-codebook"]);
    assert_eq!(meant.status.code(), Some(0), "{}", said(&meant));
    // Without the right to make the folder, there is no codebook either.
    let mut nobody = docker();
    nobody.args(["run", "--rm", "--network=none"]);
    nobody.arg(format!("--volume={}:/in:ro", job.path("in").display()));
    let nobody = output(nobody.args([image(), "/in", "/tmp/out", "/tmp/phi"]));
    assert_eq!(nobody.status.code(), Some(41), "{}", said(&nobody));
}

#[test]
fn the_documented_command_builds_the_image() {
    let text = fs::read_to_string(Path::new(super::ROOT).join("docs/kubernetes.md")).unwrap();
    let line = text.lines().find(|line| line.ends_with(" build")).expect("a build is documented");
    let (variable, command) = line.split_once(' ').unwrap();
    assert!(command.starts_with("docker compose "), "{line}");
    need!(needs::docker());
    let context = super::context(Path::new(super::PROGRAM), super::own_architecture());
    let (name, image) = variable.split_once('=').unwrap();
    let arguments: Vec<_> = command.split(' ').skip(1).collect();
    let mut build = docker();
    build.current_dir(context.path()).env(name, image).args(arguments);
    succeed(build.args(["--build-arg", "BINARY=prebuilt"]));
    succeed(docker().args(["image", "inspect", image]));
    succeed(docker().args(["image", "rm", image]));
    // The command that needs a plugin fails without it as the page says.
    let plugin = docker().args(["buildx", "version"]).output().unwrap().status.success();
    let mut plain = docker();
    plain.current_dir(context.path()).args(["build", "--build-arg", "BINARY=prebuilt", "."]);
    let plain = output(&mut plain);
    assert_eq!(plain.status.success(), plugin, "{}", said(&plain));
    let reason = "failed to parse platform";
    assert!(plugin || said(&plain).contains(reason), "{}", said(&plain));
    assert!(text.contains(reason));
}
