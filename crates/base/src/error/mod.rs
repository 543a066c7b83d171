//! The one error type: its kind, for callers that decide by it, and its message, for the user.
//!
//! A message says what went wrong, where, and what to do. It never holds a secret or a
//! patient's data: build it from paths, counts, and names of elements, not from values.

mod kind;

use std::error::Error as StdError;
use std::fmt;

pub use kind::{
    CredentialFault, ErrorKind, FolderFault, RunFault, SettingsFault, StopSignal, StudyFault,
    UploadFault,
};

/// Result of anything a user can see fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error: its kind, its message, and its cause.
pub struct Error {
    kind: ErrorKind,
    message: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error with no cause below it.
    pub fn new(kind: impl Into<ErrorKind>, message: impl Into<String>) -> Self {
        Self { kind: kind.into(), message: message.into(), source: None }
    }

    /// An unexpected failure.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Failed, message)
    }

    /// The message with all that it was caused by, as the user reads it.
    pub fn explain_causes(&self) -> String {
        format!("{self:#}")
    }

    /// The same with all causes in its own sentence: for a library that shows an error by `{}` alone, or
    /// sends it to another process as text.
    #[must_use]
    pub fn join_causes(&self) -> Self {
        Self::new(self.kind, self.explain_causes())
    }

    /// Whether the error is of this kind.
    pub fn is_kind(&self, kind: impl Into<ErrorKind>) -> bool {
        self.kind == kind.into()
    }

    /// The kind, for callers that decide by it.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

/// `{}` shows this error's own message; `{:#}` adds its causes.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !f.alternate() {
            return f.write_str(&self.message);
        }
        f.write_str(&list_causes(self))
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:#} ({:?})", self.kind)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// An error with all that it was caused by.
pub fn list_causes(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let words = cause.to_string();
        // Many libraries repeat their causes in their own words.
        if !text.ends_with(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        next = cause.source();
    }
    text
}

/// Says where a foreign error happened.
pub trait Context<T> {
    /// Wraps the error with `message`; the kind stays that of an [`Error`] below, else
    /// [`ErrorKind::Failed`].
    fn context(self, message: impl Into<String>) -> Result<T>;
    /// The same, with the message made only when needed.
    fn with_context<S: Into<String>>(self, message: impl FnOnce() -> S) -> Result<T>;
}

impl<T, E: Into<Box<dyn StdError + Send + Sync>>> Context<T> for std::result::Result<T, E> {
    fn context(self, message: impl Into<String>) -> Result<T> {
        self.with_context(|| message)
    }

    fn with_context<S: Into<String>>(self, message: impl FnOnce() -> S) -> Result<T> {
        self.map_err(|error| {
            let source = error.into();
            // Only of the error itself, not of its causes: a library
            // that wraps ours may have failed for another reason.
            let kind = source.downcast_ref::<Error>().map_or(ErrorKind::Failed, Error::kind);
            Error { kind, message: message().into(), source: Some(source) }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An error of ours within one of the system's within one of ours.
    fn nested_error() -> Error {
        let inner = Error::new(FolderFault::Missing, "no such folder");
        let middle = Err::<(), _>(std::io::Error::other(inner)).context("cannot list 'in'");
        middle.context("cannot begin").unwrap_err()
    }

    #[test]
    fn an_error_says_its_sentence_and_explains_its_causes_once() {
        let error = nested_error();
        assert_eq!(error.to_string(), "cannot begin");
        assert_eq!(error.explain_causes(), "cannot begin: cannot list 'in': no such folder");
        assert!(error.source().is_some());
    }

    #[test]
    fn joined_causes_are_in_the_sentence_and_the_kind_stays() {
        let inner = Err::<(), _>(Error::new(FolderFault::Missing, "no such folder"));
        let joined = inner.context("cannot begin").unwrap_err().join_causes();
        assert_eq!(joined.to_string(), "cannot begin: no such folder");
        assert!(joined.source().is_none() && joined.is_kind(FolderFault::Missing));
        // The cause behind another library's error is told, and decides nothing.
        assert!(nested_error().is_kind(ErrorKind::Failed));
    }
}
