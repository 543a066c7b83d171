//! A scrubbed table becomes visible: the ID mapping first, then the rows, then their completion.

use std::time::{Duration, Instant};

use tracing::{debug, error, info};

use super::Run;
use super::plan::TablePlan;
use super::scrubbing::ScrubbedTable;
use super::summary::{OutputSummary, TableSummary};
use crate::error::Result;
use crate::http::recorded_url;
use crate::output::completion;
use crate::output::rows::{Bitmap, RowSource};
use crate::output::table::{Merge, TableRun};
use crate::stop;
use crate::table::CompletionRow;
use crate::ui::{format_count, format_thousands};

/// Writes one table. A failure is part of the summary: the other tables go on.
pub(super) fn publish(
    run: &Run<'_>,
    plan: &TablePlan,
    scrubbed: Result<ScrubbedTable>,
    scrubbing: Duration,
) -> TableSummary {
    let clock = Instant::now();
    let mut summary = TableSummary::new(&plan.name, plan.resource_type);
    summary.scrub_seconds = scrubbing.as_secs_f64();
    let result = scrubbed.and_then(|mut table| {
        stop::check_stop()?;
        summary.counts = std::mem::take(&mut table.counts);
        let _alone = run.alone();
        run.hold.check_hold()?;
        write(run, table, &mut summary)
    });
    summary.error = result.err();
    summary.write_seconds = clock.elapsed().as_secs_f64();
    summary
}

/// Tidies a table that is written, and says that it is complete. May take its time in a bucket:
/// the next table can be written meanwhile.
pub(super) fn complete(run: &Run<'_>, summary: &mut TableSummary) {
    let clock = Instant::now();
    let result = match summary.error.take() {
        Some(error) => Err(error),
        None => tidy(run, summary),
    };
    summary.write_seconds += clock.elapsed().as_secs_f64();
    match result {
        Ok(()) => {
            info!(table = summary.name, rows = summary.live_rows, "{}", line(summary));
            detail(summary);
        }
        // The process is about to say so itself.
        Err(error) if stop::is_asked() => summary.error = Some(error),
        Err(error) => {
            error!(table = summary.name, "{}: {error}", summary.name);
            summary.error = Some(error);
        }
    }
}

fn write(run: &Run<'_>, mut table: ScrubbedTable, summary: &mut TableSummary) -> Result<()> {
    for file in table.rejects.drain(..) {
        file.wait_for_end()?;
    }
    {
        // What can be traced back must be traceable before anyone sees it.
        let mut mapping = run.mapping.lock().unwrap_or_else(|e| e.into_inner());
        mapping.persist(&run.codebook)?;
    }
    if let Some((rows, mut keys)) = table.completion.take() {
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
        for sink in run.sinks.iter() {
            sink.write(&completion)?;
        }
    }
    let slots = summary.counts.rows;
    let mut live = Bitmap::all_set(slots);
    let (duplicates, deleted) = table.keys.resolve(&mut live)?;
    summary.duplicates = duplicates;
    summary.deleted_within_run = deleted;
    summary.live_rows = live.count();
    for sink in run.sinks.iter().filter(|_| table.contains) {
        sink.fit(&table.name, &mut table.rows)?;
    }
    let resource = TableRun {
        name: &table.name,
        rows: &table.rows,
        lines: table.lines.as_ref(),
        live: &live,
        keys: &table.keys,
        deletes: &table.deletes,
        merge: Merge::Upsert,
        key_columns: &["id"],
    };
    for sink in run.sinks.iter() {
        let written = sink.write(&resource)?;
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

fn tidy(run: &Run<'_>, summary: &mut TableSummary) -> Result<()> {
    for (sink, output) in run.sinks.iter().zip(&mut summary.outputs) {
        let _alone = run.alone();
        let version = sink.optimize(&summary.name)?;
        output.written.version = version.or(output.written.version);
    }
    let url = run.export.url.as_deref().and_then(recorded_url);
    let row = CompletionRow {
        table: &summary.name,
        group: &run.export.group,
        export_time: &run.export.time,
        export_url: url.as_deref(),
        etl_time: &run.started.format("%Y-%m-%dT%H:%M:%S%.6f+00:00").to_string(),
        excluded: &run.export.excluded,
    };
    for sink in run.sinks.iter() {
        completion::append(sink, row, &run.work)?;
    }
    Ok(())
}

/// What there is of the table now, and what took the time.
fn detail(summary: &TableSummary) {
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

fn line(summary: &TableSummary) -> String {
    let mut line = format!("{}: {}", summary.name, format_count(summary.live_rows, "row"));
    if let Some(output) = summary.outputs.first()
        && output.format == "deltalake"
    {
        let written = &output.written;
        line += &format!(
            " ({} new, {} updated, {} deleted)",
            format_thousands(written.inserted),
            format_thousands(written.updated),
            format_thousands(written.deleted)
        );
    }
    let rejected: u64 = summary.counts.rejected.values().sum();
    if rejected > 0 {
        line += &format!(", {} rejected", format_thousands(rejected));
    }
    line
}
