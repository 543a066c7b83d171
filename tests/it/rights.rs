//! Rights to folders, and what other users of the machine have put into shared ones.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, FlockOperation, Mode, flock, mknodat};

use crate::needs::{self, need};
use crate::places::{NOBODY, Nobody};
use crate::support::{Ended, Site, end, patient};

/// Files of PHI that are for its owner alone.
const SECRETS: [&str; 4] =
    ["phi", "phi/rejected", "phi/codebook.json", "phi/codebook-cached-mappings.json"];

fn site() -> Site {
    let site = Site::new();
    site.rows("p.ndjson", &[patient("p", "x")]);
    site
}

/// Gives a folder, or a file, these rights.
fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn mode_of(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o7777
}

/// Gives the folders of [`SECRETS`] these rights, and the files those.
fn open_secrets(site: &Site, folders: u32, files: u32) {
    for name in SECRETS {
        let path = site.path(name);
        set_mode(&path, if path.is_dir() { folders } else { files });
    }
}

fn says(ended: &Ended, line: &str) {
    assert!(ended.err.contains(line), "{line}: {}", ended.err);
}

#[test]
fn a_run_takes_the_rights_of_everybody_to_an_old_phi_folder_away_and_says_so() {
    for (folders, files, left_folders, left_files) in [
        (0o755, 0o644, 0o700, 0o600),
        (0o705, 0o604, 0o700, 0o600),
        // The group may write: somebody has meant it to have access.
        (0o777, 0o666, 0o770, 0o660),
    ] {
        let site = site();
        site.input("broken.ndjson", "{\"resourceType\":\"Patient\"}\n");
        site.run(&[]);
        open_secrets(&site, folders, files);
        let both = |name| match site.path(name).is_dir() {
            true => (site.arg(name), folders, left_folders),
            false => (site.arg(name), files, left_files),
        };
        let check = end(&mut site.job(&["--check"]));
        assert_eq!(check.code, Some(0), "{}", check.err);
        for (shown, given, left) in SECRETS.map(both) {
            let rights = "Everybody on this machine has rights to";
            says(&check, &format!("{rights} '{shown}' (mode {given:o})"));
            says(&check, &format!("chmod {left:o} '{shown}'"));
            assert_eq!(mode_of(Path::new(&shown)), given, "{shown}");
        }
        let run = site.run(&[]);
        for (shown, given, left) in SECRETS.map(both) {
            let rights = "Everybody on this machine had rights to";
            let line =
                format!("{rights} '{shown}' (mode {given:o}); they are taken away (now {left:o})");
            says(&run, &line);
            assert_eq!(mode_of(Path::new(&shown)), left, "{shown}");
        }
        let again = site.run(&[]);
        assert!(!again.err.contains("Everybody on this machine"), "{}", again.err);
    }
    // A group that may read has been given that by somebody.
    let site = site();
    site.input("broken.ndjson", "{\"resourceType\":\"Patient\"}\n");
    site.run(&[]);
    open_secrets(&site, 0o750, 0o640);
    let ended = site.run(&[]);
    assert!(!ended.err.contains("Everybody on this machine"), "{}", ended.err);
    assert_eq!(mode_of(&site.path("phi/codebook.json")), 0o640);
}

#[test]
fn rights_that_a_run_can_not_take_away_are_told() {
    need!(needs::root());
    for (folders, files) in [(0o777, 0o644), (0o757, 0o604)] {
        let site = site();
        let nobody = Nobody::new(&site);
        let first = nobody.run(&[]);
        assert_eq!(first.code, Some(0), "{}", first.err);
        // Whose they are has the rights to give them, and to take them away.
        for name in ["phi", "phi/codebook.json"] {
            chown(site.path(name), Some(0), Some(0)).unwrap();
        }
        set_mode(&site.path("phi"), folders);
        set_mode(&site.path("phi/codebook.json"), files);
        let ended = nobody.run(&[]);
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        let left = |mode: u32| mode & if mode & 0o020 == 0 { 0o700 } else { 0o770 };
        for (name, mode) in [("phi", folders), ("phi/codebook.json", files)] {
            let (shown, left) = (site.arg(name), left(mode));
            says(
                &ended,
                &format!(
                    "Everybody on this machine has rights to '{shown}' (mode {mode:o}), which is \
                     for its owner alone: chmod {left:o} '{shown}'"
                ),
            );
            assert_eq!(mode_of(Path::new(&shown)), mode);
        }
    }
}

