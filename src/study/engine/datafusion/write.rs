//! Rows on their way into a Parquet file of a table.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;

use super::database::StoredFile;
use super::fit;
use crate::error::{Context, Error, Result, StudyFault};
use crate::store::{Folder, Upload};

/// A row group's bounds: its columns are held in memory until it is written.
const ROW_GROUP_ROWS: usize = 1 << 18;
const ROW_GROUP_BYTES: usize = 32 << 20;

/// A Parquet file that is being written. It appears on [`TableFile::finish_file`].
pub struct TableFile {
    writer: ArrowWriter<Upload>,
    schema: SchemaRef,
    folder: Folder,
    name: String,
    rows: u64,
}

impl TableFile {
    /// Begins a file of these columns.
    pub fn begin_file(folder: &Folder, name: String, schema: SchemaRef) -> Result<Self> {
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
            .build();
        let upload = folder.upload(&name)?;
        let writer = ArrowWriter::try_new(upload, schema.clone(), Some(properties));
        let writer = writer.with_context(|| format!("cannot write '{}'", folder.show(&name)))?;
        Ok(Self { writer, schema, folder: folder.clone(), name, rows: 0 })
    }

    /// Writes rows, whose columns are those of the file in order, whatever their names.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let context = || format!("cannot write '{}'", self.folder.show(&self.name));
        // The reason may hold a row's value.
        let batch = bring_batch(batch, &self.schema).map_err(|_| {
            Error::failed(format!("{}: a row's value does not fit into its column", context()))
        })?;
        self.rows += batch.num_rows() as u64;
        self.writer.write(&batch).with_context(context)?;
        if self.writer.in_progress_size() > ROW_GROUP_BYTES {
            self.writer.flush().with_context(context)?;
        }
        Ok(())
    }

    /// Makes the file appear.
    pub fn finish_file(self) -> Result<StoredFile> {
        let context = || format!("cannot write '{}'", self.folder.show(&self.name));
        let upload = self.writer.into_inner().with_context(context)?;
        let bytes = upload.finish()?;
        Ok(StoredFile { name: self.name, bytes, rows: self.rows })
    }
}

/// The batch with the schema's names and types.
pub fn bring_batch(
    batch: &RecordBatch,
    schema: &SchemaRef,
) -> Result<RecordBatch, arrow::error::ArrowError> {
    let columns = batch.columns().iter().zip(schema.fields());
    let columns = columns.map(|(column, field)| fit::fit_array(column, field.data_type()));
    let columns = columns.collect::<Result<Vec<ArrayRef>, _>>()?;
    // Without columns, a batch has no other way to say how many rows it has.
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(schema.clone(), columns, &options)
}

/// The columns of a table that is made of a query's: with these names, all of them nullable, and of
/// types that every reader of Parquet knows.
///
/// # Errors
/// Two columns of one name; a type that no table can have.
pub fn table_schema(query: &Schema, names: Vec<String>) -> Result<SchemaRef> {
    let mut fields: Vec<Field> = Vec::with_capacity(names.len());
    for (field, name) in query.fields().iter().zip(names) {
        if fields.iter().any(|known| fit::is_same_name(known.name(), &name)) {
            let message = format!("there would be two columns '{name}': name them apart with AS");
            return Err(Error::new(StudyFault::Statement, message));
        }
        let data_type = table_type(field.data_type()).ok_or_else(|| {
            let message = format!(
                "column '{name}' is of type {}, which no table can have: cast it",
                field.data_type()
            );
            Error::new(StudyFault::Statement, message)
        })?;
        fields.push(Field::new(name, data_type, true));
    }
    Ok(Arc::new(Schema::new(fields)))
}

fn table_type(data_type: &DataType) -> Option<DataType> {
    Some(match data_type {
        DataType::Null | DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
            DataType::Utf8
        }
        DataType::LargeBinary | DataType::BinaryView => DataType::Binary,
        // The engine's own times have nanoseconds, which Spark refuses to read from Parquet.
        DataType::Timestamp(_, zone) => DataType::Timestamp(TimeUnit::Microsecond, zone.clone()),
        // Athena and Spark have no unsigned numbers. A wider signed type holds each value. Those of
        // 64 bits are numbers of rows (`row_number`), far from the limit.
        DataType::UInt8 | DataType::UInt16 => DataType::Int32,
        DataType::UInt32 | DataType::UInt64 => DataType::Int64,
        DataType::Dictionary(_, values) => table_type(values)?,
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            // Parquet's LIST wants this name for the item; Arrow's own is `item`.
            let item = Field::new("element", table_type(item.data_type())?, true);
            DataType::List(Arc::new(item))
        }
        DataType::Struct(fields) => {
            let fields: Option<Fields> = fields
                .iter()
                .map(|field| Some(Field::new(field.name(), table_type(field.data_type())?, true)))
                .collect();
            // Parquet has no struct without fields.
            DataType::Struct(fields.filter(|fields| !fields.is_empty())?)
        }
        DataType::Interval(_) | DataType::Duration(_) | DataType::Union(_, _) => return None,
        other => other.clone(),
    })
}
