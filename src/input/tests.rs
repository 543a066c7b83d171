use std::cell::RefCell;
use std::io::{Cursor, Write};

use super::chunks::{Chunk, Chunks, decompress};
use super::export_log::parse_time;
use super::*;
use crate::bounded::{LONGEST_EVENT, LONGEST_LINE};
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
    let mut text = String::new();
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
fn long_lines_are_read_on_after_a_wait() {
    let mut text = "short\n".repeat(1 << 20).into_bytes();
    let waits = RefCell::new(Vec::<usize>::new());
    let wait = |bytes| waits.borrow_mut().push(bytes);
    assert_eq!(Chunks::new(Cursor::new(&text)).waiting(&wait).count(), 4);
    assert!(waits.borrow().is_empty(), "no chunk is longer than usual");
    text.resize(text.len() + (7 << 20), b'x');
    Chunks::new(Cursor::new(&text)).waiting(&wait).for_each(|chunk| {
        chunk.unwrap();
    });
    let waits = waits.take();
    assert!(waits.windows(2).all(|pair| pair[1] == 2 * pair[0]), "{waits:?}");
    assert!(waits.first() <= Some(&(4 << 20)) && waits.last() >= Some(&(7 << 20)), "{waits:?}");
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
fn each_entry_of_a_bundle_deletes_for_itself() {
    let entries = [
        r#"{"request":{"method":"DELETE","url":"Patient/b"}}"#,
        "null",
        "7",
        "{}",
        r#"{"request":null}"#,
        r#"{"request":{"method":7,"url":"Patient/c"}}"#,
        r#"{"request":{"method":"DELETE","url":null}}"#,
        r#"{"request":{"method":"DELETE","url":"odd"}}"#,
        r#"{"request":{"method":"DELETE","url":"Patient/"}}"#,
        r#"{"request":{"method":"DELETE","url":"Jane/1"}}"#,
        r#"{"request":{"method":"DELETE","url":"Patient?identifier=1"}}"#,
        r#"{"request":{"method":"PUT","url":"Patient/d"}}"#,
        r#"{"request":{"method":"DELETE","url":"Patient/a"},"fullUrl":"x"}"#,
        r#"{"request":{"method":"DELETE","url":"Patient/a "}}"#,
        r#"{"request":{"method":"delete","url":" patient/\u00a0e\u001f"}}"#,
    ];
    let bundle = |entries: &str| {
        format!("{{\"resourceType\":\"Bundle\",\"type\":\"transaction\",\"entry\":{entries}}}\n")
    };
    let text = [
        format!("\u{feff}{}", bundle(&format!("[{}]", entries.join(",")))),
        "\n".to_owned(),
        bundle("null"),
        bundle("{}"),
        "{\"resourceType\":\"Bundle\",\"type\":\"searchset\"}\n".to_owned(),
        format!("\u{feff}{}", bundle(r#"[{"request":{"method":"DELETE","url":"Claim/1"}}]"#)),
        "{\"resourceType\":\"Bundle\",\"type\":\"transaction\"}".to_owned(),
    ];
    let folder = folder(&[("deleted/1", &text.concat())]);
    let deletes = read_deletes(&folder, &["deleted/1".into()]).unwrap();
    assert_eq!(deletes.by_type["Patient"], ["a", "b", "e"]);
    assert_eq!(deletes.by_type.len(), 1);
    // One is a PUT, one of a type without a table.
    assert_eq!((deletes.not_understood, deletes.no_effect), (10 + 3, 2));
}

#[test]
fn a_line_of_deletes_beyond_the_limit_is_passed_over() {
    let line = r#"{"resourceType":"Bundle","type":"transaction","entry":[{"request":{"method":"DELETE","url":"Patient/a"}}]}"#;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    // Four times the limit, in a file of a few hundred kilobytes.
    for _ in 0..4 {
        gzip.write_all(&vec![b'x'; LONGEST_LINE]).unwrap();
    }
    gzip.write_all(format!("\n{line}\n").as_bytes()).unwrap();
    let folder = Folder::open("memory:///").unwrap();
    folder.write("deleted/1", gzip.finish().unwrap()).unwrap();
    let deletes = read_deletes(&folder, &["deleted/1".into()]).unwrap();
    assert_eq!((deletes.not_understood, deletes.by_type["Patient"].len()), (1, 1));
}

#[test]
fn a_log_is_read_however_it_was_written() {
    for (log, group, time) in [
        // A byte order mark, a number for an ID.
        (
            "\u{feff}{\"exportId\":7,\"eventId\":\"kickoff\",\"eventDetail\":{\"exportUrl\":\"https://h/Group/g/$export\"}}\r\n\
             {\"exportId\":\"7\",\"eventId\":\"status_complete\",\"eventDetail\":{\"transactionTime\":\"2024-08-06T18:12Z\"}}\r\n",
            "g",
            "2024-08-06T18:12:00Z",
        ),
        (
            "{\"exportId\":\"a\",\"eventId\":\"kickoff\",\"eventDetail\":{\"exportUrl\":\"https://h/Group/%24export\"}}\n\
             \u{feff}{\"exportId\":\"a\",\"eventId\":\"status_complete\",\"eventDetail\":{\"transactionTime\":\"2016-12-31T23:59:60Z\"}}",
            "",
            "2016-12-31T23:59:59.999Z",
        ),
        (
            "{\"eventId\":\"kickoff\",\"eventDetail\":{\"exportUrl\":\"https://h/Group/g;session=7/$export\"}}\n\
             {\"eventId\":\"status_complete\",\"eventDetail\":{\"transactionTime\":\"2024-08-06\"}}",
            "g",
            "2024-08-06T00:00:00Z",
        ),
        (
            "{\"eventId\":\"kickoff\",\"eventDetail\":{\"exportUrl\":\"https://h/Patient/p/$export\"}}\n\
             {\"eventId\":\"status_complete\",\"eventDetail\":{\"transactionTime\":\"2024-08-06T18:12:57.5+0000\"}}",
            "",
            "2024-08-06T18:12:57.5Z",
        ),
    ] {
        let log = read_export_log(&folder(&[("log.ndjson", log)]), "log.ndjson").unwrap();
        assert_eq!(log.group.as_deref(), Some(group));
        assert_eq!(log.time, Some(chrono::DateTime::parse_from_rfc3339(time).unwrap()));
    }
}

#[test]
fn times_are_read_as_iso_8601_has_them() {
    for (text, expected) in [
        ("2024-08-06", "2024-08-06T00:00:00Z"),
        ("2024-08-06T18:12", "2024-08-06T18:12:00Z"),
        ("2024-08-06T18:12Z", "2024-08-06T18:12:00Z"),
        ("2024-08-06 18:12:57", "2024-08-06T18:12:57Z"),
        ("2024-08-06t18:12:57.123z", "2024-08-06T18:12:57.123Z"),
        (" 2024-08-06T18:12:57+00 ", "2024-08-06T18:12:57Z"),
        ("2024-08-06T18:12:57-0430", "2024-08-06T22:42:57Z"),
        ("2024-08-06T18:12-04", "2024-08-06T22:12:00Z"),
        ("2024-08-06T18:12:57.5+05:30", "2024-08-06T12:42:57.5Z"),
        ("2016-12-31T23:59:60.5Z", "2016-12-31T23:59:59.999Z"),
    ] {
        let time = parse_time(text).unwrap();
        assert_eq!(time, chrono::DateTime::parse_from_rfc3339(expected).unwrap(), "{text}");
        assert!(!time.format("%Y-%m-%dT%H:%M:%S%.f%:z").to_string().contains(":60"), "{text}");
    }
    for text in [
        "",
        "2024",
        "2024-08",
        "2024-08-06T",
        "2024-08-06T18",
        "2024-08-06x18:12",
        "06.08.2024 18",
        "2024-08-06T18:12+0",
        "2024-08-06T18:12+é0",
        "2024-08-0é",
    ] {
        assert_eq!(parse_time(text), None, "{text}");
    }
}

#[test]
fn zstandard_files_may_begin_with_a_frame_of_notes() {
    let rows = zstd::encode_all(&b"one\n"[..], 1).unwrap();
    for first in [0x50, 0x57, 0x5f] {
        let skippable = [&[first, 0x2a, 0x4d, 0x18, 3, 0, 0, 0][..], b"abc"].concat();
        let bytes = [skippable.clone(), rows.clone(), skippable, rows.clone()].concat();
        let reader = decompress(Box::new(Cursor::new(bytes))).unwrap();
        assert_eq!(lines(Chunks::new(reader)), [(1, 4), (2, 4)]);
    }
}

#[test]
fn rows_behind_many_of_another_type_are_found() {
    let other = format!("{{\"resourceType\":\"Claim\",\"x\":\"{}\"}}\n", "x".repeat(1 << 20));
    let others = other.repeat(70);
    let mixed = format!("{others}{{\"resourceType\":\"Patient\"}}\n");
    let contained = format!(
        "{others}{{\"contained\":[{{\"resourceType\":\"Claim\"}}],\"resourceType\":\"Encounter\"}}\n"
    );
    let folder = folder(&[
        ("mixed.ndjson", &mixed),
        // Named after the type that it seems to be of all through.
        ("Claim.000.ndjson", &mixed),
        ("a/claim.jsonl", &contained),
        ("Claim.001.ndjson", &others),
        ("Patient.ndjson", &mixed),
    ]);
    let gzip = |text: &str| {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(text.as_bytes()).unwrap();
        gzip.finish().unwrap()
    };
    folder.write("Claim.002.ndjson.gz", gzip(&mixed)).unwrap();
    folder.write("Claim.003.ndjson.zst", zstd::encode_all(mixed.as_bytes(), 1).unwrap()).unwrap();
    let inputs = find(&folder).unwrap();
    let found: Vec<_> =
        inputs.files.iter().map(|file| (file.name.as_str(), file.resource_type)).collect();
    assert_eq!(
        found,
        [
            ("Claim.000.ndjson", "Patient"),
            ("Claim.002.ndjson.gz", "Patient"),
            ("Claim.003.ndjson.zst", "Patient"),
            ("Patient.ndjson", "Patient"),
            ("a/claim.jsonl", "Encounter"),
            ("mixed.ndjson", "Patient"),
        ]
    );
    assert_eq!(inputs.skipped, ["Claim.001.ndjson"]);
    assert!(inputs.no_resources.is_empty());
}

#[test]
fn files_without_a_resource_a_line_are_told_from_those_of_other_types() {
    let utf16: Vec<u8> =
        "{\"resourceType\":\"Patient\"}\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let folder = folder(&[
        ("array.ndjson", "[{\"resourceType\":\"Patient\"}]\n"),
        ("bundle.ndjson", "{\"resourceType\":\"Bundle\",\"entry\":[]}\n"),
        ("pretty.jsonl", "{\n  \"resourceType\": \"Patient\"\n}\n"),
        ("claim.ndjson", "{\"resourceType\":\"Claim\"}\n"),
        ("empty.ndjson", "\n"),
    ]);
    folder.write("utf16.ndjson", utf16).unwrap();
    let inputs = find(&folder).unwrap();
    let expected = ["array.ndjson", "bundle.ndjson", "pretty.jsonl", "utf16.ndjson"];
    assert_eq!(inputs.no_resources, expected);
}

#[test]
fn of_several_logs_the_one_of_the_usual_name_counts() {
    let find = |files: &[(&str, &str)]| {
        let inputs = find(&folder(files)).unwrap();
        (inputs.log, inputs.not_read)
    };
    let not_read = vec!["log.may.ndjson".to_owned()];
    assert_eq!(
        find(&[("LOG.ndjson", ""), ("log.may.ndjson", "")]),
        (Some("LOG.ndjson".into()), not_read.clone())
    );
    assert_eq!(
        find(&[("Log.ndjson", ""), ("log.ndjson", "")]),
        (Some("log.ndjson".into()), vec!["Log.ndjson".to_owned()])
    );
    let (log, not_read) = find(&[("log.june.ndjson", ""), ("log.may.NDJSON", "")]);
    assert_eq!((log, not_read.len()), (None, 2));
}

#[test]
fn what_cannot_be_read_in_a_folder_costs_only_itself() {
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;

    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let row = "{\"resourceType\":\"Patient\"}\n";
    std::fs::create_dir_all(path("a/b")).unwrap();
    for name in ["a/b/Patient.ndjson", "Patient\n\u{1b}[2J.ndjson", "Icon\r", "50%20off#1.ndjson"] {
        std::fs::write(path(name), row).unwrap();
    }
    std::fs::write(dir.path().join(std::ffi::OsStr::from_bytes(b"caf\xe9.ndjson")), row).unwrap();
    // To a file of the folder, to its folder, to a loop, to nowhere, and to a file elsewhere.
    let elsewhere = tempfile::tempdir().unwrap();
    std::fs::write(elsewhere.path().join("blob"), row).unwrap();
    symlink("a/b/Patient.ndjson", path("Link.ndjson")).unwrap();
    symlink("b", path("a/linked")).unwrap();
    symlink("..", path("a/loop")).unwrap();
    symlink("nowhere.ndjson", path("dangling.ndjson")).unwrap();
    symlink(elsewhere.path().join("blob"), path("elsewhere.ndjson")).unwrap();
    symlink(elsewhere.path().join("blob"), path("once more.ndjson")).unwrap();
    // A link to what by its own name is no data.
    std::fs::write(path("0123abcd"), row).unwrap();
    symlink("0123abcd", path("Managed.ndjson")).unwrap();

    let folder = Folder::open(dir.path().to_str().unwrap()).unwrap();
    let inputs = find(&folder).unwrap();
    let names: Vec<_> = inputs.files.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "50%20off#1.ndjson",
            "Managed.ndjson",
            "Patient\n\u{1b}[2J.ndjson",
            "a/b/Patient.ndjson",
            "elsewhere.ndjson"
        ]
    );
    let unusable: Vec<_> = inputs.unusable.iter().map(|(name, _)| name.as_str()).collect();
    let mut unusable = unusable;
    unusable.sort_unstable();
    assert_eq!(unusable, ["Icon\\r", "a/loop", "caf\u{fffd}.ndjson", "dangling.ndjson"]);
    assert!(!folder.show("a\u{1b}[2J").contains('\u{1b}'));
}

