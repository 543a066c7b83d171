//! CSV files.

use std::io::{self, BufReader, Read};

use ::csv::{ErrorKind, ReaderBuilder, Terminator, WriterBuilder};
use arrow::array::{Array, AsArray};
use arrow::datatypes::DataType;

use super::existing::Readable;
use super::{FileFormat, FileShare};
use crate::bounded::{LONGEST_LINE, Line, read_line};
use crate::error::{Context, Error, Result};
use crate::output::rows::Batches;
use crate::output::table::TableRun;
use crate::store::{Folder, Reader};
use crate::table::json;
use crate::text::text_of_line;

/// RFC 4180, with a header; nested values as JSON text.
pub struct Csv;

impl FileFormat for Csv {
    fn file_extension(&self) -> &'static str {
        "csv"
    }

    fn write_file(
        &self,
        folder: &Folder,
        name: &str,
        run: &TableRun<'_>,
        batches: Batches<'_>,
        _share: FileShare,
    ) -> Result<(u64, u64)> {
        let failed = || format!("cannot write '{}'", folder.show(name));
        let schema = run.rows.schema();
        let mut writer = WriterBuilder::new()
            .terminator(Terminator::CRLF)
            .buffer_capacity(1 << 20)
            .from_writer(folder.upload(name)?);
        writer
            .write_record(schema.fields().iter().map(|field| field.name()))
            .with_context(failed)?;
        let (mut rows, mut cell) = (0, Vec::new());
        for batch in batches {
            let batch = batch?;
            for row in 0..batch.num_rows() {
                for column in batch.as_arrow().columns() {
                    cell.clear();
                    match column.data_type() {
                        _ if column.is_null(row) => {}
                        // Text as it is; as JSON it would have quotes.
                        DataType::Utf8 => {
                            cell.extend_from_slice(column.as_string::<i32>().value(row).as_bytes());
                        }
                        _ => json::write_value(column, row, &mut cell),
                    }
                    writer.write_field(&cell).with_context(failed)?;
                }
                // Ends the record, whose fields were written one by one.
                writer.write_record(None::<&[u8]>).with_context(failed)?;
                rows += 1;
            }
        }
        // `into_inner` flushes. A writer that is dropped would swallow the error of its last block.
        let upload = writer.into_inner().map_err(|_| Error::failed(failed()))?;
        Ok((rows, upload.finish()?))
    }

    fn read_keys(
        &self,
        reader: Reader,
        columns: &[&str],
        visit: &mut dyn FnMut(&[&str]),
    ) -> io::Result<Readable> {
        let mut reader = BufReader::with_capacity(1 << 16, reader);
        let mut header = Vec::new();
        if read_line(&mut reader, LONGEST_LINE, &mut header)? != Line::Whole {
            return Ok(Readable::InPart);
        }
        let header = String::from_utf8_lossy(text_of_line(&header)).into_owned();
        // Spreadsheets write what their country separates columns with.
        let found = [b',', b';', b'\t', b'|'].into_iter().find_map(|delimiter| {
            let mut first = open_records(header.as_bytes(), delimiter).into_records();
            let names = first.next()?.ok()?;
            let place = |wanted: &&str| {
                names.iter().position(|name| name.trim().eq_ignore_ascii_case(wanted))
            };
            let places = columns.iter().map(place).collect::<Option<Vec<_>>>()?;
            Some((delimiter, places, names.len()))
        });
        let Some((delimiter, places, width)) = found else { return Ok(Readable::InPart) };
        let mut readable = Readable::Whole;
        for record in open_records(reader, delimiter).into_byte_records() {
            // By bytes, not as texts: a field in another column
            // that is no UTF-8 is no reason to lose the key.
            let record = match record {
                Ok(record) => record,
                Err(error) => match error.into_kind() {
                    ErrorKind::Io(error) => return Err(error),
                    _ => return Ok(Readable::InPart),
                },
            };
            // A record that was cut off has too few fields.
            if record.len() != width {
                readable = Readable::InPart;
                continue;
            }
            let field = |place: &usize| str::from_utf8(record.get(*place)?).ok().map(str::trim);
            match places.iter().map(field).collect::<Option<Vec<_>>>() {
                Some(key) => visit(&key),
                None => readable = Readable::InPart,
            }
        }
        Ok(readable)
    }
}

fn open_records<R: Read>(reader: R, delimiter: u8) -> ::csv::Reader<R> {
    // `flexible`: a record that was cut off is to be told from the others, not to end the reading.
    ReaderBuilder::new().delimiter(delimiter).has_headers(false).flexible(true).from_reader(reader)
}
