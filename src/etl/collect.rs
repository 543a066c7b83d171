//! Puts the chunks of a table back in input order, and stages them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use super::backlog::ChunkPermit;
use super::plan::TablePlan;
use super::rejects::{RejectFile, RejectsTo};
use super::row_counts::RowCounts;
use super::scrub_chunk::{RowForms, ScrubbedChunk};
use crate::deid::{AnonId, Mapping, row_key};
use crate::error::Result;
use crate::fhir;
use crate::input::InputFile;
use crate::output::keys::KeyIndex;
use crate::output::staged::{Staged, StagedLines};
use crate::poison::ignore_poison;
use crate::stop::Shutdown;
use crate::store::{Finishing, Folder};
use crate::table::{Shape, StagingArea, schema};

/// A table's rows, ready to be written.
pub(super) struct ScrubbedTable {
    pub rows: Staged,
    pub lines: Option<StagedLines>,
    pub keys: KeyIndex,
    /// Rows to delete.
    pub deletes: Vec<AnonId<'static>>,
    /// For encounters: the rows of `etl__completion_encounters` with their keys.
    pub completion: Option<(Staged, KeyIndex)>,
    pub counts: RowCounts,
    /// Whether any row has contained resources.
    pub contains: bool,
    /// The files of rejected rows, about to appear.
    pub rejects: Vec<Finishing>,
}

/// Where chunks go.
pub(super) struct TableStaging<'a> {
    pub area: &'a StagingArea,
    /// Where the Patient and Encounter IDs go that are seen.
    pub mapping: Option<&'a Mutex<Mapping<Folder>>>,
    /// Where rejected rows are written to.
    pub rejects: Vec<RejectsTo<'a>>,
}

/// A chunk on its way from a worker to the collector.
pub(super) struct CollectedChunk<'a> {
    /// Its place among the chunks of the table, from 0.
    pub number: u64,
    /// The index of its file in the plan.
    pub file: usize,
    /// The rows; an error ends the table.
    pub scrubbed: Result<ScrubbedChunk>,
    /// Goes when the rows are staged.
    pub permit: ChunkPermit<'a>,
}

/// Puts the workers' chunks back in order and stages them.
pub(super) struct Collector<'a> {
    r4: &'static fhir::Type,
    files: &'a [InputFile],
    mapping: Option<&'a Mutex<Mapping<Folder>>>,
    table: ScrubbedTable,
    shape: Shape,
    contained_types: BTreeSet<&'static str>,
    rejects: Vec<RejectFile<'a>>,
    shutdown: Shutdown,
}

impl<'a> Collector<'a> {
    /// For the rows of a table, which come in these forms.
    pub(super) fn new(staging: &TableStaging<'a>, plan: &'a TablePlan, forms: RowForms) -> Self {
        let area = staging.area;
        let completion =
            || (Staged::new(area, schema::completion_encounters()), KeyIndex::new(area));
        let table = ScrubbedTable {
            // The schema is known when all rows have been seen.
            rows: Staged::new(area, schema::completion_schema()),
            lines: forms.json.then(|| StagedLines::new(area)),
            keys: KeyIndex::new(area),
            deletes: Vec::new(),
            completion: plan.completes_encounters.then(completion),
            counts: RowCounts::default(),
            contains: false,
            rejects: Vec::new(),
        };
        let name = format!("{}.ndjson", plan.r4.name);
        let rejects = staging.rejects.iter().map(|to| RejectFile::new(*to, &name));
        Self {
            r4: plan.r4,
            files: &plan.files,
            mapping: staging.mapping,
            table,
            shape: Shape::default(),
            contained_types: BTreeSet::new(),
            rejects: rejects.collect(),
            shutdown: area.work.shutdown().clone(),
        }
    }

