//! A scrubbed table is written, then declared complete: what the steps of [`super::publish_order`] do.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use tracing::{debug, error, info};

use super::collect::ScrubbedTable;
use super::plan::{SourceExport, TablePlan};
use super::prepare::PreparedOutput;
use super::publish_order::{
    CompleteSteps, PublishSteps, TableIsPublished, complete_in_order, publish_in_order,
};
use super::records::Records;
use super::summary::{OutputSummary, TableSummary};
use crate::deid::{Codebook, Mapping};
use crate::error::Result;
use crate::http::recorded_url;
use crate::output::completion;
use crate::output::rows::{Bitmap, RowSource};
use crate::output::table::{Merge, TableRun};
use crate::poison::ignore_poison;
use crate::store::Folder;
use crate::table::{CompletionRow, StagingArea};
use crate::ui::{format_count, format_thousands};

/// Writes tables.
pub(super) struct TablePublisher<'a> {
    pub output: &'a PreparedOutput,
    pub mapping: &'a Mutex<Mapping<Folder>>,
    pub codebook: &'a Codebook,
}

/// A table that is written, or has failed, and what there is to say of it.
pub(super) struct PublishedTable {
    summary: TableSummary,
    result: Result<TableIsPublished>,
}

impl TablePublisher<'_> {
    /// Writes one table. A failure is part of what it gives: the other tables go on.
    pub(super) fn publish_table(
        &self,
        plan: &TablePlan,
        scrubbed: Result<ScrubbedTable>,
        scrubbing: Duration,
    ) -> PublishedTable {
        let clock = Instant::now();
        let mut summary = TableSummary::new(plan);
        summary.scrub_seconds = scrubbing.as_secs_f64();
        let result = scrubbed.and_then(|mut table| {
            self.output.shutdown.check_stop()?;
            // Before anything can fail below: also of a table that is not written the summary tells
            // what was read and rejected.
            summary.counts = std::mem::take(&mut table.counts);
            let _turn = self.output.turns.take_turn();
            // After the wait for the turn: in a bucket, the lease may have been lost meanwhile.
            self.output.hold.check_hold()?;
            publish_in_order(&mut Publishing { publisher: self, table, summary: &mut summary })
        });
        summary.write_seconds = clock.elapsed().as_secs_f64();
        PublishedTable { summary, result }
    }
}

/// One table that is being written.
struct Publishing<'a> {
    publisher: &'a TablePublisher<'a>,
    table: ScrubbedTable,
    summary: &'a mut TableSummary,
}

impl PublishSteps for Publishing<'_> {
    fn keep_rejected_rows(&mut self) -> Result<()> {
        self.table.rejects.drain(..).try_for_each(|file| file.wait_for_end().map(drop))
    }

    fn persist_mapping(&mut self) -> Result<()> {
        let TablePublisher { mapping, codebook, .. } = self.publisher;
        ignore_poison(mapping.lock()).persist(codebook)
    }

    fn publish_encounter_completion(&mut self) -> Result<()> {
        let Some((rows, mut keys)) = self.table.completion.take() else { return Ok(()) };
        let mut live = Bitmap::all_set(rows.slots());
        keys.resolve(&mut live)?;
        let completion = TableRun {
            name: completion::ENCOUNTERS,
            rows: &rows,
            lines: None,
            live: &live,
            keys: &keys,
            deletes: &[],
            merge: Merge::InsertOnly,
            key_columns: &["encounter_id", "group_name"],
        };
        self.publisher
            .output
            .sinks
            .iter()
            .try_for_each(|sink| sink.write_table(&completion).map(drop))
    }

    fn publish_rows(&mut self) -> Result<()> {
        let Self { publisher, table, summary } = self;
        let sinks = &publisher.output.sinks;
        let mut live = Bitmap::all_set(summary.counts.rows);
        let (duplicates, deleted) = table.keys.resolve(&mut live)?;
        summary.duplicates = duplicates;
        summary.deleted_within_run = deleted;
        summary.live_rows = live.count();
        for sink in sinks.iter().filter(|_| table.contains) {
            sink.fit_rows(&summary.name, &mut table.rows)?;
        }
        let resource = TableRun {
            name: &summary.name,
            rows: &table.rows,
            lines: table.lines.as_ref(),
            live: &live,
            keys: &table.keys,
            deletes: &table.deletes,
            merge: Merge::Upsert,
            key_columns: &["id"],
        };
        for sink in sinks.iter() {
            let written = sink.write_table(&resource)?;
            summary.outputs.push(OutputSummary { format: sink.format().name(), written });
            // Each sink has read the rows once more; they all lose the same values.
            let misfits = table.rows.take_misfits();
            if summary.outputs.len() == 1 {
                for ((resource_type, element), count) in misfits {
                    summary.counts.report.count_misfits(&resource_type, &element, count);
                }
            }
        }
        Ok(())
    }
}

