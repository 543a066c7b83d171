//! Threads and runtimes, and the errors where the system gives no more of them.
//!
//! A container's pids limit, or a user's limit of processes, can be met at any moment. The standard
//! library's `spawn` and Tokio panic then. A thread that is started here fails as anything else does,
//! with exit code 70 and a word on the limit.

use std::cell::Cell;
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, RwLock};
use std::thread::{Builder, JoinHandle, Scope, ScopedJoinHandle};
use std::time::Duration;

use cumulus_base::error::{Error, ErrorKind, Result};
use cumulus_base::poison::ignore_poison;
use tokio::runtime::{Builder as RuntimeBuilder, Runtime};

/// How long an idle thread of a runtime stays: the system may not give such a thread again.
const KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// A thread to be started: its name, and how much stack it has.
#[derive(Clone, Copy, Debug)]
pub struct Thread {
    name: &'static str,
    stack: Option<usize>,
}

impl Thread {
    /// A thread with this name and the system's usual stack.
    pub const fn named(name: &'static str) -> Self {
        Self { name, stack: None }
    }

    /// A thread that walks over rows, or over values that are made of them. Their objects may be nested,
    /// and each level takes a call or several; the system's usual 2 MiB are too little for the deepest row
    /// in a build without optimisation.
    pub const fn for_rows(name: &'static str) -> Self {
        Self::named(name).with_stack(8 << 20)
    }

    /// The same thread with a stack of so many bytes. The system gives only the bytes that are used.
    pub const fn with_stack(self, bytes: usize) -> Self {
        Self { stack: Some(bytes), ..self }
    }

    fn builder(self) -> Builder {
        let builder = Builder::new().name(self.name.to_owned());
        match self.stack {
            Some(bytes) => builder.stack_size(bytes),
            None => builder,
        }
    }

    /// Starts it.
    ///
    /// # Errors
    /// The system starts no further thread (`Failed`). `work` is dropped then, with all it holds.
    pub fn start_thread<T: Send + 'static>(
        self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<JoinHandle<T>> {
        // `spawn` takes its closure even where it fails, and the next attempt needs the work again.
        let work = Arc::new(Mutex::new(Some(work)));
        let start = || {
            let work = work.clone();
            self.builder().spawn(move || take_work(&work)())
        };
        retry_refused(start).map_err(|error| explain_refused(&error))
    }

    /// Starts it within a scope.
    ///
    /// # Errors
    /// The system starts no further thread (`Failed`). `work` is dropped then, with all it holds.
    /// The scope still waits for the threads that it has: they must not wait for this one.
    pub fn start_in<'scope, T: Send + 'scope>(
        self,
        scope: &'scope Scope<'scope, '_>,
        work: impl FnOnce() -> T + Send + 'scope,
    ) -> Result<ScopedJoinHandle<'scope, T>> {
        let work = Arc::new(Mutex::new(Some(work)));
        let start = || {
            let work = work.clone();
            self.builder().spawn_scoped(scope, move || take_work(&work)())
        };
        retry_refused(start).map_err(|error| explain_refused(&error))
    }
}

/// The work of the one thread that has started. An attempt that the system refuses takes nothing.
fn take_work<F>(work: &Mutex<Option<F>>) -> F {
    let work = ignore_poison(work.lock()).take();
    work.unwrap_or_else(|| unreachable!("one thread takes the work"))
}

/// Starts a thread; tries again for a moment where there are too many. The system counts threads until
/// some time after they were joined: at a limit that is just enough, a thread's successor is refused
/// until then.
fn retry_refused<T>(mut start: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    for _ in 0..RELEASE_MILLIS {
        match start() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                std::thread::sleep(Duration::from_millis(1));
            }
            ended => return ended,
        }
    }
    start()
}

/// The result of a thread; its panic, if it has one.
pub fn join_scoped<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panicked| panic::resume_unwind(panicked))
}

thread_local! {
    static CATCHING: Cell<bool> = const { Cell::new(false) };
}

