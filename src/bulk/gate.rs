//! How many downloads run concurrently: fewer when the server is busy, more again when it is not.

use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use crate::poison::ignore_poison;

/// So many downloads in a row must go well before one more runs beside the others.
const CALM: usize = 16;

/// Lets a limited number of downloads through.
pub(super) struct ConcurrencyLimit {
    inner: Mutex<LimitState>,
    changed: Notify,
    max: usize,
}

struct LimitState {
    limit: usize,
    active: usize,
    good: usize,
    paused_until: Option<Instant>,
}

/// A download that is under way.
pub(super) struct DownloadPermit<'a>(&'a ConcurrencyLimit);

impl ConcurrencyLimit {
    /// At most `max` downloads concurrently.
    pub(super) fn new(max: usize) -> Self {
        let inner = LimitState { limit: max, active: 0, good: 0, paused_until: None };
        Self { inner: Mutex::new(inner), changed: Notify::new(), max }
    }

    fn lock_inner(&self) -> MutexGuard<'_, LimitState> {
        ignore_poison(self.inner.lock())
    }

    /// Waits for a place.
    pub(super) async fn acquire_permit(&self) -> DownloadPermit<'_> {
        loop {
            // `notify_one` keeps a wake-up for the next waiter, so that a permit which comes back
            // between this look and the wait below is not missed.
            let changed = self.changed.notified();
            let pause = {
                let mut inner = self.lock_inner();
                let pause = inner.paused_until.filter(|until| *until > Instant::now());
                if pause.is_none() && inner.active < inner.limit {
                    inner.active += 1;
                    return DownloadPermit(self);
                }
                pause
            };
            match pause {
                Some(until) => sleep_until(until).await,
                None => changed.await,
            }
        }
    }

    /// How many there can be concurrently.
    pub(super) fn max_permits(&self) -> usize {
        self.max
    }

    /// A download went well.
    pub(super) fn note_success(&self) {
        let mut inner = self.lock_inner();
        inner.good += 1;
        if inner.good >= CALM && inner.limit < self.max {
            inner.good = 0;
            inner.limit += 1;
            drop(inner);
            self.changed.notify_one();
        }
    }

    /// The server asks for less: half as many concurrently, and none for a while. The limit from now
    /// on.
    pub(super) fn reduce_limit(&self, pause: Duration) -> usize {
        let mut inner = self.lock_inner();
        let until = Instant::now() + pause;
        // Those that were on their way are no new complaint.
        if inner.paused_until.is_none_or(|known| known < Instant::now()) {
            // One download stays: without any, nothing would show that the server has recovered.
            inner.limit = (inner.limit / 2).max(1);
        }
        inner.good = 0;
        inner.paused_until = inner.paused_until.max(Some(until));
        inner.limit
    }
}

impl Drop for DownloadPermit<'_> {
    fn drop(&mut self) {
        self.0.lock_inner().active -= 1;
        self.0.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_busy_server_gets_half_and_later_more_again() {
        let gate = ConcurrencyLimit::new(4);
        let passes = [gate.acquire_permit().await, gate.acquire_permit().await];
        assert_eq!(gate.reduce_limit(Duration::ZERO), 2);
        let full = tokio::time::timeout(Duration::from_millis(20), gate.acquire_permit()).await;
        assert!(full.is_err());
        (0..CALM).for_each(|_| gate.note_success());
        let third = gate.acquire_permit().await;
        drop((passes, third));
        assert_eq!(gate.reduce_limit(Duration::ZERO), 1);
        assert_eq!(gate.reduce_limit(Duration::ZERO), 1);
    }
}
