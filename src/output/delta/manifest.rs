//! The symlink manifest: a list of a table's files for engines that don't read Delta's log, as
//! Athena's Hive tables don't.

use std::fmt::Write;

use super::log::Log;
use super::snapshot::Snapshot;
use super::{MANIFEST, MANIFEST_FOLDER};
use crate::error::Result;
use crate::store::Folder;

const TRIES: usize = 3;

/// Brings `_symlink_format_manifest/manifest` up to the newest version.
pub(super) fn refresh_manifest(log: &Log) -> Result<Option<Snapshot>> {
    // The commit of this run is in the listing that is kept: no request is needed to know the files.
    let mut table = log.cached_snapshot()?;
    for _ in 0..TRIES {
        let Some(now) = &table else { break };
        log.folder.child(MANIFEST_FOLDER).write(MANIFEST, manifest_text(&log.folder, now))?;
        // Another writer may have committed, and written its manifest, before ours was.
        if log.latest_version()?.is_none_or(|newest| newest == now.version) {
            break;
        }
        table = log.cached_snapshot()?;
    }
    Ok(table)
}

fn manifest_text(folder: &Folder, table: &Snapshot) -> String {
    let mut text = String::new();
    for file in &table.files {
        // Hive takes these as they are: a space is a space, not `%20`.
        let _ = match folder.local() {
            Some(path) => writeln!(text, "{}", path.join(&file.name).display()),
            None => {
                let (url, path) = (folder.url(), folder.path(&file.name));
                writeln!(text, "{}://{}/{path}", url.scheme(), url.authority())
            }
        };
    }
    text
}
