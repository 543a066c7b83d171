//! How far a long step is: a bar on a terminal, else a line every ten seconds.

use std::io::{self, Read};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use tracing::info;

use crate::threads::{self, Thread};

/// Time between two lines in a log.
const INTERVAL: Duration = Duration::from_secs(10);

/// All bars of the process.
pub(super) fn bars() -> &'static MultiProgress {
    static BARS: LazyLock<MultiProgress> = LazyLock::new(MultiProgress::new);
    &BARS
}

/// Progress of one table through its input, or of a file on its way, in bytes. Clones count
/// together.
#[derive(Clone)]
pub struct Progress {
    inner: Arc<Inner>,
}

struct Inner {
    name: String,
    /// What is done with the bytes.
    verb: &'static str,
    total: u64,
    done: AtomicU64,
    bar: Option<ProgressBar>,
    last_line: Mutex<Instant>,
}

impl Progress {
    /// Begins to read `total` bytes. `bar`: draw a bar (on a terminal), else log lines.
    pub fn begin_reading(name: &str, total: u64, bar: bool) -> Self {
        Self::begin_step(name, "read", total, bar)
    }

    /// Begins to send `total` bytes.
    pub fn begin_sending(name: &str, total: u64, bar: bool) -> Self {
        Self::begin_step(name, "sent", total, bar)
    }

    fn begin_step(name: &str, verb: &'static str, total: u64, bar: bool) -> Self {
        let bar = bar.then(|| {
            let template =
                "{prefix:22} {bar:30} {bytes:>10}/{total_bytes:10} {bytes_per_sec:>12} {eta:>4}";
            let style = ProgressStyle::with_template(template)
                .unwrap_or_else(|_| ProgressStyle::default_bar());
            let bar = ProgressBar::new(total).with_style(style).with_prefix(name.to_owned());
            bars().add(bar)
        });
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
        } else if let Ok(mut last) = inner.last_line.try_lock()
            && last.elapsed() >= INTERVAL
        {
            *last = Instant::now();
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
    /// Begins a step over a number of files.
    pub fn count_files(name: &str, total: u64) -> Self {
        Self::begin_bar(name, ProgressBar::new(total), "{prefix:22} {bar:30} {msg}")
    }

    /// Begins to wait for something that does not say how long it takes.
    pub fn begin_waiting(name: &str) -> Self {
        let bar = Self::begin_bar(name, ProgressBar::new_spinner(), "{prefix:22} {spinner} {msg}");
        // Its library would panic where no thread can be had; the bar then stands still.
        if threads::can_start(Thread::named("bar"), 1).is_ok() {
            bar.bar.enable_steady_tick(Duration::from_millis(200));
        }
        bar
    }

    fn begin_bar(name: &str, bar: ProgressBar, template: &str) -> Self {
        let style =
            ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        Self { bar: bars().add(bar.with_style(style).with_prefix(name.to_owned())) }
    }

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
