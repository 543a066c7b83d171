//! `PHI/codebook-cached-mappings.json`: which real Patient or Encounter an anonymous ID stands
//! for, so that the institution, and only it, can trace a finding back (spec: "IDs").
//!
//! The mapping may be larger than memory: it is merged as a stream, and the pairs that a run adds
//! wait encrypted on disk once they are many.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use cumulus_base::encrypted::{EncryptedFile, EncryptedWriter};
use cumulus_base::error::{Context, Error, Result};
use hashbrown::HashSet;
use serde::de::{DeserializeSeed, MapAccess, Visitor};
use serde_json::Value;

use super::anon_id::{HashedId, IdKind};
use super::codebook::{Codebook, LOCK};
use super::phi::{Phi, PhiFiles, PhiFolder};
use super::row_key::RowKey;

/// Name of the mapping in the PHI folder.
pub const MAPPING: &str = "codebook-cached-mappings.json";
/// Bytes that go to the spill file (at least, but for the last), or come from it, in one call.
const SPILL_BUFFER: usize = 64 << 10;

/// Real and anonymous IDs of a part of the input, each pair once.
#[derive(Default)]
pub struct Identities {
    seen: HashSet<RowKey>,
    pairs: Vec<IdPair>,
}

struct IdPair {
    kind: IdKind,
    real: Box<str>,
    anon_id: HashedId,
}

impl Identities {
    pub(super) fn add_pair(&mut self, kind: IdKind, real: &str, anon_id: &HashedId) {
        let text = std::str::from_utf8(anon_id).unwrap_or_default();
        if self.seen.insert(kind.pair_key(text)) {
            self.pairs.push(IdPair { kind, real: real.into(), anon_id: *anon_id });
        }
    }
}

/// The mapping of a run: the pairs that the PHI folder has, and those that the run adds.
pub struct Mapping<F> {
    phi: PhiFolder<F>,
    seen: HashSet<RowKey>,
    /// Keys of the pairs that wait to be written.
    waiting: HashSet<RowKey>,
    pairs: Vec<IdPair>,
    /// Pairs kept in memory before they go to the spill file.
    in_memory: usize,
    spill: Option<PairSpill>,
    scratch: File,
    /// Where that is, for messages.
    work: PathBuf,
}

impl<F: PhiFiles + Clone> Mapping<F> {
    /// Reads which pairs `phi` has already. `scratch` is an empty file for the pairs that don't fit
    /// in memory, in the folder `work`; it is written encrypted. `in_memory`: new pairs that stay in
    /// memory.
    pub fn open_mapping(
        phi: &PhiFolder<F>,
        scratch: File,
        work: &Path,
        in_memory: usize,
    ) -> Result<Self> {
        let mut seen = HashSet::new();
        stream_mapping(&**phi, &mut |entry| {
            if let MappingEntry::Pair(kind, _, anon_id) = entry {
                seen.insert(kind.pair_key(anon_id));
            }
            Ok(())
        })?;
        let (phi, work) = (phi.clone(), work.to_owned());
        let (waiting, pairs) = (HashSet::new(), Vec::new());
        Ok(Self { phi, seen, waiting, pairs, in_memory, spill: None, scratch, work })
    }

    /// Takes over the pairs that a part of the input has brought.
    pub fn add(&mut self, identities: Phi<Identities>) -> Result<()> {
        for pair in identities.open_for(&self.phi).pairs {
            let key = pair.kind.pair_key(std::str::from_utf8(&pair.anon_id).unwrap_or_default());
            if self.seen.insert(key) {
                self.waiting.insert(key);
                self.pairs.push(pair);
            }
        }
        if self.pairs.len() > self.in_memory {
            let spill = match &mut self.spill {
                Some(spill) => spill,
                none => none.insert(PairSpill::begin_spill(&self.scratch)?),
            };
            let failed = || format!("cannot write to the work folder '{}'", self.work.display());
            spill.write_pairs(&self.pairs).with_context(failed)?;
            self.pairs.clear();
        }
        Ok(())
    }

