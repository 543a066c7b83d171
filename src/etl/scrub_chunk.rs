//! One chunk of lines, de-identified, brought into shape and encoded.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;

use super::plan::{SourceExport, TablePlan};
use super::row_counts::Reasons;
use crate::bounded::LONGEST_LINE;
use crate::deid::{
    Deidentified, Identities, Phi, Reason, Reject, Report, RowKey, Scrubber, row_key,
};
use crate::error::{Context, Result};
use crate::fhir::{UNKNOWN_TIME, parse_instant};
use crate::input::chunks::Chunk;
use crate::output::OutputFormat;
use crate::table::{
    Block, CompletedEncounters, DeidentifiedBatch, DeidentifiedLines, Scratch, TableBuilder,
};
use crate::text::text_of_line;

/// In which forms rows are staged: what the formats of the run need.
#[derive(Clone, Copy, Debug)]
pub(super) struct RowForms {
    pub arrow: bool,
    pub json: bool,
}

impl RowForms {
    /// The forms of rows that these formats need.
    pub(super) fn of_formats(formats: &[OutputFormat]) -> Self {
        Self {
            arrow: formats.iter().any(|format| !format.table_format().wants_lines()),
            json: formats.iter().any(|format| format.table_format().wants_lines()),
        }
    }
}

/// De-identifies chunks of one table's input. Each thread has its own.
pub(super) struct ChunkScrubber {
    resource_type: &'static str,
    scrubber: Scrubber,
    builder: TableBuilder,
    forms: RowForms,
    /// The texts of completion rows of encounters, where each row is one.
    completion: Option<Arc<SourceExport>>,
    /// Room for encoding.
    scratch: Scratch,
}

