//! Files of an export, as a stranger's server and client leave them in INPUT. The first byte says
//! which: the export log (`l`), deleted Bundles (`d`), rows in gzip or Zstandard as they are (`z`), a
//! text that is packed into frames as the bytes before its first NUL say (`f`), or a file whose name
//! stands before its first NUL (`n`).

use std::fs;
use std::io::{Cursor, Read, Write};
use std::sync::LazyLock;

use cumulus_etl::fhir::ServerBase;
use cumulus_etl::input::chunks::{Chunks, decompress};
use cumulus_etl::input::{find, read_deletes, read_export_log};
use cumulus_etl::stop::Shutdown;
use cumulus_etl::store::{Folder, Storage, StoreRuntime};

/// Opens folders; its threads serve all inputs.
static STORAGE: LazyLock<Storage> = LazyLock::new(|| {
    let runtime = StoreRuntime::start_threads().expect("threads");
    Storage::new(runtime, Shutdown::default())
});

/// Takes the input as one of these files, and panics where a promise is broken. Whether anything of
/// it was understood.
pub fn check(data: &[u8]) -> bool {
    let Some((kind, rest)) = data.split_first() else { return false };
    match kind {
        b'l' => check_log(rest),
        b'd' => check_deletes(rest),
        b'z' => check_framing(rest),
        b'f' => check_frames(rest),
        b'n' => check_name(rest),
        _ => false,
    }
}

/// An INPUT with one file.
fn folder_with(name: &str, bytes: &[u8]) -> (tempfile::TempDir, Folder) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join(name);
    fs::create_dir_all(path.parent().expect("it is in a folder")).expect("a folder");
    fs::write(path, bytes).expect("a file");
    let opened =
        STORAGE.open_folder(folder.path().to_str().expect("a path in UTF-8")).expect("it opens");
    (folder, opened)
}

fn check_log(bytes: &[u8]) -> bool {
    let (_kept, folder) = folder_with("log.ndjson", bytes);
    let Ok(log) = read_export_log(&folder, "log.ndjson") else { return false };
    if let Some(url) = &log.export_url {
        // The base is its own base.
        if let Some(base) = ServerBase::of_url(url) {
            let text = base.to_string();
            assert!(!text.ends_with('/'), "{text}");
            assert_eq!(ServerBase::of_url(&text), Some(base), "of {url}");
        }
    }
    if let Some(group) = &log.group {
        assert!(!group.contains('/'), "{group}");
    }
    if let Some(time) = log.time {
        // It can be written and read again.
        let text = time.to_rfc3339();
        assert_eq!(cumulus_etl::input::parse_time(&text), Some(time), "{text}");
    }
    log.time.is_some()
}

fn check_deletes(bytes: &[u8]) -> bool {
    let (_kept, folder) = folder_with("deleted/Bundle.000.ndjson", bytes);
    let Ok(inputs) = find(&folder) else { return false };
    assert_eq!(inputs.deleted.len(), 1, "it is among the deletes");
    let Ok(deletes) = read_deletes(&folder, &inputs.deleted) else { return false };
    let mut count = 0;
    for (of, ids) in &deletes.by_type {
        assert!(!of.contains('/'), "{of}");
        assert!(ids.is_sorted() && ids.windows(2).all(|two| two[0] != two[1]), "{of}: {ids:?}");
        for id in ids {
            assert!(!id.is_empty() && !id.contains('/'), "{of}/{id}");
        }
        count += ids.len();
    }
    // Nothing is named that the text does not have room for.
    assert!(count <= bytes.len(), "{count} deletes");
    count > 0
}

/// Decompressed no further than this.
const MOST: u64 = 32 << 20;

fn check_framing(bytes: &[u8]) -> bool {
    let Ok(reader) = decompress(Box::new(Cursor::new(bytes.to_vec()))) else { return false };
    let mut next_line = 1;
    let mut whole = true;
    let mut lines = 0;
    for chunk in Chunks::new(reader.take(MOST)) {
        let Ok(chunk) = chunk else {
            whole = false;
            break;
        };
        assert_eq!(chunk.first_line, next_line + chunk.too_long.len() as u64);
        let count = chunk.bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
        next_line = chunk.first_line + count;
        lines += count;
    }
    // A file that is no archive is its own content.
    let skippable = matches!(bytes, [0x50..=0x5f, 0x2a, ..]);
    let compressed = bytes.starts_with(&[0x1f, 0x8b]) || bytes.starts_with(&[0x28, 0xb5]);
    if !compressed && !skippable && bytes.len() < 1 << 20 {
        assert_eq!(lines, bytes.iter().filter(|byte| **byte == b'\n').count() as u64);
    }
    whole && lines > 0
}

