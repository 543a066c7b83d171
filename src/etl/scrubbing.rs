//! One table's input, de-identified by all workers and staged in input order.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::sync::{Arc, Mutex};
use std::thread;

use crossbeam_channel::{Receiver, Sender, bounded};
use serde::Serialize;
use serde_json::json;

use super::Forms;
use super::plan::{Export, TablePlan};
use super::rejects::RejectsTo;
use super::room::Room;
use super::worker::{Reasons, Rejected, Scrubbed, Worker};
use crate::deid::{AnonId, Mapping, Phi, PhiFolder, Report, Scrubber, row_key};
use crate::error::{Context, Error, Result};
use crate::fhir;
use crate::input::Ahead;
use crate::input::chunks::{Chunk, Chunks, decompress};
use crate::memory::budget;
use crate::output::keys::KeyIndex;
use crate::output::staged::{Staged, StagedLines};
use crate::stop;
use crate::store::{Finishing, Folder, Upload, WorkFolder};
use crate::table::{Shape, schema};
use crate::threads::Thread;
use crate::ui::Progress;

/// Chunks between the reader and the end of the line, per worker: what bounds memory, together
/// with the bytes that chunks of long lines may have.
const CHUNKS_PER_WORKER: usize = 3;

/// A table's rows, ready to be written.
pub(super) struct ScrubbedTable {
    pub name: String,
    pub resource_type: &'static str,
    pub rows: Staged,
    pub lines: Option<StagedLines>,
    pub keys: KeyIndex,
    /// Rows to delete.
    pub deletes: Vec<AnonId<'static>>,
    /// For encounters: the rows of `etl__completion_encounters` with their keys.
    pub completion: Option<(Staged, KeyIndex)>,
    pub counts: Counts,
    /// Whether any row has contained resources.
    pub contains: bool,
    /// The files of rejected rows, about to appear.
    pub rejects: Vec<Finishing>,
}

/// What was found in a table's input.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Counts {
    /// Lines that are not blank.
    pub lines: u64,
    /// Rows taken, duplicates included.
    pub rows: u64,
    /// Lines not taken, by reason.
    pub rejected: Reasons,
    /// Lines of each file, taken or not.
    pub file_rows: BTreeMap<String, u64>,
    pub report: Report,
}

/// Where a table's rows come from, and what is needed to stage them.
pub(super) struct Source<'a> {
    pub input: &'a Folder,
    /// The files of all tables, in order.
    pub ahead: Ahead,
    pub work: &'a WorkFolder,
    pub forms: Forms,
    pub threads: usize,
    /// Makes a worker's scrubber.
    pub scrubber: &'a (dyn Fn() -> Scrubber + Sync),
    /// Where the Patient and Encounter IDs go that are seen.
    pub mapping: Option<&'a Mutex<Mapping>>,
    /// What the completion rows of encounters say, if any are to be made.
    pub completion: Option<Arc<Export>>,
    /// Where rejected rows are written to.
    pub rejects: Vec<RejectsTo<'a>>,
}

/// What travels from the reader to the workers: a chunk with its number and its file.
type Job = (u64, usize, Chunk);
/// What travels from there to the collector; an error ends the table.
struct Done {
    number: u64,
    file: usize,
    /// The length of the chunk.
    bytes: usize,
    result: Result<Scrubbed>,
}

/// Reads a table's files.
const READER: Thread = Thread::named("read");
/// De-identifies rows.
const WORKER: Thread = Thread::for_rows("scrub");

/// De-identifies all of a table's files.
///
/// `deletes`: rows to delete.
pub(super) fn scrub_table(
    source: &Source<'_>,
    plan: &TablePlan,
    deletes: Vec<AnonId<'static>>,
    progress: &Progress,
) -> Result<ScrubbedTable> {
    let mut collector = Collector::new(source, plan);
    let workers = source.threads.max(1);
    let (jobs_in, jobs_out) = bounded::<Job>(workers);
    let (done_in, done_out) = bounded::<Done>(workers);
    // Taken by the reader, given back by the collector.
    let (take, give_back) = bounded::<()>(workers * CHUNKS_PER_WORKER);
    let room = Room::new(budget().chunks);
    thread::scope(|scope| {
        let reader_done = done_in.clone();
        let read = || read_files(source, plan, progress, jobs_in, reader_done, (take, &room));
        let start = || {
            READER.start_in(scope, read)?;
            for _ in 0..workers {
                let (jobs, done) = (jobs_out.clone(), done_in.clone());
                WORKER.start_in(scope, || work(source, plan.resource_type, jobs, done))?;
            }
            Ok(())
        };
        let started = start();
        drop((jobs_out, done_in));
        let result = started.and_then(|()| collector.collect(&done_out, (&give_back, &room)));
        // Where the collector has failed, the others must not wait for it.
        drop((done_out, give_back));
        room.close();
        result
    })?;
    collector.finish(deletes)
}

