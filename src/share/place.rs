//! Where an export goes: new files take the place of the earlier ones when all of them are there.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use crate::error::{Context, Error, Result};
use crate::store::{Folder, Lock, WorkFolder, recover_folder, remove_folder, replace_folder};

/// The folder of a study's export, while a new one is made.
pub struct ExportPlace {
    data: Folder,
    study: String,
    /// Where the new files are made.
    staging: PathBuf,
    /// On a disk, the folder whose place they take; a link is followed.
    target: Option<PathBuf>,
    done: bool,
    // Where DATA_PATH is a bucket, `staging` is in it, and must not go before.
    _work: WorkFolder,
    lock: Lock,
}

impl ExportPlace {
    /// Begins a new export below `data`; waits for another one of the study. Removes the files of an
    /// export that died.
    pub fn begin(data: &Folder, study: &str, work: &WorkFolder) -> Result<Self> {
        data.create()?;
        // Held before anything is looked at: what lies in `staging` may be of an export that is
        // under way.
        let lock = data.lock_file(&format!(".{study}.lock"))?;
        let target = data.local().map(|path| resolve_target(&path.join(study))).transpose()?;
        let staging = match &target {
            // Beside the target: it can then change its name to the target's.
            Some(target) => target.with_file_name(format!(".{study}.new")),
            None => work.path().join("export"),
        };
        if let Some(target) = &target {
            recover_folder(&staging, target, &|name| is_export(study, name))?;
        }
        remove_folder(&staging)?;
        fs::create_dir_all(&staging)
            .with_context(|| format!("cannot make '{}'", staging.display()))?;
        Ok(Self {
            data: data.clone(),
            study: study.to_owned(),
            staging,
            target,
            done: false,
            _work: work.clone(),
            lock,
        })
    }

    /// The path of a new file.
    pub fn path(&self, name: &str) -> PathBuf {
        self.staging.join(name)
    }

    /// Puts the new files in the place of the earlier export's. Files that no export makes stay.
    pub fn commit_files(mut self) -> Result<()> {
        // Where it fails half-way, what is not of an export may be among the new files: the next
        // export sorts that out.
        self.done = true;
        match &self.target {
            Some(target) => replace_export(&self.staging, target, &self.study),
            // On a disk the system keeps the lock as long as the process lives. A lease in a bucket
            // can be lost.
            None => {
                self.lock.check_lock()?;
                self.send_files(&self.data.child(&self.study))
            }
        }
    }

    /// To a bucket: the archive last, since it is what is sent on.
    fn send_files(&self, target: &Folder) -> Result<()> {
        let mut names: Vec<String> = Vec::new();
        for entry in fs::read_dir(&self.staging).context("cannot read the export")? {
            let entry = entry.context("cannot read the export")?;
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
        // `false` is less than `true`: the zip comes last.
        names.sort_by_key(|name| (name.ends_with(".zip"), name.clone()));
        for name in &names {
            send_file(&self.path(name), target, name)?;
        }
        let new: BTreeSet<_> = names.into_iter().collect();
        // After the new files are there: an upload that breaks off leaves the earlier archive as it
        // was.
        for old in target.list_direct()?.1 {
            if is_export(&self.study, &old) && !new.contains(&old) {
                target.remove(&old)?;
            }
        }
        Ok(())
    }
}

impl Drop for ExportPlace {
    fn drop(&mut self) {
        if !self.done || self.target.is_none() {
            let _ = fs::remove_dir_all(&self.staging);
        }
    }
}

/// Writes a local file as an object.
pub fn send_file(from: &Path, folder: &Folder, name: &str) -> Result<()> {
    let context = || format!("cannot write '{}'", folder.show(name));
    let mut file = fs::File::open(from).with_context(context)?;
    let mut upload = folder.upload(name)?;
    let mut buffer = vec![0; 1 << 20];
    loop {
        let read = file.read(&mut buffer).with_context(context)?;
        if read == 0 {
            break;
        }
        upload.write_all(&buffer[..read]).with_context(context)?;
    }
    upload.finish().map(|_| ())
}

/// The folder that an export goes to, where there may be a link to it.
fn resolve_target(path: &Path) -> Result<PathBuf> {
    let failed = || format!("cannot export to '{}'", path.display());
    let there = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(path.to_owned()),
        there => there.with_context(failed)?,
    };
    let target = match there.is_symlink() {
        // Two folders exchange their names. Of a link only the link would change its name.
        true => fs::canonicalize(path).with_context(|| format!("{}, a link", failed()))?,
        false => path.to_owned(),
    };
    match target.is_dir() {
        true => Ok(target),
        false => Err(Error::failed(format!(
            "{}: it is a file, and a study's export is a folder of this name. Move the file away, or \
             export to another DATA_PATH",
            failed()
        ))),
    }
}

/// Whether a file is one that exports of a study make; older versions of them, too.
fn is_export(study: &str, name: &str) -> bool {
    let name = name.to_lowercase();
    let table = name.strip_prefix(study).is_some_and(|rest| rest.starts_with("__"))
        && [".csv", ".parquet"].iter().any(|end| name.ends_with(end));
    table || name == "manifest.toml" || name == format!("{study}.zip")
}