/// Does something in which a library may panic; `None` after that. The caller tells of it: nothing else
/// does.
pub fn catch_panic<T>(work: impl FnOnce() -> T) -> Option<T> {
    let around = CATCHING.replace(true);
    let done = panic::catch_unwind(AssertUnwindSafe(work)).ok();
    CATCHING.set(around);
    done
}

/// Whether a panic on this thread would be caught by [`catch_panic`], or by the thread that waits in there
/// for this thread's task.
pub fn is_catching() -> bool {
    CATCHING.get()
}

fn explain_refused(error: &io::Error) -> Error {
    Error::new(
        ErrorKind::Failed,
        format!(
            "the system starts no further thread ({error}): a limit of this container or user has \
             been reached. Raise it (docker run --pids-limit, a pod's podPidsLimit, ulimit -u), or \
             have fewer threads (--threads)"
        ),
    )
}

/// The longest wait for threads that have ended to be counted no more.
const RELEASE_MILLIS: u32 = 500;

/// A Tokio runtime to be made.
#[derive(Clone, Copy, Debug)]
pub struct Pool {
    thread: Thread,
    workers: usize,
    reserve: usize,
    is_caught: bool,
}

impl Pool {
    /// A runtime with so many threads that run tasks.
    pub const fn of(thread: Thread, workers: usize) -> Self {
        Self { thread, workers, reserve: 1, is_caught: false }
    }

    /// A runtime whose tasks all run on the thread that waits for them.
    pub const fn on_this_thread(thread: Thread) -> Self {
        Self { thread, workers: 0, reserve: 1, is_caught: false }
    }

    /// The same runtime with so many threads, from the start, for calls that block (files, names of
    /// hosts). Others come when they are needed. A call that blocks may itself wait for more such calls,
    /// which would never begin if the system gave no further thread.
    pub const fn with_reserve(self, threads: usize) -> Self {
        Self { reserve: threads, ..self }
    }

    /// The same runtime for tasks that are waited for within [`catch_panic`].
    pub const fn within_catch(self) -> Self {
        Self { is_caught: true, ..self }
    }

    /// Makes the runtime, and starts its threads.
    ///
    /// # Errors
    /// The system does not start that many threads (`Failed`).
    pub fn build(self) -> Result<Runtime> {
        // Tokio panics where one of these threads can't be had, and if another one has begun by then, it
        // waits for that for ever.
        can_start(self.thread, self.workers + self.reserve)?;
        let mut builder = match self.workers {
            0 => RuntimeBuilder::new_current_thread(),
            workers => {
                let mut builder = RuntimeBuilder::new_multi_thread();
                builder.worker_threads(workers);
                builder
            }
        };
        if let Some(bytes) = self.thread.stack {
            builder.thread_stack_size(bytes);
        }
        if self.is_caught {
            builder.on_thread_start(|| CATCHING.set(true));
        }
        let builder = builder.thread_name(self.thread.name).thread_keep_alive(KEPT).enable_all();
        let runtime = builder.build().map_err(|error| explain_refused(&error))?;
        // Tasks that can't end before all of them have begun take a thread each.
        let gate = Arc::new(RwLock::new(()));
        let closed = ignore_poison(gate.write());
        for _ in 0..self.reserve {
            let gate = gate.clone();
            drop(runtime.spawn_blocking(move || drop(gate.read())));
        }
        drop(closed);
        Ok(runtime)
    }
}

/// Whether so many further threads can be had at the same time.
///
/// # Errors
/// They can't (`Failed`).
pub fn can_start(thread: Thread, count: usize) -> Result<()> {
    let gate = RwLock::new(());
    let entries = std::thread::scope(|scope| {
        // No thread ends before all have started: if each gave up its place for the next, the trial
        // would say nothing of all at the same time.
        let closed = ignore_poison(gate.write());
        let wait = || {
            drop(gate.read());
            own_entry()
        };
        let started: Result<Vec<_>> = (0..count).map(|_| thread.start_in(scope, wait)).collect();
        drop(closed);
        started.map(|threads| threads.into_iter().map(join_scoped).collect::<Vec<_>>())
    })?;
    wait_for_release(&entries);
    Ok(())
}

