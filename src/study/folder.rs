//! The one way to a study's files.
//!
//! A study is someone else's text, and its tables may leave the site. So it reads files of the folder
//! that it was found in (`-s`) and no others: not by an absolute path, not by `..`, not by a link.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Component, Path, PathBuf};

use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, fstat, openat, statat};

use super::engine::datafusion::LOCKS;
use crate::claim::{Role, find_mark};
use crate::error::{Context, Error, FolderFault, Result, StudyFault};

/// The folder that studies were found in, with links resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StudyFolder {
    real: PathBuf,
}

/// The kind of entry at a path below the folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathKind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
}

impl StudyFolder {
    /// The folder at a path, which may be a link.
    ///
    /// # Errors
    /// There is no folder at the path (`FolderFault::Missing`).
    pub fn new(path: &Path) -> Result<Self> {
        match path.canonicalize() {
            Ok(real) if real.is_dir() => Ok(Self { real }),
            _ => {
                let message = format!("there is no folder {}", path.display());
                Err(Error::new(FolderFault::Missing, message))
            }
        }
    }

    /// Opens a file for reading. Links are followed as long as they lead to a file of this folder.
    ///
    /// # Errors
    /// It is not there, leads out of the folder, or is no regular file (`StudyFault::Definition`).
    pub fn open_file(&self, path: &Path) -> Result<File> {
        let (parent, name) = self.open_parent(path)?;
        let shown = || format!("{} cannot be read", path.display());
        // Looked at before it is opened: opening a device can set it to work (a watchdog begins to count),
        // and opening a pipe can take for ever.
        let there = statat(&parent, &name, AtFlags::SYMLINK_NOFOLLOW).with_context(shown);
        check_regular(path, FileType::from_raw_mode(there.map_err(unusable_study)?.st_mode))?;
        // If a pipe took the file's place meanwhile, `NONBLOCK` keeps this from waiting for a writer.
        // `NOCTTY` keeps a terminal from becoming the one of this process, whose signals would then
        // come from it.
        let flags =
            OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = openat(&parent, &name, flags, Mode::empty()).with_context(shown);
        let file = file.map_err(unusable_study)?;
        // And again: another file may have taken its place between the two calls.
        let opened = fstat(&file).with_context(shown).map_err(unusable_study)?;
        check_regular(path, FileType::from_raw_mode(opened.st_mode))?;
        if is_kernels(&file) {
            return Err(special_file(path));
        }
        Ok(File::from(file))
    }

    /// The kind of entry at a path.
    ///
    /// # Errors
    /// As [`StudyFolder::open_file`].
    pub fn kind_of(&self, path: &Path) -> Result<PathKind> {
        // This is the folder of -s itself. No folder within it is its parent.
        if self.path_below(path)?.as_os_str().is_empty() {
            return Ok(PathKind::Folder);
        }
        let (parent, name) = self.open_parent(path)?;
        let there = statat(&parent, &name, AtFlags::SYMLINK_NOFOLLOW);
        let there = there.with_context(|| format!("{} cannot be read", path.display()));
        match FileType::from_raw_mode(there.map_err(unusable_study)?.st_mode) {
            FileType::RegularFile => Ok(PathKind::File),
            FileType::Directory => Ok(PathKind::Folder),
            _ => Err(special_file(path)),
        }
    }

    /// Checks that a path leads to a regular file of this folder.
    ///
    /// # Errors
    /// As [`StudyFolder::open_file`].
    pub fn check_file(&self, path: &Path) -> Result<()> {
        match self.kind_of(path)? {
            PathKind::File => Ok(()),
            PathKind::Folder => Err(is_folder(path)),
        }
    }

