//! One table's input, de-identified by all workers: the threads, and what goes between them.

use std::sync::Arc;
use std::thread;

use crossbeam_channel::{Receiver, Sender, bounded};

use super::backlog::Backlog;
use super::collect::{CollectedChunk, Collector, ScrubbedTable, TableStaging};
use super::plan::{SourceExport, TablePlan};
use super::read_chunks::{InputFiles, ReadChunk};
use super::scrub_chunk::{ChunkScrubber, RowForms};
use crate::deid::{AnonId, Scrubber};
use crate::error::Result;
use crate::threads::Thread;
use crate::ui::Progress;

/// Chunks between the reader and the end of the line, per worker: what bounds memory, together
/// with the bytes that chunks of long lines may have.
const CHUNKS_PER_WORKER: usize = 3;

/// Reads a table's files.
const READER: Thread = Thread::named("read");
/// De-identifies rows.
const WORKER: Thread = Thread::for_rows("scrub");

/// Makes staged tables of a folder's files.
pub(super) struct TableScrubber<'a> {
    pub input: InputFiles<'a>,
    pub rows: RowScrubbing<'a>,
    pub staging: TableStaging<'a>,
    /// Bytes of input that may be between the reader and the end of the line.
    pub bytes_under_way: usize,
}

/// How rows are de-identified.
pub(super) struct RowScrubbing<'a> {
    /// Makes a worker's scrubber.
    pub make_scrubber: &'a (dyn Fn() -> Scrubber + Sync),
    pub forms: RowForms,
    pub workers: usize,
    /// The texts of completion rows of encounters, if any are to be made.
    pub completion: Option<Arc<SourceExport>>,
}

impl TableScrubber<'_> {
    /// De-identifies all of a table's files.
    ///
    /// `deletes`: rows to delete.
    pub(super) fn scrub_table(
        &self,
        plan: &TablePlan,
        deletes: Vec<AnonId<'static>>,
        progress: &Progress,
    ) -> Result<ScrubbedTable> {
        let mut collector = Collector::new(&self.staging, plan, self.rows.forms);
        let workers = self.rows.workers.max(1);
        let backlog = Backlog::new(workers * CHUNKS_PER_WORKER, self.bytes_under_way);
        let (read_in, read_out) = bounded::<ReadChunk<'_>>(workers);
        let (done_in, done_out) = bounded::<CollectedChunk<'_>>(workers);
        thread::scope(|scope| {
            let (input, backlog) = (&self.input, &backlog);
            let read = move || {
                let mut hand_on = |chunk| read_in.send(chunk).is_ok();
                input.read_chunks(plan, workers, progress, backlog, &mut hand_on);
            };
            let start = || {
                READER.start_in(scope, read)?;
                for _ in 0..workers {
                    let (chunks, done) = (read_out.clone(), done_in.clone());
                    WORKER.start_in(scope, move || self.rows.scrub_chunks(plan, chunks, done))?;
                }
                Ok(())
            };
            let started = start();
            // The collector's loop ends with the last sender. This one would keep it waiting, also
            // where not all workers could be started.
            drop((read_out, done_in));
            let result = started.and_then(|()| collector.collect_chunks(&done_out));
            // Where the collector has failed, the others must not wait for it.
            drop(done_out);
            backlog.close_backlog();
            result
        })?;
        collector.finish_table(deletes)
    }
}

impl RowScrubbing<'_> {
    /// The work of one worker.
    fn scrub_chunks<'b>(
        &self,
        plan: &TablePlan,
        chunks: Receiver<ReadChunk<'b>>,
        done: Sender<CollectedChunk<'b>>,
    ) {
        let scrubber = (self.make_scrubber)();
        let mut worker = ChunkScrubber::new(plan, scrubber, self.forms, self.completion.clone());
        for ReadChunk { number, file, chunk, permit } in chunks {
            let scrubbed = chunk.and_then(|chunk| worker.scrub_chunk(chunk));
            if done.send(CollectedChunk { number, file, scrubbed, permit }).is_err() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deid::{Anonymizer, Codebook};
    use crate::input::{InputFile, ReadAhead};
    use crate::memory::Budget;
    use crate::store::{Folder, WorkFolder};
    use crate::table::StagingArea;
    use crate::ui::Bars;

    /// Scrubs files of patients with so many workers.
    fn scrub_files(folder: &Folder, files: &[&str], workers: usize) -> Result<ScrubbedTable> {
        let work = WorkFolder::create_work(None, &Folder::open("memory:///")?)?;
        let budget = Budget::for_limit(None, 2);
        let area = StagingArea { work, memory: budget.staging };
        let codebook = Arc::new(Codebook::throwaway());
        let make_scrubber =
            || Scrubber::new(Anonymizer::new(codebook.clone(), Arc::from(Vec::new())));
        let file = |name: &&str| InputFile {
            name: (*name).to_owned(),
            resource_type: "Patient",
            bytes: 1 << 20,
        };
        let plan = TablePlan::of_files("Patient", files.iter().map(file).collect())?;
        let scrubber = TableScrubber {
            input: InputFiles { folder, ahead: ReadAhead::new(folder, &plan.files) },
            rows: RowScrubbing {
                make_scrubber: &make_scrubber,
                forms: RowForms { arrow: true, json: false },
                workers,
                completion: None,
            },
            staging: TableStaging { area: &area, mapping: None, rejects: Vec::new() },
            bytes_under_way: budget.chunks,
        };
        scrubber.scrub_table(
            &plan,
            Vec::new(),
            &Progress::begin_reading("patient", 0, &Bars::default()),
        )
    }

    #[test]
    fn all_rows_of_all_files_are_staged() {
        let folder = Folder::open("memory://scrub-table/in").unwrap();
        let rows = |range: std::ops::Range<u32>| -> String {
            range.map(|n| format!("{{\"resourceType\":\"Patient\",\"id\":\"p{n}\"}}\n")).collect()
        };
        // More chunks than may be under way.
        folder.write("a", rows(0..60_000)).unwrap();
        folder.write("b", format!("{}no row\n", rows(60_000..60_010))).unwrap();
        for workers in [1, 3] {
            let table = scrub_files(&folder, &["a", "b"], workers).unwrap();
            assert_eq!((table.counts.lines, table.counts.rows), (60_011, 60_010));
            let read = |name: &str| table.counts.file_rows[name];
            assert_eq!((read("a"), read("b")), (60_000, 11));
            assert_eq!(table.counts.count_rejected(), 1);
        }
    }

    #[test]
    fn a_file_that_is_gone_ends_the_table() {
        let folder = Folder::open("memory://scrub-table/gone").unwrap();
        folder.write("a", r#"{"resourceType":"Patient","id":"a"}"#).unwrap();
        let error = scrub_files(&folder, &["a", "b"], 2).err().unwrap();
        assert!(error.to_string().contains("it is gone"), "{error}");
    }
}
