//! The FHIR servers that the data came from.

use std::sync::Arc;

use tracing::warn;

use super::config::EtlConfig;
use super::plan::SourceExport;
use crate::error::{Error, Result, SettingsFault};
use crate::fhir::ServerBase;

/// The server that the user says the data came from.
///
/// # Errors
/// The error about a text that is no URL of a server.
pub(super) fn named_server(config: &EtlConfig) -> Result<Option<ServerBase>> {
    let invalid = || {
        let message =
            "--fhir-url is not the URL of a server; write it like https://ehr.example.org/fhir";
        Error::new(SettingsFault::InvalidValue, message)
    };
    let named = config.fhir_url.as_deref();
    named.map(|url| ServerBase::of_url(url).ok_or_else(invalid)).transpose()
}

/// The servers that absolute references may point at and still be the export's own.
pub(super) fn server_bases(config: &EtlConfig, export: &SourceExport) -> Result<Arc<[ServerBase]>> {
    let mut bases: Vec<_> = named_server(config)?.into_iter().collect();
    if let Some(url) = &export.url {
        match ServerBase::of_url(url) {
            Some(base) => bases.push(base),
            None => warn!(
                "The export log's exportUrl is not a server's URL: absolute references are not \
                 taken for relative ones. --fhir-url names the server"
            ),
        }
    }
    Ok(bases.into())
}
