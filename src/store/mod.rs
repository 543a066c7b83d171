//! Folders on any store: a URL or path becomes an [`ObjectStore`] and a prefix.
//!
//! Everything this program reads or writes goes through here, so that a bucket differs from a
//! local path by its URL only. The callers are ordinary threads: the asynchronous stores run on
//! one small runtime ([`StoreRuntime`]), whose `block_on` must not be called from asynchronous code.

mod bucket;
mod download;
mod explain;
mod file_lock;
mod guarded;
mod hold;
mod kept;
mod lease;
mod listings;
mod lock;
mod mounts;
mod open;
mod options;
mod profile;
mod rename;
mod replace;
mod runtime;
mod s3;
mod staging;
mod storage;
mod upload;
mod work;

use std::borrow::Cow;
use std::fmt;
use std::fs::DirBuilder;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Component, Path as FsPath, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures::TryStreamExt;
use object_store::path::{Path, PathPart};
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions, UpdateVersion};
use url::Url;

use crate::error::{Context, Error, FolderFault, Result};
use crate::stop::Shutdown;
use crate::text::escape_controls;
pub use download::{Reader, Requested};
pub(crate) use explain::unwrap_error;
pub use file_lock::{Sharing, allow_missing_locks, try_lock_file};
pub use hold::Hold;
pub use lease::LeaseTimes;
pub use lock::Lock;
pub use mounts::{Mount, Mounts};
pub use open::open_file;
pub use options::StoreOptions;
pub(crate) use profile::unreadable_profile;
pub use rename::{rename_files, replace_file, sync_folder};
pub use replace::{discard_folder, recover_folder, remove_folder, replace_folder};
pub use runtime::StoreRuntime;
use staging::Staging;
pub use staging::{UNFINISHED, before_unfinished, is_unfinished};
pub use storage::Storage;
pub use upload::{Finishing, Upload};
pub use work::WorkFolder;

/// In a bucket, makes a folder one run's.
const CLAIMED: &str = ".cumulus-etl-claimed";

/// A folder (or bucket prefix), and everything below it.
#[derive(Clone)]
pub struct Folder {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    url: Url,
    local: Option<PathBuf>,
    /// Files are for their owner's eyes only.
    private: bool,
    /// The storage that opened it.
    storage: Storage,
}

/// One object as a listing shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The path below the folder that was listed, with `/` between its parts.
    pub name: String,
    /// Bytes, as stored (compressed files: compressed).
    pub size: u64,
}

/// The version of an object when it was looked at.
#[derive(Clone, Debug)]
pub struct Version {
    /// `None` where there was none, and on a local disk.
    bucket: Option<UpdateVersion>,
}

