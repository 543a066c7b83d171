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
use super::{BatchIter, Build, Engine, Rows, Start, TableInfo, sorted_sql};
use crate::error::{Error, Exit, Result};
use crate::store::{Folder, WorkFolder};
use build::AthenaBuild;
pub use counts::cube_sql;
use metadata::Kind;
use queries::Queries;
pub use settings::{MAX_CONCURRENT, Settings};
use workgroup::Workgroup;

/// What the tables of the main job about itself begin with. They are no study's.
const MAIN_JOB: &str = "etl";

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
    pub fn open(settings: &Settings) -> Result<Self> {
        settings.check()?;
        let (client, config) = queries::connect(settings);
        let workgroup = Workgroup::read(&client, settings)?;
        let options = settings.stores(&workgroup, &config);
        let bucket = Folder::open_with(&format!("s3://{}", workgroup.bucket), &options)?;
        let queries = Queries::new(client, settings, &workgroup);
        Ok(Self { schema: settings.schema.clone(), queries, workgroup, bucket })
    }

    /// Bytes that all queries so far have scanned: what Athena charges for.
    pub fn scanned(&self) -> u64 {
        self.queries.scanned()
    }

    /// Drops tables and views, many at once.
    fn drop_all(&self, tables: &[metadata::Table]) -> Result<()> {
        let statements: Vec<_> = tables
            .iter()
            .map(|table| match table.kind {
                // Athena reads these two in Hive's words and in Trino's.
                Kind::Table => format!("DROP TABLE IF EXISTS `{}`", table.name),
                Kind::View => format!("DROP VIEW IF EXISTS \"{}\"", table.name),
            })
            .collect();
        self.queries.run_all(&statements)
    }
}

impl Engine for Athena {
    fn tables(&self, study: &str) -> Result<Vec<TableInfo>> {
        let tables = metadata::of_study(&self.queries, study)?;
        Ok(tables.into_iter().map(|table| TableInfo { name: table.name, rows: None }).collect())
    }

    fn studies(&self) -> Result<Vec<String>> {
        let tables = metadata::list(&self.queries, None)?;
        let studies: BTreeSet<_> = tables
            .iter()
            .filter_map(|table| table.name.split_once("__"))
            .map(|(study, _)| study.to_owned())
            .filter(|study| study != MAIN_JOB)
            .collect();
        Ok(studies.into_iter().collect())
    }

    fn schema(&self, table: &str) -> Result<Option<SchemaRef>> {
        metadata::schema(&self.queries, table)
    }

    fn query(&self, sql: &str) -> Result<Rows> {
        results::query(&self.queries, sql)
    }

    fn read(&self, table: &str) -> Result<Rows> {
        let work_dir = self.queries.settings.work_dir.as_deref();
        unload::read(&self.queries, &self.workgroup, &self.bucket, table, work_dir)
    }

    fn sorted(&self, table: &str, work: &WorkFolder) -> Result<Rows> {
        let table = table.to_lowercase();
        let table = table.as_str();
        let Rows { schema, batches } = self.read(table)?;
        // The embedded engine sorts them: exports of both are the same, and what does not fit into
        // memory goes to its disk.
        let removed = Removed(work.path().join(format!("sort-{table}")));
        let place = Folder::open(&removed.0.to_string_lossy())?.private();
        let local = DataFusion::open(place, Input::Nothing, work.clone(), &Limits::of_machine())?;
        let study = table.split_once("__").map_or(table, |(study, _)| study);
        let build = local.begin(study, Start::Empty)?;
        build.load(table, schema.clone(), batches)?;
        build.commit()?;
        let Rows { schema, batches } = local.query(&sorted_sql(table, &schema))?;
        Ok(Rows { schema, batches: Box::new(Sorted { batches, _place: removed }) })
    }

    fn begin(&self, study: &str, start: Start) -> Result<Box<dyn Build + '_>> {
        refuse_main_job(study)?;
        let mut tables = metadata::of_study(&self.queries, study)?;
        if start == Start::Empty {
            self.drop_all(&tables)?;
            tables.clear();
        }
        let names = tables.into_iter().map(|table| table.name).collect();
        Ok(Box::new(AthenaBuild::new(self, study, names)))
    }

    fn clean(&self, study: &str) -> Result<bool> {
        refuse_main_job(study)?;
        let tables = metadata::of_study(&self.queries, study)?;
        self.drop_all(&tables)?;
        Ok(!tables.is_empty())
    }
}

/// In the catalog, the main job's tables stand beside those of studies.
fn refuse_main_job(study: &str) -> Result<()> {
    if !study.eq_ignore_ascii_case(MAIN_JOB) {
        return Ok(());
    }
    let message = format!(
        "'{MAIN_JOB}' is no study: tables that begin with {MAIN_JOB}__ are the main job's own, and \
         studies are built of them. Nothing was dropped"
    );
    Err(Error::new(Exit::ArgsInvalid, message))
}

/// A table's rows as the embedded engine has sorted them.
struct Sorted {
    // Before what it reads goes.
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
        // What stays goes with the work folder that it is in.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
