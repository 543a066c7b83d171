//! `log.ndjson`: the SMART bulk export log, one event a line.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{SecondsFormat, Utc};
use serde_json::{Map, Value, json};
use tracing::warn;
use url::Url;

use crate::error::{Context, Result};
use crate::http::Client;
use crate::http::header::HeaderMap;

/// Its name in the folder.
pub(super) const NAME: &str = "log.ndjson";

/// The log of one export. Clones write to the same file.
#[derive(Clone)]
pub(super) struct Log {
    file: Arc<Mutex<File>>,
    /// The status URL as it may be shown.
    export_id: String,
}

impl Log {
    /// Opens the folder's log to append to it.
    pub(super) fn open(folder: &Path, export_id: &str) -> Result<Self> {
        let path = folder.join(NAME);
        let shown = || format!("cannot write '{}'", path.display());
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true).mode(0o600);
        let mut file = options.open(&path).with_context(shown)?;
        // A run that was killed may have left half a line.
        let end = file.seek(SeekFrom::End(0)).with_context(shown)?;
        if end > 0 {
            let mut last = [0];
            file.seek(SeekFrom::Start(end - 1)).with_context(shown)?;
            file.read_exact(&mut last).with_context(shown)?;
            if last != *b"\n" {
                file.write_all(b"\n").with_context(shown)?;
            }
        }
        Ok(Self { file: Arc::new(Mutex::new(file)), export_id: export_id.to_owned() })
    }

    /// Appends an event. That it can't be written is no reason to lose an export.
    pub(super) fn event(&self, event_id: &str, detail: Value) {
        let line = json!({
            "exportId": self.export_id,
            "timestamp": Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true),
            "eventId": event_id,
            "eventDetail": detail,
        });
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        // In one write: a line is whole or not there.
        if let Err(error) = file.write_all(format!("{line}\n").as_bytes()) {
            warn!("cannot write {NAME}: {error}");
        }
    }
}

/// Headers as an object, without credentials and cookies.
pub(super) fn headers(client: &Client, headers: &HeaderMap) -> Value {
    let mut shown = Map::new();
    for (name, value) in &client.redactor().clean_headers(headers) {
        shown.insert(name.to_string(), json!(String::from_utf8_lossy(value.as_bytes())));
    }
    Value::Object(shown)
}

/// The transaction time of the last export of `export_url` (without its parameters) that the
/// folder's log has to its end.
pub(super) fn last_time(folder: &Path, export_url: &Url) -> Option<String> {
    let text = std::fs::read(folder.join(NAME)).ok()?;
    let lines = text.split(|byte| *byte == b'\n');
    let (mut ours, mut time, mut last) = (None, None, None);
    for event in lines.filter_map(|line| serde_json::from_slice::<Value>(line).ok()) {
        let (id, detail) = (&event["exportId"], &event["eventDetail"]);
        match event["eventId"].as_str() {
            Some("kickoff") => {
                let url = detail["exportUrl"].as_str().and_then(|url| Url::parse(url).ok());
                let same = url.is_some_and(|mut url| {
                    url.set_query(None);
                    url == *export_url
                });
                (ours, time) = (same.then(|| id.clone()), None);
            }
            Some("status_complete") if ours.as_ref() == Some(id) => {
                time = detail["transactionTime"].as_str().map(str::to_owned);
            }
            Some("export_complete") if ours.as_ref() == Some(id) && time.is_some() => {
                last = time.take();
            }
            _ => {}
        }
    }
    last
}

/// Whether the folder's log says how the export of this ID began.
pub(super) fn has_kickoff(folder: &Path, export_id: &str) -> bool {
    let Ok(text) = std::fs::read(folder.join(NAME)) else { return false };
    let lines = text.split(|byte| *byte == b'\n');
    let mut events = lines.filter_map(|line| serde_json::from_slice::<Value>(line).ok());
    events.any(|event| event["exportId"] == export_id && event["eventId"] == "kickoff")
}