    /// The files in a folder and below it, but hidden ones, in no order. Links to folders are not
    /// followed.
    ///
    /// # Errors
    /// As [`StudyFolder::open_file`], for each of them.
    pub fn list_files(&self, path: &Path) -> Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        self.collect_files(path, &mut files)?;
        Ok(files)
    }

    fn collect_files(&self, folder: &Path, into: &mut Vec<PathBuf>) -> Result<()> {
        // `read_dir` follows links, so the folder is checked before a name in it can be shown.
        self.path_below(folder)?;
        let failed = || format!("{} cannot be read", folder.display());
        let entries = fs::read_dir(folder).with_context(failed).map_err(unusable_study)?;
        for entry in entries {
            let entry = entry.with_context(failed).map_err(unusable_study)?;
            let path = entry.path();
            if entry.file_name().as_encoded_bytes().starts_with(b".") {
                continue;
            }
            let is_link =
                entry.file_type().with_context(failed).map_err(unusable_study)?.is_symlink();
            match self.kind_of(&path)? {
                PathKind::File => into.push(path),
                // A link may lead to a folder above, which would be walked without an end.
                PathKind::Folder if is_link => {}
                PathKind::Folder => self.collect_files(&path, into)?,
            }
        }
        Ok(())
    }

    /// Where a path leads to, counted from this folder.
    fn path_below(&self, path: &Path) -> Result<PathBuf> {
        let real = path.canonicalize().map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => missing_file(path),
            _ => {
                unusable_study(Error::failed(format!("{} cannot be read: {error}", path.display())))
            }
        })?;
        // `strip_prefix` compares whole parts of paths: `/studies2/x` is not below `/studies`.
        match real.strip_prefix(&self.real) {
            Ok(below) => Ok(below.to_owned()),
            Err(_) => Err(Error::new(
                StudyFault::Definition,
                format!(
                    "{} leads out of {}: a study's files are below the folder that it was found in \
                     (-s). Copy the file there, or give a folder with -s that has both",
                    path.display(),
                    self.real.display()
                ),
            )),
        }
    }

    /// The folder that a path leads into, and the last part of the path. No link is followed on the
    /// way down from this folder, so that a link that is put there meanwhile leads nowhere.
    fn open_parent(&self, path: &Path) -> Result<(OwnedFd, std::ffi::OsString)> {
        let below = self.path_below(path)?;
        let failed = || format!("{} cannot be read", path.display());
        let Some(name) = below.file_name().map(OsStr::to_owned) else {
            return Err(is_folder(path));
        };
        let open = |at: &dyn AsFd, part: &Path| {
            openat(at.as_fd(), part, FOLDER, Mode::empty())
                .with_context(failed)
                .map_err(unusable_study)
        };
        let mut parent = open(&CWD, &self.real)?;
        // The folder of -s is asked, too: a file right in a PHI folder has no other folder on its way.
        refuse_data(&parent, path)?;
        for part in below.parent().into_iter().flat_map(Path::components) {
            // `canonicalize` has taken out `.` and `..`, so all parts are names.
            let Component::Normal(part) = part else { continue };
            parent = open(&parent, Path::new(part))?;
            refuse_data(&parent, path)?;
        }
        Ok((parent, name))
    }
}

/// Refuses a folder, on the way to a file, of this program's own data: a user who keeps studies beside
/// the data may name the folder that has both with -s. `path` is the path that was asked for.
fn refuse_data(folder: &OwnedFd, path: &Path) -> Result<()> {
    let has = |name: &str| statat(folder, name, AtFlags::SYMLINK_NOFOLLOW).is_ok();
    let is = |role| find_mark(role, &has, &has).is_some();
    let what = if is(Role::Phi) {
        "a PHI folder"
    } else if is(Role::Output) {
        "an OUTPUT folder"
    } else if has(LOCKS) {
        "a database of studies"
    } else {
        return Ok(());
    };
    Err(Error::new(
        StudyFault::Definition,
        format!(
            "{} is in {what}: a study reads tables by its SQL, and no files of them. Give the folder \
             of the studies alone with -s",
            path.display()
        ),
    ))
}

/// How folders on the way are opened: they need not be readable.
#[cfg(target_os = "linux")]
const FOLDER: OFlags =
    OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
// `O_PATH` is Linux's own. Elsewhere a folder on the way must be readable as well.
#[cfg(not(target_os = "linux"))]
const FOLDER: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Whether a file is on no disk: the kernel makes it up, about itself and its processes.
#[cfg(target_os = "linux")]
fn is_kernels(file: &OwnedFd) -> bool {
    // Linux's `PROC_SUPER_MAGIC` and `SYSFS_MAGIC`. By their mode these files are regular ones: with
    // `-s /`, a study could read this process's credentials in `/proc/self/environ`.
    const PROC: u64 = 0x9fa0;
    const SYSFS: u64 = 0x6265_6572;
    let kind = rustix::fs::fstatfs(file).ok().and_then(|system| u64::try_from(system.f_type).ok());
    kind.is_some_and(|kind| [PROC, SYSFS].contains(&kind))
}

#[cfg(not(target_os = "linux"))]
fn is_kernels(_: &OwnedFd) -> bool {
    false
}

fn check_regular(path: &Path, kind: FileType) -> Result<()> {
    match kind {
        FileType::RegularFile => Ok(()),
        FileType::Directory => Err(is_folder(path)),
        _ => Err(special_file(path)),
    }
}

fn is_folder(path: &Path) -> Error {
    let message = format!("{} is a folder, and a file is needed", path.display());
    Error::new(StudyFault::Definition, message)
}

fn special_file(path: &Path) -> Error {
    let message = format!("{} is no regular file: it is not read", path.display());
    Error::new(StudyFault::Definition, message)
}

fn missing_file(path: &Path) -> Error {
    Error::new(StudyFault::Definition, format!("there is no file {}", path.display()))
}