/// Declares tables complete.
pub(super) struct TableCompleter<'a> {
    pub output: &'a PreparedOutput,
    pub staging: &'a StagingArea,
    pub records: &'a Records,
    /// The texts of completion rows.
    pub export: &'a SourceExport,
}

impl TableCompleter<'_> {
    /// Tidies a table that is written, and says that it is complete. May take its time in a bucket:
    /// the next table can be written meanwhile.
    pub(super) fn complete_table(&self, table: PublishedTable) -> TableSummary {
        let PublishedTable { mut summary, result } = table;
        let completing =
            Completing { completer: self, clock: Instant::now(), summary: &mut summary };
        complete_in_order(result, &mut { completing });
        summary
    }
}

/// One table that is being declared complete.
struct Completing<'a> {
    completer: &'a TableCompleter<'a>,
    clock: Instant,
    summary: &'a mut TableSummary,
}

impl CompleteSteps for Completing<'_> {
    fn optimize_table(&mut self) -> Result<()> {
        let PreparedOutput { sinks, turns, .. } = self.completer.output;
        for (sink, output) in sinks.iter().zip(&mut self.summary.outputs) {
            let _turn = turns.take_turn();
            let version = sink.optimize_table(&self.summary.name)?;
            output.written.version = version.or(output.written.version);
        }
        Ok(())
    }

    fn publish_table_completion(&mut self) -> Result<()> {
        let TableCompleter { output: PreparedOutput { sinks, started, .. }, .. } = self.completer;
        let TableCompleter { export, staging, .. } = self.completer;
        let url = export.url.as_deref().and_then(recorded_url);
        let row = CompletionRow {
            table: &self.summary.name,
            group: &export.group,
            export_time: &export.time,
            export_url: url.as_deref(),
            etl_time: &started.format("%Y-%m-%dT%H:%M:%S%.6f+00:00").to_string(),
            excluded: &export.excluded,
        };
        sinks.iter().try_for_each(|sink| completion::append_row(sink, row, staging))
    }

    fn record_table(&mut self, result: Result<()>) {
        let summary = &mut *self.summary;
        summary.write_seconds += self.clock.elapsed().as_secs_f64();
        match &result {
            Ok(()) => {
                info!(
                    table = summary.name,
                    rows = summary.live_rows,
                    "{}",
                    describe_table(summary)
                );
                log_details(summary);
            }
            // The process is about to say so itself.
            Err(_) if self.completer.output.shutdown.is_asked() => {}
            Err(error) => error!(table = summary.name, "{}: {error:#}", summary.name),
        }
        summary.error = result.err();
        self.completer.records.record_table(summary);
    }
}

/// The size of the table now, and the times of the steps.
fn log_details(summary: &TableSummary) {
    let (scrub, write) = (summary.scrub_seconds, summary.write_seconds);
    for OutputSummary { format, written } in &summary.outputs {
        let version = written.version.map(|number| format!("version {number}, "));
        debug!(
            table = summary.name,
            format,
            version = written.version,
            files = written.files,
            bytes = written.bytes,
            "{}: {format}: {}{}, {}, {}; scrubbed in {scrub:.2} s, written in {write:.2} s",
            summary.name,
            version.unwrap_or_default(),
            format_count(written.files, "file"),
            format_count(written.rows, "row"),
            format_count(written.bytes, "byte"),
        );
    }
}

