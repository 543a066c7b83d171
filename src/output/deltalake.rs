//! Delta Lake as a format of tables.

use arrow::datatypes::SchemaRef;

use super::delta;
use super::rows::RowSource;
use super::staged::Staged;
use super::table::{Merge, TableRun, WrittenTable};
use super::table_format::{SinkOptions, TableFormat};
use crate::error::Result;
use crate::store::Folder;
use crate::table::StagingArea;
use crate::table::schema::keep_contained;

/// Delta Lake tables: a run is merged into its table as one version.
pub struct Deltalake;

impl TableFormat for Deltalake {
    fn name(&self) -> &'static str {
        "deltalake"
    }

    fn has_commits(&self) -> bool {
        true
    }

    fn knows_table(&self, _table: &str, folders: &[String], _files: &[String]) -> bool {
        folders.iter().any(|name| name == delta::LOG_FOLDER)
    }

    fn makes_file(&self, _table: &str, _name: &str) -> bool {
        // Data files have names that no other run gives; vacuum takes them.
        false
    }

    fn fit_rows(&self, root: &Folder, table: &str, rows: &mut Staged) -> Result<()> {
        if let Some(there) = delta::schema(&root.child(table))? {
            // The merge refuses a column of two types. In `contained` types
            // clash by chance, when resources of another kind come first: the
            // table's type wins there, and values that do not fit are counted.
            rows.set_schema(keep_contained(&rows.schema(), &there));
        }
        Ok(())
    }

    fn write_table(
        &self,
        root: &Folder,
        run: &TableRun<'_>,
        options: &SinkOptions,
    ) -> Result<WrittenTable> {
        let options = delta::WriteOptions {
            last_updated: run.merge == Merge::Upsert,
            ..delta_options(options, run.key_columns)
        };
        let folder = root.child(run.name);
        let merged = delta::merge_run(
            &folder,
            run.rows,
            run.live.clone(),
            Some(run.keys),
            run.merge,
            &options,
        )?;
        Ok(WrittenTable {
            files: merged.files,
            rows: merged.rows,
            bytes: merged.bytes,
            version: Some(merged.version),
            inserted: merged.inserted,
            updated: merged.updated,
            deleted: merged.deleted,
            unchanged: merged.unchanged,
        })
    }

    fn create_table(
        &self,
        root: &Folder,
        table: &str,
        schema: SchemaRef,
        _area: &StagingArea,
        _options: &SinkOptions,
    ) -> Result<()> {
        delta::create_table(&root.child(table), schema)
    }

    /// Compacts and vacuums the table, unless that is not wanted.
    fn optimize_table(
        &self,
        root: &Folder,
        table: &str,
        options: &SinkOptions,
    ) -> Result<Option<u64>> {
        if !options.optimize {
            return Ok(None);
        }
        let optimized =
            // Here the key only tells which column has no dictionary and always has
            // statistics. Completion tables have no `id`, and then the option does nothing.
            delta::optimize_table(&root.child(table), &delta_options(options, &["id"]))?;
        Ok(Some(optimized.version))
    }

    fn remove_leftovers(&self, folder: &Folder) {
        delta::remove_unfinished(folder);
    }
}

fn delta_options(options: &SinkOptions, key_columns: &[&str]) -> delta::WriteOptions<'static> {
    delta::WriteOptions {
        key_columns: key_columns.iter().map(|name| (*name).to_owned()).collect(),
        last_updated: true,
        rows_per_file: delta::ROWS_PER_FILE,
        threads: options.threads,
        memory: options.memory,
        progress: None,
    }
}
