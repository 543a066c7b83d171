//! Entrances for fuzzing: readers of servers' texts, which no other code calls by themselves.

use std::path::Path;

use serde_json::Value;
use url::Url;

use super::manifest::{Page, list_entries};
use super::outcomes::ServerMessages;
use crate::error::Result;

/// The files that the pages of a manifest list, as paths below the export's folder with their URLs;
/// `None` where a page is none. The pages come from `url`.
pub fn list_files(pages: &[&[u8]], url: &Url) -> Option<Vec<(String, Url)>> {
    let read = |page: &&[u8]| {
        let value: Value = serde_json::from_slice(page).ok()?;
        Page::read_page(&value, url).ok()
    };
    let pages: Vec<Page> = pages.iter().map(read).collect::<Option<_>>()?;
    Some(list_entries(&pages).into_iter().map(|entry| (entry.name, entry.url)).collect())
}

/// Reports of the files below `folder/error/`: how many failures and warnings, and the lines that a
/// user sees.
///
/// # Errors
/// A file that cannot be read.
pub fn read_outcomes(folder: &Path) -> Result<(u64, u64, Vec<String>)> {
    let reported = ServerMessages::read_folder(folder)?;
    Ok((reported.failures, reported.warnings, reported.message_lines()))
}
