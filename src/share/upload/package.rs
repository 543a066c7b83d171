//! A study's export as it is to be sent, and the checks that it may be.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};

use arrow::array::{Array, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type};
use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use sha2::{Digest, Sha256};
use zip::ZipArchive;

use super::layout;
use crate::error::{Context, Error, FolderFault, Result, SettingsFault, UploadFault};
use crate::http;
use crate::parquet_bounds;
use crate::screen::{Allowed, LEAST, Pieces, Screen, holds_id};
use crate::share::manifest::{self, IDENTIFIED};
use crate::share::unpack::Unpacking;
use crate::store::{Folder, WorkFolder, open_file};
use crate::threads::catch_panic;

/// Parts of names that say that a member holds no line-level data.
const SHARED: [&str; 4] = [".cube.", ".annotated_cube.", ".flat.", ".meta."];
/// Those that say that it holds counts.
const COUNTS: [&str; 2] = [".cube.", ".annotated_cube."];
/// The member that describes the others.
const MANIFEST: &str = manifest::FILE_NAME;
/// The one study that has no dates to share.
const WITHOUT_DATES: &str = "discovery";
/// The largest table of metadata that is read, in bytes.
const LARGEST_META: u64 = 16 << 20;
/// The most members that are named in a message.
const NAMED: usize = 10;

/// An export that may be sent.
#[derive(Debug)]
pub struct Package {
    /// The study's prefix.
    pub study: String,
    /// Where the file is, as messages show it.
    pub place: String,
    /// The version that the study gives its data; 0 if it gives none.
    pub version: i64,
    /// The files in it.
    pub members: Vec<Member>,
    /// Members with cells that count fewer than [`LEAST`], and how many such cells.
    pub few: Vec<(String, u64)>,
    file: File,
    size: u64,
    sha256: [u8; 32],
}

/// A file in the export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// Its size in bytes.
    pub size: u64,
}

/// The studies that `data` has exports of: `<study>/<study>.zip`. An error if there are none.
pub(super) fn list_exported(data: &Folder) -> Result<Vec<String>> {
    if !data.exists() {
        let message = format!("there is no folder '{data}'; `study export` writes it");
        return Err(Error::new(FolderFault::Missing, message));
    }
    let mut studies = Vec::new();
    for study in data.list_direct()?.0 {
        let (_, files) = data.child(&study).list_direct()?;
        if files.contains(&format!("{study}.zip")) {
            studies.push(study);
        }
    }
    match studies.is_empty() {
        false => Ok(studies),
        true => {
            let message = format!("there are no exports in '{data}'; run `study export` first");
            Err(Error::new(FolderFault::Missing, message))
        }
    }
}

impl Package {
    /// Opens `<study>/<study>.zip` below `data` and checks it: names, and what is in it. The file is
    /// held open: what is sent is what was checked.
    pub fn open_package(
        data: &Folder,
        study: &str,
        allowed: &Allowed,
        work: &WorkFolder,
    ) -> Result<Self> {
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if study.is_empty() || !study.chars().all(word) {
            let message = format!("'{study}' is no study: names have letters, digits and '_'");
            return Err(Error::new(SettingsFault::InvalidValue, message));
        }
        let folder = data.child(study);
        let name = format!("{study}.zip");
        let place = folder.show(&name);
        let file = hold_file(&folder, &name, work)?.ok_or_else(|| {
            let message = format!(
                "there is no export of '{study}' ('{place}'); run `study export -t {study}` first"
            );
            Error::new(FolderFault::Missing, message)
        })?;
        let refused = |what: String| Error::new(UploadFault::Withheld, format!("'{place}' {what}"));
        let unreadable = |error: io::Error| refused(format!("cannot be read: {error}"));
        let (size, sha256) = hash_file(&file).map_err(unreadable)?;
        // Clones of a file share its position. Each reader below seeks before it reads, and none
        // reads while another does.
        let handle = file.try_clone().map_err(unreadable)?;
        let mut zip = ZipArchive::new(handle)
            .map_err(|error| refused(format!("is no zip file that can be read: {error}")))?;
        let members = list_members(&mut zip).map_err(|what| refused(what.to_owned()))?;
        check_members(study, &members).map_err(&refused)?;
        layout::check_layout(&file, size).map_err(&refused)?;
        // After the layout: only then is a member the same to all readers.
        let few = screen_members(&members, &mut zip, allowed, work).map_err(&refused)?;
        let version = read_package_version(study, &members, &mut zip).map_err(&refused)?;
        let study = study.to_owned();
        Ok(Self { study, place, version, members, few, file, size, sha256 })
    }

    /// The file's size in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The file's SHA-256, in hexadecimal digits.
    pub fn sha256(&self) -> String {
        self.sha256.iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }

    /// The file to send, under another name.
    pub(super) fn file(&self, name: &str) -> Result<http::File> {
        let file = self.file.try_clone();
        let file = file.with_context(|| format!("cannot read '{}'", self.place))?;
        Ok(http::File { file, size: self.size, sha256: self.sha256, name: name.to_owned() })
    }
}

