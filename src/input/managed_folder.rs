//! Managed folders: the exports of one server side by side, as SMART Fetch keeps them.
//!
//! Such a folder has a file `.metadata` of kind `managed`, a folder for each export (`001.2025-03-01`), and links
//! to the files that still count. It is no export itself: its links and its exports are the same rows, and the
//! deletes of an export are older than the rows of the next one.

use crate::bounded::json::parse_json;
use crate::bounded::read_all;
use crate::error::{Error, Result, SettingsFault};
use crate::store::Folder;
use crate::text::escape_controls;

const METADATA: &str = ".metadata";
/// Bytes of `.metadata`, and of what it is parsed to. SMART Fetch writes less than a kilobyte for this kind.
const LARGEST_METADATA: u64 = 1 << 20;
/// Exports that the message names.
const MOST_NAMED: usize = 20;

/// Refuses a managed folder as input, and names the exports that are in it, in their order.
///
/// # Errors
/// [`SettingsFault::InvalidValue`] for a managed folder; a folder that cannot be listed.
pub fn refuse_managed_folder(folder: &Folder) -> Result<()> {
    let (folders, files) = folder.list_direct()?;
    if !files.iter().any(|name| name == METADATA) || !has_kind_managed(folder)? {
        return Ok(());
    }
    let exports = sort_exports(folders);
    let mut message =
        format!("The input folder '{folder}' is a managed folder of several exports. ");
    message += &match exports.as_slice() {
        [] => "There is no export in it: name a folder that holds one".to_owned(),
        [only] => format!("Name the export in it: {}", escape_controls(&folder.show(only))),
        [.., newest] => {
            let named = exports.iter().take(MOST_NAMED).map(|name| escape_controls(name));
            let mut named = named.collect::<Vec<_>>().join(", ");
            if exports.len() > MOST_NAMED {
                named += &format!(", …, {}", escape_controls(newest));
            }
            format!("Run the job for each export in it, in this order: {named}")
        }
    };
    Err(Error::new(SettingsFault::InvalidValue, message))
}

/// Whether `.metadata` is of a managed folder. Other programs have files of this name, with whatever in them.
fn has_kind_managed(folder: &Folder) -> Result<bool> {
    let Some(reader) = folder.open_reader(METADATA)? else { return Ok(false) };
    let Ok(text) = read_all(reader, LARGEST_METADATA, METADATA) else { return Ok(false) };
    let parsed = parse_json(&text, 16 * LARGEST_METADATA as usize);
    Ok(parsed.is_ok_and(|metadata| metadata["kind"] == "managed"))
}

/// The folders of exports (`<number>.<name>`), by their numbers.
fn sort_exports(folders: Vec<String>) -> Vec<String> {
    let number = |name: &str| name.split_once('.')?.0.parse::<u64>().ok();
    let numbered = folders.into_iter().filter_map(|name| Some((number(&name)?, name)));
    let mut numbered: Vec<(u64, String)> = numbered.collect();
    numbered.sort();
    numbered.into_iter().map(|(_, name)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message_of(files: &[(&str, &str)]) -> Option<String> {
        let folder = Folder::open("memory:///").unwrap();
        for (name, text) in files {
            folder.write(name, text.to_string()).unwrap();
        }
        refuse_managed_folder(&folder).err().map(|error| {
            assert_eq!(error.kind(), SettingsFault::InvalidValue.into());
            error.to_string()
        })
    }

    #[test]
    fn the_exports_of_a_managed_folder_are_named_by_their_numbers() {
        let managed = (".metadata", r#"{"kind": "managed", "group": null}"#);
        let row = "{}";
        let message =
            message_of(&[managed, ("10.c/a.ndjson", row), ("9.b/a.ndjson", row), ("010", row)]);
        assert!(message.unwrap().ends_with("in this order: 9.b, 10.c"));
        let message = message_of(&[managed, ("001.a/a.ndjson", row), ("other/a.ndjson", row)]);
        assert!(message.unwrap().ends_with("/001.a"));
        assert!(message_of(&[managed]).unwrap().contains("no export"));
        let many: Vec<String> = (1..40).map(|number| format!("{number:03}.x/a.ndjson")).collect();
        let many = many.iter().map(|name| (name.as_str(), row));
        let message = message_of(&[managed].into_iter().chain(many).collect::<Vec<_>>()).unwrap();
        assert!(message.ends_with("019.x, 020.x, …, 039.x"), "{message}");
    }

    #[test]
    fn other_files_of_the_name_are_no_concern() {
        for text in
            ["", "x", "[]", "null", r#"{"kind":"output"}"#, r#"{"kind":["managed"]}"#, "\u{feff}{}"]
        {
            assert_eq!(message_of(&[(".metadata", text)]), None, "{text}");
        }
        let long = format!("{{\"kind\":\"managed\",\"x\":\"{}\"}}", "x".repeat(2 << 20));
        assert_eq!(message_of(&[(".metadata", &long)]), None);
        assert_eq!(message_of(&[("sub/.metadata", r#"{"kind":"managed"}"#)]), None);
    }
}
