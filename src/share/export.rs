//! Exports of a study: a CSV per table, and all of them as Parquet in a zip.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::LazyLock;

use arrow::array::{AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use chrono::{SecondsFormat, Utc};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use regex::Regex;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::manifest;
use super::place::{self, Place};
use crate::error::{Context, Error, Exit, Result};
use crate::store::{Folder, WorkFolder};
use crate::study::engine::Engine;
use crate::study::manifest::{ExportKind, ExportTable, Manifest, Work};
use crate::study::{StudyName, core};

/// The column of counts.
const COUNT: &str = "cnt";
/// What tables are tagged as that are archived only.
const ARCHIVE: &str = "archive";

/// What is to be exported of a study.
#[derive(Clone, Debug)]
pub struct Study {
    /// Its prefix.
    pub prefix: StudyName,
    /// The tables in order.
    pub tables: Vec<ExportTable>,
    /// What goes with them as `manifest.toml`.
    pub manifest: String,
}

/// What an export did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exported {
    /// The tables that were written.
    pub tables: Vec<String>,
    /// Those that had no rows.
    pub empty: Vec<String>,
    /// Where the zip is.
    pub archive: String,
}

impl Study {
    /// What the actions of a stage export.
    pub fn of(study: &Manifest, stage: Option<&str>) -> Result<Self> {
        let actions = study.stage(stage)?.into_iter();
        let tables = actions.flat_map(|action| match &action.work {
            Work::Export { tables, .. } => tables.clone(),
            Work::Build { .. } => Vec::new(),
        });
        Ok(Self {
            prefix: study.prefix.clone(),
            tables: tables.collect(),
            manifest: manifest::spelled_out(study)?,
        })
    }

    /// What the study exports that is part of this program.
    pub fn core() -> Result<Self> {
        let tables = core::exports()?;
        let about = "FHIR's tables, flattened for analysts";
        let manifest = manifest::declared(core::PREFIX, about, &tables)?;
        Ok(Self { prefix: StudyName::parse(core::PREFIX)?, tables, manifest })
    }
}

/// Writes a study's export to `data/<study>/`, in place of the earlier one.
///
/// # Errors
/// A table that was not built; one that must not be shared as what it is tagged as. The earlier
/// export stays then.
pub fn export(
    engine: &dyn Engine,
    study: &Study,
    data: &Folder,
    work: &WorkFolder,
) -> Result<Exported> {
    if study.tables.is_empty() {
        let message = format!("study '{}' exports no tables", study.prefix);
        return Err(Error::new(Exit::StudyInvalid, message));
    }
    let tables = study.tables.iter().map(|table| (table.name.clone(), table.kind.tag()));
    let tables: Vec<_> = tables.collect();
    for table in &study.tables {
        let schema = columns(engine, &table.name)?;
        check_columns(&schema, table)?;
    }
    let place = Place::begin(data, &study.prefix, work)?;
    let mut exported = Exported::default();
    let archive = format!("{}.zip", study.prefix);
    let mut zip = Archive::begin(&place.path(&archive))?;
    for (name, tag) in &tables {
        let csv = place.path(&format!("{name}.{tag}.csv"));
        let parquet = work.path().join(format!("{name}.{tag}.parquet"));
        let counts = matches!(*tag, "cube" | "annotated_cube");
        if write_table(engine, name, counts, &csv, &parquet, work)? {
            zip.add(&format!("{name}.{tag}.parquet"), &parquet)?;
            exported.tables.push(name.clone());
        } else {
            exported.empty.push(name.clone());
        }
    }
    zip.finish(&study.manifest)?;
    place.commit()?;
    exported.archive = data.child(&study.prefix).show(&archive);
    Ok(exported)
}

