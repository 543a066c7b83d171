//! The SMART bulk export log: who was exported, when, from where (spec: "Input").

use std::io::BufReader;

use chrono::{DateTime, FixedOffset, Timelike};
use serde::Deserialize;
use serde_json::Value;

use crate::bounded::{LONGEST_EVENT, Line, read_line};
use crate::error::{Context, Result};
use crate::store::Folder;
use crate::text::text_of_line;

/// The facts of an export log that the main job needs.
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
struct LogEvent {
    /// A text; some programs write a number.
    #[serde(default)]
    export_id: Value,
    event_id: String,
    #[serde(default)]
    event_detail: Value,
}

/// Reads the log `name`. Its last `kickoff` selects the export; lines that can't be read are
/// passed over, as are events of other exports.
pub fn read_export_log(folder: &Folder, name: &str) -> Result<ExportLog> {
    let Some(reader) = folder.open_reader(name)? else { return Ok(ExportLog::default()) };
    let mut lines = BufReader::with_capacity(1 << 16, reader);
    let mut line = Vec::new();
    let mut kickoff: Option<LogEvent> = None;
    // The times of all exports in the log: which kick-off is the last, and so whose time counts, is
    // known only at its end.
    let mut times: Vec<(Value, DateTime<FixedOffset>)> = Vec::new();
    loop {
        let read = read_line(&mut lines, LONGEST_EVENT, &mut line);
        match read.with_context(|| format!("cannot read '{}'", folder.show(name)))? {
            Line::End => break,
            Line::TooLong => continue,
            Line::Whole => {}
        }
        let Ok(event) = serde_json::from_slice::<LogEvent>(text_of_line(&line)) else { continue };
        match event.event_id.as_str() {
            "kickoff" => kickoff = Some(event),
            "status_complete" => {
                let time = event.event_detail.get("transactionTime").and_then(Value::as_str);
                times.extend(time.and_then(parse_time).map(|time| (event.export_id, time)));
            }
            _ => {}
        }
    }
    let mut log = ExportLog::default();
    let Some(kickoff) = kickoff else { return Ok(log) };
    if let Some(url) = kickoff.event_detail.get("exportUrl").and_then(Value::as_str) {
        log.group = Some(group_of(url).to_owned());
        log.export_url = Some(url.to_owned());
    }
    let same = |id: &Value| as_text(id) == as_text(&kickoff.export_id);
    log.time = times.into_iter().rfind(|(id, _)| same(id)).map(|(_, time)| time);
    Ok(log)
}

/// An ID, whether it was written as a text or as a number.
fn as_text(id: &Value) -> String {
    id.as_str().map_or_else(|| id.to_string(), str::to_owned)
}

/// An ISO 8601 time; one without an offset is taken as UTC, a date as its start. Seconds may be
/// missing, and offsets may be short (`+00`, `+0000`). A leap second, which few programs know, becomes
/// the last moment before it.
pub fn parse_time(text: &str) -> Option<DateTime<FixedOffset>> {
    let text = text.trim();
    let (date, rest) = text.split_at_checked(10)?;
    let clock = match rest.chars().next() {
        None => "00:00:00",
        Some('T' | 't' | ' ') => &rest[1..],
        Some(_) => return None,
    };
    let (clock, offset) = clock.split_at(clock.find(['Z', 'z', '+', '-']).unwrap_or(clock.len()));
    let seconds = if clock.len() == 5 { ":00" } else { "" };
    let offset = match offset.as_bytes() {
        [] | [b'Z' | b'z'] => "Z".to_owned(),
        [_, _, _] => format!("{offset}:00"),
        [_, _, _, _, _] => format!("{}:{}", offset.get(..3)?, offset.get(3..)?),
        _ => offset.to_owned(),
    };
    let time = DateTime::parse_from_rfc3339(&format!("{date}T{clock}{seconds}{offset}")).ok()?;
    match time.nanosecond() >= 1_000_000_000 {
        true => time.with_nanosecond(999_000_000),
        false => Some(time),
    }
}

/// The ID of the Group that an export is of; empty for an export of everything, and of all that a
/// server counts to any Group.
fn group_of(url: &str) -> &str {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let rest = path.rsplit_once("/Group/").map_or("", |(_, rest)| rest);
    // The part behind a semicolon is a session's (`;jsessionid=…`), and no part of the ID.
    let group = rest.split(['/', ';']).next().unwrap_or_default();
    if group.starts_with('$') || group.starts_with("%24") { "" } else { group }
}
