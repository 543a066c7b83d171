//! How the bytes of a zip are laid out: nothing in it but its members.
//!
//! A reader of zips begins at the end, and reads what the list there names. Bytes before the first
//! member, between two of them, or in a comment are sent like all others, and no check of members
//! would ever see them.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Take};

use flate2::read::DeflateDecoder;

/// The most members of an export.
const MEMBERS: u64 = 10_000;
/// Bytes of the list of members: more than so many members have.
const LIST: u64 = 16 << 20;
/// Bytes that a member's extra fields may have: sizes of 64 bits, and times.
const EXTRA: usize = 80;

const LOCAL: u32 = 0x0403_4b50;
const CENTRAL: u32 = 0x0201_4b50;
const DESCRIPTOR: u32 = 0x0807_4b50;
const END: u32 = 0x0605_4b50;
const END_64: u32 = 0x0606_4b50;
const LOCATOR_64: u32 = 0x0706_4b50;

/// Flags of a member: encrypted in some way; sizes follow the data.
const ENCRYPTED: u16 = 1 | 1 << 6 | 1 << 13;
const SIZES_FOLLOW: u16 = 1 << 3;

const STORED: u16 = 0;
const DEFLATED: u16 = 8;

/// A member as the list at the end has it, or as the header before its data does.
#[derive(Debug, PartialEq, Eq)]
struct MemberHeader {
    name: Vec<u8>,
    flags: u16,
    method: u16,
    crc: u32,
    packed: u64,
    size: u64,
}

/// Checks a zip of `size` bytes: it begins with a member, each begins where the one before ends, the
/// list of them follows, and both say the same of each.
///
/// # Errors
/// The first deviation, in words that go on after the zip's name.
pub fn check_layout(file: &File, size: u64) -> Result<(), String> {
    let failed = |error: io::Error| format!("cannot be read: {error}");
    let file = file.try_clone().map_err(failed)?;
    let mut zip = Zip { reader: BufReader::new(file), at: 0 };
    let list = zip.read_end(size)?;
    let mut entries = zip.list(&list)?;
    // The list need not have them in the order of their data.
    entries.sort_by_key(|(start, _)| *start);
    let mut names = HashSet::new();
    let mut at = 0;
    for (start, entry) in &entries {
        let name = String::from_utf8_lossy(&entry.name).into_owned();
        // Which of two members a reader takes is its own choice: the other one would be sent
        // unseen.
        if !names.insert(name.to_lowercase()) {
            return Err(format!("has two members that are called {name:?}"));
        }
        if *start != at {
            return Err(format!("has bytes before {name:?} that belong to no member"));
        }
        zip.go_to(at)?;
        at = zip.read_member(entry, &name)?;
    }
    match at == list.start {
        true => Ok(()),
        false => Err("has bytes before its list of members that belong to none of them".to_owned()),
    }
}

/// Where the list of members is.
struct List {
    start: u64,
    bytes: u64,
    count: u64,
}

struct Zip {
    reader: BufReader<File>,
    /// Bytes from the beginning of the file.
    at: u64,
}

fn say_damaged() -> String {
    "is damaged: what it says about its members is not so".to_owned()
}

fn say_more() -> String {
    "has more than members in it: bytes at its end, a comment, or several parts".to_owned()
}

impl Zip {
    fn go_to(&mut self, to: u64) -> Result<(), String> {
        self.reader.seek(SeekFrom::Start(to)).map_err(|_| say_damaged())?;
        self.at = to;
        Ok(())
    }

    fn read_bytes(&mut self, count: usize) -> Result<Vec<u8>, String> {
        let mut bytes = vec![0; count];
        self.reader.read_exact(&mut bytes).map_err(|_| say_damaged())?;
        self.at += count as u64;
        Ok(bytes)
    }

    fn read_number(&mut self, bytes: usize) -> Result<u64, String> {
        Ok(from_little_endian(&self.read_bytes(bytes)?))
    }

    fn read_signature(&mut self) -> Result<u32, String> {
        Ok(self.read_number(4)? as u32)
    }

