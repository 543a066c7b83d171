//! `cumulus-etl ballista …`: the processes of a cluster that studies can be built on.

use clap::{Args, Subcommand};

use super::logging::LoggingArgs;
use super::store::StoreArgs;
use crate::error::Result;

/// Options of `ballista`.
#[derive(Args, Debug)]
pub struct BallistaArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Share out the work of queries; one per cluster
    Scheduler(SchedulerArgs),
    /// Do the work of queries; as many as there are machines
    Executor(ExecutorArgs),
}

/// Options of `ballista scheduler`.
#[derive(Args, Debug)]
struct SchedulerArgs {
    /// Address and port to listen at; anyone who reaches it can run queries
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:50050")]
    bind: std::net::SocketAddr,
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    logging: LoggingArgs,
}

/// Options of `ballista executor`.
#[derive(Args, Debug)]
struct ExecutorArgs {
    /// The scheduler, like df://scheduler:50050
    #[arg(value_name = "SCHEDULER")]
    scheduler: String,
    /// Address and port at which rows are fetched from it; anyone who reaches it can
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:50051")]
    bind: std::net::SocketAddr,
    /// Name or address by which others reach it [default: as the scheduler sees it]
    #[arg(long, value_name = "HOST")]
    advertise: Option<String>,
    /// Tasks at once [default: as many as there are cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    tasks: Option<u16>,
    /// Memory for queries, in MiB [default: half of the machine's or container's]
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u64).range(64..))]
    memory_limit: Option<u64>,
    /// Local folder for rows on their way [default: the system's temporary folder]
    #[arg(long, value_name = "DIR")]
    work_dir: Option<String>,
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    logging: LoggingArgs,
}

impl BallistaArgs {
    /// Runs until a signal comes.
    pub fn run(self) -> Result<()> {
        match self.command {
            Command::Scheduler(args) => args.run(),
            Command::Executor(args) => args.run(),
        }
    }
}

/// Why this build can't.
#[cfg(not(feature = "ballista"))]
pub fn missing() -> crate::error::Error {
    crate::error::Error::new(
        crate::error::Exit::ServiceMissing,
        "this build is without Ballista: use the image, or build with --features ballista",
    )
}

#[cfg(not(feature = "ballista"))]
impl SchedulerArgs {
    fn run(self) -> Result<()> {
        Err(missing())
    }
}

#[cfg(not(feature = "ballista"))]
impl ExecutorArgs {
    fn run(self) -> Result<()> {
        Err(missing())
    }
}

#[cfg(feature = "ballista")]
mod serving {
    use tracing::info;

    use super::{ExecutorArgs, SchedulerArgs};
    use crate::error::{Error, Exit, Result};
    use crate::store::{Folder, WorkFolder};
    use crate::study::engine::datafusion::cluster::{self, Cluster, Executor, Scheduler};
    use crate::ui;

    impl SchedulerArgs {
        pub(super) fn run(self) -> Result<()> {
            self.logging.init();
            ui::signals::install()?;
            let scheduler = Scheduler { bind: self.bind, stores: self.store.of_command()? };
            scheduler.run(|at| info!("the scheduler listens at df://{at}"))
        }
    }

    impl ExecutorArgs {
        pub(super) fn run(self) -> Result<()> {
            self.logging.init();
            let temporary = Folder::open(&std::env::temp_dir().to_string_lossy())?;
            let work = WorkFolder::create(self.work_dir.as_deref(), &temporary)?;
            let executor = Executor {
                scheduler: Cluster::parse(&self.scheduler)?,
                bind: self.bind,
                advertise: self.advertise,
                tasks: self.tasks.map_or_else(cluster::default_tasks, usize::from),
                memory: self.memory_limit.map_or_else(cluster::default_memory, |mib| mib << 20),
                stores: self.store.of_command()?,
            };
            // It hears signals itself, and gives back the tasks that it is at.
            executor.run(&work)?;
            drop(work);
            Err(Error::new(Exit::Terminated, "the executor was told to end, and has"))
        }
    }
}
