//! The engine's plans on a Ballista cluster: statements are read, planned and written here, their
//! work is done there.
//!
//! ```text
//!  study build ── logical plan ──► scheduler ── tasks ──► executors ──► tables' files
//!       ▲          codec.rs                                   │           on a shared store
//!       └──────────────────── rows ◄──────────────────────────┘
//! ```
//!
//! Rows come back to the builder, which writes the tables as always: a task that is done twice,
//! because an executor was lost, leaves nothing behind that could be taken for rows.

mod codec;
mod peers;
mod reached;
mod said;
mod scan;
mod serve;
mod tls;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use ballista_core::config::BALLISTA_ADAPTIVE_PLANNER_ENABLED;
use ballista_core::extension::SessionConfigExt;
use ballista_core::optimizer::ballista_default_optimizer_rules;
use ballista_core::planner::BallistaQueryPlanner;
use ballista_core::serde::protobuf::GetJobStatusParams;
use ballista_core::serde::protobuf::scheduler_grpc_client::SchedulerGrpcClient;
use datafusion::catalog::Session;
use datafusion::common::Result as EngineResult;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::context::QueryPlanner;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::{DefaultPhysicalPlanner, PhysicalPlanner};
use datafusion::prelude::SessionConfig;
use datafusion_proto::protobuf::LogicalPlanNode;
use tokio::net::TcpStream;
use tonic::transport::Endpoint;
use url::Url;

use crate::error::{Context, Error, ErrorKind, Result, SettingsFault, list_causes};
use crate::store::Storage;
use codec::Tables;
pub use scan::AnySpellingParquet;
pub use serve::{Executor, Scheduler};
pub use tls::{Certificates, Tls};

/// Where a scheduler listens if its URL does not say.
pub const PORT: u16 = 50050;
/// How long the scheduler may take to answer at all.
const PATIENCE: Duration = Duration::from_secs(10);
/// Parts that a cluster works on at the same time: it may have more cores than this machine.
const PARTS: usize = 4;

/// The scheduler of a cluster.
#[derive(Clone, Debug)]
pub struct Cluster {
    host: String,
    port: u16,
    /// Without it, connections are not encrypted and anyone's.
    tls: Option<Tls>,
}

impl fmt::Display for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "df://{}:{}", self.host, self.port)
    }
}

impl Cluster {
    /// From `df://host:port`.
    ///
    /// # Errors
    /// Anything else.
    pub fn parse_url(url: &str) -> Result<Self> {
        let parsed = Url::parse(url).ok().filter(|url| url.scheme() == "df");
        let plain = parsed.filter(|url| {
            url.username().is_empty()
                && url.password().is_none()
                && matches!(url.path(), "" | "/")
                && url.query().is_none()
        });
        match plain.as_ref().and_then(|url| Some((url.host_str()?, url.port()))) {
            Some((host, port)) => {
                Ok(Self { host: host.to_owned(), port: port.unwrap_or(PORT), tls: None })
            }
            None => Err(Error::new(
                SettingsFault::InvalidValue,
                "a Ballista scheduler is named like df://scheduler:50050",
            )),
        }
    }

    /// The same with encrypted connections to members only.
    pub fn with_tls(self, tls: Option<Tls>) -> Self {
        Self { tls, ..self }
    }

    /// The scheduler's name or address, without the brackets of IPv6.
    pub fn host_name(&self) -> &str {
        self.host.trim_start_matches('[').trim_end_matches(']')
    }

    /// Checks that a scheduler answers there, and takes this process for a member.
    ///
    /// # Errors
    /// None does (`Unavailable`).
    pub fn reach_scheduler(&self, storage: &Storage) -> Result<()> {
        storage.block_on(async {
            self.check_listens().await?;
            self.check_answers().await
        })
    }

    /// Whether something listens there.
    async fn check_listens(&self) -> Result<()> {
        let connect = TcpStream::connect((self.host_name(), self.port));
        let connected = match tokio::time::timeout(PATIENCE, connect).await {
            Ok(connected) => connected.map(drop),
            Err(_) => Err(std::io::ErrorKind::TimedOut.into()),
        };
        connected.map_err(|error| {
            Error::new(
                ErrorKind::Unavailable,
                format!(
                    "cannot reach the Ballista scheduler at {self}: {error}; does `cumulus-etl \
                     ballista scheduler` run there?"
                ),
            )
        })
    }

