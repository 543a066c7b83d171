//! `upload.json` beside an export: what was sent, when, and where.

use chrono::{SecondsFormat, Utc};
use serde_json::{Map, Value, json};
use tracing::warn;

use super::{Aggregator, Delivered, Package};
use crate::error::Result;
use crate::http::show_url;
use crate::store::Folder;

/// The receipt's name in the study's folder.
pub(super) const FILE_NAME: &str = "upload.json";

/// Writes the receipt of an upload; those of former ones follow in `earlier`, the newest first.
pub(super) fn write(
    data: &Folder,
    aggregator: &Aggregator,
    package: &Package,
    delivered: &Delivered,
) -> Result<()> {
    let folder = data.child(&package.study);
    let earlier = read_receipts(&folder)?;
    let members: Vec<_> = package.members.iter().map(|member| member.name.as_str()).collect();
    let mut receipt = json!({
        "time": Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true),
        "study": package.study,
        "url": show_url(aggregator.url()),
        "user": aggregator.user(),
        "transaction_id": delivered.transaction,
        "filename": aggregator.file_name(package),
        "object": delivered.object,
        "etag": delivered.e_tag,
        "bytes": package.size(),
        "sha256": package.sha256(),
        "data_package_version": package.version,
        "members": members,
        "program": concat!("cumulus-etl ", env!("CARGO_PKG_VERSION")),
    });
    if !earlier.is_empty() {
        receipt["earlier"] = Value::Array(earlier);
    }
    folder.write(FILE_NAME, format!("{receipt:#}\n"))
}

fn read_receipts(folder: &Folder) -> Result<Vec<Value>> {
    let Some(bytes) = folder.read(FILE_NAME)? else { return Ok(Vec::new()) };
    let Ok(mut last) = serde_json::from_slice::<Map<String, Value>>(&bytes) else {
        warn!("'{}' is no receipt; it is replaced", folder.show(FILE_NAME));
        return Ok(Vec::new());
    };
    let older = last.remove("earlier");
    let mut all = vec![Value::Object(last)];
    if let Some(Value::Array(older)) = older {
        all.extend(older);
    }
    Ok(all)
}
