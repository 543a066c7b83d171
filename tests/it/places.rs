//! Folders that are the wrong ones, can't be written, or are full.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use crate::support::{Ended, PROGRAM, Site, end, patient};

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

/// The program as someone who is not root, for whom permissions count.
struct Nobody<'a>(&'a Site);

impl<'a> Nobody<'a> {
    fn new(site: &'a Site) -> Self {
        let program = site.path("program");
        if fs::hard_link(PROGRAM, &program).is_err() {
            fs::copy(PROGRAM, &program).unwrap();
        }
        open(&site.path(""), 0o777);
        ["in", "home", "tmp"].iter().for_each(|name| open(&site.path(name), 0o777));
        Self(site)
    }

    fn run(&self, options: &[&str]) -> Ended {
        let mut command = self.0.command_of(&self.0.path("program"));
        if rustix::process::getuid().is_root() {
            command.uid(65534).gid(65534);
        }
        run(command.args(options), ["in", "out", "phi"])
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

/// A small file system of its own, where the test may mount one.
struct Small<'a>(&'a Path);

impl<'a> Small<'a> {
    fn mount(path: &'a Path, size: &str) -> Option<Self> {
        fs::create_dir_all(path).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", size, "tmpfs"]).arg(path);
        mount.output().is_ok_and(|output| output.status.success()).then_some(Self(path))
    }
}

impl Drop for Small<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0).status();
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
        let Some(_mounted) = Small::mount(&path, "size=2m") else {
            eprintln!("not tested: nothing can be mounted here");
            return;
        };
        let option = format!("--output-format={format}");
        site.run(&[&option]);
        let before = site.table("out", format, "patient");
        assert_eq!(before.len(), 1);
        site.rows("q.ndjson", &big);
        let ended = site.fails(&[&option], 19);
        assert!(ended.err.contains("No space left on device"), "{}", ended.err);
        assert!(ended.err.contains(&format!("/{full}/")), "{}", ended.err);
        assert_eq!(site.table("out", format, "patient"), before, "{format}");
        assert_eq!(site.table("out", format, "etl__completion").len(), 1, "{format}");
        let odd: Vec<_> = site
            .listing(full)
            .into_keys()
            .filter(|name| name.contains('#') || name.contains(".new"))
            .collect();
        assert!(odd.is_empty(), "{odd:?}");
        // With less to do it goes on.
        site.rows("q.ndjson", &big[..10]);
        site.run(&[&option]);
        assert_eq!(site.table("out", format, "patient").len(), 11, "{format}");
    }
}