impl Folder {
    /// The folder `name` (which may have several parts) below this one. A name that would lead elsewhere
    /// (`..`, a `/` at the beginning) does not: it is encoded, as [`Folder::path`] does, or left out.
    #[must_use]
    pub fn child(&self, name: &str) -> Self {
        let parts: Vec<_> =
            name.split('/').filter(|part| !part.is_empty()).map(plain_part).collect();
        let mut url = self.url.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(&parts).push("");
        }
        Self {
            store: self.store.clone(),
            prefix: self.path(name),
            url,
            local: self
                .local
                .as_ref()
                .map(|path| parts.iter().fold(path.clone(), |path, part| path.join(&**part))),
            private: self.private,
            storage: self.storage.clone(),
        }
    }

    /// The same folder, with what is made in it readable by its owner only (local disks).
    #[must_use]
    pub fn private(self) -> Self {
        Self { private: true, ..self }
    }

    /// The storage that opened it, which opens others for the same run.
    pub fn storage(&self) -> &Storage {
        &self.storage
    }

    /// Whether the run that this folder was opened for is to end.
    pub fn shutdown(&self) -> &Shutdown {
        self.storage.shutdown()
    }

    /// The store that holds this folder; its paths are what [`Folder::path`] gives.
    pub fn store(&self) -> &Arc<dyn ObjectStore> {
        &self.store
    }

    /// The store path of the object `name` below this folder.
    pub fn path(&self, name: &str) -> Path {
        let parts = name.split('/').filter(|part| !part.is_empty());
        parts.fold(self.prefix.clone(), |path, part| match PathPart::parse(part) {
            Ok(valid) => path.join(valid),
            // `..` and control characters: encoded, they cannot lead out of the folder.
            Err(_) => path.join(part),
        })
    }

    /// The folder's URL, with a `/` at its end.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The path, for a folder on the local disk.
    pub fn local(&self) -> Option<&FsPath> {
        self.local.as_deref()
    }

    /// Whether `other` is this folder or below it, by whatever name: a folder may be mounted at two
    /// places.
    pub fn contains(&self, other: &Self) -> bool {
        if bucket::is_within(&self.url, &other.url) {
            return true;
        }
        let (Some(own), Some(other)) = (&self.local, &other.local) else { return false };
        // A bind mount, or a volume that is mounted twice, shows one folder
        // under two paths. Device and inode are the same for both.
        let identity = |path: &FsPath| {
            let there = std::fs::metadata(path).ok().filter(std::fs::Metadata::is_dir)?;
            Some((there.dev(), there.ino()))
        };
        let own = identity(own);
        // Ancestors that do not exist yet have no identity
        // (`None`), which must not equal a missing `own`.
        own.is_some() && other.ancestors().any(|above| identity(above) == own)
    }

    /// The folders above this one, the nearest first; in a bucket also those that are not there.
    pub fn folders_above(&self) -> Vec<Self> {
        if let Some(path) = &self.local {
            let above = path.ancestors().skip(1).filter(|above| above.is_dir());
            return above.filter_map(|above| self.storage.open_local(above).ok()).collect();
        }
        let parts: Vec<_> = self.prefix.parts().collect();
        let prefix_of = |depth: usize| {
            let mut above = self.clone();
            above.prefix = Path::from_iter(parts[..depth].iter().cloned());
            if let Ok(mut segments) = above.url.path_segments_mut() {
                segments.pop_if_empty();
                for _ in depth..parts.len() {
                    segments.pop();
                }
                segments.push("");
            }
            above
        };
        (0..parts.len()).rev().map(prefix_of).collect()
    }

    /// Whether a local folder exists; buckets have no folders, so always true there.
    pub fn exists(&self) -> bool {
        self.local.as_ref().is_none_or(|path| path.is_dir())
    }

    /// Refuses a local folder that does not exist; `role` says which it is, like `input folder`.
    ///
    /// # Errors
    /// [`FolderFault::Missing`], also where there is a file of that name.
    pub fn require_folder(&self, role: &str) -> Result<()> {
        if self.exists() {
            return Ok(());
        }
        let file = self.local.as_ref().is_some_and(|path| path.exists());
        let message = match file {
            true => format!("The {role} '{self}' is a file; name the folder that holds it"),
            false => format!("The {role} '{self}' does not exist"),
        };
        Err(Error::new(FolderFault::Missing, message))
    }

    /// This folder; on a disk, if there is no such folder yet, the one above it that there is.
    pub fn nearest_existing(&self) -> Result<Self> {
        let local = self.local.as_deref();
        match local.and_then(|path| path.ancestors().find(|above| above.exists())) {
            Some(above) => Ok(Self { private: self.private, ..self.storage.open_local(above)? }),
            None => Ok(self.clone()),
        }
    }

    /// Makes a local folder and its parents; does nothing in a bucket.
    pub fn create(&self) -> Result<()> {
        match &self.local {
            Some(path) => DirBuilder::new()
                .recursive(true)
                // The umask still applies: 0o777 leaves the choice to the user.
                .mode(if self.private { 0o700 } else { 0o777 })
                .create(path)
                .with_context(|| format!("cannot make the folder '{}'", path.display())),
            None => Ok(()),
        }
    }

    /// Every object below the folder, at any depth, by name. Nothing, where it does not exist.
    pub fn list(&self) -> Result<Vec<Entry>> {
        let listed =
            self.storage.block_on(self.store.list(Some(&self.prefix)).try_collect::<Vec<_>>());
        let mut entries: Vec<Entry> = listed
            .map_err(unwrap_error)
            .with_context(|| format!("cannot list '{self}'"))?
            .into_iter()
            .filter_map(|meta| {
                let parts: Vec<_> = meta.location.prefix_match(&self.prefix)?.collect();
                let name = parts.iter().map(|p| p.as_ref()).collect::<Vec<_>>().join("/");
                let is_under_way = meta.location.filename().is_some_and(is_unfinished);
                // The folder's own entry, as some tools make it, is empty.
                (!name.is_empty() && !is_under_way).then_some(Entry { name, size: meta.size })
            })
            .collect();
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    /// The names of the folders and of the objects directly below this one, sorted.
    pub fn list_direct(&self) -> Result<(Vec<String>, Vec<String>)> {
        let failed = || format!("cannot list '{self}'");
        let (mut folders, mut objects) = match &self.local {
            Some(path) => list_local(path).with_context(failed)?,
            None => {
                let listed =
                    self.storage.block_on(self.store.list_with_delimiter(Some(&self.prefix)));
                let listed = listed.map_err(unwrap_error).with_context(failed)?;
                let last = |path: &Path| path.filename().unwrap_or_default().to_owned();
                let objects = listed.objects.iter().map(|meta| last(&meta.location));
                (listed.common_prefixes.iter().map(last).collect(), objects.collect())
            }
        };
        folders.sort();
        objects.retain(|name| !is_unfinished(name));
        objects.sort();
        Ok((folders, objects))
    }

    /// The whole of a small object, or `None` where there is none.
    ///
    /// # Errors
    /// Of a local folder, anything but a file of this name: it would be taken for nothing, or hold up
    /// who reads it.
    pub fn read(&self, name: &str) -> Result<Option<Bytes>> {
        self.check_is_file(name)?;
        let result =
            self.storage.block_on(async { self.store.get(&self.path(name)).await?.bytes().await });
        match result {
            Ok(bytes) => Ok(Some(bytes)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(unwrap_error(error))
                .with_context(|| format!("cannot read '{}'", self.show(name))),
        }
    }

    /// An error if there is something of this name in a local folder that is no file.
    fn check_is_file(&self, name: &str) -> Result<()> {
        let Some(folder) = &self.local else { return Ok(()) };
        let path = folder.join(name);
        let what = match (std::fs::metadata(&path), std::fs::symlink_metadata(&path)) {
            (Ok(there), _) if there.is_file() => return Ok(()),
            (Ok(there), _) if there.is_dir() => "a folder",
            (Ok(_), _) => "a pipe, a socket or a device",
            (Err(_), Ok(there)) if there.is_symlink() => "a link that leads to nothing",
            // Where nothing is there, or it can't be looked at, the read itself says so.
            (Err(_), _) => return Ok(()),
        };
        Err(Error::failed(format!(
            "'{}' is {what}, where a file of this name belongs: move it away, or mount what it \
             stands for",
            path.display()
        )))
    }

    /// Makes this folder for one run alone; false where another has made it. In a bucket a small
    /// object in it says so.
    pub fn create_new(&self) -> Result<bool> {
        let Some(path) = &self.local else {
            return Ok(self.list()?.is_empty() && self.write_new(CLAIMED, "")?);
        };
        let failed = || format!("cannot make the folder '{}'", path.display());
        let mut options = DirBuilder::new();
        options.mode(if self.private { 0o700 } else { 0o777 });
        if let Some(above) = path.parent() {
            options.recursive(true).create(above).with_context(failed)?;
        }
        match options.recursive(false).create(path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(error).with_context(failed),
        }
    }

    /// Removes a folder that was [made for one run alone](Self::create_new), if nothing is in it;
    /// whether it is gone.
    pub fn remove_new(&self) -> bool {
        match &self.local {
            Some(path) => std::fs::remove_dir(path).is_ok(),
            None => {
                let is_claim = |entries: Vec<Entry>| entries.iter().all(|e| e.name == CLAIMED);
                self.list().is_ok_and(is_claim) && self.remove(CLAIMED).is_ok()
            }
        }
    }

    /// Writes a small object, atomically; on a local disk it is durable on return.
    pub fn write(&self, name: &str, bytes: impl Into<Bytes>) -> Result<()> {
        self.put(name, bytes.into(), PutMode::Overwrite).map(|_| ())
    }

    /// Writes a small object if there is none of that name; false where there is one.
    pub fn write_new(&self, name: &str, bytes: impl Into<Bytes>) -> Result<bool> {
        self.put(name, bytes.into(), PutMode::Create)
    }

    /// The version of a small object, for [`Folder::write_over`].
    pub fn version(&self, name: &str) -> Result<Version> {
        if self.local.is_some() {
            return Ok(Version { bucket: None });
        }
        match self.storage.block_on(self.store.head(&self.path(name))) {
            Ok(meta) => {
                let bucket = UpdateVersion { e_tag: meta.e_tag, version: meta.version };
                Ok(Version { bucket: Some(bucket) })
            }
            Err(object_store::Error::NotFound { .. }) => Ok(Version { bucket: None }),
            Err(error) => Err(unwrap_error(error))
                .with_context(|| format!("cannot read '{}'", self.show(name))),
        }
    }

    /// Writes a small object in place of this version; false where it has changed since, which only
    /// buckets can tell.
    pub fn write_over(
        &self,
        name: &str,
        bytes: impl Into<Bytes>,
        version: &Version,
    ) -> Result<bool> {
        let bytes = bytes.into();
        let mode = match (&self.local, &version.bucket) {
            // On a disk the caller holds a lock, which cannot be lost as a lease in a bucket can.
            (Some(_), _) => PutMode::Overwrite,
            (None, None) => PutMode::Create,
            (None, Some(version)) => PutMode::Update(version.clone()),
        };
        let written = self.put(name, bytes.clone(), mode);
        match written {
            Ok(true) => Ok(true),
            // An attempt that had no answer may have been the one.
            Ok(false) => Ok(self.read(name)?.is_some_and(|there| there == bytes)),
            Err(error) => match self.read(name) {
                Ok(Some(there)) if there == bytes => Ok(true),
                _ => Err(error),
            },
        }
    }

    fn put(&self, name: &str, bytes: Bytes, mode: PutMode) -> Result<bool> {
        let failed = || format!("cannot write '{}'", self.show(name));
        // A signal waits for writers (`stop.rs`), so that no file under way stays behind.
        let _writer = self.shutdown().begin_writer()?;
        if let Some(folder) = &self.local {
            let mut staging =
                Staging::begin_file(folder.join(name), self.private).with_context(failed)?;
            staging.write_all(&bytes).with_context(failed)?;
            return match mode {
                PutMode::Create => staging.create_target().with_context(failed),
                _ => staging.replace_target().map(|()| true).with_context(failed),
            };
        }
        let options = PutOptions { mode, ..PutOptions::default() };
        match self.storage.block_on(self.store.put_opts(&self.path(name), bytes.into(), options)) {
            Ok(_) => Ok(true),
            Err(
                object_store::Error::AlreadyExists { .. }
                | object_store::Error::Precondition { .. },
            ) => Ok(false),
            Err(error) => Err(unwrap_error(error)).with_context(failed),
        }
    }

    /// Begins to write an object of any size; it appears, whole, on [`Upload::finish`].
    pub fn upload(&self, name: &str) -> Result<Upload> {
        Upload::begin_upload(self, name)
    }

    /// Removes an object; one that is not there is fine.
    pub fn remove(&self, name: &str) -> Result<()> {
        match self.storage.block_on(self.store.delete(&self.path(name))) {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(unwrap_error(error))
                .with_context(|| format!("cannot remove '{}'", self.show(name))),
        }
    }

    /// How messages name the object `name` below this folder.
    pub fn show(&self, name: &str) -> String {
        let folder = self.to_string();
        format!("{}/{}", folder.trim_end_matches('/'), escape_controls(name))
    }
}

/// The names of the folders and of the files directly in a folder of the disk; nothing where there is
/// none. Not by the store: one name that is not Unicode, or that has a control character in it, would
/// fail its whole listing. No file of this program has such a name.
fn list_local(path: &FsPath) -> std::io::Result<(Vec<String>, Vec<String>)> {
    let (mut folders, mut files) = (Vec::new(), Vec::new());
    let entries = match std::fs::read_dir(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok((folders, files)),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        // A link to nothing is neither a folder nor a file.
        match std::fs::metadata(entry.path()) {
            Ok(metadata) if metadata.is_dir() => folders.push(name),
            Ok(metadata) if metadata.is_file() => files.push(name),
            _ => {}
        }
    }
    Ok((folders, files))
}

/// A part of a path that leads nowhere but down.
fn plain_part(part: &str) -> Cow<'_, str> {
    match part {
        "." | ".." => Cow::Owned(part.replace('.', "%2E")),
        part => Cow::Borrowed(part),
    }
}

/// The path from the root, without `..`; symbolic links are followed as far as the path exists.
fn absolute_path(path: &FsPath) -> std::io::Result<PathBuf> {
    // Not `canonicalize` of the whole: it fails where a
    // part does not exist yet, as OUTPUT of a first run.
    let path = std::path::absolute(path)?;
    let existing = path.ancestors().find(|ancestor| ancestor.exists()).unwrap_or(&path);
    let mut clean = existing.canonicalize()?;
    for part in path.strip_prefix(existing).into_iter().flat_map(FsPath::components) {
        match part {
            // The part before it does not exist, so it is no link: to go up by name is right here.
            Component::ParentDir => {
                clean.pop();
            }
            other => clean.push(other),
        }
    }
    Ok(clean)
}

/// A URL as messages may show it: without user, password, query and fragment.
fn without_secrets(url: &Url) -> String {
    format!("{}://{}{}", url.scheme(), url.host_str().unwrap_or_default(), url.path())
}

impl fmt::Display for Folder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.local {
            Some(path) => write!(f, "{}", path.display()),
            None => f.write_str(self.url.as_str()),
        }
    }
}

impl fmt::Debug for Folder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Folder({self})")
    }
}

#[cfg(test)]
mod tests;
