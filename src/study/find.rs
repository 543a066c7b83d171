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
    /// The study, or what is wrong with it.
    pub study: Result<Manifest>,
}

/// The studies in some folders and below, by path within each. A faulty one is part of the result;
/// a second study of a prefix is an error of that one. Links are followed within a folder; a study
/// that one leads to elsewhere is faulty. An error if a folder is not there.
pub fn find_below(folders: &[PathBuf]) -> Result<Vec<FoundStudy>> {
    let mut paths = Vec::new();
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
            prefixes.push((study.prefix.clone(), path.clone()));
        }
        studies.push(FoundStudy { path, study });
    }
    Ok(studies)
}

/// Adds the manifests in a folder and below; each folder once, whatever links lead to it. What a link
/// leads to outside of `root` is not walked through.
fn collect_manifests(
    root: &StudyFolder,
    folder: &Path,
    seen: &mut HashSet<PathBuf>,
    into: &mut Vec<PathBuf>,
) -> Result<()> {
    let read = || format!("cannot read {}", folder.display());
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
                // To load it is the fault that is told.
                Err(_) if path.join(FILE_NAME).exists() => into.push(path.join(FILE_NAME)),
                Err(_) => {}
            }
        } else if entry.file_name() == FILE_NAME {
            into.push(path);
        }
    }
    folders.sort();
    folders.iter().try_for_each(|folder| collect_manifests(root, folder, seen, into))
}
