//! The kinds of INPUT: a folder, or a FHIR server to export from.

use super::config::EtlConfig;
use crate::bulk::ExportTarget;
use crate::error::{Error, FolderFault, Result, SettingsFault};
use crate::store::Folder;

/// The INPUT of a run.
pub(super) enum RunInput {
    Folder(Folder),
    Server(ServerInput),
}

/// A FHIR server as INPUT.
pub(super) struct ServerInput {
    pub target: ExportTarget,
    /// Where exported files are kept, if the user names a folder.
    pub keep: Option<Folder>,
}

impl RunInput {
    /// Opens the folder, or that of exported files.
    ///
    /// # Errors
    /// No such folder; a URL that is none; options that the other kind of INPUT does not take.
    pub(super) fn open_input(config: &EtlConfig) -> Result<Self> {
        if is_url(&config.input) {
            let target = ExportTarget::parse(&config.input)?;
            return Ok(Self::Server(ServerInput { target, keep: open_export_folder(config)? }));
        }
        let location = &config.input;
        if let [first, ..] = config.export.for_servers_only().as_slice() {
            let message = format!(
                "{first} is for exports, but INPUT '{location}' is a folder. Give the URL of a FHIR \
                 server as INPUT, or leave the option (or its variable) out; notes of a folder come \
                 with the command `inline`"
            );
            return Err(Error::new(SettingsFault::Conflict, message));
        }
        let input = config.storage.open_folder(location)?;
        input.require_folder("input folder")?;
        Ok(Self::Folder(input))
    }

    /// The folder that the run reads from, if it is one that the user named.
    pub(super) fn named_folder(&self) -> Option<&Folder> {
        match self {
            Self::Folder(folder) => Some(folder),
            Self::Server(server) => server.keep.as_ref(),
        }
    }
}

/// Whether INPUT is meant to be a server.
fn is_url(input: &str) -> bool {
    let lower = input.to_ascii_lowercase();
    lower.starts_with("http://") || lower.starts_with("https://")
}

/// The folder that exported files are kept in, if the user names one.
fn open_export_folder(config: &EtlConfig) -> Result<Option<Folder>> {
    let Some(location) = &config.export.export_to else { return Ok(None) };
    let not_local = || {
        let message = format!("--export-to must be a local folder, not '{location}'");
        Error::new(FolderFault::NotLocal, message)
    };
    if location.contains("://") && !location.starts_with("file://") {
        return Err(not_local());
    }
    let folder = config.storage.open_folder(location)?.private();
    if folder.local().is_none() { Err(not_local()) } else { Ok(Some(folder)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::Budget;
    use crate::store::Storage;

    #[test]
    fn a_url_is_a_server_and_the_rest_is_a_folder() {
        let open = |input: &str| {
            RunInput::open_input(&EtlConfig::new(
                input,
                "out",
                "phi",
                Budget::for_limit(None, 2),
                &Storage::for_tests(),
            ))
        };
        for url in ["http://ehr.example/fhir", "HTTPS://ehr.example/fhir/Group/1"] {
            assert!(matches!(open(url), Ok(RunInput::Server(_))), "{url}");
        }
        let there = Folder::open("memory://run-input/in").unwrap();
        there.write("Patient.ndjson", "").unwrap();
        assert!(matches!(open("memory://run-input/in"), Ok(RunInput::Folder(_))));
        assert_eq!(open("http://").err().unwrap().kind(), SettingsFault::InvalidValue.into());
        assert!(open("httpserver/none-such").is_err());
    }

    #[test]
    fn exports_are_kept_on_a_disk_only() {
        let mut config = EtlConfig::new(
            "https://ehr.example/fhir",
            "out",
            "phi",
            Budget::for_limit(None, 2),
            &Storage::for_tests(),
        );
        config.export.export_to = Some("s3://bucket/export".to_owned());
        let error = RunInput::open_input(&config).err().unwrap();
        assert_eq!(error.kind(), FolderFault::NotLocal.into());
        config.export.export_to = None;
        assert!(RunInput::open_input(&config).unwrap().named_folder().is_none());
        config.input = "in".to_owned();
        config.export.export_to = Some("export".to_owned());
        let error = RunInput::open_input(&config).err().unwrap();
        assert_eq!(error.kind(), SettingsFault::Conflict.into());
    }
}
