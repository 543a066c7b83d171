//! The processes of a cluster: a scheduler, and executors. Both are Ballista's; only their
//! set-up is ours.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use arrow_flight::flight_service_server::FlightServiceServer;
use ballista_core::config::TaskSchedulingPolicy;
use ballista_core::error::BallistaError;
use ballista_core::extension::SessionConfigExt;
use ballista_core::registry::BallistaFunctionRegistry;
use ballista_core::serde::protobuf::scheduler_grpc_server::SchedulerGrpcServer;
use ballista_core::utils::create_grpc_server;
use ballista_executor::ArrowFlightServerProvider;
use ballista_executor::executor_process::{ExecutorProcessConfig, start_executor_process};
use ballista_executor::flight_service::BallistaFlightService;
use ballista_executor::terminate::sig_term;
use ballista_scheduler::cluster::BallistaCluster;
use ballista_scheduler::config::SchedulerConfig;
use ballista_scheduler::scheduler_process::create_scheduler;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::prelude::SessionConfig;
use datafusion_proto::protobuf::{LogicalPlanNode, PhysicalPlanNode};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tonic::service::Routes;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tracing::info;

use super::super::session::{Limits, equip_session, spill_disk};
use super::codec::{Scans, Tables};
use super::peers::with_peers;
use super::reached::Reached;
use super::said;
use super::tls::Tls;
use super::{Cluster, name_failure, secure_session};
use crate::error::{Context, Error, ErrorKind, Result, list_causes};
use crate::memory::count_cores;
use crate::poison::ignore_poison;
use crate::store::{Storage, WorkFolder};
use crate::study::room;
use crate::threads::{Pool, Thread};
use crate::ui::format_count;

/// An executor that has been silent for so long is taken for lost, and its tasks are given to
/// others. It says something every 5 seconds at least.
const LOST_AFTER: u64 = 30;
/// How often that is looked at.
const LOOK_EVERY: u64 = 5;
/// How long shuffled rows are kept after their query has ended.
const KEEP: u64 = 60;
/// An executor that begins before its scheduler waits for it.
const WAIT_FOR_SCHEDULER: Duration = Duration::from_secs(120);
/// Threads for calls that block, from the start. They read the files of tables.
const BLOCKING: usize = 4;
/// Bytes of a message: plans name every file of the tables that they read.
const MESSAGE: u32 = 256 << 20;

/// The settings of a scheduler.
#[derive(Clone, Debug)]
pub struct Scheduler {
    /// Where it listens.
    pub bind: SocketAddr,
    /// Without it, any client that reaches the address can run queries.
    pub tls: Option<Tls>,
    /// How buckets are reached.
    pub storage: Storage,
}

