//! Tables made of files that come with a study, read as they are written.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use csv::StringRecord;

use super::spreadsheet;
use super::text_rows::TextRows;
use crate::error::{Context, Error, Result, StudyFault};
use crate::parquet_bounds;
use crate::study::dialect::column_type;
use crate::study::engine::{BatchIter, Build, TableInfo};
use crate::study::upload::UploadTable;
use crate::threads::catch_panic;
use crate::ui::{choose_form, format_count};

/// Checks the types of columns, before anything is made.
pub fn check_types(table: &UploadTable) -> Result<()> {
    column_types(table).map(|_| ())
}

/// Makes a table of files.
pub fn load_table(build: &dyn Build, name: &str, table: &UploadTable) -> Result<TableInfo> {
    let mut files = table.files.iter();
    let first = files.next().ok_or_else(|| Error::failed("there are no files"))?;
    let (schema, rows) = read_file(first, table)?;
    let known = schema.clone();
    // The first file alone gives the columns. The others are opened one after the other, when the
    // engine has come to them.
    let others = files.flat_map(move |path| match read_file(path, table) {
        Ok((columns, rows)) if columns == known => rows,
        Ok((columns, _)) => one_error(refuse_columns(path, &columns, &known)),
        Err(error) => one_error(error),
    });
    build.load_rows(name, schema, Box::new(rows.chain(others)))
}

fn one_error(error: Error) -> BatchIter<'static> {
    Box::new(std::iter::once(Err(error)))
}

fn refuse_columns(path: &Path, columns: &Schema, known: &Schema) -> Error {
    let names = |schema: &Schema| {
        schema.fields().iter().map(|f| f.name().as_str()).collect::<Vec<_>>().join(", ")
    };
    let message = format!(
        "{} has the columns {}, but the file before it {}: files of one table have the same columns",
        path.display(),
        names(columns),
        names(known)
    );
    Error::new(StudyFault::Definition, message)
}

fn column_types(table: &UploadTable) -> Result<Option<Vec<DataType>>> {
    let Some(names) = &table.col_types else { return Ok(None) };
    let known = names.iter().map(|name| {
        column_type(name).ok_or_else(|| {
            let message = format!("'{name}' in col_types is no type of a column");
            Error::new(StudyFault::Definition, message)
        })
    });
    known.collect::<Result<_>>().map(Some)
}