fn describe_table(summary: &TableSummary) -> String {
    let mut line = format!("{}: {}", summary.name, format_count(summary.live_rows, "row"));
    if let Some(output) = summary.outputs.first()
        && output.written.version.is_some()
    {
        let written = &output.written;
        line += &format!(
            " ({} new, {} updated, {} deleted)",
            format_thousands(written.inserted),
            format_thousands(written.updated),
            format_thousands(written.deleted)
        );
    }
    let rejected = summary.counts.count_rejected();
    if rejected > 0 {
        line += &format!(", {} rejected", format_thousands(rejected));
    }
    line
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::Arc;

    use super::*;
    use crate::deid::{Anonymizer, Scrubber};
    use crate::etl::collect::TableStaging;
    use crate::etl::config::EtlConfig;
    use crate::etl::folders::RunFolders;
    use crate::etl::prepare::{Prepared, prepare_folders};
    use crate::etl::read_chunks::InputFiles;
    use crate::etl::scrub_chunk::RowForms;
    use crate::etl::scrub_table::{RowScrubbing, TableScrubber};
    use crate::etl::settings::SettingsInForce;
    use crate::input::{InputFile, ReadAhead};
    use crate::memory::Budget;
    use crate::output::OutputFormat;
    use crate::store::Storage;
    use crate::ui::{Bars, Progress};

    const ENCOUNTER: &str = r#"{"resourceType":"Encounter","id":"e","status":"finished"}"#;

    /// A run of one encounter as CSV, in a folder of the test's own.
    struct EncounterRun {
        dir: tempfile::TempDir,
        config: EtlConfig,
        plan: TablePlan,
        export: Arc<SourceExport>,
    }

    impl EncounterRun {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
            fs::create_dir(path("in")).unwrap();
            fs::write(path("in/Encounter.ndjson"), ENCOUNTER).unwrap();
            let config = EtlConfig {
                output_format: vec![OutputFormat::CSV],
                work_dir: Some(path("work")),
                new_codebook: true,
                ..EtlConfig::new(
                    &path("in"),
                    &path("out"),
                    &path("phi"),
                    Budget::for_limit(None, 2),
                    &Storage::for_tests(),
                )
            };
            let name = "Encounter.ndjson".to_owned();
            let file = InputFile { name, resource_type: "Encounter", bytes: 1 };
            let plan = TablePlan::of_files("Encounter", vec![file]).unwrap();
            Self { dir, config, plan, export: Arc::default() }
        }

        fn prepare_run(&self) -> Prepared {
            let folders = RunFolders::open_all(&self.config).unwrap();
            let settings = SettingsInForce::of_run(&self.config, 1, false);
            let now = chrono::Utc::now();
            prepare_folders(&settings, &folders, std::slice::from_ref(&self.plan), now).unwrap()
        }

        fn scrub_rows(&self, prepared: &Prepared) -> ScrubbedTable {
            let folder = Folder::open(&self.config.input).unwrap();
            let Prepared { phi, staging, .. } = prepared;
            let make_scrubber =
                || Scrubber::new(Anonymizer::new(phi.codebook.clone(), Arc::from(Vec::new())));
            let scrubber = TableScrubber {
                input: InputFiles {
                    folder: &folder,
                    ahead: ReadAhead::new(&folder, &self.plan.files),
                },
                rows: RowScrubbing {
                    make_scrubber: &make_scrubber,
                    forms: RowForms { arrow: true, json: false },
                    workers: 1,
                    completion: Some(self.export.clone()),
                },
                staging: TableStaging {
                    area: staging,
                    mapping: Some(&phi.mapping),
                    rejects: Vec::new(),
                },
                bytes_under_way: self.config.budget.chunks,
            };
            let progress = Progress::begin_reading("encounter", 1, &Bars::default());
            scrubber.scrub_table(&self.plan, Vec::new(), &progress).unwrap()
        }

        fn publish_and_complete(&self, prepared: &Prepared, table: ScrubbedTable) -> TableSummary {
            let Prepared { output, phi, staging } = prepared;
            let (mapping, codebook) = (&phi.mapping, &*phi.codebook);
            let publisher = TablePublisher { output, mapping, codebook };
            let published = publisher.publish_table(&self.plan, Ok(table), Duration::ZERO);
            let folder = Folder::open(&self.config.output).unwrap();
            let settings = SettingsInForce::of_run(&self.config, 1, false);
            let plans = std::slice::from_ref(&self.plan);
            let records =
                Records::begin_run(&folder, output.started, &settings, &self.export, "id", plans);
            let records = &records.unwrap();
            let completer = TableCompleter { output, staging, records, export: &self.export };
            completer.complete_table(published)
        }

        /// Which of these files are there.
        fn has_files(&self, names: [&str; 4]) -> [bool; 4] {
            names.map(|name| self.dir.path().join(name).exists())
        }
    }

    const FILES: [&str; 4] = [
        "phi/codebook-cached-mappings.json",
        "out/etl__completion_encounters/etl__completion_encounters.000.csv",
        "out/encounter/encounter.000.csv",
        "out/etl__completion/etl__completion.000.csv",
    ];

    #[test]
    fn an_encounter_is_published_with_its_completion() {
        let run = EncounterRun::new();
        let prepared = run.prepare_run();
        let table = run.scrub_rows(&prepared);
        assert_eq!(run.has_files(FILES), [false; 4]);
        let summary = run.publish_and_complete(&prepared, table);
        assert!(summary.error.is_none(), "{:?}", summary.error);
        assert_eq!((summary.live_rows, summary.outputs.len()), (1, 1));
        assert_eq!(run.has_files(FILES), [true; 4]);
    }

    #[test]
    fn without_an_id_mapping_nothing_is_published() {
        let run = EncounterRun::new();
        let prepared = run.prepare_run();
        let table = run.scrub_rows(&prepared);
        let phi = run.dir.path().join("phi");
        fs::rename(&phi, run.dir.path().join("gone")).unwrap();
        fs::write(&phi, "in its place").unwrap();
        let summary = run.publish_and_complete(&prepared, table);
        assert!(summary.error.is_some());
        assert_eq!(run.has_files(FILES), [false; 4]);
    }
}
