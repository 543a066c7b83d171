//! How long to wait.

use std::time::{Duration, SystemTime};

use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};

/// The wait where the server names none that can be understood.
pub const DEFAULT_WAIT: Duration = Duration::from_secs(60);

/// The shortest wait, whatever the server asks for: a server that says "now" each time would be
/// asked hundreds of times a second.
pub const SHORTEST_WAIT: Duration = Duration::from_secs(2);

/// The longest wait, whatever the server asks for.
pub const LONGEST_WAIT: Duration = Duration::from_secs(5 * 60);

/// The pause that `Retry-After` asks for: seconds, or an HTTP date. `None` without the header;
/// [`DEFAULT_WAIT`] if it can't be understood; otherwise [`SHORTEST_WAIT`] at least and
/// [`LONGEST_WAIT`] at most.
///
/// A date is the server's, so it is compared with the time that the same answer has in `Date`: the
/// clocks of two machines differ by minutes.
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?;
    let text = value.to_str().unwrap_or_default().trim();
    let date = headers.get(DATE).and_then(|date| date.to_str().ok());
    let date = date.and_then(|date| httpdate::parse_http_date(date.trim()).ok());
    let now = date.unwrap_or_else(SystemTime::now);
    Some(parse_wait(text, now).clamp(SHORTEST_WAIT, LONGEST_WAIT))
}

fn parse_wait(text: &str, now: SystemTime) -> Duration {
    // Fractions are no standard, but are sent.
    if let Ok(seconds) = text.parse::<f64>()
        && !seconds.is_nan()
    {
        let seconds = seconds.clamp(0.0, LONGEST_WAIT.as_secs_f64());
        return Duration::from_secs_f64(seconds);
    }
    match httpdate::parse_http_date(text) {
        Ok(date) => date.duration_since(now).unwrap_or_default(),
        Err(_) => DEFAULT_WAIT,
    }
}

/// Turns waits into real time. Tests run quicker than hospitals do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    scale: f64,
}

impl Default for Pace {
    fn default() -> Self {
        Self { scale: 1.0 }
    }
}

impl Pace {
    /// Waits `scale` times as long as usual; 1 is real life, 0 never waits.
    pub fn with_scale(scale: f64) -> Self {
        Self { scale: if scale.is_finite() { scale.max(0.0) } else { 1.0 } }
    }

    /// A wait that was worked out otherwise, in this pace.
    pub fn of(self, wait: Duration) -> Duration {
        Duration::try_from_secs_f64(wait.as_secs_f64() * self.scale).unwrap_or(LONGEST_WAIT)
    }

    /// The wait until the next poll, by an answer's headers.
    pub fn poll(self, headers: &HeaderMap) -> Duration {
        self.of(retry_after(headers).unwrap_or(DEFAULT_WAIT))
    }
}

/// How often a request that failed is repeated, and how long to wait before each time.
#[derive(Clone, Copy, Debug)]
pub struct RetryPlan {
    /// Seconds to wait after the first, second, … failure in a row.
    seconds: &'static [u64],
}

impl RetryPlan {
    /// As many repetitions as there are waits, in seconds.
    pub const fn of_seconds(seconds: &'static [u64]) -> Self {
        Self { seconds }
    }

    /// The wait after the `failures`-th failure in a row, which is counted from 1: what the server asked
    /// for, or else the plan's. `None` after the last one.
    pub fn wait_after(
        self,
        failures: usize,
        asked: Option<Duration>,
        pace: Pace,
    ) -> Option<Duration> {
        let planned = self.seconds.get(failures.checked_sub(1)?)?;
        Some(pace.of(asked.unwrap_or(Duration::from_secs(*planned))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(value: &str) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, value.parse().unwrap());
        retry_after(&headers)
    }

    #[test]
    fn no_value_makes_it_ask_without_a_pause() {
        for value in ["0", "-5", "-inf", "0.001", "1e-300", "Sun, 06 Nov 1994 08:51:37 GMT"] {
            assert_eq!(header(value), Some(SHORTEST_WAIT), "{value}");
        }
    }

    #[test]
    fn dates_are_measured_by_the_clock_of_the_server() {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, "Sun, 06 Nov 1994 08:51:37 GMT".parse().unwrap());
        for (date, seconds) in [
            ("Sun, 06 Nov 1994 08:50:37 GMT", 60),
            // The forms of RFC 850 and of asctime.
            ("Sunday, 06-Nov-94 08:49:37 GMT", 120),
            ("Sun Nov  6 08:51:07 1994", 30),
            ("Sun, 06 Nov 1994 09:51:37 GMT", 2),
            ("Sun, 06 Nov 1994 00:00:00 GMT", 300),
        ] {
            headers.insert(DATE, date.parse().unwrap());
            assert_eq!(retry_after(&headers), Some(Duration::from_secs(seconds)), "{date}");
        }
        // Seconds are seconds, whatever the clocks say.
        headers.insert(RETRY_AFTER, "90".parse().unwrap());
        assert_eq!(retry_after(&headers), Some(Duration::from_secs(90)));
    }

    #[test]
    fn seconds_and_dates_are_understood() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        let seconds = |text: &str| parse_wait(text, now).as_secs();
        assert_eq!(seconds("120"), 120);
        assert_eq!(seconds("0.5"), 0);
        assert_eq!(seconds("-5"), 0);
        assert_eq!(seconds("Sun, 06 Nov 1994 08:51:37 GMT"), 120);
        assert_eq!(seconds("Sunday, 06-Nov-94 08:51:37 GMT"), 120);
        assert_eq!(seconds("Sun, 06 Nov 1994 08:00:00 GMT"), 0);
    }

    #[test]
    fn nothing_makes_it_sleep_for_long() {
        for value in
            ["1763700000", "1763700000000", "Tue, 01 Jan 2999 00:00:00 GMT", "inf", "1e300"]
        {
            assert_eq!(header(value), Some(LONGEST_WAIT), "{value}");
        }
    }

    #[test]
    fn what_can_not_be_understood_is_the_default() {
        for value in ["", "soon", "NaN", "2024-01-01T00:00:00Z", "10 s"] {
            assert_eq!(header(value), Some(DEFAULT_WAIT), "{value}");
        }
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }

    #[test]
    fn a_plan_waits_as_long_as_it_says_and_ends() {
        let plan = RetryPlan::of_seconds(&[2, 10]);
        let seconds = |failures, asked: Option<u64>| {
            let asked = asked.map(Duration::from_secs);
            plan.wait_after(failures, asked, Pace::default()).map(|wait| wait.as_secs())
        };
        assert_eq!(
            [0, 1, 2, 3].map(|failures| seconds(failures, None)),
            [None, Some(2), Some(10), None]
        );
        // The server may ask for another wait, not for another attempt.
        assert_eq!([1, 2, 3].map(|failures| seconds(failures, Some(7))), [Some(7), Some(7), None]);
        let quick = Pace::with_scale(0.001);
        assert_eq!(plan.wait_after(1, None, quick), Some(Duration::from_millis(2)));
    }
}
