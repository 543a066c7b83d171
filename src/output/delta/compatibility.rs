//! Which tables may be read and written.
//!
//! A table may ask of its writers more than to write rows: to keep row IDs, to check constraints,
//! to log changes. A table that asks for more is refused before it writes anything.

use arrow::datatypes::{DataType, Fields};

use super::snapshot::{DataFile, Snapshot};
use crate::error::{Error, Result};
use crate::store::Folder;

/// Refuses a table that asks of its writers what this program does not do; `removes` tells
/// whether rows or files are to be taken out of it.
pub(super) fn check_writable(folder: &Folder, table: &Snapshot, removes: bool) -> Result<()> {
    let mut obstacles: Vec<&str> =
        LEGACY.iter().filter(|(_, active)| active(table)).map(|(feature, _)| *feature).collect();
    // Delta's writer versions 2 to 6 imply features, which `LEGACY`
    // looks for. From 7 on the protocol names them one by one.
    match table.protocol.writer_version {
        0..=6 => {}
        7 => obstacles.extend(
            table.protocol.features.iter().map(String::as_str).filter(|name| !is_supported(name)),
        ),
        _ => obstacles.push("a newer writer version"),
    }
    if !table.partition_columns().is_empty() {
        obstacles.push("partition columns");
    }
    if !clustering_has_stats(table) {
        obstacles.push("clustering by a column without statistics");
    }
    if !obstacles.is_empty() {
        obstacles.dedup();
        // Advice must not lead to the next refusal.
        let advice = match check_readable(folder, table) {
            Ok(()) => "Copy it with `cumulus-etl convert` and carry on with the copy",
            Err(_) => WITHOUT_MAPPING,
        };
        return Err(Error::failed(format!(
            "the Delta table '{folder}' uses what this program does not write: {}. Nothing was \
             changed. {advice}",
            obstacles.join(", ")
        )));
    }
    // Apart from the other obstacles: an append-only table takes new rows,
    // and only the comparison of keys shows whether a run brings others.
    if removes && table.table_setting("delta.appendOnly") == Some("true") {
        return Err(Error::failed(format!(
            "the Delta table '{folder}' is append-only (delta.appendOnly), so rows cannot be \
             updated or deleted. Nothing was changed"
        )));
    }
    Ok(())
}

/// The treatment of a table that maps its columns.
const WITHOUT_MAPPING: &str = "Copy its rows, with the engine that made it, into a new table without \
                               column mapping (delta.columnMapping.mode), or give another OUTPUT, \
                               and run all exports into that";

/// Whether a table asks for a feature.
type FeatureCheck = fn(&Snapshot) -> bool;

/// Features that any writer version may imply or name, and whether a table makes use of them.
/// One that is only named asks nothing of us.
const LEGACY: [(&str, FeatureCheck); 10] = [
    ("invariants", |table| table.schema.has_metadata("delta.invariants")),
    ("NOT NULL columns", |table| table.schema.has_not_null()),
    ("checkConstraints", |table| table.has_setting_below("delta.constraints.")),
    ("changeDataFeed", |table| table.table_setting("delta.enableChangeDataFeed") == Some("true")),
    ("generatedColumns", |table| table.schema.has_metadata("delta.generationExpression")),
    ("identityColumns", |table| table.schema.has_metadata("delta.identity.start")),
    ("allowColumnDefaults", |table| table.schema.has_metadata("CURRENT_DEFAULT")),
    ("columnMapping", |table| {
        table.table_setting("delta.columnMapping.mode").is_some_and(|mode| mode != "none")
    }),
    ("deletionVectors", |table| {
        table.table_setting("delta.enableDeletionVectors") == Some("true")
            // The setting may have been turned off since: files
            // keep their vectors until they are rewritten.
            || table.files.iter().any(|file| file.has_deleted_rows())
    }),
    ("inCommitTimestamp", |table| {
        table.table_setting("delta.enableInCommitTimestamps") == Some("true")
    }),
];

/// Features of writer version 7 that a table may name: those above, which count only when made
/// use of, and those that are honoured here.
fn is_supported(feature: &str) -> bool {
    // A clustered table wants statistics of its clustering columns on every file, and its
    // domain metadata left alone; it does not want every writer to cluster.
    matches!(
        feature,
        "appendOnly"
            | "clustering"
            | "domainMetadata"
            | "timestampNtz"
            | "v2Checkpoint"
            | "vacuumProtocolCheck"
    ) || LEGACY.iter().any(|(name, _)| *name == feature)
}

/// Files are written with statistics of scalar columns, and of those right inside a struct.
fn clustering_has_stats(table: &Snapshot) -> bool {
    let inside = |fields: &Fields, name: &str| fields.find(name).map(|(_, field)| field.clone());
    let columns = table.schema.arrow_schema().fields();
    table.clustering.iter().all(|path| {
        let column = match path.as_slice() {
            [name] => inside(columns, name),
            [parent, name] => match inside(columns, parent).as_ref().map(|f| f.data_type()) {
                Some(DataType::Struct(members)) => inside(members, name),
                _ => None,
            },
            _ => None,
        };
        // Only of these types does `parquet_file` give bounds, as Delta's JSON shows them.
        column.is_some_and(|column| {
            use DataType::{Boolean, Float64, Int32, Int64, Utf8};
            matches!(column.data_type(), Utf8 | Boolean | Int32 | Int64 | Float64)
        })
    })
}

/// Refuses a table whose files cannot be read as they are.
pub(super) fn check_readable(folder: &Folder, table: &Snapshot) -> Result<()> {
    match table.table_setting("delta.columnMapping.mode") {
        None | Some("none") => Ok(()),
        Some(_) => Err(Error::failed(format!(
            "the Delta table '{folder}' maps its columns to other names (columnMapping), which \
             this program does not read. {WITHOUT_MAPPING}"
        ))),
    }
}

/// Refuses a table whose rows are more or less than those of its files.
pub(super) fn check_no_row_level_features(folder: &Folder, table: &Snapshot) -> Result<()> {
    let obstacle = if table.files.iter().any(DataFile::has_deleted_rows) {
        "marks rows as deleted (deletion vectors)"
    } else if !table.partition_columns().is_empty() {
        "has partition columns"
    } else {
        return Ok(());
    };
    Err(Error::failed(format!(
        "the Delta table '{folder}' {obstacle}, which studies do not read. Copy it with \
         `cumulus-etl convert` and use the copy"
    )))
}
