//! Tables that grow file by file: which files and which keys are there already.

use std::io::{self, BufReader, Read};

use arrow::array::AsArray;
use bytes::Bytes;
use hashbrown::HashMap;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;

use super::FileFormat;
use crate::bounded::{self, LONGEST_LINE, Line, read_line};
use crate::deid::row_key;
use crate::error::{Context, Result};
use crate::memory::budget;
use crate::output::rows::{Bitmap, Change};
use crate::output::table::TableRun;
use crate::store::{Folder, Reader};
use crate::table::find_field;
use crate::text::text_of_line;

/// Bytes that a row of a completion table may take as a tree.
const LARGEST_ROW: usize = 1 << 20;

/// A table's files with their numbers, in order.
pub(super) fn files(folder: &Folder, table: &str, extension: &str) -> Result<Vec<(usize, String)>> {
    let mut files: Vec<_> = folder
        .list_direct()?
        .1
        .into_iter()
        .filter_map(|name| Some((number(&name, table, extension)?, name)))
        .collect();
    files.sort_unstable();
    Ok(files)
}

/// The number of a table's file, from its name: `patient.007.csv`.
pub(super) fn number(name: &str, table: &str, extension: &str) -> Option<usize> {
    let rest = name.strip_prefix(table)?.strip_prefix('.')?;
    let number = rest.strip_suffix(extension)?.strip_suffix('.')?;
    // As this program writes them: at least three digits, and no others before them.
    let is_plain = number.len() >= 3 && number.bytes().all(|byte| byte.is_ascii_digit());
    let is_padded = number.len() == 3 || !number.starts_with('0');
    number.parse().ok().filter(|_| is_plain && is_padded)
}

/// Clears from `live` the rows whose keys are in `files` already.
pub(super) fn keep_new(
    format: FileFormat,
    folder: &Folder,
    files: &[(usize, String)],
    run: &TableRun<'_>,
    live: &mut Bitmap,
) -> Result<()> {
    // As [`HashMap`] keeps them while it grows.
    let at_once = (budget().merge_keys / 64) as u64;
    let passes = run.keys.count().div_ceil(at_once.max(1)).clamp(1, 256) as u16;
    for pass in 0..passes {
        let range = pass * 256 / passes..(pass + 1) * 256 / passes;
        let mut slots = HashMap::new();
        run.keys.scan(range, &mut |key, change| {
            if let Change::Row { slot, .. } = change {
                slots.insert(key, slot);
            }
        })?;
        for (_, name) in files {
            each_key(format, folder, name, run.key_columns, &mut |columns| {
                if let Some(slot) = slots.get(&row_key(columns)) {
                    live.clear(*slot);
                }
            })?;
        }
    }
    Ok(())
}

/// Gives the key of each row of a file to `visit`. Such a file may have been cut off, or saved by
/// another program, such as a spreadsheet: rows that can't be told count as not there, and are then
/// written anew.
fn each_key(
    format: FileFormat,
    folder: &Folder,
    name: &str,
    columns: &[&str],
    visit: &mut dyn FnMut(&[&str]),
) -> Result<()> {
    let Some(reader) = folder.open_reader(name)? else { return Ok(()) };
    let read = match format {
        FileFormat::Parquet => keys_of_parquet(reader, columns, visit),
        FileFormat::Csv => keys_of_csv(reader, columns, visit),
        FileFormat::Ndjson => keys_of_ndjson(reader, columns, visit),
    };
    match read.with_context(|| format!("cannot read '{}'", folder.show(name)))? {
        Readable::Whole => {}
        Readable::InPart => tracing::warn!(
            "'{}' is damaged or was changed by another program: rows of it that cannot be read are \
             written again, to a new file. Move it away if other programs do not read it either",
            folder.show(name)
        ),
    }
    Ok(())
}

/// How far a file could be understood. What a store refuses is an error instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Readable {
    Whole,
    InPart,
}

fn keys_of_parquet(
    mut reader: Reader,
    columns: &[&str],
    visit: &mut dyn FnMut(&[&str]),
) -> io::Result<Readable> {
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes)?;
    let bytes = Bytes::from(bytes);
    let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(
        bytes,
        bounded::parquet::reader_options(),
    );
    let Ok(builder) = builder else {
        return Ok(Readable::InPart);
    };
    let Ok(batches) = builder.build() else { return Ok(Readable::InPart) };
    for batch in batches {
        let Ok(batch) = batch else { return Ok(Readable::InPart) };
        let column = |name: &&str| {
            let index = find_field(batch.schema_ref().fields(), name)?;
            batch.column(index).as_string_opt::<i32>()
        };
        let Some(arrays) = columns.iter().map(column).collect::<Option<Vec<_>>>() else {
            return Ok(Readable::InPart);
        };
        for row in 0..batch.num_rows() {
            visit(&arrays.iter().map(|array| array.value(row)).collect::<Vec<_>>());
        }
    }
    Ok(Readable::Whole)
}

