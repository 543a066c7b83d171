//! The SMART bulk export log: who was exported, when, from where (spec: "Input").

use chrono::{DateTime, FixedOffset};
use serde::Deserialize;
use serde_json::Value;

use crate::error::Result;
use crate::store::Folder;

/// What the main job needs of an export log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExportLog {
    /// The kick-off URL.
    pub export_url: Option<String>,
    /// The Group's ID; empty for an export of everything.
    pub group: Option<String>,
    /// `transactionTime`.
    pub time: Option<DateTime<FixedOffset>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    export_id: Option<String>,
    event_id: Option<String>,
    #[serde(default)]
    event_detail: Value,
}

/// Reads the log `name`. Its last `kickoff` selects the export; lines that can't be read are
/// passed over, as are events of other exports.
pub fn read_export_log(folder: &Folder, name: &str) -> Result<ExportLog> {
    let text = folder.read(name)?.unwrap_or_default();
    let events: Vec<Event> = text
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice(line).ok())
        .collect();
    let is = |event: &&Event, id| event.event_id.as_deref() == Some(id);
    let mut log = ExportLog::default();
    let Some(kickoff) = events.iter().rfind(|event| is(event, "kickoff")) else {
        return Ok(log);
    };
    if let Some(url) = kickoff.event_detail.get("exportUrl").and_then(Value::as_str) {
        log.group = Some(group_of(url).to_owned());
        log.export_url = Some(url.to_owned());
    }
    log.time = events
        .iter()
        .filter(|event| event.export_id == kickoff.export_id && is(event, "status_complete"))
        .filter_map(|event| event.event_detail.get("transactionTime")?.as_str())
        .filter_map(parse_time)
        .next_back();
    Ok(log)
}

/// An ISO 8601 time; one without an offset is taken as UTC, a date as its start.
pub fn parse_time(text: &str) -> Option<DateTime<FixedOffset>> {
    let text = text.trim();
    DateTime::parse_from_rfc3339(text).ok().or_else(|| {
        let whole = match text.len() {
            10 => format!("{text}T00:00:00Z"),
            _ => format!("{text}Z"),
        };
        DateTime::parse_from_rfc3339(&whole).ok()
    })
}

/// The FHIR server's base, without a `/` at its end: what stands before `/$export`, `/Patient`
/// or `/Group/`.
pub fn base_of(url: &str) -> &str {
    let path = url.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/');
    let path = path.strip_suffix("/$export").unwrap_or(path);
    let path = path.strip_suffix("/Patient").unwrap_or(path);
    path.split("/Group/").next().unwrap_or_default().trim_end_matches('/')
}

fn group_of(url: &str) -> &str {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let rest = path.split_once("/Group/").map_or("", |(_, rest)| rest);
    rest.split('/').next().unwrap_or_default()
}