    /// Writes the new pairs to the PHI folder; they are durable on return. Data that uses these IDs may be
    /// committed only then.
    ///
    /// The file is read again first, under a lock: another run may have added to it.
    pub fn persist(&mut self, codebook: &Codebook) -> Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let phi = self.phi.clone();
        let lock = phi.lock_name(LOCK)?;
        phi.stream_file(MAPPING, &lock, |out| self.merge_into(&mut BufWriter::new(out), codebook))?;
        self.waiting.clear();
        self.pairs.clear();
        self.spill = None;
        Ok(())
    }

    /// Writes the mapping that is there, with the pairs that wait.
    fn merge_into(&mut self, mut out: &mut impl Write, codebook: &Codebook) -> Result<()> {
        let show = self.phi.show_file(MAPPING);
        let failed = || format!("cannot write '{show}'");
        let mut sections = [(IdKind::Patient, false), (IdKind::Encounter, false)];
        let mut current: Option<IdKind> = None;
        let mut first_section = true;
        let mut first_entry = true;
        out.write_all(b"{").with_context(failed)?;
        let (waiting, pairs, spill) = (&mut self.waiting, &self.pairs, self.spill.as_ref());
        stream_mapping(&*self.phi, &mut |entry| {
            match entry {
                MappingEntry::Begin(kind) => {
                    current = Some(kind);
                    for section in &mut sections {
                        section.1 |= section.0 == kind;
                    }
                    begin_section(&mut out, kind, &mut first_section)?;
                    first_entry = true;
                }
                MappingEntry::Pair(kind, real, _) => {
                    let anon_id = codebook.hash_real_id(real);
                    let anon_id = std::str::from_utf8(&anon_id).unwrap_or_default();
                    waiting.remove(&kind.pair_key(anon_id));
                    write_pair(&mut out, real, anon_id, &mut first_entry)?;
                }
                MappingEntry::End => {
                    if let Some(kind) = current.take() {
                        write_new_pairs(&mut out, kind, waiting, pairs, spill, &mut first_entry)?;
                    }
                    out.write_all(b"}")?;
                }
                MappingEntry::Other(name, value) => {
                    if !std::mem::take(&mut first_section) {
                        out.write_all(b",")?;
                    }
                    serde_json::to_writer(&mut out, name)?;
                    out.write_all(b":")?;
                    serde_json::to_writer(&mut out, value)?;
                }
            }
            Ok(())
        })?;
        for (kind, done) in sections {
            if !done {
                first_entry = true;
                begin_section(&mut out, kind, &mut first_section)
                    .and_then(|()| {
                        write_new_pairs(&mut out, kind, waiting, pairs, spill, &mut first_entry)
                    })
                    .and_then(|()| out.write_all(b"}"))
                    .with_context(failed)?;
            }
        }
        out.write_all(b"}").and_then(|()| out.flush()).with_context(failed)
    }
}

fn begin_section(out: &mut impl Write, kind: IdKind, first: &mut bool) -> io::Result<()> {
    if !std::mem::take(first) {
        out.write_all(b",")?;
    }
    write!(out, "\"{}\":{{", kind.type_name())
}

fn write_pair(out: &mut impl Write, real: &str, anon_id: &str, first: &mut bool) -> io::Result<()> {
    if !std::mem::take(first) {
        out.write_all(b",")?;
    }
    serde_json::to_writer(&mut *out, real)?;
    out.write_all(b":")?;
    serde_json::to_writer(&mut *out, anon_id)?;
    Ok(())
}

