//! Rows become a table: Parquet below `cumulus_user_uploads/<schema>/<study>/<topic>/` of the place
//! of results, encrypted and with checksums, and an external table over it.
//!
//! The table has all that is in that folder. Cumulus Library has its files there, too, under names of
//! their own: these go before the table comes.

use std::fmt::Write as _;

use arrow::datatypes::{DataType, Field, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;

use super::hive;
use super::{Athena, metadata};
use crate::error::{Context, Error, Result, StudyFault};
use crate::study::engine::{BatchIter, TableInfo};

/// Puts a table in place of the one of this name, if there is one. Names are in lower case.
pub(super) fn load_table(
    athena: &Athena,
    study: &str,
    name: &str,
    schema: &SchemaRef,
    rows: BatchIter<'_>,
) -> Result<TableInfo> {
    let ddl_columns = column_lines(name, schema)?;
    let topic = name.strip_prefix(&format!("{study}__")).unwrap_or(name);
    let workgroup = &athena.workgroup;
    let place = workgroup
        .location_below(&format!("cumulus_user_uploads/{}/{study}/{topic}", athena.schema));
    let folder = athena.bucket.child(&place);
    let file = format!("{topic}.parquet");
    let failed = || format!("cannot write '{}'", folder.show(&file));
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
    // Written before the old table goes: where rows can't be read or written, that one stays.
    let upload = folder.upload(&file)?;
    let mut writer =
        ArrowWriter::try_new(upload, schema.clone(), Some(properties)).with_context(failed)?;
    let mut count = 0;
    for batch in rows {
        let batch = batch?;
        count += batch.num_rows() as u64;
        writer.write(&batch).with_context(failed)?;
    }
    writer.into_inner().with_context(failed)?.finish()?;
    // Looked up, as DROP TABLE fails for a view, and DROP VIEW for a table.
    let old = metadata::of_study(&athena.queries, study)?;
    let old: Vec<_> = old.into_iter().filter(|table| table.name == name).collect();
    athena.drop_all(&old)?;
    for other in folder.list()?.iter().filter(|entry| entry.name != file) {
        folder.remove(&other.name).with_context(|| {
            format!(
                "'{}' would be part of the table {name}: remove it by hand, or allow \
                 s3:DeleteObject there",
                folder.show(&other.name)
            )
        })?;
    }
    let sql = format!(
        "CREATE EXTERNAL TABLE `{}`.`{name}` (\n{ddl_columns}\n)\nSTORED AS PARQUET\nLOCATION \
         's3://{}/{place}/'\nTBLPROPERTIES ('parquet.compression' = 'SNAPPY')",
        athena.schema, workgroup.bucket
    );
    athena.queries.run(name, &sql)?;
    Ok(TableInfo { name: name.to_owned(), rows: Some(count) })
}

/// The columns as `CREATE EXTERNAL TABLE` wants them, one a line.
fn column_lines(table: &str, schema: &SchemaRef) -> Result<String> {
    let mut text = String::new();
    for field in schema.fields() {
        let kind = hive_type(table, field)?;
        let comma = if text.is_empty() { "" } else { ",\n" };
        let _ = write!(text, "{comma}  `{}` {kind}", field.name().replace('`', "``"));
    }
    Ok(text)
}

fn hive_type(table: &str, field: &Field) -> Result<String> {
    // A column without any value has no type of its own.
    if field.data_type() == &DataType::Null {
        return Ok("string".to_owned());
    }
    hive::hive_type(field.data_type()).ok_or_else(|| {
        let message = format!(
            "{table}: the column '{}' has a type that Athena has not ({})",
            field.name(),
            field.data_type()
        );
        Error::new(StudyFault::Statement, message)
    })
}
