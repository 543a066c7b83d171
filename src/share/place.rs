//! Where an export goes: new files take the place of the earlier ones when all of them are there.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};

use crate::error::{Context, Result};
use crate::store::{Folder, WorkFolder};

/// The folder of a study's export, while a new one is made.
pub struct Place {
    data: Folder,
    study: String,
    /// Where the new files are made.
    staging: PathBuf,
    done: bool,
    _work: WorkFolder,
}

impl Place {
    /// Begins a new export below `data`. What an export that died left is removed.
    pub fn begin(data: &Folder, study: &str, work: &WorkFolder) -> Result<Self> {
        let staging = match data.local() {
            // Beside the target: it can then change its name to the target's.
            Some(path) => path.join(format!(".{study}.new")),
            None => work.path().join("export"),
        };
        if let Some(path) = data.local() {
            fs::create_dir_all(path)
                .with_context(|| format!("cannot make '{}'", path.display()))?;
            rescue(&staging, &path.join(study))?;
        }
        remove(&staging)?;
        fs::create_dir_all(&staging)
            .with_context(|| format!("cannot make '{}'", staging.display()))?;
        let study = study.to_owned();
        Ok(Self { data: data.clone(), study, staging, done: false, _work: work.clone() })
    }

    /// The path of a new file.
    pub fn path(&self, name: &str) -> PathBuf {
        self.staging.join(name)
    }

    /// Puts the new files in the place of the earlier export's. What is not of an export stays.
    pub fn commit(mut self) -> Result<()> {
        self.done = true;
        let target = self.data.child(&self.study);
        let result = match target.local() {
            Some(path) => swap(&self.staging, path),
            None => self.send(&target),
        };
        if result.is_err() {
            self.done = false;
        }
        result
    }

    /// To a bucket: the archive last, since it is what is sent on.
    fn send(&self, target: &Folder) -> Result<()> {
        let mut names: Vec<String> = Vec::new();
        for entry in fs::read_dir(&self.staging).context("cannot read the export")? {
            let entry = entry.context("cannot read the export")?;
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
        names.sort_by_key(|name| (name.ends_with(".zip"), name.clone()));
        for name in &names {
            send(&self.path(name), target, name)?;
        }
        let new: BTreeSet<_> = names.into_iter().collect();
        for old in target.list_direct()?.1 {
            if is_export(&old) && !new.contains(&old) {
                target.remove(&old)?;
            }
        }
        Ok(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !self.done || self.data.local().is_none() {
            let _ = fs::remove_dir_all(&self.staging);
        }
    }
}

/// Writes a local file as an object.
pub fn send(from: &Path, folder: &Folder, name: &str) -> Result<()> {
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

/// Whether a file is one that exports make.
fn is_export(name: &str) -> bool {
    name == "manifest.toml" || [".csv", ".parquet", ".zip"].iter().any(|end| name.ends_with(end))
}

fn swap(new: &Path, target: &Path) -> Result<()> {
    let failed = || format!("cannot replace '{}'", target.display());
    for entry in fs::read_dir(new).with_context(failed)? {
        let path = entry.with_context(failed)?.path();
        fs::File::open(path).and_then(|file| file.sync_all()).with_context(failed)?;
    }
    if !target.exists() {
        fs::rename(new, target).with_context(failed)?;
    } else {
        match renameat_with(CWD, new, CWD, target, RenameFlags::EXCHANGE) {
            Ok(()) => {}
            // Some network file systems cannot: then there is a moment without the export.
            Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => {
                let old = new.with_extension("old");
                remove(&old)?;
                fs::rename(target, &old).with_context(failed)?;
                fs::rename(new, target).with_context(failed)?;
                fs::rename(&old, new).with_context(failed)?;
            }
            Err(error) => return Err(error).with_context(failed),
        }
        rescue(new, target)?;
        remove(new)?;
    }
    match target.parent() {
        Some(parent) => {
            fs::File::open(parent).and_then(|folder| folder.sync_all()).with_context(failed)
        }
        None => Ok(()),
    }
}

/// Brings over what is not of an export: receipts, and folders of other programs.
fn rescue(from: &Path, to: &Path) -> Result<()> {
    let entries = match fs::read_dir(from) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => {
            return Err(error).with_context(|| format!("cannot read '{}'", from.display()));
        }
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        let target = to.join(&name);
        if (is_folder || !is_export(&name.to_string_lossy())) && to.exists() && !target.exists() {
            fs::rename(entry.path(), &target)
                .with_context(|| format!("cannot keep '{}'", target.display()))?;
        }
    }
    Ok(())
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove '{}'", path.display()))
        }
        _ => Ok(()),
    }
}
