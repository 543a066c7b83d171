//! Exports of a study: a CSV per table, and all of them as Parquet in a zip.

use std::cell::Cell;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;
use std::rc::Rc;

use arrow::datatypes::SchemaRef;
use chrono::{SecondsFormat, Utc};
use tracing::warn;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::files::{Style, TableFiles, cannot_write};
use super::manifest;
use super::place::{self, ExportPlace};
use crate::error::{Context, Error, Result, StudyFault};
use crate::screen::{Allowed, Formulas, LEAST, Screen, tell_small_cells};
use crate::store::{Folder, WorkFolder};
use crate::study::counts::CountsTable;
use crate::study::engine::Engine;
use crate::study::manifest::{Content, ExportKind, ExportTable, Manifest, Work};
use crate::study::workflow::Workflow;
use crate::study::{StudyName, core};

/// Columns that stand for patients.
const PATIENTS: [&str; 8] = [
    "subject_ref",
    "subject_id",
    "subject",
    "patient_ref",
    "patient_id",
    "patient",
    "person_ref",
    "person_id",
];
/// The tag of tables that are archived only.
const ARCHIVE: &str = "archive";

/// A study, and the tables of it that are to be exported.
#[derive(Clone, Debug)]
pub struct Study {
    /// Its prefix.
    pub prefix: StudyName,
    /// The tables in order.
    pub tables: Vec<ExportTable>,
    /// The text that goes with them as `manifest.toml`.
    pub manifest: String,
    /// The tables of counts workflows, by name in lower case.
    counted: HashMap<String, CountedTable>,
}

/// A table of a counts workflow, as the workflow declares it.
#[derive(Clone, Debug)]
struct CountedTable {
    /// The smallest count that it keeps.
    least: u64,
    /// The column that it counts, if that stands for something else than a patient: many of these
    /// may be of one.
    not_patients: Option<String>,
}

/// Which tables leave although they look as if they must not, and how they are written.
#[derive(Clone, Debug, Default)]
pub struct ExportRules {
    /// Tables that someone has looked at.
    pub allowed: Allowed,
    /// The treatment of CSV cells that a spreadsheet would run.
    pub formulas: Formulas,
}

/// The result of an export.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exported {
    /// The tables that were written.
    pub tables: Vec<String>,
    /// Those that had no rows.
    pub empty: Vec<String>,
    /// Those that no counts workflow has made, of a study that was made of FHIR as it is.
    pub withheld: Vec<String>,
    /// Where the zip is.
    pub archive: String,
}

impl Study {
    /// The exports of a stage's actions.
    pub fn of_stage(study: &Manifest, stage: Option<&str>) -> Result<Self> {
        let actions = study.stage_actions(stage)?.into_iter();
        let tables = actions.flat_map(|action| match &action.work {
            Work::Export { tables, .. } => tables.clone(),
            Work::Build { .. } => Vec::new(),
        });
        Ok(Self {
            prefix: study.prefix.clone(),
            tables: tables.collect(),
            manifest: manifest::spelled_out(study)?,
            counted: find_counted(study),
        })
    }

    /// The exports of the study that is part of this program.
    pub fn of_core() -> Result<Self> {
        let tables = core::list_exports()?;
        let about = "FHIR's tables, flattened for analysts";
        let manifest = manifest::declare_study(core::PREFIX, about, &tables)?;
        let name = |table: &str| format!("{}__{table}", core::PREFIX).to_lowercase();
        let counted = core::read_counts()?;
        let counted =
            counted.iter().map(|table| (name(&table.name), CountedTable::of_table(table, None)));
        let counted = counted.collect();
        Ok(Self { prefix: StudyName::parse(core::PREFIX)?, tables, manifest, counted })
    }