/// The file itself; one in a bucket is copied to an unnamed temporary file.
fn hold_file(folder: &Folder, name: &str, work: &WorkFolder) -> Result<Option<File>> {
    let failed = || format!("cannot read '{}'", folder.show(name));
    if let Some(local) = folder.local() {
        return match open_file(&local.join(name)) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(failed),
        };
    }
    // Of an object nothing can be held: it could be another one by the time it is sent.
    let Some(mut reader) = folder.open_reader(name)? else { return Ok(None) };
    let mut file = work.create_file()?;
    io::copy(&mut reader, &mut file).with_context(failed)?;
    file.flush().with_context(failed)?;
    Ok(Some(file))
}

fn hash_file(mut file: &File) -> io::Result<(u64, [u8; 32])> {
    file.seek(SeekFrom::Start(0))?;
    let mut hash = Sha256::new();
    let size = io::copy(&mut file, &mut hash)?;
    Ok((size, hash.finalize().into()))
}

fn list_members(zip: &mut ZipArchive<File>) -> Result<Vec<Member>, &'static str> {
    let mut members: Vec<Member> = Vec::with_capacity(zip.len());
    for index in 0..zip.len() {
        let Ok(member) = zip.by_index_raw(index) else { return Err("is damaged") };
        if member.encrypted() {
            return Err("has members that are encrypted, so that nobody can check them");
        }
        members.push(Member { name: member.name().to_owned(), size: member.size() });
    }
    if members.is_empty() {
        return Err("is empty");
    }
    Ok(members)
}

/// Whether all members may leave, and whether those that must be there are.
fn check_members(study: &str, members: &[Member]) -> Result<(), String> {
    let plain = |name: &str| name.chars().all(|c| c.is_alphanumeric() || "_.-".contains(c));
    let table = |name: &str| {
        let base = name.strip_suffix(".parquet");
        // The dot that `.parquet` began with is a part of what is looked for.
        base.is_some_and(|base| SHARED.iter().any(|part| format!("{base}.").contains(part)))
    };
    let may = |name: &str| name == MANIFEST || (plain(name) && table(name));
    let wrong: Vec<_> =
        members.iter().filter(|m| !may(&m.name)).map(|m| format!("{:?}", m.name)).collect();
    if !wrong.is_empty() {
        let more = match wrong.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let named = wrong[..wrong.len().min(NAMED)].join(", ");
        return Err(format!(
            "holds what must not leave: {named}{more}. Members must be Parquet files of counts or \
             metadata ({}, each with .parquet at its end), or {MANIFEST}; is it an archive, or was something added by hand? `study export -t \
             {study}` makes it anew",
            SHARED.join(", ")
        ));
    }
    let dates = format!("{study}__meta_date.meta.parquet");
    if study != WITHOUT_DATES && !members.iter().any(|member| member.name == dates) {
        return Err(format!(
            "has no '{dates}', which says from when to when its data is: let the study build a \
             table {study}__meta_date and export it as meta (`export:meta` in its manifest)"
        ));
    }
    // An export writes it last.
    if !members.iter().any(|member| member.name == MANIFEST) {
        return Err(format!(
            "has no {MANIFEST}, so it is not whole: `study export -t {study}` makes it anew"
        ));
    }
    Ok(())
}

/// Looks for what must not leave in what members hold. Gives those that count few, and how often.
fn screen_members(
    members: &[Member],
    zip: &mut ZipArchive<File>,
    allowed: &Allowed,
    work: &WorkFolder,
) -> Result<Vec<(String, u64)>, String> {
    let mut unpacking = Unpacking::default();
    let (mut few, mut faults) = (Vec::new(), Vec::new());
    let notes = zip.by_name(MANIFEST).map_err(io::Error::other).context("it cannot be unpacked");
    let notes = notes.and_then(manifest::read_notes);
    let notes =
        notes.map_err(|error| format!("has a '{MANIFEST}' that cannot be checked: {error:#}"))?;
    let mut identified = notes.identified;
    for (index, Member { name, .. }) in members.iter().enumerate() {
        let table = name.split('.').next().unwrap_or(name);
        let failed = |what: String| format!("has a '{name}' that cannot be checked: {what}");
        if name == MANIFEST {
            let mut member = zip.by_index(index).map_err(|error| failed(error.to_string()))?;
            let found = has_ids(&mut member).map_err(|error| failed(error.to_string()))?;
            if found && !allowed.allows_ids(table) {
                faults.push(format!("{name}: it has anonymous IDs"));
            }
            continue;
        }
        let mut file = work.create_file().map_err(|error| failed(error.explain_causes()))?;
        unpacking.unpack_member(zip, index, &mut file).map_err(failed)?;
        file.seek(SeekFrom::Start(0)).map_err(|error| failed(error.to_string()))?;
        let counts = COUNTS.iter().any(|part| name.contains(part));
        let looked = screen_table(file, counts).map_err(|error| failed(error.explain_causes()))?;
        identified |= looked.identified;
        if looked.ids_in_notes && !allowed.allows_ids(table) {
            faults.push(format!("{name}: it has anonymous IDs in what it says about itself"));
        }
        let small = allowed.small_cells(table)
            || notes.small_cells.iter().any(|allowed| allowed.eq_ignore_ascii_case(table));
        let found = looked.screen.faults(table, allowed.allows_ids(table), small);
        faults.extend(found.iter().map(|why| format!("{name}: {why}")));
        if looked.screen.small_rows() > 0 {
            few.push((name.clone(), looked.screen.small_rows()));
        }
    }
    // Told alone: what else may be wrong with such an export does not matter.
    if identified {
        return Err(
            "was made of FHIR that was not de-identified (--load-ndjson-dir): build the study \
                    on what the main job wrote (--lake), and export it anew"
                .to_owned(),
        );
    }
    match faults.is_empty() {
        true => Ok(few),
        false => Err(format!("holds what must not leave: {}", faults.join("; "))),
    }
}