/// The plan, up to the first NUL, and what follows it.
fn split_at_nul(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = bytes.iter().position(|byte| *byte == 0)?;
    Some((&bytes[..at], &bytes[at + 1..]))
}

/// Packs a text into frames as a plan says; empty ones and padding among them.
fn frame(plan: &[u8], mut text: &[u8]) -> Vec<u8> {
    let zstandard = plan.first().is_some_and(|byte| byte % 2 == 1);
    let mut framed = Vec::new();
    for byte in plan.iter().skip(1).take(40) {
        let size = usize::from(byte / 8) * 9;
        let (now, rest) = text.split_at(size.min(text.len()));
        match (zstandard, byte % 4) {
            // Padding, which only gzip has, and only behind a member; notes, which only Zstandard has.
            (false, 0) if !framed.is_empty() => framed.resize(framed.len() + size, 0),
            (true, 0) => {
                framed.extend([0x50 | (byte % 16), 0x2a, 0x4d, 0x18]);
                framed.extend((size as u32).to_le_bytes());
                framed.resize(framed.len() + size, *byte);
            }
            (false, _) => {
                framed.extend(gzip(now));
                text = rest;
            }
            (true, level) => {
                framed.extend(zstd::encode_all(now, i32::from(level)).expect("it is compressed"));
                text = rest;
            }
        }
    }
    let last =
        if zstandard { zstd::encode_all(text, 1).expect("it is compressed") } else { gzip(text) };
    [framed, last].concat()
}

/// However a text is packed, it comes out whole, and lines are cut nowhere.
fn check_frames(bytes: &[u8]) -> bool {
    let Some((plan, text)) = split_at_nul(bytes) else { return false };
    let packed = frame(plan, text);
    let reader = decompress(Box::new(Cursor::new(packed))).expect("frames are told by their marks");
    let mut unpacked = Vec::new();
    for chunk in Chunks::new(reader) {
        let chunk = chunk.expect("it is whole");
        assert!(chunk.too_long.is_empty());
        unpacked.extend(chunk.bytes);
    }
    assert!(unpacked == text, "packed as {plan:?}: {}", unpacked.escape_ascii());
    true
}

/// A file of any name is read, or named among those that are not; never is the folder refused for it.
fn check_name(bytes: &[u8]) -> bool {
    let Some((name, rows)) = split_at_nul(bytes) else { return false };
    let Ok(name) = std::str::from_utf8(name) else { return false };
    let is_plain = |part: &str| !matches!(part, "" | "." | "..") && part.len() < 200;
    if name.matches('/').count() > 3 || !name.split('/').all(is_plain) {
        return false;
    }
    let (_kept, folder) = folder_with(name, rows);
    // A damaged archive is an error of its own.
    let Ok(inputs) = find(&folder) else { return false };
    let listed = [
        inputs.files.iter().filter(|file| file.name == name).count(),
        inputs.deleted.iter().filter(|deleted| *deleted == name).count(),
        inputs.log.iter().filter(|log| *log == name).count(),
        inputs.skipped.iter().filter(|skipped| *skipped == name).count(),
        inputs.not_read.iter().filter(|skipped| *skipped == name).count(),
    ];
    assert!(listed.iter().sum::<usize>() <= 1, "{name:?}: {listed:?}");
    for (shown, why) in &inputs.unusable {
        assert!(!shown.contains(char::is_control) && !why.is_empty(), "{shown:?}");
    }
    inputs.files.len() == 1
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text).expect("it is compressed");
    encoder.finish().expect("it is compressed")
}