/// Writes all tables of a study to `data/<study>__<time>.zip`, as Parquet and as CSV. Tables that
/// are not exported are tagged `archive`: they hold patients' rows.
pub fn archive(
    engine: &dyn Engine,
    study: &Study,
    data: &Folder,
    work: &WorkFolder,
) -> Result<Exported> {
    let tables = engine.tables(&study.prefix)?;
    if tables.is_empty() {
        return Err(not_built(&study.prefix));
    }
    let name =
        format!("{}__{}.zip", study.prefix, Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true));
    let local = work.path().join("archive.zip");
    let mut zip = Archive::begin(&local)?;
    let mut exported = Exported::default();
    for table in tables {
        let kind = study.tables.iter().find(|known| known.name.eq_ignore_ascii_case(&table.name));
        let tag = kind.map_or(ARCHIVE, |kind| kind.kind.tag());
        let base = format!("{}.{tag}", table.name);
        let csv = work.path().join(format!("{base}.csv"));
        let parquet = work.path().join(format!("{base}.parquet"));
        if write_table(engine, &table.name, false, &csv, &parquet, work)? {
            zip.add(&format!("{base}.csv"), &csv)?;
            zip.add(&format!("{base}.parquet"), &parquet)?;
            exported.tables.push(table.name);
        } else {
            exported.empty.push(table.name);
        }
    }
    zip.finish(&study.manifest)?;
    data.create()?;
    place::send(&local, data, &name)?;
    exported.archive = data.show(&name);
    Ok(exported)
}

fn not_built(study: &str) -> Error {
    let message = format!("study '{study}' is not built: run study build -t {study} first");
    Error::new(Exit::StudyInvalid, message)
}

fn columns(engine: &dyn Engine, table: &str) -> Result<SchemaRef> {
    engine.schema(table)?.ok_or_else(|| {
        let study = table.split_once("__").map_or(table, |(study, _)| study);
        let message = format!(
            "there is no table {table} to export: run study build -t {study} first, with the stage \
             that makes it"
        );
        Error::new(Exit::StudyInvalid, message)
    })
}

/// Refuses a table that is said to hold counts and looks as if it had a row for each patient.
fn check_columns(schema: &Schema, table: &ExportTable) -> Result<()> {
    if !matches!(table.kind, ExportKind::Cube | ExportKind::AnnotatedCube) {
        return Ok(());
    }
    let refuse = |why: String| {
        Err(Error::new(
            Exit::StudyInvalid,
            format!(
                "{} is not exported as {}: {why}. Nothing was exported",
                table.name,
                table.kind.tag()
            ),
        ))
    };
    let names = schema.fields().iter().map(|field| field.name().to_lowercase());
    let names: Vec<_> = names.collect();
    if !names.iter().any(|name| name == COUNT) {
        return refuse(format!("it has no column {COUNT}"));
    }
    match names.iter().find(|name| is_id(name)) {
        None => Ok(()),
        Some(name) => refuse(format!(
            "its column {name} looks like one of IDs, and counts have none; give it another name if \
             it is not"
        )),
    }
}

/// Whether a column, by its name, identifies patients or their data.
fn is_id(name: &str) -> bool {
    const NAMES: [&str; 9] =
        ["id", "ids", "mrn", "patient", "subject", "encounter", "reference", "ref", "identifier"];
    const ENDS: [&str; 5] = ["_id", "_ids", "_ref", "_mrn", "_reference"];
    NAMES.contains(&name) || ENDS.iter().any(|end| name.ends_with(end))
}

/// An anonymous ID, or a reference to one.
static ID: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new("^(?:#?[A-Z][A-Za-z]+/)?[0-9a-f]{64}$").ok());

/// Writes a sorted table in both forms; false, and nothing, if it has no rows.
fn write_table(
    engine: &dyn Engine,
    name: &str,
    counts: bool,
    csv: &Path,
    parquet: &Path,
    work: &WorkFolder,
) -> Result<bool> {
    let rows = engine.sorted(name, work)?;
    let mut out: Option<Files> = None;
    for batch in rows.batches {
        let batch = batch?;
        if batch.num_rows() == 0 {
            continue;
        }
        if counts {
            check_values(name, &batch)?;
        }
        let files = match &mut out {
            Some(files) => files,
            None => out.insert(Files::begin(csv, parquet, &rows.schema)?),
        };
        files.write(&batch)?;
    }
    match out {
        None => Ok(false),
        Some(files) => files.finish().map(|()| true),
    }
}

