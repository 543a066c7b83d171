//! Exports of a study: a CSV per table, and all of them as Parquet in a zip.

use std::cell::Cell;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use chrono::{SecondsFormat, Utc};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use tracing::warn;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::manifest;
use super::place::{self, Place};
use super::screen::{Allowed, COUNT, LEAST, Screen};
use crate::error::{Context, Error, Exit, Result};
use crate::store::{Folder, WorkFolder};
use crate::study::engine::Engine;
use crate::study::manifest::{Content, ExportKind, ExportTable, Manifest, Work};
use crate::study::workflow::Workflow;
use crate::study::{StudyName, core};
use crate::ui::thousands;

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
    /// The minimum of each table that a counts workflow makes, by name in lower case.
    minimums: HashMap<String, u64>,
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
            minimums: minimums(study),
        })
    }

    /// What the study exports that is part of this program.
    pub fn core() -> Result<Self> {
        let tables = core::exports()?;
        let about = "FHIR's tables, flattened for analysts";
        let manifest = manifest::declared(core::PREFIX, about, &tables)?;
        let minimum = |name: &str| format!("{}__{name}", core::PREFIX).to_lowercase();
        let minimums = core::counts()?.into_iter();
        let minimums = minimums.map(|table| (minimum(&table.name), table.min_subject)).collect();
        Ok(Self { prefix: StudyName::parse(core::PREFIX)?, tables, manifest, minimums })
    }

    /// The smallest count that a table may have; `None` for what is not counts.
    fn least(&self, table: &ExportTable) -> Option<u64> {
        let counts = matches!(table.kind, ExportKind::Cube | ExportKind::AnnotatedCube);
        let promised = self.minimums.get(&table.name.to_lowercase()).copied();
        counts.then_some(promised.unwrap_or(LEAST))
    }
}

/// What the counts workflows that a study builds promise of their tables.
fn minimums(study: &Manifest) -> HashMap<String, u64> {
    let mut minimums = HashMap::new();
    for action in study.stages.values().flatten() {
        let Work::Build { files, .. } = &action.work else { continue };
        for file in files {
            let Content::Workflow(Workflow::Counts(tables)) = &file.content else { continue };
            let promised = |name: &str| study.table(name).to_lowercase();
            minimums.extend(tables.iter().map(|table| (promised(&table.name), table.min_subject)));
        }
    }
    minimums
}

/// Writes a study's export to `data/<study>/`, in place of the earlier one.
///
/// # Errors
/// A table that was not built; one that must not be shared, or not as what it is tagged as, unless it
/// is `allowed`. The earlier export stays then.
pub fn export(
    engine: &dyn Engine,
    study: &Study,
    data: &Folder,
    allowed: &Allowed,
    work: &WorkFolder,
) -> Result<Exported> {
    if study.tables.is_empty() {
        let message = format!("study '{}' exports no tables", study.prefix);
        return Err(Error::new(Exit::StudyInvalid, message));
    }
    let mut screens = Vec::new();
    for table in &study.tables {
        let schema = columns(engine, &table.name)?;
        screens.push(Screen::of(&schema, study.least(table)));
    }
    let place = Place::begin(data, &study.prefix, work)?;
    let mut exported = Exported::default();
    let archive = format!("{}.zip", study.prefix);
    let mut zip = Archive::begin(&place.path(&archive))?;
    for (table, screen) in study.tables.iter().zip(&mut screens) {
        let (name, tag) = (&table.name, table.kind.tag());
        let csv = place.path(&format!("{name}.{tag}.csv"));
        let parquet = work.path().join(format!("{name}.{tag}.parquet"));
        if write_table(engine, name, Some(screen), &csv, &parquet, work)? {
            zip.add(&format!("{name}.{tag}.parquet"), &parquet)?;
            exported.tables.push(name.clone());
        } else {
            exported.empty.push(name.clone());
        }
    }
    judge(study, &screens, allowed)?;
    zip.finish(&study.manifest)?;
    place.commit()?;
    for (table, screen) in study.tables.iter().zip(&screens).filter(|(_, screen)| screen.few() > 0)
    {
        warn!(
            study = %study.prefix,
            "{}: {} of its cells count fewer than {LEAST}, {}. Look at them before they are shared",
            table.name,
            thousands(screen.few()),
            match study.minimums.get(&table.name.to_lowercase()) {
                Some(least) if *least < LEAST =>
                    format!("as its workflow says (min_subject = {least})"),
                _ => "as --allow-small-cells says".to_owned(),
            }
        );
    }
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
        if write_table(engine, &table.name, None, &csv, &parquet, work)? {
            zip.add(&format!("{base}.csv"), &csv)?;
            zip.add(&format!("{base}.parquet"), &parquet)?;
            exported.tables.push(table.name);
        } else {
            exported.empty.push(table.name);
        }
    }
    zip.finish(&study.manifest)?;
    data.create()?;
    place::send(&local, &data.clone().private(), &name)?;
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

/// Refuses tables that must not leave as they are; names each, with all that is wrong.
fn judge(study: &Study, screens: &[Screen], allowed: &Allowed) -> Result<()> {
    let mut faults = Vec::new();
    for (table, screen) in study.tables.iter().zip(screens) {
        let name = &table.name;
        let found = screen.faults(name, allowed.ids(name), allowed.small_cells(name));
        let tag = table.kind.tag();
        faults.extend(found.iter().map(|why| format!("{name} is not exported as {tag}: {why}")));
    }
    if faults.is_empty() {
        return Ok(());
    }
    let message = format!("{}. Nothing was exported", faults.join(".\n"));
    Err(Error::new(Exit::StudyInvalid, message))
}

