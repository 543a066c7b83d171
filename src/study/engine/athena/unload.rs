//! A table's rows, by way of `s3://<bucket of results>/export/`.
//!
//! The prefix is emptied before, in case a former run was stopped, and after. Reading, writing,
//! listing and deleting below it are all the rights that this needs.

use std::fs::File;
use std::io::{self, Seek, SeekFrom};

use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};

use super::metadata;
use super::queries::Queries;
use super::workgroup::Workgroup;
use crate::error::{Context, Error, Result};
use crate::store::{Folder, WorkFolder};
use crate::study::engine::{BatchIter, Rows, missing_table};

/// Rows of a batch.
const ROWS: usize = 8192;

/// Reads a table. Its rows are copied to a temporary folder of this machine first, so that the
/// prefix is empty again when this returns.
pub(super) fn read_table(
    queries: &Queries,
    workgroup: &Workgroup,
    bucket: &Folder,
    table: &str,
    work_dir: Option<&str>,
) -> Result<Rows> {
    let name = table.to_lowercase();
    let schema = metadata::schema(queries, &name)?.ok_or_else(|| missing_table(&name))?;
    // A `/` at the end: else the table's files could not be told from those of a longer name.
    let place = format!("export/{name}.parquet");
    let folder = bucket.child(&place);
    empty_folder(&folder)?;
    let sql = format!(
        "UNLOAD (SELECT * FROM {}) TO 's3://{}/{place}/' WITH (format = 'PARQUET', compression = \
         'SNAPPY')",
        quote_name(&name),
        workgroup.bucket
    );
    let unloaded = queries.run(&format!("{name}: export"), &sql);
    let files = unloaded.and_then(|_| fetch_files(&folder, work_dir));
    // Whether the query has succeeded or not: the files that it has written hold rows of patients.
    let emptied = empty_folder(&folder);
    // The first error first: why the folder could not be emptied matters less.
    let files = files?;
    emptied?;
    let mut readers = Vec::new();
    let mut found = None;
    for file in files {
        let failed = || format!("cannot read what Athena has written of '{name}'");
        let options = ArrowReaderOptions::new();
        let meta = ArrowReaderMetadata::load(&file, options).with_context(failed)?;
        found.get_or_insert_with(|| meta.schema().clone());
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, meta);
        readers.push(builder.with_batch_size(ROWS).build().with_context(failed)?);
    }
    let label = format!("cannot read what Athena has written of '{name}'");
    let batches: BatchIter<'static> = Box::new(
        readers.into_iter().flatten().map(move |batch| batch.with_context(|| label.clone())),
    );
    // Of a table without rows no file is written: the catalog's columns stand in.
    Ok(Rows { schema: found.unwrap_or(schema), batches })
}

/// The files, without names, in this machine's temporary folder.
fn fetch_files(folder: &Folder, work_dir: Option<&str>) -> Result<Vec<File>> {
    let mut files = Vec::new();
    let mut entries = folder.list()?;
    // Consoles and tools mark folders by empty objects, which are no Parquet.
    entries.retain(|entry| entry.size > 0);
    if entries.is_empty() {
        return Ok(files);
    }
    let work = WorkFolder::create_work(work_dir, folder)?;
    for entry in entries {
        let failed = || format!("cannot read '{}'", folder.show(&entry.name));
        let mut reader = folder
            .open_reader(&entry.name)?
            .ok_or_else(|| Error::failed(format!("{}: it is gone", failed())))?;
        let mut file = work.create_file()?;
        io::copy(&mut reader, &mut file).with_context(failed)?;
        file.seek(SeekFrom::Start(0)).with_context(failed)?;
        files.push(file);
    }
    Ok(files)
}

fn empty_folder(folder: &Folder) -> Result<()> {
    folder.list()?.iter().try_for_each(|entry| folder.remove(&entry.name))
}

/// A table's name, each part in quotes.
pub(super) fn quote_name(name: &str) -> String {
    name.split('.').map(|part| format!("\"{part}\"")).collect::<Vec<_>>().join(".")
}
