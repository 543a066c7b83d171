//! Where an output folder has its tables, and which format made what is there.
//!
//! One format has its tables right in OUTPUT, several have a folder each. A table's folder belongs to
//! one format; other files in it are nobody's business here and stay.

use tracing::warn;

use super::completion;
use super::format::OutputFormat;
use super::parallel;
use crate::error::{Error, FolderFault, Result};
use crate::fhir::TABLE_TYPES;
use crate::store::Folder;

/// Tables that are looked at at the same time, as each takes a request in a bucket.
const LOOKS: usize = 8;

/// Where a format's tables go: one format writes right below `output`, several in a folder each.
pub fn format_root(output: &Folder, format: OutputFormat, formats: &[OutputFormat]) -> Folder {
    match formats.len() {
        1 => output.clone(),
        _ => output.child(format.name()),
    }
}

/// Whether this is the name of a table that this program makes.
pub fn is_table(name: &str) -> bool {
    [completion::TABLE, completion::ENCOUNTERS].contains(&name)
        || TABLE_TYPES.iter().any(|kind| kind.to_lowercase() == name)
}

/// The formats whose tables are in a table's folder: none, one, or, where somebody has mixed them,
/// several.
fn formats_in(folder: &Folder, table: &str) -> Result<Vec<OutputFormat>> {
    let (folders, files) = folder.list_direct()?;
    let knows = |format: &OutputFormat| format.table_format().knows_table(table, &folders, &files);
    Ok(OutputFormat::ALL.iter().copied().filter(knows).collect())
}

/// A table, and the format that made it.
struct FoundTable {
    table: String,
    format: OutputFormat,
}

/// Of the `folders` right below `root`, those that hold a table in a format which `is_odd`.
fn odd_tables(
    root: &Folder,
    folders: &[String],
    is_odd: &(dyn Fn(OutputFormat) -> bool + Sync),
) -> Result<Vec<FoundTable>> {
    let names: Vec<_> = folders.iter().filter(|name| is_table(name)).collect();
    // A disk answers sooner than a thread starts.
    let threads = if root.local().is_some() { 1 } else { LOOKS };
    let found = parallel::run(threads, names.len(), |index| {
        let table = names[index];
        let formats = formats_in(&root.child(table), table)?;
        let format = formats.into_iter().find(|format| is_odd(*format));
        Ok(format.map(|format| FoundTable { table: table.clone(), format }))
    })?;
    Ok(found.into_iter().flatten().collect())
}

/// The name of a folder that holds a table, below `folder`; as `csv/patient`, where formats have
/// folders of their own.
pub fn any_table(folder: &Folder, folders: &[String]) -> Result<Option<String>> {
    if let Some(found) = odd_tables(folder, folders, &|_| true)?.pop() {
        return Ok(Some(found.table));
    }
    Ok(table_of_several(folder, folders)?
        .map(|(format, found)| format!("{format}/{}", found.table)))
}

/// A table in the folder of a format, below `folder`, and the name of that folder.
fn table_of_several(
    folder: &Folder,
    folders: &[String],
) -> Result<Option<(&'static str, FoundTable)>> {
    for format in OutputFormat::ALL.iter().map(|format| format.name()) {
        if folders.iter().any(|name| name == format) {
            let root = folder.child(format);
            if let Some(found) = odd_tables(&root, &root.list_direct()?.0, &|_| true)?.pop() {
                return Ok(Some((format, found)));
            }
        }
    }
    Ok(None)
}

/// Refuses to write `tables` in these formats into an output folder that has them in another format.
///
/// # Errors
/// [`FolderFault::Claimed`], with nothing changed.
pub fn refuse_others(output: &Folder, formats: &[OutputFormat], tables: &[&str]) -> Result<()> {
    if !output.exists() {
        return Ok(());
    }
    let (folders, _) = output.list_direct()?;
    for format in formats {
        let root = format_root(output, *format, formats);
        let mut there = match formats.len() {
            1 => folders.clone(),
            _ if folders.iter().any(|name| name == format.name()) => root.list_direct()?.0,
            _ => Vec::new(),
        };
        there.retain(|name| tables.contains(&name.as_str()));
        if let Some(found) = odd_tables(&root, &there, &|other| other != *format)?.first() {
            return Err(other_format(&root, found, *format));
        }
    }
    Ok(())
}

/// Removes what runs that died left half written in the folders of tables below `root`.
pub fn remove_unfinished(root: &Folder) {
    let Ok((folders, _)) = root.list_direct() else { return };
    for name in folders.iter().filter(|name| is_table(name)) {
        let table = root.child(name);
        table.remove_unfinished();
        table.remove_unfinished_of_before(&|file| {
            OutputFormat::ALL.iter().any(|format| format.table_format().makes_file(name, file))
        });
        for format in OutputFormat::ALL {
            format.table_format().remove_leftovers(&table);
        }
    }
}

/// Says so where the run begins a second set of tables beside the one that is there, since one format
/// has its tables right in OUTPUT, and several have a folder each.
pub fn warn_of_second_set(output: &Folder, formats: &[OutputFormat]) -> Result<()> {
    if let Some(message) = second_set(output, formats)? {
        warn!("{message}");
    }
    Ok(())
}

