//! Files that are opened where others may have put something else: a pipe, a link, a folder.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;

/// Opens a file that a user names, or that lies where others can put one, to read it. Links are
/// followed; anything but a file is an error: to open a pipe can take for ever.
///
/// # Errors
/// As [`File::open`], and for what is no file.
pub fn open_file(path: &Path) -> io::Result<File> {
    // Without NONBLOCK, opening a pipe for reading waits for a writer. Without NOCTTY, a
    // terminal could become the process's own. Both mean nothing for a plain file.
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits() as i32;
    // Looked at after it is open: between a look at the
    // path and the opening others could put a pipe there.
    refuse_others(OpenOptions::new().read(true).custom_flags(flags).open(path)?)
}

/// Opens a plain file, to read it or, made where there is none, to write it. Anything else is an
/// error: a pipe would hold up who opens it, and a link lead to a stranger's file.
pub(super) fn open_plain(path: &Path, write: bool) -> io::Result<File> {
    let flags = (OFlags::NONBLOCK | OFlags::NOFOLLOW).bits() as i32;
    let mut options = OpenOptions::new();
    options.read(true).write(write).create(write).custom_flags(flags);
    refuse_others(options.open(path)?)
}

/// Opens a plain file that is there already, to lock it: for writing, too, where it can be, as some
/// network file systems lock nothing alone that was opened to be read (`EBADF`). Nothing is made.
pub(super) fn open_to_lock(path: &Path) -> io::Result<File> {
    let flags = (OFlags::NONBLOCK | OFlags::NOFOLLOW).bits() as i32;
    let opened = OpenOptions::new().read(true).write(true).custom_flags(flags).open(path);
    match opened {
        Ok(file) => refuse_others(file),
        // A path that is missing, or is no file, is so for readers, too.
        Err(_) => open_plain(path, false),
    }
}

fn refuse_others(file: File) -> io::Result<File> {
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::other("it is no plain file")),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use rustix::fs::{CWD, FileType, Mode, fcntl_getfl, mknodat};

    use super::*;

    #[test]
    fn a_link_is_followed_only_where_a_user_named_it() {
        let dir = tempfile::tempdir().unwrap();
        let (file, link) = (dir.path().join("file"), dir.path().join("link"));
        fs::write(&file, "x").unwrap();
        symlink(&file, &link).unwrap();
        assert!(open_file(&link).is_ok() && open_plain(&file, false).is_ok());
        assert!(open_plain(&link, false).is_err() && open_plain(&link, true).is_err());
    }

    #[test]
    fn a_pipe_holds_nobody_up_and_a_folder_is_no_file() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe");
        mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        for path in [pipe.as_path(), dir.path()] {
            assert!(open_file(path).is_err());
            assert!(open_plain(path, false).is_err() && open_plain(path, true).is_err());
            assert!(open_to_lock(path).is_err());
        }
    }

    #[test]
    fn a_file_to_be_locked_is_open_for_writing_where_it_can_be() {
        let dir = tempfile::tempdir().unwrap();
        let (lock, link) = (dir.path().join("lock"), dir.path().join("link"));
        assert!(open_to_lock(&lock).is_err() && !lock.exists());
        fs::write(&lock, "text").unwrap();
        let flags = fcntl_getfl(open_to_lock(&lock).unwrap()).unwrap();
        assert_eq!(flags & OFlags::RWMODE, OFlags::RDWR);
        assert_eq!(fs::read(&lock).unwrap(), b"text");
        // A program that runs is open to readers alone, even to root.
        assert!(open_to_lock(&std::env::current_exe().unwrap()).is_ok());
        symlink(&lock, &link).unwrap();
        assert!(open_to_lock(&link).is_err() && open_to_lock(dir.path()).is_err());
    }

    #[test]
    fn a_file_is_made_only_to_write_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        assert!(open_plain(&path, false).is_err() && !path.exists());
        assert!(open_plain(&path, true).is_ok() && path.exists());
    }
}
