//! The sources of the tables that studies read: the output of the main job, or FHIR as it is.

pub mod files;
mod ndjson;
mod shape;

use std::collections::BTreeSet;

use arrow::datatypes::SchemaRef;
use object_store::path::Path;
use tracing::warn;

use super::scan::{ParquetTable, ScannedFile};
use super::stores::Stores;
use crate::error::{Error, FolderFault, Result, RunFault, SettingsFault};
use crate::fhir::{self, TABLE_TYPES};
use crate::input;
use crate::output::OutputFormat;
use crate::output::delta;
use crate::store::{Entry, Folder, WorkFolder};
use crate::table::{Shape, schema};
use crate::text::escape_controls;
use crate::ui::format_count;

/// The folders of a lake with several formats, in the order in which they are looked for.
const FORMATS: [&str; 3] = ["deltalake", "parquet", "ndjson"];
/// Tables of the main job that are not of one resource type.
const COMPLETION: &str = "etl__completion";
const COMPLETION_ENCOUNTERS: &str = "etl__completion_encounters";

/// Tables that studies read and never change.
#[derive(Debug)]
pub enum TableSource {
    /// The main job's OUTPUT: a folder per table.
    Lake {
        /// The folder with the tables.
        root: Folder,
        /// The tables, in lower case, with their folders' names.
        tables: Vec<(String, String)>,
        /// For tables that have to be rewritten to be read; `None` where other machines read them.
        work: Option<WorkFolder>,
    },
    /// FHIR NDJSON, at any depth of a folder.
    Ndjson {
        /// The folder.
        root: Folder,
        /// Its files.
        inputs: input::Inputs,
        /// For the rows as tables.
        work: WorkFolder,
    },
    /// Nothing but what studies made.
    None,
}

impl TableSource {
    /// The main job's OUTPUT: with one format, with a folder per format, or one of these folders.
    ///
    /// # Errors
    /// A folder without any table.
    pub fn of_lake(root: Folder, work: Option<WorkFolder>) -> Result<Self> {
        if !root.exists() {
            return Err(Error::new(FolderFault::Missing, format!("there is no folder '{root}'")));
        }
        let known = known_tables();
        let is_known = |name: &String| known.contains(&name.to_lowercase());
        let (folders, _) = root.list_direct()?;
        let mut several = None;
        for format in FORMATS.iter().filter(|format| folders.iter().any(|name| name == *format)) {
            let below = root.child(format);
            let (tables, _) = below.list_direct()?;
            // A folder of that name alone does not tell: it may be anything. With tables of the
            // main job in it, it is a set of tables.
            if tables.iter().any(is_known) {
                several = Some((below, tables));
                break;
            }
        }
        if let Some((below, _)) = &several
            && folders.iter().any(is_known)
        {
            warn!(
                "'{root}' has two sets of tables: one right in it, and one in '{below}', which is the \
                 one that is read. Each has only what runs with its own --output-format wrote"
            );
        }
        let (root, folders) = several.unwrap_or((root, folders));
        let tables: Vec<_> = folders
            .into_iter()
            // The main job's records, files under way and markers are no tables.
            .filter(|name| !name.starts_with('.') && name != "JobConfig")
            .map(|name| (name.to_lowercase(), name))
            .collect();
        if !tables.iter().any(|(name, _)| known.contains(name) || name.contains("__")) {
            return Err(Error::new(
                SettingsFault::InvalidValue,
                format!(
                    "there are no tables in '{root}': --lake is the OUTPUT that the main job wrote"
                ),
            ));
        }
        Ok(Self::Lake { root, tables, work })
    }

    /// FHIR NDJSON files, read as they are.
    ///
    /// # Errors
    /// A folder without any.
    pub fn of_ndjson(root: Folder, work: WorkFolder) -> Result<Self> {
        if !root.exists() {
            return Err(Error::new(FolderFault::Missing, format!("there is no folder '{root}'")));
        }
        let inputs = input::find(&root)?;
        if inputs.files.is_empty() {
            let message = format!("there are no NDJSON files with FHIR resources in '{root}'");
            return Err(Error::new(RunFault::NoResources, message));
        }
        Ok(Self::Ndjson { root, inputs, work })
    }

    /// The names of all tables, in lower case.
    pub fn table_names(&self) -> BTreeSet<String> {
        let mut tables = match self {
            Self::None => return BTreeSet::new(),
            Self::Lake { tables, .. } => tables.iter().map(|(name, _)| name.clone()).collect(),
            Self::Ndjson { .. } => BTreeSet::new(),
        };
        tables.extend(known_tables());
        tables
    }