fn keys_of_csv(
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
        let mut first = csv_reader(header.as_bytes(), delimiter).into_records();
        let names = first.next()?.ok()?;
        let place =
            |wanted: &&str| names.iter().position(|name| name.trim().eq_ignore_ascii_case(wanted));
        let places = columns.iter().map(place).collect::<Option<Vec<_>>>()?;
        Some((delimiter, places, names.len()))
    });
    let Some((delimiter, places, width)) = found else { return Ok(Readable::InPart) };
    let mut readable = Readable::Whole;
    for record in csv_reader(reader, delimiter).into_byte_records() {
        let record = match record {
            Ok(record) => record,
            Err(error) => match error.into_kind() {
                csv::ErrorKind::Io(error) => return Err(error),
                _ => return Ok(Readable::InPart),
            },
        };
        // One that was cut off has too few.
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

fn csv_reader<R: Read>(reader: R, delimiter: u8) -> csv::Reader<R> {
    csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .has_headers(false)
        .flexible(true)
        .from_reader(reader)
}

fn keys_of_ndjson(
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

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [&str; 2] = ["encounter_id", "group_name"];

    fn keys(format: FileFormat, bytes: impl Into<Bytes>) -> (Vec<String>, Readable) {
        let mut keys = Vec::new();
        let mut visit = |columns: &[&str]| keys.push(columns.join("/"));
        let reader: Reader = Box::new(io::Cursor::new(bytes.into()));
        let readable = match format {
            FileFormat::Parquet => keys_of_parquet(reader, &COLUMNS, &mut visit),
            FileFormat::Csv => keys_of_csv(reader, &COLUMNS, &mut visit),
            FileFormat::Ndjson => keys_of_ndjson(reader, &COLUMNS, &mut visit),
        };
        (keys, readable.unwrap())
    }

    #[test]
    fn rows_are_known_again_in_files_that_other_programs_saved() {
        let header = "encounter_id,group_name,export_time,excluded_resources\r\n";
        let plain = format!("{header}a,g,t,\r\n\"b\",g,t,\"x,y\"\r\n");
        for text in [
            plain.clone(),
            format!("\u{feff}{plain}"),
            plain.trim_end().to_owned(),
            plain.replace("\"x,y\"", "z").replace(',', ";"),
            format!("\u{feff}{}", plain.replace("\"x,y\"", "z").replace(',', "\t")),
            plain.replace("encounter_id", " Encounter_ID "),
            plain.replace("\r\n", "\n"),
        ] {
            let expected = (vec!["a/g".to_owned(), "b/g".to_owned()], Readable::Whole);
            assert_eq!(keys(FileFormat::Csv, text.clone()), expected, "{text}");
        }
        let row = r#"{"encounter_id":"a","group_name":"g"}"#;
        let text = format!("\u{feff}{row}\r\n\n\u{feff}{row}");
        let expected = (vec!["a/g".to_owned(), "a/g".to_owned()], Readable::Whole);
        assert_eq!(keys(FileFormat::Ndjson, text), expected);
    }

    #[test]
    fn what_is_cut_off_counts_as_not_there_and_the_rest_as_there() {
        let text = "encounter_id,group_name,export_time,excluded_resources\r\na,g,t,\r\nb,g,t";
        let expected = (vec!["a/g".to_owned()], Readable::InPart);
        assert_eq!(keys(FileFormat::Csv, text), expected);
        assert_eq!(
            keys(FileFormat::Csv, &b"encounter_id,group_name\na,g\n\xff\xfe,g\n"[..]).0,
            ["a/g"]
        );
        let text = "{\"encounter_id\":\"a\",\"group_name\":\"g\"}\n{\"encounter_id\":\"b\",\"gr";
        assert_eq!(keys(FileFormat::Ndjson, text), expected);
        for bytes in [&b""[..], b"PAR1", b"encounter;x\n", b"\0\0\0"] {
            for format in [FileFormat::Parquet, FileFormat::Csv] {
                assert_eq!(keys(format, bytes.to_vec()), (Vec::new(), Readable::InPart));
            }
        }
    }
}
