//! Where a run's rejected rows go.

use std::io::Write as _;
use std::sync::Mutex;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::json;

use super::run_stamp::name_run;
use super::scrub_chunk::Rejected;
use crate::deid::{Phi, PhiFolder};
use crate::error::{Context, Result};
use crate::poison::ignore_poison;
use crate::store::{Finishing, Folder, Upload};

/// The folder of a run's rejected rows below PHI. It comes into being with the first one.
pub(super) struct Rejects {
    root: Folder,
    started: DateTime<Utc>,
    claimed: Mutex<Option<PhiFolder<Folder>>>,
}

/// A place for rejected rows.
#[derive(Clone, Copy)]
pub(super) enum RejectsTo<'a> {
    Phi(&'a Rejects),
    /// Where the user wants a copy.
    Copy(&'a PhiFolder<Folder>),
}

impl Rejects {
    /// Below `root`, named after when the run began.
    pub(super) fn new(root: Folder, started: DateTime<Utc>) -> Self {
        Self { root, started, claimed: Mutex::default() }
    }

    /// The folder of this run alone. Another run may have begun within the same second, and write to
    /// another OUTPUT: the later one's folder is then named after the next second.
    fn claim_folder(&self) -> Result<PhiFolder<Folder>> {
        let mut claimed = ignore_poison(self.claimed.lock());
        if let Some(folder) = &*claimed {
            return Ok(folder.clone());
        }
        let mut time = self.started;
        loop {
            let folder = self.root.child(&name_run(time));
            if folder.create_new()? {
                return Ok(claimed.insert(PhiFolder::new(folder)).clone());
            }
            time += Duration::from_secs(1);
        }
    }

    /// Removes the folder if nothing is in it: files under way go with the table that they are of,
    /// where that fails.
    pub(super) fn remove_empty(&self) {
        let mut claimed = ignore_poison(self.claimed.lock());
        if claimed.as_ref().is_some_and(|folder| folder.remove_new()) {
            *claimed = None;
        }
    }

    /// The folder, if any row was rejected.
    pub(super) fn claimed_folder(&self) -> Option<PhiFolder<Folder>> {
        ignore_poison(self.claimed.lock()).clone()
    }
}

impl RejectsTo<'_> {
    /// The folder, made where there is none.
    pub(super) fn make_folder(self) -> Result<PhiFolder<Folder>> {
        match self {
            Self::Phi(rejects) => rejects.claim_folder(),
            Self::Copy(folder) => folder.create().map(|()| folder.clone()),
        }
    }
}

/// Rejected rows of one type; the file comes into being with the first one.
pub(super) struct RejectFile<'a> {
    to: RejectsTo<'a>,
    name: String,
    /// The file, and the folder that it is in.
    upload: Option<(Upload, PhiFolder<Folder>)>,
}

impl<'a> RejectFile<'a> {
    /// No row yet, and no file.
    pub(super) fn new(to: RejectsTo<'a>, name: &str) -> Self {
        Self { to, name: name.to_owned(), upload: None }
    }

    /// Adds rows of the input's file `file`.
    pub(super) fn write_rows(&mut self, file: &str, rejects: &Phi<Vec<Rejected>>) -> Result<()> {
        let (upload, folder) = match &mut self.upload {
            Some(upload) => upload,
            none => {
                let folder = self.to.make_folder()?;
                none.insert((folder.upload(&self.name)?, folder))
            }
        };
        for rejected in rejects.look(folder) {
            let row = json!({
                "file": file,
                "line": rejected.line,
                "reason": rejected.reject.reason,
                "element": rejected.reject.element(),
                // A row may have been rejected because it is no UTF-8, which JSON cannot hold.
                "row": String::from_utf8_lossy(&rejected.text),
            });
            writeln!(upload, "{row}")
                .with_context(|| format!("cannot write '{}'", folder.show(&self.name)))?;
        }
        Ok(())
    }

    /// The file, about to appear, if there is one.
    pub(super) fn finish_file(self) -> Result<Option<Finishing>> {
        self.upload.map(|(upload, _)| upload.finish_later()).transpose()
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
                            assert!(rejects.claimed_folder().is_none());
                            to.make_folder()
                                .unwrap()
                                .write("Patient.ndjson", run.to_string())
                                .unwrap();
                            // The same for each type.
                            let again = to.make_folder().unwrap();
                            assert_eq!(
                                again.read("Patient.ndjson").unwrap().unwrap(),
                                run.to_string()
                            );
                            rejects.claimed_folder().unwrap().to_string()
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
            let folder = RejectsTo::Phi(&rejects).make_folder().unwrap();
            // A file under way, of a table that then fails.
            drop(folder.upload("Patient.ndjson").unwrap());
            rejects.remove_empty();
            assert!(rejects.claimed_folder().is_none(), "{place}");
            assert_eq!(root.list_direct().unwrap().0, [""; 0], "{place}");
            RejectsTo::Phi(&rejects).make_folder().unwrap().write("Patient.ndjson", "x").unwrap();
            rejects.remove_empty();
            let folder = rejects.claimed_folder().unwrap();
            assert_eq!(folder.read("Patient.ndjson").unwrap().unwrap(), "x", "{place}");
        }
    }
}
