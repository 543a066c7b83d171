//! The form in which our parts of a plan travel: tables in logical plans, scans in physical ones. Functions
//! travel by name; every process of the cluster is this program and has them.

use std::any::Any;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use arrow::ipc::convert::{IpcSchemaEncoder, fb_to_schema};
use arrow::ipc::root_as_schema;
use ballista_core::serde::{BallistaLogicalExtensionCodec, BallistaPhysicalExtensionCodec};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use datafusion::catalog::TableProvider;
use datafusion::common::{DataFusionError, Result, TableReference, internal_err};
use datafusion::datasource::file_format::FileFormatFactory;
use datafusion::datasource::physical_plan::{FileScanConfig, FileScanConfigBuilder};
use datafusion::datasource::source::DataSourceExec;
use datafusion::execution::TaskContext;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::{Extension, LogicalPlan};
use datafusion::physical_plan::ExecutionPlan;
use datafusion_proto::logical_plan::LogicalExtensionCodec;
use datafusion_proto::physical_plan::{PhysicalExtensionCodec, PhysicalProtoConverterExtension};
use object_store::path::Path;
use serde::{Deserialize, Serialize};

use super::super::adapter::AnySpelling;
use super::super::scan::{ParquetTable, ScannedFile};

/// A table as it travels: where its files are, and its columns as they are spelled.
#[derive(Deserialize, Serialize)]
struct SentTable {
    store: String,
    files: Vec<SentFile>,
    /// Arrow's own form of a schema, as Base64.
    columns: String,
}

#[derive(Deserialize, Serialize)]
struct SentFile {
    path: String,
    size: u64,
    rows: Option<u64>,
}

