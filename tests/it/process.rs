//! The process towards the system: no core dumps, threads that can't be had, faults of its own.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use cumulus_etl::ui::Console;
use serde_json::json;

use crate::bulk::server::{Content, Server};
use crate::needs::{self, Needed, need};
use crate::support::{Ended, PROGRAM, Site, children, end, patient, resource};

/// A site that is another user's, for whom the system's limits hold, with the program where that
/// user reaches it. Only root can make one.
struct Foreign {
    site: Site,
    user: u32,
    program: PathBuf,
}

impl Foreign {
    /// `user`: nobody's on this machine, and of one test only, as limits count all its processes.
    #[track_caller]
    fn new(user: u32) -> Needed<Self> {
        needs::root()?;
        let site = Site::new();
        let program = site.path("cumulus-etl");
        // A hard link is not the same file system's on every machine.
        if fs::hard_link(PROGRAM, &program).is_err() {
            fs::copy(PROGRAM, &program).unwrap();
        }
        Ok(Self { site, user, program })
    }

    /// Has all of the site belong to the user.
    fn give(&self) {
        fs::set_permissions(self.site.path(""), fs::Permissions::from_mode(0o755)).unwrap();
        let mut todo = vec![self.site.path("")];
        while let Some(path) = todo.pop() {
            if path == self.program {
                continue;
            }
            chown(&path, Some(self.user), Some(self.user)).unwrap();
            if path.is_dir() {
                todo.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            }
        }
    }

    /// The program as this user, with so many processes and threads at most.
    fn limited(&self, threads: usize, arguments: &[&str]) -> Command {
        let mut command = self.site.command_of(Path::new("prlimit"));
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("CUMULUS_ETL_TEST_TIME_SCALE", "0.001");
        command.arg(format!("--nproc={threads}:{threads}")).arg(&self.program).args(arguments);
        command.uid(self.user).gid(self.user);
        command
    }

    /// Runs it under every limit from one thread to as many as it needs; it ends as it should at
    /// all of them. `undo` takes away what one has made.
    fn sweep(&self, arguments: &[&str], undo: impl Fn(&Site)) {
        self.give();
        let (mut refused, mut done) = (0, 0);
        for threads in 1..=64 {
            undo(&self.site);
            let ended = end(&mut self.limited(threads, arguments));
            match ended.code {
                Some(0) => done += 1,
                Some(70) => {
                    refused += 1;
                    assert_told(&ended, threads);
                }
                _ => panic!("{arguments:?} with {threads} threads: {ended:?}"),
            }
            if done == 2 {
                break;
            }
        }
        assert!(refused > 0, "{arguments:?}: no limit was felt");
        assert!(done > 0, "{arguments:?}: 64 threads are not enough");
    }
}

fn assert_told(ended: &Ended, threads: usize) {
    assert!(ended.err.contains("starts no further thread"), "{threads} threads: {ended:?}");
    assert!(ended.err.contains("--pids-limit"), "{threads} threads: {ended:?}");
    assert!(!ended.err.contains("panicked"), "{threads} threads: {ended:?}");
    assert!(!ended.err.contains("fault of its own"), "{threads} threads: {ended:?}");
}

fn rows(site: &Site) {
    let all: Vec<_> = (0..50).map(|n| patient(&format!("p{n}"), "other")).collect();
    site.rows("Patient.ndjson", &all);
    site.rows("Condition.ndjson", &[resource("Condition", "c", json!({}))]);
    site.rows("Encounter.ndjson", &[resource("Encounter", "e", json!({}))]);
}

fn remove(site: &Site, names: &[&str]) {
    for name in names {
        let _ = fs::remove_dir_all(site.path(name));
    }
}

#[test]
fn the_main_job_ends_with_70_where_a_thread_cannot_be_had() {
    for (user, format) in [(61_001, "deltalake"), (61_002, "parquet,ndjson,csv")] {
        let foreign = need!(Foreign::new(user));
        rows(&foreign.site);
        let format = format!("--output-format={format}");
        let job = ["in", "out", "phi", "--export-group=g", "--threads=3", &format];
        let time = "--export-timestamp=2024-08-06T14:12:57-04:00";
        foreign.sweep(&[&job[..], &[time]].concat(), |site| {
            let _ = fs::remove_dir_all(site.path("out"));
        });
    }
}