    /// Reads the end, which has no comment, so that it is the last 22 bytes.
    fn read_end(&mut self, size: u64) -> Result<List, String> {
        let end = size.checked_sub(22).ok_or_else(say_more)?;
        self.go_to(end)?;
        if self.read_signature()? != END {
            return Err(say_more());
        }
        let (disk, first) = (self.read_number(2)?, self.read_number(2)?);
        let (here, count) = (self.read_number(2)?, self.read_number(2)?);
        let (bytes, start) = (self.read_number(4)?, self.read_number(4)?);
        let comment = self.read_number(2)?;
        let narrow = List { start, bytes, count };
        let (list, ends) = match self.end_64(end)? {
            Some(list) => {
                // A number is either all ones, which refers to the wide one, or the same as that.
                let same = |narrow, wide, most| narrow == most || narrow == wide;
                let told = same(count, list.count, 0xffff)
                    && same(bytes, list.bytes, 0xffff_ffff)
                    && same(start, list.start, 0xffff_ffff);
                (list, if told { Some(end - 20 - 56) } else { None })
            }
            None => (narrow, Some(end)),
        };
        let whole = ends.is_some_and(|ends| list.start.checked_add(list.bytes) == Some(ends));
        let alone = [disk, first].iter().all(|disk| matches!(disk, 0 | 0xffff)) && comment == 0;
        match whole && alone && here == count && list.count <= MEMBERS && list.bytes <= LIST {
            true => Ok(list),
            false => Err(say_more()),
        }
    }

    /// The end with numbers of 64 bits, if there is one before the other: first its own, then where
    /// it is.
    fn end_64(&mut self, end: u64) -> Result<Option<List>, String> {
        let Some(start) = end.checked_sub(20 + 56) else { return Ok(None) };
        self.go_to(end - 20)?;
        if self.read_signature()? != LOCATOR_64 {
            return Ok(None);
        }
        let (disk, place, disks) =
            (self.read_number(4)?, self.read_number(8)?, self.read_number(4)?);
        self.go_to(start)?;
        if place != start || disk != 0 || disks != 1 || self.read_signature()? != END_64 {
            return Err(say_more());
        }
        let length = self.read_number(8)?;
        self.read_bytes(4)?;
        let (disk, first) = (self.read_number(4)?, self.read_number(4)?);
        let (here, count) = (self.read_number(8)?, self.read_number(8)?);
        let (bytes, start) = (self.read_number(8)?, self.read_number(8)?);
        // The fixed part counts 44 bytes from here. A longer one has an "extensible data sector",
        // in which anything may be (APPNOTE 4.3.14).
        match length == 44 && disk == 0 && first == 0 && here == count {
            true => Ok(Some(List { start, bytes, count })),
            false => Err(say_more()),
        }
    }

    /// The members, each with where it begins.
    fn list(&mut self, list: &List) -> Result<Vec<(u64, MemberHeader)>, String> {
        self.go_to(list.start)?;
        let mut entries = Vec::new();
        for _ in 0..list.count {
            if self.read_signature()? != CENTRAL {
                return Err(say_damaged());
            }
            self.read_bytes(4)?;
            // Fields are in the order of APPNOTE 4.3.12. Those that are passed over are versions,
            // times and attributes.
            let (flags, method) = (self.read_number(2)? as u16, self.read_number(2)? as u16);
            self.read_bytes(4)?;
            let crc = self.read_number(4)? as u32;
            let (packed, size) = (self.read_number(4)?, self.read_number(4)?);
            let (name, extra) = (self.read_number(2)? as usize, self.read_number(2)? as usize);
            let (comment, disk) = (self.read_number(2)?, self.read_number(2)?);
            self.read_bytes(6)?;
            let start = self.read_number(4)?;
            if comment != 0 || disk != 0 {
                return Err(say_more());
            }
            let name = self.read_bytes(name)?;
            // In the order in which the extra field has them; only those that are all ones are in
            // it (APPNOTE 4.5.3).
            let mut wide = vec![size, packed, start];
            widen_sizes(&self.read_extra(extra)?, &mut wide)?;
            let entry = MemberHeader { name, flags, method, crc, packed: wide[1], size: wide[0] };
            if flags & ENCRYPTED != 0 {
                return Err("has members that are encrypted, so that nobody can check them".into());
            }
            // A member that can't be unpacked here can't be measured either.
            if ![STORED, DEFLATED].contains(&method) {
                return Err("has members that are packed in a way that is not known here".into());
            }
            entries.push((wide[2], entry));
        }
        match self.at == list.start + list.bytes {
            true => Ok(entries),
            false => Err(say_damaged()),
        }
    }

    fn read_extra(&mut self, length: usize) -> Result<Vec<u8>, String> {
        match length > EXTRA {
            true => {
                Err("has a member with more about it than its name, sizes and times".to_owned())
            }
            false => self.read_bytes(length),
        }
    }

