//! Folders on a disk that take each other's place.
//!
//! A new folder is made beside the old one, and both change names. Files in the old one that are not
//! ours are then brought over, so that they stay where they are. Killed at any moment, everything is in one
//! of the two folders, and [`recover_folder`] brings it in order.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::rename::{exchange_names, rename_durably, rename_if_free, sync_name};
use super::staging::is_unfinished;
use crate::error::{Context, Error, Result};

/// How often a target is looked for that others make and remove. Each attempt fails only where they
/// do so between its two calls.
const ATTEMPTS: usize = 1000;

/// Whether a file of this name is one that is replaced. Folders never are.
pub type IsOurs<'a> = &'a dyn Fn(&str) -> bool;

/// Puts the folder `new` in the place of `target`, durably, and brings over what is there and not
/// ours. `new` is gone then.
///
/// Both names change hands in one step, so that a reader sees the old or the new. Some network file
/// systems cannot do that: there, the old folder is at `new`, with the extension `old`, for a moment.
pub fn replace_folder(new: &Path, target: &Path, is_ours: IsOurs<'_>) -> Result<()> {
    exchange_folders(new, target)?;
    discard_folder(new, target, is_ours)
}

/// Brings in order what a run that died while it replaced `target` left at `new`: its own files go,
/// and what is not ours comes back.
pub fn recover_folder(new: &Path, target: &Path, is_ours: IsOurs<'_>) -> Result<()> {
    // Without an exchange of names the old folder is aside while the new one moves in.
    // If the target is there, the new folder has arrived, and only foreign files of the
    // old one are still to be brought over. If not, the old folder is the table.
    let old = aside_path(new);
    if is_folder(&old) {
        match fs::symlink_metadata(target).is_ok() {
            true => discard_folder(&old, target, is_ours)?,
            false => rename_durably(&old, target)
                .with_context(|| format!("cannot restore '{}'", target.display()))?,
        }
    }
    discard_folder(new, target, is_ours)
}

/// Removes the folder `from`, where there is one, with the files in it that are ours; anything else
/// moves to `to`, under another name where there is one of its own.
pub fn discard_folder(from: &Path, to: &Path, is_ours: IsOurs<'_>) -> Result<()> {
    let failed = || format!("cannot read '{}'", from.display());
    let entries = match fs::read_dir(from) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).with_context(failed),
    };
    for entry in entries {
        let entry = entry.with_context(failed)?;
        let name = entry.file_name();
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        let ours = name.to_str().is_some_and(|name| is_ours(name) || is_unfinished(name));
        match is_file && ours {
            true => fs::remove_file(entry.path())
                .with_context(|| format!("cannot remove '{}'", entry.path().display()))?,
            false => keep_in(&entry.path(), to, &name)?,
        }
    }
    // Not `remove_dir_all`: what somebody puts there while the loop runs must not go with it.
    fs::remove_dir(from).with_context(|| format!("cannot remove '{}'", from.display()))
}

/// Removes a folder with all that is in it; one that is not there is fine.
pub fn remove_folder(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove '{}'", path.display()))
        }
        _ => Ok(()),
    }
}

/// Moves what is not ours into a folder, under another name where there is one of its own.
fn keep_in(from: &Path, folder: &Path, name: &OsStr) -> Result<()> {
    let failed = || format!("cannot keep '{}' in '{}'", from.display(), folder.display());
    fs::create_dir_all(folder).with_context(failed)?;
    let mut to = folder.join(name);
    for number in 1_u32.. {
        // Somebody has made one of the same name meanwhile.
        if rename_if_free(from, &to).with_context(failed)? {
            return Ok(());
        }
        let mut other = OsString::from(name);
        other.push(format!(".kept-{number}"));
        to = folder.join(other);
    }
    Err(Error::failed(failed()))
}

/// Leaves at `new` the folder that was at `target`; where nothing was there, `new` is gone.
fn exchange_folders(new: &Path, target: &Path) -> Result<()> {
    let failed = || format!("cannot replace '{}'", target.display());
    // Whether there is a target is not asked: another program may make or remove it between the answer
    // and the next call.
    // An exchange needs both names, and the rename into a free name needs one to
    // be missing. One of the two fits, unless somebody changes that in between.
    let mut exchanged = Err(ErrorKind::NotFound.into());
    for _ in 0..ATTEMPTS {
        exchanged = match exchange_names(new, target, &aside_path(new)) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                match rename_if_free(new, target) {
                    Ok(false) => continue,
                    moved => moved.map(drop),
                }
            }
            exchanged => exchanged,
        };
        break;
    }
    exchanged.and_then(|()| sync_name(target)).with_context(failed)
}

