//! A table's transaction log: what the newest version holds, and how the next one is added.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::{fs, mem};

use chrono::{DateTime, Utc};
use delta_kernel::scan::state::{DvInfo, ScanFile};
use delta_kernel::{Engine, Snapshot as KernelSnapshot, SnapshotRef};
use deltalake_core::logstore::{LogStoreRef, StorageConfig, default_logstore};
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{ObjectMeta, ObjectStore};
use serde_json::{Map, Value, json};
use url::Url;
use uuid::Uuid;

use super::listed::Listed;
use super::protocol::Protocol;
use super::schema::TableSchema;
use crate::error::{Context, Error, Result};
use crate::store::{Folder, block_on, plain};

/// The folder of the log, below the table's.
pub const LOG_FOLDER: &str = "_delta_log";

/// Commits between two checkpoints where the table doesn't say.
const CHECKPOINT_INTERVAL: u64 = 10;

/// The log of the table in a folder, there or not yet.
pub(super) struct Log {
    pub folder: Folder,
    pub store: LogStoreRef,
    listed: Arc<Listed>,
    engine: Arc<dyn Engine>,
    root: Url,
}

impl Log {
    pub fn open(folder: &Folder) -> Result<Self> {
        // The library sees the table as all there is, whatever store and path it lies in: names
        // that a URL spells otherwise than a path cannot confuse it. Of a `file` URL it expects
        // listings in no order.
        let root = Url::parse("file:///").context("not a URL")?;
        let table = PrefixStore::new(folder.store().clone(), folder.path(""));
        let listed = Arc::new(Listed::new(Arc::new(table)));
        let store: Arc<dyn ObjectStore> = listed.clone();
        let store = default_logstore(store.clone(), store, &root, &StorageConfig::default());
        // The engine runs on the runtime that it is made in.
        let engine = block_on(async { store.engine(None) });
        Ok(Self { folder: folder.clone(), store, listed, engine, root })
    }

    /// Whether there is a table.
    pub fn exists(&self) -> Result<bool> {
        self.look()?;
        Ok(self.entries().next().is_some())
    }

    /// The newest version, or `None` where there is no table.
    ///
    /// # Errors
    /// A log that cannot be read, or whose reader features are not understood.
    pub fn snapshot(&self) -> Result<Option<Snapshot>> {
        self.look()?;
        self.known()
    }

    /// The newest version that has been seen or made here; asks the store for no listing.
    ///
    /// # Errors
    /// As of [`Log::snapshot`].
    pub fn known(&self) -> Result<Option<Snapshot>> {
        if !self.listed.has_looked() {
            self.look()?;
        }
        if self.entries().next().is_none() {
            return Ok(None);
        }
        let read = || format!("cannot read the Delta table '{}'", self.folder);
        let kernel = self.kernel_snapshot().with_context(read)?;
        Snapshot::read(self, &kernel).map(Some).with_context(read)
    }

    /// The number of the newest version, if there is a table.
    pub fn newest(&self) -> Result<Option<u64>> {
        self.look()?;
        Ok(self.entries().map(|(version, _)| version).max())
    }

    /// Commits beyond the newest checkpoint, as they are known.
    pub fn commits_since_checkpoint(&self) -> u64 {
        let next = self.entries().map(|(version, _)| version + 1).max().unwrap_or(0);
        let checkpoints = self.entries().filter(|(_, checkpoint)| *checkpoint);
        next - checkpoints.map(|(version, _)| version + 1).max().unwrap_or(0)
    }

    /// Everything below the table's folder but for the log.
    pub fn objects(&self) -> Result<Vec<ObjectMeta>> {
        let listed = block_on(self.listed.look_at_all()).map_err(plain);
        listed.with_context(|| format!("cannot list '{}'", self.folder))
    }

    /// When the oldest object of the log was written, as it is known.
    pub fn oldest(&self) -> Option<DateTime<Utc>> {
        self.listed.log().iter().map(|object| object.last_modified).min()
    }

    fn look(&self) -> Result<()> {
        let listed = block_on(self.listed.look()).map_err(plain);
        listed.with_context(|| format!("cannot list '{}'", self.folder.show(LOG_FOLDER)))
    }

    /// The known commits and checkpoints: their versions, and whether it is a checkpoint.
    fn entries(&self) -> impl Iterator<Item = (u64, bool)> {
        self.listed.log().into_iter().filter_map(|object| {
            let (version, kind) = object.location.filename()?.split_at_checked(20)?;
            let checkpoint = kind.starts_with(".checkpoint.");
            (checkpoint || kind == ".json").then_some((version.parse().ok()?, checkpoint))
        })
    }

