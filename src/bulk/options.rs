//! How an export is to be done.

use std::time::Duration;

use url::Url;

use super::note_selection::NoteSelection;
use super::request::{ExportFilters, ExportTarget, Since};
use crate::http::Pace;
use crate::store::Storage;
use crate::ui::Bars;

/// How an export is to be done.
#[derive(Clone, Debug)]
pub struct ExportOptions {
    /// The export to ask for.
    pub target: ExportTarget,
    /// The types, filters and other parameters.
    pub narrowing: ExportFilters,
    /// Whether the user has named the types, so that all of them are asked for.
    pub named: bool,
    /// As of when the data is, where the user says so: then the server need not.
    pub time: Option<String>,
    /// `_since`; with [`Since::Auto`], `narrowing.since` is what it came to.
    pub since: Option<Since>,
    /// Send the parameters as a body.
    pub post: bool,
    /// Ask the server to overlook what it doesn't know.
    pub lenient: bool,
    /// Take up the export with this status URL.
    pub resume: Option<Url>,
    /// Downloads that run concurrently.
    pub max_connections: usize,
    /// How long the run may take until all files are here.
    pub timeout: Duration,
    /// Store files as `.ndjson.gz`.
    pub compress: bool,
    /// Download notes after the export.
    pub inline: Option<NoteSelection>,
    /// The folder goes away at the end.
    pub temporary: bool,
    /// How quick time passes.
    pub pace: Pace,
    /// Opens folders, and knows whether the run is to end.
    pub storage: Storage,
    /// Progress bars.
    pub bars: Bars,
}

impl ExportOptions {
    /// The next run's way with an export that this one could not complete.
    pub(super) fn resume_hint(&self) -> &'static str {
        match self.temporary {
            true => {
                "the export is given up; with --export-to DIR, the next run takes up such a one rather \
                 than beginning anew"
            }
            false => "the same command takes the export up again, with --cancel it ends",
        }
    }
}
