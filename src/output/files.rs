//! The formats that are plain files: Parquet, CSV, NDJSON (spec: "Tables", the table of formats).

mod existing;
mod replace;

use std::collections::BTreeSet;
use std::io::{BufWriter, Write};
use std::ops::Range;

use arrow::array::{Array, AsArray};
use arrow::datatypes::{DataType, SchemaRef};
use serde_json::json;

use super::keys::KeyIndex;
use super::parallel;
use super::parquet_file::{ParquetFile, Settings};
use super::rows::Bitmap;
use super::staged::Staged;
use super::table::{Merge, TableRun, Written};
use crate::error::{Context, Error, Result};
use crate::store::{Folder, WorkFolder};
use crate::table::{DeidentifiedBatch, json};
use replace::Replacement;

/// A kind of plain file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileFormat {
    /// Apache Parquet.
    Parquet,
    /// RFC 4180, with a header; nested values as JSON text.
    Csv,
    /// One JSON object a line.
    Ndjson,
}

/// How files are cut.
#[derive(Clone, Copy, Debug)]
pub struct FileOptions {
    /// Rows a file holds at most.
    pub rows_per_file: u64,
    /// Files written at once.
    pub threads: usize,
}

impl FileFormat {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Parquet, Self::Csv, Self::Ndjson];

    /// The end of file names.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Parquet => "parquet",
            Self::Csv => "csv",
            Self::Ndjson => "ndjson",
        }
    }

    /// Writes what a run brings below `root`: replaces a resource's table, adds a file to a
    /// completion table.
    pub fn write(self, root: &Folder, run: &TableRun<'_>, options: FileOptions) -> Result<Written> {
        match run.merge {
            Merge::Upsert => self.replace(root, run, options),
            Merge::InsertOnly | Merge::Append => self.add(root, run, options),
        }
    }

    /// Makes an empty table, if there are no files of it.
    pub fn create(
        self,
        root: &Folder,
        table: &str,
        schema: SchemaRef,
        work: &WorkFolder,
    ) -> Result<()> {
        self.add(
            root,
            &TableRun {
                name: table,
                rows: &Staged::new(work, schema),
                lines: None,
                live: &Bitmap::none_set(0),
                keys: &KeyIndex::new(work),
                deletes: &[],
                merge: Merge::Append,
                key_columns: &[],
            },
            FileOptions { rows_per_file: 1, threads: 1 },
        )
        .map(|_| ())
    }

    fn replace(self, root: &Folder, run: &TableRun<'_>, options: FileOptions) -> Result<Written> {
        let is_ours = |name: &str| self.makes(run.name, name);
        let replacement = Replacement::begin(root, run.name, &is_ours)?;
        let folder = replacement.folder();
        let mut names = BTreeSet::new();
        let mut written = match (self, run.lines) {
            (Self::Ndjson, Some(_)) => self.write_lines(folder, run, options, &mut names)?,
            _ => self.write_parts(folder, run, run.live, 0, options, &mut names)?,
        };
        if self == Self::Ndjson && !run.deletes.is_empty() {
            // `convert` applies them to the table it makes of these files.
            let name = meta(run.name);
            let meta = json!({ "deleted": run.deletes });
            folder.write(&name, meta.to_string())?;
            names.insert(name);
        }
        replacement.commit(&names)?;
        written.inserted = written.rows;
        Ok(written)
    }

    fn add(self, root: &Folder, run: &TableRun<'_>, options: FileOptions) -> Result<Written> {
        let folder = root.child(run.name);
        folder.create()?;
        let files = existing::files(&folder, run.name, self.extension())?;
        let mut live = run.live.clone();
        if run.merge == Merge::InsertOnly {
            existing::keep_new(self, &folder, &files, run, &mut live)?;
        }
        let next = files.last().map_or(0, |(number, _)| number + 1);
        let mut names = BTreeSet::new();
        let mut written = Written::default();
        // An empty file would say nothing, unless it is the one that shows the columns.
        if live.count() > 0 || files.is_empty() {
            written = self.write_parts(&folder, run, &live, next, options, &mut names)?;
        }
        written.inserted = live.count();
        written.files += files.len() as u64;
        Ok(written)
    }

    /// Whether a file of this name, in the table's folder, is one that this format makes.
    pub fn makes(self, table: &str, name: &str) -> bool {
        existing::number(name, table, self.extension()).is_some()
            || self == Self::Ndjson && name == meta(table)
    }

    fn name(self, table: &str, number: usize) -> String {
        format!("{table}.{number:03}.{}", self.extension())
    }

    /// Writes Arrow rows on all threads: some files at once, or of Parquet, which holds row groups
    /// in memory, some columns of one file.
    fn write_parts(
        self,
        folder: &Folder,
        run: &TableRun<'_>,
        live: &Bitmap,
        first: usize,
        options: FileOptions,
        names: &mut BTreeSet<String>,
    ) -> Result<Written> {
        let slots = run.rows.slots();
        let step = options.rows_per_file.max(1);
        let parts = (slots.div_ceil(step) as usize).max(1);
        let (files, columns) = match self {
            Self::Parquet => (1, options.threads),
            Self::Csv | Self::Ndjson => (options.threads, 1),
        };
        let written = parallel::run(files, parts, |part| {
            let name = self.name(run.name, first + part);
            let range = part as u64 * step..((part as u64 + 1) * step).min(slots);
            let written = self.write_part(folder, &name, run, live, range, columns)?;
            Ok((name, written))
        })?;
        let mut all = Written::default();
        for (name, (rows, bytes)) in written {
            all.files += 1;
            all.rows += rows;
            all.bytes += bytes;
            names.insert(name);
        }
        Ok(all)
    }

    fn write_part(
        self,
        folder: &Folder,
        name: &str,
        run: &TableRun<'_>,
        live: &Bitmap,
        range: Range<u64>,
        threads: usize,
    ) -> Result<(u64, u64)> {
        let batches = run.rows.read(range, live)?;
        match self {
            Self::Parquet => {
                let unique_columns = run.key_columns.iter().map(|s| (*s).to_owned()).collect();
                let settings = Settings { unique_columns, threads, ..Settings::default() };
                let mut file = ParquetFile::create(folder, name, run.rows.schema(), &settings)?;
                for batch in batches {
                    file.write(&batch?)?;
                }
                let written = file.finish()?;
                Ok((written.rows, written.bytes))
            }
            Self::Csv => write_csv(folder, name, run, batches),
            Self::Ndjson => {
                let mut upload = BufWriter::with_capacity(1 << 20, folder.upload(name)?);
                let failed = || format!("cannot write '{}'", folder.show(name));
                let (mut rows, mut line) = (0, Vec::new());
                for batch in batches {
                    let batch = arrow::array::StructArray::from(batch?.as_arrow().clone());
                    for row in 0..batch.len() {
                        line.clear();
                        json::write_value(&batch, row, &mut line);
                        line.push(b'\n');
                        upload.write_all(&line).with_context(failed)?;
                        rows += 1;
                    }
                }
                let upload =
                    upload.into_inner().map_err(|e| e.into_error()).with_context(failed)?;
                Ok((rows, upload.finish()?))
            }
        }
    }

    /// Writes rows that are JSON lines already.
    fn write_lines(
        self,
        folder: &Folder,
        run: &TableRun<'_>,
        options: FileOptions,
        names: &mut BTreeSet<String>,
    ) -> Result<Written> {
        let lines = run.lines.ok_or_else(|| Error::failed("the rows were not staged as lines"))?;
        let mut all = Written::default();
        let mut current = None;
        let mut in_file = 0;
        lines.read(run.live, &mut |mut text, mut rows| {
            while rows > 0 {
                let upload = match &mut current {
                    Some(upload) => upload,
                    none => {
                        let name = self.name(run.name, all.files as usize);
                        let upload = folder.upload(&name)?;
                        names.insert(name);
                        none.insert(upload)
                    }
                };
                let room = options.rows_per_file.max(1) - in_file;
                let (now, count) = split_lines(text, rows, room);
                upload.write_all(now).with_context(|| format!("cannot write '{folder}'"))?;
                text = &text[now.len()..];
                rows -= count;
                in_file += count;
                all.rows += count;
                if in_file >= options.rows_per_file {
                    all.files += 1;
                    all.bytes += current.take().map_or(Ok(0), |upload| upload.finish())?;
                    in_file = 0;
                }
            }
            Ok(())
        })?;
        if current.is_none() && all.files == 0 {
            let name = self.name(run.name, 0);
            current = Some(folder.upload(&name)?);
            names.insert(name);
        }
        if let Some(upload) = current {
            all.files += 1;
            all.bytes += upload.finish()?;
        }
        Ok(all)
    }
}

