//! The processes of a cluster: a scheduler, and executors. Both are Ballista's; what is ours is
//! what they are set up with.

use std::net::SocketAddr;
use std::sync::Arc;

use ballista_core::config::TaskSchedulingPolicy;
use ballista_core::extension::SessionConfigExt;
use ballista_core::registry::BallistaFunctionRegistry;
use ballista_executor::executor_process::{ExecutorProcessConfig, start_executor_process};
use ballista_scheduler::cluster::BallistaCluster;
use ballista_scheduler::config::SchedulerConfig;
use ballista_scheduler::scheduler_process::{create_scheduler, start_grpc_service_with_listener};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::prelude::SessionConfig;
use datafusion_proto::protobuf::{LogicalPlanNode, PhysicalPlanNode};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tracing::info;

use super::super::session::{Limits, disk, equipped};
use super::codec::{Scans, Tables};
use super::reached::Reached;
use super::said;
use super::{Cluster, failed};
use crate::error::{Context, Error, Exit, Result};
use crate::memory::cores;
use crate::store::{StoreOptions, WorkFolder};
use crate::study::room;
use crate::threads::{Pool, Thread};

/// An executor that has been silent for so long is taken for lost, and its tasks are given to
/// others. It says something every 5 seconds at least.
const LOST_AFTER: u64 = 30;
/// How often that is looked at.
const LOOK_EVERY: u64 = 5;
/// How long shuffled rows are kept after their query has ended.
const KEEP: u64 = 60;
/// An executor that begins before its scheduler waits for it.
const WAIT_FOR_SCHEDULER: u16 = 120;
/// Threads for what blocks, from the start: tables' files are read by them.
const BLOCKING: usize = 4;
/// Bytes of a message: plans name every file of the tables that they read.
const MESSAGE: u32 = 256 << 20;

/// What a scheduler is started with.
#[derive(Clone, Debug)]
pub struct Scheduler {
    /// Where it listens.
    pub bind: SocketAddr,
    /// How buckets are reached.
    pub stores: StoreOptions,
}

impl Scheduler {
    /// Runs it until the process ends. `listens` is told where.
    ///
    /// # Errors
    /// The address can't be had.
    pub fn run(self, listens: impl FnOnce(SocketAddr)) -> Result<()> {
        said::begin();
        let stores = self.stores;
        let session = move |config| {
            let runtime = RuntimeEnvBuilder::new()
                .with_object_store_registry(Arc::new(Reached::new(stores.clone())))
                .build_arc()?;
            Ok(equipped(config, runtime).build())
        };
        let config = SchedulerConfig {
            // Executors ask for work: the scheduler need not reach them.
            scheduling_policy: TaskSchedulingPolicy::PullStaged,
            executor_timeout_seconds: LOST_AFTER,
            no_executors_grace_period_seconds: LOST_AFTER,
            expire_dead_executor_interval_seconds: LOOK_EVERY,
            finished_job_data_clean_up_interval_seconds: KEEP,
            finished_job_state_clean_up_interval_seconds: KEEP,
            grpc_server_max_decoding_message_size: MESSAGE,
            grpc_server_max_encoding_message_size: MESSAGE,
            grpc_client_max_message_size: MESSAGE,
            override_config_producer: Some(Arc::new(session_config)),
            override_session_builder: Some(Arc::new(session)),
            override_logical_codec: Some(Arc::new(Tables::default())),
            override_physical_codec: Some(Arc::new(Scans::default())),
            ..SchedulerConfig::default()
        };
        failed(config.validate(), "cannot set up the scheduler")?;
        runtime()?.block_on(async {
            let listener = TcpListener::bind(self.bind)
                .await
                .with_context(|| format!("cannot listen at {}", self.bind))?;
            let at = listener.local_addr().context("cannot listen")?;
            let cluster = BallistaCluster::new_from_config(&config).await;
            let cluster = failed(cluster, "cannot set up the scheduler")?;
            let scheduler =
                create_scheduler::<LogicalPlanNode, PhysicalPlanNode>(cluster, Arc::new(config));
            let scheduler = failed(scheduler.await, "cannot set up the scheduler")?;
            listens(at);
            failed(start_grpc_service_with_listener(listener, scheduler).await, "the scheduler")
        })
    }
}

