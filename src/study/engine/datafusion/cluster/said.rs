//! Ballista's messages among our own: those that need attention, without values of rows.

use log::{Level, LevelFilter, Log, Metadata, Record};
use tracing::{error, warn};

use super::super::run::without_values;

struct Said;

impl Log for Said {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= Level::Warn && metadata.target().starts_with("ballista")
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let text = record.args().to_string();
        // The lines after the first are plans, and chains of causes that say the same again.
        let text = without_values(text.lines().next().unwrap_or_default());
        match record.level() {
            Level::Error => error!("{text}"),
            _ => warn!("{text}"),
        }
    }

    fn flush(&self) {}
}

/// From now on it is heard.
pub fn begin_hearing() {
    // Where something else listens already, that does.
    if log::set_logger(&Said).is_ok() {
        log::set_max_level(LevelFilter::Warn);
    }
}
