//! Files: chunks made by several threads in any order are written in the one right order.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard};

use cumulus_base::error::{Context, Result};
use cumulus_base::poison::ignore_poison;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::chunk::{FileLines, PatientChunk};
use super::kind::RowType;
use super::options::DemoOptions;

/// A file that was written.
pub(super) struct ExportFile {
    /// The path below the export's folder.
    pub name: String,
    /// The type of its rows.
    pub resource_type: &'static str,
    /// `output`, `deleted` or `error`.
    pub item_type: &'static str,
    pub rows: u64,
    /// As stored.
    pub bytes: u64,
}

/// All files of the export that hold rows.
pub(super) struct ExportFiles {
    dir: PathBuf,
    gzip: bool,
    rows_per_file: u64,
    lanes: Vec<Lane>,
    bytes: AtomicU64,
    stopped: AtomicBool,
}

/// The files of one type: chunk after chunk, each by the thread that made it.
struct Lane {
    resource_type: &'static str,
    item_type: &'static str,
    state: Mutex<LaneState>,
    turn: Condvar,
}

#[derive(Default)]
struct LaneState {
    /// The chunk whose turn it is.
    next: u64,
    open: Option<Open>,
    written: Vec<ExportFile>,
}

struct Open {
    sink: FileSink,
    name: String,
    rows: u64,
}

enum FileSink {
    Plain(CountedFile),
    Gzip(Box<GzEncoder<CountedFile>>),
}

/// A file, and how much was written to it.
struct CountedFile {
    file: File,
    bytes: u64,
}

impl Write for CountedFile {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let length = self.file.write(data)?;
        self.bytes += length as u64;
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl FileSink {
    fn written_bytes(&self) -> u64 {
        match self {
            Self::Plain(file) => file.bytes,
            Self::Gzip(encoder) => encoder.get_ref().bytes,
        }
    }

    fn write_all(&mut self, data: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(file) => file.write_all(data),
            Self::Gzip(encoder) => encoder.write_all(data),
        }
    }

    /// The bytes that the complete file has.
    fn finish_file(self) -> io::Result<u64> {
        match self {
            Self::Plain(file) => Ok(file.bytes),
            Self::Gzip(encoder) => Ok(encoder.finish()?.bytes),
        }
    }
}

impl ExportFiles {
    pub fn new(dir: &Path, options: &DemoOptions) -> Result<Self> {
        for folder in ["deleted", "error"] {
            fs::create_dir_all(dir.join(folder))
                .with_context(|| format!("cannot make folders in '{}'", dir.display()))?;
        }
        let outputs = RowType::ALL.into_iter().map(|kind| (kind.name(), "output"));
        let lanes = outputs.chain([("Bundle", "deleted")]).map(|(resource_type, item_type)| Lane {
            resource_type,
            item_type,
            state: Mutex::default(),
            turn: Condvar::new(),
        });
        Ok(Self {
            dir: dir.to_owned(),
            gzip: options.gzip,
            rows_per_file: options.rows_per_file.max(1),
            lanes: lanes.collect(),
            bytes: AtomicU64::new(0),
            stopped: AtomicBool::new(false),
        })
    }

    /// Bytes written so far.
    pub fn written_bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Writes chunk `number`, each type when it is its turn.
    ///
    /// Chunks must be given out in order: each waits for the ones before it. After a failure in any
    /// thread nothing more is written.
    pub fn write(&self, number: u64, chunk: &PatientChunk) -> Result<()> {
        let lines = chunk.lines.iter().chain([&chunk.deleted]);
        // Every thread passes the lanes in this order, and the chunk whose turn
        // it is waits for nobody: no two threads can wait for each other.
        for (lane, lines) in self.lanes.iter().zip(lines) {
            // The thread that failed tells the error.
            let Some(mut state) = self.wait_turn(lane, number) else { return Ok(()) };
            if let Err(error) = self.append_lines(lane, &mut state, lines) {
                drop(state);
                self.stop_waiting();
                return Err(error);
            }
            state.next += 1;
            drop(state);
            lane.turn.notify_all();
        }
        Ok(())
    }

