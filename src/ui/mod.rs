//! What the user sees: messages, progress, the closing summary.

mod logging;
mod panics;
mod progress;
pub mod signals;

pub use logging::{Console, LogFormat};
pub use panics::without_panic;
pub use progress::{Bar, Bars, Progress};

/// A count with thousands separated, as the summaries show it.
pub fn format_thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// So many of a thing, as in "1 table" and "1,234 tables": `one` is its name, whose plural has an s.
pub fn format_count(number: u64, one: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {one}{plural}", format_thousands(number))
}

/// What happened to so many rows: "1 row was rejected", "1,234 rows were rejected".
pub fn tell_rows(rows: u64, what: &str) -> String {
    let verb = if rows == 1 { "was" } else { "were" };
    format!("{} {verb} {what}", format_count(rows, "row"))
}

/// The largest amount of memory this process has held, in bytes; `None` where the system
/// doesn't tell.
pub fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}