    /// Stages chunks in the order of their numbers, in whatever order they come.
    ///
    /// # Errors
    /// That of the first chunk, by its number, that has one.
    pub(super) fn collect_chunks<'c>(
        &mut self,
        chunks: impl IntoIterator<Item = CollectedChunk<'c>>,
    ) -> Result<()> {
        let mut waiting = BTreeMap::new();
        let mut next = 0;
        for chunk in chunks {
            // Each chunk in here has its permit of the backlog, which bounds how many there can be.
            waiting.insert(chunk.number, chunk);
            while let Some(chunk) = waiting.remove(&next) {
                self.stage_chunk(chunk.file, chunk.scrubbed?)?;
                drop(chunk.permit);
                next += 1;
            }
        }
        Ok(())
    }

    fn stage_chunk(&mut self, file: usize, mut chunk: ScrubbedChunk) -> Result<()> {
        self.shutdown.check_stop()?;
        let name = self.files.get(file).map_or("", |file| file.name.as_str());
        if !chunk.rejected.is_empty() {
            for file in &mut self.rejects {
                file.write_rows(name, &chunk.rejects)?;
            }
        }
        if let Some(mapping) = self.mapping {
            let identities = std::mem::take(&mut chunk.identities);
            ignore_poison(mapping.lock()).add(identities)?;
        }
        self.count_chunk(name, &chunk);
        self.stage_rows(chunk)
    }

    fn count_chunk(&mut self, file: &str, chunk: &ScrubbedChunk) {
        let counts = &mut self.table.counts;
        for (reason, count) in &chunk.rejected {
            *counts.rejected.entry(*reason).or_default() += count;
        }
        counts.lines += chunk.lines;
        *counts.file_rows.entry(file.to_owned()).or_default() += chunk.lines;
        counts.report.merge(&chunk.report);
    }

    fn stage_rows(&mut self, chunk: ScrubbedChunk) -> Result<()> {
        let table = &mut self.table;
        let first = table.counts.rows;
        for ((key, time), slot) in chunk.keys.iter().zip(first..) {
            table.keys.add(*key, slot, *time)?;
        }
        if let Some((block, schema)) = chunk.arrow {
            self.shape.add(&schema);
            table.rows.push(block, chunk.rows)?;
        }
        if let (Some(block), Some(lines)) = (chunk.json, &mut table.lines) {
            lines.push(block, chunk.rows)?;
        }
        if let (Some((block, keys)), Some((rows, index))) =
            (chunk.completion, &mut table.completion)
        {
            for (key, slot) in keys.into_iter().zip(first..) {
                // Of an encounter's rows they all say the same.
                index.add(key, slot, 0)?;
            }
            rows.push(block, chunk.rows)?;
        }
        table.counts.rows += chunk.rows;
        self.contained_types.extend(chunk.contained_types);
        Ok(())
    }

    /// The table, with the schema that all its rows together ask for.
    pub(super) fn finish_table(self, deletes: Vec<AnonId<'static>>) -> Result<ScrubbedTable> {
        let Self { r4, mut table, shape, contained_types, rejects, .. } = self;
        for file in rejects {
            table.rejects.extend(file.finish_file()?);
        }
        for id in &deletes {
            table.keys.add_delete(row_key(&[id.as_str()]))?;
        }
        table.deletes = deletes;
        table.contains = !contained_types.is_empty();
        table.rows.set_schema(schema::table_schema(r4, &shape, &contained_types));
        Ok(table)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;
    use crate::etl::backlog::Backlog;
    use crate::memory::Budget;
    use crate::output::rows::{Bitmap, RowSource};
    use crate::store::WorkFolder;

    const ARROW: RowForms = RowForms { arrow: true, json: false };

    fn plan_patients() -> TablePlan {
        let file =
            |name: &str| InputFile { name: name.to_owned(), resource_type: "Patient", bytes: 1 };
        TablePlan::of_files("Patient", vec![file("a"), file("b")]).unwrap()
    }

    fn make_area() -> StagingArea {
        let work = WorkFolder::create_work(None, &Folder::open("memory:///").unwrap()).unwrap();
        StagingArea { work, memory: Budget::for_limit(None, 2).staging }
    }

    /// A chunk with these keys, of as many lines.
    fn chunk_of<'a>(
        backlog: &'a Backlog,
        number: u64,
        file: usize,
        keys: &[u128],
    ) -> CollectedChunk<'a> {
        let count = keys.len() as u64;
        let keys = keys.iter().map(|key| (*key, 0)).collect();
        let scrubbed = ScrubbedChunk { lines: count, rows: count, keys, ..Default::default() };
        let permit = backlog.admit_chunk(1).unwrap();
        CollectedChunk { number, file, scrubbed: Ok(scrubbed), permit }
    }

    #[test]
    fn chunks_are_staged_in_input_order_whatever_order_they_come_in() {
        let (area, plan, backlog) = (make_area(), plan_patients(), Backlog::new(9, 9));
        let staging = TableStaging { area: &area, mapping: None, rejects: Vec::new() };
        let mut collector = Collector::new(&staging, &plan, ARROW);
        let chunks = [
            chunk_of(&backlog, 2, 1, &[7]),
            chunk_of(&backlog, 0, 0, &[7, 8]),
            chunk_of(&backlog, 1, 0, &[9]),
        ];
        collector.collect_chunks(chunks).unwrap();
        let mut table = collector.finish_table(Vec::new()).unwrap();
        assert_eq!((table.counts.lines, table.counts.rows), (4, 4));
        let rows = [("a".to_owned(), 3), ("b".to_owned(), 1)];
        assert_eq!(table.counts.file_rows, rows.into_iter().collect());
        // The row of the last chunk has replaced the first row.
        let mut live = Bitmap::all_set(4);
        assert_eq!(table.keys.resolve(&mut live).unwrap(), (1, 0));
        assert_eq!(
            (0..4).map(|slot| live.get(slot)).collect::<Vec<_>>(),
            [false, true, true, true]
        );
        assert!(table.completion.is_none() && table.lines.is_none());
        // All that is staged has left the backlog: the whole of it is free.
        let all: Vec<_> = (0..9).map(|_| backlog.admit_chunk(1)).collect();
        assert!(all.iter().all(Option::is_some));
    }

    #[test]
    fn the_first_error_in_input_order_ends_the_table() {
        let (area, plan, backlog) = (make_area(), plan_patients(), Backlog::new(9, 9));
        let staging = TableStaging { area: &area, mapping: None, rejects: Vec::new() };
        let mut collector = Collector::new(&staging, &plan, ARROW);
        let fail = |number, message: &str| CollectedChunk {
            scrubbed: Err(Error::failed(message)),
            ..chunk_of(&backlog, number, 0, &[])
        };
        let chunks = [fail(2, "late"), fail(1, "early"), chunk_of(&backlog, 0, 0, &[1])];
        let error = collector.collect_chunks(chunks).unwrap_err();
        assert_eq!(error.to_string(), "early");
    }

    #[test]
    fn a_delete_wins_over_rows_and_encounters_have_completion_rows() {
        let (area, backlog) = (make_area(), Backlog::new(9, 9));
        let plan = TablePlan::of_files("Encounter", Vec::new()).unwrap();
        let staging = TableStaging { area: &area, mapping: None, rejects: Vec::new() };
        let mut collector = Collector::new(&staging, &plan, RowForms { arrow: false, json: true });
        let id = AnonId::from_former_output("f".repeat(64));
        let deleted = row_key(&[id.as_str()]);
        collector.collect_chunks([chunk_of(&backlog, 0, 0, &[deleted, 1])]).unwrap();
        let mut table = collector.finish_table(vec![id]).unwrap();
        let mut live = Bitmap::all_set(2);
        assert_eq!(table.keys.resolve(&mut live).unwrap(), (0, 1));
        assert!(!live.get(0) && live.get(1));
        assert!(table.completion.is_some() && table.lines.is_some());
        let names: Vec<_> =
            table.rows.schema().fields().iter().map(|field| field.name().clone()).collect();
        assert!(names.contains(&"status".to_owned()), "{names:?}");
    }
}
