use std::io::{Cursor, Write};

use super::chunks::{Chunk, Chunks, LONGEST_LINE, decompress};
use super::export_log::{base_of, parse_time};
use super::*;
use crate::store::Folder;

fn folder(files: &[(&str, &str)]) -> Folder {
    let folder = Folder::open("memory:///").unwrap();
    for (name, text) in files {
        folder.write(name, text.to_string()).unwrap();
    }
    folder
}

fn lines(chunks: impl Iterator<Item = std::io::Result<Chunk>>) -> Vec<(u64, usize)> {
    chunks
        .map(Result::unwrap)
        .flat_map(|chunk| {
            let lines: Vec<_> =
                chunk.bytes.split_inclusive(|b| *b == b'\n').map(<[u8]>::len).collect();
            lines.into_iter().enumerate().map(move |(i, len)| (chunk.first_line + i as u64, len))
        })
        .collect()
}

#[test]
fn a_file_has_the_type_of_its_first_supported_row_whatever_its_name() {
    let folder = folder(&[
        (
            "a/Patient.ndjson",
            "\n{\"resourceType\":\"OperationOutcome\"}\n{\"resourceType\":\"Encounter\"}\n",
        ),
        ("claims.jsonl", "{\"resourceType\":\"Claim\"}\n"),
        ("deleted/x.ndjson", "{}\n"),
        ("error/y.ndjson", "{\"resourceType\":\"Patient\"}\n"),
        ("log.ndjson", "{}\n"),
        ("notes.txt", "{\"resourceType\":\"Patient\"}\n"),
    ]);
    let inputs = find(&folder).unwrap();
    let names: Vec<_> = inputs.files.iter().map(|f| (f.name.as_str(), f.resource_type)).collect();
    assert_eq!(names, [("a/Patient.ndjson", "Encounter")]);
    assert_eq!(inputs.skipped, ["claims.jsonl"]);
    assert_eq!(inputs.deleted, ["deleted/x.ndjson"]);
    assert_eq!(inputs.log.as_deref(), Some("log.ndjson"));
}

#[test]
fn two_renamed_logs_are_no_log() {
    let one = folder(&[("log.may.ndjson", "")]);
    assert_eq!(find(&one).unwrap().log.as_deref(), Some("log.may.ndjson"));
    let two = folder(&[("log.may.ndjson", ""), ("log.june.ndjson", "")]);
    assert_eq!(find(&two).unwrap().log, None);
}

#[test]
fn chunks_keep_lines_whole_and_numbered() {
    let mut text = "\u{feff}".to_owned();
    let long = "x".repeat(3 << 20);
    for line in ["a", "", &long, "last without end"] {
        text.push_str(line);
        text.push('\n');
    }
    text.pop();
    let found = lines(Chunks::new(Cursor::new(text)));
    assert_eq!(found, [(1, 2), (2, 1), (3, (3 << 20) + 1), (4, 16)]);
}

#[test]
fn a_line_beyond_the_limit_is_named_and_passed_over() {
    let mut text = vec![b'x'; LONGEST_LINE * 2 + 5];
    text.extend(b"\nnext\n");
    let chunks: Vec<_> = Chunks::new(Cursor::new(text)).map(Result::unwrap).collect();
    assert_eq!(chunks, [Chunk { bytes: b"next\n".to_vec(), first_line: 2, too_long: vec![1] }]);
}

#[test]
fn compressed_files_are_known_by_their_content() {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(b"one\n").unwrap();
    let mut bytes = gzip.finish().unwrap();
    // Concatenated members are one stream.
    let mut second = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    second.write_all(b"two\n").unwrap();
    bytes.extend(second.finish().unwrap());
    let zstd = zstd::encode_all(&b"one\ntwo\n"[..], 1).unwrap();
    for bytes in [bytes, zstd, b"one\ntwo\n".to_vec()] {
        let reader = decompress(Box::new(Cursor::new(bytes))).unwrap();
        assert_eq!(lines(Chunks::new(reader)), [(1, 4), (2, 4)]);
    }
    assert_eq!(lines(Chunks::new(decompress(Box::new(Cursor::new("x"))).unwrap())), [(1, 1)]);
}

#[test]
fn the_last_kickoff_selects_the_export() {
    let log = r#"{"exportId":"1","eventId":"kickoff","eventDetail":{"exportUrl":"https://h/fhir/Group/old/$export"}}
not json
{"exportId":"2","eventId":"kickoff","eventDetail":{"exportUrl":"https://h/fhir/Group/new/$export?_type=Patient"}}
{"exportId":"1","eventId":"status_complete","eventDetail":{"transactionTime":"2020-01-01T00:00:00Z"}}
{"exportId":"2","eventId":"status_complete","eventDetail":{"transactionTime":"2024-08-06T14:12:57-04:00"}}
"#;
    let log = read_export_log(&folder(&[("log.ndjson", log)]), "log.ndjson").unwrap();
    assert_eq!(log.group.as_deref(), Some("new"));
    assert_eq!(log.export_url.as_deref(), Some("https://h/fhir/Group/new/$export?_type=Patient"));
    assert_eq!(log.time, parse_time("2024-08-06T18:12:57Z"));
}

#[test]
fn the_base_is_what_stands_before_the_export() {
    for url in [
        "https://h/r4/Group/1/$export?x=1",
        "https://h/r4/Patient/$export",
        "https://h/r4/$export",
        "https://h/r4/",
    ] {
        assert_eq!(base_of(url), "https://h/r4", "{url}");
    }
}

#[test]
fn only_delete_entries_of_transactions_delete() {
    let bundle = r#"{"resourceType":"Bundle","type":"transaction","entry":[{"request":{"method":"DELETE","url":"Patient/b"}},{"request":{"method":"DELETE","url":"Patient/a"}},{"request":{"method":"DELETE","url":"Patient/a"}},{"request":{"method":"PUT","url":"Patient/c"}},{"request":{"method":"DELETE","url":"odd"}},{}]}
{"resourceType":"Bundle","type":"searchset"}
"#;
    let deletes = read_deletes(&folder(&[("deleted/1", bundle)]), &["deleted/1".into()]).unwrap();
    assert_eq!(deletes.by_type["Patient"], ["a", "b"]);
    assert_eq!(deletes.by_type.len(), 1);
    assert_eq!(deletes.not_understood, 2);
}
