//! Which notes an export is to have.

use crate::error::{Error, Result, SettingsFault};
use crate::http::HostName;

/// Resource types that have notes.
pub const NOTE_RESOURCES: [&str; 2] = ["DiagnosticReport", "DocumentReference"];
/// Kinds of notes that are downloaded unless others are asked for.
pub const NOTE_MIMETYPES: [&str; 3] = ["text/plain", "text/html", "application/xhtml+xml"];

/// Which notes to download.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteSelection {
    /// Of [`NOTE_RESOURCES`].
    pub resources: Vec<String>,
    /// Media types without parameters, in lower case.
    pub mimetypes: Vec<String>,
    /// Hosts beside the server that notes are downloaded from.
    pub hosts: Vec<HostName>,
}

impl NoteSelection {
    /// Checks what the user has asked for; empty lists mean everything usual.
    pub fn new(resources: Vec<String>, mimetypes: Vec<String>) -> Result<Self> {
        let known = |name: &String| {
            NOTE_RESOURCES.iter().find(|known| known.eq_ignore_ascii_case(name)).ok_or_else(|| {
                let message = format!(
                    "--inline-resource: '{name}' has no notes; there are {}",
                    NOTE_RESOURCES.join(" and ")
                );
                Error::new(SettingsFault::InvalidValue, message)
            })
        };
        let resources: Vec<_> =
            resources.iter().map(|name| Ok((*known(name)?).to_owned())).collect::<Result<_>>()?;
        let or = |list: Vec<String>, usual: &[&str]| match list.is_empty() {
            true => usual.iter().map(|name| (*name).to_owned()).collect(),
            false => list,
        };
        let mimetypes = mimetypes.iter().map(|kind| kind.to_ascii_lowercase()).collect();
        Ok(Self {
            resources: or(resources, &NOTE_RESOURCES),
            mimetypes: or(mimetypes, &NOTE_MIMETYPES),
            hosts: Vec::new(),
        })
    }
}
