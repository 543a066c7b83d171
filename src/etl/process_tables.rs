//! All tables of a run, one after the other: while one is published, the next is scrubbed.

use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::bounded;

use super::plan::TablePlan;
use super::summary::{RunSummary, TableSummary};
use crate::error::Result;
use crate::stop::Shutdown;
use crate::threads::{Thread, can_start, join_scoped};

/// Tables that are written and wait to be completed.
const TABLES_TO_COMPLETE: usize = 4;

/// Threads that libraries may take beside those that are counted.
const SPARE: usize = 4;

/// Writes tables.
const PUBLISHER: Thread = Thread::for_rows("publish");
/// Completes tables once they are written.
const COMPLETER: Thread = Thread::for_rows("complete");

/// The stages of each table. A failure is part of a stage's result: the other tables go on.
pub(super) trait TableStages: Sync {
    /// A table on its way from the first stage to the second.
    type Scrubbed: Send;
    /// A table on its way from the second stage to the third.
    type Published: Send;

    /// De-identifies a table's rows, on the thread of the caller.
    fn scrub_rows(&self, plan: &TablePlan) -> Self::Scrubbed;

    /// Writes a table. `scrubbing`: how long its rows took.
    fn publish_rows(
        &self,
        plan: &TablePlan,
        scrubbed: Self::Scrubbed,
        scrubbing: Duration,
    ) -> Self::Published;

    /// Declares a table complete.
    fn complete_table(&self, published: Self::Published) -> TableSummary;
}

/// Scrubs one table after the other; meanwhile those that are scrubbed are published, the first one
/// alone, then up to `publishers` at the same time. No table is begun once the run is to end.
pub(super) fn process_tables(
    plans: &[TablePlan],
    publishers: usize,
    stages: &impl TableStages,
    shutdown: &Shutdown,
) -> Result<RunSummary> {
    thread::scope(|scope| {
        // One waits while another is published, so that neither side often waits for the other.
        let (scrubbed_in, scrubbed_out) = bounded(1);
        let (written_in, written_out) = bounded(TABLES_TO_COMPLETE);
        let publisher = PUBLISHER.start_in(scope, move || {
            let publish_next = || {
                let Ok((plan, scrubbed, scrubbing)) = scrubbed_out.recv() else { return false };
                written_in.send(stages.publish_rows(plan, scrubbed, scrubbing)).is_ok()
            };
            publish_all(publishers, &publish_next)
        })?;
        let completer = COMPLETER.start_in(scope, move || {
            let tables = written_out.into_iter().map(|table| stages.complete_table(table));
            sort_tables(plans, tables.collect())
        })?;
        for plan in plans.iter().take_while(|_| !shutdown.is_asked()) {
            let clock = Instant::now();
            let scrubbed = stages.scrub_rows(plan);
            // The publisher has ended: it could not start its threads, and says so below.
            if scrubbed_in.send((plan, scrubbed, clock.elapsed())).is_err() {
                break;
            }
        }
        drop(scrubbed_in);
        let written = join_scoped(publisher);
        let completed = join_scoped(completer);
        written.map(|()| completed)
    })
}

/// Calls `publish_next`, which is false when no table is left, on so many threads.
///
/// The first table is alone. Where there are encounters it is theirs, and their completion rows are to
/// be there before anything else. On a disk all tables are alone, for no more than one table's row
/// groups in memory; in a bucket one waits while another works.
fn publish_all(publishers: usize, publish_next: &(dyn Fn() -> bool + Sync)) -> Result<()> {
    if !publish_next() {
        return Ok(());
    }
    let publish_rest = || while publish_next() {};
    thread::scope(|scope| {
        // This thread is one of them.
        let started =
            (1..publishers).try_for_each(|_| PUBLISHER.start_in(scope, publish_rest).map(drop));
        if started.is_ok() {
            publish_rest();
        }
        started
    })
}

/// Tables that are written at the same time may end in any order.
fn sort_tables(plans: &[TablePlan], mut tables: Vec<TableSummary>) -> RunSummary {
    tables.sort_by_key(|table| plans.iter().position(|plan| plan.name == table.name));
    RunSummary { tables }
}

