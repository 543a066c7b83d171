//! SIGINT and SIGTERM: tidy up and go.
//!
//! Every table is published in one step (a Delta commit, a rename), so that a run may end at any
//! moment; only the work folder has to be taken away.

use std::thread;

use tokio::signal::unix::{SignalKind, signal};

use crate::error::{Context, Exit, Result};
use crate::store;
use crate::ui::last_words;

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
            store::remove_work_folders();
            last_words("stopped by a signal; the next run completes the work", exit);
            std::process::exit(exit as i32);
        })
        .context("cannot listen for signals")?;
    Ok(())
}
