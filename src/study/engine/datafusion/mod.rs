//! The embedded engine: DataFusion on Parquet files.
//!
//! ```text
//!  source ──► scan ──► DataFusion ──► write ──► database
//!  lake, NDJSON  any    session.rs              a folder per study,
//!               spelling                        swapped as a whole
//! ```

mod adapter;
mod batches;
mod build;
mod catalog;
#[cfg(feature = "ballista")]
pub mod cluster;
mod database;
mod fit;
mod hints;
mod pieces;
mod projections;
mod relations;
mod run;
mod scan;
mod session;
mod source;
mod steps;
mod stores;
mod through;
mod veils;
mod write;

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::execution::SessionStateBuilder;

use self::build::StudyBuild;
use self::catalog::{Catalog, TableCatalog};
use self::database::Database;
pub use self::database::LOCKS;
use self::run::Runner;
pub use self::session::Limits;
use self::source::TableSource;
use self::stores::Stores;
use super::{Build, Cleaned, Engine, Rows, Start, TableInfo, missing_table, sorted_sql};
#[cfg(feature = "ballista")]
use crate::error::SettingsFault;
use crate::error::{Context, Error, Result, StudyFault};
use crate::store::{Folder, WorkFolder};
use crate::study::dialect::{self, StatementCommand};
use crate::study::{StudyName, room};
use crate::threads::{Pool, Thread};

/// Threads for work that blocks, from the start. Opening a table takes one, which needs another for
/// the table's files.
const BLOCKING: usize = 4;

/// Where the tables are that studies are made of.
#[derive(Clone, Debug)]
pub enum Input {
    /// The main job's OUTPUT.
    Lake(Folder),
    /// FHIR NDJSON as it is, without de-identification.
    Ndjson(Folder),
    /// None: only tables of studies can be read.
    Nothing,
}

/// The embedded engine.
pub struct DataFusion {
    runner: Arc<Runner>,
    tables: Arc<TableCatalog>,
}

impl DataFusion {
    /// Studies in `database`, made of `input`. Temporary files go to `work`, which only its owner
    /// can read.
    ///
    /// # Errors
    /// An input without tables.
    pub fn open_database(
        database: Folder,
        input: Input,
        work: WorkFolder,
        limits: &Limits,
    ) -> Result<Self> {
        Self::open_with(database, input, work.clone(), Some(work), limits, |builder| builder)
    }

    /// The same, with queries run by a cluster: all that they read is on stores that its machines
    /// reach by the same names.
    ///
    /// # Errors
    /// An input without tables, or of NDJSON: that is rewritten on this machine. A scheduler that
    /// does not answer.
    #[cfg(feature = "ballista")]
    pub fn on_cluster(
        cluster: &cluster::Cluster,
        database: Folder,
        input: Input,
        work: WorkFolder,
        limits: &Limits,
    ) -> Result<Self> {
        if let Input::Ndjson(_) = input {
            let message = "a cluster reads tables only: let the main job make some of the NDJSON, \
                           and name its OUTPUT with --lake";
            return Err(Error::new(SettingsFault::Conflict, message));
        }
        // The library connects when the first query runs. A wrong address, or a certificate that is
        // not taken, is told now instead.
        cluster.reach_scheduler(database.storage())?;
        // Without a folder for rewritten tables, as other machines could not read its files.
        // NDJSON in the lake is then refused (`open_folder`).
        Self::open_with(database, input, work, None, limits, |builder| {
            cluster.attach_session(builder)
        })
    }

    fn open_with(
        database: Folder,
        input: Input,
        work: WorkFolder,
        rewritten: Option<WorkFolder>,
        limits: &Limits,
        attach: impl FnOnce(SessionStateBuilder) -> SessionStateBuilder,
    ) -> Result<Self> {
        let environment = session::session_runtime(limits, work.path())?;
        let stores = Stores::new(environment.clone());
        let source = match input {
            Input::Lake(root) => TableSource::of_lake(root, rewritten)?,
            Input::Ndjson(root) => TableSource::of_ndjson(root, work.clone())?,
            Input::Nothing => TableSource::None,
        };
        let tables = Arc::new(TableCatalog::new(source, Database::new(database), stores));
        let catalog = Arc::new(Catalog(tables.clone()));
        let context = session::session_context(
            attach(session::session_builder(limits, environment)),
            catalog,
        );
        // Plans are as deep as their statements are long, and these threads walk over them: see
        // `room`. Panics of the engine on them are told by `Runner::wait_for`, not as a fault of
        // the program.
        let thread = Thread::named("engine").with_stack(room::STACK);
        let runtime = Pool::of(thread, limits.threads.max(1)).with_reserve(BLOCKING).within_catch();
        let runtime = runtime.build().context("cannot start the query engine")?;
        let runner = Runner::new(context, tables.clone(), runtime, work);
        Ok(Self { runner: Arc::new(runner), tables })
    }
}

impl Engine for DataFusion {
    fn list_tables(&self, study: &StudyName) -> Result<Vec<TableInfo>> {
        let listing = self.tables.study_database().list(study)?;
        let tables = listing.into_iter().flat_map(|listing| listing.tables);
        let mut tables: Vec<_> = tables
            .map(|table| TableInfo { rows: Some(table.count_rows()), name: table.name })
            .collect();
        // The list has them in the order of their making.
        tables.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(tables)
    }

    fn list_studies(&self) -> Result<Vec<StudyName>> {
        self.tables.study_database().list_studies()
    }

    fn schema(&self, table: &str) -> Result<Option<SchemaRef>> {
        Ok(self.tables.open_table(table)?.map(|table| table.spelled_schema().clone()))
    }

    fn run_query(&self, sql: &str) -> Result<Rows> {
        let statement = dialect::parse_statement(sql)?;
        let StatementCommand::Query(query) = &statement.command else {
            let message = "only a query can be run here: a study's statements are for study build";
            return Err(Error::new(StudyFault::Statement, message));
        };
        let planned = self.runner.plan_query(query, &statement.spelling)?;
        self.runner.run_plan(planned)
    }

    fn read_table(&self, table: &str) -> Result<Rows> {
        self.run_query(&format!("SELECT * FROM \"{}\"", table.replace('"', "\"\"")))
    }

    fn read_sorted(&self, table: &str, _work: &WorkFolder) -> Result<Rows> {
        let schema = Engine::schema(self, table)?.ok_or_else(|| missing_table(table))?;
        self.run_query(&sorted_sql(table, &schema))
    }

    fn is_raw(&self, study: &StudyName) -> Result<bool> {
        let listing = self.tables.study_database().list(study)?;
        Ok(listing.is_some_and(|listing| listing.raw))
    }

    fn begin_build(&self, study: &StudyName, start: Start<'_>) -> Result<Box<dyn Build + '_>> {
        Ok(Box::new(StudyBuild::begin_study(self, study, start)?))
    }

    fn is_counted(&self, table: &str) -> Result<bool> {
        let Some(study) = StudyName::of_table(table) else { return Ok(false) };
        let listing = self.tables.study_database().list(&study)?;
        let mut tables = listing.into_iter().flat_map(|listing| listing.tables);
        Ok(tables.any(|known| known.counted && known.name.eq_ignore_ascii_case(table)))
    }

    fn keeps_marks(&self) -> Result<()> {
        Ok(())
    }

    fn clean_study(&self, study: &StudyName) -> Result<Cleaned> {
        self.tables.study_database().clean_study(study)
    }
}

#[cfg(test)]
mod tests;
