//! Kinds of errors, by the stage that fails. Callers decide by these kinds; the command line turns them
//! into exit codes.

/// The kind of an error: a stage, and the fault in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The settings of a run.
    Settings(SettingsFault),
    /// Credentials for a server or a store.
    Credential(CredentialFault),
    /// A folder that a run reads or writes.
    Folder(FolderFault),
    /// The export or the tables of a run.
    Run(RunFault),
    /// A study.
    Study(StudyFault),
    /// The upload of a study's counts.
    Upload(UploadFault),
    /// A signal that ends the process.
    Stop(StopSignal),
    /// A service or a part of this program that was asked for is not available.
    Unavailable,
    /// Anything else: the disk is full, a store refused, a table is damaged.
    Failed,
}

/// A setting that a run can't use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SettingsFault {
    /// The command line could not be understood.
    Usage,
    /// Two arguments exclude each other.
    Conflict,
    /// An argument's value cannot be used.
    InvalidValue,
    /// `--task` named a table that does not exist.
    UnknownTable,
    /// `--task help`: the tables are listed and nothing runs.
    TableHelp,
    /// The export's group or time is not known.
    MissingCompletion,
}

/// Credentials that can't be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialFault {
    /// A client ID without its key, or a key without its client ID.
    IncompleteSmart,
    /// A user without a password, or a password without its user.
    IncompleteBasic,
    /// More than one kind of credentials.
    TooMany,
    /// A key, a password or a token that can't be read.
    Unreadable,
    /// The FHIR server, or the Aggregator, does not accept the credentials.
    Refused,
}

/// A folder that is not as a run needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FolderFault {
    /// A folder that must exist does not.
    Missing,
    /// A folder that must be empty is not.
    NotEmpty,
    /// Exported files can only go to a local folder.
    NotLocal,
    /// OUTPUT belongs to another PHI folder.
    OtherPhi,
    /// The folder serves another purpose, or holds tables of another layout.
    Claimed,
}

/// A run of the main job that does not give all tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunFault {
    /// The server did not give the whole export.
    ExportIncomplete,
    /// The input holds none of the resource types that were asked for.
    NoResources,
    /// A table could not be written; the others were.
    TablesUnwritten,
    /// `--strict`, and rows were rejected.
    RowsRejected,
}

/// A study that can't be used as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StudyFault {
    /// The study's files: manifest, templates, spreadsheets.
    Definition,
    /// An SQL statement that an engine refuses.
    Statement,
    /// Tables that do not leave as they are, or an export that does not come in.
    Share,
}

/// An upload that is not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UploadFault {
    /// An export that must not be sent as it is.
    Withheld,
    /// An upload did not arrive.
    Undelivered,
    /// The Aggregator still processes an earlier upload.
    Busy,
    /// The Aggregator has no such network for this user.
    UnknownNetwork,
    /// The link to upload to was not valid for long enough.
    ExpiredLink,
}

/// The signal that ends the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopSignal {
    /// SIGINT.
    Interrupt,
    /// SIGTERM, or SIGHUP.
    Terminate,
}

macro_rules! stage {
    ($($fault:ident => $stage:ident),*) => {$(
        impl From<$fault> for ErrorKind {
            fn from(fault: $fault) -> Self {
                Self::$stage(fault)
            }
        }
    )*};
}

stage! {
    SettingsFault => Settings, CredentialFault => Credential, FolderFault => Folder,
    RunFault => Run, StudyFault => Study, UploadFault => Upload, StopSignal => Stop
}
