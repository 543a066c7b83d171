//! Whether a run is to end, and what has to be tidied up first.
//!
//! Tables change in one step, so that a run may end between any two instructions. Unfinished work would
//! stay behind, though: files without their name, parts of uploads, data files that no version names. So
//! writers fail at their next step once the run is to end, and clean up as they do after any failure;
//! [`Shutdown::wait_for_writers`] gives them the time.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use cumulus_base::error::{Error, Result, StopSignal};
use cumulus_base::poison::ignore_poison;

thread_local! {
    /// Whether this thread is in the midst of a [`Shutdown::last_step`]. A thread is at one step at a
    /// time, of one run, and the code that the step calls need not know of it.
    static LAST_STEP: Cell<bool> = const { Cell::new(false) };
}

/// The last message.
pub const MESSAGE: &str = "stopped by a signal; the next run completes the work";

/// Work at the end of a run that takes a moment and needs no files. It must come to an end by itself.
pub type Telling = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Work that is done when a run is to end, while files are still there. The work that it returns is done
/// when they are gone.
type Prepare = Box<dyn FnOnce() -> Option<Telling> + Send>;

/// Ends a run. Clones end the same run, and no other. `main` makes one, which signals ask.
#[derive(Clone, Default)]
pub struct Shutdown {
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    /// 0, or 1 and the signal that asks the run to end.
    asked: AtomicU8,
    writers: AtomicUsize,
    hooks: Mutex<Hooks>,
}

#[derive(Default)]
struct Hooks {
    /// In the order that they came in.
    waiting: BTreeMap<u64, Prepare>,
    next: u64,
}

impl State {
    fn lock_hooks(&self) -> MutexGuard<'_, Hooks> {
        ignore_poison(self.hooks.lock())
    }
}

impl Shutdown {
    /// From now on writers stop.
    pub fn ask_to_stop(&self, signal: StopSignal) {
        self.state.asked.store(1 + signal as u8, Ordering::SeqCst);
    }

    /// Whether the run is to end.
    pub fn is_asked(&self) -> bool {
        self.state.asked.load(Ordering::SeqCst) != 0
    }

    /// An error, if the run is to end; not within a [`Shutdown::last_step`].
    pub fn check_stop(&self) -> Result<()> {
        if LAST_STEP.get() {
            return Ok(());
        }
        match self.state.asked.load(Ordering::SeqCst) {
            0 => Ok(()),
            1 => Err(Error::new(StopSignal::Interrupt, MESSAGE)),
            _ => Err(Error::new(StopSignal::Terminate, MESSAGE)),
        }
    }

    /// One writer more; an error, if the run is to end.
    pub fn begin_writer(&self) -> Result<Writer> {
        // One side adds a writer and then looks whether the run is to end; the other says that it
        // is, and then looks for writers. With an order weaker than `SeqCst` both could see the old
        // value.
        self.state.writers.fetch_add(1, Ordering::SeqCst);
        let writer = Writer(self.state.clone());
        // Now it is waited for, or it sees that it must not begin.
        self.check_stop().map(|()| writer)
    }

    /// Does, on this thread, a short step that must be done whole once it is begun: the end waits
    /// for it. An error, with nothing done, if the run is to end already.
    pub fn last_step<T>(&self, step: impl FnOnce() -> Result<T>) -> Result<T> {
        let _writer = self.begin_writer()?;
        let _step = StepMark::set_mark();
        step()
    }

    /// Waits until there are no writers any more, but no longer than `most`.
    pub fn wait_for_writers(&self, most: Duration) {
        let begin = Instant::now();
        while self.state.writers.load(Ordering::SeqCst) > 0 && begin.elapsed() < most {
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// How many writers there are.
    pub fn count_writers(&self) -> usize {
        self.state.writers.load(Ordering::SeqCst)
    }

    /// Has `prepare` called when a signal comes, while files are still there. The work that it
    /// returns runs when they are gone. Other hooks that were here before stay.
    pub fn before_end(
        &self,
        prepare: impl FnOnce() -> Option<Telling> + Send + 'static,
    ) -> EndHook {
        let mut hooks = self.state.lock_hooks();
        let id = hooks.next;
        hooks.next += 1;
        hooks.waiting.insert(id, Box::new(prepare));
        EndHook { state: self.state.clone(), id }
    }

    /// Calls the hooks that wait for the end, each once. Gives the work to do when files are gone.
    pub fn prepare_end(&self) -> Vec<Telling> {
        // Called outside of the lock: a hook may drop an `EndHook`, which locks.
        let waiting = std::mem::take(&mut self.state.lock_hooks().waiting);
        waiting.into_values().filter_map(|prepare| prepare()).collect()
    }

    /// Where a signal is ending the process, lets it do so.
    pub fn leave_the_end_to_the_signal(&self) {
        // The thread that listens for signals ends the process, and with it this loop.
        while self.is_asked() {
            thread::park_timeout(Duration::from_secs(1));
        }
    }
}

impl fmt::Debug for Shutdown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Shutdown(asked: {})", self.is_asked())
    }
}

