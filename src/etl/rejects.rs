//! Where a run's rejected rows go.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::records::stamp;
use crate::deid::PhiFolder;
use crate::error::Result;
use crate::store::Folder;

/// The folder of a run's rejected rows below PHI. It comes into being with the first one.
pub(super) struct Rejects {
    root: Folder,
    started: DateTime<Utc>,
    claimed: Mutex<Option<PhiFolder>>,
}

/// A place for rejected rows.
#[derive(Clone, Copy)]
pub(super) enum RejectsTo<'a> {
    Phi(&'a Rejects),
    /// Where the user wants a copy.
    Copy(&'a PhiFolder),
}

impl Rejects {
    /// Below `root`, named after when the run began.
    pub(super) fn new(root: Folder, started: DateTime<Utc>) -> Self {
        Self { root, started, claimed: Mutex::default() }
    }

    /// The folder of this run alone. Another run may have begun within the same second, and write to
    /// another OUTPUT: the later one's folder is then named after the next second.
    fn folder(&self) -> Result<PhiFolder> {
        let mut claimed = self.claimed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(folder) = &*claimed {
            return Ok(folder.clone());
        }
        let mut time = self.started;
        loop {
            let folder = self.root.child(&stamp(time));
            if folder.create_new()? {
                return Ok(claimed.insert(PhiFolder::new(folder)).clone());
            }
            time += Duration::from_secs(1);
        }
    }

    /// Removes the folder if nothing is in it: files under way go with the table that they are of,
    /// where that fails.
    pub(super) fn remove_empty(&self) {
        let mut claimed = self.claimed.lock().unwrap_or_else(PoisonError::into_inner);
        if claimed.as_ref().is_some_and(|folder| folder.remove_new()) {
            *claimed = None;
        }
    }

    /// The folder, if any row was rejected.
    pub(super) fn claimed(&self) -> Option<PhiFolder> {
        self.claimed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl RejectsTo<'_> {
    /// The folder, made where there is none.
    pub(super) fn folder(self) -> Result<PhiFolder> {
        match self {
            Self::Phi(rejects) => rejects.folder(),
            Self::Copy(folder) => folder.create().map(|()| folder.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_that_begin_within_a_second_have_a_folder_each() {
        let dir = tempfile::tempdir().unwrap();
        for place in [dir.path().to_str().unwrap(), "memory://rejects-within-a-second/phi"] {
            let root = Folder::open(place).unwrap().child("rejected");
            let started = Utc::now();
            let folders: Vec<_> = std::thread::scope(|scope| {
                let runs: Vec<_> = (0..8)
                    .map(|run| {
                        let root = &root;
                        scope.spawn(move || {
                            let rejects = Rejects::new(root.clone(), started);
                            let to = RejectsTo::Phi(&rejects);
                            assert!(rejects.claimed().is_none());
                            to.folder().unwrap().write("Patient.ndjson", run.to_string()).unwrap();
                            // The same for each type.
                            let again = to.folder().unwrap();
                            assert_eq!(
                                again.read("Patient.ndjson").unwrap().unwrap(),
                                run.to_string()
                            );
                            rejects.claimed().unwrap().to_string()
                        })
                    })
                    .collect();
                runs.into_iter().map(|run| run.join().unwrap()).collect()
            });
            let mut distinct = folders.clone();
            distinct.sort();
            distinct.dedup();
            assert_eq!(distinct.len(), 8, "{folders:?}");
        }
    }

    #[test]
    fn a_folder_that_nothing_came_into_goes() {
        let dir = tempfile::tempdir().unwrap();
        for place in [dir.path().to_str().unwrap(), "memory://rejects-of-nothing/phi"] {
            let root = Folder::open(place).unwrap().child("rejected");
            let rejects = Rejects::new(root.clone(), Utc::now());
            rejects.remove_empty();
            let folder = RejectsTo::Phi(&rejects).folder().unwrap();
            // A file under way, of a table that then fails.
            drop(folder.upload("Patient.ndjson").unwrap());
            rejects.remove_empty();
            assert!(rejects.claimed().is_none(), "{place}");
            assert_eq!(root.list_direct().unwrap().0, [""; 0], "{place}");
            RejectsTo::Phi(&rejects).folder().unwrap().write("Patient.ndjson", "x").unwrap();
            rejects.remove_empty();
            let folder = rejects.claimed().unwrap();
            assert_eq!(folder.read("Patient.ndjson").unwrap().unwrap(), "x", "{place}");
        }
    }
}
