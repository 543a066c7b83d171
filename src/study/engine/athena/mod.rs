//! AWS Athena as the database of studies.
//!
//! A study's statements go to Athena as they are written. Tables are CTAS tables and views of one
//! schema of the Glue catalog. Athena has no transactions across tables: a study's tables go when a
//! build begins, and come one by one.
//!
//! ```text
//!  settings ──► workgroup: encrypted? where do results go?
//!  queries  ──► start, wait, cost          metadata ──► which tables, which columns
//!  unload   ──► a table's rows, by way of s3://<results' bucket>/export/
//!  loading  ──► rows become a table, by way of s3://<results>/cumulus_user_uploads/
//! ```

mod build;
mod counts;
mod explain;
mod hive;
mod loading;
mod metadata;
mod queries;
mod results;
mod settings;
mod unload;
mod workgroup;

use std::collections::BTreeSet;
use std::path::PathBuf;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use super::datafusion::{DataFusion, Input, Limits};
use super::{BatchIter, Build, Cleaned, Engine, Rows, Start, TableInfo, missing_table, sorted_sql};
use crate::error::{Error, Result, StudyFault};
use crate::store::{Folder, WorkFolder};
use crate::study::StudyName;
use crate::study::protected::is_protected;
use build::AthenaBuild;
pub use counts::cube_sql;
use metadata::RelationKind;
use queries::Queries;
pub use settings::{AthenaSettings, MAX_CONCURRENT};
use workgroup::Workgroup;

/// A schema of Athena.
#[derive(Debug)]
pub struct Athena {
    schema: String,
    queries: Queries,
    workgroup: Workgroup,
    /// The bucket of results, as a folder.
    bucket: Folder,
}

impl Athena {
    /// Connects, and looks at the workgroup.
    ///
    /// # Errors
    /// No such workgroup, no right to look at it, no encryption of its results, or no place for them.
    pub fn open_schema(settings: &AthenaSettings) -> Result<Self> {
        settings.check_values()?;
        let (client, config) = queries::connect_client(settings);
        // Before any query: where results are not encrypted, nothing may run.
        let workgroup = Workgroup::read(&client, settings)?;
        let options = workgroup.store_options(settings, &config);
        let bucket = settings
            .storage
            .with_options(options)
            .open_folder(&format!("s3://{}", workgroup.bucket))?;
        let queries = Queries::new(client, settings, &workgroup);
        Ok(Self { schema: settings.schema.clone(), queries, workgroup, bucket })
    }

    /// Bytes that all queries so far have scanned. Athena charges for them.
    pub fn scanned_bytes(&self) -> u64 {
        self.queries.scanned_bytes()
    }

    /// Drops tables and views, many at the same time.
    fn drop_all(&self, tables: &[metadata::AthenaTable]) -> Result<()> {
        let statements: Vec<_> = tables
            .iter()
            .map(|table| match table.kind {
                // Athena reads these two in Hive's words and in Trino's.
                RelationKind::Table => format!("DROP TABLE IF EXISTS `{}`", table.name),
                RelationKind::View => format!("DROP VIEW IF EXISTS \"{}\"", table.name),
            })
            .collect();
        self.queries.run_all(&statements)
    }
}

impl Engine for Athena {
    fn list_tables(&self, study: &StudyName) -> Result<Vec<TableInfo>> {
        let tables = metadata::of_study(&self.queries, study)?;
        // The catalog does not know how many rows there are, and a query that counts them is
        // charged for.
        Ok(tables.into_iter().map(|table| TableInfo { name: table.name, rows: None }).collect())
    }

    fn list_studies(&self) -> Result<Vec<StudyName>> {
        let tables = metadata::list_tables(&self.queries, None)?;
        let studies: BTreeSet<_> =
            tables.iter().filter_map(|table| StudyName::of_table(&table.name)).collect();
        Ok(studies.into_iter().collect())
    }

    fn schema(&self, table: &str) -> Result<Option<SchemaRef>> {
        metadata::schema(&self.queries, table)
    }

    fn run_query(&self, sql: &str) -> Result<Rows> {
        results::run_query(&self.queries, sql)
    }

    fn read_table(&self, table: &str) -> Result<Rows> {
        let work_dir = self.queries.settings.work_dir.as_deref();
        unload::read_table(&self.queries, &self.workgroup, &self.bucket, table, work_dir)
    }

    fn read_sorted(&self, table: &str, work: &WorkFolder) -> Result<Rows> {
        let table = table.to_lowercase();
        let table = table.as_str();
        // Sorted here, not by ORDER BY: UNLOAD writes several files, and keeps no order among them.
        let Rows { schema, batches } = self.read_table(table)?;
        // The embedded engine sorts them: exports of both are the same, and rows that do not fit into
        // memory go to its disk.
        let removed = Removed(work.path().join(format!("sort-{table}")));
        let place = self.queries.settings.storage.open_local(&removed.0)?.private();
        let local =
            DataFusion::open_database(place, Input::Nothing, work.clone(), &Limits::of_machine())?;
        let study = StudyName::of_table(table).ok_or_else(|| missing_table(table))?;
        let build = local.begin_build(&study, Start::Empty)?;
        build.load_rows(table, schema.clone(), batches)?;
        build.commit_tables()?;
        let Rows { schema, batches } = local.run_query(&sorted_sql(table, &schema))?;
        Ok(Rows { schema, batches: Box::new(Sorted { batches, _place: removed }) })
    }

    fn begin_build(&self, study: &StudyName, start: Start<'_>) -> Result<Box<dyn Build + '_>> {
        let tables = metadata::of_study(&self.queries, study)?;
        let (kept, gone): (Vec<_>, Vec<_>) =
            tables.into_iter().partition(|table| start.keeps_table(&table.name));
        self.drop_all(&gone)?;
        let names = kept.into_iter().map(|table| table.name).collect();
        Ok(Box::new(AthenaBuild::new(self, study, names)))
    }

    fn keeps_marks(&self) -> Result<()> {
        let message = "this archive was built from FHIR that was not de-identified, which Athena has \
                       no mark for: import it into a database of the embedded engine (--database)";
        Err(Error::new(StudyFault::Statement, message))
    }

    fn clean_study(&self, study: &StudyName) -> Result<Cleaned> {
        let tables = metadata::of_study(&self.queries, study)?;
        let (kept, gone): (Vec<_>, Vec<_>) =
            tables.into_iter().partition(|table| is_protected(&table.name));
        self.drop_all(&gone)?;
        Ok(Cleaned { removed: gone.len(), kept: kept.len() })
    }
}

/// A table's rows as the embedded engine has sorted them.
struct Sorted {
    // Declared first, to be dropped before the files that it reads.
    batches: BatchIter<'static>,
    _place: Removed,
}

impl Iterator for Sorted {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        self.batches.next()
    }
}

/// A folder that is removed when nobody needs it any more.
struct Removed(PathBuf);

impl Drop for Removed {
    fn drop(&mut self) {
        // Where that fails, it goes with the work folder that it is in.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
