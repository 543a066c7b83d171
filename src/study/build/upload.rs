//! Tables made of files that come with a study.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringBuilder};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use calamine::{Data, Reader, Xlsx, open_workbook};
use chrono::{NaiveDate, TimeDelta};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::error::{Context, Error, Exit, Result};
use crate::study::dialect::column_type;
use crate::study::engine::{Build, TableInfo};
use crate::study::upload::UploadTable;

/// Rows that are read at once.
const BATCH_ROWS: usize = 8192;

/// Checks the types of columns, before anything is made.
pub fn check(table: &UploadTable) -> Result<()> {
    types(table).map(|_| ())
}

/// Makes a table of files.
pub fn load(build: &dyn Build, name: &str, table: &UploadTable) -> Result<TableInfo> {
    let mut schema: Option<SchemaRef> = None;
    let mut batches = Vec::new();
    for path in &table.files {
        let (columns, rows) = read(path, table)?;
        match &schema {
            None => schema = Some(columns),
            Some(known) if *known == columns => {}
            Some(known) => {
                let names = |schema: &SchemaRef| {
                    schema.fields().iter().map(|f| f.name().as_str()).collect::<Vec<_>>().join(", ")
                };
                return Err(Error::new(
                    Exit::StudyInvalid,
                    format!(
                        "{} has the columns {}, but the file before it {}: files of one table have \
                         the same columns",
                        path.display(),
                        names(&columns),
                        names(known)
                    ),
                ));
            }
        }
        batches.extend(rows);
    }
    let schema = schema.ok_or_else(|| Error::failed("there are no files"))?;
    build.load(name, schema, Box::new(batches.into_iter().map(Ok)))
}

fn types(table: &UploadTable) -> Result<Option<Vec<DataType>>> {
    let Some(names) = &table.col_types else { return Ok(None) };
    let known = names.iter().map(|name| {
        column_type(name).ok_or_else(|| {
            let message = format!("'{name}' in col_types is no type of a column");
            Error::new(Exit::StudyInvalid, message)
        })
    });
    known.collect::<Result<_>>().map(Some)
}

fn read(path: &Path, table: &UploadTable) -> Result<(SchemaRef, Vec<RecordBatch>)> {
    let ending = path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let (schema, batches) = match ending.as_str() {
        "parquet" => parquet(path)?,
        "xlsx" => spreadsheet(path)?,
        _ => {
            let usual = match ending.as_str() {
                "tsv" => b'\t',
                "bsv" => b'|',
                _ => b',',
            };
            let given = table.delimiter.as_ref().and_then(|text| text.bytes().next());
            text(path, given.unwrap_or(usual))?
        }
    };
    let types = types(table)?;
    typed(path, &schema, batches, types)
}

/// Names in snake_case, and types as they are asked for.
fn typed(
    path: &Path,
    schema: &SchemaRef,
    batches: Vec<RecordBatch>,
    types: Option<Vec<DataType>>,
) -> Result<(SchemaRef, Vec<RecordBatch>)> {
    if let Some(types) = &types
        && types.len() != schema.fields().len()
    {
        let message = format!(
            "{} has {} columns, but col_types has {}",
            path.display(),
            schema.fields().len(),
            types.len()
        );
        return Err(Error::new(Exit::StudyInvalid, message));
    }
    let fields: Vec<Field> = schema
        .fields()
        .iter()
        .enumerate()
        .map(|(index, field)| {
            let data_type = types.as_ref().map_or(field.data_type(), |types| &types[index]);
            Field::new(snake_case(field.name()), data_type.clone(), true)
        })
        .collect();
    let wanted = Arc::new(Schema::new(fields));
    let options = CastOptions { safe: false, ..CastOptions::default() };
    let mut typed = Vec::with_capacity(batches.len());
    for batch in batches {
        let columns = batch.columns().iter().zip(wanted.fields()).map(|(column, field)| {
            cast_with_options(column, field.data_type(), &options).map_err(|_| {
                let message = format!(
                    "{}: a value of column {} is no {}",
                    path.display(),
                    field.name(),
                    field.data_type()
                );
                Error::new(Exit::StudyInvalid, message)
            })
        });
        let columns = columns.collect::<Result<Vec<_>>>()?;
        typed.push(RecordBatch::try_new(wanted.clone(), columns).context("cannot load")?);
    }
    Ok((wanted, typed))
}

/// `Patient ID` and `PatientID` are `patient_id`.
pub fn snake_case(name: &str) -> String {
    let mut out = String::new();
    let mut before: Option<char> = None;
    for letter in name.trim().chars() {
        if letter.is_alphanumeric() {
            let begins = letter.is_uppercase()
                && before.is_some_and(|before| before.is_lowercase() || before.is_ascii_digit());
            if begins && !out.ends_with('_') {
                out.push('_');
            }
            out.extend(letter.to_lowercase());
        } else if !out.is_empty() && !out.ends_with('_') {
            out.push('_');
        }
        before = Some(letter);
    }
    let name = out.trim_end_matches('_');
    if name.is_empty() { "column".to_owned() } else { name.to_owned() }
}

/// Rows of text, which become columns of text; an empty cell is null.
struct TextRows {
    schema: SchemaRef,
    columns: Vec<StringBuilder>,
    rows: usize,
    batches: Vec<RecordBatch>,
}