/// What an executor is started with.
#[derive(Clone, Debug)]
pub struct Executor {
    /// Whom it asks for work.
    pub scheduler: Cluster,
    /// Where others fetch rows from it.
    pub bind: SocketAddr,
    /// The name or address by which others reach it; without one, that which the scheduler sees.
    pub advertise: Option<String>,
    /// Tasks at once, and what their operators may hold, all together.
    pub limits: Limits,
    /// How buckets are reached.
    pub stores: StoreOptions,
}

impl Executor {
    /// Runs it until a signal comes; then it ends what it is at. Shuffled and spilled rows go to
    /// `work`, which only its owner can read.
    ///
    /// # Errors
    /// The scheduler can't be reached, or the address can't be had.
    pub fn run(self, work: &WorkFolder) -> Result<()> {
        said::begin();
        // Its library listens later, and says less; it must know its port before.
        let bind = std::net::TcpListener::bind(self.bind)
            .and_then(|listener| listener.local_addr())
            .with_context(|| format!("cannot listen at {}", self.bind))?;
        let shuffled = work.path().join("shuffled");
        std::fs::create_dir(&shuffled)
            .with_context(|| format!("cannot make '{}'", shuffled.display()))?;
        let (stores, spilled) = (self.stores.clone(), work.path().to_owned());
        let produce_runtime = move |_: &SessionConfig| {
            RuntimeEnvBuilder::new()
                .with_disk_manager_builder(disk(&spilled))
                .with_object_store_registry(Arc::new(Reached::new(stores.clone())))
                .build_arc()
        };
        let functions = equipped(session_config(), Arc::new(RuntimeEnv::default())).build();
        let config = ExecutorProcessConfig {
            bind_host: bind.ip().to_string(),
            port: bind.port(),
            external_host: self.advertise,
            scheduler_host: self.scheduler.host.clone(),
            scheduler_port: self.scheduler.port,
            scheduler_connect_timeout_seconds: WAIT_FOR_SCHEDULER,
            vcores: self.limits.threads,
            task_scheduling_policy: TaskSchedulingPolicy::PullStaged,
            work_dir: Some(shuffled.to_string_lossy().into_owned()),
            job_data_ttl_seconds: KEEP,
            grpc_max_decoding_message_size: MESSAGE,
            grpc_max_encoding_message_size: MESSAGE,
            memory_pool_size: Some(self.limits.memory as u64),
            override_function_registry: Some(Arc::new(BallistaFunctionRegistry::from(&functions))),
            override_runtime_producer: Some(Arc::new(produce_runtime)),
            override_config_producer: Some(Arc::new(session_config)),
            override_logical_codec: Some(Arc::new(Tables::default())),
            override_physical_codec: Some(Arc::new(Scans::default())),
            ..ExecutorProcessConfig::default()
        };
        info!(
            "asks {} for work: {} tasks at once, {} MiB of memory",
            self.scheduler,
            self.limits.threads,
            self.limits.memory >> 20
        );
        runtime()?.block_on(async {
            start_executor_process(Arc::new(config)).await.map_err(|error| {
                Error::new(
                    Exit::ServiceMissing,
                    format!("the executor has ended: {error}; does {} answer?", self.scheduler),
                )
            })
        })
    }
}

fn session_config() -> SessionConfig {
    SessionConfig::new_with_ballista()
        .with_information_schema(false)
        .with_create_default_catalog_and_schema(true)
}

fn runtime() -> Result<Runtime> {
    let thread = Thread::named("cluster").with_stack(room::STACK);
    Pool::of(thread, cores()).with_reserve(BLOCKING).build()
}
