//! What a worker does with a chunk of lines: de-identify, shape, encode.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::datatypes::SchemaRef;

use super::Forms;
use super::plan::Export;
use crate::bounded::LONGEST_LINE;
use crate::deid::{Identities, Phi, Reason, Reject, Report, RowKey, Scrubber, row_key};
use crate::error::{Context, Error, Result};
use crate::fhir::{self, UNKNOWN_TIME, parse_instant};
use crate::input::chunks::Chunk;
use crate::table::{
    Block, CompletedEncounters, DeidentifiedBatch, DeidentifiedLines, Scratch, TableBuilder,
};
use crate::text::text_of_line;

/// De-identifies chunks of one table's input. Each thread has its own.
pub(super) struct Worker {
    resource_type: &'static str,
    scrubber: Scrubber,
    builder: TableBuilder,
    forms: Forms,
    /// For encounters: what their completion rows say.
    completion: Option<Arc<Export>>,
    /// Room for encoding.
    scratch: Scratch,
}

/// What a chunk became: de-identified rows, and for the PHI folder what was not taken and the real IDs.
#[derive(Default)]
pub(super) struct Scrubbed {
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

impl Worker {
    pub(super) fn new(
        resource_type: &'static str,
        scrubber: Scrubber,
        forms: Forms,
        completion: Option<Arc<Export>>,
    ) -> Result<Self> {
        let r4 = fhir::type_named(resource_type)
            .ok_or_else(|| Error::failed(format!("R4 has no type '{resource_type}'")))?;
        let (builder, scratch) = (TableBuilder::new(r4), Scratch::default());
        Ok(Self { resource_type, scrubber, builder, forms, completion, scratch })
    }

    pub(super) fn scrub(&mut self, chunk: Chunk) -> Result<Scrubbed> {
        let mut done = Scrubbed::default();
        let mut rejects = Vec::new();
        for line in chunk.too_long {
            done.lines += 1;
            let reject = Reject::new(Reason::TooLong);
            rejects.push(Rejected { line, reject, text: Vec::new() });
        }
        let mut lines = DeidentifiedLines::default();
        let mut encounters = CompletedEncounters::default();
        let mut completion_keys = Vec::new();
        let texts = chunk.bytes.split_inclusive(|byte| *byte == b'\n');
        for (number, line) in (chunk.first_line..).zip(texts) {
            let text = text_of_line(line);
            if text.len() > LONGEST_LINE {
                done.lines += 1;
                let reject = Reject::new(Reason::TooLong);
                rejects.push(Rejected { line: number, reject, text: Vec::new() });
            } else if !text.is_empty() {
                done.lines += 1;
                match self.scrubber.scrub(text, self.resource_type) {
                    Ok(row) => {
                        done.rows += 1;
                        if self.forms.arrow {
                            self.builder.append(&row);
                        }
                        if self.forms.json {
                            lines.push(&row);
                        }
                        let id = row.id();
                        if let Some(export) = &self.completion {
                            encounters.push(&id);
                            completion_keys.push(row_key(&[id.as_str(), &export.group]));
                        }
                        let time = row.last_updated().map_or(UNKNOWN_TIME, parse_instant);
                        done.keys.push((row_key(&[id.as_str()]), time));
                    }
                    Err(reject) => {
                        let text = text.to_vec();
                        rejects.push(Rejected { line: number, reject, text });
                    }
                }
            }
        }
        let failed = "cannot encode rows";
        if self.forms.arrow && done.rows > 0 {
            let batch = self.builder.finish().context(failed)?;
            let block = Block::of_batch(&batch, &mut self.scratch)?;
            done.arrow = Some((block, batch.schema()));
        }
        if self.forms.json && done.rows > 0 {
            done.json = Some(Block::of_lines(&lines, &mut self.scratch)?);
        }
        if let Some(export) = &self.completion
            && done.rows > 0
        {
            let Export { group, time, excluded, .. } = &**export;
            let batch = encounters.finish(group, time, excluded).context(failed)?;
            done.completion = Some((Block::of_batch(&batch, &mut self.scratch)?, completion_keys));
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

/// Rejected rows by reason.
pub(super) type Reasons = BTreeMap<Reason, u64>;
