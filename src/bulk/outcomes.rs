//! The server's reports of faults: the OperationOutcomes below `error/`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;

use super::manifest::FileKind;
use super::part::open_text;
use crate::bounded::{LONGEST_EVENT, Line, read_line};
use crate::error::{Context, Result};
use crate::http::outcome_text;
use crate::ui::format_count;

/// Different messages that are shown.
const SHOWN: usize = 10;

/// The reports, by message.
#[derive(Debug, Default)]
pub(super) struct ServerMessages {
    /// OperationOutcomes with an issue of `error` or `fatal`.
    pub failures: u64,
    /// Others of `warning`.
    pub warnings: u64,
    /// How often each message is there.
    texts: BTreeMap<String, u64>,
}

impl ServerMessages {
    /// Reads the files below `folder/error/`.
    pub(super) fn read_folder(folder: &Path) -> Result<Self> {
        let mut reported = Self::default();
        let folder = folder.join(FileKind::Error.folder_name());
        // `remove_empty_folders` removes the folder where the server has reported nothing.
        let Ok(entries) = fs::read_dir(&folder) else { return Ok(reported) };
        let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
        // A killed run may have left a part: its last line, cut off, would count as a failure.
        paths.retain(|path| path.extension().is_none_or(|end| end != "part" && end != "source"));
        paths.sort();
        for path in paths {
            let shown = || format!("cannot read '{}'", path.display());
            let mut text = open_text(&path).with_context(shown)?;
            let mut line = Vec::new();
            loop {
                match read_line(&mut text, LONGEST_EVENT, &mut line).with_context(shown)? {
                    Line::End => break,
                    Line::Whole => reported.add_line(&line),
                    Line::TooLong => reported.add_line(b"(a report that is too long to be read)"),
                }
            }
        }
        Ok(reported)
    }

    fn add_line(&mut self, line: &[u8]) {
        if line.trim_ascii().is_empty() {
            return;
        }
        let outcome: Value = serde_json::from_slice(line).unwrap_or_default();
        let issues = outcome["issue"].as_array();
        let severity = |name: &str| {
            issues.is_some_and(|all| all.iter().any(|issue| issue["severity"] == name))
        };
        let harmless = severity("warning") || severity("information") || severity("success");
        if severity("error") || severity("fatal") || !harmless {
            // A report that can't be understood counts as a failure.
            self.failures += 1;
        } else if severity("warning") {
            self.warnings += 1;
        } else {
            return;
        }
        let text = outcome_text(line).unwrap_or_else(|| "(without a message)".to_owned());
        let text: String = text.chars().take(300).collect();
        // Messages with IDs in them differ in each row: enough is enough.
        if self.texts.len() < 1000 || self.texts.contains_key(&text) {
            *self.texts.entry(text).or_default() += 1;
        }
    }

    /// The messages, the most frequent first.
    pub(super) fn message_lines(&self) -> Vec<String> {
        let mut texts: Vec<_> = self.texts.iter().collect();
        texts.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        let mut lines: Vec<_> = texts
            .iter()
            .take(SHOWN)
            .map(|(text, count)| match count {
                1 => (*text).clone(),
                many => format!("{text} ({})", format_count(**many, "time")),
            })
            .collect();
        if texts.len() > SHOWN {
            lines.push(format!(
                "and {}",
                format_count((texts.len() - SHOWN) as u64, "other message")
            ));
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_issue_counts() {
        let mut reported = ServerMessages::default();
        for line in [
            r#"{"issue":[{"severity":"information","diagnostics":"fine"}]}"#,
            r#"{"issue":[{"severity":"warning","diagnostics":"slow"}]}"#,
            r#"{"issue":[{"severity":"warning"},{"severity":"fatal","diagnostics":"lost"}]}"#,
            r#"{"resourceType":"OperationOutcome"}"#,
            "Internal Server Error",
            "",
        ] {
            reported.add_line(line.as_bytes());
        }
        assert_eq!((reported.failures, reported.warnings), (3, 1));
        assert!(!reported.message_lines().iter().any(|line| line.contains("fine")));
    }
}
