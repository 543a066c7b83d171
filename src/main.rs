//! The `cumulus-etl` command: parse, run, say what went wrong once, exit.

use std::process::ExitCode;

use cumulus_etl::cli::{Cli, Process, exit_code};
use cumulus_etl::error::{ErrorKind, Result};
use cumulus_etl::secrecy;
use cumulus_etl::stop::Shutdown;
use cumulus_etl::ui::{self, Console};

// Arrow and Parquet make many small allocations, on all threads at the same time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let (shutdown, console) = (Shutdown::default(), Console::default());
    let failed = exit_code(ErrorKind::Failed);
    let result = ui::without_panic(&console, failed, || run(&shutdown, &console));
    // A run that a signal stops fails with an error of its own. The exit code is to be the signal's
    // (130 or 143), which the thread that listens for signals gives.
    shutdown.leave_the_end_to_the_signal();
    match result {
        Some(Ok(())) => ExitCode::SUCCESS,
        Some(Err(error)) => {
            let exit = exit_code(error.kind());
            console.say_last_words(&error.explain_causes(), exit);
            ExitCode::from(exit)
        }
        // It has been told.
        None => ExitCode::from(failed),
    }
}

fn run(shutdown: &Shutdown, console: &Console) -> Result<()> {
    // First of all: the command line that is read next may hold secrets, and names files of them.
    secrecy::forbid_core_dumps()?;
    let command = Cli::from_process(console);
    command.run(&Process::new(shutdown.clone(), console.clone())?)
}
