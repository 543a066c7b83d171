//! What a run leaves about itself: `JobConfig/`, `manifest.json`, `context.json` (spec:
//! "Manifests").

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};
use tracing::warn;

use super::Run;
use super::plan::TablePlan;
use super::summary::{Summary, TableSummary};
use crate::claim::JOB_CONFIG;
use crate::deid::{CODEBOOK, Codebook};
use crate::error::{Context, Error, Exit, Result};
use crate::http::recorded_url;
use crate::input::Inputs;
use crate::memory::budget;
use crate::store::Folder;
use crate::ui::peak_memory;

/// The file in PHI that says what the last runs have done.
pub(super) const CONTEXT: &str = "context.json";

/// The folder of one run's records.
pub(super) struct Records {
    folder: Folder,
}

/// Refuses a PHI folder other than the one that OUTPUT was begun with: all IDs would change.
pub(super) fn check_codebook(output: &Folder, phi: &Folder) -> Result<()> {
    let Some(config) = newest_config(output)? else { return Ok(()) };
    let Some(expected) = config.get("codebook_id").and_then(Value::as_str) else { return Ok(()) };
    // A PHI folder without a codebook is another one; don't begin one there.
    let found = Codebook::id_in(phi)?;
    if found.as_deref() == Some(expected) {
        return Ok(());
    }
    let found = match &found {
        Some(id) => format!("has the codebook {id}"),
        None if phi.read(CODEBOOK)?.is_some() => "has a codebook without an ID".to_owned(),
        None => "has no codebook".to_owned(),
    };
    Err(Error::new(
        Exit::WrongPhiFolder,
        format!(
            "The output folder '{output}' was made with another PHI folder ('{}') than '{phi}': \
             with the codebook {expected}, and '{phi}' {found}. Is the PHI folder mounted there, \
             in a container, too? Always use the same one for an output folder: with another, \
             every patient would get a second anonymous ID",
            config.get("dir_phi").and_then(Value::as_str).unwrap_or("unknown")
        ),
    ))
}

/// Refuses to put rows of one codebook into an output folder of another.
pub(super) fn check_same_codebook(from: &Folder, target: &Folder) -> Result<()> {
    let id = |folder: &Folder| -> Result<Option<String>> {
        let config = newest_config(folder)?;
        Ok(config.and_then(|c| Some(c.get("codebook_id")?.as_str()?.to_owned())))
    };
    match (id(from)?, id(target)?) {
        (Some(one), Some(other)) if one != other => Err(Error::new(
            Exit::WrongPhiFolder,
            format!(
                "'{from}' and '{target}' were made with different PHI folders: the same patient \
                 has another anonymous ID in each. Convert into a folder of its own"
            ),
        )),
        _ => Ok(()),
    }
}

/// The newest `job_config.json` below `output`, if there is one.
pub(super) fn newest_config(output: &Folder) -> Result<Option<Map<String, Value>>> {
    let root = output.child(JOB_CONFIG);
    let (runs, _) = root.list_direct()?;
    for run in runs.iter().rev() {
        // A run that died at once leaves a record without content.
        let bytes = root.child(run).read("job_config.json")?.unwrap_or_default();
        match serde_json::from_slice::<Map<String, Value>>(&bytes) {
            Ok(config) if config.contains_key("codebook_id") => return Ok(Some(config)),
            _ => {}
        }
    }
    Ok(None)
}

/// Names the folder of a run after the time it began; a second run within the same second
/// counts as a second later, so that no record is overwritten.
pub(super) fn claim_stamp(
    output: &Folder,
    rejected: &Folder,
    mut started: DateTime<Utc>,
) -> Result<(DateTime<Utc>, String)> {
    loop {
        let stamp = stamp(started);
        // The PHI folder may serve several output folders. This is so that both have one name, where
        // that can be had; whose rejected rows go where is for [`super::rejects`] to say.
        let free = rejected.child(&stamp).list()?.is_empty();
        if free && output.child(JOB_CONFIG).child(&stamp).write_new("job_config.json", "{}")? {
            return Ok((started, stamp));
        }
        started += Duration::from_secs(1);
    }
}

/// How folders of a run are named.
pub(super) fn stamp(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%d__%H.%M.%S").to_string()
}

