//! NDJSON files, with a file beside them that names deleted rows.

use std::collections::BTreeSet;
use std::io::{self, BufReader, BufWriter, Write};

use arrow::array::{Array, StructArray};
use serde_json::{Value, json};

use super::existing::Readable;
use super::{FileFormat, FileShare, name_file, write_parts};
use crate::bounded::{self, LONGEST_LINE, Line, read_line};
use crate::error::{Context, Result};
use crate::output::rows::Batches;
use crate::output::staged::StagedLines;
use crate::output::table::{TableRun, WrittenTable};
use crate::output::table_format::SinkOptions;
use crate::store::{Folder, Reader, Upload};
use crate::table::json::write_value;
use crate::text::text_of_line;

/// Bytes that a row of a completion table may take as a tree.
const LARGEST_ROW: usize = 1 << 20;

/// One JSON object a line.
pub struct Ndjson;

impl FileFormat for Ndjson {
    fn file_extension(&self) -> &'static str {
        "ndjson"
    }

    fn wants_lines(&self) -> bool {
        true
    }

    fn makes_beside(&self, table: &str, name: &str) -> bool {
        name == name_meta(table)
    }

    fn write_file(
        &self,
        folder: &Folder,
        name: &str,
        _run: &TableRun<'_>,
        batches: Batches<'_>,
        _share: FileShare,
    ) -> Result<(u64, u64)> {
        let mut upload = BufWriter::with_capacity(1 << 20, folder.upload(name)?);
        let failed = || format!("cannot write '{}'", folder.show(name));
        let (mut rows, mut line) = (0, Vec::new());
        for batch in batches {
            let batch = StructArray::from(batch?.as_arrow().clone());
            for row in 0..batch.len() {
                line.clear();
                write_value(&batch, row, &mut line);
                line.push(b'\n');
                upload.write_all(&line).with_context(failed)?;
                rows += 1;
            }
        }
        let upload = upload.into_inner().map_err(|e| e.into_error()).with_context(failed)?;
        Ok((rows, upload.finish()?))
    }

    fn write_files(
        &self,
        folder: &Folder,
        run: &TableRun<'_>,
        options: &SinkOptions,
        names: &mut BTreeSet<String>,
    ) -> Result<WrittenTable> {
        let written = match run.lines {
            Some(lines) => write_lines(folder, run, lines, options, names)?,
            None => write_parts(self, folder, run, (run.live, 0), options, names)?,
        };
        if !run.deletes.is_empty() {
            // `convert` applies them to the table it makes of these files.
            let name = name_meta(run.name);
            let meta = json!({ "deleted": run.deletes });
            folder.write(&name, meta.to_string())?;
            names.insert(name);
        }
        Ok(written)
    }

    fn read_keys(
        &self,
        reader: Reader,
        columns: &[&str],
        visit: &mut dyn FnMut(&[&str]),
    ) -> io::Result<Readable> {
        let mut reader = BufReader::with_capacity(1 << 16, reader);
        let (mut line, mut readable) = (Vec::new(), Readable::Whole);
        loop {
            match read_line(&mut reader, LONGEST_LINE, &mut line)? {
                Line::End => return Ok(readable),
                Line::TooLong => readable = Readable::InPart,
                Line::Whole => {
                    let text = text_of_line(&line);
                    match bounded::json::parse_json(text, LARGEST_ROW) {
                        _ if text.is_empty() => {}
                        Ok(row) if row.is_object() => {
                            let text = |name: &&str| {
                                row.get(*name).and_then(Value::as_str).unwrap_or_default()
                            };
                            visit(&columns.iter().map(text).collect::<Vec<_>>());
                        }
                        _ => readable = Readable::InPart,
                    }
                }
            }
        }
    }
}

/// The file of a table that names the rows that were deleted.
fn name_meta(table: &str) -> String {
    format!("{table}.meta")
}

/// Writes rows that are JSON lines already.
fn write_lines(
    folder: &Folder,
    run: &TableRun<'_>,
    lines: &StagedLines,
    options: &SinkOptions,
    names: &mut BTreeSet<String>,
) -> Result<WrittenTable> {
    let mut all = WrittenTable::default();
    let mut current: Option<Upload> = None;
    let mut in_file = 0;
    let mut begin_file = |number: u64| -> Result<Upload> {
        let name = name_file(&Ndjson, run.name, number as usize);
        let upload = folder.upload(&name)?;
        names.insert(name);
        Ok(upload)
    };
    lines.read(run.live, &mut |mut text, mut rows| {
        while rows > 0 {
            let upload = match &mut current {
                Some(upload) => upload,
                none => none.insert(begin_file(all.files)?),
            };
            // A run of lines can be longer than the rest of the file, or than several files.
            let room = options.rows_per_file.max(1) - in_file;
            let (now, count) = split_lines(text, rows, room);
            upload.write_all(now).with_context(|| format!("cannot write '{folder}'"))?;
            text = &text[now.len()..];
            rows -= count;
            in_file += count;
            all.rows += count;
            if in_file >= options.rows_per_file {
                all.files += 1;
                all.bytes += current.take().map_or(Ok(0), |upload| upload.finish())?;
                in_file = 0;
            }
        }
        Ok(())
    })?;
    // A table without rows is an empty file, as a table of
    // no file would look like one that was not written.
    if current.is_none() && all.files == 0 {
        current = Some(begin_file(0)?);
    }
    if let Some(upload) = current {
        all.files += 1;
        all.bytes += upload.finish()?;
    }
    Ok(all)
}

/// The first lines of `text` (which has `rows`), `room` at most, and how many they are.
fn split_lines(text: &[u8], rows: u64, room: u64) -> (&[u8], u64) {
    if rows <= room {
        return (text, rows);
    }
    let end = memchr::memchr_iter(b'\n', text).nth(room.saturating_sub(1) as usize);
    (&text[..end.map_or(text.len(), |end| end + 1)], room)
}
