//! Folders that are the wrong ones, can't be written, or are full.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::bulk::server::{Content, Server};
use crate::needs::{self, Need, Needed, need};
use crate::support::{Ended, PROGRAM, Site, children, end, patient, resource};

const FULL: &str = "No space left on device";

fn site() -> Site {
    let site = Site::new();
    site.rows("p.ndjson", &[patient("p", "secret-gender")]);
    site
}

fn run(command: &mut Command, [input, output, phi]: [&str; 3]) -> Ended {
    command.args([input, output, phi, "--export-group=g", "--export-timestamp=2024-01-01"]);
    end(command)
}

#[test]
fn another_phi_folder_is_refused_before_anything_is_written() {
    let site = site();
    site.run(&[]);
    let codebook = |id: &str| format!(r#"{{"version":1,{id}"id_salt":"{}"}}"#, "ab".repeat(32));
    site.file("other/codebook.json", codebook(r#""codebook_id":"other","#));
    // Completing this one would be writing, too.
    site.file("halfway/codebook.json", codebook(""));
    site.file("old/codebook.json", r#"{"mrn":{}}"#);
    fs::create_dir(site.path("empty")).unwrap();
    let before = site.listing("");
    for phi in ["other", "halfway", "old", "empty", "new"] {
        let mut command = site.command();
        command.arg("--errors-to=errors");
        let ended = run(&mut command, ["in", "out", phi]);
        assert_eq!(ended.code, Some(41), "{phi}: {}", ended.err);
        for part in ["another PHI folder ('phi')", "/out'", &format!("/{phi}'")] {
            assert!(ended.err.contains(part), "{part}: {}", ended.err);
        }
        assert_eq!(site.listing(""), before, "{phi}");
    }
    // A record that a run lost with its life is no way around it.
    site.file("out/JobConfig/2999-01-01__00.00.00/job_config.json", "{}");
    let ended = run(&mut site.command(), ["in", "out", "other"]);
    assert_eq!(ended.code, Some(41), "{}", ended.err);
}

#[test]
fn a_damaged_codebook_is_an_error_without_its_content() {
    for text in [
        "{\"id_salt\": \"f00d",
        "[]",
        "{\"version\":1,\"codebook_id\":\"c\",\"id_salt\":\"f00d\"}",
        "{\"version\":7,\"id_salt\":\"f00d\"}",
    ] {
        let site = site();
        site.file("phi/codebook.json", text);
        let ended = run(&mut site.command(), ["in", "out", "phi"]);
        assert_eq!(ended.code, Some(70), "{}", ended.err);
        assert!(
            ended.err.contains("phi/codebook.json'") && !ended.err.contains("f00d"),
            "{}",
            ended.err
        );
        assert_eq!(fs::read_to_string(site.path("phi/codebook.json")).unwrap(), text);
        assert!(!site.path("out/patient").exists());
    }
}

#[test]
fn folders_inside_each_other_are_refused() {
    let site = site();
    fs::create_dir_all(site.path("real/out")).unwrap();
    std::os::unix::fs::symlink(site.path("real"), site.path("link")).unwrap();
    let before = site.listing("");
    let url = format!("file://{}", site.arg("real"));
    for places in [
        ["in", "x", "x"],
        ["in", "x", "x/phi"],
        ["in", "x/out", "x"],
        ["in", "real/out", "link/out/../out"],
        ["in", "real/out", &url],
        ["in", "in", "phi"],
        ["in", "in/out", "phi"],
        ["in", ".", "phi"],
    ] {
        let ended = run(&mut site.command(), places);
        assert_eq!(ended.code, Some(22), "{places:?}: {}", ended.err);
        assert!(ended.err.contains("side by side"), "{places:?}: {}", ended.err);
        assert_eq!(site.listing(""), before, "{places:?}");
    }
    let mut command = site.command();
    let ended = run(command.arg("--errors-to=out/errors"), ["in", "out", "phi"]);
    assert_eq!(ended.code, Some(22), "{}", ended.err);
    assert_eq!(site.listing(""), before);
    // Names that only begin alike, and a PHI folder around the input, are fine.
    fs::rename(site.path("in"), site.path("real/in")).unwrap();
    let ended = run(&mut site.command(), ["real/in", "real/in-out", "real/phi"]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
}

/// The user that [`Nobody`] is where the tests are root's.
pub const NOBODY: u32 = 65534;

/// The program as someone who is not root, for whom permissions count.
pub struct Nobody<'a>(&'a Site);

impl<'a> Nobody<'a> {
    pub fn new(site: &'a Site) -> Self {
        let program = site.path("program");
        if fs::hard_link(PROGRAM, &program).is_err() {
            fs::copy(PROGRAM, &program).unwrap();
        }
        open(&site.path(""), 0o777);
        ["in", "home", "tmp"].iter().for_each(|name| open(&site.path(name), 0o777));
        Self(site)
    }

    pub fn run(&self, options: &[&str]) -> Ended {
        run(self.command().args(options), ["in", "out", "phi"])
    }

    pub fn command(&self) -> Command {
        let mut command = self.0.command_of(&self.0.path("program"));
        if rustix::process::getuid().is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    }
}

fn open(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn folders_that_cannot_be_written_are_named() {
    let site = site();
    let nobody = Nobody::new(&site);
    assert_eq!(nobody.run(&[]).code, Some(0));
    let says = |ended: Ended, code: i32, part: &str| {
        assert_eq!(ended.code, Some(code), "{}", ended.err);
        assert!(ended.err.contains(part), "{part}: {}", ended.err);
        assert!(ended.err.contains("Permission denied"), "{}", ended.err);
        assert!(!ended.err.contains("secret-gender") && !ended.err.contains("panicked"));
    };
    // OUTPUT.
    open(&site.path("out/JobConfig"), 0o555);
    says(nobody.run(&[]), 70, "cannot write '");
    open(&site.path("out/JobConfig"), 0o777);
    open(&site.path("out/patient"), 0o555);
    says(nobody.run(&[]), 19, "out/patient/");
    assert_eq!(site.table("out", "deltalake", "patient").len(), 1);
    open(&site.path("out/patient"), 0o777);
    // PHI: nothing goes out that could not be traced back.
    site.rows("q.ndjson", &[patient("q", "x")]);
    open(&site.path("phi"), 0o555);
    says(nobody.run(&[]), 19, "phi/");
    assert_eq!(site.table("out", "deltalake", "patient").len(), 1);
    assert_eq!(site.table("out", "deltalake", "etl__completion").len(), 1);
    assert!(site.listing("tmp").is_empty());
    open(&site.path("phi"), 0o777);
    // Input.
    open(&site.path("in/q.ndjson"), 0);
    says(nobody.run(&[]), 70, "in/q.ndjson'");
    open(&site.path("in/q.ndjson"), 0o666);
    // Places for temporary files.
    fs::create_dir(site.path("spill")).unwrap();
    open(&site.path("spill"), 0o555);
    says(nobody.run(&["--work-dir=spill"]), 70, "spill'");
    assert_eq!(nobody.run(&[]).code, Some(0));
    assert_eq!(site.table("out", "deltalake", "patient").len(), 2);
}

#[test]
fn a_folder_that_cannot_be_listed_costs_only_itself() {
    for format in ["deltalake", "csv"] {
        let site = site();
        site.rows("more/below/q.ndjson.d/q.ndjson", &[patient("q", "x")]);
        let unlisted = ["lost+found", "more/lost+found", "deleted/.Trash-0", "error/x"];
        for name in unlisted {
            site.rows(&format!("{name}/Patient.ndjson"), &[patient("lost", "x")]);
            open(&site.path("in").join(name), 0);
        }
        // A mode with which names can be seen, but nothing of the files.
        site.rows("names-only/Patient.ndjson", &[patient("lost", "x")]);
        open(&site.path("in/names-only"), 0o444);
        let nobody = Nobody::new(&site);
        let option = format!("--output-format={format}");
        for options in [&[option.as_str(), "--check"][..], &[&option], &[&option, "--strict"]] {
            let ended = nobody.run(options);
            assert_eq!(ended.code, Some(0), "{options:?}: {}", ended.err);
            for name in [&unlisted[..], &["names-only/Patient.ndjson"]].concat() {
                let told = format!("'{name}' is left alone: Permission denied");
                assert_eq!(ended.err.matches(&told).count(), 1, "{options:?}: {}", ended.err);
            }
        }
        assert_eq!(site.table("out", format, "patient").len(), 2, "{format}");
        for name in unlisted {
            open(&site.path("in").join(name), 0o755);
        }
        open(&site.path("in/names-only"), 0o755);
    }
}

/// A small file system of its own, where the test may mount one.
struct Small<'a>(&'a Path);

impl<'a> Small<'a> {
    fn mount(path: &'a Path, size: &str) -> Needed<Self> {
        fs::create_dir_all(path).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", size, "tmpfs"]).arg(path);
        let mounted = mount.output().is_ok_and(|output| output.status.success());
        match mounted {
            true => Ok(Self(path)),
            false => needs::skip(Need::Mounts, "this process may not mount file systems"),
        }
    }

    /// Mounts it again with other options.
    fn again(&self, options: &str) {
        let mut mount = Command::new("mount");
        let status = mount.args(["-o", &format!("remount,{options}")]).arg(self.0).status();
        assert!(status.unwrap().success(), "{options}");
    }
}

impl Drop for Small<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0).status();
    }
}

/// A root of layers like a container's: this machine's below, and above it what goes away.
struct Layers<'a> {
    root: PathBuf,
    _disk: Small<'a>,
}

