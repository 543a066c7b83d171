//! The results of a run, for its end and for its records.

use std::fmt;
use std::time::Duration;

use serde::Serialize;
use tracing::{info, warn};

use super::plan::TablePlan;
use super::row_counts::{Reasons, RowCounts};
use crate::deid::{PhiFolder, Report};
use crate::error::{Error, Result, RunFault};
use crate::output::table::WrittenTable;
use crate::store::Folder;
use crate::ui::{choose_form, format_count, format_thousands, peak_memory, tell_rows};

/// Lines of one kind that the closing summary shows at most.
const SHOWN: usize = 8;

/// One table.
#[derive(Debug, Serialize)]
pub(super) struct TableSummary {
    pub name: String,
    pub resource_type: &'static str,
    pub counts: RowCounts,
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
    pub written: WrittenTable,
}

impl TableSummary {
    /// Nothing is done yet.
    pub(super) fn new(plan: &TablePlan) -> Self {
        Self {
            name: plan.name.clone(),
            resource_type: plan.r4.name,
            counts: RowCounts::default(),
            duplicates: 0,
            deleted_within_run: 0,
            live_rows: 0,
            outputs: Vec::new(),
            scrub_seconds: 0.0,
            write_seconds: 0.0,
            error: None,
        }
    }
}

/// The ends of the rows of all tables. Each row that was read is in just one of the counts from
/// `written` to `rejected`.
#[derive(Debug, Default, PartialEq, Eq)]
struct RowTotals {
    /// Lines that are not blank.
    read: u64,
    /// Rows that are in the tables now: `inserted` and `updated` of them where the format knows.
    written: u64,
    inserted: u64,
    updated: u64,
    /// Rows that are older than the table's.
    unchanged: u64,
    /// Rows that a later row of the run replaced.
    duplicates: u64,
    /// Rows that a delete of the run took.
    deleted_within_run: u64,
    /// Rows of tables that did not complete.
    not_written: u64,
    rejected: u64,
    /// Rows of earlier runs that a delete took. They are not among those that were read.
    deleted: u64,
}

impl RowTotals {
    fn count_tables(tables: &[TableSummary]) -> Self {
        let mut totals = Self::default();
        for table in tables {
            totals.read += table.counts.lines;
            totals.duplicates += table.duplicates;
            totals.deleted_within_run += table.deleted_within_run;
            totals.rejected += table.counts.count_rejected();
            // Formats without versions replace the whole table, and count neither.
            let written = table.outputs.iter().find(|output| output.written.version.is_some());
            let written = written.or(table.outputs.first()).map(|output| output.written);
            let written = written.unwrap_or_default();
            if table.error.is_some() {
                let gone = table.duplicates + table.deleted_within_run;
                totals.not_written += table.counts.rows.saturating_sub(gone);
                continue;
            }
            totals.written += table.live_rows.saturating_sub(written.unchanged);
            totals.inserted += written.inserted;
            totals.updated += written.updated;
            totals.unchanged += written.unchanged;
            totals.deleted += written.deleted;
        }
        totals
    }
}

impl fmt::Display for RowTotals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} written", format_thousands(self.written))?;
        if self.inserted + self.updated > 0 {
            let (inserted, updated) =
                (format_thousands(self.inserted), format_thousands(self.updated));
            write!(f, " ({inserted} new, {updated} updated)")?;
        }
        for (count, what) in [
            (self.unchanged, "older than the table's"),
            (self.duplicates, "replaced by later rows"),
            (self.deleted_within_run, "deleted by the export"),
            (self.not_written, "not written, as their tables did not complete"),
            (self.rejected, "rejected"),
        ] {
            if count > 0 {
                write!(f, ", {} {what}", format_thousands(count))?;
            }
        }
        Ok(())
    }
}

/// All tables.
#[derive(Debug, Default)]
pub(super) struct RunSummary {
    pub tables: Vec<TableSummary>,
}

impl RunSummary {
    fn count_reasons(&self) -> Reasons {
        let mut all = Reasons::new();
        for (reason, count) in self.tables.iter().flat_map(|table| &table.counts.rejected) {
            *all.entry(*reason).or_default() += count;
        }
        all
    }

