//! The main job's stages for each table.

use std::time::Duration;

use super::collect::ScrubbedTable;
use super::plan::TablePlan;
use super::process_tables::TableStages;
use super::publish::{PublishedTable, TableCompleter, TablePublisher};
use super::scrub_table::TableScrubber;
use super::summary::TableSummary;
use crate::deid::{AnonId, Codebook};
use crate::error::Result;
use crate::input::Deletes;
use crate::ui::{Bars, Progress};

/// The stages of the main job, each a part of its own.
pub(super) struct MainStages<'a> {
    pub scrubber: TableScrubber<'a>,
    pub deletes: DeletedRows<'a>,
    pub publisher: TablePublisher<'a>,
    pub completer: TableCompleter<'a>,
    /// Progress bars.
    pub bars: &'a Bars,
}

/// The rows that an export deletes.
pub(super) struct DeletedRows<'a> {
    pub deletes: &'a Deletes,
    pub codebook: &'a Codebook,
}

impl DeletedRows<'_> {
    /// The anonymous IDs of the rows to delete, sorted.
    fn anonymize_deletes(&self, resource_type: &str) -> Vec<AnonId<'static>> {
        let real = self.deletes.by_type.get(resource_type).into_iter().flatten();
        let ids = real.map(|id| self.codebook.anonymize_id(resource_type, id));
        let mut ids: Vec<_> = ids.collect();
        ids.sort_unstable();
        ids
    }
}

impl TableStages for MainStages<'_> {
    type Scrubbed = Result<ScrubbedTable>;
    type Published = PublishedTable;

    fn scrub_rows(&self, plan: &TablePlan) -> Result<ScrubbedTable> {
        let progress = Progress::begin_reading(&plan.name, plan.input_bytes(), self.bars);
        let deletes = self.deletes.anonymize_deletes(plan.r4.name);
        let scrubbed = self.scrubber.scrub_table(plan, deletes, &progress);
        progress.end_step();
        scrubbed
    }

    fn publish_rows(
        &self,
        plan: &TablePlan,
        scrubbed: Result<ScrubbedTable>,
        scrubbing: Duration,
    ) -> PublishedTable {
        self.publisher.publish_table(plan, scrubbed, scrubbing)
    }

    fn complete_table(&self, published: PublishedTable) -> TableSummary {
        self.completer.complete_table(published)
    }
}
