//! The `cumulus-etl` command: parse, run, say what went wrong once, exit.

use std::process::ExitCode;

use cumulus_etl::cli::{Cli, Process};
use cumulus_etl::error::{Exit, Result};
use cumulus_etl::stop::Shutdown;
use cumulus_etl::{secrecy, store, ui};

// Arrow and Parquet make many small allocations on all threads at once.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let shutdown = Shutdown::default();
    let result = ui::without_panic(|| run(&shutdown));
    shutdown.leave_the_end_to_the_signal();
    match result {
        Some(Ok(())) => ExitCode::SUCCESS,
        Some(Err(error)) => {
            ui::last_words(&error.to_string(), error.exit());
            ExitCode::from(error.exit() as u8)
        }
        // It has been told.
        None => ExitCode::from(Exit::Failed as u8),
    }
}

fn run(shutdown: &Shutdown) -> Result<()> {
    secrecy::forbid_core_dumps()?;
    let command = Cli::from_process();
    store::start_runtime()?;
    command.run(&Process::new(shutdown.clone()))
}
