//! The one moment at which a run stops waiting for the server, whatever it is at.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::options::ExportOptions;
use super::progress::format_span;
use crate::error::{Error, RunFault};

/// So long at most: later moments than these can't be counted.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// When `--export-timeout` is over. It counts from the beginning of the run, so that the run that
/// takes an export up has as much time as the one that began it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline {
    at: Instant,
    span: Duration,
}

/// The time is over.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Passed;

impl Deadline {
    /// So long from now.
    pub(super) fn after_span(span: Duration) -> Self {
        Self { at: Instant::now() + span.min(LONGEST), span }
    }

    /// The result of `future`, if that comes soon enough. Otherwise it is dropped.
    pub(super) async fn run_within<T>(&self, future: impl Future<Output = T>) -> Result<T, Passed> {
        timeout_at(self.at, future).await.map_err(|_| Passed)
    }

    /// Whether there is time to wait so long.
    pub(super) fn allows_wait(&self, wait: Duration) -> bool {
        Instant::now() + wait.min(LONGEST) < self.at
    }

    /// Whether the time is over.
    pub(super) fn has_passed(&self) -> bool {
        !self.allows_wait(Duration::ZERO)
    }

    /// The message for the user when it is over.
    pub(super) fn timeout_error(&self, options: &ExportOptions) -> Error {
        let message = format!(
            "the export was not complete after {} (--export-timeout); {}",
            format_span(self.span.as_secs_f64()),
            options.resume_hint()
        );
        Error::new(RunFault::ExportIncomplete, message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_takes_longer_is_dropped() {
        let soon = Deadline::after_span(Duration::from_millis(10));
        assert_eq!(soon.run_within(std::future::pending::<()>()).await, Err(Passed));
        assert!(soon.has_passed());
        let late = Deadline::after_span(Duration::from_secs(u64::MAX));
        assert_eq!(late.run_within(async { 7 }).await, Ok(7));
        assert!(late.allows_wait(Duration::from_secs(3600)) && !late.allows_wait(Duration::MAX));
    }
}