fn replace_export(new: &Path, target: &Path, study: &str) -> Result<()> {
    let failed = || format!("cannot replace '{}'", target.display());
    for entry in fs::read_dir(new).with_context(failed)? {
        let path = entry.with_context(failed)?.path();
        // Before the names change: after a power cut no name may lead to a file without its
        // contents.
        fs::File::open(path).and_then(|file| file.sync_all()).with_context(failed)?;
    }
    // Receipts, and folders of other programs, stay.
    replace_folder(new, target, &|name| is_export(study, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Ground {
        dir: tempfile::TempDir,
        work: WorkFolder,
    }

    impl Ground {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let folder = Folder::open(dir.path().to_str().unwrap()).unwrap();
            let work = WorkFolder::create_work(None, &folder).unwrap();
            Self { dir, work }
        }

        fn path(&self, name: &str) -> PathBuf {
            self.dir.path().join(name)
        }

        fn file(&self, name: &str, text: &str) {
            let path = self.path(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }

        fn begin(&self) -> Result<ExportPlace> {
            let data = Folder::open(self.path("data").to_str().unwrap()).unwrap();
            ExportPlace::begin(&data, "core", &self.work)
        }

        fn export(&self) {
            let place = self.begin().unwrap();
            fs::write(place.path("core__new.cube.csv"), "new").unwrap();
            place.commit_files().unwrap();
        }

        fn names(&self, folder: &str) -> Vec<String> {
            let entries = fs::read_dir(self.path(folder)).unwrap();
            let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
            let mut names: Vec<_> = names.filter(|name| name != ".core.lock").collect();
            names.sort();
            names
        }
    }

    #[test]
    fn what_is_not_of_an_export_stays() {
        let ground = Ground::new();
        for name in ["upload.json", "my_notes.csv", "other.zip", "figures/a.csv", "core.csv"] {
            ground.file(&format!("data/core/{name}"), "mine");
        }
        for name in ["core__old.cube.csv", "CORE__Old.cube.parquet", "core.zip", "manifest.toml"] {
            ground.file(&format!("data/core/{name}"), "old");
        }
        ground.export();
        let stay = ["core.csv", "core__new.cube.csv", "figures", "my_notes.csv", "other.zip"];
        assert_eq!(ground.names("data/core")[..5], stay);
        assert_eq!(ground.names("data/core")[5..], ["upload.json"]);
        assert_eq!(ground.names("data"), ["core"]);
    }

    #[test]
    fn an_export_that_died_between_two_names_takes_nothing_with_it() {
        // Before the new files had the name, and after.
        for there in [false, true] {
            let ground = Ground::new();
            ground.file("data/.core.old/upload.json", "receipt");
            ground.file("data/.core.old/core__old.cube.csv", "old");
            if there {
                ground.file("data/core/core__half.cube.csv", "new");
            } else {
                ground.file("data/.core.new/core__half.cube.csv", "new");
                ground.file("data/.core.new/core.zip", "half");
            }
            drop(ground.begin().unwrap());
            let table = if there { "core__half.cube.csv" } else { "core__old.cube.csv" };
            assert_eq!(ground.names("data/core"), [table, "upload.json"]);
            ground.export();
            assert_eq!(ground.names("data/core"), ["core__new.cube.csv", "upload.json"]);
            assert_eq!(ground.names("data"), ["core"]);
        }
    }

    #[test]
    fn a_link_is_followed_and_a_file_refused() {
        let ground = Ground::new();
        ground.file("disk/exports/upload.json", "receipt");
        fs::create_dir(ground.path("data")).unwrap();
        std::os::unix::fs::symlink(ground.path("disk/exports"), ground.path("data/core")).unwrap();
        ground.export();
        assert!(ground.path("data/core").is_symlink());
        assert_eq!(ground.names("disk/exports"), ["core__new.cube.csv", "upload.json"]);
        assert_eq!(ground.names("disk"), ["exports"]);

        fs::remove_dir_all(ground.path("disk")).unwrap();
        let error = ground.begin().err().unwrap().to_string();
        assert!(error.contains("data/core', a link"), "{error}");

        fs::remove_file(ground.path("data/core")).unwrap();
        ground.file("data/core", "mine");
        let error = ground.begin().err().unwrap().to_string();
        assert!(error.contains("data/core': it is a file"), "{error}");
        assert_eq!(fs::read_to_string(ground.path("data/core")).unwrap(), "mine");
    }

    #[test]
    fn exports_at_once_come_one_after_the_other() {
        let ground = Ground::new();
        std::thread::scope(|scope| {
            for number in 0..4 {
                let ground = &ground;
                scope.spawn(move || {
                    for _ in 0..10 {
                        let place = ground.begin().unwrap();
                        let name = place.path(&format!("core__{number}.cube.csv"));
                        fs::File::create_new(name).unwrap();
                        let made = fs::read_dir(&place.staging).unwrap().count();
                        assert_eq!(made, 1, "another export's files are among ours");
                        place.commit_files().unwrap();
                    }
                });
            }
        });
        assert_eq!(ground.names("data/core").len(), 1);
        assert_eq!(ground.names("data"), ["core"]);
    }
}
