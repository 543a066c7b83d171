//! Tables that are plain Parquet files.

use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use object_store::path::Path;
use parquet::arrow::parquet_to_arrow_schema;

use super::super::fit;
use super::super::scan::{ParquetTable, ScannedFile};
use super::super::stores::Stores;
use crate::error::{Context, Result};
use crate::output::delta;
use crate::store::{Entry, Folder};

/// All Parquet files of a folder, with the union of their columns.
pub fn open_parquet(folder: &Folder, entries: &[Entry], stores: &Stores) -> Result<ParquetTable> {
    let mut schema = Schema::empty();
    let mut files = Vec::new();
    for entry in entries.iter().filter(|entry| entry.name.ends_with(".parquet")) {
        let (columns, rows) = read_footer(folder, entry)?;
        schema = fit::unite_schemas(&schema, &columns);
        let path = Path::from(format!("{}/{}", folder.path(""), entry.name));
        files.push(ScannedFile { path, size: entry.size, rows: Some(rows) });
    }
    ParquetTable::new(stores.store_of(folder)?, files, Arc::new(schema))
}

/// The columns and the number of rows of a Parquet file.
pub fn read_footer(folder: &Folder, entry: &Entry) -> Result<(SchemaRef, u64)> {
    let metadata = delta::footer(folder, &entry.name, entry.size)?;
    let file = metadata.file_metadata();
    // Without the file's own notes: the Arrow schema that a writer put there makes the reader panic
    // where it is damaged.
    let schema = parquet_to_arrow_schema(file.schema_descr(), None)
        .with_context(|| format!("cannot read the columns of '{}'", folder.show(&entry.name)))?;
    Ok((Arc::new(schema), u64::try_from(file.num_rows()).unwrap_or(0)))
}
