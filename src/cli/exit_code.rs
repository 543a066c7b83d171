//! The exit codes that users script against. docs/reference.md explains them.

use crate::error::{
    CredentialFault, ErrorKind, FolderFault, RunFault, SettingsFault, StopSignal, UploadFault,
};

/// The exit code of a process that an error of this kind ends. Codes of Cumulus ETL keep their
/// meaning; those of signals are 128 and the signal's number, as a shell reports them.
pub fn exit_code(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::Settings(fault) => match fault {
            SettingsFault::Usage => 2,
            SettingsFault::UnknownTable => 17,
            SettingsFault::Conflict => 22,
            SettingsFault::InvalidValue => 23,
            SettingsFault::MissingCompletion => 34,
            SettingsFault::TableHelp => 35,
        },
        ErrorKind::Credential(fault) => match fault {
            CredentialFault::IncompleteSmart => 15,
            CredentialFault::IncompleteBasic => 25,
            CredentialFault::Refused => 32,
            CredentialFault::TooMany => 37,
            CredentialFault::Unreadable => 38,
        },
        ErrorKind::Folder(fault) => match fault {
            FolderFault::Claimed => 22,
            FolderFault::NotEmpty => 26,
            FolderFault::NotLocal => 27,
            FolderFault::OtherPhi => 41,
            FolderFault::Missing => 54,
        },
        ErrorKind::Run(fault) => match fault {
            RunFault::ExportIncomplete => 16,
            RunFault::TablesUnwritten => 19,
            RunFault::NoResources => 36,
            RunFault::RowsRejected => 71,
        },
        ErrorKind::Unavailable => 33,
        ErrorKind::Failed => 70,
        ErrorKind::Study(_) => 72,
        ErrorKind::Upload(fault) => match fault {
            UploadFault::Withheld => 73,
            UploadFault::Undelivered => 74,
            UploadFault::Busy => 75,
            UploadFault::UnknownNetwork => 76,
            UploadFault::ExpiredLink => 77,
        },
        ErrorKind::Stop(StopSignal::Interrupt) => 130,
        ErrorKind::Stop(StopSignal::Terminate) => 143,
    }
}
