//! How far the downloads are, and what to say about them at the end.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tracing::info;

use super::state::CompletedFile;
use crate::ui::{Bar, Bars, format_count, format_thousands, tell_count};

/// Time between two lines in a log.
const INTERVAL: Duration = Duration::from_secs(10);
/// Time between two changes of a bar: more often nobody could read them.
const BAR_INTERVAL: Duration = Duration::from_millis(100);

/// Counts what has come in.
pub(super) struct DownloadProgress {
    begun: Instant,
    total: usize,
    files: AtomicU64,
    /// Files that a former run had downloaded.
    kept: AtomicU64,
    rows: AtomicU64,
    bytes: AtomicU64,
    /// Bytes that have come in in this run, of unfinished files too.
    received: AtomicU64,
    retries: AtomicU64,
    bar: Option<Bar>,
    last_shown: Mutex<Instant>,
}

impl DownloadProgress {
    /// Begins to count towards `total` files.
    pub(super) fn new(total: usize, bars: &Bars) -> Self {
        let zero = AtomicU64::default;
        Self {
            begun: Instant::now(),
            total,
            files: zero(),
            kept: zero(),
            rows: zero(),
            bytes: zero(),
            received: zero(),
            retries: zero(),
            bar: bars.count_files("download", total as u64),
            last_shown: Mutex::new(Instant::now()),
        }
    }

    /// More bytes came in.
    pub(super) fn add_bytes(&self, bytes: u64) {
        self.received.fetch_add(bytes, Ordering::Relaxed);
        self.show_sometimes();
    }

    /// A file is whole and safe.
    pub(super) fn add_file(&self, done: &CompletedFile) {
        self.files.fetch_add(1, Ordering::Relaxed);
        self.rows.fetch_add(done.rows, Ordering::Relaxed);
        self.bytes.fetch_add(done.bytes, Ordering::Relaxed);
        self.show_sometimes();
    }

    /// A file was whole already.
    pub(super) fn add_kept_file(&self, done: &CompletedFile) {
        self.kept.fetch_add(1, Ordering::Relaxed);
        self.add_file(done);
    }

    /// A download has to be tried again.
    pub(super) fn count_retry(&self) {
        self.retries.fetch_add(1, Ordering::Relaxed);
    }

    /// Files, rows and bytes of text so far.
    pub(super) fn total_counts(&self) -> (u64, u64, u64) {
        let get = |count: &AtomicU64| count.load(Ordering::Relaxed);
        (get(&self.files), get(&self.rows), get(&self.bytes))
    }

    fn show_sometimes(&self) {
        let interval = if self.bar.is_some() { BAR_INTERVAL } else { INTERVAL };
        // If another thread is about to show it, this one goes on with its download.
        let Ok(mut last) = self.last_shown.try_lock() else { return };
        if last.elapsed() < interval {
            return;
        }
        *last = Instant::now();
        let (files, ..) = self.total_counts();
        match &self.bar {
            Some(bar) => bar.set_done(files, &self.format_text(files)),
            None => info!(files, total = self.total, "download: {}", self.format_text(files)),
        }
    }

    /// `12 of 340 files, 1.2 GB, 35.1 MB/s, 4 min left`
    fn format_text(&self, files: u64) -> String {
        let received = self.received.load(Ordering::Relaxed);
        let seconds = self.begun.elapsed().as_secs_f64().max(1e-3);
        let mut text = format!(
            "{} of {}, {}, {}/s",
            format_thousands(files),
            format_count(self.total as u64, "file"),
            format_size(received as f64),
            format_size(received as f64 / seconds)
        );
        // The files of an earlier run took no time in this one.
        let now = files.saturating_sub(self.kept.load(Ordering::Relaxed));
        if now > 0 {
            let left = (self.total as u64 - files.min(self.total as u64)) as f64;
            text.push_str(&format!(", {} left", format_span(seconds * left / now as f64)));
        }
        text
    }

    /// Takes the bar away.
    pub(super) fn hide_bar(&self) {
        if let Some(bar) = &self.bar {
            bar.remove_bar();
        }
    }

    /// Takes the bar away and sums up.
    pub(super) fn finish_bar(&self) {
        self.hide_bar();
        let (files, rows, bytes) = self.total_counts();
        let kept = self.kept.load(Ordering::Relaxed);
        let retries = self.retries.load(Ordering::Relaxed);
        let mut text = format!(
            "Downloaded {}: {}, {} in {}",
            format_count(files, "file"),
            format_count(rows, "row"),
            format_size(bytes as f64),
            format_span(self.begun.elapsed().as_secs_f64())
        );
        if kept > 0 {
            text.push_str(&format!("; {} of them by an earlier run", format_thousands(kept)));
        }
        if retries > 0 {
            text.push_str(&format!("; {}", tell_count(retries, "download", "tried again")));
        }
        info!(files, rows, bytes, kept, retries, "{text}");
    }
}

/// `1.2 GB`
pub(super) fn format_size(bytes: f64) -> String {
    match bytes {
        b if b >= 1e9 => format!("{:.1} GB", b / 1e9),
        b if b >= 1e6 => format!("{:.1} MB", b / 1e6),
        b => format!("{:.0} kB", b / 1e3),
    }
}

/// `4 min`
pub(super) fn format_span(seconds: f64) -> String {
    match seconds {
        s if s >= 7200.0 => format!("{:.1} h", s / 3600.0),
        s if s >= 120.0 => format!("{:.0} min", s / 60.0),
        s => format!("{s:.0} s"),
    }
}