fn read_files(
    source: &Source<'_>,
    plan: &TablePlan,
    progress: &Progress,
    jobs: Sender<Job>,
    done: Sender<Done>,
    (take, room): (Sender<()>, &Room),
) {
    let (input, workers) = (source.input, source.threads);
    let bytes = plan.files.iter().map(|file| file.bytes).sum();
    let mut number = 0;
    for (index, file) in plan.files.iter().enumerate() {
        let failed = || format!("cannot read '{}'", input.show(&file.name));
        let opened = source.ahead.open(&file.name).and_then(|reader| {
            let reader =
                reader.ok_or_else(|| Error::failed(format!("{}: it is gone", failed())))?;
            let reader = progress.count_reads(reader);
            decompress(Box::new(reader)).with_context(failed)
        });
        let reader = match opened {
            Ok(reader) => reader,
            Err(error) => {
                let _ = done.send(Done { number, file: index, bytes: 0, result: Err(error) });
                return;
            }
        };
        // The reader is the one that takes room, so all that it waits for comes to its end.
        let wait = |bytes| room.wait_for(bytes);
        for chunk in Chunks::new(reader).for_workers(bytes, workers).waiting(&wait) {
            let bytes = chunk.as_ref().map_or(0, |chunk| chunk.bytes.len());
            if take.send(()).is_err() || !room.take(bytes) {
                return;
            }
            let sent = match chunk {
                Ok(chunk) => jobs.send((number, index, chunk)).is_ok(),
                Err(error) => {
                    let result = Err(error).with_context(failed);
                    let _ = done.send(Done { number, file: index, bytes, result });
                    false
                }
            };
            if !sent {
                return;
            }
            number += 1;
        }
    }
}

fn work(source: &Source<'_>, resource_type: &'static str, jobs: Receiver<Job>, done: Sender<Done>) {
    let completion = source.completion.clone().filter(|_| resource_type == "Encounter");
    let mut worker = Worker::new(resource_type, (source.scrubber)(), source.forms, completion);
    for (number, file, chunk) in jobs {
        let bytes = chunk.bytes.len();
        let result = match &mut worker {
            Ok(worker) => worker.scrub(chunk),
            Err(error) => Err(Error::failed(error.to_string())),
        };
        if done.send(Done { number, file, bytes, result }).is_err() {
            return;
        }
    }
}

/// Puts the workers' results back in order and stages them.
struct Collector<'a> {
    plan: &'a TablePlan,
    mapping: Option<&'a Mutex<Mapping>>,
    table: ScrubbedTable,
    shape: Shape,
    contained_types: BTreeSet<&'static str>,
    rejects: Vec<RejectFile<'a>>,
}

impl<'a> Collector<'a> {
    fn new(source: &Source<'a>, plan: &'a TablePlan) -> Self {
        let work = source.work;
        let completes = source.completion.is_some() && plan.resource_type == "Encounter";
        let table = ScrubbedTable {
            name: plan.name.clone(),
            resource_type: plan.resource_type,
            rows: Staged::new(work, schema::completion_schema()),
            lines: source.forms.json.then(|| StagedLines::new(work)),
            keys: KeyIndex::new(work),
            deletes: Vec::new(),
            completion: completes
                .then(|| (Staged::new(work, schema::completion_encounters()), KeyIndex::new(work))),
            counts: Counts::default(),
            contains: false,
            rejects: Vec::new(),
        };
        let name = format!("{}.ndjson", plan.resource_type);
        let rejects = source.rejects.iter().map(|to| RejectFile::new(*to, &name));
        Self {
            plan,
            mapping: source.mapping,
            table,
            shape: Shape::default(),
            contained_types: BTreeSet::new(),
            rejects: rejects.collect(),
        }
    }