/// Writes a sorted table in both forms; false, and nothing, if it has no rows.
fn write_table(
    engine: &dyn Engine,
    name: &str,
    mut screen: Option<&mut Screen>,
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
        if let Some(screen) = &mut screen {
            screen.look(&batch)?;
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

/// A table's two files.
struct Files {
    csv: csv::Writer<BufWriter<File>>,
    parquet: ArrowWriter<File>,
    schema: SchemaRef,
    /// What is said where one of them can't be written.
    csv_failed: String,
    parquet_failed: String,
}

impl Files {
    fn begin(csv: &Path, parquet: &Path, schema: &SchemaRef) -> Result<Self> {
        let [csv_failed, parquet_failed] = [csv, parquet].map(cannot_write);
        let create = |path: &Path| File::create(path).with_context(|| cannot_write(path));
        let mut csv = csv::Writer::from_writer(BufWriter::new(create(csv)?));
        csv.write_record(schema.fields().iter().map(|field| field.name()))
            .with_context(|| csv_failed.clone())?;
        let fields: Vec<_> = schema.fields().iter().map(|field| shared(field)).collect();
        let schema = Arc::new(Schema::new(fields));
        let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
        let parquet = ArrowWriter::try_new(create(parquet)?, schema.clone(), Some(properties));
        let parquet = parquet.with_context(|| parquet_failed.clone())?;
        Ok(Self { csv, parquet, schema, csv_failed, parquet_failed })
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
            .with_context(|| self.csv_failed.clone())?;
        for row in 0..batch.num_rows() {
            let cells = formatters.iter().map(|formatter| formatter.value(row).to_string());
            self.csv.write_record(cells).with_context(|| self.csv_failed.clone())?;
        }
        let columns = batch.columns().iter().zip(self.schema.fields());
        let columns = columns.map(|(column, field)| cast(column, field.data_type()));
        let failed = || self.parquet_failed.clone();
        let columns = columns.collect::<Result<Vec<_>, _>>().with_context(failed)?;
        let batch = RecordBatch::try_new(self.schema.clone(), columns).with_context(failed)?;
        self.parquet.write(&batch).with_context(failed)
    }

    fn finish(mut self) -> Result<()> {
        self.csv.flush().context(self.csv_failed)?;
        self.parquet.close().context(self.parquet_failed)?;
        Ok(())
    }
}

fn cannot_write(path: &Path) -> String {
    format!("cannot write '{}'", path.display())
}

/// A column as others expect it: counts (`cnt`, `cnt_subject_ref`) are 64 bits wide.
fn shared(field: &Field) -> Field {
    let name = field.name().to_lowercase();
    let counts = name.strip_prefix(COUNT).is_some_and(|of| of.is_empty() || of.starts_with('_'));
    let is_count = counts && field.data_type().is_integer();
    let data_type = if is_count { DataType::Int64 } else { field.data_type().clone() };
    Field::new(field.name(), data_type, true)
}

/// A zip that is being written.
struct Archive {
    // Dropped before the zip.
    _given_up: GivenUp,
    zip: ZipWriter<ZipFile>,
    failed: String,
}

/// Says that a zip is not wanted any more, when it is dropped.
struct GivenUp(Rc<Cell<bool>>);

impl Drop for GivenUp {
    fn drop(&mut self) {
        self.0.set(true);
    }
}

/// A zip's file. A zip that is dropped writes its end, and says on standard error that it can't where
/// the disk is full: for one that is given up nothing is written any more.
struct ZipFile {
    file: File,
    given_up: Rc<Cell<bool>>,
}

impl Write for ZipFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.given_up.get() { Ok(bytes.len()) } else { self.file.write(bytes) }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Seek for ZipFile {
    fn seek(&mut self, place: SeekFrom) -> io::Result<u64> {
        self.file.seek(place)
    }
}

impl Archive {
    fn begin(path: &Path) -> Result<Self> {
        let failed = cannot_write(path);
        let file = File::create_new(path).with_context(|| failed.clone())?;
        let given_up = Rc::<Cell<bool>>::default();
        let zip = ZipWriter::new(ZipFile { file, given_up: given_up.clone() });
        Ok(Self { _given_up: GivenUp(given_up), zip, failed })
    }

    fn start(&mut self, name: &str) -> Result<()> {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .large_file(true);
        self.zip.start_file(name, options).with_context(|| self.failed.clone())
    }

    /// Adds a file, and removes it where it was.
    fn add(&mut self, name: &str, path: &Path) -> Result<()> {
        self.start(name)?;
        let mut file = File::open(path).with_context(|| self.failed.clone())?;
        io::copy(&mut file, &mut self.zip).with_context(|| self.failed.clone())?;
        std::fs::remove_file(path).with_context(|| format!("cannot remove '{}'", path.display()))
    }

    fn finish(mut self, manifest: &str) -> Result<()> {
        self.start("manifest.toml")?;
        self.zip.write_all(manifest.as_bytes()).with_context(|| self.failed.clone())?;
        self.zip.finish().context(self.failed).map(|_| ())
    }
}
