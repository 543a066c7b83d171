//! What a run has done, for its end and for its records.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use tracing::{info, warn};

use super::Run;
use super::scrubbing::Counts;
use crate::deid::{Reason, Report};
use crate::error::{Error, Exit, Result};
use crate::output::table::Written;
use crate::ui::{counted, peak_memory, thousands};

/// Lines of one kind that the closing summary shows at most.
const SHOWN: usize = 8;

/// One table.
#[derive(Debug, Serialize)]
pub(super) struct TableSummary {
    pub name: String,
    pub resource_type: &'static str,
    pub counts: Counts,
    /// Rows that a later row of the run replaced.
    pub duplicates: u64,
    /// Rows that a delete of the same run took.
    pub deleted_within_run: u64,
    /// Rows that remained to be written.
    pub live_rows: u64,
    pub outputs: Vec<OutputSummary>,
    pub scrub_seconds: f64,
    pub write_seconds: f64,
    #[serde(skip)]
    pub error: Option<Error>,
}

/// One table in one format.
#[derive(Debug, Serialize)]
pub(super) struct OutputSummary {
    pub format: &'static str,
    #[serde(flatten)]
    pub written: Written,
}

impl TableSummary {
    pub(super) fn new(name: &str, resource_type: &'static str) -> Self {
        Self {
            name: name.to_owned(),
            resource_type,
            counts: Counts::default(),
            duplicates: 0,
            deleted_within_run: 0,
            live_rows: 0,
            outputs: Vec::new(),
            scrub_seconds: 0.0,
            write_seconds: 0.0,
            error: None,
        }
    }

    pub(super) fn rejected(&self) -> u64 {
        self.counts.rejected.values().sum()
    }
}

/// All tables.
#[derive(Debug, Default)]
pub(super) struct Summary {
    pub tables: Vec<TableSummary>,
}

impl Summary {
    pub(super) fn add(&mut self, table: TableSummary) {
        self.tables.push(table);
    }

    fn rejected(&self) -> BTreeMap<Reason, u64> {
        let mut all = BTreeMap::new();
        for (reason, count) in self.tables.iter().flat_map(|table| &table.counts.rejected) {
            *all.entry(*reason).or_default() += count;
        }
        all
    }

    /// Shows what was done, and what needs attention.
    pub(super) fn print(&self, run: &Run<'_>, elapsed: Duration) {
        let sum = |of: fn(&TableSummary) -> u64| self.tables.iter().map(of).sum::<u64>();
        let first = |of: fn(&Written) -> u64| {
            let written = self.tables.iter().filter_map(|table| table.outputs.first());
            written.map(|output| of(&output.written)).sum::<u64>()
        };
        let bytes = run.input_bytes;
        let seconds = elapsed.as_secs_f64();
        let rate = bytes as f64 / 1e6 / seconds.max(1e-9);
        let peak = peak_memory().map_or(0, |bytes| bytes >> 20);
        info!(
            rows_in = sum(|table| table.counts.lines),
            rows_written = sum(|table| table.live_rows),
            rows_updated = first(|written| written.updated),
            rows_deleted = first(|written| written.deleted),
            rows_rejected = sum(TableSummary::rejected),
            seconds,
            mb_per_second = rate,
            peak_memory_mib = peak,
            "Read {} ({:.1} MB) and wrote {} in {seconds:.1} s ({rate:.0} MB/s, {peak} MiB of \
             memory): {} new, {} updated, {} deleted, {} older than what is there, {} duplicates",
            counted(sum(|table| table.counts.lines), "row"),
            bytes as f64 / 1e6,
            thousands(sum(|table| table.live_rows)),
            thousands(first(|written| written.inserted)),
            thousands(first(|written| written.updated)),
            thousands(first(|written| written.deleted)),
            thousands(first(|written| written.unchanged)),
            thousands(sum(|table| table.duplicates)),
        );
        self.print_left_out();
        for (reason, count) in self.rejected() {
            warn!(%reason, count, "{} rows were rejected: {reason}", thousands(count));
        }
        if sum(TableSummary::rejected) > 0 {
            warn!("The rejected rows, with file, line and reason, are in '{}'", run.rejected);
        }
        for table in self.tables.iter().filter(|table| table.error.is_some()) {
            warn!(
                table = table.name,
                "{} did not complete; its completion is not recorded", table.name
            );
        }
    }

    /// Shows what was left out, the most frequent first; `manifest.json` has it all.
    fn print_left_out(&self) {
        let mut all = Report::default();
        for table in &self.tables {
            all.merge(&table.counts.report);
        }
        for (what, by_type) in [
            ("unknown extension dropped", &all.dropped_extensions),
            ("rows lost to an unknown modifier extension", &all.unknown_modifier_extensions),
            ("elements unknown to R4 dropped", &all.non_r4_elements),
            ("values dropped of contained resources' element", &all.contained_misfits),
        ] {
            let mut counts: Vec<(u64, &str, &str)> = by_type
                .iter()
                .flat_map(|(of, names)| names.iter().map(move |(n, c)| (*c, &**of, &**n)))
                .collect();
            counts.sort_unstable_by(|one, other| other.cmp(one));
            for (count, of, name) in counts.iter().take(SHOWN) {
                let times = thousands(*count);
                info!(resource_type = of, name, count, "{of}: {what}: {name} ({times} times)");
            }
            if let Some(more) = counts.len().checked_sub(SHOWN).filter(|more| *more > 0) {
                info!("{more} more of these ({what}) are in manifest.json");
            }
        }
    }

    /// How the process ends.
    pub(super) fn verdict(&self, strict: bool) -> Result<()> {
        let failed: Vec<_> = self.tables.iter().filter(|table| table.error.is_some()).collect();
        if !failed.is_empty() {
            let names: Vec<_> = failed.iter().map(|table| table.name.as_str()).collect();
            return Err(Error::new(
                Exit::TaskFailed,
                format!(
                    "{} of {} tables did not complete: {}; see above. The others did, and the \
                     next run takes these up again",
                    failed.len(),
                    self.tables.len(),
                    names.join(", ")
                ),
            ));
        }
        let rejected: u64 = self.tables.iter().map(TableSummary::rejected).sum();
        if strict && rejected > 0 {
            let message = format!("--strict: {} rows were rejected", thousands(rejected));
            return Err(Error::new(Exit::RowsRejected, message));
        }
        Ok(())
    }
}
