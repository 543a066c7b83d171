//! Tables that are NDJSON: rewritten once as Parquet in the work folder, then read from there. They
//! may be patients' data as it is, so nobody else can read those files.

use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use arrow::json::ReaderBuilder;
use arrow::json::reader::{Decoder, infer_json_schema_from_iterator};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use tracing::warn;

use super::super::fit;
use super::super::scan::{ParquetTable, ScannedFile};
use super::super::stores::Stores;
use super::resource_of;
use super::shape::SeenShape;
use crate::bounded::is_too_deep;
use crate::encrypted::{EncryptedFile, EncryptedWriter};
use crate::error::{Context, Error, Result};
use crate::fhir;
use crate::input::Inputs;
use crate::input::chunks::{Chunk, Chunks, decompress};
use crate::store::{Folder, WorkFolder};
use crate::table::schema;
use crate::ui::format_count;

/// Rows that are decoded together.
const BATCH_ROWS: usize = 4096;
/// Rows of a row group of the rewritten file.
const ROW_GROUP_ROWS: usize = 65_536;

/// Whether a name is that of an NDJSON file, compressed or not.
pub fn is_ndjson(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let plain = [".gz", ".zst"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(&name);
    plain.ends_with(".ndjson") || plain.ends_with(".jsonl")
}

/// The files of a folder of FHIR that make up a table: by what is in them, or, for tables that are
/// not resources, by the folder or name that they have.
pub fn of_table(root: &Folder, inputs: &Inputs, table: &str) -> Result<Vec<String>> {
    if let Some(r4) = resource_of(table) {
        return Ok(inputs.of(r4.name).into_iter().map(|file| file.name).collect());
    }
    let mut files = Vec::new();
    for entry in root.list()? {
        let mut parts = entry.name.rsplit('/');
        let file = parts.next().unwrap_or_default();
        let inside = parts.next().is_some_and(|folder| folder.eq_ignore_ascii_case(table));
        let named = file.split('.').next().is_some_and(|name| name.eq_ignore_ascii_case(table));
        if is_ndjson(file) && (inside || named) {
            files.push(entry.name);
        }
    }
    Ok(files)
}

/// A table of some files' lines.
pub fn make_table(
    folder: &Folder,
    files: &[String],
    name: &str,
    work: &WorkFolder,
    stores: &Stores,
) -> Result<ParquetTable> {
    // The lines are read twice: which columns the table has is known only after the last of them,
    // and Parquet wants to know first.
    let columns = match resource_of(name) {
        Some(r4) => resource_columns(folder, files, r4)?,
        None => plain_columns(folder, files, super::fixed_schema(name))?,
    };
    let context = || format!("cannot write a temporary file in '{work}'");
    let rewritten = EncryptedFile::create_in(work.path()).with_context(context)?;
    let writer = rewritten.open_writer();
    let mut out = LineRows::new(writer, columns.schema.clone())?;
    let mut left_out = 0;
    for file in files {
        // In the order in which this pass meets them: a look at the next one is enough.
        let mut bad = columns.bad.iter().filter(|(name, _)| name == file).map(|(_, line)| *line);
        let mut next_bad = bad.next();
        each_chunk(folder, file, |chunk| {
            left_out += chunk.too_long.len();
            let lines = chunk.bytes.split_inclusive(|byte| *byte == b'\n');
            for (number, line) in (chunk.first_line..).zip(lines) {
                if next_bad == Some(number) {
                    next_bad = bad.next();
                    left_out += usize::from(!line.trim_ascii().is_empty());
                    continue;
                }
                // The reader's own words may hold a value.
                out.add(line).map_err(|_| {
                    let file = folder.show(file);
                    Error::failed(format!("line {number} of '{file}' cannot be read as JSON"))
                })?;
            }
            Ok(())
        })?;
    }
    if left_out > 0 {
        warn!(
            table = name,
            "{name}: left out of '{folder}', as no rows of this table: {}",
            format_count(left_out as u64, "line")
        );
    }
    let rows = out.finish_file().with_context(context)?;
    let size = rewritten.byte_count();
    let (store, path) = stores.keep_file(rewritten)?;
    let file = ScannedFile { path, size, rows: Some(rows) };
    ParquetTable::new(store, vec![file], columns.schema)
}

/// The result of a first look at the lines.
struct Columns {
    schema: SchemaRef,
    /// Lines that are no rows, in order: file and number.
    bad: Vec<(String, u64)>,
}

/// As the main job shapes a table: R4's columns, as deep as the rows go.
fn resource_columns(folder: &Folder, files: &[String], r4: &'static fhir::Type) -> Result<Columns> {
    let mut seen = SeenShape::default();
    let mut bad = Vec::new();
    each_line(folder, files, |file, number, line| {
        if line.trim_ascii().is_empty() || is_too_deep(line) || !seen.add(line, r4.name) {
            bad.push((file.to_owned(), number));
        }
        Ok(())
    })?;
    Ok(Columns { schema: schema::table_schema(r4, &seen.shape, &seen.contained), bad })
}

/// Tables that are no resources have the columns of `fixed`, and those that they show.
fn plain_columns(folder: &Folder, files: &[String], fixed: Option<SchemaRef>) -> Result<Columns> {
    let mut schema = fixed.map_or_else(Schema::empty, |fixed| fixed.as_ref().clone());
    let mut bad = Vec::new();
    each_line(folder, files, |file, number, line| {
        let value = match is_too_deep(line) {
            true => None,
            false => serde_json::from_slice::<serde_json::Value>(line).ok(),
        };
        match value.filter(serde_json::Value::is_object) {
            None => bad.push((file.to_owned(), number)),
            Some(value) => {
                let shown = infer_json_schema_from_iterator(std::iter::once(Ok(value)));
                let shown = shown.with_context(|| {
                    format!("cannot read line {number} of '{}'", folder.show(file))
                })?;
                schema = fit::unite_schemas(&schema, &shown);
            }
        }
        Ok(())
    })?;
    Ok(Columns { schema: Arc::new(schema), bad })
}

fn each_line(
    folder: &Folder,
    files: &[String],
    mut see: impl FnMut(&str, u64, &[u8]) -> Result<()>,
) -> Result<()> {
    for file in files {
        each_chunk(folder, file, |chunk| {
            let lines = chunk.bytes.split_inclusive(|byte| *byte == b'\n');
            (chunk.first_line..).zip(lines).try_for_each(|(number, line)| see(file, number, line))
        })?;
    }
    Ok(())
}

/// Gives each chunk of a file's lines to `see`.
fn each_chunk(folder: &Folder, file: &str, mut see: impl FnMut(Chunk) -> Result<()>) -> Result<()> {
    let context = || format!("cannot read '{}'", folder.show(file));
    let Some(reader) = folder.open_reader(file).with_context(context)? else { return Ok(()) };
    let reader = decompress(reader).with_context(context)?;
    Chunks::new(reader).try_for_each(|chunk| see(chunk.with_context(context)?))
}

/// Rows on their way from lines to a Parquet file.
struct LineRows {
    decoder: Decoder,
    writer: ArrowWriter<EncryptedWriter>,
    pending: usize,
    rows: u64,
}

impl LineRows {
    fn new(file: EncryptedWriter, schema: SchemaRef) -> Result<Self> {
        let decoder = ReaderBuilder::new(schema.clone())
            .with_batch_size(BATCH_ROWS)
            // A value of another type than R4's becomes null, and does not fail the table.
            .with_ignore_type_conflicts(true)
            .build_decoder()
            .context("cannot read JSON")?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::UNCOMPRESSED)
            .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
            .build();
        let writer = ArrowWriter::try_new(file, schema, Some(properties));
        let writer = writer.context("cannot write Parquet")?;
        Ok(Self { decoder, writer, pending: 0, rows: 0 })
    }

    fn add(&mut self, line: &[u8]) -> Result<(), arrow::error::ArrowError> {
        let mut rest = line;
        while !rest.is_empty() {
            let read = self.decoder.decode(rest)?;
            // The decoder takes nothing more when it has a batch of rows, which a line with several
            // objects may bring about in its midst.
            if read == 0 {
                self.write()?;
            }
            rest = &rest[read..];
        }
        self.pending += 1;
        if self.pending == BATCH_ROWS {
            self.write()?;
        }
        Ok(())
    }

    fn write(&mut self) -> Result<(), arrow::error::ArrowError> {
        self.pending = 0;
        if let Some(batch) = self.decoder.flush()? {
            self.rows += batch.num_rows() as u64;
            self.writer.write(&batch)?;
        }
        Ok(())
    }

    fn finish_file(mut self) -> Result<u64, arrow::error::ArrowError> {
        self.write()?;
        self.writer.close()?;
        Ok(self.rows)
    }
}