    /// Waits for chunk `number`'s turn; `None` if there will be none.
    fn wait_turn<'l>(&self, lane: &'l Lane, number: u64) -> Option<MutexGuard<'l, LaneState>> {
        let state = ignore_poison(lane.state.lock());
        let waiting = |state: &mut LaneState| state.next != number && !self.is_stopped();
        let state = ignore_poison(lane.turn.wait_while(state, waiting));
        (!self.is_stopped()).then_some(state)
    }

    fn append_lines(&self, lane: &Lane, state: &mut LaneState, lines: &FileLines) -> Result<()> {
        let (mut start, mut ends) = (0, lines.ends.as_slice());
        while !ends.is_empty() {
            let mut open = match state.open.take() {
                Some(open) => open,
                None => self.open_file(lane, state.written.len())?,
            };
            let room = self.rows_per_file.saturating_sub(open.rows);
            let (now, later) = ends.split_at(ends.len().min(room as usize));
            // With flaws, the last line of all lacks its line
            // feed: its end is then noted one byte too far.
            let end = now.last().copied().unwrap_or(start).min(lines.bytes.len());
            let before = open.sink.written_bytes();
            open.sink
                .write_all(&lines.bytes[start..end])
                .with_context(|| self.cannot_write(&open.name))?;
            self.bytes.fetch_add(open.sink.written_bytes() - before, Ordering::Relaxed);
            open.rows += now.len() as u64;
            (start, ends) = (end, later);
            if open.rows >= self.rows_per_file {
                self.close_file(lane, state, open)?;
            } else {
                state.open = Some(open);
            }
        }
        Ok(())
    }

    fn open_file(&self, lane: &Lane, number: usize) -> Result<Open> {
        let folder = if lane.item_type == "output" { "" } else { "deleted/" };
        let suffix = if self.gzip { ".gz" } else { "" };
        let name = format!("{folder}{}.{number:03}.ndjson{suffix}", lane.resource_type);
        let file =
            // The folder was empty. A file that has come since is another process's.
            File::create_new(self.dir.join(&name)).with_context(|| self.cannot_write(&name))?;
        let file = CountedFile { file, bytes: 0 };
        let sink = if self.gzip {
            FileSink::Gzip(Box::new(GzEncoder::new(file, Compression::fast())))
        } else {
            FileSink::Plain(file)
        };
        Ok(Open { sink, name, rows: 0 })
    }

    fn close_file(&self, lane: &Lane, state: &mut LaneState, open: Open) -> Result<()> {
        // The encoder holds back some bytes until the end: progress would lack them.
        let before = open.sink.written_bytes();
        let bytes = open.sink.finish_file().with_context(|| self.cannot_write(&open.name))?;
        self.bytes.fetch_add(bytes - before, Ordering::Relaxed);
        state.written.push(ExportFile {
            name: open.name,
            resource_type: lane.resource_type,
            item_type: lane.item_type,
            rows: open.rows,
            bytes,
        });
        Ok(())
    }

    /// Closes the open files. Gives all files in the order of types and numbers.
    pub fn finish_files(self) -> Result<Vec<ExportFile>> {
        let mut all = Vec::new();
        for lane in &self.lanes {
            let mut state = ignore_poison(lane.state.lock());
            if let Some(open) = state.open.take() {
                self.close_file(lane, &mut state, open)?;
            }
            all.append(&mut state.written);
        }
        Ok(all)
    }

    fn cannot_write(&self, name: &str) -> String {
        format!("cannot write '{}'", self.dir.join(name).display())
    }

    fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// Lets no thread wait any longer.
    fn stop_waiting(&self) {
        self.stopped.store(true, Ordering::Relaxed);
        for lane in &self.lanes {
            // Under the lock: a thread that has looked at `stopped`
            // and does not wait yet would miss the call.
            let _state = ignore_poison(lane.state.lock());
            lane.turn.notify_all();
        }
    }

    /// Stops the other threads if this one panics: they would wait for its chunk for ever.
    pub fn stop_on_panic(&self) -> impl Drop + '_ {
        struct Guard<'f>(&'f ExportFiles);
        impl Drop for Guard<'_> {
            fn drop(&mut self) {
                if std::thread::panicking() {
                    self.0.stop_waiting();
                }
            }
        }
        Guard(self)
    }
}