fn second_set(output: &Folder, formats: &[OutputFormat]) -> Result<Option<String>> {
    if !output.exists() {
        return Ok(None);
    }
    let (folders, _) = output.list_direct()?;
    let advice =
        "Nothing is added to those. To carry on with them, give the same formats as before";
    if let [format] = formats {
        let found = table_of_several(output, &folders)?;
        return Ok(found.map(|(other, found)| {
            format!(
                "OUTPUT '{output}' has tables of several formats, a folder each, like \
                 '{other}/{}'. --output-format {} alone begins another set of tables right in \
                 OUTPUT, if it is not there yet. {advice}",
                found.table,
                format.name()
            )
        }));
    }
    let asked: Vec<_> = formats.iter().map(|format| format.name()).collect();
    let found = odd_tables(output, &folders, &|_| true)?.pop();
    Ok(found.map(|found| {
        format!(
            "OUTPUT '{output}' has the tables of one format ({}) right in it, like '{}'. \
             --output-format {} has a folder for each format and begins another set of tables \
             there, if it is not there yet. {advice}",
            found.format.name(),
            found.table,
            asked.join(",")
        )
    }))
}

fn other_format(root: &Folder, found: &FoundTable, wanted: OutputFormat) -> Error {
    let (there, wanted_name) = (found.format.name(), wanted.name());
    let can_convert = found.format == OutputFormat::NDJSON && wanted == OutputFormat::DELTALAKE;
    let convert = match can_convert {
        true => ", or make Delta tables of these in another folder with `cumulus-etl convert`",
        false => "",
    };
    Error::new(
        FolderFault::Claimed,
        format!(
            "'{}' is a table of the format {there}, and this run would write {wanted_name} there. \
             Nothing was changed: give another OUTPUT, or --output-format {there}{convert}",
            root.child(&found.table)
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const DELTALAKE: OutputFormat = OutputFormat::DELTALAKE;
    const PARQUET: OutputFormat = OutputFormat::PARQUET;
    const CSV: OutputFormat = OutputFormat::CSV;
    const NDJSON: OutputFormat = OutputFormat::NDJSON;

    fn output(files: &[&str]) -> Folder {
        let folder = Folder::open("memory:///").unwrap();
        for name in files {
            folder.write(name, "x").unwrap();
        }
        folder
    }

    fn refused(files: &[&str], formats: &[OutputFormat]) -> bool {
        let tables = ["patient", "etl__completion"];
        match refuse_others(&output(files), formats, &tables) {
            Ok(()) => false,
            Err(error) => {
                assert_eq!(error.kind(), FolderFault::Claimed.into());
                assert!(error.to_string().contains("Nothing was changed"), "{error}");
                true
            }
        }
    }

    #[test]
    fn a_table_of_another_format_is_refused() {
        let delta = "patient/_delta_log/00000000000000000000.json";
        for (file, own) in [
            (delta, DELTALAKE),
            ("patient/patient.000.parquet", PARQUET),
            ("patient/patient.012.csv", CSV),
            ("etl__completion/etl__completion.1234.ndjson", NDJSON),
            ("patient/patient.meta", NDJSON),
        ] {
            for format in OutputFormat::ALL.iter().copied() {
                assert_eq!(refused(&[file], &[format]), format != own, "{file}: {format:?}");
            }
        }
    }

    #[test]
    fn what_is_no_table_is_no_reason() {
        for file in [
            "patient/README.md",
            "patient/archive/patient.000.csv",
            "patient/patient.csv",
            "patient/patient.0000.csv",
            "patient/other.000.csv",
            // Tables that this run does not write.
            "condition/condition.000.csv",
            "notes/patient.000.csv",
            "csv/notes.txt",
        ] {
            assert!(!refused(&[file], &[PARQUET]), "{file}");
        }
    }

    #[test]
    fn a_second_set_of_tables_beside_the_first_is_said() {
        let said = |files: &[&str], formats: &[OutputFormat]| {
            let message = second_set(&output(files), formats).unwrap();
            assert!(!refused(files, formats), "{files:?} {formats:?}");
            message.is_some_and(|message| message.contains("another set of tables"))
        };
        let alone = ["patient/_delta_log/00000000000000000000.json"];
        let several = ["csv/condition/condition.000.csv", "deltalake/patient/_delta_log/0.json"];
        assert!(said(&alone, &[DELTALAKE, CSV]) && !said(&alone, &[DELTALAKE]));
        assert!(said(&several, &[DELTALAKE]) && said(&several, &[NDJSON]));
        assert!(!said(&several, &[DELTALAKE, CSV]) && !said(&several, &[CSV, NDJSON]));
        // Also where this run has none of the tables that are there.
        assert!(said(&["device/device.000.csv"], &[CSV, NDJSON]));
        assert!(!said(&["csv/notes.txt", "README.md"], &[PARQUET]));
        // Somebody has put another format's files into a format's folder.
        assert!(refused(&["csv/patient/patient.000.parquet"], &[CSV, NDJSON]));
    }
}
