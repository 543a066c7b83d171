//! A folder held by a run, for as long as the run lasts.
//!
//! Some runs share a folder, as each of their steps is safe beside the others'; others need it for
//! themselves. On a disk the folder's marker is locked, shared or exclusively. In a bucket each run
//! has a lease beside the marker; who needs the folder alone keeps new ones away by the gate, also a
//! lease, and waits until those that are there have ended or died.

use std::fmt;
use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::FileExt;
use std::path::Path as FsPath;
use std::thread;
use std::time::Instant;

use chrono::TimeDelta;
use hashbrown::HashMap;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStoreExt};
use tracing::warn;
use uuid::Uuid;

use super::file_lock::{Sharing, allow_missing_locks, is_at, wait_for_lock};
use super::lease::{Lease, run_of};
use super::open::{open_plain, open_to_lock};
use super::{Folder, unwrap_error};
use crate::error::{Context, Result};
use crate::text::{escape_controls, shorten_text};

/// A lease that was not renewed for so long belongs to a run that has died: renewed it is every ten
/// seconds. By the server's clock alone.
// Ten times `LeaseTimes::dead`, since one listing decides, and nobody has watched the lease.
const ABANDONED: TimeDelta = TimeDelta::minutes(10);

/// Begins the line of a marker that says who has held the folder last.
const LAST_RUN: &str = "The last run here: ";

/// A folder that is held until this is dropped, or until the process ends, however it ends. In a
/// bucket, one that died holding it keeps others waiting for a minute.
pub struct Hold {
    held: ClaimHolder,
    waited: bool,
}

enum ClaimHolder {
    /// None where the file system has no locks.
    Local {
        _file: Option<File>,
    },
    Shared {
        _lease: Lease,
    },
    Alone(Lease),
}

impl fmt::Debug for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hold")
    }
}

impl Hold {
    /// Whether another run was there, so that the folder may have changed meanwhile.
    pub fn has_waited(&self) -> bool {
        self.waited
    }

    /// An error if a folder that was to be held alone was lost, as it can be in a bucket: call it
    /// before what only one may do.
    pub fn check_hold(&self) -> Result<()> {
        match &self.held {
            ClaimHolder::Local { .. } | ClaimHolder::Shared { .. } => Ok(()),
            ClaimHolder::Alone(lease) => lease.check_lease(),
        }
    }
}

impl Folder {
    /// Waits until the folder can be held, and says for whom. `marker`: the file that is locked, with
    /// the text `about`, made where there is none; `run`: which run this is, for those who wait.
    ///
    /// # Errors
    /// A folder that cannot be written.
    pub fn hold_folder(
        &self,
        marker: &str,
        about: &str,
        sharing: Sharing,
        run: &str,
    ) -> Result<Hold> {
        match self.local() {
            Some(path) => self.hold_local(&path.join(marker), about, sharing, run),
            None => self.hold_bucket(marker, about, sharing, run),
        }
    }

    fn hold_local(&self, path: &FsPath, about: &str, sharing: Sharing, run: &str) -> Result<Hold> {
        let mut waited = false;
        let (file, writes) = loop {
            let (file, writes) = match open_plain(path, true) {
                // Another user has made it.
                Err(error) if is_denied(error.kind()) && path.exists() => {
                    (open_to_lock(path), false)
                }
                opened => (opened, true),
            };
            let file = file.with_context(|| format!("cannot write '{}'", path.display()))?;
            let locked = self.lock_marker(&file, path, sharing, &mut waited)?;
            // A run that has waited may have the lock of a file that was removed meanwhile.
            if !locked || is_at(&file, path) {
                break (locked.then_some(file), writes);
            }
        };
        if let (Some(file), true) = (&file, writes) {
            // The line is written after the lock is had. Runs that share the
            // folder overwrite each other's: it names the one that came last.
            let text = format!("{about}\n{LAST_RUN}{run}\n");
            // Where it can't be written, only runs that wait for this one miss its name.
            let _ = file.write_all_at(text.as_bytes(), 0);
            // Cut after it is written: a run that reads the line
            // in between finds one, and never an empty file.
            let _ = file.set_len(text.len() as u64);
        }
        Ok(Hold { held: ClaimHolder::Local { _file: file }, waited })
    }

