//! A table's two files in an export: CSV for people, Parquet for programs.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;

use super::manifest::IDENTIFIED;
use crate::error::{Context, Result};
use crate::screen::{COUNT, Formulas};

/// How a table is written.
#[derive(Clone, Copy, Debug, Default)]
pub struct Style {
    /// The treatment of CSV cells that a spreadsheet would run.
    pub formulas: Formulas,
    /// Whether the table was made of FHIR as it is, which its Parquet file then says.
    pub identified: bool,
}

/// A table's two files, while they are written.
pub struct TableFiles {
    csv: csv::Writer<BufWriter<File>>,
    parquet: ArrowWriter<File>,
    schema: SchemaRef,
    formulas: Formulas,
    /// The messages where one of them can't be written.
    csv_failed: String,
    parquet_failed: String,
}

impl TableFiles {
    /// Begins both with a table's columns.
    pub fn begin_files(
        csv: &Path,
        parquet: &Path,
        schema: &SchemaRef,
        style: Style,
    ) -> Result<Self> {
        let [csv_failed, parquet_failed] = [csv, parquet].map(cannot_write);
        let create = |path: &Path| File::create(path).with_context(|| cannot_write(path));
        let mut csv = csv::Writer::from_writer(BufWriter::new(create(csv)?));
        let names = schema.fields().iter().map(|field| style.formulas.escape_cell(field.name()));
        csv.write_record(names.map(|name| name.into_owned()))
            .with_context(|| csv_failed.clone())?;
        let fields: Vec<_> = schema.fields().iter().map(|field| widen_count(field)).collect();
        let schema = Arc::new(Schema::new(fields));
        // Beside the mark in the manifest: a file may be taken out of the archive and put into
        // another one.
        let mark = KeyValue::new(IDENTIFIED.to_owned(), "true".to_owned());
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_key_value_metadata(style.identified.then(|| vec![mark]))
            .build();
        let parquet = ArrowWriter::try_new(create(parquet)?, schema.clone(), Some(properties));
        let parquet = parquet.with_context(|| parquet_failed.clone())?;
        let formulas = style.formulas;
        Ok(Self { csv, parquet, schema, formulas, csv_failed, parquet_failed })
    }

    /// Writes rows to both.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let options = FormatOptions::default()
            .with_date_format(Some("%Y-%m-%d"))
            .with_timestamp_format(Some("%Y-%m-%d %H:%M:%S%.f"))
            // An empty cell, as Cumulus Library writes it.
            .with_null("");
        let formatters: Vec<_> = batch
            .columns()
            .iter()
            .map(|column| {
                let passes = self.formulas.needs_no_escape(column.data_type());
                Ok((ArrayFormatter::try_new(column, &options)?, passes))
            })
            .collect::<Result<_, arrow::error::ArrowError>>()
            .with_context(|| self.csv_failed.clone())?;
        for row in 0..batch.num_rows() {
            let cells = formatters.iter().map(|(formatter, passes)| {
                let text = formatter.value(row).to_string();
                if *passes { text } else { self.formulas.escape_cell(&text).into_owned() }
            });
            self.csv.write_record(cells).with_context(|| self.csv_failed.clone())?;
        }
        let columns = batch.columns().iter().zip(self.schema.fields());
        let columns = columns.map(|(column, field)| cast(column, field.data_type()));
        let failed = || self.parquet_failed.clone();
        let columns = columns.collect::<Result<Vec<_>, _>>().with_context(failed)?;
        let batch = RecordBatch::try_new(self.schema.clone(), columns).with_context(failed)?;
        self.parquet.write(&batch).with_context(failed)
    }

    /// Ends both.
    pub fn finish_files(mut self) -> Result<()> {
        self.csv.flush().context(self.csv_failed)?;
        self.parquet.close().context(self.parquet_failed)?;
        Ok(())
    }
}

/// The message where a file can't be written.
pub fn cannot_write(path: &Path) -> String {
    format!("cannot write '{}'", path.display())
}

/// A column as others expect it: counts (`cnt`, `cnt_subject_ref`) are 64 bits wide.
fn widen_count(field: &Field) -> Field {
    let name = field.name().to_lowercase();
    let counts = name.strip_prefix(COUNT).is_some_and(|of| of.is_empty() || of.starts_with('_'));
    let is_count = counts && field.data_type().is_integer();
    let data_type = if is_count { DataType::Int64 } else { field.data_type().clone() };
    Field::new(field.name(), data_type, true)
}
