//! Dates and times as FHIR writes them, at every precision an EHR uses.

use super::json::Json;

/// A moment by the clock of the hospital's wall: seconds since 1970-01-01T00:00.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Time(pub(super) i64);

/// Seconds in a day.
pub(super) const DAY: i64 = 86_400;

/// When the export was made; nothing in it is later.
pub(super) const EXPORTED: Time = Time(1_751_287_500); // 2025-06-30T12:45:00

/// How a time is spelled.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum TimeSpelling {
    /// `2019`
    Year,
    /// `2019-03`
    Month,
    /// `2019-03-02`
    Date,
    /// `2019-03-02T14:05:11-05:00`
    Seconds,
    /// `2019-03-02T14:05:11.123-05:00`
    Millis,
    /// `2019-03-02T19:05:11Z`
    Utc,
    /// `2019-03-02T19:05:11.123456+00:00`
    Micros,
    /// `14:05:11`
    Clock,
}

impl Time {
    /// The moment `seconds` later.
    pub(super) fn plus_seconds(self, seconds: i64) -> Self {
        Self(self.0 + seconds)
    }

    /// Year, month, and day of the month (Gregorian).
    pub(super) fn calendar_date(self) -> (i64, i64, i64) {
        // Days are counted in years that begin in March, so that a leap day is the last one.
        // `div_euclid`: birthdays before 1970 are negative, and a plain division rounds those up.
        let days = self.0.div_euclid(DAY) + 719_468;
        let era = days.div_euclid(146_097);
        let of_era = days.rem_euclid(146_097);
        let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year + year / 4 - year / 100);
        let march = (5 * of_year + 2) / 153;
        let day = of_year - (153 * march + 2) / 5 + 1;
        let month = if march < 10 { march + 3 } else { march - 9 };
        (era * 400 + year + i64::from(month <= 2), month, day)
    }

    /// Hours from UTC to the wall clock: New York's, summer time by whole months.
    fn utc_offset(self) -> i64 {
        if (4..=10).contains(&self.calendar_date().1) { -4 } else { -5 }
    }
}

/// Writing times.
pub(super) trait WriteTime: Json {
    /// `"name":"…"`
    fn add_time(&mut self, name: &str, time: Time, spelling: TimeSpelling) {
        self.add_str_of(name, |w| w.write_time(time, spelling));
    }

    /// The time alone.
    fn write_time(&mut self, time: Time, spelling: TimeSpelling) {
        let offset = time.utc_offset();
        let shown = match spelling {
            TimeSpelling::Utc | TimeSpelling::Micros => time.plus_seconds(-offset * 3_600),
            _ => time,
        };
        if spelling == TimeSpelling::Clock {
            return self.write_clock(shown);
        }
        let (year, month, day) = shown.calendar_date();
        self.write_padded(year, 4);
        if spelling == TimeSpelling::Year {
            return;
        }
        self.write_raw("-");
        self.write_padded(month, 2);
        if spelling == TimeSpelling::Month {
            return;
        }
        self.write_raw("-");
        self.write_padded(day, 2);
        if spelling == TimeSpelling::Date {
            return;
        }
        self.write_raw("T");
        self.write_clock(shown);
        // The fraction has to come from somewhere: any number that differs from row to row will do.
        let fraction = shown.0.wrapping_mul(7_919).rem_euclid(1_000_000);
        match spelling {
            TimeSpelling::Utc => return self.write_raw("Z"),
            TimeSpelling::Micros => {
                self.write_raw(".");
                self.write_padded(fraction, 6);
                return self.write_raw("+00:00");
            }
            TimeSpelling::Millis => {
                self.write_raw(".");
                self.write_padded(fraction / 1_000, 3);
            }
            _ => {}
        }
        self.write_raw(if offset == -4 { "-04:00" } else { "-05:00" });
    }

    /// `14:05:11`
    fn write_clock(&mut self, time: Time) {
        let of_day = time.0.rem_euclid(DAY);
        self.write_padded(of_day / 3_600, 2);
        self.write_raw(":");
        self.write_padded(of_day / 60 % 60, 2);
        self.write_raw(":");
        self.write_padded(of_day % 60, 2);
    }
}

impl<W: Json> WriteTime for W {}
