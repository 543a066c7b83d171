//! The one error type, and the exit codes users script against (spec: "Exit codes").
//!
//! A message says what went wrong, where, and what to do. It never holds a secret or a
//! patient's data: build it from paths, counts, and names of elements, not from values.

use std::error::Error as StdError;
use std::fmt;

/// Result of anything a user can see fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why the process ends, as its exit code tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// The command line could not be understood.
    Usage = 2,
    /// A client ID without its key, or a key without its client ID.
    SmartCredentialsMissing = 15,
    /// The server did not give the whole export.
    BulkFailed = 16,
    /// `--task` named a table that does not exist.
    TaskUnknown = 17,
    /// A table could not be written; the others were.
    TaskFailed = 19,
    /// Two arguments exclude each other.
    ArgsConflict = 22,
    /// An argument's value cannot be used.
    ArgsInvalid = 23,
    /// A user without a password, or a password without its user.
    BasicCredentialsMissing = 25,
    /// A folder that must be empty is not.
    FolderNotEmpty = 26,
    /// Exported files can only go to a local folder.
    ExportFolderNotLocal = 27,
    /// The FHIR server, or the Aggregator, does not accept the credentials.
    AuthFailed = 32,
    /// A service or a part of this program that was asked for is not available.
    ServiceMissing = 33,
    /// The export's group or time is not known.
    CompletionArgMissing = 34,
    /// `--task help`.
    TaskHelp = 35,
    /// The input holds none of the resource types that were asked for.
    ResourcesMissing = 36,
    /// More than one kind of credentials.
    TooManyCredentials = 37,
    /// A key, a password or a token that can't be read.
    BadCredential = 38,
    /// OUTPUT belongs to another PHI folder.
    WrongPhiFolder = 41,
    /// A folder that must exist does not.
    FolderMissing = 54,
    /// Anything else: the disk is full, a store refused, a table is damaged.
    Failed = 70,
    /// `--strict`, and rows were rejected.
    RowsRejected = 71,
    /// A study can't be used as it is written.
    StudyInvalid = 72,
    /// An export that must not be sent as it is.
    UploadRefused = 73,
    /// An upload did not arrive.
    UploadFailed = 74,
    /// The Aggregator still processes an earlier upload.
    UploadBusy = 75,
    /// The Aggregator has no such network for this user.
    NetworkUnknown = 76,
    /// The link to upload to was not valid for long enough.
    LinkExpired = 77,
    /// SIGINT.
    Interrupted = 130,
    /// SIGTERM.
    Terminated = 143,
}

/// What went wrong, with the exit code it ends the process with.
pub struct Error {
    exit: Exit,
    message: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error with no cause below it.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), source: None }
    }

    /// An unexpected failure (exit 70).
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(Exit::Failed, message)
    }

    /// The exit code.
    pub fn exit(&self) -> Exit {
        self.exit
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = self.message.clone();
        let mut cause = self.source.as_deref().map(|e| e as &dyn StdError);
        while let Some(error) = cause {
            // Many libraries repeat their causes in their own words.
            let words = error.to_string();
            if !text.ends_with(&words) {
                text.push_str(": ");
                text.push_str(&words);
            }
            // Our own errors print their causes themselves.
            cause = if error.is::<Error>() { None } else { error.source() };
        }
        f.write_str(&text)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} (exit {})", self.exit as u8)
    }
}

impl StdError for Error {}

/// Says where a foreign error happened.
pub trait Context<T> {
    /// Wraps the error with `message`; the exit code stays that of an [`Error`] below, else 70.
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
            let exit = source.downcast_ref::<Error>().map_or(Exit::Failed, Error::exit);
            Error { exit, message: message().into(), source: Some(source) }
        })
    }
}