    /// The smallest count that a table may have; `None` for what is not counts.
    fn least_count(&self, table: &ExportTable) -> Option<u64> {
        let counts = matches!(table.kind, ExportKind::Cube | ExportKind::AnnotatedCube);
        let promised = self.counted.get(&table.name.to_lowercase()).map(|counted| counted.least);
        // A workflow may ask for less than may leave.
        counts.then_some(promised.unwrap_or(LEAST).max(LEAST))
    }
}

impl CountedTable {
    /// `patient`: the column that stands for a patient, as the study declares it.
    fn of_table(table: &CountsTable, patient: Option<&str>) -> Self {
        let is_patient = |id: &String| {
            let id = id.to_lowercase();
            PATIENTS.contains(&id.as_str())
                || patient.is_some_and(|patient| patient.eq_ignore_ascii_case(&id))
        };
        // Where there are two counts, both reach the minimum.
        let by_patients =
            is_patient(&table.primary_id) || table.secondary_id.as_ref().is_some_and(is_patient);
        let not_patients = (!by_patients).then(|| table.primary_id.clone());
        Self { least: table.min_subject, not_patients }
    }
}

/// The tables of a study's counts workflows, by name in lower case, with what each counts.
fn find_counted(study: &Manifest) -> HashMap<String, CountedTable> {
    let mut counted = HashMap::new();
    let patient = study.subject_grain_column.as_deref();
    for action in study.stages.values().flatten() {
        let Work::Build { files, .. } = &action.work else { continue };
        for file in files {
            let Content::Workflow(Workflow::Counts(tables)) = &file.content else { continue };
            let name = |name: &str| study.table_name(name).to_lowercase();
            counted
                .extend(tables.iter().map(|t| (name(&t.name), CountedTable::of_table(t, patient))));
        }
    }
    counted
}

/// Writes a study's export to `data/<study>/`, in place of the earlier one.
///
/// Of a study that was made of FHIR as it is, only what counts workflows have made is written, and the
/// archive is marked: it is not for upload.
///
/// # Errors
/// A table that was not built; one that must not be shared, or not as what it is tagged as, unless it
/// is allowed. The earlier export stays then.
pub fn export_tables(
    engine: &dyn Engine,
    study: &Study,
    data: &Folder,
    rules: &ExportRules,
    work: &WorkFolder,
) -> Result<Exported> {
    if study.tables.is_empty() {
        let message = format!("study '{}' exports no tables", study.prefix);
        return Err(Error::new(StudyFault::Share, message));
    }
    let identified = engine.is_raw(&study.prefix)?;
    let mut exported = Exported::default();
    let mut tables = Vec::new();
    for table in &study.tables {
        // The engine's word, not the study's: a study may call any table counts.
        match identified && !engine.is_counted(&table.name)? {
            true => exported.withheld.push(table.name.clone()),
            false => tables.push(table),
        }
    }
    if identified {
        tell_identified(study, &exported.withheld, tables.is_empty())?;
    }
    let style = Style { formulas: rules.formulas, identified };
    let mut screens = Vec::new();
    for table in &tables {
        // Of all tables, before the lock and the first file: one that was not built is told without
        // a wait.
        let schema = read_columns(engine, &table.name)?;
        screens.push(Screen::of_schema(&schema, study.least_count(table)));
    }
    let place = ExportPlace::begin(data, &study.prefix, work)?;
    let archive = format!("{}.zip", study.prefix);
    let mut zip = Archive::begin_archive(&place.path(&archive))?;
    for (table, screen) in tables.iter().zip(&mut screens) {
        let (name, tag) = (&table.name, table.kind.file_tag());
        let csv = place.path(&format!("{name}.{tag}.csv"));
        // Parquet files are in the zip alone: what lies beside it is for people.
        let parquet = work.path().join(format!("{name}.{tag}.parquet"));
        if write_table(engine, name, Some(screen), (&csv, &parquet, style), work)? {
            zip.add(&format!("{name}.{tag}.parquet"), &parquet)?;
            exported.tables.push(name.clone());
        } else {
            exported.empty.push(name.clone());
        }
    }
    // After all tables have been written, so that one message names all that is wrong. The zip has
    // no end yet, and goes with its folder.
    screen_tables(study, &tables, &screens, &rules.allowed)?;
    zip.finish_archive(&manifest::add_notes(
        &study.manifest,
        identified,
        &rules.allowed.small_cells,
    )?)?;
    place.commit_files()?;
    for (table, screen) in tables.iter().zip(&screens).filter(|(_, screen)| screen.small_rows() > 0)
    {
        warn!(
            study = %study.prefix,
            "{}: {} fewer than {LEAST}, as --allow-small-cells says. Look at the table before it is \
             shared",
            table.name,
            tell_small_cells(screen.small_rows())
        );
    }
    exported.archive = data.child(&study.prefix).show(&archive);
    Ok(exported)
}