    /// Whether the server at the address answers as a scheduler does. A certificate that is not taken
    /// shows with the first answer only.
    async fn check_answers(&self) -> Result<()> {
        let ask = async {
            let endpoint =
                Endpoint::from_shared(self.to_url()).map_err(|error| list_causes(&error))?;
            let endpoint = match &self.tls {
                Some(tls) => tls.secure_endpoint(endpoint).map_err(|error| list_causes(&*error))?,
                None => endpoint,
            };
            let channel = endpoint.connect().await.map_err(|error| list_causes(&error))?;
            // Any call would do that only a scheduler answers. This one changes nothing, as there is
            // no such job.
            let nothing = GetJobStatusParams { job_id: "none".to_owned() };
            let answer = SchedulerGrpcClient::new(channel).get_job_status(nothing).await;
            answer.map(drop).map_err(|error| list_causes(&error))
        };
        let answer = match tokio::time::timeout(PATIENCE, ask).await {
            Ok(answer) => answer,
            Err(_) => Err("it does not answer".to_owned()),
        };
        answer.map_err(|error| {
            let hint = match &self.tls {
                Some(_) => {
                    "does it have TLS, with a certificate of the same authority (--tls-ca) and for \
                     this name (--tls-name), and is the certificate here (--tls-cert) of that \
                     authority and still valid?"
                }
                None => "does it have TLS? Then give --tls-cert, --tls-key and --tls-ca",
            };
            Error::new(
                ErrorKind::Unavailable,
                format!("the Ballista scheduler at {self} does not take us: {error}; {hint}"),
            )
        })
    }

    fn to_url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}:{}", self.host, self.port)
    }

    /// The session with its queries going to the cluster.
    pub(super) fn attach_session(&self, mut builder: SessionStateBuilder) -> SessionStateBuilder {
        let config = builder.config().take().unwrap_or_default();
        let config = config
            .upgrade_for_ballista()
            .with_target_partitions(PARTS)
            // Some joins of its adaptive plans wait for each other for ever.
            .set_bool(BALLISTA_ADAPTIVE_PLANNER_ENABLED, false)
            // The fields that it takes out of an aggregate's arguments have other names after the
            // journey.
            .set_bool("datafusion.optimizer.enable_leaf_expression_pushdown", false);
        let config = secure_session(config, self.tls.as_ref());
        let remote = BallistaQueryPlanner::with_extension(
            self.to_url(),
            config.ballista_config(),
            Arc::new(Tables::default()),
        );
        builder
            .with_config(config)
            // Without its rewriting of NOT IN, the engine takes a join whose sides share state in
            // one process: the library runs that as a single task.
            .with_optimizer_rules(ballista_default_optimizer_rules())
            .with_query_planner(Arc::new(Planner { remote }))
    }
}

/// A session whose connections to other members are as they must be.
fn secure_session(config: SessionConfig, tls: Option<&Tls>) -> SessionConfig {
    match tls {
        Some(tls) => config
            .with_ballista_use_tls(true)
            .with_ballista_override_create_grpc_client_endpoint(tls.endpoint_override()),
        None => config,
    }
}

/// Sends plans that read tables to the cluster, and runs the others here.
#[derive(Debug)]
struct Planner {
    remote: BallistaQueryPlanner<LogicalPlanNode>,
}

#[async_trait]
impl QueryPlanner for Planner {
    async fn create_physical_plan(
        &self,
        plan: &LogicalPlan,
        session: &dyn Session,
    ) -> EngineResult<Arc<dyn ExecutionPlan>> {
        match reads_tables(plan)? {
            true => self.remote.create_physical_plan(plan, session).await,
            false => DefaultPhysicalPlanner::default().create_physical_plan(plan, session).await,
        }
    }
}

fn reads_tables(plan: &LogicalPlan) -> EngineResult<bool> {
    let mut found = false;
    plan.apply_with_subqueries(|node| {
        found |= matches!(node, LogicalPlan::TableScan(_));
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(found)
}

/// Context for an error of a library.
fn name_failure<T, E: fmt::Display>(result: std::result::Result<T, E>, what: &str) -> Result<T> {
    result.map_err(|error| Error::failed(error.to_string())).context(what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedulers_are_named_by_urls() {
        let shown = |url| Cluster::parse_url(url).map(|cluster| cluster.to_string()).ok();
        assert_eq!(shown("df://scheduler:50050").as_deref(), Some("df://scheduler:50050"));
        assert_eq!(shown("df://10.0.0.7").as_deref(), Some("df://10.0.0.7:50050"));
        assert_eq!(shown("df://[::1]:7").as_deref(), Some("df://[::1]:7"));
        for wrong in ["scheduler:50050", "http://scheduler:50050", "df://", "df://a/b", "df://u@a"]
        {
            assert_eq!(shown(wrong), None, "{wrong}");
        }
    }
}
