//! The tables of a study from an archive of its export.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use zip::ZipArchive;

use crate::error::{Context, Error, Exit, Result};
use crate::store::WorkFolder;
use crate::study::StudyName;
use crate::study::engine::{Engine, Start, TableInfo};

/// What tables in archives are tagged as.
const TAGS: [&str; 5] = ["cube", "annotated_cube", "flat", "meta", "archive"];
/// Bounds of what an archive may become.
const MEMBERS: usize = 10_000;
const MEMBER_BYTES: u64 = 64 << 30;
const RATIO: u64 = 1000;
const SMALL: u64 = 16 << 20;

/// A table in an archive.
#[derive(Debug, PartialEq, Eq)]
struct Member {
    index: usize,
    table: String,
}

/// Makes the tables of a study again, in place of those that it has. Gives its prefix and tables.
///
/// # Errors
/// An archive with members of several studies, with names that lead elsewhere, or that is much larger
/// than it seems. Nothing is changed then.
pub fn import(
    engine: &dyn Engine,
    path: &Path,
    work: &WorkFolder,
) -> Result<(String, Vec<TableInfo>)> {
    let refuse = |why: String| {
        Error::new(Exit::StudyInvalid, format!("'{}' is not imported: {why}", path.display()))
    };
    let file = File::open(path).with_context(|| format!("cannot read '{}'", path.display()))?;
    let mut zip = ZipArchive::new(file).map_err(|_| refuse("it is no zip".to_owned()))?;
    let (study, members) = members(&mut zip).map_err(refuse)?;
    // All of it is unpacked and read once before anything is changed.
    let mut unpacked = Vec::new();
    for member in members {
        let out = work.path().join(format!("{}.parquet", member.table));
        unpack(&mut zip, member.index, &out).map_err(refuse)?;
        let opened = File::open(&out).context("cannot read what was unpacked")?;
        let reader = ParquetRecordBatchReaderBuilder::try_new(opened);
        let reader = reader.map_err(|_| refuse(format!("{} is no Parquet file", member.table)))?;
        unpacked.push((member.table, reader));
    }
    let build = engine.begin(&StudyName::parse(&study)?, Start::Empty)?;
    let mut tables = Vec::new();
    for (table, reader) in unpacked {
        let schema = reader.schema().clone();
        let batches = reader.build().context("cannot read what was unpacked")?;
        let context = format!("cannot read {table}");
        let batches = batches.map(move |batch| batch.context(context.clone()));
        tables.push(build.load(&table, schema, Box::new(batches))?);
    }
    build.commit()?;
    Ok((study, tables))
}

fn members(zip: &mut ZipArchive<File>) -> Result<(String, Vec<Member>), String> {
    if zip.len() > MEMBERS {
        return Err(format!("it has more than {MEMBERS} members"));
    }
    let mut study: Option<String> = None;
    let mut members: Vec<Member> = Vec::new();
    for index in 0..zip.len() {
        let member = zip.by_index_raw(index).map_err(|_| "it is damaged".to_owned())?;
        let name = member.name().to_owned();
        let plain = name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '-'));
        if !plain || name.contains("..") || !member.is_file() {
            return Err("a member's name is no plain file name".to_owned());
        }
        if name == "manifest.toml" || name.ends_with(".csv") {
            continue;
        }
        let known = name.strip_suffix(".parquet").and_then(|name| name.rsplit_once('.'));
        let Some((table, _)) = known.filter(|(_, tag)| TAGS.contains(tag)) else {
            return Err(format!("{name} is none of <study>__<table>.<kind>.parquet"));
        };
        let Some((prefix, _)) = table.split_once("__") else {
            return Err(format!("{name} belongs to no study"));
        };
        let prefix = prefix.to_lowercase();
        match &study {
            None => study = Some(prefix),
            Some(known) if *known == prefix => {}
            Some(known) => return Err(format!("it has tables of {known} and of {prefix}")),
        }
        if members.iter().any(|known| known.table.eq_ignore_ascii_case(table)) {
            return Err(format!("it has {table} twice"));
        }
        members.push(Member { index, table: table.to_owned() });
    }
    match study {
        Some(study) => Ok((study, members)),
        None => Err("it has no tables".to_owned()),
    }
}

/// Unpacks a member, no further than what it says that it is, and than what is sensible.
fn unpack(zip: &mut ZipArchive<File>, index: usize, out: &Path) -> Result<(), String> {
    let damaged = |_| "it is damaged".to_owned();
    let mut member = zip.by_index(index).map_err(|_| "it is damaged".to_owned())?;
    let (size, packed) = (member.size(), member.compressed_size());
    if size > MEMBER_BYTES || size > SMALL.max(packed.saturating_mul(RATIO)) {
        return Err(format!("{} would become {size} bytes, which is too much", member.name()));
    }
    let mut file = File::create(out).map_err(damaged)?;
    let written = io::copy(&mut (&mut member).take(size + 1), &mut file)
        .map_err(|_| "a member can't be unpacked".to_owned())?;
    match written == size {
        true => Ok(()),
        false => Err("a member is not as large as it says".to_owned()),
    }
}
