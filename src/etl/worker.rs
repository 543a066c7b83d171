//! What a worker does with a chunk of lines: de-identify, shape, encode.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringBuilder};
use arrow::datatypes::SchemaRef;

use super::Forms;
use super::plan::Export;
use crate::deid::{Identities, Reason, Reject, Report, Scrubber};
use crate::error::{Context, Error, Result};
use crate::fhir;
use crate::input::chunks::{Chunk, LONGEST_LINE, text_of_line};
use crate::output::rows::{Key, instant, key};
use crate::output::staged::{Scratch, encode, pack_lines};
use crate::table::{TableBuilder, json, schema};

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

/// What a chunk became. Everything in it is de-identified but `rejects` and `identities`.
#[derive(Default)]
pub(super) struct Scrubbed {
    /// Lines that are not blank.
    pub lines: u64,
    /// Rows taken.
    pub rows: u64,
    /// The rows as an encoded Arrow batch, with its schema.
    pub arrow: Option<(Vec<u8>, SchemaRef)>,
    /// The rows as packed JSON lines.
    pub json: Option<Vec<u8>>,
    /// Completion rows of encounters, with their keys.
    pub completion: Option<(Vec<u8>, Vec<Key>)>,
    /// Per row: its key, and its `meta.lastUpdated`.
    pub keys: Vec<(Key, i64)>,
    pub rejects: Vec<Rejected>,
    pub report: Report,
    pub contained_types: BTreeSet<&'static str>,
    pub identities: Identities,
}

/// A line that was not taken. It is patients' data: for the PHI folder only.
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
        for line in chunk.too_long {
            done.lines += 1;
            let reject = Reject::new(Reason::TooLong);
            done.rejects.push(Rejected { line, reject, text: Vec::new() });
        }
        let mut lines = Vec::new();
        let mut ids = StringBuilder::new();
        let texts = chunk.bytes.split_inclusive(|byte| *byte == b'\n');
        for (number, line) in (chunk.first_line..).zip(texts) {
            let text = text_of_line(line);
            if text.len() > LONGEST_LINE {
                done.lines += 1;
                let reject = Reject::new(Reason::TooLong);
                done.rejects.push(Rejected { line: number, reject, text: Vec::new() });
            } else if !text.is_empty() {
                done.lines += 1;
                match self.scrubber.scrub(text, self.resource_type) {
                    Ok(row) => {
                        done.rows += 1;
                        if self.forms.arrow {
                            self.builder.append(&row);
                        }
                        if self.forms.json {
                            json::write_row(&row, &mut lines);
                            lines.push(b'\n');
                        }
                        if self.completion.is_some() {
                            ids.append_value(row.id());
                        }
                        let time = row.last_updated().map_or(instant(""), instant);
                        done.keys.push((key(&[row.id()]), time));
                    }
                    Err(reject) => {
                        let text = text.to_vec();
                        done.rejects.push(Rejected { line: number, reject, text });
                    }
                }
            }
        }
        let failed = "cannot encode rows";
        if self.forms.arrow && done.rows > 0 {
            let batch = self.builder.finish().context(failed)?;
            let encoded = encode(&batch, &mut self.scratch)?;
            done.arrow = Some((encoded, batch.schema()));
        }
        if self.forms.json && done.rows > 0 {
            done.json = Some(pack_lines(&lines, &mut self.scratch)?);
        }
        if let Some(export) = &self.completion
            && done.rows > 0
        {
            let (batch, keys) = completion_rows(ids, export).context(failed)?;
            done.completion = Some((encode(&batch, &mut self.scratch)?, keys));
        }
        done.report = self.scrubber.take_report();
        done.identities = self.scrubber.take_identities();
        done.contained_types = self.scrubber.take_contained_types();
        Ok(done)
    }
}

fn completion_rows(
    mut ids: StringBuilder,
    export: &Export,
) -> Result<(RecordBatch, Vec<Key>), arrow::error::ArrowError> {
    let ids = ids.finish();
    let keys = ids.iter().map(|id| key(&[id.unwrap_or_default(), &export.group])).collect();
    let rows = arrow::array::Array::len(&ids);
    let constant = |text: &str| -> ArrayRef {
        let mut column = StringBuilder::with_capacity(rows, rows * text.len());
        (0..rows).for_each(|_| column.append_value(text));
        Arc::new(column.finish())
    };
    let columns: Vec<ArrayRef> = vec![
        Arc::new(ids),
        constant(&export.group),
        constant(&export.time),
        constant(&export.excluded),
    ];
    Ok((RecordBatch::try_new(schema::completion_encounters(), columns)?, keys))
}

/// Rejected rows by reason.
pub(super) type Reasons = BTreeMap<Reason, u64>;
