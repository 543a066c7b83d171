//! Reads a table's files, in order, as chunks of whole lines.

use super::backlog::{Backlog, ChunkPermit};
use super::plan::TablePlan;
use crate::error::{Context, Error, Result};
use crate::input::ReadAhead;
use crate::input::chunks::{Chunk, Chunks, decompress};
use crate::store::{Folder, Reader};
use crate::ui::Progress;

/// The folder that the files of all tables are in.
pub(super) struct InputFiles<'a> {
    pub folder: &'a Folder,
    /// The same files, in the order in which they will be read.
    pub ahead: ReadAhead,
}

/// A chunk on its way from the reader to a worker.
pub(super) struct ReadChunk<'a> {
    /// Its place among the chunks of the table, from 0.
    pub number: u64,
    /// The index of its file in the plan.
    pub file: usize,
    /// The lines; an error ends the table.
    pub chunk: Result<Chunk>,
    /// Goes when the rows are staged.
    pub permit: ChunkPermit<'a>,
}

impl InputFiles<'_> {
    /// Reads the files of a table for so many workers, and gives each chunk to `hand_on`, until that
    /// takes no more, a file fails or the backlog is closed.
    pub(super) fn read_chunks<'b>(
        &self,
        plan: &TablePlan,
        workers: usize,
        progress: &Progress,
        backlog: &'b Backlog,
        hand_on: &mut dyn FnMut(ReadChunk<'b>) -> bool,
    ) {
        let bytes = plan.input_bytes();
        let mut number = 0;
        for (file, input) in plan.files.iter().enumerate() {
            let failed = || format!("cannot read '{}'", self.folder.show(&input.name));
            let mut admit = |chunk: Result<Chunk>| {
                let bytes = chunk.as_ref().map_or(0, |chunk| chunk.bytes.len());
                let is_last = chunk.is_err();
                let Some(permit) = backlog.admit_chunk(bytes) else { return false };
                let is_taken = hand_on(ReadChunk { number, file, chunk, permit });
                number += 1;
                is_taken && !is_last
            };
            let reader = match self.open_file(&input.name) {
                Ok(reader) => {
                    decompress(Box::new(progress.count_reads(reader))).with_context(failed)
                }
                Err(error) => Err(error),
            };
            let reader = match reader {
                Ok(reader) => reader,
                Err(error) => {
                    admit(Err(error));
                    return;
                }
            };
            // The reader alone lets chunks into the backlog, so all that it waits for comes to its end.
            let wait = |bytes| backlog.wait_for_bytes(bytes);
            let mut chunks = Chunks::new(reader).for_workers(bytes, workers).waiting(&wait);
            if !chunks.all(|chunk| admit(chunk.with_context(failed))) {
                return;
            }
        }
    }

    fn open_file(&self, name: &str) -> Result<Reader> {
        let gone =
            || Error::failed(format!("cannot read '{}': it is gone", self.folder.show(name)));
        self.ahead.open(name)?.ok_or_else(gone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::InputFile;
    use crate::ui::Bars;

    const PATIENT: &str = r#"{"resourceType":"Patient","id":"a"}"#;

    /// A plan of these files, of which those with text are there.
    fn plan_files(folder: &Folder, files: &[(&str, Option<String>)]) -> TablePlan {
        let file = |(name, text): &(&str, Option<String>)| {
            if let Some(text) = text {
                folder.write(name, text.clone()).unwrap();
            }
            let bytes = text.as_ref().map_or(0, |text| text.len() as u64);
            InputFile { name: (*name).to_owned(), resource_type: "Patient", bytes }
        };
        TablePlan::of_files("Patient", files.iter().map(file).collect()).unwrap()
    }

    /// The parts of the plan that were read, by number: file and lines, or the error.
    fn read_plan(folder: &Folder, plan: &TablePlan, backlog: &Backlog) -> Vec<(u64, String)> {
        let input = InputFiles { folder, ahead: ReadAhead::new(folder, &plan.files) };
        let mut read = Vec::new();
        input.read_chunks(
            plan,
            4,
            &Progress::begin_reading("patient", 0, &Bars::default()),
            backlog,
            &mut |chunk| {
                let what = match chunk.chunk {
                    Ok(lines) => format!("{}:{}", chunk.file, lines.bytes.len()),
                    Err(error) => error.to_string(),
                };
                read.push((chunk.number, what));
                true
            },
        );
        read
    }

    #[test]
    fn files_are_read_in_order_and_chunks_are_numbered_through() {
        let folder = Folder::open("memory://read-chunks/in").unwrap();
        // Two chunks of 256 KiB at least, and a bit.
        let long = format!("{PATIENT}\n").repeat(15_000);
        let files = [("a.ndjson", Some(long.clone())), ("b.ndjson", Some(PATIENT.to_owned()))];
        let plan = plan_files(&folder, &files);
        let read = read_plan(&folder, &plan, &Backlog::new(2, 1 << 20));
        let numbers: Vec<_> = read.iter().map(|(number, _)| *number).collect();
        assert_eq!(numbers, (0..read.len() as u64).collect::<Vec<_>>());
        assert!(read.len() >= 3, "{read:?}");
        assert_eq!(read.last().unwrap().1, format!("1:{}", PATIENT.len()));
        let first = read.iter().filter_map(|(_, what)| what.strip_prefix("0:"));
        assert_eq!(first.map(|bytes| bytes.parse::<usize>().unwrap()).sum::<usize>(), long.len());
    }

    #[test]
    fn a_file_that_is_gone_is_the_last_that_is_told() {
        let folder = Folder::open("memory://read-chunks/gone").unwrap();
        let text = || Some(PATIENT.to_owned());
        let plan = plan_files(&folder, &[("a", text()), ("b", None), ("c", text())]);
        let read = read_plan(&folder, &plan, &Backlog::new(2, 1 << 20));
        assert_eq!(read.len(), 2, "{read:?}");
        assert_eq!(read[0], (0, format!("0:{}", PATIENT.len())));
        assert!(read[1].1.contains("it is gone"), "{read:?}");
    }

    #[test]
    fn nothing_is_read_for_a_backlog_that_is_closed() {
        let folder = Folder::open("memory://read-chunks/closed").unwrap();
        let plan = plan_files(&folder, &[("a", Some(PATIENT.to_owned()))]);
        let backlog = Backlog::new(2, 1 << 20);
        backlog.close_backlog();
        assert_eq!(read_plan(&folder, &plan, &backlog), []);
    }
}
