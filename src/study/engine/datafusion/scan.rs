//! A table that is some Parquet files.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use chrono::DateTime;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result;
use datafusion::common::stats::Precision;
use datafusion::common::{DFSchema, Statistics};
use datafusion::config::TableParquetOptions;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{
    FileGroup, FileScanConfigBuilder, FileSource, ParquetSource,
};
use datafusion::datasource::source::DataSourceExec;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use object_store::ObjectMeta;
use object_store::path::Path;

use super::adapter::AnySpelling;
use super::fit;
use crate::error;

/// How many times larger the rows of a file are in memory.
const UNPACKED: u64 = 8;
/// Bytes of a file that may be about its columns alone.
const FOOTER: u64 = 64 << 10;

/// A Parquet file of a table.
#[derive(Clone, Debug)]
pub struct ScannedFile {
    /// Where it is in its store.
    pub path: Path,
    /// Bytes.
    pub size: u64,
    /// Rows, where they are known.
    pub rows: Option<u64>,
}

/// Parquet files with one schema over them, which each may lack parts of.
#[derive(Debug)]
pub struct ParquetTable {
    store: ObjectStoreUrl,
    files: Vec<ScannedFile>,
    /// Names in lower case.
    schema: SchemaRef,
    /// The same columns as they are spelled.
    spelled: SchemaRef,
    /// Whether its scans are planned in one process and run in another.
    #[cfg(feature = "ballista")]
    for_cluster: bool,
}

impl ParquetTable {
    /// A table of files in the store that is registered as `store`. With no files it is empty.
    ///
    /// # Errors
    /// Columns that differ in case only.
    pub fn new(
        store: ObjectStoreUrl,
        files: Vec<ScannedFile>,
        spelled: SchemaRef,
    ) -> error::Result<Self> {
        Ok(Self {
            store,
            files,
            schema: fit::lower_names(&spelled)?,
            spelled,
            #[cfg(feature = "ballista")]
            for_cluster: false,
        })
    }

    /// The same table, with scans that can be sent to other processes.
    #[cfg(feature = "ballista")]
    #[must_use]
    pub fn for_cluster(self) -> Self {
        Self { for_cluster: true, ..self }
    }

    /// The name of the store that its files are in.
    #[cfg(feature = "ballista")]
    pub fn store_url(&self) -> &ObjectStoreUrl {
        &self.store
    }

    /// Its files.
    #[cfg(feature = "ballista")]
    pub fn data_files(&self) -> &[ScannedFile] {
        &self.files
    }

    /// The source of a scan, in the form that the process that runs it needs.
    fn source(&self, source: ParquetSource) -> Arc<dyn FileSource> {
        #[cfg(feature = "ballista")]
        if self.for_cluster {
            return Arc::new(super::cluster::AnySpellingParquet(source));
        }
        Arc::new(source)
    }

    /// The columns as they are spelled in the files.
    pub fn spelled_schema(&self) -> &SchemaRef {
        &self.spelled
    }

    /// The bytes of a row in memory, as far as they can be told from those of the files.
    pub fn row_bytes(&self) -> usize {
        let rows: u64 = self.files.iter().filter_map(|file| file.rows).sum();
        let known = self.files.iter().filter(|file| file.rows.is_some());
        let bytes: u64 = known.map(|file| file.size.saturating_sub(FOOTER)).sum();
        let bytes = bytes.saturating_mul(UNPACKED) / rows.max(1);
        usize::try_from(bytes).unwrap_or(usize::MAX)
    }

    fn known_statistics(&self) -> Statistics {
        let mut statistics = Statistics::new_unknown(&self.schema);
        let rows: Option<u64> = self.files.iter().map(|file| file.rows).sum();
        if let Some(rows) = rows.and_then(|rows| usize::try_from(rows).ok()) {
            // It must be exact, as the engine answers count(*) by it and reads no file. Delta
            // tables with deletion vectors, which have fewer rows than their files, are refused by
            // `delta::list`.
            statistics.num_rows = Precision::Exact(rows);
        }
        statistics
    }
}

#[async_trait]
impl TableProvider for ParquetTable {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        // A table of the main job that has no rows: R4 gives its columns
        // (`TableSource::open_table`).
        if self.files.is_empty() {
            let schema = match projection {
                Some(columns) => Arc::new(self.schema.project(columns)?),
                None => self.schema.clone(),
            };
            return Ok(Arc::new(EmptyExec::new(schema)));
        }
        let options = TableParquetOptions {
            global: state.config_options().execution.parquet.clone(),
            ..TableParquetOptions::default()
        };
        let mut source =
            ParquetSource::new(self.schema.clone()).with_table_parquet_options(options);
        if let Some(filter) = conjunction(filters.iter().cloned()) {
            let columns = DFSchema::try_from(self.schema.clone())?;
            source = source.with_predicate(state.create_physical_expr(filter, &columns)?);
        }
        let files: Vec<_> = self
            .files
            .iter()
            .map(|file| {
                PartitionedFile::new_from_meta(ObjectMeta {
                    location: file.path.clone(),
                    // A study's list of files has no times, and to ask for them would take a
                    // request for each file.
                    last_modified: DateTime::UNIX_EPOCH,
                    size: file.size,
                    e_tag: None,
                    version: None,
                })
            })
            .collect();
        let groups = FileGroup::new(files).split_files(state.config().target_partitions());
        let scan = FileScanConfigBuilder::new(self.store.clone(), self.source(source))
            .with_file_groups(groups)
            .with_statistics(self.known_statistics())
            .with_projection_indices(projection.cloned())?
            // The scan may give rows that the filters then take out (`Inexact`). They must not
            // count.
            .with_limit(limit.filter(|_| filters.is_empty()))
            .with_expr_adapter(Some(Arc::new(AnySpelling)))
            .build();
        Ok(DataSourceExec::from_data_source(scan))
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        // Row groups that can't have matching rows are left out; the rows are still filtered.
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }
}
