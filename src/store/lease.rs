//! One process at a time, in a bucket: an object that its holder renews.
//!
//! Nobody's clock is trusted. A holder changes the object every few seconds; a run that has watched it
//! unchanged for long takes it for a dead process's and takes it over, by a conditional write.

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use object_store::path::Path;
use object_store::{
    Error as StoreError, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload, PutResult,
    UpdateVersion,
};
use tracing::{info, warn};
use uuid::Uuid;

use super::{Folder, StoreRuntime, unwrap_error};
use crate::error::{Context, Error, Result};
use crate::text::{escape_controls, shorten_text};
use crate::threads::Thread;

/// How leases are kept. All runs in a bucket must have the same times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LeaseTimes {
    /// How often the holder renews its lease.
    pub renew: Duration,
    /// Unchanged for so long, its holder is dead.
    pub dead: Duration,
    /// How often a run that waits looks at it.
    pub look: Duration,
}

impl Default for LeaseTimes {
    fn default() -> Self {
        Self {
            renew: Duration::from_secs(10),
            dead: Duration::from_secs(60),
            look: Duration::from_millis(500),
        }
    }
}

/// Characters of another run's description that are shown.
const LONGEST_RUN: usize = 200;

/// Held until dropped.
pub(super) struct Lease {
    object: Arc<Object>,
    stop: Option<Sender<()>>,
    renewals: Option<JoinHandle<()>>,
}

struct Object {
    runtime: StoreRuntime,
    times: LeaseTimes,
    store: Arc<dyn ObjectStore>,
    path: Path,
    show: String,
    /// Begins the text of the object while it is ours.
    holder: String,
    /// Ends it: which run this is, for those who wait. May be empty.
    run: String,
}

impl Lease {
    /// Waits until nobody else holds the object `name`. `run` tells those who wait who it is.
    pub fn take_lease(folder: &Folder, name: &str, run: &str) -> Result<Self> {
        let held = Arc::new(Object {
            runtime: folder.storage().runtime().clone(),
            times: folder.storage().options().leases,
            store: folder.store().clone(),
            path: folder.path(name),
            show: folder.show(name),
            holder: Uuid::new_v4().to_string(),
            run: run.to_owned(),
        });
        let version = held.take_over()?;
        let object = held.clone();
        let (stop, stopped) = channel();
        let renewals = Thread::named("lease").start_thread(move || {
            let mut version = Some(version);
            // A wait on the channel rather than a sleep: when the lease is dropped,
            // the thread ends without sleeping for up to ten seconds more.
            while stopped.recv_timeout(object.times.renew) == Err(RecvTimeoutError::Timeout) {
                // After one that failed the next may succeed: the server may have been away.
                let Some(held) = version.clone() else { break };
                match object.put(PutMode::Update(held.clone())) {
                    Ok(renewed) => version = Some(version_of(renewed)),
                    Err(StoreError::Precondition { .. } | StoreError::NotFound { .. }) => {
                        // The renewal before may have been done without an answer:
                        // the text is ours then, under a newer version. Where the
                        // look fails, too, the next renewal tries again.
                        version = object.own_version().unwrap_or(Some(held));
                        if version.is_none() {
                            warn!("another run has taken over '{}'", object.show);
                        }
                    }
                    Err(_) => {}
                }
            }
            // Not another run's, which may have taken it over while this one was held up: the version
            // that was written last does not tell.
            if version.is_some() && matches!(object.own_version(), Ok(Some(_))) {
                let _ = object.runtime.block_on(object.store.delete(&object.path));
            }
        });
        // Without the thread nobody renews the lease: it goes,
        // so that others need not wait until it looks dead.
        let renewals =
            renewals.inspect_err(|_| drop(held.runtime.block_on(held.store.delete(&held.path))))?;
        Ok(Self { object: held, stop: Some(stop), renewals: Some(renewals) })
    }

