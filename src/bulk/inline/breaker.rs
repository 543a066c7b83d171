//! Servers that give no notes are not asked for each of a million.

use std::collections::BTreeMap;
use std::sync::Mutex;

use url::Url;

use crate::poison::ignore_poison;

/// So many notes in a row without an answer, each asked for several times, and the server counts as
/// one that gives none.
const STRIKES: u32 = 5;

/// Failures in a row, by origin.
#[derive(Debug, Default)]
pub(super) struct Breaker(Mutex<BTreeMap<String, u32>>);

impl Breaker {
    /// The server has given a note, or has said something about this one.
    pub(super) fn note_answer(&self, url: &Url) {
        self.change_count(url, |strikes| {
            // An answer that was on its way when the server was given up changes nothing: the run
            // says that the rest was not asked for.
            if *strikes < STRIKES {
                *strikes = 0;
            }
        });
    }

    /// There was no answer, or none about the note: the server is down, or refuses the credentials.
    pub(super) fn note_failure(&self, url: &Url) {
        self.change_count(url, |strikes| *strikes = strikes.saturating_add(1));
    }

    /// Whether there is no use in asking.
    pub(super) fn is_open(&self, url: &Url) -> bool {
        self.change_count(url, |strikes| *strikes >= STRIKES)
    }

    fn change_count<T>(&self, url: &Url, change: impl FnOnce(&mut u32) -> T) -> T {
        let mut strikes = ignore_poison(self.0.lock());
        change(strikes.entry(url.origin().ascii_serialization()).or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_given_up_after_failures_in_a_row() {
        let breaker = Breaker::default();
        let (dead, other) = ("https://dead/a", "https://other/a");
        let (dead, other) = (Url::parse(dead).unwrap(), Url::parse(other).unwrap());
        for _ in 0..3 {
            (1..STRIKES).for_each(|_| breaker.note_failure(&dead));
            assert!(!breaker.is_open(&dead));
            breaker.note_answer(&dead);
        }
        (0..STRIKES).for_each(|_| breaker.note_failure(&dead));
        assert!(breaker.is_open(&dead.join("/b").unwrap()) && !breaker.is_open(&other));
        breaker.note_answer(&dead);
        assert!(breaker.is_open(&dead));
    }
}
