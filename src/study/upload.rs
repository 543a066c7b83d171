//! The `file_upload` workflow: tables made of files that come with a study.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use serde::Deserialize;
use toml::Spanned;

use super::folder::{PathKind, StudyFolder};
use super::source::Source;
use crate::error::Result;

/// Endings of files that can become tables.
const ENDINGS: [&str; 5] = ["csv", "tsv", "bsv", "parquet", "xlsx"];

/// A table, or with [`CreateMode::Multiple`] several, made of files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadTable {
    /// The table's name as the workflow has it.
    pub name: String,
    /// The line of the name, from 1.
    pub line: usize,
    /// The files, folders replaced by the files in them, sorted within each folder.
    pub files: Vec<PathBuf>,
    /// The folder of studies that they are opened through.
    pub root: StudyFolder,
    /// The separator between the cells of text files. Without one, the ending of the files decides.
    pub delimiter: Option<String>,
    /// The columns' types as Hive names them; text if not given.
    pub col_types: Option<Vec<String>>,
    /// Whether the files are one table or one each.
    pub create_mode: CreateMode,
    /// Whether to read the files again when the table is there already.
    pub always_upload: bool,
}

impl UploadTable {
    /// The tables, by name as Cumulus Library has them, with their files: one, or one for each file,
    /// called as it is.
    pub fn list_tables(&self) -> Vec<(String, Vec<PathBuf>)> {
        match self.create_mode {
            CreateMode::Single => vec![(self.name.clone(), self.files.clone())],
            CreateMode::Multiple => {
                self.files.iter().map(|file| (file_stem(file), vec![file.clone()])).collect()
            }
        }
    }
}

fn file_stem(file: &Path) -> String {
    file.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// How many tables the files of an upload become.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum CreateMode {
    /// One table of all files.
    #[default]
    Single,
    /// One table for each file.
    Multiple,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawUploadWorkflow {
    // `Workflow::read` has looked at it. It is here because `deny_unknown_fields` must know it.
    #[serde(rename = "config_type")]
    _config_type: String,
    tables: IndexMap<Spanned<String>, RawUploadTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawUploadTable {
    // The older key for one file, which Cumulus Library still takes.
    file: Option<Spanned<String>>,
    files: Option<Vec<Spanned<String>>>,
    delimiter: Option<Spanned<String>>,
    col_types: Option<Vec<String>>,
    #[serde(default)]
    create_mode: CreateMode,
    #[serde(default)]
    always_upload: bool,
}

/// Reads a workflow. Each file must be there: paths count from the workflow's folder.
pub fn read(source: &Source) -> Result<Vec<UploadTable>> {
    let raw: RawUploadWorkflow = source.read_toml()?;
    raw.tables.into_iter().map(|(name, table)| table.check_table(&name, source)).collect()
}

impl RawUploadTable {
    fn check_table(self, name: &Spanned<String>, source: &Source) -> Result<UploadTable> {
        let named: Vec<_> = self.file.into_iter().chain(self.files.into_iter().flatten()).collect();
        if named.is_empty() {
            return Err(source.fault_at(name, format!("{} names no files", name.get_ref())));
        }
        let mut files = Vec::new();
        for file in named {
            files.extend(find_files(&file, source)?);
        }
        if files.is_empty() {
            let message = format!("{} has nothing but notes (.md)", name.get_ref());
            return Err(source.fault_at(name, message));
        }
        // The reader of CSV separates cells by a byte: `;` will do, and `¦` will not.
        if let Some(delimiter) = &self.delimiter
            && delimiter.get_ref().len() != 1
        {
            return Err(source.fault_at(delimiter, "a delimiter is one ASCII character"));
        }
        // Manifest and plan tell tables apart by the place of their declaration, which all files of an
        // upload share. Two files of one name would silently be one table there.
        if self.create_mode == CreateMode::Multiple {
            let mut stems: HashMap<String, &PathBuf> = HashMap::new();
            for file in &files {
                if let Some(other) = stems.insert(file_stem(file).to_lowercase(), file) {
                    let message = format!(
                        "{} and {} would be one table: rename one of them",
                        other.display(),
                        file.display()
                    );
                    return Err(source.fault_at(name, message));
                }
            }
        }
        Ok(UploadTable {
            name: name.get_ref().clone(),
            line: source.line_of(name),
            files,
            root: source.root_folder()?.clone(),
            delimiter: self.delimiter.map(Spanned::into_inner),
            col_types: self.col_types,
            create_mode: self.create_mode,
            always_upload: self.always_upload,
        })
    }
}

/// The files that a path stands for: itself, or all in the folder that it is, at any depth. Notes on
/// them (`.md`) are none of them.
fn find_files(file: &Spanned<String>, source: &Source) -> Result<Vec<PathBuf>> {
    let path = source.folder().join(file.get_ref());
    let root = source.root_folder()?;
    let files = match root.kind_of(&path) {
        Ok(PathKind::File) => Ok(vec![path.clone()]),
        Ok(PathKind::Folder) => root.list_files(&path),
        Err(error) => Err(error),
    };
    let mut files = files.map_err(|error| source.fault_at(file, error.explain_causes()))?;
    if files.is_empty() {
        return Err(source.fault_at(file, format!("{} has no files", path.display())));
    }
    // A folder is read in no order, and the first file says which columns all others must have.
    files.sort();
    let ending = |path: &PathBuf| {
        path.extension().and_then(|ending| ending.to_str()).map(str::to_ascii_lowercase)
    };
    files.retain(|path| ending(path).as_deref() != Some("md"));
    let unknown =
        |path: &&PathBuf| !ending(path).is_some_and(|ending| ENDINGS.contains(&ending.as_str()));
    match files.iter().find(unknown) {
        None => Ok(files),
        Some(path) => {
            let known = ENDINGS.map(|ending| format!(".{ending}")).join(", ");
            Err(source.fault_at(file, format!("{} is none of {known}", path.display())))
        }
    }
}