    fn kernel_snapshot(&self) -> Result<SnapshotRef> {
        let snapshot = KernelSnapshot::builder_for(self.root.as_str()).build(&*self.engine);
        snapshot.context("the log cannot be read")
    }

    /// The rows of a file that its deletion vector marks as deleted, ascending.
    pub fn deleted_rows(&self, file: &DataFile) -> Result<Vec<u64>> {
        let rows = file.deleted.get_row_indexes(&*self.engine, &self.root);
        let rows = rows.with_context(|| {
            format!("cannot read what is deleted of '{}'", self.folder.show(&file.name))
        })?;
        Ok(rows.unwrap_or_default())
    }

    /// Adds `version` with these actions, durably; false where another writer has added it.
    ///
    /// Not by the library's store, which on a disk shows a file before it is durable: a power cut
    /// in between would leave an empty commit, and with it an unreadable table.
    pub fn commit(&self, version: u64, actions: &[Value]) -> Result<bool> {
        let name = format!("{version:020}.json");
        let lines: Vec<String> = actions.iter().map(Value::to_string).collect();
        let bytes = lines.join("\n");
        let folder = self.folder.child(LOG_FOLDER);
        let added = folder.write_new(&name, bytes.clone())?;
        // A store that lost our answer to its own retry finds there what we wrote.
        let ours = added || folder.read(&name)?.is_some_and(|there| there == bytes);
        if ours {
            self.listed.add(&name, bytes.len());
        }
        Ok(ours)
    }

    /// Writes a checkpoint of the newest version, so that readers need not read every commit.
    pub fn checkpoint(&self) -> Result<()> {
        let written = self.kernel_snapshot()?.checkpoint(&*self.engine, None);
        written.with_context(|| format!("cannot write a checkpoint of '{}'", self.folder))?;
        let Some(path) = self.folder.local() else { return Ok(()) };
        // The library leaves it to the operating system when the files reach the disk. A commit
        // is durable at once, so a checkpoint that isn't would be worse than none.
        let log = path.join(LOG_FOLDER);
        let sync = || -> io::Result<()> {
            for entry in fs::read_dir(&log)? {
                let name = entry?.file_name();
                if name.to_string_lossy().contains("checkpoint") {
                    match fs::File::open(log.join(name)) {
                        // Another run's, under way a moment ago: it has its own name by now.
                        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                        file => file?.sync_all()?,
                    }
                }
            }
            fs::File::open(&log)?.sync_all()
        };
        sync().with_context(|| format!("cannot make '{}' durable", log.display()))
    }
}

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
    deleted: DvInfo,
}

impl DataFile {
    /// Whether a deletion vector marks some of the rows as deleted.
    pub fn has_deleted_rows(&self) -> bool {
        self.deleted.has_vector()
    }
}

impl Snapshot {
    fn read(log: &Log, kernel: &SnapshotRef) -> Result<Self> {
        let configuration = kernel.table_configuration();
        let metadata = match serde_json::to_value(configuration.metadata()) {
            Ok(Value::Object(metadata)) => metadata,
            _ => return Err(Error::failed("its metadata is damaged")),
        };
        let protocol = serde_json::to_value(configuration.protocol());
        let protocol = Protocol::read(&protocol.context("its protocol is damaged")?);
        let schema = metadata.get("schemaString").and_then(Value::as_str).unwrap_or_default();
        let schema = TableSchema::read(schema)?;
        let clustering = match protocol.has("clustering") {
            true => kernel.get_physical_clustering_columns(&*log.engine),
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
            files: files(log, kernel)?,
            clustering: clustering.collect(),
            metadata,
        })
    }

    /// A table property.
    pub fn setting(&self, key: &str) -> Option<&str> {
        self.metadata.get("configuration")?.get(key)?.as_str()
    }

    /// Commits between two checkpoints.
    pub fn checkpoint_interval(&self) -> u64 {
        let interval = self.setting("delta.checkpointInterval");
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
        metadata.insert("schemaString".to_owned(), schema.text().into());
        json!({"metaData": metadata})
    }
}

fn files(log: &Log, kernel: &SnapshotRef) -> Result<Vec<DataFile>> {
    let listing = "its list of files cannot be read";
    let scan = kernel.clone().scan_builder().build().context(listing)?;
    let mut files: Vec<ScanFile> = Vec::new();
    for part in scan.scan_metadata(&*log.engine).context(listing)? {
        let keep = |files: &mut Vec<ScanFile>, file| files.push(file);
        files = part
            .and_then(|part| part.visit_scan_files(mem::take(&mut files), keep))
            .context(listing)?;
    }
    files.into_iter().map(|file| data_file(&log.folder, file)).collect()
}