impl Records {
    /// Records what is about to be done.
    pub(super) fn begin(run: &Run<'_>, stamp: &str, tables: &[TablePlan]) -> Result<Self> {
        let folder = run.output.child(JOB_CONFIG).child(stamp);
        folder.create()?;
        let config = run.config;
        let formats: Vec<_> = config.output_format.iter().map(|format| format.name()).collect();
        let tables: Vec<_> = tables.iter().map(|table| table.name.as_str()).collect();
        let record = json!({
            "dir_input": config.input,
            "dir_output": config.output,
            "dir_phi": config.phi,
            "path": folder.show("job_config.json"),
            "input_format": "ndjson",
            "output_format": formats.join(","),
            "comment": config.comment,
            "batch_size": config.batch_size,
            "tasks": tables.join(","),
            "export_group_name": run.export.group,
            "export_timestamp": run.export.time,
            "export_url": run.export.url.as_deref().and_then(recorded_url),
            "codebook_id": run.codebook.id(),
            "exclusions": run.export.excluded,
        });
        let records = Self { folder };
        records.write("job_config.json", &record)?;
        Ok(records)
    }

    /// Records how one table went. A failure to do so is no reason to lose the table.
    pub(super) fn table(&self, table: &TableSummary) {
        let attempt = table.counts.lines;
        let success = if table.error.is_none() { table.counts.rows } else { 0 };
        let rate = if attempt == 0 { 1.0 } else { success as f64 / attempt as f64 };
        let record = json!({
            "label": table.name,
            "attempt": attempt,
            "success": success,
            "success_rate": rate,
            "had_errors": table.error.is_some(),
            "timestamp": Utc::now().format("%Y-%m-%d %H:%M:%S").to_string(),
            "hostname": rustix::system::uname().nodename().to_string_lossy(),
        });
        if let Err(error) = self.write(&format!("{}.json", table.name), &record) {
            warn!("{error}");
        }
    }

    /// Records what was done.
    pub(super) fn finish(
        &self,
        run: &Run<'_>,
        phi: &Folder,
        inputs: &Inputs,
        summary: &Summary,
        elapsed: Duration,
    ) -> Result<()> {
        let files: Vec<_> = inputs
            .files
            .iter()
            .map(|file| {
                let rows = summary.tables.iter().find_map(|t| t.counts.file_rows.get(&file.name));
                json!({
                    "name": file.name,
                    "resource_type": file.resource_type,
                    "bytes": file.bytes,
                    "rows": rows,
                })
            })
            .collect();
        let config = run.config;
        let manifest = json!({
            "version": env!("CARGO_PKG_VERSION"),
            "started": run.started.to_rfc3339(),
            "seconds": elapsed.as_secs_f64(),
            "peak_memory_bytes": peak_memory(),
            "memory_limit_bytes": memory_limit(),
            "options": {
                "output_format": config.output_format.iter().map(|f| f.name()).collect::<Vec<_>>(),
                "task": config.task,
                "exclude_resources": config.exclude_resources,
                "allow_missing_resources": config.allow_missing_resources,
                "batch_size": config.batch_size,
                "no_table_optimization": config.no_table_optimization,
                "strict": config.strict,
                "threads": config.threads,
            },
            "inputs": files,
            "skipped_inputs": inputs.skipped,
            "tables": summary.tables,
        });
        self.write("manifest.json", &manifest)?;
        if summary.tables.iter().all(|table| table.error.is_none()) {
            write_context(run, phi)?;
        }
        Ok(())
    }

    fn write(&self, name: &str, record: &Value) -> Result<()> {
        let text = serde_json::to_string_pretty(record).context("cannot make a record")?;
        self.folder.write(name, text)
    }
}

/// What the memory of this process was limited to, in bytes.
fn memory_limit() -> Option<u64> {
    budget().limit.map(|limit| limit.bytes)
}

/// Keeps what other programs have put there.
fn write_context(run: &Run<'_>, phi: &Folder) -> Result<()> {
    let old = phi.read(CONTEXT)?;
    let mut context: Map<String, Value> =
        old.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
    let time = run.started.format("%Y-%m-%dT%H:%M:%S%.6f+00:00").to_string();
    context.insert("last_successful_datetime".to_owned(), json!(time));
    context.insert("last_successful_input_dir".to_owned(), json!(run.config.input));
    context.insert("last_successful_output_dir".to_owned(), json!(run.config.output));
    if let Some(exported) = &run.exported {
        exported.note(&mut context, &run.output, &run.export.time);
    }
    let text = serde_json::to_string_pretty(&context).context("cannot make a record")?;
    phi.write(CONTEXT, text)
}
