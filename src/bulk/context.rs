//! The parts that all downloads of an export share.

use std::sync::Arc;

use serde_json::json;

use super::deadline::Deadline;
use super::gate::ConcurrencyLimit;
use super::log::{EventLog, shown_headers};
use super::progress::DownloadProgress;
use super::state::ExportDir;
use crate::http::{self, Client, Pace};

/// The parts that all downloads share.
pub(super) struct DownloadContext {
    pub client: Client,
    pub site: Arc<ExportDir>,
    pub log: EventLog,
    pub pace: Pace,
    pub deadline: Deadline,
    pub gate: ConcurrencyLimit,
    pub tally: Arc<DownloadProgress>,
    pub compress: bool,
}

impl DownloadContext {
    /// A file's name on the disk.
    pub(super) fn stored_name(&self, name: &str) -> String {
        if self.compress { format!("{name}.gz") } else { name.to_owned() }
    }

    /// Puts a failed attempt into the log.
    pub(super) fn log_failure(&self, url: &str, message: &str, error: Option<&http::Error>) {
        let answer = error.and_then(http::Error::answer);
        self.log.log_event(
            "download_error",
            json!({
                "fileUrl": url,
                "body": answer.map(|answer| answer.body.as_str()),
                "code": answer.map(|answer| answer.status.as_u16()),
                "message": message,
                "responseHeaders": answer.map(|answer| shown_headers(&self.client, &answer.headers)),
            }),
        );
    }
}