/// A file's columns, and its rows, which are read as they are asked for.
pub(super) fn read_file(
    path: &Path,
    table: &UploadTable,
) -> Result<(SchemaRef, BatchIter<'static>)> {
    let ending = path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let file = table.root.open_file(path)?;
    let open = || match ending.as_str() {
        "parquet" => read_parquet(path, file),
        "xlsx" => {
            let (schema, batches) = spreadsheet::read_spreadsheet(path, file)?;
            Ok((schema, Box::new(batches.into_iter().map(Ok)) as BatchIter<'static>))
        }
        _ => {
            let usual = match ending.as_str() {
                "tsv" => b'\t',
                "bsv" => b'|',
                _ => b',',
            };
            let given = table.delimiter.as_ref().and_then(|text| text.bytes().next());
            read_text(path, file, given.unwrap_or(usual))
        }
    };
    let (schema, batches) = catch_panic(open).ok_or_else(|| explain_panic(path))??;
    let wanted = wanted_schema(path, &schema, column_types(table)?)?;
    let (shown, columns) = (path.to_owned(), wanted.clone());
    let batches = batches.map(move |batch| cast_batch(&shown, &batch?, &columns));
    Ok((wanted, catch_reading(path, Box::new(batches))))
}

/// Rows up to the first that the library which reads them panics at.
fn catch_reading(path: &Path, batches: BatchIter<'static>) -> BatchIter<'static> {
    let path = path.to_owned();
    let mut batches = Some(batches);
    Box::new(std::iter::from_fn(move || {
        let reading = batches.as_mut()?;
        catch_panic(|| reading.next()).unwrap_or_else(|| {
            batches = None;
            Some(Err(explain_panic(&path)))
        })
    }))
}

fn explain_panic(path: &Path) -> Error {
    let why = "this can't be read: the reader of such files has failed on it. Is it whole?";
    Error::new(StudyFault::Definition, format!("{}: {why}", path.display()))
}

/// Names as [`snake_case`] has them, and types as they are asked for.
fn wanted_schema(path: &Path, schema: &Schema, types: Option<Vec<DataType>>) -> Result<SchemaRef> {
    if let Some(types) = &types
        && types.len() != schema.fields().len()
    {
        let message = format!(
            "{} has {}, but col_types has {}",
            path.display(),
            format_count(schema.fields().len() as u64, "column"),
            types.len()
        );
        return Err(Error::new(StudyFault::Definition, message));
    }
    let fields: Vec<Field> = schema
        .fields()
        .iter()
        .enumerate()
        .map(|(index, field)| {
            let data_type = types.as_ref().map_or(field.data_type(), |types| &types[index]);
            let name = match field.name().as_str() {
                // As pandas calls a column without a name, in lower case: `Unnamed: 0`.
                "" => format!("unnamed: {index}"),
                name => snake_case(name),
            };
            Field::new(name, data_type.clone(), true)
        })
        .collect();
    Ok(Arc::new(Schema::new(fields)))
}

fn cast_batch(path: &Path, batch: &RecordBatch, wanted: &SchemaRef) -> Result<RecordBatch> {
    // With `safe`, a value that does not fit would be null, and nobody would hear of it.
    let options = CastOptions { safe: false, ..CastOptions::default() };
    let columns = batch.columns().iter().zip(wanted.fields()).map(|(column, field)| {
        // Arrow's own error has the value in its words.
        cast_with_options(column, field.data_type(), &options).map_err(|_| {
            let message = format!(
                "{}: a value of column {} is no {}",
                path.display(),
                field.name(),
                field.data_type()
            );
            Error::new(StudyFault::Definition, message)
        })
    });
    let columns = columns.collect::<Result<Vec<_>>>()?;
    RecordBatch::try_new(wanted.clone(), columns).context("cannot load")
}

/// As Cumulus Library names columns: `PatientID` and `PATIENT_ID` are `patient_id`. Other characters
/// stay, as studies name such columns in quotes.
fn snake_case(name: &str) -> String {
    let mut out = String::new();
    let mut before = ' ';
    for letter in name.chars() {
        if before.is_ascii_lowercase() && letter.is_ascii_uppercase() {
            out.push('_');
        }
        out.extend(letter.to_lowercase());
        before = letter;
    }
    out
}

/// Bytes that a row of a text file may have, and its header: all of them are kept until it ends.
const ROW_BYTES: usize = 16 << 20;
const HEADER_BYTES: usize = 1 << 20;

/// Reads a file, and so many bytes of it at most.
struct RowBytes {
    file: BufReader<File>,
    left: usize,
    /// Whether more than that was asked for.
    is_beyond: bool,
}

impl Read for RowBytes {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 && !buffer.is_empty() {
            self.is_beyond = true;
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let most = buffer.len().min(self.left);
        let read = self.file.read(&mut buffer[..most])?;
        self.left -= read;
        Ok(read)
    }
}

fn read_text(path: &Path, file: File, delimiter: u8) -> Result<(SchemaRef, BatchIter<'static>)> {
    let shown = path.display().to_string();
    let invalid = move |line: u64, why: &str| {
        Error::new(StudyFault::Definition, format!("{shown}:{line}: {why}"))
    };
    // A mark of UTF-8 at the beginning is left out.
    let file = RowBytes { file: BufReader::new(file), left: HEADER_BYTES, is_beyond: false };
    let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).from_reader(file);
    let header = reader.headers().cloned();
    let header = header.map_err(|_| match reader.get_ref().is_beyond {
        true => invalid(1, &format!("the header has more than {HEADER_BYTES} bytes")),
        false => invalid(1, "the header is not UTF-8 text"),
    })?;
    if header.is_empty() {
        return Err(invalid(1, "there is no header with the names of the columns"));
    }
    let mut rows = TextRows::new(header.iter());
    let schema = rows.schema.clone();
    let mut record = StringRecord::new();
    let mut ended = false;
    let batches = std::iter::from_fn(move || {
        while !ended {
            reader.get_mut().left = ROW_BYTES;
            let begin = reader.position().line();
            match reader.read_record(&mut record) {
                Ok(true) => {
                    if rows.add_row(record.iter().map(Some)) {
                        return rows.take_batch();
                    }
                }
                Ok(false) => ended = true,
                Err(_) if reader.get_ref().is_beyond => {
                    ended = true;
                    let why = format!(
                        "the row that begins here has more than {ROW_BYTES} bytes; is a quote missing?"
                    );
                    return Some(Err(invalid(begin, &why)));
                }
                Err(error) => {
                    ended = true;
                    return Some(Err(invalid(
                        error.position().map_or(1, csv::Position::line),
                        &explain_fault(&error),
                    )));
                }
            }
        }
        rows.take_batch()
    });
    Ok((schema, Box::new(batches)))
}

/// The fault of a line, without the line's content.
fn explain_fault(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            let are = choose_form(*expected_len, "is", "are");
            let columns = format_count(*expected_len, "column");
            format!("{}, but there {are} {columns}", format_count(*len, "cell"))
        }
        csv::ErrorKind::Utf8 { .. } => "this is not UTF-8 text".to_owned(),
        _ => "this can't be read".to_owned(),
    }
}

