//! `cumulus-etl ballista …`: the processes of a cluster that studies can be built on.

use clap::{Args, Subcommand};

use super::Process;
use super::declared::Layered;
use super::limits::LimitArgs;
use super::logging::LoggingArgs;
use super::store::StoreArgs;
use super::tls::TlsArgs;
use crate::error::Result;

/// Options of `ballista`.
#[derive(Args, Debug)]
pub struct BallistaArgs {
    #[command(subcommand)]
    command: BallistaCommand,
}

#[derive(Debug, Subcommand)]
enum BallistaCommand {
    /// Share out the work of queries; one per cluster
    Scheduler(SchedulerArgs),
    /// Do the work of queries; as many as there are machines
    Executor(ExecutorArgs),
}

/// Options of `ballista scheduler`.
#[derive(Args, Debug)]
struct SchedulerArgs {
    /// Address and port to listen at
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:50050")]
    bind: std::net::SocketAddr,
    #[command(flatten)]
    tls: TlsArgs,
    #[command(flatten)]
    store: Layered<StoreArgs>,
    #[command(flatten)]
    logging: LoggingArgs,
}

/// Options of `ballista executor`.
#[derive(Args, Debug)]
struct ExecutorArgs {
    /// The scheduler, like df://scheduler:50050
    #[arg(value_name = "SCHEDULER")]
    scheduler: String,
    /// Address and port at which rows are fetched from it
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:50051")]
    bind: std::net::SocketAddr,
    #[command(flatten)]
    tls: TlsArgs,
    /// Name or address by which others reach it [default: as the scheduler sees it]
    #[arg(long, value_name = "HOST")]
    advertise: Option<String>,
    /// Tasks that run together [default: as many as there are cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    tasks: Option<u16>,
    #[command(flatten)]
    limits: LimitArgs,
    #[command(flatten)]
    store: Layered<StoreArgs>,
    #[command(flatten)]
    logging: LoggingArgs,
}

impl BallistaArgs {
    /// Runs until a signal comes.
    pub fn run(self, process: &Process) -> Result<()> {
        match self.command {
            BallistaCommand::Scheduler(args) => args.run(process),
            BallistaCommand::Executor(args) => args.run(process),
        }
    }
}

/// Why this build can't.
#[cfg(not(feature = "ballista"))]
pub fn explain_missing() -> crate::error::Error {
    crate::error::Error::new(
        crate::error::ErrorKind::Unavailable,
        "this build is without Ballista: use the image, or build with --features ballista",
    )
}

#[cfg(not(feature = "ballista"))]
impl SchedulerArgs {
    fn run(self, _process: &Process) -> Result<()> {
        Err(explain_missing())
    }
}

#[cfg(not(feature = "ballista"))]
impl ExecutorArgs {
    fn run(self, _process: &Process) -> Result<()> {
        Err(explain_missing())
    }
}

#[cfg(feature = "ballista")]
mod serving {
    use tracing::info;

    use super::{ExecutorArgs, Process, SchedulerArgs};
    use crate::error::{Error, Result, StopSignal};
    use crate::study::engine::datafusion::cluster::{Cluster, Executor, Scheduler};
    use crate::ui;

    impl SchedulerArgs {
        pub(super) fn run(self, process: &Process) -> Result<()> {
            self.logging.init(&process.console);
            process.handle_signals()?;
            let bind = self.bind;
            let tls = self.tls.read(&[&bind.ip().to_string()])?;
            let scheduler = Scheduler { bind, tls, storage: self.store.of_command(process)? };
            scheduler.run(|at| info!("the scheduler listens at df://{at}"))
        }
    }

    impl ExecutorArgs {
        pub(super) fn run(self, process: &Process) -> Result<()> {
            self.logging.init(&process.console);
            let work = self.limits.open_work(&process.storage)?;
            let mut limits = self.limits.resolve_limits();
            if let Some(tasks) = self.tasks {
                limits.threads = usize::from(tasks);
            }
            let scheduler = Cluster::parse_url(&self.scheduler)?;
            let bind = self.bind;
            // Both ends count: the scheduler is asked, and rows are fetched here.
            let tls = self.tls.read(&[scheduler.host_name(), &bind.ip().to_string()])?;
            let executor = Executor {
                scheduler: scheduler.with_tls(tls.clone()),
                bind,
                tls,
                advertise: self.advertise,
                limits,
                storage: self.store.of_command(process)?,
            };
            // It hears SIGTERM and SIGINT itself, and gives back the tasks that it is at.
            ui::signals::pass_on_hangup(&process.storage)?;
            executor.run(&work)?;
            drop(work);
            Err(Error::new(StopSignal::Terminate, "the executor was told to end, and has"))
        }
    }
}
