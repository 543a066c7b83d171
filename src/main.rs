//! The `cumulus-etl` command: parse, run, say what went wrong once, exit.

use std::process::ExitCode;

use cumulus_etl::cli::Cli;

// Arrow and Parquet make many small allocations on all threads at once.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let result = Cli::from_process().run();
    cumulus_etl::stop::leave_the_end_to_the_signal();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            cumulus_etl::ui::last_words(&error.to_string(), error.exit());
            ExitCode::from(error.exit() as u8)
        }
    }
}