    fn collect(
        &mut self,
        done: &Receiver<Done>,
        (give_back, room): (&Receiver<()>, &Room),
    ) -> Result<()> {
        let mut waiting = BTreeMap::new();
        let mut next = 0;
        for part in done {
            waiting.insert(part.number, part);
            while let Some(part) = waiting.remove(&next) {
                self.take(part.file, part.result?)?;
                let _ = give_back.try_recv();
                room.give_back(part.bytes);
                next += 1;
            }
        }
        Ok(())
    }

    fn take(&mut self, file: usize, scrubbed: Scrubbed) -> Result<()> {
        stop::check_stop()?;
        let table = &mut self.table;
        let name = self.plan.files.get(file).map_or("", |file| file.name.as_str());
        let first = table.counts.rows;
        for ((key, time), slot) in scrubbed.keys.iter().zip(first..) {
            table.keys.add(*key, slot, *time)?;
        }
        if let Some((block, schema)) = scrubbed.arrow {
            self.shape.add(&schema);
            table.rows.push(block, scrubbed.rows)?;
        }
        if let (Some(block), Some(lines)) = (scrubbed.json, &mut table.lines) {
            lines.push(block, scrubbed.rows)?;
        }
        if let (Some((block, keys)), Some((rows, index))) =
            (scrubbed.completion, &mut table.completion)
        {
            for (key, slot) in keys.into_iter().zip(first..) {
                // Of an encounter's rows they all say the same.
                index.add(key, slot, 0)?;
            }
            rows.push(block, scrubbed.rows)?;
        }
        if !scrubbed.rejected.is_empty() {
            for file in &mut self.rejects {
                file.write(name, &scrubbed.rejects)?;
            }
        }
        for (reason, count) in scrubbed.rejected {
            *table.counts.rejected.entry(reason).or_default() += count;
        }
        table.counts.lines += scrubbed.lines;
        table.counts.rows += scrubbed.rows;
        *table.counts.file_rows.entry(name.to_owned()).or_default() += scrubbed.lines;
        table.counts.report.merge(&scrubbed.report);
        self.contained_types.extend(scrubbed.contained_types);
        match self.mapping {
            Some(mapping) => {
                mapping.lock().unwrap_or_else(|e| e.into_inner()).add(scrubbed.identities)
            }
            None => Ok(()),
        }
    }

    fn finish(self, deletes: Vec<AnonId<'static>>) -> Result<ScrubbedTable> {
        let Self { mut table, shape, contained_types, rejects, .. } = self;
        for file in rejects {
            table.rejects.extend(file.finish()?);
        }
        for id in &deletes {
            table.keys.add_delete(row_key(&[id.as_str()]))?;
        }
        table.deletes = deletes;
        table.contains = !contained_types.is_empty();
        let r4 = fhir::type_named(table.resource_type)
            .ok_or_else(|| Error::failed(format!("R4 has no type '{}'", table.resource_type)))?;
        table.rows.set_schema(schema::table_schema(r4, &shape, &contained_types));
        Ok(table)
    }
}

/// Rejected rows of one type; the file comes into being with the first one.
struct RejectFile<'a> {
    to: RejectsTo<'a>,
    name: String,
    /// The file, and the folder that it is in.
    upload: Option<(Upload, PhiFolder)>,
}

impl<'a> RejectFile<'a> {
    fn new(to: RejectsTo<'a>, name: &str) -> Self {
        Self { to, name: name.to_owned(), upload: None }
    }

    fn write(&mut self, file: &str, rejects: &Phi<Vec<Rejected>>) -> Result<()> {
        let (upload, folder) = match &mut self.upload {
            Some(upload) => upload,
            none => {
                let folder = self.to.folder()?;
                none.insert((folder.upload(&self.name)?, folder))
            }
        };
        for rejected in rejects.look(folder) {
            let row = json!({
                "file": file,
                "line": rejected.line,
                "reason": rejected.reject.reason,
                "element": rejected.reject.element(),
                "row": String::from_utf8_lossy(&rejected.text),
            });
            writeln!(upload, "{row}")
                .with_context(|| format!("cannot write '{}'", folder.show(&self.name)))?;
        }
        Ok(())
    }

    fn finish(self) -> Result<Option<Finishing>> {
        self.upload.map(|(upload, _)| upload.finish_later()).transpose()
    }
}