    /// An error if another run has taken it over: this one was held up for so long that it was taken
    /// for dead.
    pub fn check_lease(&self) -> Result<()> {
        let show = &self.object.show;
        let ours = self.object.own_version().map_err(unwrap_error);
        match ours.with_context(|| format!("cannot look at the lock '{show}'"))? {
            Some(_) => Ok(()),
            None => Err(Error::failed(format!(
                "another run has taken over '{show}': this one was held up, or could not reach the \
                 server, for a minute. It has changed nothing; run it again when the other one has \
                 ended"
            ))),
        }
    }
}

impl Object {
    fn take_over(&self) -> Result<UpdateVersion> {
        let failed = || format!("cannot lock by '{}'", self.show);
        let mut watched: Option<(Option<String>, Instant)> = None;
        let mut told = false;
        loop {
            match self.put(PutMode::Create) {
                Ok(created) => return Ok(version_of(created)),
                Err(StoreError::AlreadyExists { .. }) => {}
                Err(error) => return Err(unwrap_error(error)).with_context(failed),
            }
            // The answer to an attempt before may have been lost.
            if let Some(ours) = self.own_version().map_err(unwrap_error).with_context(failed)? {
                return Ok(ours);
            }
            let there = match self.runtime.block_on(self.store.head(&self.path)) {
                Ok(there) => there,
                // Its holder has just removed it, so it is free.
                Err(StoreError::NotFound { .. }) => continue,
                Err(error) => return Err(unwrap_error(error)).with_context(failed),
            };
            match &watched {
                Some((e_tag, since)) if *e_tag == there.e_tag => {
                    if since.elapsed() > self.times.dead {
                        // Of several runs that wait, one wins: the write asks that
                        // the object is still the one which was watched.
                        let dead = UpdateVersion { e_tag: there.e_tag, version: there.version };
                        match self.put(PutMode::Update(dead)) {
                            Ok(taken) => return Ok(version_of(taken)),
                            Err(StoreError::Precondition { .. } | StoreError::NotFound { .. }) => {}
                            Err(error) => return Err(unwrap_error(error)).with_context(failed),
                        }
                    }
                }
                _ => watched = Some((there.e_tag, Instant::now())),
            }
            if !std::mem::replace(&mut told, true) {
                let run = run_of(&self.runtime, &self.store, &self.path);
                info!("waiting for another run, which holds '{}'{run}", self.show);
            }
            thread::sleep(self.times.look);
        }
    }

    /// The object's version, if it is there and we have written it.
    fn own_version(&self) -> object_store::Result<Option<UpdateVersion>> {
        let got = self.runtime.block_on(async {
            let got = self.store.get(&self.path).await?;
            let version =
                UpdateVersion { e_tag: got.meta.e_tag.clone(), version: got.meta.version.clone() };
            Ok((version, got.bytes().await?))
        });
        match got {
            // The holder's ID is random for each lease: two leases
            // of one process are not taken for each other.
            Ok((version, text)) if text.starts_with(self.holder.as_bytes()) => Ok(Some(version)),
            Ok(_) | Err(StoreError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn put(&self, mode: PutMode) -> object_store::Result<PutResult> {
        // New text each time, for a new entity tag.
        let text = format!("{} {} {}", self.holder, Uuid::new_v4(), self.run);
        let options = PutOptions { mode, ..PutOptions::default() };
        self.runtime.block_on(self.store.put_opts(
            &self.path,
            PutPayload::from(text.into_bytes()),
            options,
        ))
    }
}

/// The holder, as a message goes on: ` (…)`, or nothing where that is not known.
pub(super) fn run_of(runtime: &StoreRuntime, store: &Arc<dyn ObjectStore>, path: &Path) -> String {
    let bytes =
        runtime.block_on(async { store.get(path).await?.bytes().await }).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let run = text.splitn(3, ' ').nth(2).map(str::trim).filter(|run| !run.is_empty());
    run.map_or_else(String::new, |run| {
        format!(" ({})", shorten_text(&escape_controls(run), LONGEST_RUN))
    })
}

fn version_of(put: PutResult) -> UpdateVersion {
    UpdateVersion { e_tag: put.e_tag, version: put.version }
}

impl Drop for Lease {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(renewals) = self.renewals.take() {
            // The thread removes the object as its last step. If the process ended
            // before that, other runs would wait until the lease looks dead.
            let _ = renewals.join();
        }
    }
}