/// Writes the waiting pairs of one kind.
fn write_new_pairs(
    out: &mut impl Write,
    kind: IdKind,
    waiting: &mut HashSet<RowKey>,
    pairs: &[IdPair],
    spill: Option<&PairSpill>,
    first: &mut bool,
) -> io::Result<()> {
    let mut write = |real: &str, anon_id: &HashedId| {
        let anon_id = std::str::from_utf8(anon_id).unwrap_or_default();
        match waiting.remove(&kind.pair_key(anon_id)) {
            true => write_pair(out, real, anon_id, first),
            false => Ok(()),
        }
    };
    if let Some(spill) = spill {
        spill.read_pairs(&mut |of, real, anon_id| {
            if of == kind { write(real, anon_id) } else { Ok(()) }
        })?;
    }
    pairs.iter().filter(|pair| pair.kind == kind).try_for_each(|p| write(&p.real, &p.anon_id))
}

/// New pairs on disk, readable only by this process.
struct PairSpill {
    file: EncryptedFile,
    out: EncryptedWriter,
    /// The bytes that go to the file in one write: whole pairs.
    chunk: Vec<u8>,
}

impl PairSpill {
    fn begin_spill(scratch: &File) -> Result<Self> {
        let file = scratch.try_clone().and_then(EncryptedFile::overwrite_file);
        let file = file.context("cannot use the work folder")?;
        Ok(Self { out: file.open_writer(), file, chunk: Vec::new() })
    }

    /// Appends pairs. Where it fails the file has some of them, each whole: all may be written again.
    fn write_pairs(&mut self, pairs: &[IdPair]) -> io::Result<()> {
        // Of a write that failed.
        self.chunk.clear();
        for pair in pairs {
            self.chunk.push(pair.kind as u8);
            self.chunk.extend_from_slice(&(pair.real.len() as u32).to_le_bytes());
            self.chunk.extend_from_slice(pair.real.as_bytes());
            self.chunk.extend_from_slice(&pair.anon_id);
            if self.chunk.len() >= SPILL_BUFFER {
                self.write_chunk()?;
            }
        }
        self.write_chunk()
    }

    fn write_chunk(&mut self) -> io::Result<()> {
        self.out.write_all(&self.chunk)?;
        self.chunk.clear();
        Ok(())
    }

    fn read_pairs(
        &self,
        visit: &mut dyn FnMut(IdKind, &str, &HashedId) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut input = BufReader::with_capacity(SPILL_BUFFER, self.file.open_reader()?);
        // The file ends with a whole pair. An end within one is an error of `read_exact`.
        while !input.fill_buf()?.is_empty() {
            let mut head = [0; 5];
            input.read_exact(&mut head)?;
            let len = u32::from_le_bytes([head[1], head[2], head[3], head[4]]);
            // It grows with the bytes that are there, even if a damaged length says more.
            let mut real = Vec::new();
            input.by_ref().take(len.into()).read_to_end(&mut real)?;
            let mut anon_id = [0; 64];
            input.read_exact(&mut anon_id)?;
            let kind = if head[0] == 0 { IdKind::Patient } else { IdKind::Encounter };
            let real = String::from_utf8(real).map_err(io::Error::other)?;
            visit(kind, &real, &anon_id)?;
        }
        Ok(())
    }
}

/// The entries of a mapping file, in order.
enum MappingEntry<'a> {
    Begin(IdKind),
    Pair(IdKind, &'a str, &'a str),
    End,
    Other(&'a str, &'a Value),
}

type VisitEntry<'v> = &'v mut dyn FnMut(MappingEntry<'_>) -> io::Result<()>;

/// Streams the mapping in `phi`; does nothing if `phi` has no mapping.
fn stream_mapping(phi: &impl PhiFiles, visit: VisitEntry<'_>) -> Result<()> {
    let Some(reader) = phi.open_file(MAPPING)? else { return Ok(()) };
    let mut parser =
        serde_json::Deserializer::from_reader(BufReader::with_capacity(1 << 16, reader));
    // An error of the caller with an entry, such as writing it elsewhere, is no fault of the file's. The
    // parser would wrap the caller's error in one of its own, and the message about a full disk would
    // speak of a damaged file.
    let mut failed = None;
    let mut visit = |entry: MappingEntry<'_>| {
        visit(entry).map_err(|error| {
            failed = Some(error);
            io::Error::other("see `failed`")
        })
    };
    let parsed = MappingVisitor(&mut visit).deserialize(&mut parser).and_then(|()| parser.end());
    // The parser's message would quote real IDs.
    parsed.map_err(|e| {
        let show = phi.show_file(MAPPING);
        if let Some(error) = failed.take() {
            return Error::failed(format!("cannot carry on '{show}': {error}"));
        }
        match e.is_io() {
            true => Error::failed(format!("cannot carry on '{show}': {e}")),
            false => Error::failed(format!(
                "'{show}' is damaged (line {}); restore it from a backup, or move it away to \
                 begin a new one",
                e.line()
            )),
        }
    })
}

