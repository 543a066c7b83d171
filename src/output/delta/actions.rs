//! The actions that a commit is made of.

use chrono::Utc;
use serde_json::{Value, json};
use uuid::Uuid;

use super::schema::TableSchema;
use super::snapshot::DataFile;
use crate::store::Folder;

/// The actions that begin a table: as few demands on readers and writers as Delta knows.
pub(super) fn create_actions(folder: &Folder, schema: &TableSchema) -> [Value; 2] {
    let path = folder.path("");
    // Engines of any age open such a table (the test `the_first_version_asks_little_of_readers`).
    // Features are added by the engines that need them.
    let protocol = json!({"protocol": {"minReaderVersion": 1, "minWriterVersion": 2}});
    let metadata = json!({"metaData": {
        "id": Uuid::new_v4().to_string(),
        "name": path.filename(),
        "format": {"provider": "parquet", "options": {}},
        "schemaString": schema.json_text(),
        "partitionColumns": [],
        "configuration": {},
        "createdTime": now_millis(),
    }});
    [protocol, metadata]
}

/// The action that says what a commit did.
pub(super) fn commit_info_action(
    operation: &str,
    read_version: Option<u64>,
    metrics: Value,
) -> Value {
    let mut info = json!({
        "timestamp": now_millis(),
        "operation": operation,
        "operationParameters": {},
        "isolationLevel": "Serializable",
        // Delta's conflict rules let blind appends pass each other. A
        // merge has read the table, so it must not be taken for one.
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
pub(super) fn remove_action(file: &DataFile, data_change: bool) -> Value {
    json!({"remove": {
        "path": file.path,
        "deletionTimestamp": now_millis(),
        "dataChange": data_change,
        // Delta's protocol: it says that `partitionValues` and `size` are there.
        "extendedFileMetadata": true,
        "partitionValues": {},
        "size": file.size,
    }})
}

/// Milliseconds since 1970.
pub(super) fn now_millis() -> i64 {
    Utc::now().timestamp_millis()
}