/// Valid inputs of each kind.
#[allow(dead_code, reason = "fuzz targets read them from files")]
pub fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    let mut add = |kind: u8, bytes: Vec<u8>| seeds.push([vec![kind], bytes].concat());
    for n in 0..36 {
        let base = ["https://ehr.example/fhir", "http://127.0.0.1:8080/r4", "https://e:8443/a/b"];
        let scope = ["", "/Patient", "/Group/g1", "/Group/a%20b"][n % 4];
        let time = [
            "2024-08-06T18:12:57Z",
            "2024-08-06T18:12:57.123+02:00",
            "2024-08-06",
            "2024-08-06T18:12:57-05:00",
            "2024-08-06T18:12Z",
            "2024-08-06 18:12:57+0000",
            "2024-08-06t18:12:60z",
            "2024-08-06T18:12:57+00",
        ][n / 2 % 8];
        let id = if n % 5 == 0 { n.to_string() } else { format!("\"export-{n}\"") };
        let mark = if n % 7 == 0 { "\u{feff}" } else { "" };
        let kickoff = format!(
            r#"{mark}{{"exportId":{id},"timestamp":"{time}","eventId":"kickoff","eventDetail":{{"exportUrl":"{}{scope}/$export?_type=Patient"}}}}"#,
            base[n % 3]
        );
        let complete = format!(
            r#"{{"exportId":{id},"eventId":"status_complete","eventDetail":{{"transactionTime":"{time}"}}}}"#
        );
        let other =
            r#"{"exportId":"x","eventId":"download_complete","eventDetail":{"fileSize":3}}"#;
        let end = ["\n", "\r\n"][n % 2];
        add(b'l', format!("{kickoff}{end}{other}{end}{complete}{end}").into_bytes());
    }
    for n in 0..36 {
        let types = ["Patient", "Encounter", "Observation", "Device"];
        let entries: Vec<_> = (0..=n % 5)
            .map(|m| {
                let of = types[(n + m) % 4];
                match (n + m) % 11 {
                    10 => format!(
                        r#"null,{{"request":{{"method":"PUT","url":"Patient/1"}}}},{{"request":{{"method":"DELETE","url":"{of}/y-{n}"}}}}"#
                    ),
                    9 => format!(r#"{{"request":{{"method":" delete","url":"{of}/x-{n} "}}}}"#),
                    _ => format!(r#"{{"request":{{"method":"DELETE","url":"{of}/id-{n}.{m}"}}}}"#),
                }
            })
            .collect();
        let bundle = format!(
            r#"{{"resourceType":"Bundle","type":"transaction","id":"b{n}","entry":[{}]}}"#,
            entries.join(",")
        );
        let text = format!("{bundle}\n").repeat(1 + n % 3);
        add(b'd', if n % 4 == 3 { gzip(text.as_bytes()) } else { text.into_bytes() });
    }
    for n in 0..36 {
        let row = format!("{{\"resourceType\":\"Patient\",\"id\":\"p{n}\"}}\n");
        let text = row.repeat(1 + n * 3);
        let bytes = text.as_bytes();
        let framed = match n % 9 {
            8 => [gzip(bytes), vec![0; 512 - n], gzip(b""), gzip(row.as_bytes()), vec![0; n]]
                .concat(),
            7 => {
                let notes =
                    [&[0x50 + n as u8 % 16, 0x2a, 0x4d, 0x18, 4, 0, 0, 0][..], b"note"].concat();
                let one = zstd::encode_all(bytes, 1).expect("it is compressed");
                [notes.clone(), one, notes].concat()
            }
            6 => [bytes, b"\r\n\n", b"\xef\xbb\xbf", row.as_bytes()].concat(),
            0 => bytes.to_vec(),
            1 => gzip(bytes),
            // Several members, as concatenated files have them.
            2 => [gzip(bytes), gzip(row.as_bytes())].concat(),
            3 => zstd::encode_all(bytes, 3).expect("it is compressed"),
            4 => {
                let one = zstd::encode_all(bytes, 1).expect("it is compressed");
                [one, zstd::encode_all(row.as_bytes(), 1).expect("it is compressed")].concat()
            }
            _ => [b"\xef\xbb\xbf".to_vec(), bytes.to_vec()].concat(),
        };
        add(b'z', framed);
        // Frames of several sizes; 8 is padding or a note, 255 a large frame.
        let plan: Vec<u8> = [n as u8 + 1, 8, 8 * (n as u8 % 30) + 9, 255, 16, 17, 1].to_vec();
        add(b'f', [&plan[..3 + n % 5], b"\0", bytes].concat());
        let names = [
            "Patient.ndjson",
            "Patient.000.NDJSON",
            "a/b/Patient.jsonl",
            "1.ndjson",
            "sub folder/Zo\u{eb}.ndjson",
            "Patient.ndjson.gz",
            "x.Patient.NDJSON.ZST",
            "patient\u{7}.ndjson",
        ];
        let packed = match n % 8 {
            5 => gzip(bytes),
            6 => zstd::encode_all(bytes, 1).expect("it is compressed"),
            _ => bytes.to_vec(),
        };
        add(b'n', [names[n % 8].as_bytes(), b"\0", &packed].concat());
    }
    seeds
}