#[test]
fn demo_export_and_study_end_with_70_where_a_thread_cannot_be_had() {
    let foreign = need!(Foreign::new(61_003));
    foreign.sweep(&["demo", "dir", "--data-only", "--patients=2"], |site| remove(site, &["dir"]));

    let foreign = need!(Foreign::new(61_004));
    let content = Content::default().file("Patient", &[patient("p", "x"), patient("q", "x")]);
    let server = Server::start(content);
    foreign.sweep(&["export", &server.base(), "dir"], |site| remove(site, &["dir"]));

    let foreign = need!(Foreign::new(61_005));
    rows(&foreign.site);
    foreign.site.file(
        "studies/met/manifest.toml",
        "study_prefix = 'met'\n[[stages.default]]\ntype = 'build:parallel'\nfiles = ['a.sql', 'b.sql']\n",
    );
    let all = "CREATE TABLE met__a AS SELECT count(*) AS n FROM patient;\n";
    foreign.site.file("studies/met/a.sql", all);
    foreign.site.file("studies/met/b.sql", all.replace("met__a", "met__b"));
    let study = ["study", "build", "-t", "met", "-s", "studies", "--database", "db"];
    let arguments = [&study[..], &["--load-ndjson-dir", "in"]].concat();
    foreign.sweep(&arguments, |site| remove(site, &["db"]));
    assert!(foreign.site.path("db/met").is_dir(), "{:?}", children(&foreign.site.path("db")));
}

/// Killed at the end of a test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn no_command_leaves_a_core() {
    // Before it asks a server for anything, it has made sure of that.
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/fhir", server.local_addr().unwrap());
    let foreign = Foreign::new(61_006);
    let commands: [&[&str]; 3] =
        [&["export", &url, "dir"], &[&url, "out", "phi"], &["--check", &url, "out", "phi"]];
    for arguments in commands {
        let site = Site::new();
        let mut command = match &foreign {
            Ok(foreign) => {
                foreign.give();
                foreign.limited(1000, arguments)
            }
            Err(_) => {
                let mut command = site.command_of(Path::new("prlimit"));
                command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
                command.args(["--core=unlimited:unlimited", PROGRAM]).args(arguments);
                command
            }
        };
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let running = Running(command.spawn().unwrap());
        drop(server.accept().unwrap());
        let process = PathBuf::from(format!("/proc/{}", running.0.id()));
        let limits = fs::read_to_string(process.join("limits")).unwrap();
        let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
        let fields: Vec<_> = core.split_whitespace().collect();
        assert_eq!(&fields[4..6], ["0", "0"], "{arguments:?}: {core}");
        // The files in `/proc` of a process that is not dumpable belong to root, whoever runs it.
        if foreign.is_ok() || !is_root() {
            let status = fs::read_to_string(process.join("status")).unwrap();
            let users = status.lines().find(|line| line.starts_with("Uid:")).unwrap();
            assert!(!users.contains("\t0\t"), "{arguments:?}: {users}");
            let owner = fs::metadata(process.join("maps")).unwrap().uid();
            assert_eq!(owner, 0, "{arguments:?}: it is dumpable");
        }
    }
}

fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

/// Run by the test below in a process of its own: a hook is a whole process's.
#[test]
#[ignore = "ends its process"]
fn a_program_that_panics() {
    let fault = || -> () { panic!("the row of Jane Doe, MRN-4711") };
    let ended = match std::env::var("CUMULUS_TEST_PANIC").as_deref() {
        Ok("thread") => cumulus_etl::ui::without_panic(&Console::default(), 70, || {
            std::thread::scope(|scope| drop(scope.spawn(fault)));
        }),
        Ok("joined") => cumulus_etl::ui::without_panic(&Console::default(), 70, || {
            let text = "caf\u{e9} of Jane Doe";
            std::thread::spawn(move || text[..4].len()).join().unwrap();
        }),
        _ => cumulus_etl::ui::without_panic(&Console::default(), 70, fault),
    };
    std::process::exit(ended.map_or(70, |()| 0));
}

#[test]
fn a_fault_of_the_program_ends_with_70_and_its_place_alone() {
    for kind in ["main", "thread", "joined"] {
        let mut program = Command::new(std::env::current_exe().unwrap());
        program.args(["--exact", "process::a_program_that_panics", "--ignored", "--nocapture"]);
        let ended = end(program.env("CUMULUS_TEST_PANIC", kind));
        assert_eq!(ended.code, Some(70), "{kind}: {ended:?}");
        assert!(ended.err.contains("cumulus-etl: the program has failed"), "{kind}: {ended:?}");
        assert!(ended.err.contains("at tests/it/process.rs:"), "{kind}: {ended:?}");
        for value in ["Jane", "4711", "panicked"] {
            assert!(!ended.err.contains(value), "{kind}: {ended:?}");
        }
        assert_eq!(ended.err.matches("the program has failed").count(), 1, "{kind}: {ended:?}");
    }
}
