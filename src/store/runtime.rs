//! The threads that stores and servers' clients run on.

use std::future::Future;
use std::sync::Arc;

use tokio::runtime::{EnterGuard, Handle, Runtime};
use tokio::task::JoinHandle;

use crate::error::Result;
use crate::threads::{Pool, Thread};

/// Threads for calls that block, from the start. Opening a Delta table takes one, and needs another
/// for its files.
const BLOCKING: usize = 4;

/// The threads that asynchronous work runs on, for callers that are ordinary threads. `main` starts
/// one; clones are the same. They end when the last clone goes.
#[derive(Clone, Debug)]
pub struct StoreRuntime {
    handle: Handle,
    _owned: Arc<OwnedRuntime>,
}

impl StoreRuntime {
    /// Starts the threads. The program does it first: later there would be no way to say that they
    /// can't be had.
    ///
    /// # Errors
    /// The system does not start that many threads (`Failed`).
    pub fn start_threads() -> Result<Self> {
        let runtime = Pool::of(Thread::named("store"), 2).with_reserve(BLOCKING).build()?;
        let handle = runtime.handle().clone();
        Ok(Self { handle, _owned: Arc::new(OwnedRuntime(Some(runtime))) })
    }

    /// Runs `future` to its end. Not from asynchronous code.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.handle.block_on(future)
    }

    /// Runs `future` beside everything else.
    pub fn spawn_task<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        self.handle.spawn(future)
    }

    /// As long as the guard is there, this thread can begin tasks by libraries' functions.
    pub fn enter_context(&self) -> EnterGuard<'_> {
        self.handle.enter()
    }
}

#[derive(Debug)]
struct OwnedRuntime(Option<Runtime>);

impl Drop for OwnedRuntime {
    fn drop(&mut self) {
        // The last clone may go on one of the threads, which cannot wait for itself.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_clone_may_go_on_a_thread_of_its_own() {
        let runtime = StoreRuntime::start_threads().unwrap();
        let inner = runtime.clone();
        let task = runtime.spawn_task(async move {
            tokio::task::yield_now().await;
            drop(inner);
        });
        let watched = runtime.handle.clone();
        drop(runtime);
        // Whether it comes to its end or is given up, it must not panic.
        let ended = std::thread::spawn(move || watched.block_on(task)).join();
        assert!(
            ended
                .is_ok_and(|ended| ended.is_ok() || ended.is_err_and(|error| error.is_cancelled()))
        );
    }
}
