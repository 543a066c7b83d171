//! A text file of a study, and faults in it with file and line.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::de::DeserializeOwned;
use toml::Spanned;

use super::dialect::Refused;
use super::folder::StudyFolder;
use crate::bounded;
use crate::error::{Error, Result, StudyFault};

/// The largest file of statements that is read, in bytes: the statements that are made of a text
/// take a hundred times its size.
const STATEMENTS: u64 = 8 << 20;
/// The largest manifest, workflow or data dictionary, of which yet more is made.
const DECLARATIONS: u64 = 1 << 20;

/// A file of a study as it was read.
#[derive(Clone, Debug)]
pub struct Source {
    path: PathBuf,
    text: String,
    /// The bytes that its lines begin with.
    lines: Arc<[usize]>,
    /// The folder in which files that it names are looked for.
    root: Option<StudyFolder>,
}

impl Source {
    /// Reads a file of a folder of studies, which must be UTF-8.
    ///
    /// # Errors
    /// [`StudyFolder::open_file`] refuses the file, or the file is too large (`StudyFault::Definition`).
    pub fn read(root: &StudyFolder, path: &Path) -> Result<Self> {
        let ending = path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        let limit = match ending.as_str() {
            "sql" | "jinja" => STATEMENTS,
            _ => DECLARATIONS,
        };
        let bytes = bounded::read_all(root.open_file(path)?, limit, "the file");
        let fault = |why: &str| {
            let message = format!("{}:1: this cannot be read: {why}", path.display());
            Error::new(StudyFault::Definition, message)
        };
        let bytes = bytes.map_err(|error| fault(&error.explain_causes()))?;
        let text = String::from_utf8(bytes).map_err(|_| fault("it is not UTF-8 text"))?;
        // Editors on Windows put a byte order mark in front, which the parsers of SQL and JSON refuse.
        let text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
        Ok(Self { root: Some(root.clone()), ..Self::from_text(path, text) })
    }

    /// A text that is said to be a file's, and names no other files.
    pub fn from_text(path: impl Into<PathBuf>, text: impl Into<String>) -> Self {
        let text = text.into();
        let ends = memchr::memchr_iter(b'\n', text.as_bytes());
        let lines = std::iter::once(0).chain(ends.map(|end| end + 1)).collect();
        Self { path: path.into(), text, lines, root: None }
    }

    /// The folder that all files are in that it may name.
    ///
    /// # Errors
    /// It is no file, and may name none.
    pub fn root_folder(&self) -> Result<&StudyFolder> {
        self.root.as_ref().ok_or_else(|| {
            let message = format!("{}: there are no files beside it", self.path.display());
            Error::new(StudyFault::Definition, message)
        })
    }

    /// Where it was read.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The folder that it is in.
    pub fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new(""))
    }

    /// Reads it as TOML of a known structure.
    pub fn read_toml<T: DeserializeOwned>(&self) -> Result<T> {
        toml::from_str(&self.text).map_err(|error| {
            let offset = error.span().map_or(0, |span| span.start);
            self.fault_in_line(self.line_at(offset), error.message().trim_end())
        })
    }

    /// The line of a byte of the text, from 1.
    pub fn line_at(&self, offset: usize) -> usize {
        // A binary search: a manifest of 1 MiB has tens of thousands of values, and each asks for its line.
        self.lines.partition_point(|begins| *begins <= offset)
    }

    /// The line that a value of the TOML begins in.
    pub fn line_of<T>(&self, value: &Spanned<T>) -> usize {
        self.line_at(value.span().start)
    }

    /// The error that something in a line is wrong.
    pub fn fault_in_line(&self, line: usize, message: impl AsRef<str>) -> Error {
        let place = format!("{}:{line}", self.path.display());
        Error::new(StudyFault::Definition, format!("{place}: {}", message.as_ref()))
    }

    /// The error that a statement, which begins in a line, can't be run as it is written.
    pub fn statement_fault(&self, line: usize, refused: Refused) -> Error {
        self.fault_in_line(refused.line.unwrap_or(line), refused.why)
    }

    /// The error that a value of the TOML is wrong.
    pub fn fault_at<T>(&self, value: &Spanned<T>, message: impl AsRef<str>) -> Error {
        self.fault_in_line(self.line_of(value), message)
    }
}
