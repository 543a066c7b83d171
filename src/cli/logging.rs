//! How much a command says, and how.

use std::ffi::{OsStr, OsString};
use std::io::IsTerminal;

use clap::Args;
use tracing::{Level, debug};

use super::exit_code;
use super::hints;
use crate::error::SettingsFault;
use crate::memory;
use crate::ui::{self, Bars, Console, LogFormat};

/// The variable that stands for `--log-format`.
const VARIABLE: &str = "CUMULUS_ETL_LOG_FORMAT";
/// Messages for people.
pub(super) const TEXT: &str = "text";
/// Messages for programs.
pub(super) const JSON: &str = "json";

/// The options for messages of the lesser commands.
#[derive(Args, Debug)]
pub(super) struct LoggingArgs {
    /// Form of the messages
    #[arg(long, value_name = "FORMAT", value_parser = [TEXT, JSON], default_value = TEXT)]
    #[arg(env = VARIABLE)]
    log_format: String,
    /// Say more about what is done
    #[arg(short, long)]
    verbose: bool,
    /// Only say what needs attention; wins over `--verbose`
    #[arg(short, long)]
    quiet: bool,
}

impl LoggingArgs {
    /// Begins to log. Gives progress bars, if there is a terminal to draw them on.
    pub(super) fn init(&self, console: &Console) -> Bars {
        Logging::new(self.log_format == JSON, self.verbose, self.quiet).init(console)
    }
}

/// The form and the level of messages that the options ask for.
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

    /// Begins to log. Gives progress bars, if there is a terminal to draw them on.
    pub(super) fn init(self, console: &Console) -> Bars {
        console.begin_logging(self.format, self.level);
        // Somebody who helps a user asks for this first.
        debug!(
            version = env!("CARGO_PKG_VERSION"),
            "cumulus-etl {} for {} on {}, {}",
            env!("CARGO_PKG_VERSION"),
            std::env::consts::OS,
            std::env::consts::ARCH,
            ui::format_count(memory::count_cores() as u64, "core"),
        );
        hints::warn_of_unknown_variables();
        let is_drawn = self.format == LogFormat::Text
            && self.level >= Level::INFO
            && std::io::stderr().is_terminal();
        if is_drawn { console.draw_bars() } else { Bars::default() }
    }
}

/// Ends the process for a command line that can't be understood (or that asks for help): in the
/// form of all other messages, as far as one can tell which that is.
pub(super) fn exit_for_usage(error: &clap::Error, console: &Console) -> ! {
    if !error.use_stderr() || !json_is_asked_for(std::env::args_os()) {
        error.exit();
    }
    console.begin_logging(LogFormat::Json, Level::ERROR);
    let text = error.to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    let exit = exit_code(SettingsFault::Usage.into());
    console.say_last_words(text.trim_end(), exit);
    std::process::exit(exit.into());
}

/// Whether the command line, or the variable, asks for JSON. For what goes wrong before they are
/// understood.
pub(super) fn json_is_asked_for(args: impl Iterator<Item = OsString>) -> bool {
    let (mut found, mut next_is_it) = (None, false);
    for arg in args.skip(1).take_while(|arg| arg != "--") {
        if next_is_it {
            found = Some(arg.clone());
        } else if let Some(value) = arg.to_str().and_then(|arg| arg.strip_prefix("--log-format=")) {
            found = Some(value.into());
        }
        next_is_it = arg == "--log-format";
    }
    // As clap has it: an option goes before its variable, and the last of several options counts.
    let found = found.or_else(|| std::env::var_os(VARIABLE));
    found.as_deref() == Some(OsStr::new(JSON))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_format_is_seen_in_a_command_line_that_makes_no_sense() {
        let asked = |line: &str| json_is_asked_for(line.split(' ').map(OsString::from));
        assert!(asked("cumulus-etl --no-such --log-format json"));
        assert!(asked("cumulus-etl study lisst --log-format=json"));
        assert!(!asked("cumulus-etl --log-format=json --log-format text --no-such"));
        assert!(!asked("cumulus-etl --no-such json --log-format"));
        assert!(!asked("cumulus-etl -- --log-format=json"));
    }
}