/// Makes sure that the threads of a run can be had, before it changes anything: else one table after
/// the other would fail.
pub(super) fn ensure_threads(workers: usize, publishers: usize) -> Result<()> {
    // One reads, one completes; what writes tables has its own, and takes some for its files.
    can_start(PUBLISHER, workers + 2 + publishers + SPARE)
}

#[cfg(test)]
mod tests {
    use std::sync::{Condvar, Mutex};

    use super::*;
    use crate::error::StopSignal;

    fn plan_all(types: &[&str]) -> Vec<TablePlan> {
        types.iter().map(|name| TablePlan::of_files(name, Vec::new()).unwrap()).collect()
    }

    /// Notes what is done; tables are published in pairs, the later one of which ends first.
    #[derive(Default)]
    struct RecordedStages {
        taken: Mutex<Vec<String>>,
        under_way: Mutex<usize>,
        changed: Condvar,
        waits_for_pair: bool,
    }

    impl RecordedStages {
        fn note_stage(&self, stage: &str, table: &str) {
            self.taken.lock().unwrap().push(format!("{stage} {table}"));
        }
    }

    impl TableStages for RecordedStages {
        type Scrubbed = ();
        type Published = TableSummary;

        fn scrub_rows(&self, plan: &TablePlan) {
            self.note_stage("scrub", &plan.name);
        }

        fn publish_rows(&self, plan: &TablePlan, (): (), _: Duration) -> TableSummary {
            self.note_stage("publish", &plan.name);
            if self.waits_for_pair && !plan.completes_encounters {
                let mut count = self.under_way.lock().unwrap();
                *count += 1;
                self.changed.notify_all();
                drop(self.changed.wait_while(count, |count| *count < 2).unwrap());
            }
            self.note_stage("end", &plan.name);
            TableSummary::new(plan)
        }

        fn complete_table(&self, published: TableSummary) -> TableSummary {
            self.note_stage("complete", &published.name);
            published
        }
    }

    #[test]
    fn tables_are_published_in_order_and_told_in_order() {
        let (plans, stages) =
            (plan_all(&["Encounter", "Patient", "Device"]), RecordedStages::default());
        let summary = process_tables(&plans, 1, &stages, &Shutdown::default()).unwrap();
        let names: Vec<_> = summary.tables.iter().map(|table| table.name.as_str()).collect();
        assert_eq!(names, ["encounter", "patient", "device"]);
        let taken = stages.taken.into_inner().unwrap();
        for stage in ["scrub", "publish", "complete"] {
            let order: Vec<_> = taken.iter().filter_map(|step| step.strip_prefix(stage)).collect();
            assert_eq!(order, [" encounter", " patient", " device"], "{stage}");
        }
    }

    #[test]
    fn the_first_table_is_published_alone_and_others_at_the_same_time() {
        let plans = plan_all(&["Encounter", "Patient", "Device"]);
        // Ends only if two are published at the same time.
        let stages = RecordedStages { waits_for_pair: true, ..RecordedStages::default() };
        let summary = process_tables(&plans, 2, &stages, &Shutdown::default()).unwrap();
        assert_eq!(summary.tables.len(), 3);
        let taken = stages.taken.into_inner().unwrap();
        let place = |step: &str| taken.iter().position(|taken| taken == step).unwrap();
        assert!(place("end encounter") < place("publish patient"), "{taken:?}");
        assert!(place("end encounter") < place("publish device"), "{taken:?}");
    }

    #[test]
    fn no_table_is_begun_once_the_run_is_to_end() {
        let shutdown = Shutdown::default();
        shutdown.ask_to_stop(StopSignal::Terminate);
        let stages = RecordedStages::default();
        let plans = plan_all(&["Encounter", "Patient"]);
        assert!(process_tables(&plans, 1, &stages, &shutdown).unwrap().tables.is_empty());
        assert!(stages.taken.into_inner().unwrap().is_empty());
    }

    #[test]
    fn without_tables_there_is_nothing_to_tell() {
        let summary =
            process_tables(&[], 3, &RecordedStages::default(), &Shutdown::default()).unwrap();
        assert!(summary.tables.is_empty());
    }
}
