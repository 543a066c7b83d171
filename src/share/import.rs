//! The tables of a study from an archive of its export.

use std::collections::HashSet;
use std::fs::File;
use std::path::Path;

use zip::ZipArchive;

use super::manifest::{self, IDENTIFIED};
use super::unpack::Unpacking;
use crate::error::{Context, Error, Result, StudyFault};
use crate::parquet_bounds::{self, BoundedFile};
use crate::store::{WorkFolder, open_file};
use crate::study::StudyName;
use crate::study::engine::{Engine, Start, TableInfo};
use crate::study::manifest::prefix_fault;

/// The tags of tables in archives.
const TAGS: [&str; 5] = ["cube", "annotated_cube", "flat", "meta", "archive"];
/// The most members that an archive may have.
const MEMBERS: usize = 10_000;

/// A table in an archive.
#[derive(Debug, PartialEq, Eq)]
struct ArchiveMember {
    index: usize,
    table: String,
}

/// Makes the tables of a study again, in place of those that it has. Gives its prefix and tables.
///
/// # Errors
/// An archive with members of several studies, with names that lead elsewhere, or that is much larger
/// than it seems. Nothing is changed then.
pub fn import_archive(
    engine: &dyn Engine,
    path: &Path,
    work: &WorkFolder,
) -> Result<(String, Vec<TableInfo>)> {
    let refuse = |why: String| {
        Error::new(StudyFault::Share, format!("'{}' is not imported: {why}", path.display()))
    };
    let file = open_file(path).with_context(|| format!("cannot read '{}'", path.display()))?;
    let mut zip = ZipArchive::new(file).map_err(|_| refuse("it is no zip".to_owned()))?;
    let (study, members) = list_members(&mut zip).map_err(refuse)?;
    let manifest = zip.by_name(manifest::FILE_NAME).ok().map(manifest::read_notes).transpose();
    let notes = manifest.map_err(|error| refuse(error.explain_causes()))?.unwrap_or_default();
    let mut identified = notes.identified;
    // All of it is unpacked and looked at before anything is changed. Files are open one at a time:
    // there may be more than a process may have.
    let place = |table: &str| work.path().join(format!("import-{}.parquet", table.to_lowercase()));
    let mut unpacking = Unpacking::default();
    for member in &members {
        let path = place(&member.table);
        let mut file =
            File::create(&path).with_context(|| format!("cannot write '{}'", path.display()))?;
        unpacking.unpack_member(&mut zip, member.index, &mut file).map_err(refuse)?;
        let opened =
            open_parquet(&path).map_err(|error| refuse(format!("{}: {error:#}", member.table)))?;
        // A database marks studies, not tables: one marked member is enough.
        identified |= opened.notes().any(|note| note.key == IDENTIFIED);
    }
    if identified {
        // Before the build begins, which on Athena drops the tables that are there.
        engine.keeps_marks().map_err(|error| refuse(error.explain_causes()))?;
    }
    let build = engine.begin_build(&StudyName::parse(&study)?, Start::Empty)?;
    if identified {
        // Before the first table, as each is entered with the mark that the build has by then.
        build.mark_raw();
    }
    let mut tables = Vec::new();
    for ArchiveMember { table, .. } in members {
        let path = place(&table);
        let context = format!("cannot read {table}");
        let reader = open_parquet(&path).with_context(|| context.clone())?;
        let schema = reader.schema().clone();
        let batches = reader.read_rows().with_context(|| context.clone())?;
        let batches = batches.map(move |batch| batch.context(context.clone()));
        tables.push(build.import_rows(&table, schema, Box::new(batches))?);
        // Not at the end: the work folder need not hold the whole archive beside the new tables.
        std::fs::remove_file(&path)
            .with_context(|| format!("cannot remove '{}'", path.display()))?;
    }
    build.commit_tables()?;
    Ok((study, tables))
}

fn open_parquet(path: &Path) -> Result<BoundedFile> {
    let file = open_file(path).with_context(|| format!("cannot read '{}'", path.display()))?;
    parquet_bounds::open_bounded(file)
}

fn list_members(zip: &mut ZipArchive<File>) -> Result<(String, Vec<ArchiveMember>), String> {
    if zip.len() > MEMBERS {
        return Err(format!("it has more than {MEMBERS} members"));
    }
    let mut study: Option<String> = None;
    let mut members: Vec<ArchiveMember> = Vec::new();
    let mut tables = HashSet::new();
    for index in 0..zip.len() {
        let member = zip.by_index_raw(index).map_err(|_| "it is damaged".to_owned())?;
        let name = member.name().to_owned();
        // A member's table becomes a part of a path in the work folder.
        let plain = name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '-'));
        if !plain || name.contains("..") || !member.is_file() {
            return Err("a member's name is no plain file name".to_owned());
        }
        // `study export --archive` puts each table in as CSV, too. Types are in the Parquet files
        // only.
        if name == manifest::FILE_NAME || name.ends_with(".csv") {
            continue;
        }
        let known = name.strip_suffix(".parquet").and_then(|name| name.rsplit_once('.'));
        let Some((table, _)) = known.filter(|(_, tag)| TAGS.contains(tag)) else {
            return Err(format!("{name} is none of <study>__<table>.<kind>.parquet"));
        };
        let Some((prefix, rest)) = table.split_once("__") else {
            return Err(format!("{name} belongs to no study"));
        };
        if let Some(fault) = prefix_fault(prefix) {
            return Err(format!("{name} belongs to no study: {fault}"));
        }
        if rest.is_empty() || !rest.chars().all(|c| c.is_alphanumeric() || c == '_') {
            return Err(format!("{name} is no table: its name has letters, digits and '_'"));
        }
        let prefix = prefix.to_lowercase();
        match &study {
            None => study = Some(prefix),
            Some(known) if *known == prefix => {}
            Some(known) => return Err(format!("it has tables of {known} and of {prefix}")),
        }
        // As databases compare names, and file systems may.
        if !tables.insert(table.to_lowercase()) {
            return Err(format!("it has {table} twice"));
        }
        members.push(ArchiveMember { index, table: table.to_owned() });
    }
    match study {
        Some(study) => Ok((study, members)),
        None => Err("it has no tables".to_owned()),
    }
}
