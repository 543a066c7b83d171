//! How the embedded engine is set up: memory, temporary files, functions, defaults.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use datafusion::catalog::CatalogProvider;
use datafusion::common::DataFusionError;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::context::SessionContext;
use datafusion::execution::disk_manager::DiskManagerBuilder;
use datafusion::execution::memory_pool::{FairSpillPool, TrackConsumersPool};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::prelude::SessionConfig;

use super::veils::Spills;
use super::{pieces::LongListCuts, projections, steps::Steps};
use crate::error::{Context, Result};
use crate::memory;
use crate::study::dialect;

/// The catalog and schema that all tables are in. DuckDB and many studies say `main`.
pub const CATALOG: &str = "awsdatacatalog";
/// See [`CATALOG`].
pub const SCHEMA: &str = "main";

/// Rows that operators pass on at a time, where they are not wide.
pub const BATCH_ROWS: usize = 8192;
/// Memory that one sort keeps for merging the rows that it has spilled.
const SORT_RESERVE: usize = 8 << 20;
/// Bytes of memory where the system tells nothing.
const UNKNOWN: u64 = 4 << 30;
/// Consumers of memory that an error names.
const NAMED_CONSUMERS: NonZeroUsize = NonZeroUsize::new(3).unwrap();

/// The memory and the threads that the engine may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes that operators may hold. They write more than that to disk.
    pub memory: usize,
    /// Parts of a query that are worked on at the same time.
    pub threads: usize,
}

impl Limits {
    /// By what the machine, or the container, has: half of its memory, one thread per core.
    pub fn of_machine() -> Self {
        let bytes = memory::Limit::find_limit().map_or(UNKNOWN, |limit| limit.bytes);
        // The engine's pool counts what operators reserve that keep rows. Batches on their way, and
        // the buffers of readers and writers, are not in it: the other half is for these.
        let memory = usize::try_from(bytes / 2).unwrap_or(usize::MAX);
        Self { memory, threads: memory::count_cores() }
    }
}

/// The disk of a session: for rows that operators spill.
pub fn spill_disk(work: &Path) -> DiskManagerBuilder {
    DiskManagerBuilder::default().with_temp_file_factory(Arc::new(Spills(work.to_owned())))
}

/// Memory and disk of a session; spilled rows go below `work`, which must be private.
pub fn session_runtime(limits: &Limits, work: &Path) -> Result<Arc<RuntimeEnv>> {
    // Operators that spill share the memory that the others, which can't spill, leave.
    let pool = TrackConsumersPool::new(FairSpillPool::new(limits.memory), NAMED_CONSUMERS);
    let runtime = RuntimeEnvBuilder::new()
        .with_disk_manager_builder(spill_disk(work))
        .with_memory_pool(Arc::new(pool))
        .build_arc();
    runtime.map_err(unwrap_error).context("cannot set up the query engine")
}

/// How a session is set up.
pub fn session_builder(limits: &Limits, runtime: Arc<RuntimeEnv>) -> SessionStateBuilder {
    let mut config = SessionConfig::new()
        .with_target_partitions(limits.threads.max(1))
        .with_batch_size(BATCH_ROWS)
        .with_default_catalog_and_schema(CATALOG, SCHEMA)
        .with_create_default_catalog_and_schema(false)
        // Studies look up tables and columns in `information_schema`, as on Athena.
        .with_information_schema(true)
        .with_sort_spill_reservation_bytes(SORT_RESERVE);
    let options = config.options_mut();
    // As in Athena: nulls are last whatever the direction.
    options.sql_parser.default_null_ordering = "nulls_last".to_owned();
    options.sql_parser.map_string_types_to_utf8view = false;
    options.sql_parser.collect_spans = true;
    // One kind of text everywhere: functions and joins need not convert.
    options.execution.parquet.schema_force_view_types = false;
    options.execution.parquet.skip_metadata = true;
    // Last: the engine's own rules know the nodes that these put between others not.
    equip_session(config, runtime)
        // Not in `equip_session`: their nodes cannot travel to the members of a cluster, whose
        // codec knows scans alone.
        .with_physical_optimizer_rule(Arc::new(Steps))
        .with_physical_optimizer_rule(Arc::new(LongListCuts))
}

/// A session with our functions and rules in it.
pub fn equip_session(config: SessionConfig, runtime: Arc<RuntimeEnv>) -> SessionStateBuilder {
    let builder = SessionStateBuilder::new()
        .with_config(config)
        .with_runtime_env(runtime)
        .with_default_features()
        .with_physical_optimizer_rules(projections::list_rules());
    // Members of a cluster have sessions of this kind, too: functions travel by name, and each
    // member looks them up in its own session.
    dialect::extend_session(builder)
}

/// A session on some tables.
pub fn session_context(
    builder: SessionStateBuilder,
    tables: Arc<dyn CatalogProvider>,
) -> SessionContext {
    let context = SessionContext::new_with_state(builder.build());
    context.register_catalog(CATALOG, tables);
    context
}

/// The engine's error without the errors that the engine wraps it in.
pub fn unwrap_error(error: DataFusionError) -> DataFusionError {
    match error {
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => {
            unwrap_error(*inner)
        }
        other => other,
    }
}