impl TextRows {
    fn new<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        let fields: Vec<_> = names.map(|name| Field::new(name, DataType::Utf8, true)).collect();
        let columns = fields.iter().map(|_| StringBuilder::new()).collect();
        let schema = Arc::new(Schema::new(fields));
        Self { schema, columns, rows: 0, batches: Vec::new() }
    }

    fn add<'a>(&mut self, cells: impl Iterator<Item = Option<&'a str>>) -> Result<()> {
        let mut cells = cells;
        for column in &mut self.columns {
            column.append_option(cells.next().flatten().filter(|cell| !cell.is_empty()));
        }
        self.rows += 1;
        if self.rows == BATCH_ROWS { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<()> {
        self.rows = 0;
        let columns = self.columns.iter_mut().map(|column| Arc::new(column.finish()) as ArrayRef);
        let batch = RecordBatch::try_new(self.schema.clone(), columns.collect());
        self.batches.push(batch.context("cannot load")?);
        Ok(())
    }

    fn finish(mut self) -> Result<(SchemaRef, Vec<RecordBatch>)> {
        self.flush()?;
        Ok((self.schema, self.batches))
    }
}

fn text(path: &Path, delimiter: u8) -> Result<(SchemaRef, Vec<RecordBatch>)> {
    let invalid = |line: u64, why: &str| {
        Error::new(Exit::StudyInvalid, format!("{}:{line}: {why}", path.display()))
    };
    let mut file = BufReader::new(
        File::open(path).with_context(|| format!("cannot read '{}'", path.display()))?,
    );
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).with_context(|| format!("cannot read '{}'", path.display()))?;
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).from_reader(bytes);
    let header = reader.headers().map_err(|_| invalid(1, "the header is not UTF-8 text"))?.clone();
    if header.is_empty() {
        return Err(invalid(1, "there is no header with the names of the columns"));
    }
    let mut rows = TextRows::new(header.iter());
    for record in reader.records() {
        let record = record.map_err(|error| {
            let line = error.position().map_or(1, csv::Position::line);
            let why = match error.kind() {
                csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
                    format!("{len} cells, but there are {expected_len} columns")
                }
                csv::ErrorKind::Utf8 { .. } => "this is not UTF-8 text".to_owned(),
                _ => "this can't be read".to_owned(),
            };
            invalid(line, &why)
        })?;
        rows.add(record.iter().map(Some))?;
    }
    rows.finish()
}

fn parquet(path: &Path) -> Result<(SchemaRef, Vec<RecordBatch>)> {
    let context = || format!("cannot read '{}'", path.display());
    let file = File::open(path).with_context(context)?;
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).with_context(context)?;
    let schema = builder.schema().clone();
    let reader = builder.with_batch_size(BATCH_ROWS).build().with_context(context)?;
    Ok((schema, reader.collect::<Result<_, _>>().with_context(context)?))
}

/// The first sheet: its first row names the columns. Cells are text, whole numbers without a point.
fn spreadsheet(path: &Path) -> Result<(SchemaRef, Vec<RecordBatch>)> {
    let invalid = |why: &str| Error::new(Exit::StudyInvalid, format!("{}: {why}", path.display()));
    let mut book: Xlsx<_> =
        open_workbook(path).map_err(|_| invalid("this can't be read as a spreadsheet (.xlsx)"))?;
    let sheet = match book.worksheet_range_at(0) {
        Some(Ok(sheet)) => sheet,
        _ => return Err(invalid("the first sheet can't be read")),
    };
    let mut lines = sheet.rows();
    let Some(header) = lines.next() else {
        return Err(invalid("the first sheet has no row with the names of the columns"));
    };
    let names: Vec<_> = header.iter().map(|cell| cell_text(cell).unwrap_or_default()).collect();
    let mut rows = TextRows::new(names.iter().map(String::as_str));
    for line in lines {
        let cells: Vec<_> = line.iter().map(cell_text).collect();
        rows.add(cells.iter().map(|cell| cell.as_deref()))?;
    }
    rows.finish()
}

fn cell_text(cell: &Data) -> Option<String> {
    match cell {
        Data::Empty | Data::Error(_) => None,
        Data::String(text) | Data::DateTimeIso(text) | Data::DurationIso(text) => {
            Some(text.clone())
        }
        Data::Int(number) => Some(number.to_string()),
        // A number that is whole is shown so: `1`, not `1.0`.
        Data::Float(number) => Some(number.to_string()),
        Data::Bool(value) => Some(value.to_string()),
        Data::DateTime(time) => {
            // Days since the end of 1899, as spreadsheets count.
            let days = time.as_f64();
            let begin = NaiveDate::from_ymd_opt(1899, 12, 30)?.and_hms_opt(0, 0, 0)?;
            let seconds = (days * 86_400.0).round();
            let time = begin.checked_add_signed(TimeDelta::try_seconds(seconds as i64)?)?;
            Some(match seconds % 86_400.0 == 0.0 {
                true => time.format("%Y-%m-%d").to_string(),
                false => time.format("%Y-%m-%d %H:%M:%S").to_string(),
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_snake_case() {
        for (name, expected) in [
            ("Patient ID", "patient_id"),
            ("PatientId", "patient_id"),
            ("ICD-10 code", "icd_10_code"),
            ("already_fine", "already_fine"),
            (" (x) ", "x"),
            ("%", "column"),
        ] {
            assert_eq!(snake_case(name), expected);
        }
    }
}