/// Work folders of all kinds, as `user` may have made them: of a killed run, of one at work, and two
/// that no run has made. The lock of the one at work is held as long as the file is open.
fn make_work_folders(place: &Path, user: u32) -> (Vec<PathBuf>, fs::File) {
    let folder = |name: &str| {
        let path = place.join(format!(".cumulus-etl-work-{name}"));
        fs::create_dir_all(&path).unwrap();
        path
    };
    let (dead, held, pipe, empty) =
        (folder("dead"), folder("held"), folder("pipe"), folder("empty"));
    fs::write(dead.join("lock"), "").unwrap();
    fs::write(dead.join("0"), "rows").unwrap();
    let lock = fs::File::create(held.join("lock")).unwrap();
    flock(&lock, FlockOperation::LockExclusive).unwrap();
    mknodat(CWD, pipe.join("lock"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let inner = [dead.join("lock"), dead.join("0"), held.join("lock"), pipe.join("lock")];
    let folders = [dead, held, pipe, empty];
    for path in inner.iter().chain(&folders) {
        // The run has every right but that of the owner.
        set_mode(path, 0o777);
        chown(path, Some(user), Some(user)).unwrap();
    }
    ([&folders[..], &inner].concat(), lock)
}

#[test]
fn work_folders_of_other_users_are_left_and_hold_nobody_up() {
    need!(needs::root());
    for place in ["tmp", "phi", "work"] {
        let options: &[&str] = if place == "work" { &["--work-dir=work"] } else { &[] };
        // Root runs beside a user, and a user beside root.
        for stranger in [NOBODY, 0] {
            let site = site();
            let (folders, _held) = make_work_folders(&site.path(place), stranger);
            let nobody = Nobody::new(&site);
            set_mode(&site.path(place), 0o777);
            // A work folder that the same user has left is removed.
            let own = site.path(place).join(".cumulus-etl-work-own");
            fs::create_dir(&own).unwrap();
            fs::write(own.join("lock"), "").unwrap();
            if stranger == 0 {
                chown(&own, Some(NOBODY), Some(NOBODY)).unwrap();
                chown(own.join("lock"), Some(NOBODY), Some(NOBODY)).unwrap();
            }
            let ended = match stranger {
                0 => nobody.run(options),
                _ => end(&mut site.job(options)),
            };
            assert_eq!(ended.code, Some(0), "{place}, {stranger}: {}", ended.err);
            assert!(!own.exists(), "{place}, {stranger}");
            for path in folders {
                assert!(path.symlink_metadata().is_ok(), "{stranger}: {}", path.display());
            }
        }
    }
}

/// Runs the program while a folder of the site has these rights; what it says is in our words, or
/// there is nothing to say.
fn run_without_rights(site: &Site, name: &str, mode: u32, run: &dyn Fn() -> Ended) -> Ended {
    let path = site.path(name);
    let before = mode_of(&path);
    set_mode(&path, mode);
    let ended = run();
    set_mode(&path, before);
    for words in ["Generic", "LocalFileSystem", "walk dir", "IO error"] {
        assert!(!ended.err.contains(words), "{name} {mode:o}: {}", ended.err);
    }
    ended
}

#[test]
fn a_folder_that_can_not_be_listed_is_told_in_our_words() {
    let site = site();
    site.rows("below/q.ndjson", &[patient("q", "x")]);
    let nobody = Nobody::new(&site);
    for format in ["--output-format=deltalake", "--output-format=csv"] {
        let _ = fs::remove_dir_all(site.path("out"));
        assert_eq!(nobody.run(&[format]).code, Some(0));
        for name in ["in", "out", "out/patient", "out/JobConfig", "phi"] {
            // Without any rights, and with those that reach files whose names are known.
            for mode in [0o000, 0o300] {
                let ended = run_without_rights(&site, name, mode, &|| nobody.run(&[format]));
                assert_eq!(ended.code, Some(70), "{name} {mode:o}: {}", ended.err);
                says(&ended, &format!("cannot list '{}': Permission denied", site.arg(name)));
            }
        }
        let ended = run_without_rights(&site, "in/below", 0o000, &|| nobody.run(&[format]));
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        says(&ended, "'below' is left alone: Permission denied");
    }
    let url = "--fhir-url=http://127.0.0.1:9/fhir";
    let sql = "SELECT count(*) FROM patient";
    for (name, arguments) in [
        ("in", &["inline", "in", url][..]),
        ("in", &["study", "build", "-t", "core", "--load-ndjson-dir=in", "--database=db"]),
        ("in", &["study", "sql", sql, "--load-ndjson-dir=in", "--database=db"]),
        ("out", &["convert", "out", "copy"]),
        ("out", &["init", "out"]),
        ("out", &["study", "sql", sql, "--lake=out", "--database=db"]),
        ("out/patient", &["convert", "out", "copy"]),
        ("out/patient", &["study", "sql", sql, "--lake=out", "--database=db"]),
    ] {
        for mode in [0o000, 0o300] {
            let run = || end(nobody.command().args(arguments));
            let ended = run_without_rights(&site, name, mode, &run);
            assert_eq!(ended.code, Some(70), "{arguments:?} {mode:o}: {}", ended.err);
            says(&ended, &format!("cannot list '{}", site.arg(name)));
            says(&ended, "': Permission denied");
        }
    }
}
