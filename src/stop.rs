//! Whether the process has been told to end, and what has to be tidied up first.
//!
//! Tables change in one step, so that a run may end between any two instructions. What is under way
//! would stay behind, though: files without their name, parts of uploads, data files that no
//! version names. So writers fail at their next step once the process is to end, and clean up as
//! they do after any failure; [`wait_for_writers`] gives them the time.

use std::cell::Cell;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::error::{Error, Exit, Result};

/// The exit code that a signal asked for, or 0.
static ASKED: AtomicU8 = AtomicU8::new(0);
static WRITERS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// Whether this thread is in the midst of a [`last_step`].
    static LAST_STEP: Cell<bool> = const { Cell::new(false) };
}

/// What the last message says.
pub const MESSAGE: &str = "stopped by a signal; the next run completes the work";

/// From now on writers stop. `exit`: how the process ends.
pub fn ask_to_stop(exit: Exit) {
    ASKED.store(exit as u8, Ordering::SeqCst);
}

/// Whether the process is to end.
pub fn is_asked() -> bool {
    ASKED.load(Ordering::SeqCst) != 0
}

/// An error, if the process is to end; not within a [`last_step`].
pub fn check_stop() -> Result<()> {
    if LAST_STEP.get() {
        return Ok(());
    }
    match ASKED.load(Ordering::SeqCst) {
        0 => Ok(()),
        code if code == Exit::Interrupted as u8 => Err(Error::new(Exit::Interrupted, MESSAGE)),
        _ => Err(Error::new(Exit::Terminated, MESSAGE)),
    }
}

/// Has something that nobody would clean up after a sudden end, as long as it is there.
#[derive(Debug)]
pub struct Writer(());

impl Writer {
    /// One more; an error, if the process is to end.
    pub fn begin_writer() -> Result<Self> {
        WRITERS.fetch_add(1, Ordering::SeqCst);
        let writer = Self(());
        // Now it is waited for, or it sees that it must not begin.
        check_stop().map(|()| writer)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        WRITERS.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Does, on this thread, a short step that must be done whole once it is begun: the process waits
/// for it. An error, with nothing done, if the process is to end already.
pub fn last_step<T>(step: impl FnOnce() -> Result<T>) -> Result<T> {
    let _writer = Writer::begin_writer()?;
    LAST_STEP.set(true);
    let result = step();
    LAST_STEP.set(false);
    result
}

/// Waits until there are no writers any more, but no longer than `most`.
pub fn wait_for_writers(most: Duration) {
    let begin = Instant::now();
    while WRITERS.load(Ordering::SeqCst) > 0 && begin.elapsed() < most {
        thread::sleep(Duration::from_millis(5));
    }
}

/// Where a signal is ending the process, lets it do so.
pub fn leave_the_end_to_the_signal() {
    while is_asked() {
        thread::park_timeout(Duration::from_secs(1));
    }
}
