//! The command line: one file per subcommand.

mod ballista;
mod convert;
mod credentials;
mod declared;
mod demo;
mod etl;
mod exit_code;
mod export;
mod exporting;
mod hints;
mod init;
mod inline;
mod keys;
mod layers;
mod limits;
mod logging;
mod printing;
mod store;
mod study;
mod tls;

pub use declared::settings_of;
pub use exit_code::exit_code;
pub use layers::{ENV_PREFIX, variable};

use std::ffi::OsStr;
use std::path::Path;

use clap::{CommandFactory as _, Parser, Subcommand};

use crate::error::Result;
use crate::memory::Budget;
use crate::stop::Shutdown;
use crate::store::{Storage, StoreRuntime};
use crate::ui::{Console, signals};

/// The parts that belong to the process, not to a command: `main` makes them once. A command hands
/// each on to the code that needs it.
#[derive(Debug)]
pub struct Process {
    /// The memory that there is.
    pub budget: Budget,
    /// Opens folders, and ends what is opened.
    pub storage: Storage,
    /// Where messages and progress go.
    pub console: Console,
}

impl Process {
    /// Measures the memory and starts the threads of stores. `shutdown`: what signals ask.
    ///
    /// # Errors
    /// The threads can't be had (`Failed`).
    pub fn new(shutdown: Shutdown, console: Console) -> Result<Self> {
        let storage = Storage::new(StoreRuntime::start_threads()?, shutdown);
        Ok(Self { budget: Budget::of_process(), storage, console })
    }

    /// From now on a signal ends what `storage` has opened, and then the process.
    fn handle_signals(&self) -> Result<()> {
        signals::install_handlers(&self.storage, &self.console, exit_code)
    }
}

/// FHIR bulk exports become de-identified tables.
///
/// Without a command, `etl` runs: cumulus-etl INPUT OUTPUT PHI. Its options also work as
/// environment variables (CUMULUS_ETL_BATCH_SIZE for --batch-size) and in a TOML file (--config).
#[derive(Debug, Parser)]
#[command(name = "cumulus-etl", version, max_term_width = 100)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    etl: etl::EtlArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make de-identified tables of FHIR NDJSON (what runs without a command)
    ///
    /// Options also work as environment variables (CUMULUS_ETL_BATCH_SIZE for --batch-size) and in a
    /// TOML file (--config). A flag wins over a variable, and that over the file.
    Etl(Box<etl::EtlArgs>),
    /// Make empty tables of every type
    Init(init::InitArgs),
    /// Make Delta tables of a former output
    Convert(convert::ConvertArgs),
    /// Export from a FHIR server to a folder
    ///
    /// Options also work as environment variables (CUMULUS_ETL_SINCE for --since) and in a TOML file
    /// (--config), as those of the main job.
    Export(Box<export::ExportArgs>),
    /// Download clinical notes into an export
    Inline(Box<inline::InlineArgs>),
    /// Make and show keys for SMART Backend Services
    Keys(keys::KeysArgs),
    /// Invent a bulk export and run the main job on it
    Demo(demo::DemoArgs),
    /// Studies: from de-identified tables to counts
    Study(study::StudyArgs),
    /// The processes of a cluster for studies that one machine is too small for
    Ballista(ballista::BallistaArgs),
}

impl Cli {
    /// The command line of the process. By the name `cumulus-library` it is that of `study`.
    pub fn from_process(console: &Console) -> Self {
        let name = std::env::args_os().next();
        // Scripts of Cumulus Library call it by that name: a link to this program takes them as
        // they are.
        if name.as_deref().map(Path::new).and_then(Path::file_stem)
            == Some(OsStr::new(study::LIBRARY))
        {
            let study = parse_arguments::<study::Library>(console).study;
            return Self { command: Some(Command::Study(study)), etl: etl::EtlArgs::default() };
        }
        parse_arguments(console)
    }

    /// Does what the command line says.
    pub fn run(self, process: &Process) -> Result<()> {
        match self.command {
            None => self.etl.run(process),
            Some(Command::Etl(args)) => args.run(process),
            Some(Command::Init(args)) => args.run(process),
            Some(Command::Convert(args)) => args.run(process),
            Some(Command::Export(args)) => args.run(process),
            Some(Command::Inline(args)) => args.run(process),
            Some(Command::Keys(args)) => args.run(process),
            Some(Command::Demo(args)) => args.run(process),
            Some(Command::Study(args)) => args.run(process),
            Some(Command::Ballista(args)) => args.run(process),
        }
    }
}

/// Every setting of the main job, by the name it has in TOML files. Other commands have some of them.
pub fn list_settings() -> Vec<String> {
    settings_of(&Cli::command())
}

/// The command line of the process.
fn parse_arguments<T: Parser>(console: &Console) -> T {
    let mut command = without_empty(T::command());
    let matches = command.try_get_matches_from_mut(std::env::args_os());
    let parsed = matches.and_then(|matches| T::from_arg_matches(&matches));
    parsed.unwrap_or_else(|error| logging::exit_for_usage(&error.format(&mut command), console))
}

/// A variable that is empty is as good as none: Compose passes on all that it knows of.
fn without_empty(command: clap::Command) -> clap::Command {
    let empty = |arg: &clap::Arg| {
        arg.get_env().and_then(std::env::var_os).is_some_and(|value| value.is_empty())
    };
    // Without its variable, an option has its default; an empty text might be no value that it can
    // have.
    let command = command.mut_args(|arg| if empty(&arg) { arg.env(None) } else { arg });
    let names: Vec<_> = command.get_subcommands().map(|c| c.get_name().to_owned()).collect();
    names.into_iter().fold(command, |command, name| command.mut_subcommand(name, without_empty))
}