/// Refuses counts by a value that is an anonymous ID, whatever its column is called.
fn check_values(table: &str, batch: &RecordBatch) -> Result<()> {
    let Some(id) = ID.as_ref() else { return Ok(()) };
    for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
        let Some(texts) = column.as_string_opt::<i32>() else { continue };
        if texts.iter().flatten().any(|text| id.is_match(text)) {
            let message = format!(
                "{table} is not exported: its column {} has anonymous IDs, and counts have none. \
                 Nothing was exported",
                field.name()
            );
            return Err(Error::new(Exit::StudyInvalid, message));
        }
    }
    Ok(())
}

/// A table's two files.
struct Files {
    csv: csv::Writer<BufWriter<File>>,
    parquet: ArrowWriter<File>,
    schema: SchemaRef,
}

impl Files {
    fn begin(csv: &Path, parquet: &Path, schema: &SchemaRef) -> Result<Self> {
        let create = |path: &Path| {
            File::create(path).with_context(|| format!("cannot write '{}'", path.display()))
        };
        let mut csv = csv::Writer::from_writer(BufWriter::new(create(csv)?));
        csv.write_record(schema.fields().iter().map(|field| field.name()))
            .context("cannot write CSV")?;
        let fields: Vec<_> = schema.fields().iter().map(|field| shared(field)).collect();
        let schema = Arc::new(Schema::new(fields));
        let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
        let parquet = ArrowWriter::try_new(create(parquet)?, schema.clone(), Some(properties));
        Ok(Self { csv, parquet: parquet.context("cannot write Parquet")?, schema })
    }

    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let options = FormatOptions::default()
            .with_date_format(Some("%Y-%m-%d"))
            .with_timestamp_format(Some("%Y-%m-%d %H:%M:%S%.f"))
            .with_null("");
        let formatters: Vec<_> = batch
            .columns()
            .iter()
            .map(|column| ArrayFormatter::try_new(column, &options))
            .collect::<Result<_, _>>()
            .context("cannot write CSV")?;
        for row in 0..batch.num_rows() {
            let cells = formatters.iter().map(|formatter| formatter.value(row).to_string());
            self.csv.write_record(cells).context("cannot write CSV")?;
        }
        let columns = batch.columns().iter().zip(self.schema.fields());
        let columns = columns.map(|(column, field)| cast(column, field.data_type()));
        let columns = columns.collect::<Result<Vec<_>, _>>().context("cannot write Parquet")?;
        let batch = RecordBatch::try_new(self.schema.clone(), columns);
        self.parquet.write(&batch.context("cannot write Parquet")?).context("cannot write Parquet")
    }

    fn finish(mut self) -> Result<()> {
        self.csv.flush().context("cannot write CSV")?;
        self.parquet.close().context("cannot write Parquet")?;
        Ok(())
    }
}

/// A column as others expect it: counts are 64 bits wide.
fn shared(field: &Field) -> Field {
    let is_count = field.name().eq_ignore_ascii_case(COUNT) && field.data_type().is_integer();
    let data_type = if is_count { DataType::Int64 } else { field.data_type().clone() };
    Field::new(field.name(), data_type, true)
}

/// A zip that is being written.
struct Archive {
    zip: ZipWriter<File>,
}

impl Archive {
    fn begin(path: &Path) -> Result<Self> {
        let file =
            File::create_new(path).with_context(|| format!("cannot write '{}'", path.display()))?;
        Ok(Self { zip: ZipWriter::new(file) })
    }

    fn start(&mut self, name: &str) -> Result<()> {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .large_file(true);
        self.zip.start_file(name, options).context("cannot write the zip")
    }

    /// Adds a file, and removes it where it was.
    fn add(&mut self, name: &str, path: &Path) -> Result<()> {
        self.start(name)?;
        let mut file = File::open(path).context("cannot write the zip")?;
        io::copy(&mut file, &mut self.zip).context("cannot write the zip")?;
        std::fs::remove_file(path).context("cannot remove a temporary file")
    }

    fn finish(mut self, manifest: &str) -> Result<()> {
        self.start("manifest.toml")?;
        self.zip.write_all(manifest.as_bytes()).context("cannot write the zip")?;
        self.zip.finish().context("cannot write the zip").map(|_| ())
    }
}
