//! The content of a version of a table, as its log tells.

use std::collections::HashMap;
use std::mem;

use delta_kernel::scan::state::{DvInfo, ScanFile};
use delta_kernel::{Engine, SnapshotRef};
use object_store::path::Path;
use serde_json::{Map, Value, json};
use url::Url;

use super::protocol::Protocol;
use super::schema::TableSchema;
use crate::error::{Context, Error, Result};
use crate::store::Folder;

/// Commits between two checkpoints where the table doesn't say.
const CHECKPOINT_INTERVAL: u64 = 10;

/// A version of a table.
pub(super) struct Snapshot {
    pub version: u64,
    pub protocol: Protocol,
    pub schema: TableSchema,
    pub files: Vec<DataFile>,
    /// Columns, as paths into structs, of which every file must have statistics.
    pub clustering: Vec<Vec<String>>,
    /// The `metaData` action.
    metadata: Map<String, Value>,
}

/// A data file of a table.
pub(super) struct DataFile {
    /// As the log spells it.
    pub path: String,
    /// Its name below the table's folder.
    pub name: String,
    pub size: u64,
    /// Rows in the file, deleted ones too; `None` where the log doesn't tell.
    pub rows: Option<u64>,
    /// Values of the partition columns; a null one is left out.
    pub partition: HashMap<String, String>,
    /// Which of its rows are deleted.
    pub deletions: DvInfo,
}

impl DataFile {
    /// Whether a deletion vector marks some of the rows as deleted.
    pub fn has_deleted_rows(&self) -> bool {
        self.deletions.has_vector()
    }
}

impl Snapshot {
    /// Reads all that this program needs of a version of the table in `folder`.
    ///
    /// # Errors
    /// Something is damaged, or not understood by the library.
    pub fn read(folder: &Folder, engine: &dyn Engine, kernel: &SnapshotRef) -> Result<Self> {
        let configuration = kernel.table_configuration();
        let metadata = match serde_json::to_value(configuration.metadata()) {
            Ok(Value::Object(metadata)) => metadata,
            _ => return Err(Error::failed("its metadata is damaged")),
        };
        let protocol = serde_json::to_value(configuration.protocol());
        let protocol = Protocol::from_action(&protocol.context("its protocol is damaged")?);
        let schema = metadata.get("schemaString").and_then(Value::as_str).unwrap_or_default();
        let schema = TableSchema::read_text(schema)?;
        let clustering = match protocol.has_feature("clustering") {
            // The library reads the log again for them, so only tables that name the feature are asked.
            true => kernel.get_physical_clustering_columns(engine),
            false => Ok(None),
        };
        let clustering = clustering.context("its clustering columns cannot be read")?;
        let clustering = clustering.unwrap_or_default();
        let clustering =
            clustering.iter().map(|column| column.path().iter().map(ToString::to_string).collect());
        Ok(Self {
            version: kernel.version(),
            protocol,
            schema,
            files: read_files(folder, engine, kernel)?,
            clustering: clustering.collect(),
            metadata,
        })
    }

    /// A table property.
    pub fn table_setting(&self, key: &str) -> Option<&str> {
        self.metadata.get("configuration")?.get(key)?.as_str()
    }

    /// Commits between two checkpoints.
    pub fn checkpoint_interval(&self) -> u64 {
        let interval = self.table_setting("delta.checkpointInterval");
        interval.and_then(|text| text.parse().ok()).unwrap_or(CHECKPOINT_INTERVAL).max(1)
    }

    /// Whether any table property begins so.
    pub fn has_setting_below(&self, prefix: &str) -> bool {
        let settings = self.metadata.get("configuration").and_then(Value::as_object);
        settings.is_some_and(|settings| settings.keys().any(|key| key.starts_with(prefix)))
    }

    /// The columns whose values are kept in the log, not in the files.
    pub fn partition_columns(&self) -> Vec<&str> {
        let columns = self.metadata.get("partitionColumns").and_then(Value::as_array);
        columns.into_iter().flatten().filter_map(Value::as_str).collect()
    }

    /// The `metaData` action that gives the table this schema.
    pub fn with_schema(&self, schema: &TableSchema) -> Value {
        let mut metadata = self.metadata.clone();
        // The rest of `metaData` stays: its ID and creation time
        // are the table's for life, and settings are the user's.
        metadata.insert("schemaString".to_owned(), schema.json_text().into());
        json!({"metaData": metadata})
    }
}

fn read_files(folder: &Folder, engine: &dyn Engine, kernel: &SnapshotRef) -> Result<Vec<DataFile>> {
    let listing = "its list of files cannot be read";
    let scan = kernel.clone().scan_builder().build().context(listing)?;
    let mut files: Vec<ScanFile> = Vec::new();
    for part in scan.scan_metadata(engine).context(listing)? {
        let keep = |files: &mut Vec<ScanFile>, file| files.push(file);
        files = part
            .and_then(|part| part.visit_scan_files(mem::take(&mut files), keep))
            .context(listing)?;
    }
    files.into_iter().map(|file| data_file(folder, file)).collect()
}

fn data_file(folder: &Folder, file: ScanFile) -> Result<DataFile> {
    let name = relative_name(folder, &file.path)?;
    Ok(DataFile {
        name,
        path: file.path,
        size: u64::try_from(file.size).unwrap_or(0),
        rows: file.stats.map(|stats| stats.num_records),
        partition: file.partition_values,
        deletions: file.dv_info,
    })
}

/// The name of a data file from its path in the log: a URL, relative to the table or whole.
pub(super) fn relative_name(folder: &Folder, path: &str) -> Result<String> {
    let elsewhere = || {
        Error::failed(format!("its data file '{path}' lies outside the table's folder '{folder}'"))
    };
    let relative = match Url::parse(path) {
        // Shallow clones name files of another table by a whole
        // URL. Only files below the folder can be opened here.
        Ok(_) => path.strip_prefix(folder.url().as_str()).ok_or_else(elsewhere)?,
        Err(_) if path.starts_with('/') => {
            let root = folder.local().and_then(std::path::Path::to_str).ok_or_else(elsewhere)?;
            let below = path.strip_prefix(root).and_then(|rest| rest.strip_prefix('/'));
            below.ok_or_else(elsewhere)?
        }
        Err(_) => path,
    };
    // `from_url_path` refuses `..`, too: no file above the table's folder is opened.
    let name = Path::from_url_path(relative);
    Ok(name.with_context(|| format!("its data file '{path}' is no path"))?.into())
}