    /// False where the file system has no locks.
    fn lock_marker(
        &self,
        file: &File,
        path: &FsPath,
        sharing: Sharing,
        waited: &mut bool,
    ) -> Result<bool> {
        let locked = wait_for_lock(file, sharing, || {
            *waited = true;
            let text = std::fs::read_to_string(path).unwrap_or_default();
            let run = text.lines().find_map(|line| line.strip_prefix(LAST_RUN));
            let run = run.map_or_else(String::new, |run| {
                format!(" ({})", shorten_text(&escape_controls(run), 200))
            });
            warn!("Another run{run} is at work in '{self}'; waiting for its end");
        });
        let locked = allow_missing_locks(locked, self);
        Ok(locked.with_context(|| format!("cannot lock '{}'", path.display()))?.is_some())
    }

    fn hold_bucket(&self, marker: &str, about: &str, sharing: Sharing, run: &str) -> Result<Hold> {
        if self.read(marker)?.is_none() {
            self.write_new(marker, format!("{about}\n"))?;
        }
        let gate_name = format!("{marker}.lock");
        let begun = Instant::now();
        let gate = Lease::take_lease(self, &gate_name, run)?;
        // A lease that is held keeps its taker for one `look` at least. A slow server looks
        // the same, which does no harm: the caller then looks at the folder once more.
        let waited = begun.elapsed() > self.storage().options().leases.look;
        let prefix = format!("{gate_name}-");
        if sharing == Sharing::Shared {
            // Taken while the gate is held. A run that wants the folder alone
            // lists the leases only when it has the gate, so it sees this one.
            let name = format!("{prefix}{}", Uuid::new_v4().simple());
            let lease = Lease::take_lease(self, &name, run)?;
            self.remove_abandoned_leases(&prefix, &name);
            return Ok(Hold { held: ClaimHolder::Shared { _lease: lease }, waited });
        }
        // The gate is kept: runs that come now wait for it, and those that are here become fewer only.
        let emptied = self.wait_for_others(&prefix)?;
        Ok(Hold { held: ClaimHolder::Alone(gate), waited: waited || emptied })
    }

    /// Waits until the leases of this prefix are gone, or unchanged for so long that their holders
    /// are dead. Whether there were any.
    fn wait_for_others(&self, prefix: &str) -> Result<bool> {
        let mut watched: HashMap<Path, (Option<String>, Instant)> = HashMap::new();
        let mut told = false;
        let times = self.storage().options().leases;
        loop {
            let others = self.list_leases(prefix)?;
            if others.is_empty() {
                return Ok(told);
            }
            if let (false, Some(other)) = (std::mem::replace(&mut told, true), others.first()) {
                let run = run_of(self.storage().runtime(), self.store(), &other.location);
                warn!("Another run{run} is at work in '{self}'; waiting for its end");
            }
            for other in others {
                let now = (other.e_tag, Instant::now());
                let known = watched.entry(other.location.clone()).or_insert_with(|| now.clone());
                if known.0 != now.0 {
                    *known = now;
                } else if known.1.elapsed() > times.dead {
                    // If its holder lives after all, its next renewal
                    // finds the object gone, and says so.
                    let removed = self.storage().block_on(self.store().delete(&other.location));
                    removed
                        .map_err(unwrap_error)
                        .with_context(|| format!("cannot lock '{self}'"))?;
                }
            }
            thread::sleep(times.look);
        }
    }