/// Says what leaves of a study that was made of FHIR as it is.
fn tell_identified(study: &Study, withheld: &[String], nothing_left: bool) -> Result<()> {
    let study = &study.prefix;
    let about = format!(
        "{study}: made of FHIR that was not de-identified (--load-ndjson-dir): of such tables only those \
         that a counts workflow makes are exported, and the archive can't be uploaded"
    );
    if nothing_left {
        let message = format!("{about}. It exports none: nothing was exported");
        return Err(Error::new(StudyFault::Share, message));
    }
    match withheld.is_empty() {
        true => warn!(study = %study, "{about}"),
        false => warn!(study = %study, "{about}. Left out: {}", withheld.join(", ")),
    }
    Ok(())
}

/// Writes all tables of a study to `data/<study>__<time>.zip`, as Parquet and as CSV. Tables that
/// are not exported are tagged `archive`: they hold patients' rows.
pub fn archive_tables(
    engine: &dyn Engine,
    study: &Study,
    data: &Folder,
    formulas: Formulas,
    work: &WorkFolder,
) -> Result<Exported> {
    let tables = engine.list_tables(&study.prefix)?;
    if tables.is_empty() {
        return Err(not_built(&study.prefix));
    }
    let identified = engine.is_raw(&study.prefix)?;
    if identified {
        warn!(
            study = %study.prefix,
            "{}: made of FHIR that was not de-identified (--load-ndjson-dir): the archive is marked, and \
             holds patients' data as it is",
            study.prefix
        );
    }
    let style = Style { formulas, identified };
    let name =
        format!("{}__{}.zip", study.prefix, Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true));
    let local = work.path().join("archive.zip");
    let mut zip = Archive::begin_archive(&local)?;
    let mut exported = Exported::default();
    for table in tables {
        let kind = study.tables.iter().find(|known| known.name.eq_ignore_ascii_case(&table.name));
        // The tag `archive` is none of those that an upload lets pass.
        let tag = kind.map_or(ARCHIVE, |kind| kind.kind.file_tag());
        let base = format!("{}.{tag}", table.name);
        let csv = work.path().join(format!("{base}.csv"));
        let parquet = work.path().join(format!("{base}.parquet"));
        if write_table(engine, &table.name, None, (&csv, &parquet, style), work)? {
            zip.add(&format!("{base}.csv"), &csv)?;
            zip.add(&format!("{base}.parquet"), &parquet)?;
            exported.tables.push(table.name);
        } else {
            exported.empty.push(table.name);
        }
    }
    zip.finish_archive(&manifest::add_notes(&study.manifest, identified, &[])?)?;
    data.create()?;
    // It has rows of patients: no other user of the machine may read it.
    place::send_file(&local, &data.clone().private(), &name)?;
    exported.archive = data.show(&name);
    Ok(exported)
}

fn not_built(study: &str) -> Error {
    let message = format!("study '{study}' is not built: run study build -t {study} first");
    Error::new(StudyFault::Share, message)
}

