//! Queries: started, a number of them at the same time, waited for, and their costs.

use std::collections::HashSet;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_athena::Client;
use aws_sdk_athena::types::{
    QueryExecution, QueryExecutionContext, QueryExecutionState, ResultConfiguration,
};
use futures::{StreamExt, TryStreamExt, stream};
use tokio::sync::Semaphore;
use tracing::{info, warn};

use super::explain::{explain_call, explain_failure};
use super::settings::AthenaSettings;
use super::workgroup::Workgroup;
use crate::error::{Error, ErrorKind, Result, StudyFault};
use crate::poison::ignore_poison;
use crate::stop::EndHook;
use crate::ui::format_count;

/// The one catalog that is Glue's of this account.
pub(super) const CATALOG: &str = "AwsDataCatalog";
/// Attempts of a call that Athena throttles, or that had no answer.
const ATTEMPTS: u32 = 10;
/// Attempts of a query that Athena itself says to try again.
const TRIES: usize = 3;

/// Runs queries in a workgroup and a schema.
pub(super) struct Queries {
    pub client: Client,
    pub settings: AthenaSettings,
    output: Option<String>,
    slots: Semaphore,
    running: Arc<Mutex<HashSet<String>>>,
    scanned: AtomicU64,
    _end: EndHook,
}

/// A query that has ended well.
#[derive(Debug)]
pub(super) struct FinishedQuery {
    /// Its name, for its results.
    pub id: String,
}

/// A client, by the settings and the configuration of the AWS tools.
pub(super) fn connect_client(settings: &AthenaSettings) -> (Client, SdkConfig) {
    // A fixed version: with the latest one, an update of the SDK may change retries and time
    // limits.
    let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS));
    if let Some(region) = &settings.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(profile) = &settings.profile {
        loader = loader.profile_name(profile);
    }
    let config = settings.storage.block_on(loader.load());
    (Client::new(&config), config)
}

impl Queries {
    pub fn new(client: Client, settings: &AthenaSettings, workgroup: &Workgroup) -> Self {
        let running = Arc::<Mutex<HashSet<String>>>::default();
        let (known, stopper) = (running.clone(), client.clone());
        // Queries that nobody waits for any more would go on, and be charged for.
        let end = settings.storage.shutdown().before_end(move || {
            Some(Box::pin(async move {
                // By now all that were being started are known.
                let ids: Vec<_> = lock_running(&known).drain().collect();
                let stop =
                    |id: String| stopper.stop_query_execution().query_execution_id(id).send();
                stream::iter(ids).map(stop).buffer_unordered(20).for_each(|_| async {}).await;
            }))
        });
        let output = settings
            .staging
            .as_ref()
            .map(|_| format!("s3://{}/{}", workgroup.bucket, workgroup.location_below("")));
        Self {
            client,
            settings: settings.clone(),
            output,
            slots: Semaphore::new(settings.max_concurrent),
            running,
            scanned: AtomicU64::new(0),
            _end: end,
        }
    }

    /// Bytes that all queries so far have scanned.
    pub fn scanned_bytes(&self) -> u64 {
        self.scanned.load(Ordering::Relaxed)
    }

    /// Runs a statement to its end; waits while as many as may be are under way. `label` is its
    /// name in messages.
    pub fn run(&self, label: &str, sql: &str) -> Result<FinishedQuery> {
        self.settings.storage.block_on(self.finish_query(label, sql))
    }

    /// Runs statements, as many at the same time as may be. One that fails is the error; those not
    /// begun by then are left out.
    pub fn run_all(&self, statements: &[String]) -> Result<()> {
        let runs = statements.iter().map(|sql| self.finish_query(sql, sql));
        self.settings.storage.block_on(
            stream::iter(runs)
                .buffer_unordered(self.settings.max_concurrent)
                .try_for_each(|_| async { Ok(()) }),
        )
    }

    async fn finish_query(&self, label: &str, sql: &str) -> Result<FinishedQuery> {
        // Held until the query has ended: Athena's quota is of queries under way, with those that
        // it has queued.
        let _slot = self.slots.acquire().await.map_err(|_| Error::failed("queries have ended"))?;
        let mut tries = 1;
        loop {
            let id = {
                // The end of the process waits until the query's ID is known, and nothing is started
                // after that.
                let _starting = self.settings.storage.shutdown().begin_writer()?;
                let id = self.start_query(label, sql).await?;
                lock_running(&self.running).insert(id.clone());
                id
            };
            let query = match self.wait_for_query(&id, label).await {
                Ok(query) => query,
                Err(error) => {
                    self.stop_query(&id).await;
                    return Err(error);
                }
            };
            lock_running(&self.running).remove(&id);
            self.count_bytes(label, &query);
            let status = query.status();
            let state = status.and_then(|status| status.state());
            if state == Some(&QueryExecutionState::Succeeded) {
                return Ok(FinishedQuery { id });
            }
            let error = status.and_then(|status| status.athena_error());
            // To insert twice would be to insert rows twice.
            let again = error.is_some_and(|error| error.retryable()) && !is_insert(sql);
            if !again || tries == TRIES {
                return Err(self.failure_of(label, &query));
            }
            warn!("{label}: {}; trying again", explain_failure(&query));
            tokio::time::sleep(self.settings.wait_before_look(8)).await;
            tries += 1;
        }
    }