impl<'a> Layers<'a> {
    fn mount(disk: &'a Path) -> Needed<Self> {
        let _disk = Small::mount(disk, "size=64m")?;
        let [up, work, root] = ["up", "work", "root"].map(|name| disk.join(name));
        [&up, &work, &root].iter().for_each(|folder| fs::create_dir(folder).unwrap());
        let options = format!("lowerdir=/,upperdir={},workdir={}", up.display(), work.display());
        let mounted = |command: &mut Command| command.output().is_ok_and(|o| o.status.success());
        let layers = ["-t", "overlay", "-o", &options, "overlay"];
        if !mounted(Command::new("mount").args(layers).arg(&root)) {
            return needs::skip(Need::Mounts, "this process may not mount layers");
        }
        // A mounted folder is seen in there.
        let layers = Self { _disk, root };
        assert!(mounted(
            Command::new("mount").args(["-t", "proc", "proc"]).arg(layers.root.join("proc"))
        ));
        Ok(layers)
    }

    /// The main job in there, with nothing in its environment.
    fn run(&self, args: &[&str]) -> Ended {
        let mut command = Command::new("chroot");
        command.arg(&self.root).arg(PROGRAM).args(args).env_clear().env("HOME", "/root");
        command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        end(command.args(["--export-group=g", "--export-timestamp=2024-01-01"]))
    }
}