struct MappingVisitor<'v>(VisitEntry<'v>);

impl<'de> DeserializeSeed<'de> for MappingVisitor<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for MappingVisitor<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object of ID maps")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        use serde::de::Error as _;
        while let Some(name) = map.next_key::<String>()? {
            match IdKind::for_type(&name) {
                Some(kind) => {
                    (self.0)(MappingEntry::Begin(kind)).map_err(A::Error::custom)?;
                    map.next_value_seed(SectionVisitor(kind, self.0))?;
                    (self.0)(MappingEntry::End).map_err(A::Error::custom)?;
                }
                None => {
                    let value = map.next_value::<Value>()?;
                    (self.0)(MappingEntry::Other(&name, &value)).map_err(A::Error::custom)?;
                }
            }
        }
        Ok(())
    }
}

struct SectionVisitor<'v>(IdKind, VisitEntry<'v>);

impl<'de> DeserializeSeed<'de> for SectionVisitor<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for SectionVisitor<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object from real to anonymous IDs")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        use serde::de::Error as _;
        while let Some(real) = map.next_key::<String>()? {
            let anon_id = map.next_value::<String>()?;
            (self.1)(MappingEntry::Pair(self.0, &real, &anon_id)).map_err(A::Error::custom)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};

    use super::*;
    use crate::tests::MemoryFolder;

    fn file_without_room() -> EncryptedFile {
        let file = File::from(memfd_create("full", MemfdFlags::ALLOW_SEALING).unwrap());
        let full = EncryptedFile::overwrite_file(file.try_clone().unwrap()).unwrap();
        fcntl_add_seals(&file, SealFlags::GROW).unwrap();
        full
    }

    fn pairs_of(codebook: &Codebook, reals: std::ops::Range<usize>) -> Phi<Identities> {
        let mut identities = Identities::default();
        for real in reals {
            let real = format!("real-{real}");
            identities.add_pair(IdKind::Patient, &real, &codebook.hash_real_id(&real));
        }
        Phi::new(identities)
    }

    #[test]
    fn ids_of_later_tables_are_kept_after_a_full_disk() {
        let folder = MemoryFolder::default();
        let phi = PhiFolder::new(folder.clone());
        let codebook = Codebook::throwaway();
        let scratch = tempfile::tempfile().unwrap();
        let mut mapping = Mapping::open_mapping(&phi, scratch, Path::new("work"), 2).unwrap();
        mapping.add(pairs_of(&codebook, 0..5)).unwrap();
        let full = file_without_room().open_writer();
        let good = std::mem::replace(&mut mapping.spill.as_mut().unwrap().out, full);
        // More than fits in a buffer, so that a pair would be cut.
        mapping.add(pairs_of(&codebook, 5..2_000)).unwrap_err();
        mapping.spill.as_mut().unwrap().out = good;
        mapping.add(pairs_of(&codebook, 2_000..2_010)).unwrap();
        mapping.persist(&codebook).unwrap();
        let saved = folder.read_file(MAPPING).unwrap().unwrap();
        let saved: Value = serde_json::from_slice(&saved).unwrap();
        assert_eq!(saved["Patient"].as_object().unwrap().len(), 2_010);
        assert_eq!(
            saved["Patient"]["real-2009"].as_str().unwrap().as_bytes(),
            codebook.hash_real_id("real-2009")
        );
    }
}
