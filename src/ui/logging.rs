//! Messages on standard error: text for people, JSON for machines.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use indicatif::MultiProgress;
use tracing::{Level, error};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::debug_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use super::progress::Bars;
use crate::text::escape_message;

/// How messages look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// Plain lines.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Standard error: messages, and progress bars that they do not tear apart. `main` makes one; clones
/// are the same.
#[derive(Clone, Debug, Default)]
pub struct Console {
    state: Arc<ConsoleState>,
}

#[derive(Debug, Default)]
struct ConsoleState {
    /// Whether messages are JSON.
    is_json: AtomicBool,
    bars: MultiProgress,
}

impl Console {
    /// Says why the process ends: in the form of all other messages.
    pub fn say_last_words(&self, message: &str, exit: u8) {
        match self.state.is_json.load(Ordering::Relaxed) {
            true => error!(exit, "{message}"),
            // Nobody may be listening any more: no reason to end otherwise than meant.
            false => drop(writeln!(io::stderr(), "cumulus-etl: {}", escape_message(message))),
        }
    }

    /// Progress bars beside the messages.
    pub fn draw_bars(&self) -> Bars {
        Bars::drawn_on(&self.state.bars)
    }

    /// Sends this program's messages of `level` and above to standard error. Call once: the log is the
    /// process's.
    pub fn begin_logging(&self, format: LogFormat, level: Level) {
        self.state.is_json.store(format == LogFormat::Json, Ordering::Relaxed);
        subscribe_to_log(format, level, &self.state.bars);
    }
}

fn subscribe_to_log(format: LogFormat, level: Level, bars: &MultiProgress) {
    // The libraries below speak of things that a user can't act on, object paths among them.
    let ours = filter_fn(move |metadata| {
        metadata.target().starts_with("cumulus_etl") && *metadata.level() <= level
    });
    let registry = tracing_subscriber::registry();
    let layer =
        tracing_subscriber::fmt::layer().with_writer(BesideBars(bars.clone())).with_target(false);
    let result = match format {
        LogFormat::Json => {
            registry.with(layer.json().flatten_event(true).with_filter(ours)).try_init()
        }
        LogFormat::Text => {
            // People read the message; the fields are for machines.
            let message = debug_fn(|out, field, value| match field.name() {
                // Words of others must neither move the cursor nor forge a line.
                "message" => write!(out, "{}", escape_message(&format!("{value:?}"))),
                _ => Ok(()),
            });
            let layer = layer.without_time().with_level(false).with_ansi(false);
            let layer = layer.fmt_fields(message);
            registry.with(layer.with_filter(ours)).try_init()
        }
    };
    // A second call, as tests make it, leaves the first one's choice.
    let _ = result;
}

/// Writes to standard error without tearing progress bars apart.
#[derive(Clone)]
struct BesideBars(MultiProgress);

impl<'a> MakeWriter<'a> for BesideBars {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Write for BesideBars {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        // The subscriber gives a whole message at a time. `suspend` takes the bars away, and draws
        // them again below it.
        self.0.suspend(|| io::stderr().write_all(data))?;
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