/// The file of an NDJSON table that names the rows that were deleted.
fn meta(table: &str) -> String {
    format!("{table}.meta")
}

/// The first lines of `text` (which has `rows`), `room` at most, and how many they are.
fn split_lines(text: &[u8], rows: u64, room: u64) -> (&[u8], u64) {
    if rows <= room {
        return (text, rows);
    }
    let end = memchr::memchr_iter(b'\n', text).nth(room.saturating_sub(1) as usize);
    (&text[..end.map_or(text.len(), |end| end + 1)], room)
}

fn write_csv(
    folder: &Folder,
    name: &str,
    run: &TableRun<'_>,
    batches: impl Iterator<Item = Result<DeidentifiedBatch>>,
) -> Result<(u64, u64)> {
    let failed = || format!("cannot write '{}'", folder.show(name));
    let schema = run.rows.schema();
    let mut writer = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .buffer_capacity(1 << 20)
        .from_writer(folder.upload(name)?);
    writer.write_record(schema.fields().iter().map(|field| field.name())).with_context(failed)?;
    let (mut rows, mut cell) = (0, Vec::new());
    for batch in batches {
        let batch = batch?;
        for row in 0..batch.num_rows() {
            for column in batch.as_arrow().columns() {
                cell.clear();
                match column.data_type() {
                    _ if column.is_null(row) => {}
                    DataType::Utf8 => {
                        cell.extend_from_slice(column.as_string::<i32>().value(row).as_bytes());
                    }
                    _ => json::write_value(column, row, &mut cell),
                }
                writer.write_field(&cell).with_context(failed)?;
            }
            writer.write_record(None::<&[u8]>).with_context(failed)?;
            rows += 1;
        }
    }
    let upload = writer.into_inner().map_err(|_| Error::failed(failed()))?;
    Ok((rows, upload.finish()?))
}
