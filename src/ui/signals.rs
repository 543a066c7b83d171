//! SIGINT and SIGTERM: tidy up and go.
//!
//! Every table is published in one step (a Delta commit, a rename), so that a run may end at any
//! moment; only the work folder has to be taken away.

use std::fs;
use std::path::PathBuf;
use std::sync::Mutex;
use std::thread;

use tokio::signal::unix::{SignalKind, signal};

use crate::error::{Context, Exit, Result};
use crate::store::{self, WorkFolder};
use crate::ui::last_words;

static WORK: Mutex<Option<PathBuf>> = Mutex::new(None);

/// Names the folder to remove when a signal ends the process.
pub fn remove_on_exit(work: &WorkFolder) {
    *WORK.lock().unwrap_or_else(|e| e.into_inner()) = Some(work.path().to_owned());
}

/// From now on the two signals end the process with exit code 130 or 143. As the first process
/// of a container they would otherwise do nothing.
pub fn install() -> Result<()> {
    let (mut interrupt, mut terminate) = store::block_on(async {
        std::io::Result::Ok((signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?))
    })
    .context("cannot listen for signals")?;
    thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            let exit = store::block_on(async {
                tokio::select! {
                    _ = interrupt.recv() => Exit::Interrupted,
                    _ = terminate.recv() => Exit::Terminated,
                }
            });
            if let Some(work) = WORK.lock().unwrap_or_else(|e| e.into_inner()).take() {
                // Gone already, if the run was just ending.
                let _ = fs::remove_dir_all(work);
            }
            last_words("stopped by a signal; the next run completes the work", exit);
            std::process::exit(exit as i32);
        })
        .context("cannot listen for signals")?;
    Ok(())
}
