//! Names on a disk that change hands, durably. Every rename of the program is here.
//!
//! A rename alone is atomic for readers, and nothing more: after a power cut the name can lead to a
//! file without its data, or to the old file. So the data is made durable before, and the folder
//! that has the name after.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

/// Puts the file that is open and at `new` in the place of `target`, whole: durable on return.
pub fn replace_file(file: &File, new: &Path, target: &Path) -> io::Result<()> {
    file.sync_all()?;
    rename_durably(new, target)
}

/// Renames what is durable already; so is its name on return.
pub(super) fn rename_durably(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)?;
    sync_name(to)
}

/// Renames files below `root` that are durable already, each to the name beside it. The names are
/// durable on return, and so are folders that were made in `root` for them. A folder is synced once,
/// however many files go there.
pub fn rename_files(moves: &[(PathBuf, PathBuf)], root: &Path) -> io::Result<()> {
    let mut folders = BTreeSet::from([root]);
    for (from, to) in moves {
        fs::rename(from, to)?;
        folders.insert(parent_of(to));
    }
    folders.into_iter().try_for_each(sync_folder)
}

/// Makes durable which names are in a folder.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Makes durable that something has this name.
pub(super) fn sync_name(path: &Path) -> io::Result<()> {
    sync_folder(parent_of(path))
}

/// Gives a file or folder a name that must be free; false where it is not. In one step, so that of
/// two who claim a name one gets it.
///
/// # Errors
/// As of a rename, and where the file system cannot do it in one step.
pub(super) fn claim_name(from: &Path, to: &Path) -> io::Result<bool> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Ok(()) => Ok(true),
        Err(Errno::EXIST) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// As [`claim_name`], but on file systems that cannot do it in one step it looks first: where that is
/// better than nothing, and nobody else claims the name.
pub(super) fn rename_if_free(from: &Path, to: &Path) -> io::Result<bool> {
    match claim_name(from, to) {
        Err(error) if is_unsupported(&error) => match fs::symlink_metadata(to) {
            Ok(_) => Ok(false),
            Err(_) => fs::rename(from, to).map(|()| true),
        },
        claimed => claimed,
    }
}

/// Two files or folders change names, in one step. Some network file systems cannot do that: there,
/// what was at `target` is at `aside` for a moment.
///
/// # Errors
/// As of a rename; [`io::ErrorKind::NotFound`] where one of them is not there.
pub(super) fn exchange_names(new: &Path, target: &Path, aside: &Path) -> io::Result<()> {
    match renameat_with(CWD, new, CWD, target, RenameFlags::EXCHANGE).map_err(io::Error::from) {
        Err(error) if is_unsupported(&error) => fs::rename(target, aside)
            .and_then(|()| fs::rename(new, target))
            .and_then(|()| fs::rename(aside, new)),
        exchanged => exchanged,
    }
}

/// Whether a file system cannot do a rename's extra, such as to exchange names.
fn is_unsupported(error: &io::Error) -> bool {
    let errno = Errno::from_io_error(error);
    // The kernel says EINVAL where the file system lacks a flag of `renameat2`
    // (NFS, some FUSE ones), and ENOSYS where the call itself is missing.
    matches!(errno, Some(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP))
}

/// The folder that has a name. That of a relative path of one part is the current one.
fn parent_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Ground {
        dir: tempfile::TempDir,
    }

    impl Ground {
        /// A folder with files whose text is their name.
        fn with_files(names: &[&str]) -> Self {
            let ground = Self { dir: tempfile::tempdir().unwrap() };
            for name in names {
                fs::write(ground.path_of(name), name).unwrap();
            }
            ground
        }

        fn path_of(&self, name: &str) -> PathBuf {
            self.dir.path().join(name)
        }

        fn read_file(&self, name: &str) -> Option<String> {
            fs::read_to_string(self.path_of(name)).ok()
        }
    }

    #[test]
    fn a_file_takes_the_place_of_another() {
        let ground = Ground::with_files(&["new", "target"]);
        let (new, target) = (ground.path_of("new"), ground.path_of("target"));
        replace_file(&File::open(&new).unwrap(), &new, &target).unwrap();
        assert_eq!(
            (ground.read_file("new"), ground.read_file("target")),
            (None, Some("new".into()))
        );
    }

    #[test]
    fn many_files_get_their_names_in_several_folders() {
        let ground = Ground::with_files(&["one.part", "two.part", "three.part"]);
        fs::create_dir(ground.path_of("error")).unwrap();
        let names = [("one.part", "one"), ("two.part", "error/two"), ("three.part", "error/three")];
        let moves = names.map(|(from, to)| (ground.path_of(from), ground.path_of(to)));
        rename_files(&moves, ground.dir.path()).unwrap();
        for (from, to) in names {
            assert_eq!((ground.read_file(from), ground.read_file(to)), (None, Some(from.into())));
        }
        assert!(rename_files(&moves, ground.dir.path()).is_err(), "they are gone");
    }

    #[test]
    fn a_name_that_is_taken_is_not_given_again() {
        for rename in [claim_name, rename_if_free] {
            let ground = Ground::with_files(&["one", "two"]);
            let (one, two) = (ground.path_of("one"), ground.path_of("two"));
            assert!(!rename(&one, &two).unwrap());
            assert_eq!(ground.read_file("one").as_deref(), Some("one"));
            assert_eq!(ground.read_file("two").as_deref(), Some("two"));
            assert!(rename(&one, &ground.path_of("three")).unwrap());
            assert_eq!(ground.read_file("three").as_deref(), Some("one"));
            assert!(rename(&one, &ground.path_of("four")).is_err(), "it is gone");
        }
    }

    #[test]
    fn two_change_names_if_both_are_there() {
        let ground = Ground::with_files(&["new"]);
        let [new, target, aside] = ["new", "target", "aside"].map(|name| ground.path_of(name));
        let missing = exchange_names(&new, &target, &aside).unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
        fs::write(&target, "target").unwrap();
        exchange_names(&new, &target, &aside).unwrap();
        assert_eq!(ground.read_file("new").as_deref(), Some("target"));
        assert_eq!(ground.read_file("target").as_deref(), Some("new"));
        assert!(!aside.exists());
    }

    #[test]
    fn the_folder_of_a_name_is_told_of_relative_paths_too() {
        assert_eq!(parent_of(Path::new("/data/out")), Path::new("/data"));
        assert_eq!(parent_of(Path::new("out/file")), Path::new("out"));
        assert_eq!(parent_of(Path::new("file")), Path::new("."));
        assert_eq!(parent_of(Path::new("/")), Path::new("/"));
    }
}
