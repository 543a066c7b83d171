//! How much a command says, and how.

use std::io::IsTerminal;

use clap::Args;
use tracing::Level;

use crate::ui::{self, LogFormat};

/// The options for messages of the lesser commands.
#[derive(Args, Debug)]
pub(super) struct LoggingArgs {
    /// text or json
    #[arg(long, value_name = "FORMAT", value_parser = ["text", "json"], default_value = "text")]
    #[arg(env = "CUMULUS_ETL_LOG_FORMAT")]
    log_format: String,
    /// Say more
    #[arg(short, long)]
    verbose: bool,
    /// Only say what needs attention
    #[arg(short, long)]
    quiet: bool,
}

impl LoggingArgs {
    /// Begins to log; true if there is a terminal to draw progress bars on.
    pub(super) fn init(&self) -> bool {
        Logging::new(self.log_format == "json", self.verbose, self.quiet).init()
    }
}

/// What the options come to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Logging {
    format: LogFormat,
    level: Level,
}

impl Logging {
    /// `quiet` wins over `verbose`.
    pub(super) fn new(json: bool, verbose: bool, quiet: bool) -> Self {
        let format = if json { LogFormat::Json } else { LogFormat::Text };
        let level = match (verbose, quiet) {
            (_, true) => Level::WARN,
            (true, false) => Level::DEBUG,
            (false, false) => Level::INFO,
        };
        Self { format, level }
    }

    /// Begins to log; true if there is a terminal to draw progress bars on.
    pub(super) fn init(self) -> bool {
        ui::init(self.format, self.level);
        self.format == LogFormat::Text
            && self.level >= Level::INFO
            && std::io::stderr().is_terminal()
    }
}
