//! Messages and progress as the user sees them, signals and panics.

mod logging;
mod panics;
mod progress;
pub mod signals;

pub use logging::{Console, LogFormat};
pub use panics::without_panic;
pub use progress::{Bar, Bars, Progress};

pub use crate::numbers::{choose_form, format_count, format_thousands, tell_count, tell_rows};

/// The width in characters of the terminal that results are printed on; `None` where they go to a file or a pipe.
pub fn terminal_width() -> Option<usize> {
    let terminal = console::Term::stdout();
    let (_, columns) = terminal.size_checked().filter(|_| terminal.features().is_attended())?;
    Some(columns.into())
}

/// The largest amount of memory this process has held, in bytes; `None` where the system
/// doesn't tell.
pub fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    // The kernel's "kB" are units of 1024 bytes.
    Some(kib * 1024)
}
