//! Tables that grow file by file: which files and which keys are there already.

use std::io::{BufRead, BufReader};

use arrow::array::AsArray;
use hashbrown::HashMap;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;

use super::FileFormat;
use crate::error::{Context, Result};
use crate::memory::budget;
use crate::output::rows::{Bitmap, Change, key};
use crate::output::table::TableRun;
use crate::store::Folder;

/// A table's files with their numbers, in order.
pub(super) fn files(folder: &Folder, table: &str, extension: &str) -> Result<Vec<(usize, String)>> {
    let mut files: Vec<_> = folder
        .list_direct()?
        .1
        .into_iter()
        .filter_map(|name| Some((number(&name, table, extension)?, name)))
        .collect();
    files.sort_unstable();
    Ok(files)
}

/// The number of a table's file, from its name: `patient.007.csv`.
pub(super) fn number(name: &str, table: &str, extension: &str) -> Option<usize> {
    let rest = name.strip_prefix(table)?.strip_prefix('.')?;
    let number = rest.strip_suffix(extension)?.strip_suffix('.')?;
    // As this program writes them: at least three digits, and no others before them.
    let is_plain = number.len() >= 3 && number.bytes().all(|byte| byte.is_ascii_digit());
    let is_padded = number.len() == 3 || !number.starts_with('0');
    number.parse().ok().filter(|_| is_plain && is_padded)
}

/// Clears from `live` the rows whose keys are in `files` already.
pub(super) fn keep_new(
    format: FileFormat,
    folder: &Folder,
    files: &[(usize, String)],
    run: &TableRun<'_>,
    live: &mut Bitmap,
) -> Result<()> {
    // As [`HashMap`] keeps them while it grows.
    let at_once = (budget().merge_keys / 64) as u64;
    let passes = run.keys.count().div_ceil(at_once.max(1)).clamp(1, 256) as u16;
    for pass in 0..passes {
        let range = pass * 256 / passes..(pass + 1) * 256 / passes;
        let mut slots = HashMap::new();
        run.keys.scan(range, &mut |key, change| {
            if let Change::Row { slot, .. } = change {
                slots.insert(key, slot);
            }
        })?;
        for (_, name) in files {
            each_key(format, folder, name, run.key_columns, &mut |columns| {
                if let Some(slot) = slots.get(&key(columns)) {
                    live.clear(*slot);
                }
            })?;
        }
    }
    Ok(())
}

fn each_key(
    format: FileFormat,
    folder: &Folder,
    name: &str,
    columns: &[&str],
    visit: &mut dyn FnMut(&[&str]),
) -> Result<()> {
    let failed = || format!("cannot read '{}'", folder.show(name));
    match format {
        FileFormat::Parquet => {
            let Some(bytes) = folder.read(name)? else { return Ok(()) };
            let builder = ParquetRecordBatchReaderBuilder::try_new(bytes).with_context(failed)?;
            let mask = ProjectionMask::columns(builder.parquet_schema(), columns.iter().copied());
            for batch in builder.with_projection(mask).build().with_context(failed)? {
                let batch = batch.with_context(failed)?;
                let arrays: Option<Vec<_>> = columns
                    .iter()
                    .map(|name| batch.column_by_name(name)?.as_string_opt::<i32>())
                    .collect();
                let Some(arrays) = arrays else { continue };
                for row in 0..batch.num_rows() {
                    visit(&arrays.iter().map(|array| array.value(row)).collect::<Vec<_>>());
                }
            }
        }
        FileFormat::Csv => {
            let Some(reader) = folder.reader(name)? else { return Ok(()) };
            let mut reader = csv::Reader::from_reader(reader);
            let header = reader.headers().with_context(failed)?.clone();
            let index: Option<Vec<_>> =
                columns.iter().map(|name| header.iter().position(|h| h == *name)).collect();
            let Some(index) = index else { return Ok(()) };
            for record in reader.records() {
                let record = record.with_context(failed)?;
                visit(
                    &index.iter().map(|i| record.get(*i).unwrap_or_default()).collect::<Vec<_>>(),
                );
            }
        }
        FileFormat::Ndjson => {
            let Some(reader) = folder.reader(name)? else { return Ok(()) };
            for line in BufReader::with_capacity(1 << 16, reader).lines() {
                let line = line.with_context(failed)?;
                let row: Value = serde_json::from_str(&line).with_context(failed)?;
                let text = |name: &&str| row.get(*name).and_then(Value::as_str).unwrap_or_default();
                visit(&columns.iter().map(text).collect::<Vec<_>>());
            }
        }
    }
    Ok(())
}
