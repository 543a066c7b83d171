//! `context.json` in PHI: what the last runs have done, for later runs and for other programs.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use crate::claim::CONTEXT;
use crate::error::{Context as _, Result};
use crate::store::Folder;

/// The name that it has the exports under.
const EXPORTS: &str = "last_exports";

/// The record that a run leaves there when it has succeeded.
pub(super) struct SuccessNote<'a> {
    pub started: DateTime<Utc>,
    /// INPUT and OUTPUT, as records may show them.
    pub input: &'a str,
    pub output: &'a str,
    /// Of an export of a server: its key (see [`export_key`]), and as of when it is.
    pub export: Option<(&'a str, &'a str)>,
}

/// The key of the times of exports: another OUTPUT has not seen the exports of this one.
pub(super) fn export_key(output: &Folder, identity: &str) -> String {
    format!("{identity} {output}")
}

/// As of when OUTPUT has the export with this key, if it has had it.
pub(super) fn last_export_time(phi: &Folder, key: &str) -> Result<Option<String>> {
    let context = phi.read(CONTEXT)?.unwrap_or_default();
    let context: Value = serde_json::from_slice(&context).unwrap_or_default();
    Ok(context[EXPORTS][key].as_str().map(str::to_owned))
}

/// Notes the run; what other programs have put there stays.
pub(super) fn note_success(phi: &Folder, note: &SuccessNote<'_>) -> Result<()> {
    let old = phi.read(CONTEXT)?;
    let mut context: Map<String, Value> =
        old.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
    // Cumulus ETL reads this by `datetime.fromisoformat`. Before Python 3.11 that takes neither `Z`
    // nor another number of digits than 3 or 6.
    let time = note.started.format("%Y-%m-%dT%H:%M:%S%.6f+00:00").to_string();
    context.insert("last_successful_datetime".to_owned(), json!(time));
    context.insert("last_successful_input_dir".to_owned(), json!(note.input));
    context.insert("last_successful_output_dir".to_owned(), json!(note.output));
    if let Some((key, time)) = note.export {
        let exports = context.entry(EXPORTS).or_insert_with(|| json!({}));
        if let Some(exports) = exports.as_object_mut() {
            exports.insert(key.to_owned(), json!(time));
        }
    }
    let text = serde_json::to_string_pretty(&context).context("cannot make a record")?;
    phi.write(CONTEXT, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_keeps_what_others_have_noted() {
        let phi = Folder::open("memory://run-context/phi").unwrap();
        let output = Folder::open("memory://run-context/out").unwrap();
        phi.write(CONTEXT, r#"{"foreign": 1, "last_exports": {"x": "then"}}"#).unwrap();
        let key = export_key(&output, "group-1");
        assert_eq!(last_export_time(&phi, &key).unwrap(), None);
        let export = Some((&*key, "2024-01-01T00:00:00Z"));
        let note = SuccessNote { started: Utc::now(), input: "in", output: "out", export };
        note_success(&phi, &note).unwrap();
        let time = last_export_time(&phi, &key).unwrap();
        assert_eq!(time.as_deref(), Some("2024-01-01T00:00:00Z"));
        assert_eq!(last_export_time(&phi, "x").unwrap().as_deref(), Some("then"));
        let other = Folder::open("memory://run-context/other").unwrap();
        assert_eq!(last_export_time(&phi, &export_key(&other, "group-1")).unwrap(), None);
        let context: Value = serde_json::from_slice(&phi.read(CONTEXT).unwrap().unwrap()).unwrap();
        assert_eq!(context["foreign"], 1);
        assert_eq!(context["last_successful_output_dir"], "out");
    }
}