fn has_ids(member: &mut impl Read) -> io::Result<bool> {
    let mut pieces = Pieces::default();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match member.read(&mut buffer)? {
            0 => return Ok(pieces.has_found()),
            read => pieces.look_at_piece(&buffer[..read]),
        }
    }
}

/// The findings in a table.
struct Looked {
    screen: Screen,
    /// Whether it says that it was made of FHIR as it is.
    identified: bool,
    /// Whether what is written beside its rows holds anonymous IDs.
    ids_in_notes: bool,
}

/// Looks at a table. `counts`: its name says that it is counts.
fn screen_table(file: File, counts: bool) -> Result<Looked> {
    let table = parquet_bounds::open_bounded(file)?;
    let (mut identified, mut ids_in_notes) = (false, false);
    for note in table.notes() {
        identified |= note.key == IDENTIFIED;
        let texts = [Some(note.key.as_str()), note.value.as_deref()];
        ids_in_notes |= texts.into_iter().flatten().any(|text| holds_id(text.as_bytes()));
    }
    let schema = table.schema().clone();
    let mut screen = Screen::of_schema(&schema, counts.then_some(LEAST));
    for batch in table.read_rows()? {
        screen.look_at_rows(&batch?)?;
    }
    Ok(Looked { screen, identified, ids_in_notes })
}

/// `data_package_version` of the study's table of that name; 0 without the table.
fn read_package_version(
    study: &str,
    members: &[Member],
    zip: &mut ZipArchive<File>,
) -> Result<i64, String> {
    const END: &str = "__meta_version.meta.parquet";
    let own = format!("{study}{END}");
    let named = members.iter().find(|member| member.name == own);
    let Some(member) = named.or_else(|| members.iter().find(|m| m.name.ends_with(END))) else {
        return Ok(0);
    };
    let name = &member.name;
    let failed = |what: &str| format!("has a '{name}' that {what}");
    let mut bytes = Vec::new();
    zip.by_name(name)
        .map_err(io::Error::other)
        .and_then(|file| file.take(LARGEST_META + 1).read_to_end(&mut bytes))
        .map_err(|error| failed(&format!("cannot be read: {error}")))?;
    if bytes.len() as u64 > LARGEST_META {
        return Err(failed("is far too large"));
    }
    const NO_VERSION: &str = "has no whole number as data_package_version";
    // The library may panic at values that are damaged.
    let read = catch_panic(|| read_version(bytes.into()))
        .ok_or_else(|| failed("cannot be read"))?
        .map_err(|error| failed(&format!("cannot be read: {error}")))?;
    // Whole numbers of this size have no neighbours that they could be taken for.
    let whole = read.filter(|number| (0.0..9e15).contains(number)).map(|number| number as i64);
    whole.ok_or_else(|| failed(NO_VERSION))
}

/// The first value of the column, a number or the text of one.
fn read_version(bytes: Bytes) -> Result<Option<f64>, Box<dyn std::error::Error + Send + Sync>> {
    // Its pages were looked at with those of all members.
    let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(
        bytes,
        parquet_bounds::reader_options(),
    )?;
    let columns = ["data_package_version"];
    let mask = ProjectionMask::columns(builder.parquet_schema(), columns);
    let reader = builder.with_projection(mask).with_limit(1).with_batch_size(1).build()?;
    for batch in reader {
        let batch = batch?;
        if batch.num_rows() == 0 {
            continue;
        }
        let Some(column) = batch.columns().first() else { return Ok(None) };
        let numbers = cast(column, &DataType::Float64)?;
        let numbers = numbers.as_primitive::<Float64Type>();
        return Ok((!numbers.is_null(0)).then(|| numbers.value(0)));
    }
    Ok(None)
}
