//! The manifest that goes with an export: the study's own, with workflows' tables spelled out.

use std::io::Read;

use toml::{Table, Value};

use crate::bounded;
use crate::error::{Context, Error, Result};
use crate::study::manifest::{ExportKind, ExportTable, Manifest, Term, Work};
use crate::study::source::Source;

/// Its name in an archive.
pub const FILE_NAME: &str = "manifest.toml";
/// Says in an archive's manifest, and in its Parquet files, that their rows were made of FHIR as it is.
pub const IDENTIFIED: &str = "made_of_identified_data";
/// Says in an archive's manifest which tables may have counts of few.
const SMALL_CELLS: &str = "allowed_small_cells";
/// The largest manifest of an archive that is read, in bytes.
const LARGEST: u64 = 4 << 20;

/// The notes in an archive's manifest about the archive.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notes {
    /// Whether its tables were made of FHIR as it is.
    pub identified: bool,
    /// The tables that may have counts of few.
    pub small_cells: Vec<String>,
}

/// The manifest with notes about the archive that it goes into.
///
/// # Errors
/// A text that is no manifest.
pub fn add_notes(text: &str, identified: bool, small_cells: &[String]) -> Result<String> {
    if !identified && small_cells.is_empty() {
        return Ok(text.to_owned());
    }
    let mut table: Table = toml::from_str(text).context("cannot write the study's manifest")?;
    if identified {
        table.insert(IDENTIFIED.to_owned(), true.into());
    }
    if !small_cells.is_empty() {
        let names = small_cells.iter().map(|name| Value::from(name.clone()));
        table.insert(SMALL_CELLS.to_owned(), Value::Array(names.collect()));
    }
    toml::to_string(&table).context("cannot write the study's manifest")
}

/// Reads the notes in an archive's manifest.
///
/// # Errors
/// A text that is no manifest, or is too large for one.
pub fn read_notes(manifest: impl Read) -> Result<Notes> {
    let bytes = bounded::read_all(manifest, LARGEST, "manifest.toml")?;
    let text = str::from_utf8(&bytes).context("manifest.toml is not UTF-8 text")?;
    let table: Table = toml::from_str(text)
        .map_err(|error: toml::de::Error| {
            // Without the line of the file, which the library's own `Display` shows: it is
            // anybody's text.
            Error::failed(error.message().lines().next().unwrap_or_default().to_owned())
        })
        .context("manifest.toml is no TOML")?;
    let names = table.get(SMALL_CELLS).and_then(Value::as_array).into_iter().flatten();
    Ok(Notes {
        // Any value but no: a mark that is not understood is a mark.
        identified: table.get(IDENTIFIED).is_some_and(|mark| mark.as_bool() != Some(false)),
        small_cells: names.filter_map(|name| Some(name.as_str()?.to_owned())).collect(),
    })
}

/// The key of the rows of the data dictionary, in a study's own manifest of their file.
const DICTIONARY: &str = "data_dictionary";

/// The text of the manifest.
///
/// # Errors
/// A manifest that can't be read any more.
pub fn spelled_out(study: &Manifest) -> Result<String> {
    // Read again, as plain TOML: all keys but the stages stay as their author wrote them.
    let source = Source::read(&study.root, &study.path)?;
    let mut text: Table = source.read_toml()?;
    // The tables of each action that exports, by stage and place: submanifests are taken in.
    let mut stages = Table::new();
    for (stage, actions) in &study.stages {
        let mut spelled = Vec::new();
        for action in actions {
            let mut entry = Table::new();
            if let Some(label) = &action.label {
                entry.insert("label".to_owned(), label.clone().into());
            }
            match &action.work {
                Work::Build { parallel, files } => {
                    let kind = if *parallel { "build:parallel" } else { "build:serial" };
                    entry.insert("type".to_owned(), kind.into());
                    let files = files.iter().map(|file| Value::from(file.name.clone()));
                    entry.insert("files".to_owned(), Value::Array(files.collect()));
                    push_entry(&mut spelled, entry, action.skip_by_default);
                }
                Work::Export { tables, .. } => {
                    for export in declare_exports(tables) {
                        let mut entry = entry.clone();
                        entry.extend(export);
                        push_entry(&mut spelled, entry, action.skip_by_default);
                    }
                }
            }
        }
        stages.insert(stage.clone(), Value::Array(spelled));
    }
    // The older layout becomes the one that has stages.
    let older = [
        "table_builder_config",
        "sql_config",
        "counts_builder_config",
        "file_config",
        "statistics_config",
        "export_config",
    ];
    for key in older {
        text.remove(key);
    }
    text.insert("stages".to_owned(), Value::Table(stages));
    // Its file is not in the export.
    if text.remove(DICTIONARY).is_some() {
        let terms = study.dictionary.iter().map(|term| Value::Table(write_term(term)));
        text.insert(DICTIONARY.to_owned(), Value::Array(terms.collect()));
    }
    toml::to_string(&text).context("cannot write the study's manifest")
}

/// A row of the data dictionary.
fn write_term(term: &Term) -> Table {
    let keys = [
        ("name", Some(&term.name)),
        ("display", term.display.as_ref()),
        ("description", term.description.as_ref()),
        ("details", term.details.as_ref()),
        ("type", term.kind.as_ref()),
    ];
    let given = keys.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
    given.map(|(key, value)| (key, value.clone().into())).collect()
}

/// The manifest of a study that has none, and exports these tables.
pub fn declare_study(prefix: &str, about: &str, tables: &[ExportTable]) -> Result<String> {
    let mut stages = Table::new();
    let actions = declare_exports(tables).into_iter().map(Value::Table);
    stages.insert("default".to_owned(), Value::Array(actions.collect()));
    let mut text = Table::new();
    text.insert("study_prefix".to_owned(), prefix.into());
    text.insert("description".to_owned(), about.into());
    text.insert("stages".to_owned(), Value::Table(stages));
    toml::to_string(&text).context("cannot write the study's manifest")
}

/// An action for each kind of tables: annotated counts are exported as what they are.
fn declare_exports(tables: &[ExportTable]) -> Vec<Table> {
    let mut by_kind: Vec<(&str, Vec<Value>)> = Vec::new();
    for table in tables {
        let mut named = Table::new();
        named.insert("name".to_owned(), table.name.clone().into());
        if let Some(about) = &table.description {
            named.insert("description".to_owned(), about.clone().into());
        }
        let kind = action_type(table.kind);
        match by_kind.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, tables)) => tables.push(Value::Table(named)),
            None => by_kind.push((kind, vec![Value::Table(named)])),
        }
    }
    let action = |(kind, tables): (&str, Vec<Value>)| {
        let mut entry = Table::new();
        entry.insert("type".to_owned(), kind.into());
        entry.insert("tables".to_owned(), Value::Array(tables));
        entry
    };
    by_kind.into_iter().map(action).collect()
}

fn push_entry(into: &mut Vec<Value>, mut entry: Table, skip: bool) {
    if skip {
        entry.insert("skip_by_default".to_owned(), true.into());
    }
    into.push(Value::Table(entry));
}

fn action_type(kind: ExportKind) -> &'static str {
    match kind {
        ExportKind::Cube => "export:counts",
        ExportKind::AnnotatedCube => "export:annotated_counts",
        ExportKind::Flat => "export:flat",
        ExportKind::Meta => "export:meta",
    }
}