fn read_parquet(path: &Path, file: File) -> Result<(SchemaRef, BatchIter<'static>)> {
    let shown = path.display().to_string();
    let context = move || format!("cannot read '{shown}'");
    let opened = parquet_bounds::open_bounded(file).with_context(&context);
    let opened =
        opened.map_err(|error| Error::new(StudyFault::Definition, error.explain_causes()))?;
    let schema = opened.schema().clone();
    let rows = opened.read_rows().with_context(&context)?;
    Ok((schema, Box::new(rows.map(move |batch| batch.with_context(&context)))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_cumulus_library() {
        for (name, expected) in [
            ("PatientId", "patient_id"),
            ("PATIENT_ID", "patient_id"),
            ("ICD10Code", "icd10code"),
            ("ICD-10 code", "icd-10 code"),
            ("already_fine", "already_fine"),
            ("aB cD", "a_b c_d"),
        ] {
            assert_eq!(snake_case(name), expected);
        }
    }

    #[test]
    fn files_are_read_in_batches() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.csv");
        let lines: String = (0..20_000).map(|n| format!("{n},\n")).collect();
        std::fs::write(&path, format!("\u{feff}a,\n{lines}")).unwrap();
        let (schema, batches) = read_text(&path, File::open(&path).unwrap(), b',').unwrap();
        assert_eq!(schema.field(0).name(), "a");
        let sizes: Vec<_> = batches.map(|batch| batch.unwrap().num_rows()).collect();
        assert_eq!(sizes, [8192, 8192, 3616]);
    }

    #[test]
    fn panics_of_a_reader_are_faults_of_the_file() {
        let mut left = 2;
        let batches = std::iter::from_fn(move || {
            left -= 1;
            assert!(left > 0, "Smith-Secret");
            Some(Ok(RecordBatch::new_empty(Arc::new(Schema::empty()))))
        });
        let mut read = catch_reading(Path::new("studies/s/a.xlsx"), Box::new(batches));
        assert!(read.next().unwrap().is_ok());
        let error = read.next().unwrap().unwrap_err();
        assert_eq!(error.kind(), StudyFault::Definition.into());
        let shown = error.to_string();
        assert!(shown.starts_with("studies/s/a.xlsx: ") && !shown.contains("Secret"), "{shown}");
        assert!(read.next().is_none());
    }

    #[test]
    fn batches_and_rows_are_bounded_by_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.csv");
        let read = |text: &str| {
            std::fs::write(&path, text).unwrap();
            let (_, batches) = read_text(&path, File::open(&path).unwrap(), b',')?;
            batches.map(|batch| batch.map(|batch| batch.num_rows())).collect::<Result<Vec<_>>>()
        };
        let long = "x".repeat(15 << 20);
        assert_eq!(read(&format!("a\n{}", format!("{long}\n").repeat(4))).unwrap(), [3, 1]);
        // Where the bytes before a row end does not count.
        assert_eq!(read(&format!("a\n{}{long}\n", "y\n".repeat(1 << 20))).unwrap().len(), 129);
        let refused = |text: &str| read(text).unwrap_err().to_string();
        let error = refused(&format!("a\nb\n\"{}", "x\n".repeat(10 << 20)));
        assert!(error.contains("a.csv:3: the row that begins here has more than"), "{error}");
        let error = refused(&"a,".repeat(1 << 20));
        assert!(error.contains("a.csv:1: the header has more than 1048576 bytes"), "{error}");
        let error = refused(&format!("a\n{}", "x".repeat(17 << 20)));
        assert!(error.contains("a.csv:2: the row that begins here"), "{error}");
    }
}