fn read_columns(engine: &dyn Engine, table: &str) -> Result<SchemaRef> {
    engine.schema(table)?.ok_or_else(|| {
        let study = table.split_once("__").map_or(table, |(study, _)| study);
        let message = format!(
            "there is no table {table} to export: run study build -t {study} first, with the stage \
             that makes it"
        );
        Error::new(StudyFault::Share, message)
    })
}

/// Refuses tables that must not leave as they are; names each, with all that is wrong.
fn screen_tables(
    study: &Study,
    tables: &[&ExportTable],
    screens: &[Screen],
    allowed: &Allowed,
) -> Result<()> {
    let mut faults = Vec::new();
    for (table, screen) in tables.iter().zip(screens) {
        let name = &table.name;
        let small = allowed.small_cells(name);
        let mut found = screen.faults(name, allowed.allows_ids(name), small);
        let counted = study.counted.get(&name.to_lowercase());
        if let Some(column) = counted.and_then(|counted| counted.not_patients.as_ref())
            && !small
        {
            found.push(format!(
                "it counts {column}, of which one patient may have many: count subject_ref, as \
                 primary_id or secondary_id. If {column} stands for a patient, or the table may leave \
                 as it is, allow it by --allow-small-cells {name}"
            ));
        }
        let tag = table.kind.file_tag();
        faults.extend(found.iter().map(|why| format!("{name} is not exported as {tag}: {why}")));
    }
    if faults.is_empty() {
        return Ok(());
    }
    let message = format!("{}. Nothing was exported", faults.join(".\n"));
    Err(Error::new(StudyFault::Share, message))
}

/// Writes a sorted table in both forms; false, and nothing, if it has no rows.
fn write_table(
    engine: &dyn Engine,
    name: &str,
    mut screen: Option<&mut Screen>,
    (csv, parquet, style): (&Path, &Path, Style),
    work: &WorkFolder,
) -> Result<bool> {
    let rows = engine.read_sorted(name, work)?;
    let mut out: Option<TableFiles> = None;
    for batch in rows.batches {
        let batch = batch?;
        // Files are begun with the first row only, as a table without rows has none.
        if batch.num_rows() == 0 {
            continue;
        }
        if let Some(screen) = &mut screen {
            screen.look_at_rows(&batch)?;
        }
        let files = match &mut out {
            Some(files) => files,
            None => out.insert(TableFiles::begin_files(csv, parquet, &rows.schema, style)?),
        };
        files.write(&batch)?;
    }
    match out {
        None => Ok(false),
        Some(files) => files.finish_files().map(|()| true),
    }
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
    fn begin_archive(path: &Path) -> Result<Self> {
        let failed = cannot_write(path);
        let file = File::create_new(path).with_context(|| failed.clone())?;
        let given_up = Rc::<Cell<bool>>::default();
        let zip = ZipWriter::new(ZipFile { file, given_up: given_up.clone() });
        Ok(Self { _given_up: GivenUp(given_up), zip, failed })
    }

    fn start_member(&mut self, name: &str) -> Result<()> {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            // A member's header is written before its size is known. Without this, one that grows
            // beyond 4 GiB fails then.
            .large_file(true);
        self.zip.start_file(name, options).with_context(|| self.failed.clone())
    }

    /// Adds a file, and removes it where it was.
    fn add(&mut self, name: &str, path: &Path) -> Result<()> {
        self.start_member(name)?;
        let mut file = File::open(path).with_context(|| self.failed.clone())?;
        io::copy(&mut file, &mut self.zip).with_context(|| self.failed.clone())?;
        std::fs::remove_file(path).with_context(|| format!("cannot remove '{}'", path.display()))
    }

    fn finish_archive(mut self, manifest: &str) -> Result<()> {
        // The last member: an upload takes a zip without it for one that was broken off.
        self.start_member(manifest::FILE_NAME)?;
        self.zip.write_all(manifest.as_bytes()).with_context(|| self.failed.clone())?;
        self.zip.finish().context(self.failed).map(|_| ())
    }
}