impl Scheduler {
    /// Runs it until the process ends. `listens` is told where.
    ///
    /// # Errors
    /// The address can't be had.
    pub fn run(self, listens: impl FnOnce(SocketAddr)) -> Result<()> {
        said::begin_hearing();
        let storage = self.storage;
        let session = move |config| {
            let runtime = RuntimeEnvBuilder::new()
                .with_object_store_registry(Arc::new(Reached::new(storage.clone())))
                .build_arc()?;
            Ok(equip_session(config, runtime).build())
        };
        let config = SchedulerConfig {
            // Executors ask for work: the scheduler need not reach them.
            scheduling_policy: TaskSchedulingPolicy::PullStaged,
            executor_timeout_seconds: LOST_AFTER,
            // The library's check (`validate`) refuses a period shorter than the one before.
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
        name_failure(config.validate(), "cannot set up the scheduler")?;
        start_runtime()?.block_on(async {
            let listener = TcpListener::bind(self.bind)
                .await
                .with_context(|| format!("cannot listen at {}", self.bind))?;
            let at = listener.local_addr().context("cannot listen")?;
            let cluster = BallistaCluster::new_from_config(&config).await;
            let cluster = name_failure(cluster, "cannot set up the scheduler")?;
            let scheduler =
                create_scheduler::<LogicalPlanNode, PhysicalPlanNode>(cluster, Arc::new(config));
            let scheduler = name_failure(scheduler.await, "cannot set up the scheduler")?;
            let service = SchedulerGrpcServer::new(scheduler)
                .max_decoding_message_size(MESSAGE as usize)
                .max_encoding_message_size(MESSAGE as usize);
            let mut server = match &self.tls {
                Some(tls) => tls.secure_server(Server::builder())?,
                None => Server::builder(),
            };
            let server = server.add_routes(with_peers(Routes::new(service)));
            listens(at);
            // Ballista's own way to serve it knows no TLS.
            // Tonic by itself turns Nagle's delay off only for sockets that it has opened.
            let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
            name_failure(server.serve_with_incoming(incoming).await, "the scheduler")
        })
    }
}

/// The settings of an executor.
#[derive(Clone, Debug)]
pub struct Executor {
    /// Whom it asks for work.
    pub scheduler: Cluster,
    /// Where others fetch rows from it.
    pub bind: SocketAddr,
    /// The name or address by which others reach it; without one, that which the scheduler sees.
    pub advertise: Option<String>,
    /// Tasks at the same time, and the memory of their operators, all together.
    pub limits: Limits,
    /// Without it, any client that reaches the address can read rows. The scheduler's connection has the
    /// same.
    pub tls: Option<Tls>,
    /// How buckets are reached.
    pub storage: Storage,
}

impl Executor {
    /// Runs it until a signal comes; then it ends the tasks under way. Shuffled and spilled rows go to
    /// `work`, which only its owner can read.
    ///
    /// # Errors
    /// The scheduler can't be reached, or the address can't be had.
    pub fn run(self, work: &WorkFolder) -> Result<()> {
        said::begin_hearing();
        let failed = || format!("cannot listen at {}", self.bind);
        // Before the wait for the scheduler: an address that is taken is told now, and with port 0
        // the config needs the port that the system has given.
        let listener = std::net::TcpListener::bind(self.bind).with_context(failed)?;
        // Tokio takes over only sockets that do not block.
        listener.set_nonblocking(true).with_context(failed)?;
        let bind = listener.local_addr().with_context(failed)?;
        let runtime = start_runtime()?;
        let waited = runtime.block_on(async {
            tokio::select! {
                waited = self.wait_for_scheduler() => waited.map(Some),
                // Told to end before it has begun.
                _ = tokio::signal::ctrl_c() => Ok(None),
                _ = sig_term() => Ok(None),
            }
        });
        let Some(()) = waited? else { return Ok(()) };
        // A folder of its own: the library takes every folder in its own for a job's, and removes
        // it after a time.
        let shuffled = work.path().join("shuffled");
        std::fs::create_dir(&shuffled)
            .with_context(|| format!("cannot make '{}'", shuffled.display()))?;
        let (storage, spilled) = (self.storage.clone(), work.path().to_owned());
        let produce_runtime = move |_: &SessionConfig| {
            RuntimeEnvBuilder::new()
                .with_disk_manager_builder(spill_disk(&spilled))
                .with_object_store_registry(Arc::new(Reached::new(storage.clone())))
                .build_arc()
        };
        // Only for the functions in it: tasks have the memory and the disk of `produce_runtime`.
        let functions = equip_session(session_config(), Arc::new(RuntimeEnv::default())).build();
        let tls = self.tls.clone();
        let config_of_tasks = move || secure_session(session_config(), tls.as_ref());
        let config = ExecutorProcessConfig {
            bind_host: bind.ip().to_string(),
            port: bind.port(),
            external_host: self.advertise,
            scheduler_host: self.scheduler.host.clone(),
            scheduler_port: self.scheduler.port,
            vcores: self.limits.threads,
            task_scheduling_policy: TaskSchedulingPolicy::PullStaged,
            work_dir: Some(shuffled.to_string_lossy().into_owned()),
            job_data_ttl_seconds: KEEP,
            grpc_max_decoding_message_size: MESSAGE,
            grpc_max_encoding_message_size: MESSAGE,
            memory_pool_size: Some(self.limits.memory as u64),
            override_function_registry: Some(Arc::new(BallistaFunctionRegistry::from(&functions))),
            override_runtime_producer: Some(Arc::new(produce_runtime)),
            override_config_producer: Some(Arc::new(config_of_tasks)),
            override_logical_codec: Some(Arc::new(Tables::default())),
            override_physical_codec: Some(Arc::new(Scans::default())),
            override_arrow_flight_service: Some(flight_server(listener, self.tls.clone())),
            override_create_grpc_client_endpoint: self.tls.as_ref().map(Tls::endpoint_override),
            ..ExecutorProcessConfig::default()
        };
        info!(
            "rows are fetched at {bind}; asks {} for work: {} at a time, {} MiB of memory",
            self.scheduler,
            format_count(self.limits.threads as u64, "task"),
            self.limits.memory >> 20
        );
        runtime.block_on(async {
            start_executor_process(Arc::new(config)).await.map_err(|error| {
                Error::new(
                    ErrorKind::Unavailable,
                    format!("the executor has ended: {error}; does {} answer?", self.scheduler),
                )
            })
        })
    }
}

impl Executor {
    /// Waits for a scheduler that may begin after its executors.
    ///
    /// # Errors
    /// None answers in time, or it does not take this process for a member.
    async fn wait_for_scheduler(&self) -> Result<()> {
        let begun = Instant::now();
        while let Err(error) = self.scheduler.check_listens().await {
            if begun.elapsed() > WAIT_FOR_SCHEDULER {
                return Err(error);
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        // Not tried again: a certificate that is refused now is refused later.
        self.scheduler.check_answers().await
    }
}

/// The server that others fetch rows from. Ballista's own knows no TLS.
fn flight_server(
    listener: std::net::TcpListener,
    tls: Option<Tls>,
) -> Arc<ArrowFlightServerProvider> {
    let listener = Mutex::new(Some(listener));
    Arc::new(move |folder, _, mut shutdown, config| {
        let listener = ignore_poison(listener.lock()).take();
        let tls = tls.clone();
        tokio::spawn(async move {
            let general =
                |error: &dyn std::error::Error| BallistaError::General(list_causes(error));
            let listener = listener.ok_or_else(|| {
                BallistaError::General("rows are served by one server only".to_owned())
            })?;
            let listener = TcpListener::from_std(listener).map_err(|error| general(&error))?;
            let server = create_grpc_server(&config);
            let mut server = match &tls {
                Some(tls) => tls.secure_server(server).map_err(|error| general(&error))?,
                None => server,
            };
            let service = FlightServiceServer::new(BallistaFlightService::new(folder))
                .max_decoding_message_size(MESSAGE as usize)
                .max_encoding_message_size(MESSAGE as usize);
            let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
            let served =
                server.add_service(service).serve_with_incoming_shutdown(incoming, shutdown.recv());
            served.await.map_err(|error| general(&error))
        })
    })
}

fn session_config() -> SessionConfig {
    SessionConfig::new_with_ballista()
        .with_information_schema(false)
        .with_create_default_catalog_and_schema(true)
}

fn start_runtime() -> Result<Runtime> {
    let thread = Thread::named("cluster").with_stack(room::STACK);
    Pool::of(thread, count_cores()).with_reserve(BLOCKING).build()
}