#[test]
fn what_stands_beside_a_request_to_delete_is_not_looked_at() {
    let deep = format!("{}1{}", "[".repeat(500), "]".repeat(500));
    let entry = |id: &str, beside: &str| {
        format!(r#"{{{beside}"request":{{"method":"DELETE","url":"Patient/{id}"}}}}"#)
    };
    let entries = [
        entry("a", &format!(r#""resource":{{"x":{deep}}},"#)),
        entry("b", &format!(r#""response":{deep},"#)),
        deep.clone(),
        entry("c", r#""search":1e400,"#),
    ];
    let text = format!(
        r#"{{"meta":{deep},"resourceType":"Bundle","type":"transaction","entry":[{}]}}"#,
        entries.join(",")
    );
    let folder = folder(&[("deleted/1", &text)]);
    let deletes = read_deletes(&folder, &["deleted/1".into()]).unwrap();
    assert_eq!(deletes.by_type["Patient"], ["a", "b", "c"]);
    assert_eq!((deletes.not_understood, deletes.no_effect), (1, 0));
    assert_eq!(count_entries(text.as_bytes()), 4);
    for none in ["", "[]", "{}", r#"{"entry":{}}"#, r#"{"entry":null}"#] {
        assert_eq!(count_entries(none.as_bytes()), 0, "{none}");
    }
}

#[test]
fn an_event_of_a_log_is_no_longer_than_events_are() {
    let event = |id: &str, beside: &str| {
        format!(
            r#"{{"exportId":"{id}","eventId":"kickoff","eventDetail":{{"exportUrl":"https://ehr/{id}/$export"{beside}}}}}"#
        )
    };
    let large = format!(r#","x":[{}0]"#, "0,".repeat(LONGEST_EVENT / 2));
    for (last, expected) in [(event("b", ""), "b"), (event("c", &large), "a")] {
        let text = format!("{}\n{last}\n", event("a", ""));
        let folder = folder(&[("log.ndjson", &text)]);
        let log = read_export_log(&folder, "log.ndjson").unwrap();
        assert_eq!(log.export_url, Some(format!("https://ehr/{expected}/$export")));
    }
}