fn data_file(folder: &Folder, file: ScanFile) -> Result<DataFile> {
    let name = name_below(folder, &file.path)?;
    Ok(DataFile {
        name,
        path: file.path,
        size: u64::try_from(file.size).unwrap_or(0),
        rows: file.stats.map(|stats| stats.num_records),
        partition: file.partition_values,
        deleted: file.dv_info,
    })
}

/// The name of a data file from its path in the log: a URL, relative to the table or whole.
pub(super) fn name_below(folder: &Folder, path: &str) -> Result<String> {
    let elsewhere = || {
        Error::failed(format!("its data file '{path}' lies outside the table's folder '{folder}'"))
    };
    let relative = match Url::parse(path) {
        Ok(_) => path.strip_prefix(folder.url().as_str()).ok_or_else(elsewhere)?,
        Err(_) if path.starts_with('/') => {
            let root = folder.local().and_then(std::path::Path::to_str).ok_or_else(elsewhere)?;
            let below = path.strip_prefix(root).and_then(|rest| rest.strip_prefix('/'));
            below.ok_or_else(elsewhere)?
        }
        Err(_) => path,
    };
    // This refuses `..` too.
    let name = Path::from_url_path(relative);
    Ok(name.with_context(|| format!("its data file '{path}' is no path"))?.into())
}

/// The actions that begin a table: as few demands on readers and writers as Delta knows.
pub(super) fn creation(folder: &Folder, schema: &TableSchema) -> [Value; 2] {
    let path = folder.path("");
    let protocol = json!({"protocol": {"minReaderVersion": 1, "minWriterVersion": 2}});
    let metadata = json!({"metaData": {
        "id": Uuid::new_v4().to_string(),
        "name": path.filename(),
        "format": {"provider": "parquet", "options": {}},
        "schemaString": schema.text(),
        "partitionColumns": [],
        "configuration": {},
        "createdTime": now(),
    }});
    [protocol, metadata]
}

/// The action that says what a commit did.
pub(super) fn commit_info(operation: &str, read_version: Option<u64>, metrics: Value) -> Value {
    let mut info = json!({
        "timestamp": now(),
        "operation": operation,
        "operationParameters": {},
        "isolationLevel": "Serializable",
        "isBlindAppend": false,
        "txnId": Uuid::new_v4().to_string(),
        "engineInfo": concat!("cumulus-etl/", env!("CARGO_PKG_VERSION")),
        "operationMetrics": metrics,
    });
    if let Some(version) = read_version {
        info["readVersion"] = version.into();
    }
    json!({"commitInfo": info})
}

/// The action that takes a file out of the table.
pub(super) fn remove(file: &DataFile, data_change: bool) -> Value {
    json!({"remove": {
        "path": file.path,
        "deletionTimestamp": now(),
        "dataChange": data_change,
        "extendedFileMetadata": true,
        "partitionValues": {},
        "size": file.size,
    }})
}

/// Milliseconds since 1970.
pub(super) fn now() -> i64 {
    Utc::now().timestamp_millis()
}

/// Removes what writers that died left half written beside a table's data: files of ours, and
/// checkpoints that the library wrote.
pub fn remove_unfinished(table: &Folder) {
    table.remove_unfinished_of_before(&super::write::is_data_file);
    table.child(super::manifest::FOLDER).remove_unfinished();
    let log = table.child(LOG_FOLDER);
    log.remove_unfinished();
    log.remove_unfinished_of_before(&|name| {
        let version = name.strip_suffix(".json").unwrap_or_default();
        version.len() == 20 && version.bytes().all(|byte| byte.is_ascii_digit())
    });
    log.remove_abandoned(&is_checkpoint_under_way);
}

/// Whether the library, or the store that it writes with, gives such a name to a checkpoint, or to
/// the note of which is the newest, before it is whole: `…#1`.
fn is_checkpoint_under_way(name: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    name.rsplit_once('#').is_some_and(|(name, number)| {
        let version = name.split_once(".checkpoint.").map(|(version, _)| version);
        let is_checkpoint = version.is_some_and(|version| version.len() == 20 && digits(version));
        digits(number)
            && (name == "_last_checkpoint" || is_checkpoint && name.ends_with(".parquet"))
    })
}
