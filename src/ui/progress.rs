//! How far a long step is: a bar on a terminal, else a line every ten seconds.

use std::io::{self, Read};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use tracing::info;

use crate::threads::{self, Thread};

/// Time between two lines in a log.
const INTERVAL: Duration = Duration::from_secs(10);

/// Where progress bars are drawn. By default nowhere: progress is then told in the log.
#[derive(Clone, Debug, Default)]
pub struct Bars(Option<MultiProgress>);

impl Bars {
    pub(super) fn drawn_on(bars: &MultiProgress) -> Self {
        Self(Some(bars.clone()))
    }

    /// Begins a step over a number of files; `None` where no bars are drawn.
    pub fn count_files(&self, name: &str, total: u64) -> Option<Bar> {
        self.begin_bar(name, ProgressBar::new(total), "{prefix:22} {bar:30} {msg}")
    }

    /// Begins to wait for something that does not say how long it takes; `None` where no bars are
    /// drawn.
    pub fn begin_waiting(&self, name: &str) -> Option<Bar> {
        let spinner = ProgressBar::new_spinner();
        let bar = self.begin_bar(name, spinner, "{prefix:22} {spinner} {msg}")?;
        // Its library would panic where no thread can be had; the bar then stands still.
        if threads::can_start(Thread::named("bar"), 1).is_ok() {
            bar.bar.enable_steady_tick(Duration::from_millis(200));
        }
        Some(bar)
    }

    fn begin_bar(&self, name: &str, bar: ProgressBar, template: &str) -> Option<Bar> {
        let bars = self.0.as_ref()?;
        let style =
            ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = bars.add(bar.with_style(style).with_prefix(name.to_owned()));
        Some(Bar { bar })
    }
}

/// Progress of one table through its input, or of a file on its way, in bytes. Clones count
/// together.
#[derive(Clone)]
pub struct Progress {
    inner: Arc<Inner>,
}

struct Inner {
    name: String,
    /// The word for what is done with the bytes.
    verb: &'static str,
    total: u64,
    done: AtomicU64,
    bar: Option<ProgressBar>,
    last_line: Mutex<Instant>,
}

impl Progress {
    /// Begins to read `total` bytes. Without bars there are lines in the log.
    pub fn begin_reading(name: &str, total: u64, bars: &Bars) -> Self {
        Self::begin_step(name, "read", total, bars)
    }

    /// Begins to send `total` bytes.
    pub fn begin_sending(name: &str, total: u64, bars: &Bars) -> Self {
        Self::begin_step(name, "sent", total, bars)
    }

    fn begin_step(name: &str, verb: &'static str, total: u64, bars: &Bars) -> Self {
        let template =
            "{prefix:22} {bar:30} {bytes:>10}/{total_bytes:10} {bytes_per_sec:>12} {eta:>4}";
        let bar = bars.begin_bar(name, ProgressBar::new(total), template).map(|bar| bar.bar);
        let inner = Inner {
            name: name.to_owned(),
            verb,
            total,
            done: AtomicU64::new(0),
            bar,
            last_line: Mutex::new(Instant::now()),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Counts what is read from `reader`.
    pub fn count_reads<R: Read>(&self, reader: R) -> impl Read + use<R> {
        Counted { reader, progress: self.clone() }
    }

    /// More bytes are done.
    pub fn add(&self, bytes: u64) {
        let inner = &self.inner;
        let done = inner.done.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if let Some(bar) = &inner.bar {
            bar.set_position(done);
        // Where the lock is taken, another thread is at this very line: nobody waits for it.
        } else if let Ok(mut last) = inner.last_line.try_lock()
            && last.elapsed() >= INTERVAL
        {
            *last = Instant::now();
            // A total of 0 stands for a step whose size is not known, and must not divide.
            let percent = done * 100 / inner.total.max(1);
            let (name, verb) = (&inner.name, inner.verb);
            info!(table = name, percent, "{name}: {percent} % {verb}");
        }
    }

    /// The step is over: takes the bar away.
    pub fn end_step(&self) {
        if let Some(bar) = &self.inner.bar {
            bar.finish_and_clear();
        }
    }
}

struct Counted<R> {
    reader: R,
    progress: Progress,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.progress.add(count as u64);
        Ok(count)
    }
}

/// A bar of a step that is not measured in bytes, with a text of its own. For terminals.
pub struct Bar {
    bar: ProgressBar,
}

impl Bar {
    /// How much there is to do.
    pub fn set_total(&self, total: u64) {
        self.bar.set_length(total);
    }

    /// So much is done; `text` stands beside the bar.
    pub fn set_done(&self, done: u64, text: &str) {
        self.bar.set_position(done);
        self.bar.set_message(text.to_owned());
    }

    /// Shows a text.
    pub fn show_text(&self, text: &str) {
        self.bar.set_message(text.to_owned());
    }

    /// Takes the bar away.
    pub fn remove_bar(&self) {
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_bars_none_is_drawn_and_progress_is_counted() {
        let bars = Bars::default();
        assert!(bars.count_files("x", 1).is_none() && bars.begin_waiting("x").is_none());
        let progress = Progress::begin_reading("x", 3, &bars);
        let mut text = String::new();
        progress.count_reads(&b"abc"[..]).read_to_string(&mut text).unwrap();
        assert_eq!(
            (progress.inner.done.load(Ordering::Relaxed), progress.inner.bar.is_none()),
            (3, true)
        );
    }
}