    /// Of runs that were killed; what cannot be removed stays until someone has to wait for it.
    fn remove_abandoned_leases(&self, prefix: &str, own: &str) {
        let Ok(leases) = self.list_leases(prefix) else { return };
        let own = self.path(own);
        let Some(now) = leases.iter().find(|lease| lease.location == own) else { return };
        let is_abandoned =
            |lease: &&ObjectMeta| lease.last_modified < now.last_modified - ABANDONED;
        for lease in leases.iter().filter(is_abandoned) {
            let _ = self.storage().block_on(self.store().delete(&lease.location));
        }
    }

    fn list_leases(&self, prefix: &str) -> Result<Vec<ObjectMeta>> {
        let root = self.path("");
        // `object_store` takes prefixes by whole parts of a path,
        // so the beginning of a name cannot be asked for.
        let listed = self.storage().block_on(self.store().list_with_delimiter(Some(&root)));
        let listed =
            listed.map_err(unwrap_error).with_context(|| format!("cannot list '{self}'"))?;
        let is_lease =
            |object: &ObjectMeta| object.location.filename().is_some_and(|n| n.starts_with(prefix));
        Ok(listed.objects.into_iter().filter(is_lease).collect())
    }
}

fn is_denied(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
    use std::sync::mpsc::channel;

    use super::*;

    const MARKER: &str = ".marker";

    fn hold_folder(folder: &Folder, sharing: Sharing) -> Hold {
        folder.hold_folder(MARKER, "about", sharing, "process 1").unwrap()
    }

    fn grounds(dir: &tempfile::TempDir) -> [Folder; 2] {
        [dir.path().to_str().unwrap(), "memory:///"].map(|place| Folder::open(place).unwrap())
    }

    #[test]
    fn runs_that_share_a_folder_are_in_it_together_and_others_alone() {
        let dir = tempfile::tempdir().unwrap();
        for folder in grounds(&dir) {
            let one = hold_folder(&folder, Sharing::Shared);
            let two = hold_folder(&folder, Sharing::Shared);
            assert!(!one.has_waited() && !two.has_waited());
            let (began, begin) = channel();
            let (held, is_held) = channel();
            let inside = AtomicUsize::new(2);
            thread::scope(|scope| {
                let (folder, inside) = (&folder, &inside);
                // The channels go with the thread: if it fails, nobody waits for it.
                scope.spawn(move || {
                    began.send(()).unwrap();
                    let alone = hold_folder(folder, Sharing::Alone);
                    assert_eq!(inside.load(SeqCst), 0, "held while others are at work");
                    alone.check_hold().unwrap();
                    held.send(()).unwrap();
                });
                begin.recv().unwrap();
                for hold in [one, two] {
                    inside.fetch_sub(1, SeqCst);
                    drop(hold);
                }
                is_held.recv().unwrap();
            });
            drop(hold_folder(&folder, Sharing::Alone));
            let (_, files) = folder.list_direct().unwrap();
            assert_eq!(files, [MARKER], "{folder}");
            let text = folder.read(MARKER).unwrap().unwrap();
            assert!(text.starts_with(b"about\n"), "{folder}");
        }
    }

    #[test]
    fn one_run_at_a_time_has_a_folder_alone() {
        let dir = tempfile::tempdir().unwrap();
        for folder in grounds(&dir) {
            let inside = AtomicUsize::new(0);
            thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| {
                        for _ in 0..5 {
                            let held = hold_folder(&folder, Sharing::Alone);
                            assert_eq!(inside.fetch_add(1, SeqCst), 0);
                            thread::yield_now();
                            inside.fetch_sub(1, SeqCst);
                            drop(held);
                        }
                    });
                }
            });
        }
    }

    #[test]
    fn leases_of_dead_runs_are_taken_over() {
        let folder = Folder::open("memory:///").unwrap();
        folder.write(".marker.lock-dead", "of a run that was killed").unwrap();
        folder.write(".marker.lock", "of another one").unwrap();
        drop(hold_folder(&folder, Sharing::Alone));
        assert_eq!(folder.list_direct().unwrap().1, [MARKER]);
    }
}
