//! `log.ndjson`: the SMART bulk export log, one event a line.

use std::fs::{File, OpenOptions};
use std::io::{BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex};

use chrono::{SecondsFormat, Utc};
use serde_json::{Map, Value, json};
use tracing::warn;
use url::Url;

use super::request::to_instant;
use crate::bounded::{LONGEST_EVENT, Line, read_line};
use crate::error::{Context, Result};
use crate::http::Client;
use crate::http::header::HeaderMap;
use crate::poison::ignore_poison;
use crate::text::BYTE_ORDER_MARK;

/// Its name in the folder.
pub(super) const NAME: &str = "log.ndjson";

/// The log of one export. Clones write to the same file.
#[derive(Clone)]
pub(super) struct EventLog {
    file: Arc<Mutex<File>>,
    /// The status URL as it may be shown.
    export_id: String,
}

impl EventLog {
    /// Opens the folder's log to append to it.
    pub(super) fn open_log(folder: &Path, export_id: &str) -> Result<Self> {
        let path = folder.join(NAME);
        let shown = || format!("cannot write '{}'", path.display());
        // In append mode each write goes to the end of the file: clones on several threads, and
        // other exporters, write to the same log.
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

    /// The same log, for events of the export with this ID.
    pub(super) fn with_export_id(&self, export_id: &str) -> Self {
        Self { file: self.file.clone(), export_id: export_id.to_owned() }
    }

    /// Appends an event. That it can't be written is no reason to lose an export.
    pub(super) fn log_event(&self, event_id: &str, detail: Value) {
        let line = json!({
            "exportId": self.export_id,
            "timestamp": Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true),
            "eventId": event_id,
            "eventDetail": detail,
        });
        let mut file = ignore_poison(self.file.lock());
        // In one write: a line is whole or not there.
        if let Err(error) = file.write_all(format!("{line}\n").as_bytes()) {
            warn!("cannot write {NAME}: {error}");
        }
    }
}

/// Headers as an object, without credentials and cookies.
pub(super) fn shown_headers(client: &Client, headers: &HeaderMap) -> Value {
    let mut shown = Map::new();
    for (name, value) in &client.redactor().clean_headers(headers) {
        shown.insert(name.to_string(), json!(String::from_utf8_lossy(value.as_bytes())));
    }
    Value::Object(shown)
}

/// The transaction time, as an instant, of the last export of `export_url` (without its parameters)
/// that the folder's log has to its end.
pub(super) fn last_time(folder: &Path, export_url: &Url) -> Option<String> {
    let (mut ours, mut time, mut last) = (None, None, None);
    for_each_event(folder, |event| {
        let (id, detail) = (&event["exportId"], &event["eventDetail"]);
        match event["eventId"].as_str() {
            Some("kickoff") => {
                let url = detail["exportUrl"].as_str().and_then(|url| Url::parse(url).ok());
                let same = url.is_some_and(|mut url| {
                    url.set_query(None);
                    url == *export_url
                });
                // Exports follow each other in a log. The time of one that never completed must not
                // pass for that of the next one.
                (ours, time) = (same.then(|| id.clone()), None);
            }
            Some("status_complete") if ours.as_ref() == Some(id) => {
                time = detail["transactionTime"].as_str().and_then(|time| to_instant(time, false));
            }
            Some("export_complete") if ours.as_ref() == Some(id) && time.is_some() => {
                last = time.take();
            }
            _ => {}
        }
    });
    last
}

/// Whether the folder's log says how the export of this ID began.
pub(super) fn has_kickoff(folder: &Path, export_id: &str) -> bool {
    let mut found = false;
    for_each_event(folder, |event| {
        found |= event["exportId"] == export_id && event["eventId"] == "kickoff";
    });
    found
}

/// Reads the folder's log. Lines that can't be read are passed over: logs are also written by others.
fn for_each_event(folder: &Path, mut each: impl FnMut(&Value)) {
    let Ok(file) = File::open(folder.join(NAME)) else { return };
    let (mut file, mut line) = (BufReader::new(file), Vec::new());
    while matches!(read_line(&mut file, LONGEST_EVENT, &mut line), Ok(Line::Whole | Line::TooLong))
    {
        let text = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&line);
        if let Ok(event) = serde_json::from_slice(text) {
            each(&event);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_of_other_programs_are_read() {
        let url = Url::parse("https://ehr/fhir/$export").unwrap();
        for (mark, id, time) in [
            ("", json!("https://ehr/jobs/1"), "2024-08-06T18:12:57Z"),
            ("\u{feff}", json!("https://ehr/jobs/1"), "2024-08-06T18:12:57Z"),
            ("\u{feff}", json!(17), "2024-08-06T18:12:57.000Z"),
            ("", json!(17), "2024-08-06T18:12:57"),
        ] {
            let dir = tempfile::tempdir().unwrap();
            let event = |name: &str, detail: Value| {
                json!({"exportId": id, "eventId": name, "eventDetail": detail}).to_string()
            };
            let lines = [
                event("kickoff", json!({"exportUrl": "https://ehr/fhir/$export?_type=Patient"})),
                "not json".to_owned(),
                event("status_complete", json!({"transactionTime": time})),
                event("export_complete", json!({})),
            ];
            let text = format!("{mark}{}", lines.join("\r\n"));
            std::fs::write(dir.path().join(NAME), text).unwrap();
            let found = last_time(dir.path(), &url).unwrap();
            let found = chrono::DateTime::parse_from_rfc3339(&found).unwrap();
            assert_eq!(found.timestamp(), 1_722_967_977);
        }
    }

    #[test]
    fn a_time_that_is_none_is_not_asked_for() {
        let dir = tempfile::tempdir().unwrap();
        let lines = [
            json!({"exportId": "1", "eventId": "kickoff",
                "eventDetail": {"exportUrl": "https://ehr/$export"}}),
            json!({"exportId": "1", "eventId": "status_complete",
                "eventDetail": {"transactionTime": "yesterday"}}),
            json!({"exportId": "1", "eventId": "export_complete"}),
        ];
        std::fs::write(dir.path().join(NAME), lines.map(|line| line.to_string()).join("\n"))
            .unwrap();
        assert_eq!(last_time(dir.path(), &Url::parse("https://ehr/$export").unwrap()), None);
    }
}
