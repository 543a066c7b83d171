//! The records of a run in OUTPUT: `JobConfig/<run>/` with `job_config.json`, a file for
//! each table, and `manifest.json` (spec: "Manifests").

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use tracing::warn;

use super::plan::{SourceExport, TablePlan};
use super::run_stamp::name_run;
use super::settings::SettingsInForce;
use super::summary::{RunSummary, TableSummary};
use crate::claim::{JOB_CONFIG, RUN_MANIFEST, RUN_RECORD};
use crate::error::{Context, Result};
use crate::http::recorded_url;
use crate::input::Inputs;
use crate::store::Folder;
use crate::ui::peak_memory;

/// The folder of one run's records.
pub(super) struct Records {
    folder: Folder,
    started: DateTime<Utc>,
}

impl Records {
    /// Records what is about to be done.
    pub(super) fn begin_run(
        output: &Folder,
        started: DateTime<Utc>,
        settings: &SettingsInForce<'_>,
        export: &SourceExport,
        codebook_id: &str,
        tables: &[TablePlan],
    ) -> Result<Self> {
        let folder = output.child(JOB_CONFIG).child(&name_run(started));
        folder.create()?;
        let asked = settings.asked;
        let formats: Vec<_> = asked.output_format.iter().map(|format| format.name()).collect();
        let tables: Vec<_> = tables.iter().map(|table| table.name.as_str()).collect();
        let record = json!({
            "dir_input": settings.input,
            "dir_output": asked.output,
            "dir_phi": asked.phi,
            "path": folder.show(RUN_RECORD),
            "input_format": "ndjson",
            "output_format": formats.join(","),
            "comment": asked.comment,
            "batch_size": asked.batch_size,
            "tasks": tables.join(","),
            "export_group_name": export.group,
            "export_timestamp": export.time,
            "export_url": export.url.as_deref().and_then(recorded_url),
            "codebook_id": codebook_id,
            "exclusions": export.excluded,
        });
        let records = Self { folder, started };
        records.write_record(RUN_RECORD, &record)?;
        Ok(records)
    }

    /// Records how one table went. A failure to do so is no reason to lose the table.
    pub(super) fn record_table(&self, table: &TableSummary) {
        let attempt = table.counts.lines;
        let success = if table.error.is_none() { table.counts.rows } else { 0 };
        // The members and their forms are those of Cumulus ETL's summary of a job. There, too, the
        // rate of a table without rows is 1.
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
        if let Err(error) = self.write_record(&format!("{}.json", table.name), &record) {
            warn!("{error:#}");
        }
    }

    /// Records what was done.
    pub(super) fn write_manifest(
        &self,
        settings: &SettingsInForce<'_>,
        inputs: &Inputs,
        summary: &RunSummary,
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
        let asked = settings.asked;
        let manifest = json!({
            "version": env!("CARGO_PKG_VERSION"),
            "started": self.started.to_rfc3339(),
            "seconds": elapsed.as_secs_f64(),
            "peak_memory_bytes": peak_memory(),
            "memory_limit_bytes": asked.budget.limit.map(|limit| limit.bytes),
            "options": {
                "output_format": asked.output_format.iter().map(|f| f.name()).collect::<Vec<_>>(),
                "task": asked.task,
                "exclude_resources": asked.exclude_resources,
                "allow_missing_resources": settings.allow_missing_resources,
                "batch_size": asked.batch_size,
                "no_table_optimization": asked.no_table_optimization,
                "strict": asked.strict,
                "threads": settings.threads,
            },
            "inputs": files,
            "skipped_inputs": inputs.skipped,
            "tables": summary.tables,
        });
        self.write_record(RUN_MANIFEST, &manifest)
    }

    fn write_record(&self, name: &str, record: &Value) -> Result<()> {
        let text = serde_json::to_string_pretty(record).context("cannot make a record")?;
        self.folder.write(name, text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;
    use crate::etl::config::EtlConfig;
    use crate::memory::{Budget, Limit, LimitSource};

    fn read_record(output: &Folder, name: &str) -> Value {
        let folder = output.child(JOB_CONFIG).child("2024-08-06__18.12.57");
        serde_json::from_slice(&folder.read(name).unwrap().unwrap()).unwrap()
    }

    #[test]
    fn records_tell_what_was_in_force_and_what_became_of_tables() {
        let output = Folder::open("memory://run-records/out").unwrap();
        let limit = Limit { bytes: 512 << 20, source: LimitSource::Cgroup };
        let budget = Budget::for_limit(Some(limit), 2);
        let asked = EtlConfig {
            threads: 16,
            ..EtlConfig::new("in?secret=1", "out", "phi", budget, output.storage())
        };
        let settings = SettingsInForce {
            asked: &asked,
            input: "in".to_owned(),
            threads: 2,
            allow_missing_resources: true,
        };
        let started = "2024-08-06T18:12:57Z".parse().unwrap();
        let export = SourceExport { group: "g".to_owned(), ..SourceExport::default() };
        let tables = [TablePlan::of_files("Patient", Vec::new()).unwrap()];
        let records =
            Records::begin_run(&output, started, &settings, &export, "id", &tables).unwrap();
        let config = read_record(&output, "job_config.json");
        assert_eq!(config["dir_input"], "in", "no secrets");
        assert_eq!((&config["codebook_id"], &config["tasks"]), (&json!("id"), &json!("patient")));

        let mut table = TableSummary::new(&tables[0]);
        (table.counts.lines, table.counts.rows) = (4, 3);
        records.record_table(&table);
        assert_eq!(read_record(&output, "patient.json")["success_rate"], 0.75);
        table.error = Some(Error::failed("disk full"));
        records.record_table(&table);
        let record = read_record(&output, "patient.json");
        assert_eq!((&record["success"], &record["had_errors"]), (&json!(0), &json!(true)));

        let summary = RunSummary { tables: vec![table] };
        records
            .write_manifest(&settings, &Inputs::default(), &summary, Duration::from_secs(1))
            .unwrap();
        let manifest = read_record(&output, "manifest.json");
        assert_eq!(manifest["memory_limit_bytes"], 512 << 20);
        let options = &manifest["options"];
        assert_eq!((&options["threads"], &options["strict"]), (&json!(2), &json!(false)));
        assert_eq!(options["allow_missing_resources"], true);
    }
}