impl Drop for Layers<'_> {
    fn drop(&mut self) {
        for path in [self.root.join("mounted"), self.root.join("proc"), self.root.clone()] {
            let _ = Command::new("umount").arg(path).stderr(Stdio::null()).status();
        }
    }
}

#[test]
fn no_codebook_begins_on_a_containers_own_file_system() {
    let site = Site::new();
    let disk = site.path("disk");
    let container = need!(Layers::mount(&disk));
    let inside = |name: &str| container.root.join(name);
    fs::create_dir(inside("in")).unwrap();
    fs::write(inside("in/p.ndjson"), format!("{}\n", patient("p", "x"))).unwrap();
    for check in [&["--check"][..], &[]] {
        for phi in ["/phi", "/phi/deeper"] {
            let ended = container.run(&[&["/in", "/out", phi][..], check].concat());
            assert_eq!(ended.code, Some(41), "{check:?}: {}", ended.err);
            assert!(ended.err.contains("--new-codebook"), "{}", ended.err);
            assert!(!inside("phi").exists() && !inside("out").exists(), "{check:?}");
        }
    }
    // A folder that is mounted there stays.
    let mounted = inside("mounted");
    let _mounted = need!(Small::mount(&mounted, "size=8m"));
    let ended = container.run(&["/in", "/mounted/out", "/mounted/phi"]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    for part in ["new codebook", "Back up", "in memory"] {
        assert!(ended.err.contains(part), "{part}: {}", ended.err);
    }
    // Without a new codebook, tables may be where they go with the container; that is said.
    let ended = container.run(&["/in", "/out", "/mounted/phi"]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert!(ended.err.contains("the tables go with the container"), "{}", ended.err);
    // Not mounted any more: another PHI folder, as it seems.
    let ended = container.run(&["/in", "/out", "/phi"]);
    assert_eq!(ended.code, Some(41), "{}", ended.err);
    assert!(ended.err.contains("has no codebook. Is the PHI folder mounted"), "{}", ended.err);
    let ended = container.run(&["/in", "/trial", "/phi", "--new-codebook"]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    // One that is there is used.
    assert_eq!(container.run(&["/in", "/trial", "/phi"]).code, Some(0));
}

#[test]
fn a_folder_that_is_mounted_twice_is_one_folder() {
    let site = site();
    let [one, two] = ["one", "two"].map(|name| site.path(name));
    [&one, &two].iter().for_each(|folder| fs::create_dir(folder).unwrap());
    let bound = Command::new("mount").arg("--bind").args([&one, &two]).output();
    if !bound.is_ok_and(|output| output.status.success()) {
        need!(needs::skip::<()>(Need::Mounts, "this process may not mount folders"));
    }
    let _bound = Small(&two);
    for places in [
        ["in", "one", "two"],
        ["in", "two", "one/phi"],
        ["in", "one/out", "two"],
        ["one", "two", "phi"],
    ] {
        let ended = run(&mut site.command(), places);
        assert_eq!(ended.code, Some(22), "{places:?}: {}", ended.err);
        assert!(ended.err.contains("side by side"), "{places:?}: {}", ended.err);
        assert_eq!(children(&one), [""; 0], "{places:?}");
    }
}

#[test]
fn a_full_disk_leaves_the_tables_as_they_were() {
    let big: Vec<_> = (0..40_000_u64)
        .map(|n| {
            // Text that does not compress well.
            let text = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            patient(
                &format!("p{n}"),
                &format!("{text:x}{:x}{:x}", text.rotate_left(9), text ^ (text >> 7)),
            )
        })
        .collect();
    for (format, full) in
        [("deltalake", "out"), ("parquet", "out"), ("ndjson", "out"), ("csv", "phi")]
    {
        let site = site();
        let path = site.path(full);
        let _mounted = need!(Small::mount(&path, "size=2m"));
        let option = format!("--output-format={format}");
        site.run(&[&option]);
        let before = site.table("out", format, "patient");
        assert_eq!(before.len(), 1);
        site.rows("q.ndjson", &big);
        let ended = site.fails(&[&option], 19);
        assert!(ended.err.contains(FULL), "{}", ended.err);
        assert!(ended.err.contains(&format!("/{full}/")), "{}", ended.err);
        assert_eq!(site.table("out", format, "patient"), before, "{format}");
        assert_eq!(site.table("out", format, "etl__completion").len(), 1, "{format}");
        let odd: Vec<_> =
            site.listing(full).into_keys().filter(|name| name.contains(".cumulus-etl-")).collect();
        assert!(odd.is_empty(), "{odd:?}");
        // With less to do it goes on.
        site.rows("q.ndjson", &big[..10]);
        site.run(&[&option]);
        assert_eq!(site.table("out", format, "patient").len(), 11, "{format}");
    }
}

#[test]
fn a_full_work_folder_is_named_and_emptied() {
    let site = site();
    site.run(&[]);
    let before = site.table("out", "deltalake", "patient");
    let spill = site.path("spill");
    let mounted = need!(Small::mount(&spill, "size=1m"));
    // More new IDs than are held in memory.
    let row = |n: u32| format!("{{\"resourceType\":\"Patient\",\"id\":\"secret-{n}\"}}\n");
    site.input("q.ndjson", (0..120_000).map(row).collect::<String>());
    let ended = site.fails(&["--work-dir=spill"], 19);
    assert!(ended.err.contains(FULL), "{}", ended.err);
    assert!(ended.err.contains(&format!("'{}/", spill.display())), "{}", ended.err);
    assert!(!ended.err.contains("secret-"), "{}", ended.err);
    assert_eq!(children(&spill), [""; 0], "what did not fit is still there");
    assert_eq!(site.table("out", "deltalake", "patient"), before);
    // Nor is there anything of it elsewhere.
    assert!(site.listing("tmp").is_empty());
    mounted.again("size=64m");
    site.run(&["--work-dir=spill"]);
    assert_eq!(site.table("out", "deltalake", "patient").len(), 120_001);
}

/// Patients whose text does not compress, some kB for each hundred.
fn noise(count: u64) -> Vec<Value> {
    let row = |n: u64| {
        let text = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let text = format!("{text:x}{:x}{:x}", text.rotate_left(9), text ^ (text >> 7));
        resource("Patient", &format!("p{n}"), json!({"gender": text}))
    };
    (0..count).map(row).collect()
}

/// Files that an export has brought, without its notes of itself.
fn exported(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let names = children(folder).into_iter().filter(|name| name.contains(".ndjson"));
    let names = names.filter(|name| !name.starts_with("log."));
    names.map(|name| (name.clone(), fs::read(folder.join(name)).unwrap())).collect()
}

#[test]
fn an_export_to_a_full_disk_goes_on_once_there_is_room() {
    let content = Content::default()
        .file("Patient", &noise(5))
        .file("Patient", &noise(30_000))
        .file("Condition", &[resource("Condition", "c", json!({}))]);
    let server = Server::start(content);
    let base = server.base();
    let main_job = ["--export-to=kept", &base, "out", "phi"];
    for args in [["export", &base, "kept", "--no-compression"], main_job] {
        let run = |site: &Site, folder: &str| {
            let mut command = site.command();
            command.env("CUMULUS_ETL_TEST_TIME_SCALE", "0.001");
            end(command.args(args.iter().map(|arg| arg.replace("kept", folder))))
        };
        let site = Site::new();
        let kept = site.path("kept");
        let mounted = need!(Small::mount(&kept, "size=1m"));
        let begun = server.kickoffs();
        let ended = run(&site, "kept");
        assert_eq!(ended.code, Some(70), "{}", ended.err);
        let said = ended.err.contains(FULL) && ended.err.contains(&kept.display().to_string());
        assert!(said, "{}", ended.err);
        assert!(!site.path("out").exists(), "tables of half an export");
        let there = exported(&kept);
        assert!(there.iter().all(|(name, _)| name != "Patient.001.ndjson"), "half a file");
        mounted.again("size=64m");
        let ended = run(&site, "kept");
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        assert_eq!(server.kickoffs() - begun, 1, "the export was not taken up");
        let calm = Site::new();
        assert_eq!(run(&calm, "calm").code, Some(0));
        assert!(exported(&kept) == exported(&calm.path("calm")), "not the same files");
        if args[0] != "export" {
            assert_eq!(site.table("out", "deltalake", "patient").len(), 30_000);
        }
    }
}

#[test]
fn read_only_mounts_are_named_and_change_nothing() {
    const READ_ONLY: &str = "Read-only file system";
    for (folder, format) in [("out", "deltalake"), ("out", "csv"), ("phi", "deltalake")] {
        let site = site();
        let path = site.path(folder);
        let mounted = need!(Small::mount(&path, "size=16m"));
        let format_option = format!("--output-format={format}");
        site.run(&[&format_option]);
        site.rows("q.ndjson", &[patient("q", "secret-gender")]);
        mounted.again("ro");
        let before = (site.listing("out"), site.listing("phi"));
        let place = format!("{}/", path.display());
        let check = site.fails(&["--check", &format_option], 70);
        let run = end(&mut site.job(&[&format_option]));
        assert!(matches!(run.code, Some(19 | 70)), "{folder}: {run:?}");
        for ended in [check, run] {
            let said = ended.err.lines().any(|l| l.contains(READ_ONLY) && l.contains(&place));
            assert!(said, "{folder}: {}", ended.err);
            assert!(!ended.err.contains("secret-gender"), "{}", ended.err);
        }
        assert_eq!(site.table("out", format, "patient").len(), 1, "{folder}");
        if folder == "out" {
            assert_eq!(site.listing("out"), before.0);
        } else {
            assert_eq!(site.listing("phi"), before.1);
        }
        assert!(site.listing("tmp").is_empty(), "{folder}");
        mounted.again("rw");
        site.run(&[&format_option]);
        assert_eq!(site.table("out", format, "patient").len(), 2, "{folder}");
    }
}

/// A study of one table, of one row or of two million.
fn study(site: &Site, rows: u32) {
    let manifest = "study_prefix='s'\n[[stages.a]]\nfiles=['a.sql']\n[[stages.a]]\n\
                    type='export:flat'\ntables=['s__a']\n";
    site.file("study/manifest.toml", manifest);
    let sql = format!(
        "CREATE TABLE s__a AS SELECT a * {rows} + b AS x FROM UNNEST(sequence(1, {0})) AS t(a) \
         CROSS JOIN UNNEST(sequence(1, {0})) AS u(b);",
        f64::from(rows).sqrt() as u32
    );
    site.file("study/a.sql", sql);
}

#[test]
fn a_study_whose_disk_is_full_stays_as_it_was() {
    let site = site();
    site.run(&[]);
    let command = |words: &[&str], more: &[&str]| {
        let mut command = site.command();
        end(command.arg("study").args(words).arg("--database=db").args(more))
    };
    let build = || command(&["build", "-t", "s", "-s", "study"], &["--lake=out"]);
    let export = || command(&["export", "-t", "s", "-s", "study"], &["shared"]);
    let rows = || command(&["sql", "SELECT count(*) AS n FROM s__a"], &["--format=csv"]).out;
    let (db, shared) = (site.path("db"), site.path("shared"));
    let _db = need!(Small::mount(&db, "size=4m"));
    let shared_disk = need!(Small::mount(&shared, "size=256k"));
    study(&site, 1);
    assert_eq!((build().code, export().code), (Some(0), Some(0)));
    let before = site.listing("shared");
    assert_eq!(rows(), "n\n1\n");
    // The database.
    study(&site, 2_000_000);
    let ended = build();
    assert_eq!(ended.code, Some(70), "{}", ended.err);
    assert!(ended.err.contains(FULL) && ended.err.contains(&format!("{}/", db.display())));
    assert_eq!(rows(), "n\n1\n");
    // The exports.
    study(&site, 90_000);
    assert_eq!(build().code, Some(0));
    let ended = export();
    assert_eq!(ended.code, Some(70), "{}", ended.err);
    let place = format!("{}/", shared.display());
    assert!(ended.err.contains(FULL) && ended.err.contains(&place), "{}", ended.err);
    assert_eq!(site.listing("shared"), before);
    shared_disk.again("size=32m");
    assert_eq!(export().code, Some(0));
    // The disk space that a query needs beside memory.
    let spill = site.path("spill");
    let _spill = need!(Small::mount(&spill, "size=1m"));
    let sql = "SELECT concat(CAST(a.x AS varchar), '-', CAST(b.x AS varchar)) AS y FROM s__a AS a \
               CROSS JOIN s__a AS b WHERE b.x % 1000 < 2 ORDER BY 1";
    let options = ["--memory-limit=64", "--work-dir=spill", "--format=csv"];
    let ended = command(&["sql", sql], &options);
    assert_eq!(ended.code, Some(70), "{}", ended.err);
    let place = format!("work folder '{}/", spill.display());
    assert!(ended.err.contains(FULL) && ended.err.contains(&place), "{}", ended.err);
}