fn wrap_error(error: impl std::error::Error + Send + Sync + 'static) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

impl SentTable {
    fn from_table(table: &ParquetTable) -> Self {
        let columns = IpcSchemaEncoder::new().schema_to_fb(table.spelled_schema());
        let file = |file: &ScannedFile| SentFile {
            path: file.path.to_string(),
            size: file.size,
            rows: file.rows,
        };
        Self {
            store: table.store_url().as_str().to_owned(),
            files: table.data_files().iter().map(file).collect(),
            columns: BASE64_STANDARD.encode(columns.finished_data()),
        }
    }

    fn into_table(self) -> Result<ParquetTable> {
        let columns = BASE64_STANDARD.decode(&self.columns).map_err(wrap_error)?;
        let columns = root_as_schema(&columns)
            .map_err(|_| DataFusionError::Plan("a table came without its columns".to_owned()))?;
        let columns = fb_to_schema(columns);
        let files: Result<Vec<_>> = self
            .files
            .into_iter()
            .map(|file| {
                let path = Path::parse(&file.path).map_err(wrap_error)?;
                Ok(ScannedFile { path, size: file.size, rows: file.rows })
            })
            .collect();
        let table = ParquetTable::new(ObjectStoreUrl::parse(&self.store)?, files?, columns.into());
        Ok(table.map_err(|error| wrap_error(error.join_causes()))?.for_cluster())
    }
}

/// Logical plans with our tables in them.
#[derive(Debug, Default)]
pub struct Tables(BallistaLogicalExtensionCodec);

impl LogicalExtensionCodec for Tables {
    fn try_decode(
        &self,
        bytes: &[u8],
        inputs: &[LogicalPlan],
        context: &TaskContext,
    ) -> Result<Extension> {
        self.0.try_decode(bytes, inputs, context)
    }

    fn try_encode(&self, node: &Extension, bytes: &mut Vec<u8>) -> Result<()> {
        self.0.try_encode(node, bytes)
    }

    fn try_decode_table_provider(
        &self,
        bytes: &[u8],
        _: &TableReference,
        _: SchemaRef,
        _: &TaskContext,
    ) -> Result<Arc<dyn TableProvider>> {
        // The schema that comes beside it has its names in lower case. The bytes that
        // were sent say how files spell them.
        let sent: SentTable = serde_json::from_slice(bytes).map_err(wrap_error)?;
        Ok(Arc::new(sent.into_table()?))
    }

    fn try_encode_table_provider(
        &self,
        name: &TableReference,
        table: Arc<dyn TableProvider>,
        bytes: &mut Vec<u8>,
    ) -> Result<()> {
        let Some(table) = (table.as_ref() as &dyn Any).downcast_ref::<ParquetTable>() else {
            return internal_err!("{name} is no table that a cluster can read");
        };
        serde_json::to_writer(bytes, &SentTable::from_table(table)).map_err(wrap_error)
    }

    fn try_decode_file_format(
        &self,
        bytes: &[u8],
        context: &TaskContext,
    ) -> Result<Arc<dyn FileFormatFactory>> {
        self.0.try_decode_file_format(bytes, context)
    }

    fn try_encode_file_format(
        &self,
        bytes: &mut Vec<u8>,
        format: Arc<dyn FileFormatFactory>,
    ) -> Result<()> {
        self.0.try_encode_file_format(bytes, format)
    }
}

/// The node around a scan that stands for [`AnySpelling`].
pub const ANY_SPELLING: &[u8] = b"cumulus-etl any spelling 1";

/// Physical plans with our scans in them.
#[derive(Debug, Default)]
pub struct Scans(BallistaPhysicalExtensionCodec);

impl PhysicalExtensionCodec for Scans {
    fn try_decode(
        &self,
        bytes: &[u8],
        inputs: &[Arc<dyn ExecutionPlan>],
        context: &TaskContext,
        converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match (bytes == ANY_SPELLING, inputs) {
            (true, [scan]) => with_any_spelling(scan),
            (true, _) => internal_err!("a scan has {} inputs", inputs.len()),
            (false, _) => self.0.try_decode(bytes, inputs, context, converter),
        }
    }

    fn try_encode(
        &self,
        node: Arc<dyn ExecutionPlan>,
        bytes: &mut Vec<u8>,
        converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<()> {
        self.0.try_encode(node, bytes, converter)
    }
}

fn with_any_spelling(scan: &Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    let source = scan.downcast_ref::<DataSourceExec>().map(DataSourceExec::data_source);
    let files = source.and_then(|source| source.downcast_ref::<FileScanConfig>());
    let Some(files) = files else {
        return internal_err!("{} is no scan of files", scan.name());
    };
    let files = FileScanConfigBuilder::from(files.clone())
        .with_expr_adapter(Some(Arc::new(AnySpelling)))
        .build();
    Ok(DataSourceExec::from_data_source(files))
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::{DataType, Field, Schema};

    use super::*;

    #[test]
    fn tables_arrive_as_they_were_sent() {
        let item = Field::new("item", DataType::Utf8, true);
        let nested = DataType::List(Arc::new(Field::new(
            "element",
            DataType::Struct(vec![Field::new("valueString", DataType::Utf8, true)].into()),
            true,
        )));
        let columns = Schema::new(vec![
            Field::new("recordedDate", DataType::Utf8, true),
            Field::new("names", DataType::List(Arc::new(item)), true),
            Field::new("Extension", nested, true),
        ]);
        let path = Path::from("a b/part%20.parquet");
        let file = ScannedFile { path: path.clone(), size: 7, rows: Some(3) };
        let table = ParquetTable::new(
            ObjectStoreUrl::parse("s3://bucket").unwrap(),
            vec![file],
            Arc::new(columns),
        );
        let table: Arc<dyn TableProvider> = Arc::new(table.unwrap());
        let codec = Tables::default();
        let name = TableReference::bare("t");
        let mut bytes = Vec::new();
        codec.try_encode_table_provider(&name, table.clone(), &mut bytes).unwrap();
        let context = TaskContext::default();
        let arrived =
            codec.try_decode_table_provider(&bytes, &name, table.schema(), &context).unwrap();
        assert_eq!(arrived.schema(), table.schema());
        let arrived = (arrived.as_ref() as &dyn Any).downcast_ref::<ParquetTable>().unwrap();
        assert_eq!(arrived.spelled_schema().field(0).name(), "recordedDate");
        assert_eq!(arrived.store_url().as_str(), "s3://bucket/");
        assert_eq!(arrived.data_files()[0].path, path);
        assert_eq!((arrived.data_files()[0].size, arrived.data_files()[0].rows), (7, Some(3)));
    }

    #[test]
    fn other_tables_are_refused() {
        let other = datafusion::datasource::empty::EmptyTable::new(Arc::new(Schema::empty()));
        let mut bytes = Vec::new();
        let name = TableReference::bare("t");
        let error = Tables::default()
            .try_encode_table_provider(&name, Arc::new(other), &mut bytes)
            .unwrap_err();
        assert!(error.to_string().contains("t is no table"), "{error}");
    }
}