    async fn start_query(&self, label: &str, sql: &str) -> Result<String> {
        let context = QueryExecutionContext::builder()
            .catalog(CATALOG)
            .database(&self.settings.schema)
            .build();
        let output = self.output.as_ref();
        let output =
            output.map(|place| ResultConfiguration::builder().output_location(place).build());
        let answer = self
            .client
            .start_query_execution()
            .query_string(sql)
            .work_group(&self.settings.workgroup)
            .query_execution_context(context)
            .set_result_configuration(output)
            .send()
            .await
            .map_err(|error| explain_call(&error, &format!("{label}: cannot start the query")))?;
        let id = answer.query_execution_id().unwrap_or_default();
        match id.is_empty() {
            true => Err(Error::failed(format!("{label}: Athena gives the query no ID"))),
            false => Ok(id.to_owned()),
        }
    }

    async fn wait_for_query(&self, id: &str, label: &str) -> Result<QueryExecution> {
        // Without a limit of its own: Athena ends a query that takes too long, after 30 minutes
        // unless the account's quota says otherwise.
        for attempt in 0.. {
            tokio::time::sleep(self.settings.wait_before_look(attempt)).await;
            let answer = self.client.get_query_execution().query_execution_id(id).send().await;
            let answer = answer.map_err(|error| {
                explain_call(&error, &format!("{label}: cannot look at query {id}"))
            })?;
            let Some(query) = answer.query_execution else { continue };
            match query.status().and_then(|status| status.state()) {
                Some(QueryExecutionState::Queued | QueryExecutionState::Running) | None => {}
                Some(_) => return Ok(query),
            }
        }
        Err(Error::failed(format!("{label}: query {id} does not end")))
    }

    /// Stops a query that nobody looks at any more: it would go on, and be charged for.
    async fn stop_query(&self, id: &str) {
        match self.client.stop_query_execution().query_execution_id(id).send().await {
            Ok(_) => {
                lock_running(&self.running).remove(id);
            }
            // It stays among those that a signal stops.
            Err(error) => {
                let what = format!("cannot stop query {id}, which may go on in Athena");
                warn!("{:#}", explain_call(&error, &what));
            }
        }
    }

    fn count_bytes(&self, label: &str, query: &QueryExecution) {
        let statistics = query.statistics();
        let bytes = statistics.and_then(|s| s.data_scanned_in_bytes()).unwrap_or(0).max(0) as u64;
        let time = statistics.and_then(|s| s.total_execution_time_in_millis()).unwrap_or(0);
        self.scanned.fetch_add(bytes, Ordering::Relaxed);
        let label = label.lines().next().unwrap_or_default();
        let seconds = time as f64 / 1000.0;
        info!(bytes, "{label}: {} scanned in {seconds:.1} s", format_count(bytes, "byte"));
    }

    fn failure_of(&self, label: &str, query: &QueryExecution) -> Error {
        let id = query.query_execution_id().unwrap_or_default();
        let status = query.status();
        let cancelled = status.and_then(|s| s.state()) == Some(&QueryExecutionState::Cancelled);
        // Athena's categories: 1 is of Athena, 2 of the statement, 3 of neither.
        let error = status.and_then(|status| status.athena_error());
        // A fault of the study has the exit code of studies; a fault of Athena itself has not.
        let users = error.and_then(|error| error.error_category()) == Some(2);
        let kind = if users { StudyFault::Statement.into() } else { ErrorKind::Failed };
        let what = if cancelled { "was cancelled in Athena" } else { &explain_failure(query) };
        Error::new(kind, format!("{label}: {what} (query {id})"))
    }
}

impl fmt::Debug for Queries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Queries({:?})", self.settings)
    }
}

fn is_insert(sql: &str) -> bool {
    let mut words = sql.split_whitespace();
    // The first word is the statement's own, as `dialect::cut` leaves out comments before it.
    words.next().is_some_and(|word| word.eq_ignore_ascii_case("insert"))
}

fn lock_running(running: &Mutex<HashSet<String>>) -> std::sync::MutexGuard<'_, HashSet<String>> {
    ignore_poison(running.lock())
}
