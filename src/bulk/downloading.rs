//! A file on its way from the server to its `.part`, with a note of which version it is of.
//!
//! The note, `<name>.source`, lets another run ask for the rest of the same version. It is written
//! only for files that are worth it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::commit::{part_of, source_of};
use super::incoming::{Incoming, Trouble};
use super::part::PartialFile;

/// Files of this size are worth a note as long as they come, in bytes.
const WORTH_IT: u64 = 4 << 20;
/// The longest note, in bytes.
const LONGEST_NOTE: u64 = 1 << 10;

pub(super) struct Downloading {
    /// The bytes that were written.
    pub part: PartialFile,
    /// The bytes that have come.
    pub incoming: Incoming,
    path: PathBuf,
    source: PathBuf,
    /// Whether there is a note.
    pub noted: bool,
}

impl Downloading {
    /// Opens the `.part` of the file that is stored as `stored` in `folder`. It goes on where a
    /// former run was, if that has noted which version it had.
    pub(super) fn open_part(
        folder: &Path,
        stored: &str,
        resource_type: &str,
        compress: bool,
    ) -> io::Result<Self> {
        let (path, source) = (part_of(folder, stored), source_of(folder, stored));
        let mut part = PartialFile::open_path(&path, resource_type, compress)?;
        let note = read_note(&source);
        let noted = note.is_some();
        // A note without text is one whose writing was cut off: it names no version.
        let incoming = match note.filter(|note| part.bytes > 0 && !note.is_empty()) {
            Some(validator) => Incoming::resume_at(part.bytes, validator),
            None => {
                if noted {
                    fs::remove_file(&source)?;
                }
                if part.bytes > 0 {
                    part.begin_anew()?;
                }
                return Ok(Self { part, incoming: Incoming::new(), path, source, noted: false });
            }
        };
        Ok(Self { part, incoming, path, source, noted })
    }

    /// Takes the next bytes.
    pub(super) fn take_bytes(&mut self, bytes: &[u8]) -> Result<(), Trouble> {
        let part = &mut self.part;
        self.incoming.take_bytes(bytes, &mut |text| part.write_text(text))?;
        if self.incoming.offset >= WORTH_IT {
            self.note_version().map_err(Trouble::Write)?;
        }
        Ok(())
    }

    /// The file has ended.
    pub(super) fn end_file(&mut self) -> Result<(), Trouble> {
        let part = &mut self.part;
        self.incoming.finish_text(&mut |text| part.write_text(text))
    }

    /// Notes which version of the file this is, for the run that goes on. Of a compressed file only
    /// this run can go on.
    pub(super) fn note_version(&mut self) -> io::Result<()> {
        let Some(validator) = &self.incoming.validator else { return Ok(()) };
        if self.noted || self.incoming.offset == 0 || !self.incoming.is_plain() {
            return Ok(());
        }
        // Neither the note nor the part is synced here. After a power cut `PartialFile::open_path`
        // tells by the rows whether the bytes are there.
        let mut options = OpenOptions::new();
        let options = options.write(true).create(true).truncate(true).mode(0o600);
        options.open(&self.source)?.write_all(validator.as_bytes())?;
        self.noted = true;
        Ok(())
    }

    /// Drops all that is there.
    pub(super) fn begin_anew(&mut self) -> io::Result<()> {
        // First what says that the bytes are good.
        if std::mem::take(&mut self.noted) {
            fs::remove_file(&self.source)?;
        }
        self.incoming = Incoming::new();
        self.part.begin_anew()
    }

    /// Removes it; that it can't be removed is no reason to fail.
    pub(super) fn remove_files(&self) {
        let _ = (fs::remove_file(&self.source), fs::remove_file(&self.path));
    }
}

fn read_note(path: &Path) -> Option<String> {
    let mut note = String::new();
    File::open(path).ok()?.take(LONGEST_NOTE).read_to_string(&mut note).ok()?;
    Some(note)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROW: &[u8] = b"{\"resourceType\":\"Patient\"}\n";

    fn open(folder: &Path) -> Downloading {
        Downloading::open_part(folder, "Patient.000.ndjson", "Patient", false).unwrap()
    }

    #[test]
    fn only_a_part_of_a_known_version_is_gone_on_from() {
        let dir = tempfile::tempdir().unwrap();
        let mut file = open(dir.path());
        file.incoming.validator = Some("\"v1\"".to_owned());
        file.take_bytes(ROW).unwrap();
        file.part.finish_part().unwrap();
        drop(file);
        // It was not noted: a small file that a killed run had under way.
        let mut file = open(dir.path());
        assert_eq!((file.incoming.offset, file.part.bytes), (0, 0));

        file.incoming.validator = Some("\"v1\"".to_owned());
        file.take_bytes(ROW).unwrap();
        file.note_version().unwrap();
        file.part.finish_part().unwrap();
        drop(file);
        let mut file = open(dir.path());
        assert_eq!(file.incoming.offset, ROW.len() as u64);
        assert_eq!(file.incoming.validator.as_deref(), Some("\"v1\""));
        file.begin_anew().unwrap();
        drop(file);
        assert_eq!(open(dir.path()).incoming.offset, 0);
        assert!(!source_of(dir.path(), "Patient.000.ndjson").exists());
    }

    #[test]
    fn a_note_without_bytes_is_of_no_use() {
        let dir = tempfile::tempdir().unwrap();
        let source = source_of(dir.path(), "Patient.000.ndjson");
        fs::write(&source, "\"v1\"").unwrap();
        assert_eq!(open(dir.path()).incoming.offset, 0);
        assert!(!source.exists());
    }
}