    /// Opens a table; `None` if no table has this name (in lower case). A table that the main job knows,
    /// but that has no rows, is there with its fixed columns.
    pub fn open_table(&self, name: &str, stores: &Stores) -> Result<Option<ParquetTable>> {
        let found = match self {
            Self::None => return Ok(None),
            Self::Lake { root, tables, work } => {
                match tables.iter().find(|(table, _)| table == name) {
                    Some((_, folder)) => {
                        open_folder(&root.child(folder), name, work.as_ref(), stores)?
                    }
                    None => None,
                }
            }
            Self::Ndjson { root, inputs, work } => {
                let files = ndjson::of_table(root, inputs, name)?;
                match files.is_empty() {
                    true => None,
                    false => Some(ndjson::make_table(root, &files, name, work, stores)?),
                }
            }
        };
        if found.is_some() {
            return Ok(found);
        }
        match fixed_schema(name) {
            Some(schema) => ParquetTable::new(stores.local_disk(), Vec::new(), schema).map(Some),
            None => Ok(None),
        }
    }
}

/// A table's folder in a lake; `None` if there is nothing in it.
fn open_folder(
    folder: &Folder,
    name: &str,
    work: Option<&WorkFolder>,
    stores: &Stores,
) -> Result<Option<ParquetTable>> {
    // First: a Delta table's folder has Parquet files as well, among them those that its log no
    // longer names.
    if let Some((schema, files)) = delta::list(folder)? {
        let files = files.into_iter().map(|file| ScannedFile {
            path: Path::from(format!("{}/{}", folder.path(""), file.name)),
            size: file.size,
            rows: file.rows,
        });
        return ParquetTable::new(stores.store_of(folder)?, files.collect(), schema).map(Some);
    }
    let entries = folder.list()?;
    let parquet = |name: &str| name.ends_with(".parquet");
    if let Some(entries) = files_of(folder, name, &entries, OutputFormat::PARQUET, &parquet) {
        return files::open_parquet(folder, &entries, stores).map(Some);
    }
    let lines = files_of(folder, name, &entries, OutputFormat::NDJSON, &ndjson::is_ndjson);
    if let Some(lines) = lines {
        let lines: Vec<_> = lines.into_iter().map(|entry| entry.name).collect();
        let Some(work) = work else {
            return Err(Error::failed(format!(
                "a cluster does not read NDJSON, as '{folder}' is: let the main job write \
                 deltalake or parquet"
            )));
        };
        return ndjson::make_table(folder, &lines, name, work, stores).map(Some);
    }
    if entries.iter().any(|entry| entry.name.ends_with(".csv")) {
        return Err(Error::failed(format!(
            "studies do not read CSV, as '{folder}' is: let the main job write deltalake or parquet"
        )));
    }
    Ok(None)
}

/// The files in a table's folder that are the table; `None` if there are no such files. These are the
/// files right in the folder that have such a name as the main job gives. A folder that another program
/// made may have no file of such a name: then these are all files of the kind right in it. A warning names
/// the other files: they may be an older state of the table, moved aside or copied, and its rows would be
/// there twice.
fn files_of(
    folder: &Folder,
    table: &str,
    entries: &[Entry],
    format: OutputFormat,
    is_kind: &dyn Fn(&str) -> bool,
) -> Option<Vec<Entry>> {
    let (direct, below): (Vec<_>, Vec<_>) = entries
        .iter()
        .filter(|entry| is_kind(&entry.name))
        .partition(|entry| !entry.name.contains('/'));
    let (own, foreign): (Vec<_>, Vec<_>) =
        direct.into_iter().partition(|entry| format.table_format().makes_file(table, &entry.name));
    let (taken, left) = if own.is_empty() { (foreign, Vec::new()) } else { (own, foreign) };
    if let Some(first) = left.iter().chain(&below).next() {
        warn!(
            table,
            "{table}: {} in '{folder}' left out, like '{}': the main job gives its files other names, \
             right in the table's folder",
            format_count((left.len() + below.len()) as u64, "file"),
            escape_controls(&first.name)
        );
    }
    (!taken.is_empty()).then(|| taken.into_iter().cloned().collect())
}

fn known_tables() -> BTreeSet<String> {
    let completion = [COMPLETION, COMPLETION_ENCOUNTERS].map(str::to_owned);
    TABLE_TYPES.iter().map(|name| name.to_lowercase()).chain(completion).collect()
}

/// The resource type whose table has this name.
fn resource_of(table: &str) -> Option<&'static fhir::Type> {
    fhir::resource_types().find(|r4| r4.name.eq_ignore_ascii_case(table))
}

/// The columns that a table of the main job always has, also without rows.
fn fixed_schema(table: &str) -> Option<SchemaRef> {
    match table {
        COMPLETION => Some(schema::completion_schema()),
        COMPLETION_ENCOUNTERS => Some(schema::completion_encounters()),
        _ if known_tables().contains(table) => resource_of(table)
            .map(|r4| schema::table_schema(r4, &Shape::default(), &BTreeSet::new())),
        _ => None,
    }
}
