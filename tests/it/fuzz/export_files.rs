//! Files of an export, as a stranger's server and client leave them in INPUT: the export log, deleted
//! Bundles, and rows in gzip or Zstandard. The first byte says which (`l`, `d`, `z`).

use std::fs;
use std::io::{Cursor, Read, Write};

use cumulus_etl::fhir::ServerBase;
use cumulus_etl::input::chunks::{Chunks, decompress};
use cumulus_etl::input::{find, read_deletes, read_export_log};
use cumulus_etl::store::Folder;

/// Takes the input as one of these files, and panics where a promise is broken. Whether anything of
/// it was understood.
pub fn check(data: &[u8]) -> bool {
    let Some((kind, rest)) = data.split_first() else { return false };
    match kind {
        b'l' => check_log(rest),
        b'd' => check_deletes(rest),
        b'z' => check_framing(rest),
        _ => false,
    }
}

/// An INPUT with one file.
fn folder_with(name: &str, bytes: &[u8]) -> (tempfile::TempDir, Folder) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join(name);
    fs::create_dir_all(path.parent().expect("it is in a folder")).expect("a folder");
    fs::write(path, bytes).expect("a file");
    let opened = Folder::open(folder.path().to_str().expect("a path in UTF-8")).expect("it opens");
    (folder, opened)
}

fn check_log(bytes: &[u8]) -> bool {
    let (_kept, folder) = folder_with("log.ndjson", bytes);
    let Ok(log) = read_export_log(&folder, "log.ndjson") else { return false };
    if let Some(url) = &log.export_url {
        // The base is its own base.
        if let Some(base) = ServerBase::of(url) {
            let text = base.to_string();
            assert!(!text.ends_with('/'), "{text}");
            assert_eq!(ServerBase::of(&text), Some(base), "of {url}");
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
    // What is no archive is its own content.
    let skippable = matches!(bytes, [0x50..=0x5f, 0x2a, ..]);
    let compressed = bytes.starts_with(&[0x1f, 0x8b]) || bytes.starts_with(&[0x28, 0xb5]);
    if !compressed && !skippable && bytes.len() < 1 << 20 {
        assert_eq!(lines, bytes.iter().filter(|byte| **byte == b'\n').count() as u64);
    }
    whole && lines > 0
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
        ][n / 2 % 4];
        let id = format!("export-{n}");
        let kickoff = format!(
            r#"{{"exportId":"{id}","timestamp":"{time}","eventId":"kickoff","eventDetail":{{"exportUrl":"{}{scope}/$export?_type=Patient"}}}}"#,
            base[n % 3]
        );
        let complete = format!(
            r#"{{"exportId":"{id}","eventId":"status_complete","eventDetail":{{"transactionTime":"{time}"}}}}"#
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
                format!(r#"{{"request":{{"method":"DELETE","url":"{of}/id-{n}.{m}"}}}}"#)
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
        let framed = match n % 6 {
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
    }
    seeds
}