/// Where the old folder is for a moment, on file systems that cannot exchange two names.
fn aside_path(new: &Path) -> PathBuf {
    new.with_extension("old")
}

fn is_folder(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|there| there.is_dir())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    fn is_ours(name: &str) -> bool {
        name.ends_with(".csv")
    }

    /// A folder with files of these names, each with its own text.
    fn folder(root: &Path, name: &str, files: &[(&str, &str)]) -> PathBuf {
        let folder = root.join(name);
        fs::create_dir_all(&folder).unwrap();
        for (name, text) in files {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        folder
    }

    fn text(folder: &Path, name: &str) -> String {
        fs::read_to_string(folder.join(name)).unwrap_or_default()
    }

    #[test]
    fn what_is_not_ours_stays_where_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let target = folder(
            dir.path(),
            "t",
            &[("0.csv", "old"), ("1.csv", "old"), ("README", "r"), ("a.csv/x.csv", "x")],
        );
        std::os::unix::fs::symlink("README", target.join("link.csv")).unwrap();
        let new = folder(dir.path(), "n", &[("0.csv", "new")]);
        replace_folder(&new, &target, &is_ours).unwrap();
        assert_eq!(text(&target, "0.csv"), "new");
        assert!(!target.join("1.csv").exists() && !new.exists());
        assert_eq!(
            (text(&target, "README"), text(&target, "a.csv/x.csv")),
            ("r".into(), "x".into())
        );
        assert_eq!(text(&target, "link.csv"), "r");
    }

    #[test]
    fn whatever_a_run_that_died_left_nothing_of_others_is_lost() {
        let old = [("0.csv", "old"), ("README", "r"), ("archive/x", "x")];
        // Where the old and the new folder were when it died; what was brought over already.
        for (new_at, old_at, brought) in [
            (Some("n"), Some("t"), ""),
            (Some("t"), Some("n"), ""),
            (Some("t"), Some("n"), "README"),
            (Some("n"), Some("n.old"), ""),
            (Some("t"), Some("n.old"), ""),
            (None, Some("n.old"), ""),
        ] {
            let dir = tempfile::tempdir().unwrap();
            let at = |name: &str| dir.path().join(name);
            let was = folder(dir.path(), old_at.unwrap_or("t"), &old);
            if let Some(place) = new_at {
                folder(dir.path(), place, &[("0.csv", "new")]);
            }
            if !brought.is_empty() {
                fs::rename(was.join(brought), at("t").join(brought)).unwrap();
            }
            recover_folder(&at("n"), &at("t"), &is_ours).unwrap();
            let case = format!("{new_at:?} {old_at:?} {brought}");
            assert_eq!(text(&at("t"), "README"), "r", "{case}");
            assert_eq!(text(&at("t"), "archive/x"), "x", "{case}");
            assert!(["old", "new"].contains(&text(&at("t"), "0.csv").as_str()), "{case}");
            assert!(!at("n").exists() && !at("n.old").exists(), "{case}");
        }
    }

    #[test]
    fn of_two_files_of_one_name_both_stay() {
        let dir = tempfile::tempdir().unwrap();
        let target = folder(dir.path(), "t", &[("README", "written meanwhile")]);
        let left = folder(dir.path(), "n", &[("README", "r"), ("0.csv", "old")]);
        recover_folder(&left, &target, &is_ours).unwrap();
        assert_eq!(text(&target, "README"), "written meanwhile");
        assert_eq!(text(&target, "README.kept-1"), "r");
    }

    #[test]
    fn a_target_that_others_make_and_remove_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("t");
        let (over, target) = (AtomicBool::new(false), &target);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    // Only while it is empty: then nothing of ours is in it.
                    let _ = (fs::create_dir(target), fs::remove_dir(target));
                }
            });
            for _ in 0..500 {
                let new = folder(dir.path(), "n", &[("0.csv", "new")]);
                let replaced = replace_folder(&new, target, &is_ours);
                over.store(replaced.is_err(), Ordering::Relaxed);
                replaced.unwrap();
                assert_eq!(text(target, "0.csv"), "new");
                assert!(!new.exists());
                fs::remove_dir_all(target).unwrap();
            }
            over.store(true, Ordering::Relaxed);
        });
    }
}
