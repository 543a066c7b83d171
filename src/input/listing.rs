//! The files below an input folder, whatever else others have put there.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::error::{Context, Result};
use crate::store::{Entry, Folder};
use crate::text::escape_controls;

/// The files below an input folder.
#[derive(Debug, Default)]
pub struct Listing {
    /// In the order of their names.
    pub files: Vec<Found>,
    /// The entries that could not be looked at: the name, as it may be shown, and why.
    pub unusable: Vec<(String, String)>,
}

/// A file.
#[derive(Debug)]
pub struct Found {
    /// Its name and size.
    pub entry: Entry,
    /// The file itself, if a symbolic link leads to it.
    pub target: Option<PathBuf>,
}

/// Lists every file below `folder`, at any depth.
///
/// On a disk, symbolic links are followed, and each folder is looked into once. A name that is not
/// Unicode, a folder that this account may not read and a link to nowhere cost nothing but
/// themselves.
///
/// # Errors
/// When the folder itself can't be listed.
pub fn list(folder: &Folder) -> Result<Listing> {
    let mut listing = match folder.local() {
        Some(root) => {
            let failed = || format!("cannot list '{folder}'");
            let mut walk = FolderWalk::default();
            walk.look_into(root, "", false).with_context(failed)?;
            walk.follow();
            walk.listing
        }
        None => {
            let files = folder.list()?.into_iter();
            let files = files.map(|entry| Found { entry, target: None }).collect();
            Listing { files, unusable: Vec::new() }
        }
    };
    listing.files.sort_by(|a, b| a.entry.name.cmp(&b.entry.name));
    Ok(listing)
}

#[derive(Default)]
struct FolderWalk {
    listing: Listing,
    /// Folders looked into, by their real paths.
    seen: HashSet<PathBuf>,
    /// Links to folders, with their names: they come last, so that a folder goes by its own name.
    links: Vec<(PathBuf, String)>,
}

impl FolderWalk {
    fn follow(&mut self) {
        while let Some((path, name)) = self.links.pop() {
            let looked = path.canonicalize().and_then(|real| match self.seen.contains(&real) {
                true => {
                    // A second link to a folder that has been read leaves nothing out. Only a loop
                    // is told.
                    if path.starts_with(&real) {
                        self.leave(&name, &"it leads back to a folder that it is in");
                    }
                    Ok(())
                }
                false => self.look_into(&real, &name, true),
            });
            if let Err(error) = looked {
                self.leave(&name, &error);
            }
        }
    }

    /// Lists the folder at `path` and those below it; files go by `name` and what follows. An error
    /// is of this folder only.
    fn look_into(&mut self, path: &Path, name: &str, linked: bool) -> io::Result<()> {
        let mut waiting = vec![(path.to_owned(), name.to_owned())];
        let mut first = true;
        while let Some((path, name)) = waiting.pop() {
            let entries = match fs::read_dir(&path) {
                Ok(entries) => entries,
                Err(error) if first => return Err(error),
                Err(error) => {
                    self.leave(&name, &error);
                    continue;
                }
            };
            first = false;
            if !self.seen.insert(path.clone()) {
                continue;
            }
            for entry in entries {
                let entry = match entry {
                    Ok(entry) => entry,
                    Err(error) => {
                        self.leave(&name, &error);
                        continue;
                    }
                };
                let (path, file) = (entry.path(), entry.file_name());
                let below = |file: &str| match name.as_str() {
                    "" => file.to_owned(),
                    name => format!("{name}/{file}"),
                };
                let Some(file) = file.to_str() else {
                    let shown = below(&file.to_string_lossy());
                    self.leave(&shown, &"its name is not Unicode");
                    continue;
                };
                let file = below(file);
                if let Err(error) = self.take(&path, file.clone(), linked, &mut waiting) {
                    self.leave(&file, &error);
                }
            }
        }
        Ok(())
    }

    fn take(
        &mut self,
        path: &Path,
        name: String,
        linked: bool,
        waiting: &mut Vec<(PathBuf, String)>,
    ) -> io::Result<()> {
        let is_link = path.symlink_metadata()?.is_symlink();
        let metadata = fs::metadata(path)?;
        if metadata.is_dir() {
            match is_link {
                true => self.links.push((path.to_owned(), name)),
                false => waiting.push((path.to_owned(), name)),
            }
        } else if metadata.is_file() {
            let target = match is_link || linked {
                true => Some(path.canonicalize()?),
                false => None,
            };
            let entry = Entry { name, size: metadata.len() };
            self.listing.files.push(Found { entry, target });
        }
        // Pipes and sockets would never end.
        Ok(())
    }

    fn leave(&mut self, name: &str, why: &dyn std::fmt::Display) {
        self.listing.unusable.push((escape_controls(name).into_owned(), why.to_string()));
    }
}