/// The result of a chunk: de-identified rows, and for the PHI folder the rejected rows and the real IDs.
#[derive(Default)]
pub(super) struct ScrubbedChunk {
    /// Lines that are not blank.
    pub lines: u64,
    /// Rows taken.
    pub rows: u64,
    /// The rows as an Arrow batch, with its schema.
    pub arrow: Option<(Block<'static, DeidentifiedBatch>, SchemaRef)>,
    /// The rows as JSON lines.
    pub json: Option<Block<'static, DeidentifiedLines>>,
    /// Completion rows of encounters, with their keys.
    pub completion: Option<(Block<'static, DeidentifiedBatch>, Vec<RowKey>)>,
    /// Per row: its key, and its `meta.lastUpdated`.
    pub keys: Vec<(RowKey, i64)>,
    /// Lines not taken, by reason.
    pub rejected: Reasons,
    pub rejects: Phi<Vec<Rejected>>,
    pub report: Report,
    pub contained_types: BTreeSet<&'static str>,
    pub identities: Phi<Identities>,
}

/// A line that was not taken.
pub(super) struct Rejected {
    pub line: u64,
    pub reject: Reject,
    /// The text; empty for a line that was too long to be read.
    pub text: Vec<u8>,
}

/// The lines of a chunk while they are read: what does not go to the Arrow builder.
#[derive(Default)]
struct ChunkDraft {
    done: ScrubbedChunk,
    lines: DeidentifiedLines,
    encounters: CompletedEncounters,
    encounter_keys: Vec<RowKey>,
    rejects: Vec<Rejected>,
}

impl ChunkScrubber {
    /// For the rows of a table. `completion`: what completion rows of encounters say.
    pub(super) fn new(
        plan: &TablePlan,
        scrubber: Scrubber,
        forms: RowForms,
        completion: Option<Arc<SourceExport>>,
    ) -> Self {
        Self {
            resource_type: plan.r4.name,
            scrubber,
            builder: TableBuilder::new(plan.r4),
            forms,
            completion: completion.filter(|_| plan.completes_encounters),
            scratch: Scratch::default(),
        }
    }

    /// De-identifies the lines of a chunk.
    ///
    /// # Errors
    /// Rows that cannot be encoded. A line that cannot be taken is a reject instead.
    pub(super) fn scrub_chunk(&mut self, chunk: Chunk) -> Result<ScrubbedChunk> {
        let mut draft = ChunkDraft::default();
        for line in chunk.too_long {
            draft.reject_line(line, Reject::new(Reason::TooLong), Vec::new());
        }
        let lines = chunk.bytes.split_inclusive(|byte| *byte == b'\n');
        for (number, line) in (chunk.first_line..).zip(lines) {
            let text = text_of_line(line);
            // A chunk grows by doubling, so that a line within it may still be longer than the
            // limit.
            if text.len() > LONGEST_LINE {
                draft.reject_line(number, Reject::new(Reason::TooLong), Vec::new());
            } else if !text.is_empty() {
                self.scrub_line(number, text, &mut draft);
            }
        }
        self.encode_rows(draft)
    }

    fn scrub_line(&mut self, number: u64, text: &[u8], draft: &mut ChunkDraft) {
        match self.scrubber.scrub(text, self.resource_type) {
            Ok(row) => {
                if self.forms.arrow {
                    self.builder.append(&row);
                }
                if self.forms.json {
                    draft.lines.push(&row);
                }
                draft.count_row(&row, self.completion.as_deref());
            }
            Err(reject) => draft.reject_line(number, reject, text.to_vec()),
        }
    }

    fn encode_rows(&mut self, draft: ChunkDraft) -> Result<ScrubbedChunk> {
        const FAILED: &str = "cannot encode rows";
        let ChunkDraft { mut done, lines, mut encounters, encounter_keys, rejects } = draft;
        if self.forms.arrow && done.rows > 0 {
            let batch = self.builder.finish().context(FAILED)?;
            let block = Block::of_batch(&batch, &mut self.scratch)?;
            done.arrow = Some((block, batch.schema()));
        }
        if self.forms.json && done.rows > 0 {
            done.json = Some(Block::of_lines(&lines, &mut self.scratch)?);
        }
        if let Some(export) = &self.completion
            && done.rows > 0
        {
            let SourceExport { group, time, excluded, .. } = &**export;
            let batch = encounters.finish(group, time, excluded).context(FAILED)?;
            done.completion = Some((Block::of_batch(&batch, &mut self.scratch)?, encounter_keys));
        }
        for rejected in &rejects {
            *done.rejected.entry(rejected.reject.reason).or_default() += 1;
        }
        done.rejects = Phi::new(rejects);
        done.report = self.scrubber.take_report();
        done.identities = self.scrubber.take_identities();
        done.contained_types = self.scrubber.take_contained_types();
        Ok(done)
    }
}

impl ChunkDraft {
    fn reject_line(&mut self, line: u64, reject: Reject, text: Vec<u8>) {
        self.done.lines += 1;
        self.rejects.push(Rejected { line, reject, text });
    }

    fn count_row(&mut self, row: &Deidentified<'_>, completion: Option<&SourceExport>) {
        self.done.lines += 1;
        self.done.rows += 1;
        let id = row.id();
        if let Some(export) = completion {
            self.encounters.push(&id);
            self.encounter_keys.push(row_key(&[id.as_str(), &export.group]));
        }
        let time = row.last_updated().map_or(UNKNOWN_TIME, parse_instant);
        self.done.keys.push((row_key(&[id.as_str()]), time));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deid::{Anonymizer, Codebook};

    const GROUP: &str = "g";

    fn scrub_lines(resource_type: &str, forms: RowForms, lines: &str) -> ScrubbedChunk {
        let codebook = Arc::new(Codebook::throwaway());
        let scrubber = Scrubber::new(Anonymizer::new(codebook, Arc::from(Vec::new())));
        let plan = TablePlan::of_files(resource_type, Vec::new()).unwrap();
        let export = SourceExport { group: GROUP.to_owned(), ..SourceExport::default() };
        let mut worker = ChunkScrubber::new(&plan, scrubber, forms, Some(Arc::new(export)));
        let chunk = Chunk { bytes: lines.as_bytes().to_vec(), first_line: 7, too_long: vec![5] };
        worker.scrub_chunk(chunk).unwrap()
    }

    #[test]
    fn each_line_is_a_row_or_a_reject() {
        let lines = concat!(
            r#"{"resourceType":"Patient","id":"a","gender":"other"}"#,
            "\n\n{not json\n",
            r#"{"resourceType":"Patient","id":"b","meta":{"lastUpdated":"2024-01-01T00:00:00Z"}}"#,
        );
        let both = RowForms { arrow: true, json: true };
        let done = scrub_lines("Patient", both, lines);
        assert_eq!((done.lines, done.rows, done.keys.len()), (4, 2, 2));
        assert_eq!(
            (done.keys[0].1, done.keys[1].1),
            (UNKNOWN_TIME, parse_instant("2024-01-01T00:00:00Z"))
        );
        let reasons = Reasons::from([(Reason::TooLong, 1), (Reason::NotJson, 1)]);
        assert_eq!(done.rejected, reasons);
        assert!(done.arrow.is_some() && done.json.is_some());
        assert!(done.completion.is_none(), "patients are not completed one by one");
    }

    #[test]
    fn only_the_forms_that_are_wanted_are_made() {
        let line = r#"{"resourceType":"Patient","id":"a"}"#;
        let done = scrub_lines("Patient", RowForms { arrow: false, json: true }, line);
        assert!(done.arrow.is_none() && done.json.is_some());
        let nothing = scrub_lines("Patient", RowForms { arrow: true, json: true }, "\n");
        assert!(nothing.arrow.is_none() && nothing.json.is_none());
    }

    #[test]
    fn encounters_have_completion_rows_with_keys_of_their_own() {
        let line = r#"{"resourceType":"Encounter","id":"a","status":"finished"}"#;
        let done = scrub_lines("Encounter", RowForms { arrow: true, json: false }, line);
        let (_, keys) = done.completion.unwrap();
        assert_eq!(keys.len(), 1);
        assert_ne!(keys[0], done.keys[0].0, "the Group is part of it");
    }
}