/// Marks this thread as in the midst of a last step. Dropped, also by a panic, it puts back the
/// earlier mark: a step may be a part of another one.
struct StepMark {
    before: bool,
}

impl StepMark {
    fn set_mark() -> Self {
        Self { before: LAST_STEP.replace(true) }
    }
}

impl Drop for StepMark {
    fn drop(&mut self) {
        LAST_STEP.set(self.before);
    }
}

/// Has something that nobody would clean up after a sudden end, as long as it is there.
pub struct Writer(Arc<State>);

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Writer")
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.0.writers.fetch_sub(1, Ordering::SeqCst);
    }
}

/// As long as it is there, something is done before the run ends.
#[must_use = "nothing is done once it is dropped"]
pub struct EndHook {
    state: Arc<State>,
    id: u64,
}

impl Drop for EndHook {
    fn drop(&mut self) {
        // Dropped outside of the lock: the values that it holds may have a hook of their own.
        let gone = self.state.lock_hooks().waiting.remove(&self.id);
        drop(gone);
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn one_run_ends_and_another_goes_on() {
        let (one, other) = (Shutdown::default(), Shutdown::default());
        let writer = one.clone().begin_writer().unwrap();
        one.ask_to_stop(StopSignal::Interrupt);
        assert_eq!(one.begin_writer().unwrap_err().kind(), StopSignal::Interrupt.into());
        assert!(one.last_step(|| Ok(())).is_err());
        assert!(!other.is_asked() && other.begin_writer().is_ok());
        // Of the other nobody writes any more: it is not waited for.
        other.wait_for_writers(Duration::MAX);
        assert_eq!(one.count_writers(), 1);
        drop(writer);
        one.wait_for_writers(Duration::MAX);
    }

    #[test]
    fn a_last_step_that_has_begun_is_done_whole() {
        let shutdown = Shutdown::default();
        let done = shutdown.last_step(|| {
            shutdown.ask_to_stop(StopSignal::Terminate);
            shutdown.check_stop()?;
            shutdown.begin_writer().map(drop)
        });
        done.unwrap();
        assert_eq!(shutdown.check_stop().unwrap_err().kind(), StopSignal::Terminate.into());
    }

    #[test]
    fn a_step_within_a_last_step_does_not_end_it() {
        let shutdown = Shutdown::default();
        let done = shutdown.last_step(|| {
            shutdown.last_step(|| Ok(()))?;
            shutdown.ask_to_stop(StopSignal::Terminate);
            shutdown.check_stop()
        });
        done.unwrap();
        assert!(shutdown.check_stop().is_err());
    }

    #[test]
    fn a_thread_whose_last_step_panicked_stops_like_others() {
        let shutdown = Shutdown::default();
        let step = AssertUnwindSafe(|| shutdown.last_step(|| -> Result<()> { panic!("a fault") }));
        assert!(catch_unwind(step).is_err());
        shutdown.ask_to_stop(StopSignal::Terminate);
        assert_eq!(shutdown.check_stop().unwrap_err().kind(), StopSignal::Terminate.into());
        assert_eq!(shutdown.state.writers.load(Ordering::SeqCst), 0);
    }

    #[test]
    fn hooks_do_not_replace_each_other() {
        let shutdown = Shutdown::default();
        let (tell, told) = channel();
        let hook = |name: &'static str| {
            let tell = tell.clone();
            shutdown.before_end(move || {
                tell.send(name).unwrap();
                Some(Box::pin(async {}))
            })
        };
        let (_one, two, _three) = (hook("one"), hook("two"), hook("three"));
        drop(two);
        assert_eq!(shutdown.prepare_end().len(), 2);
        assert_eq!(told.try_iter().collect::<Vec<_>>(), ["one", "three"]);
        // Each once.
        assert!(shutdown.prepare_end().is_empty());
    }
}