/// A study with a file that can't be used can't be used.
fn unusable_study(error: Error) -> Error {
    Error::new(StudyFault::Definition, error.explain_causes())
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::fs::symlink;

    use super::*;

    fn ground() -> (tempfile::TempDir, StudyFolder, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let studies = dir.path().join("studies");
        fs::create_dir_all(studies.join("s/deep")).unwrap();
        fs::write(studies.join("s/a.sql"), "own").unwrap();
        fs::write(dir.path().join("secret"), "secret").unwrap();
        let folder = StudyFolder::new(&studies).unwrap();
        (dir, folder, studies)
    }

    #[test]
    fn files_of_the_folder_are_read_whatever_the_way_to_them() {
        let (_dir, folder, studies) = ground();
        symlink("../a.sql", studies.join("s/deep/link.sql")).unwrap();
        symlink(studies.join("s/a.sql"), studies.join("absolute.sql")).unwrap();
        symlink("s", studies.join("t")).unwrap();
        for path in ["s/a.sql", "s/deep/../a.sql", "s/deep/link.sql", "absolute.sql", "t/a.sql"] {
            let mut text = String::new();
            folder.open_file(&studies.join(path)).unwrap().read_to_string(&mut text).unwrap();
            assert_eq!(text, "own", "{path}");
        }
    }

    #[test]
    fn nothing_else_is_read() {
        let (dir, folder, studies) = ground();
        symlink(dir.path(), studies.join("out")).unwrap();
        symlink("../../secret", studies.join("s/secret.sql")).unwrap();
        symlink("/proc/self/environ", studies.join("s/environ")).unwrap();
        symlink("loop", studies.join("s/loop")).unwrap();
        let studies2 = dir.path().join("studies2");
        fs::create_dir(&studies2).unwrap();
        fs::write(studies2.join("x"), "secret").unwrap();
        for path in [
            "../secret",
            "s/../../secret",
            "out/secret",
            "s/secret.sql",
            "s/environ",
            "../studies2/x",
        ] {
            let error = folder.open_file(&studies.join(path)).unwrap_err();
            assert_eq!(error.kind(), StudyFault::Definition.into(), "{path}");
            assert!(error.to_string().contains("leads out of"), "{path}: {error}");
        }
        for path in ["s/loop", "s/none", "s", "."] {
            let error = folder.open_file(&studies.join(path)).unwrap_err();
            assert_eq!(error.kind(), StudyFault::Definition.into(), "{path}");
        }
        for path in ["/etc/passwd", "/proc/self/environ", "/dev/zero"] {
            assert!(folder.open_file(Path::new(path)).is_err(), "{path}");
        }
    }

    #[test]
    fn data_of_this_program_is_not_read_as_a_file() {
        for (mark, file) in [
            ("phi/.cumulus-phi", "phi/codebook.json"),
            ("phi/.cumulus-phi", "phi/rejected/1/Patient.ndjson"),
            ("out/.cumulus-output", "out/patient/patient.000.parquet"),
            ("out/JobConfig/1/job_config.json", "out/patient/patient.000.csv"),
            ("db/.locks/s", "db/s/0123/s__x.001.parquet"),
            (".cumulus-phi", "s/a.sql"),
        ] {
            let (_dir, folder, studies) = ground();
            for name in [mark, file] {
                fs::create_dir_all(studies.join(name).parent().unwrap()).unwrap();
                fs::write(studies.join(name), "rows").unwrap();
            }
            symlink(studies.join(file), studies.join("s/link")).unwrap();
            for path in
                [studies.join(file), studies.join("s/link"), studies.join("s/..").join(file)]
            {
                let error = folder.open_file(&path).unwrap_err();
                assert_eq!(error.kind(), StudyFault::Definition.into(), "{file}");
                assert!(error.to_string().contains("a study reads tables by its SQL"), "{error}");
                folder.check_file(&path).unwrap_err();
            }
        }
        // Names alone say little.
        let (_dir, folder, studies) = ground();
        fs::write(studies.join("s/codebook.json"), "{}").unwrap();
        folder.open_file(&studies.join("s/codebook.json")).unwrap();
    }

    #[test]
    fn special_files_are_refused_without_being_opened() {
        let (_dir, folder, studies) = ground();
        let fifo = studies.join("s/fifo.csv");
        rustix::fs::mkfifoat(CWD, &fifo, Mode::RUSR | Mode::WUSR).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(studies.join("s/socket")).unwrap();
        symlink("fifo.csv", studies.join("s/link.csv")).unwrap();
        for path in ["s/fifo.csv", "s/socket", "s/link.csv"] {
            let error = folder.open_file(&studies.join(path)).unwrap_err().to_string();
            assert!(error.contains("is no regular file"), "{path}: {error}");
        }
        assert!(folder.list_files(&studies.join("s")).is_err());
        #[cfg(target_os = "linux")]
        for (root, path) in
            [("/proc", "/proc/self/environ"), ("/dev", "/dev/zero"), ("/", "/proc/version")]
        {
            let folder = StudyFolder::new(Path::new(root)).unwrap();
            let error = folder.open_file(Path::new(path)).unwrap_err().to_string();
            assert!(error.contains("is no regular file"), "{path}: {error}");
        }
    }
}