/// Where the system lists the calling thread; `None` where it does not.
fn own_entry() -> Option<PathBuf> {
    Some(Path::new("/proc").join(std::fs::read_link("/proc/thread-self").ok()?))
}

/// Waits until the system counts these threads no more, a moment at most: it does so until some time
/// after they were joined, and then has no room for their successors.
fn wait_for_release(entries: &[Option<PathBuf>]) {
    let is_listed = || entries.iter().flatten().any(|entry| entry.exists());
    for _ in 0..RELEASE_MILLIS {
        if !is_listed() {
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_catches_tells() {
        assert!(!is_catching());
        assert_eq!(catch_panic(|| catch_panic(|| 7).filter(|_| is_catching())), Some(Some(7)));
        assert_eq!(catch_panic(|| -> u8 { panic!("of a library") }), None);
        assert!(!is_catching());
        let pool = Pool::of(Thread::named("test"), 1).within_catch().build().unwrap();
        assert!(pool.block_on(async { tokio::spawn(async { is_catching() }).await.unwrap() }));
    }

    #[test]
    fn a_thread_that_is_refused_for_a_moment_is_started_after_it() {
        let too_many = || io::Error::from(io::ErrorKind::WouldBlock);
        let mut attempts = 0;
        let start = |most: u32, attempts: &mut u32| {
            retry_refused(|| {
                *attempts += 1;
                if *attempts > most { Ok(*attempts) } else { Err(too_many()) }
            })
        };
        assert_eq!(start(3, &mut attempts).unwrap(), 4);
        attempts = 0;
        assert_eq!(start(u32::MAX, &mut attempts).unwrap_err().kind(), too_many().kind());
        assert_eq!(attempts, RELEASE_MILLIS + 1);
        let other = retry_refused(|| Err::<(), _>(io::Error::from(io::ErrorKind::OutOfMemory)));
        assert_eq!(other.unwrap_err().kind(), io::ErrorKind::OutOfMemory);
    }

    #[test]
    fn threads_have_their_names_and_stacks() {
        const STACK: usize = 64 << 20;
        // Deeper than a usual stack of 2 MiB.
        fn deep(left: usize) -> usize {
            let block = std::hint::black_box([left; 128]);
            if left == 0 { 0 } else { deep(left - 1) + block[0] / left }
        }
        let thread = Thread::named("deep").with_stack(STACK);
        let work = || (std::thread::current().name().map(str::to_owned), deep(20_000));
        let expected = (Some("deep".to_owned()), 20_000);
        assert_eq!(thread.start_thread(work).unwrap().join().unwrap(), expected);
        let scoped = std::thread::scope(|scope| thread.start_in(scope, work).map(join_scoped));
        assert_eq!(scoped.unwrap(), expected);
    }

    #[test]
    fn a_thread_that_the_system_refuses_is_an_error_with_exit_code_70() {
        // No system has room for such a stack.
        let thread = Thread::named("huge").with_stack(1 << 60);
        let errors = [
            thread.start_thread(|| ()).map(drop).unwrap_err(),
            std::thread::scope(|scope| thread.start_in(scope, || ()).map(drop)).unwrap_err(),
            Pool::of(thread, 2).build().map(drop).unwrap_err(),
            Pool::on_this_thread(thread).build().map(drop).unwrap_err(),
        ];
        for error in errors {
            assert_eq!(error.kind(), ErrorKind::Failed);
            assert!(error.to_string().contains("starts no further thread"), "{error}");
        }
    }

    #[test]
    fn what_blocks_finds_the_threads_of_the_reserve() {
        let runtime = Pool::of(Thread::named("pool"), 1).with_reserve(3).build().unwrap();
        // Each waits for the others: fewer than three threads would never end.
        let barrier = Arc::new(std::sync::Barrier::new(3));
        let tasks: Vec<_> = (0..3)
            .map(|_| {
                let barrier = barrier.clone();
                runtime.spawn_blocking(move || {
                    barrier.wait();
                    std::thread::current().name().map(str::to_owned)
                })
            })
            .collect();
        for task in tasks {
            assert_eq!(runtime.block_on(task).unwrap().as_deref(), Some("pool"));
        }
    }
}
