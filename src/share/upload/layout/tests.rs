use std::io::{Cursor, Write};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::*;

/// A zip of these members, each with its name as its text a hundred times.
fn zip(names: &[&str], options: SimpleFileOptions) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for name in names {
        zip.start_file(*name, options).unwrap();
        zip.write_all(name.repeat(100).as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn deflated() -> SimpleFileOptions {
    SimpleFileOptions::default().compression_method(CompressionMethod::Deflated)
}

fn checked(bytes: &[u8]) -> Result<(), String> {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    check_layout(&file, bytes.len() as u64)
}

/// The place of some bytes.
fn find(bytes: &[u8], part: &[u8]) -> usize {
    bytes.windows(part.len()).position(|window| window == part).unwrap()
}

#[test]
fn zips_as_they_are_written_pass() {
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for options in [deflated(), stored, deflated().large_file(true), stored.large_file(true)] {
        for names in [&["a"][..], &["a", "manifest.toml"], &[]] {
            assert_eq!(checked(&zip(names, options)), Ok(()), "{names:?} {options:?}");
        }
    }
    // As it is written to a pipe.
    let mut bytes = Vec::new();
    let mut zip = ZipWriter::new_stream(&mut bytes);
    for name in ["a", "b"] {
        zip.start_file(name, deflated()).unwrap();
        zip.write_all(b"text text text").unwrap();
    }
    zip.finish().unwrap();
    assert_eq!(checked(&bytes), Ok(()));
}

#[test]
fn bytes_that_belong_to_no_member_are_found_wherever_they_are() {
    let whole = zip(&["a", "b"], deflated());
    let list = find(&whole, b"PK\x01\x02");
    let second = list.min(1 + find(&whole[1..], b"PK\x03\x04"));
    let end = find(&whole, b"PK\x05\x06");
    let hidden = b"Jane Doe";
    // As they are put in, and with the places in the list mended.
    for at in [0, second, list, end, whole.len()] {
        for mend in [false, true] {
            let mut bytes = whole.clone();
            let shift = hidden.len() as u32;
            let add = |bytes: &mut Vec<u8>, place: usize| {
                let number = u32::from_le_bytes(bytes[place..place + 4].try_into().unwrap());
                bytes[place..place + 4].copy_from_slice(&(number + shift).to_le_bytes());
            };
            if mend {
                if at <= list {
                    add(&mut bytes, end + 16);
                }
                let last = list + 1 + find(&whole[list + 1..], b"PK\x01\x02");
                for (entry, start) in [(list, 0), (last, second)] {
                    if at <= start {
                        add(&mut bytes, entry + 42);
                    }
                }
                if at == whole.len() {
                    bytes[end + 20] = hidden.len() as u8;
                }
                if at == end {
                    add(&mut bytes, end + 12);
                }
            }
            bytes.splice(at..at, *hidden);
            assert!(checked(&bytes).is_err(), "{at} {mend}");
        }
    }
}

#[test]
fn what_list_and_header_say_is_the_same() {
    let whole = zip(&["aaaa", "bbbb"], deflated());
    let list = find(&whole, b"PK\x01\x02");
    for (place, byte) in [
        (find(&whole, b"aaaa"), b'x'),
        (14, 0x55),
        (18, 0x55),
        (22, 0x55),
        (8, 0),
        (6, 1),
        (list + find(&whole[list..], b"aaaa"), b'x'),
        (list + 16, 0x55),
        (list + 8, 1),
    ] {
        let mut bytes = whole.clone();
        bytes[place] = byte;
        assert!(checked(&bytes).is_err(), "{place}");
    }
}

#[test]
fn names_are_there_once() {
    let mut bytes = zip(&["aaaa", "bbbb", "AAAA"], deflated());
    assert!(checked(&bytes).unwrap_err().contains("two members"));
    for place in 0..bytes.len() - 4 {
        if &bytes[place..place + 4] == b"bbbb" && bytes[place - 1] != b'b' {
            bytes[place..place + 4].copy_from_slice(b"aaaa");
            break;
        }
    }
    assert!(checked(&bytes).is_err());
}

#[test]
fn no_bytes_make_it_panic() {
    let whole = zip(&["a", "b"], deflated().large_file(true));
    for place in 0..whole.len() {
        for byte in [0, 1, 0x7f, 0xff] {
            let mut bytes = whole.clone();
            bytes[place] = byte;
            let _ = checked(&bytes);
        }
        let _ = checked(&whole[..place]);
    }
}
