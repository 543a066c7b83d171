//! `cumulus-etl convert ORIGINAL TARGET`

use clap::Args;

use super::Process;
use super::declared::Layered;
use super::logging::LoggingArgs;
use super::store::StoreArgs;
use crate::error::Result;
use crate::etl;

/// Options of `convert`.
#[derive(Args, Debug)]
pub struct ConvertArgs {
    /// A former output folder of this program or of Cumulus ETL: NDJSON or Delta tables
    #[arg(value_name = "ORIGINAL")]
    original: String,
    /// The folder of Delta tables to add to; made if it is not there
    #[arg(value_name = "TARGET")]
    target: String,
    /// Local folder for temporary files [default: below TARGET if that is local]
    #[arg(long, value_name = "DIR")]
    work_dir: Option<String>,
    #[command(flatten)]
    store: Layered<StoreArgs>,
    #[command(flatten)]
    logging: LoggingArgs,
}

impl ConvertArgs {
    /// Converts.
    pub fn run(self, process: &Process) -> Result<()> {
        let bars = self.logging.init(&process.console);
        process.handle_signals()?;
        let storage = self.store.of_command(process)?;
        let work_dir = self.work_dir.as_deref();
        let budget = &process.budget;
        etl::convert_output(&self.original, &self.target, work_dir, &storage, budget, &bars)
    }
}
