//! Finds studies: folders with a `manifest.toml`, at any depth.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::StudyName;
use super::folder::StudyFolder;
use super::manifest::{FILE_NAME, Manifest};
use crate::error::{Context, Error, Result, StudyFault};

/// A folder with a manifest.
#[derive(Debug)]
pub struct FoundStudy {
    /// The manifest's path.
    pub path: PathBuf,
    /// The study, or its fault.
    pub study: Result<Manifest>,
}

/// The studies in some folders and below, by path within each. A faulty one is part of the result;
/// a second study of a prefix is an error of that one. Links are followed within a folder; a study
/// that one leads to elsewhere is faulty. An error if a folder is not there.
pub fn find_below(folders: &[PathBuf]) -> Result<Vec<FoundStudy>> {
    let mut paths = Vec::new();
    // All folders share one set. With `-s a -s a/b`, a study below `a/b` is found once, by way of `a`,
    // and is not a second study of its own prefix.
    let mut seen = HashSet::new();
    for folder in folders {
        let root = StudyFolder::new(folder)?;
        let mut found = Vec::new();
        collect_manifests(&root, folder, &mut seen, &mut found)?;
        paths.extend(found.into_iter().map(|path| (root.clone(), path)));
    }
    let mut prefixes: Vec<(StudyName, PathBuf)> = Vec::new();
    let mut studies = Vec::new();
    for (root, path) in paths {
        let study = Manifest::load_manifest(&root, &path).and_then(|study| {
            match prefixes.iter().find(|(prefix, _)| *prefix == study.prefix) {
                None => Ok(study),
                Some((prefix, other)) => Err(Error::new(
                    StudyFault::Definition,
                    format!("{}: {} is study '{prefix}', too", path.display(), other.display()),
                )),
            }
        });
        if let Ok(study) = &study {
            // A faulty study claims no prefix, so that a sound one of the same name can still be listed
            // and built.
            prefixes.push((study.prefix.clone(), path.clone()));
        }
        studies.push(FoundStudy { path, study });
    }
    Ok(studies)
}

/// Adds the manifests in a folder and below; each folder once, however many links lead to it. Folders
/// outside of `root` that a link leads to are not walked through.
fn collect_manifests(
    root: &StudyFolder,
    folder: &Path,
    seen: &mut HashSet<PathBuf>,
    into: &mut Vec<PathBuf>,
) -> Result<()> {
    let read = || format!("cannot read {}", folder.display());
    // By its real path: a link to a folder above would be walked without an end.
    if !seen.insert(folder.canonicalize().with_context(read)?) {
        return Ok(());
    }
    let mut folders = Vec::new();
    for entry in fs::read_dir(folder).with_context(read)? {
        let entry = entry.with_context(read)?;
        let path = entry.path();
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        if !hidden && path.is_dir() {
            match root.kind_of(&path) {
                Ok(_) => folders.push(path),
                // Loading it fails, and the list shows the reason for this study.
                Err(_) if path.join(FILE_NAME).exists() => into.push(path.join(FILE_NAME)),
                Err(_) => {}
            }
        } else if entry.file_name() == FILE_NAME {
            into.push(path);
        }
    }
    // A file system lists entries in any order. Sorted, the list is the same on all machines, and of two
    // studies of one prefix always the same one is faulty.
    folders.sort();
    folders.iter().try_for_each(|folder| collect_manifests(root, folder, seen, into))
}