    /// Shows what was done, and what needs attention.
    ///
    /// `bytes`: those of the input; `rejected`: where rejected rows are, if there are any.
    pub(super) fn print_summary(
        &self,
        bytes: u64,
        rejected: Option<&PhiFolder<Folder>>,
        elapsed: Duration,
    ) {
        let totals = RowTotals::count_tables(&self.tables);
        let seconds = elapsed.as_secs_f64();
        let rate = bytes as f64 / 1e6 / seconds.max(1e-9);
        let peak = peak_memory().map_or(0, |bytes| bytes >> 20);
        info!(
            rows_in = totals.read,
            rows_written = totals.written,
            rows_new = totals.inserted,
            rows_updated = totals.updated,
            rows_unchanged = totals.unchanged,
            rows_duplicate = totals.duplicates,
            rows_deleted_within_run = totals.deleted_within_run,
            rows_not_written = totals.not_written,
            rows_deleted = totals.deleted,
            rows_rejected = totals.rejected,
            seconds,
            mb_per_second = rate,
            peak_memory_mib = peak,
            "Read {} ({:.1} MB) in {seconds:.1} s ({rate:.0} MB/s, {peak} MiB of memory): {totals}",
            format_count(totals.read, "row"),
            bytes as f64 / 1e6,
        );
        if totals.deleted > 0 {
            let rows = format_count(totals.deleted, "row");
            info!("{rows} of the tables deleted, as the export's deletes say");
        }
        self.print_left_out();
        for (reason, count) in self.count_reasons() {
            warn!(%reason, count, "{}: {reason}", tell_rows(count, "rejected"));
        }
        if let Some(folder) = rejected {
            warn!("The rejected rows, with file, line and reason, are in '{folder}'");
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
                let times = format_count(*count, "time");
                info!(resource_type = of, name, count, "{of}: {what}: {name} ({times})");
            }
            if let Some(more) = counts.len().checked_sub(SHOWN).filter(|more| *more > 0) {
                let are = choose_form(more as u64, "is", "are");
                info!("{more} more of these ({what}) {are} in manifest.json");
            }
        }
    }

    /// Whether no table has failed.
    pub(super) fn is_complete(&self) -> bool {
        self.tables.iter().all(|table| table.error.is_none())
    }

    /// How the process ends.
    ///
    /// # Errors
    /// A table that did not complete; where `strict`, a rejected row.
    pub(super) fn check_outcome(&self, strict: bool) -> Result<()> {
        let failed: Vec<_> = self.tables.iter().filter(|table| table.error.is_some()).collect();
        if !failed.is_empty() {
            let names: Vec<_> = failed.iter().map(|table| table.name.as_str()).collect();
            let (few, all) = (failed.len() as u64, self.tables.len() as u64);
            let others = match all - few {
                0 => "The",
                1 => "The other one did, and the",
                _ => "The others did, and the",
            };
            return Err(Error::new(
                RunFault::TablesUnwritten,
                format!(
                    "{} of {} did not complete: {}; see above. {others} next run takes {} up again",
                    format_thousands(few),
                    format_count(all, "table"),
                    names.join(", "),
                    choose_form(few, "it", "them"),
                ),
            ));
        }
        let rejected: u64 = self.tables.iter().map(|table| table.counts.count_rejected()).sum();
        if strict && rejected > 0 {
            let message = format!("--strict: {}", tell_rows(rejected, "rejected"));
            return Err(Error::new(RunFault::RowsRejected, message));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deid::Reason;

    fn summary_of(resource_type: &str) -> TableSummary {
        TableSummary::new(&TablePlan::of_files(resource_type, Vec::new()).unwrap())
    }

    fn table(lines: u64, rejected: u64, duplicates: u64, deleted: u64) -> TableSummary {
        let mut table = summary_of("Patient");
        table.counts.lines = lines;
        table.counts.rows = lines - rejected;
        if rejected > 0 {
            table.counts.rejected.insert(Reason::NotJson, rejected);
        }
        table.duplicates = duplicates;
        table.deleted_within_run = deleted;
        table.live_rows = lines - rejected - duplicates - deleted;
        table
    }

    fn output(format: &'static str, written: WrittenTable) -> OutputSummary {
        OutputSummary { format, written }
    }

    #[test]
    fn every_row_that_was_read_is_in_one_count() {
        let mut delta = table(100, 7, 5, 3);
        let written = WrittenTable {
            inserted: 60,
            updated: 15,
            unchanged: 10,
            deleted: 4,
            ..WrittenTable::default()
        };
        let written = WrittenTable { version: Some(3), ..written };
        delta.outputs = vec![output("csv", WrittenTable::default()), output("deltalake", written)];
        let mut files = table(20, 1, 2, 0);
        files.outputs =
            vec![output("parquet", WrittenTable { rows: 17, ..WrittenTable::default() })];
        let mut failed = table(30, 4, 1, 1);
        failed.error = Some(Error::failed("disk full"));
        let mut unread = summary_of("Device");
        unread.error = Some(Error::failed("no such file"));
        let totals = RowTotals::count_tables(&[delta, files, failed, unread]);
        let parts = [
            totals.written,
            totals.unchanged,
            totals.duplicates,
            totals.deleted_within_run,
            totals.not_written,
            totals.rejected,
        ];
        assert_eq!((totals.read, parts), (150, [92, 10, 8, 4, 24, 12]));
        assert_eq!(parts.iter().sum::<u64>(), totals.read);
        assert_eq!((totals.inserted, totals.updated, totals.deleted), (60, 15, 4));
        assert_eq!(
            totals.to_string(),
            "92 written (60 new, 15 updated), 10 older than the table's, 8 replaced by later rows, \
             4 deleted by the export, 24 not written, as their tables did not complete, 12 rejected"
        );
    }

    #[test]
    fn what_did_not_occur_is_not_told() {
        assert_eq!(RowTotals::count_tables(&[table(1, 0, 0, 0)]).to_string(), "1 written");
    }

    #[test]
    fn tables_that_did_not_complete_are_told_as_many_as_they_are() {
        for (failed, all, told) in [
            (
                1,
                1,
                "1 of 1 table did not complete: patient; see above. The next run takes it up again",
            ),
            (
                2,
                2,
                "2 of 2 tables did not complete: patient, device; see above. The next run takes them",
            ),
            (
                1,
                2,
                "1 of 2 tables did not complete: patient; see above. The other one did, and the next run takes it",
            ),
            (
                2,
                4,
                "2 of 4 tables did not complete: patient, device; see above. The others did, and the next run takes them",
            ),
        ] {
            let mut tables: Vec<_> = ["Patient", "Device", "Condition", "Encounter"][..all]
                .iter()
                .map(|name| summary_of(name))
                .collect();
            for table in &mut tables[..failed] {
                table.error = Some(Error::failed("no space"));
            }
            let error = RunSummary { tables }.check_outcome(false).unwrap_err().to_string();
            assert!(error.starts_with(told), "{error}");
        }
    }
}