    /// Reads a member from its header on; gives where it ends.
    fn read_member(&mut self, entry: &MemberHeader, name: &str) -> Result<u64, String> {
        let differs = || format!("says two things about {name:?}, at its beginning and at its end");
        if self.read_signature()? != LOCAL {
            return Err(say_damaged());
        }
        self.read_bytes(2)?;
        let (flags, method) = (self.read_number(2)? as u16, self.read_number(2)? as u16);
        self.read_bytes(4)?;
        let crc = self.read_number(4)? as u32;
        let (packed, size) = (self.read_number(4)?, self.read_number(4)?);
        let (length, extra) = (self.read_number(2)? as usize, self.read_number(2)? as usize);
        let own_name = self.read_bytes(length)?;
        let mut wide = vec![size, packed];
        let is_wide = widen_sizes(&self.read_extra(extra)?, &mut wide)?;
        let own =
            MemberHeader { name: own_name, flags, method, crc, packed: wide[1], size: wide[0] };
        let follows = flags & SIZES_FOLLOW != 0;
        // A writer to a pipe leaves zeros here, and puts the numbers behind the data (APPNOTE
        // 4.4.4, bit 3).
        let unknown = follows && (own.crc, own.packed, own.size) == (0, 0, 0);
        let same = match unknown {
            true => {
                own.name == entry.name && own.method == entry.method && own.flags == entry.flags
            }
            false => own == *entry,
        };
        if !same {
            return Err(differs());
        }
        self.pass_data(entry, name)?;
        if follows && !self.read_descriptor(entry, is_wide)? {
            return Err(differs());
        }
        Ok(self.at)
    }

    /// Passes a member's data, all of which must be of it.
    fn pass_data(&mut self, entry: &MemberHeader, name: &str) -> Result<(), String> {
        let start = self.at;
        let more = || format!("has bytes in {name:?} that are no part of it");
        match entry.method {
            STORED if entry.packed == entry.size => {}
            STORED => return Err(more()),
            _ => {
                let packed: Take<_> = (&mut self.reader).take(entry.packed);
                let mut unpacked = DeflateDecoder::new(packed);
                let most = entry.size.saturating_add(1);
                let size = io::copy(&mut (&mut unpacked).take(most), &mut io::sink());
                let whole = size.is_ok_and(|size| size == entry.size);
                // A Deflate stream says itself where it ends. Bytes behind that are sent, and no
                // reader sees them.
                if !whole || unpacked.total_in() != entry.packed {
                    return Err(more());
                }
            }
        }
        let end = start.checked_add(entry.packed).ok_or_else(say_damaged)?;
        self.go_to(end)
    }

    /// Whether sum and sizes that follow the data are the member's. The mark before them may be left
    /// out.
    fn read_descriptor(&mut self, entry: &MemberHeader, is_wide: bool) -> Result<bool, String> {
        let first = self.read_number(4)? as u32;
        let crc = if first == DESCRIPTOR { self.read_number(4)? as u32 } else { first };
        // With the extra field for 64 bits, the sizes here are as wide (APPNOTE 4.3.9.2).
        let bytes = if is_wide { 8 } else { 4 };
        let (packed, size) = (self.read_number(bytes)?, self.read_number(bytes)?);
        Ok((crc, packed, size) == (entry.crc, entry.packed, entry.size))
    }
}

fn from_little_endian(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// Takes numbers of 64 bits from extra fields, for those that say "see there"; whether there were any.
/// Other fields are times and owners of files, of which there may be a few bytes.
fn widen_sizes(mut extra: &[u8], numbers: &mut [u64]) -> Result<bool, String> {
    const SIZES: u64 = 0x0001;
    const TIMES: [u64; 3] = [0x5455, 0x7875, 0x5855];
    let mut found = false;
    while let Some((head, rest)) = extra.split_at_checked(4) {
        let (kind, length) =
            (from_little_endian(&head[..2]), from_little_endian(&head[2..]) as usize);
        let (mut field, rest) = rest.split_at_checked(length).ok_or_else(say_damaged)?;
        extra = rest;
        match kind {
            SIZES if !found => {
                found = true;
                for number in numbers.iter_mut().filter(|number| **number == 0xffff_ffff) {
                    let (wide, rest) = field.split_at_checked(8).ok_or_else(say_damaged)?;
                    (*number, field) = (from_little_endian(wide), rest);
                }
                // Some writers say sizes of 64 bits beside those that they did not need to.
                if !(field.is_empty() || field.len() == 16) {
                    return Err(say_damaged());
                }
            }
            kind if TIMES.contains(&kind) && length <= 16 => {}
            _ => {
                return Err("has a member with more about it than its name, sizes and times".into());
            }
        }
    }
    if extra.is_empty() { Ok(found) } else { Err(say_damaged()) }
}

#[cfg(test)]
mod tests;
