//! SIGINT and SIGTERM: tidy up and go.
//!
//! Every table is published in one step (a Delta commit, a rename), so that a run may end at any
//! moment; only what is half written has to be taken away, and the work folder, and a server told
//! that nobody waits for it any more.

use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use crate::error::{Context, Exit, Result};
use crate::threads::Thread;
use crate::ui::last_words;
use crate::{stop, store};

/// What takes a moment, and needs no files. It must come to an end by itself.
type Telling = Pin<Box<dyn Future<Output = ()> + Send>>;
/// How long writers get to take back what is half written. Container engines kill after 10 seconds.
const PATIENCE: Duration = Duration::from_secs(6);

type Prepare = Box<dyn FnOnce() -> Option<Telling> + Send>;

static AHEAD: Mutex<Option<Prepare>> = Mutex::new(None);

fn ahead() -> MutexGuard<'static, Option<Prepare>> {
    AHEAD.lock().unwrap_or_else(PoisonError::into_inner)
}

/// As long as it is there, a signal has something done before the process ends.
#[must_use = "nothing is done once it is dropped"]
pub struct Ahead(());

/// Has `prepare` called when a signal comes, while files are still there; what it returns runs
/// when they are gone. There is one such thing at a time.
pub fn before_the_end(prepare: impl FnOnce() -> Option<Telling> + Send + 'static) -> Ahead {
    *ahead() = Some(Box::new(prepare));
    Ahead(())
}

impl Drop for Ahead {
    fn drop(&mut self) {
        *ahead() = None;
    }
}

/// From now on the two signals end the process with exit code 130 or 143. As the first process
/// of a container they would otherwise do nothing.
pub fn install() -> Result<()> {
    let (mut interrupt, mut terminate) = store::block_on(async {
        std::io::Result::Ok((signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?))
    })
    .context("cannot listen for signals")?;
    let thread = Thread::named("signals").start(move || {
        let exit = store::block_on(async {
            tokio::select! {
                _ = interrupt.recv() => Exit::Interrupted,
                _ = terminate.recv() => Exit::Terminated,
            }
        });
        stop::ask(exit);
        let prepare = ahead().take();
        let telling = prepare.and_then(|prepare| prepare());
        stop::wait_for_writers(PATIENCE);
        store::remove_work_folders();
        if let Some(telling) = telling {
            store::block_on(async {
                tokio::select! {
                    () = telling => {}
                    // Who asks twice is in a hurry.
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
            });
        }
        last_words(stop::MESSAGE, exit);
        std::process::exit(exit as i32);
    });
    thread.map(drop).context("cannot listen for signals")
}
