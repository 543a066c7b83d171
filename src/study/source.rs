//! A text file of a study, and faults in it with file and line.

use std::fs;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use toml::Spanned;

use crate::error::{Error, Exit, Result};

/// A file of a study as it was read.
#[derive(Clone, Debug)]
pub struct Source {
    path: PathBuf,
    text: String,
}

impl Source {
    /// Reads a file, which must be UTF-8.
    pub fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).map_err(|error| {
            Error::new(Exit::StudyInvalid, format!("{} cannot be read: {error}", path.display()))
        })?;
        // Windows' editors put a mark in front that is no part of the text.
        let text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
        Ok(Self { path: path.to_owned(), text })
    }

    /// A text that is said to be a file's.
    pub fn of(path: impl Into<PathBuf>, text: impl Into<String>) -> Self {
        Self { path: path.into(), text: text.into() }
    }

    /// Where it was read.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is in it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The folder that it is in.
    pub fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new(""))
    }

    /// Reads it as TOML of a known structure.
    pub fn toml<T: DeserializeOwned>(&self) -> Result<T> {
        toml::from_str(&self.text).map_err(|error| {
            let offset = error.span().map_or(0, |span| span.start);
            self.fault(self.line(offset), error.message().trim_end())
        })
    }

    /// The line of a byte of the text, from 1.
    pub fn line(&self, offset: usize) -> usize {
        let before = self.text.as_bytes().iter().take(offset);
        1 + before.filter(|byte| **byte == b'\n').count()
    }

    /// The line that a value of the TOML begins in.
    pub fn line_of<T>(&self, value: &Spanned<T>) -> usize {
        self.line(value.span().start)
    }

    /// The error that something in a line is wrong.
    pub fn fault(&self, line: usize, message: impl AsRef<str>) -> Error {
        let place = format!("{}:{line}", self.path.display());
        Error::new(Exit::StudyInvalid, format!("{place}: {}", message.as_ref()))
    }

    /// The error that a value of the TOML is wrong.
    pub fn fault_at<T>(&self, value: &Spanned<T>, message: impl AsRef<str>) -> Error {
        self.fault(self.line_of(value), message)
    }
}
