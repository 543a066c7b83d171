//! Tests of what an upload sends, and what it never sends.

use std::fs;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use arrow::array::{ArrayRef, Int64Array, ListArray, StringArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field};
use serde_json::json;

use super::Ground;
use super::files::{
    MANIFEST, counts, export, export_of, export_with, fingerprint, fraction, large_export, table,
    whole, words, zip,
};
use super::server::{NETWORK, USER};
use crate::needs::need;
use crate::s3::S3;
use crate::support::{Ended, end, json_file};

#[test]
fn the_file_arrives_as_it_is_and_a_receipt_proves_it() {
    let ground = need!(Ground::new());
    let members = export(&ground.site, "core", Some(whole(7)));
    let ended = ground.ends(ground.upload(&["core"]).args(["--network", NETWORK]), 0);
    assert!(ended.err.contains("core: sent "), "{ended:?}");
    assert!(ended.err.contains("transaction transaction-1"), "{ended:?}");
    let asked = ground.aggregator.server.asked();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].target, format!("/{NETWORK}"));
    let body = json!({"study": "core", "data_package_version": 7, "filename": "site_a_core.zip"});
    assert_eq!(ground.asked(), [(body, None)]);
    let object = "site_upload/core/site_a/007/site_a_core.zip";
    let (sha256, size) = fingerprint(&ground.site, "core");
    let objects = ground.store.objects("core/site_a/007/");
    assert_eq!(objects, [(object.to_owned(), size, sha256.clone())]);
    let mut receipt = json_file(&ground.site.path("exports/core/upload.json"));
    let time = receipt["time"].take();
    let age = chrono::Utc::now()
        - time.as_str().unwrap().parse::<chrono::DateTime<chrono::Utc>>().unwrap();
    assert!((0..60).contains(&age.num_seconds()), "{time}");
    assert!(receipt["etag"].take().as_str().is_some_and(|text| text.len() == 32));
    assert_eq!(
        receipt,
        json!({"time": null, "study": "core", "user": USER,
            "url": format!("{}{NETWORK}", ground.aggregator.server.url),
            "transaction_id": "transaction-1", "filename": "site_a_core.zip", "object": object,
            "etag": null, "bytes": size, "sha256": sha256, "data_package_version": 7,
            "members": members, "program": concat!("cumulus-etl ", env!("CARGO_PKG_VERSION"))})
    );
}

#[test]
fn a_second_receipt_keeps_the_first() {
    let ground = need!(Ground::new());
    for version in [1, 2, 3] {
        export(&ground.site, "again", Some(whole(version)));
        ground.ends(&mut ground.upload(&["again"]), 0);
        ground.aggregator.is_done();
    }
    let receipt = json_file(&ground.site.path("exports/again/upload.json"));
    assert_eq!(receipt["data_package_version"], 3);
    let earlier = receipt["earlier"].as_array().unwrap();
    let versions: Vec<_> = earlier.iter().map(|e| e["data_package_version"].clone()).collect();
    assert_eq!(versions, [2, 1]);
    assert!(earlier.iter().all(|receipt| receipt["earlier"].is_null()));
}

#[test]
fn all_exports_go_in_one_call_unless_some_are_named() {
    let ground = need!(Ground::new());
    for study in ["one", "two", "three"] {
        export(&ground.site, study, None);
    }
    ground.site.file("exports/archive__2026-01-01.zip", "not for upload");
    ground.site.file("exports/empty/notes.txt", "no export");
    ground.ends(&mut ground.upload(&["two", "ONE", "two"]), 0);
    let studies: Vec<_> = ground.asked().iter().map(|(body, _)| body["study"].clone()).collect();
    assert_eq!(studies, ["two", "one"]);
    ground.aggregator.is_done();
    let ended = ground.ends(&mut ground.upload(&[]), 0);
    assert!(ended.err.contains("uploaded 3 studies"), "{ended:?}");
    assert_eq!(ground.asked().len(), 5);
    assert!(["one", "two", "three"].iter().all(|study| ground.has_receipt(study)));
}

#[test]
fn the_version_is_read_from_the_study() {
    let ground = need!(Ground::new());
    let cases = [
        (None, 0),
        (Some(whole(12)), 12),
        (Some(words("5")), 5),
        (Some(words("3.0")), 3),
        (Some(fraction(4.0)), 4),
    ];
    for (version, expected) in cases {
        export(&ground.site, "versions", version);
        ground.ends(&mut ground.upload(&["versions"]), 0);
        ground.aggregator.is_done();
        assert_eq!(ground.asked().pop().unwrap().0["data_package_version"], expected);
    }
    let asked = ground.asked().len();
    let odd = [words("two"), table("other", Arc::new(StringArray::from(vec!["1"]))), vec![1; 50]];
    for version in odd {
        export(&ground.site, "versions", Some(version));
        let ended = ground.ends(&mut ground.upload(&["versions"]), 73);
        assert!(ended.err.contains("versions__meta_version.meta.parquet"), "{ended:?}");
    }
    assert_eq!(ground.asked().len(), asked);
}

#[test]
fn what_must_not_leave_stops_all_before_any_call() {
    let ground = need!(Ground::new());
    export(&ground.site, "good", None);
    for (name, bytes) in [
        ("lines__patients.archive.parquet", counts()),
        ("lines__patient.parquet", counts()),
        ("notes/manifest.toml", b"x".to_vec()),
        ("lines__count.cube", counts()),
    ] {
        export_with(&ground.site, "lines", None, &[(name, bytes)]);
        let ended = ground.ends(&mut ground.upload(&["good", "lines"]), 73);
        assert!(ended.err.contains("nothing was sent"), "{ended:?}");
        assert!(ended.err.contains(&format!("holds what must not leave: {name:?}")), "{ended:?}");
    }
    let dates = ("dates__count.cube.parquet", counts());
    export_of(&ground.site, "dates", std::slice::from_ref(&dates));
    let ended = ground.ends(&mut ground.upload(&["dates"]), 73);
    assert!(ended.err.contains("has no 'dates__meta_date.meta.parquet'"), "{ended:?}");
    // Another study's dates are not this one's.
    export_of(&ground.site, "dates", &[dates, ("other__meta_date.meta.parquet", counts())]);
    ground.ends(&mut ground.upload(&["dates"]), 73);
    // An export that was broken off has no manifest yet.
    export_of(&ground.site, "dates", &[("dates__meta_date.meta.parquet", counts())]);
    let ended = ground.ends(&mut ground.upload(&["dates"]), 73);
    assert!(ended.err.contains("has no manifest.toml, so it is not whole"), "{ended:?}");
    let whole = zip(&[("x__a.cube.parquet", counts())]);
    for bytes in [&b"PK no zip"[..], &whole[..whole.len() - 30], &zip(&[])] {
        ground.site.file("exports/broken/broken.zip", bytes);
        ground.ends(&mut ground.upload(&["broken"]), 73);
    }
    assert_eq!(ground.asked().len(), 0, "nobody was asked");
    assert!(!ground.has_receipt("good"));
}

#[test]
fn ids_in_a_table_stop_all_before_any_call() {
    let ground = need!(Ground::new());
    export(&ground.site, "good", None);
    let id = "0123456789abcdef".repeat(4);
    let texts = |text: &str| -> ArrayRef { Arc::new(StringArray::from(vec!["x", text])) };
    let item = Arc::new(Field::new("item", DataType::Utf8, true));
    let list = ListArray::new(item, OffsetBuffer::from_lengths([2]), texts(&id), None);
    let cases = [
        ("lines__rows.flat.parquet", table("kind", texts(&format!("Patient/{id}")))),
        ("lines__rows.meta.parquet", table("kind", texts(&format!("{id}x")))),
        ("lines__rows.cube.parquet", table("CNT", texts(&id))),
        ("lines__rows.annotated_cube.parquet", table("cnt", Arc::new(list))),
        ("lines__rows.flat.parquet", table("subject_ref", texts("x"))),
        ("lines__rows.cube.parquet", table("kind", texts("x"))),
    ];
    for (name, bytes) in cases {
        export_with(&ground.site, "lines", None, &[(name, bytes)]);
        let ended = ground.ends(&mut ground.upload(&["good", "lines"]), 73);
        assert!(ended.err.contains(&format!("holds what must not leave: {name}: it")), "{ended:?}");
        assert!(!ended.err.contains("0123456789abcdef"), "{ended:?}");
    }
    export_with(&ground.site, "lines", None, &[("lines__rows.flat.parquet", vec![7; 99])]);
    let ended = ground.ends(&mut ground.upload(&["lines"]), 73);
    assert!(ended.err.contains("'lines__rows.flat.parquet' that cannot be checked"), "{ended:?}");
    assert_eq!(ground.asked().len(), 0, "nobody was asked");
    let alarm = [("lines__rows.flat.parquet", table("digest", texts(&id)))];
    export_with(&ground.site, "lines", None, &alarm);
    ground.ends(ground.upload(&["lines"]).args(["--allow-ids", "Lines__rows"]), 0);
}

#[test]
fn cells_of_few_are_told_before_they_leave() {
    let ground = need!(Ground::new());
    let few = table("cnt", Arc::new(Int64Array::from(vec![30, 9, 4])));
    export_with(&ground.site, "few", None, &[("few__small.cube.parquet", few)]);
    let told = "2 cells of few__small.cube.parquet count fewer than 10";
    let ended = ground.ends(ground.upload(&["few"]).arg("--preview"), 73);
    assert!(ended.err.contains("--allow-small-cells few__small"), "{ended:?}");
    let allowed = ["--allow-small-cells", "few__small"];
    let ended = ground.ends(ground.upload(&["few"]).arg("--preview").args(allowed), 0);
    assert!(ended.out.contains(told), "{ended:?}");
    let ended = ground.ends(ground.upload(&["few"]).args(allowed), 0);
    assert!(ended.err.contains(&format!("few: {told}")), "{ended:?}");
    assert!(!ended.err.contains("count_month"), "{ended:?}");
}

#[test]
fn what_is_unpacked_goes_to_the_folder_that_is_named() {
    let ground = need!(Ground::new());
    export(&ground.site, "core", None);
    let mut command = ground.upload(&["core"]);
    command.env("TMPDIR", "/nowhere").args(["--preview", "--work-dir", "work"]);
    ground.ends(&mut command, 0);
    assert_eq!(std::fs::read_dir(ground.site.path("work")).unwrap().count(), 0);
}

#[test]
fn the_study_that_discovers_codes_needs_no_dates() {
    let ground = need!(Ground::new());
    let members = [("discovery__codes.flat.parquet", counts()), (MANIFEST, b"a = 1".to_vec())];
    export_of(&ground.site, "discovery", &members);
    ground.ends(&mut ground.upload(&["discovery"]), 0);
}

#[test]
fn a_preview_shows_both_requests_and_asks_nobody() {
    let ground = need!(Ground::new());
    let members = export(&ground.site, "core", Some(whole(7)));
    let ended = ground.ends(ground.upload(&["core"]).args(["--preview", "--network", "net"]), 0);
    let (sha256, _) = fingerprint(&ground.site, "core");
    let url = ground.aggregator.server.url.as_str();
    let body = r#"{"study":"core","data_package_version":7,"filename":"site_a_core.zip"}"#;
    let first = format!("POST {url}net");
    for part in [&first, &sha256, body, "Basic ***", "form fields", "site_a_core.zip"] {
        assert!(ended.out.contains(part), "{part}: {}", ended.out);
    }
    assert!(members.iter().all(|member| ended.out.contains(member)), "{}", ended.out);
    assert_eq!(ground.asked().len(), 0);
    assert!(!ground.has_receipt("core"));
    // To look, nobody need be known.
    let mut command = ground.upload(&["core"]);
    command.env_remove("CUMULUS_AGGREGATOR_USER").env_remove("CUMULUS_AGGREGATOR_ID");
    let ended = ground.ends(command.arg("--preview"), 0);
    assert!(ended.out.contains("<user>_core.zip"), "{}", ended.out);
}

#[test]
fn exports_in_a_bucket_are_sent_and_get_their_receipt_there() {
    let ground = need!(Ground::new());
    let s3 = need!(S3::start());
    export(&ground.site, "core", Some(whole(9)));
    let folder = ground.site.arg("exports");
    s3.order(&format!("load output {folder}"));
    let mut command = ground.site.command();
    command.args(["study", "upload", "s3://output/", "-t", "core"]);
    command.env("CUMULUS_AGGREGATOR_URL", ground.aggregator.server.url.as_str());
    command.env("CUMULUS_AGGREGATOR_USER", USER).env("CUMULUS_AGGREGATOR_ID", super::server::ID);
    ground.ends(s3.reach(&mut command), 0);
    let (sha256, size) = fingerprint(&ground.site, "core");
    let name = "site_upload/core/site_a/009/site_a_core.zip".to_owned();
    assert_eq!(ground.store.objects("core/site_a/009"), [(name, size, sha256.clone())]);
    let saved = ground.site.path("saved");
    s3.order(&format!("save output {}", saved.display()));
    assert_eq!(json_file(&saved.join("core/upload.json"))["sha256"], sha256);
    assert_eq!(std::fs::read_dir(ground.site.path("tmp")).unwrap().count(), 0);
}

#[test]
fn what_is_missing_or_odd_is_said_before_any_call() {
    let ground = need!(Ground::new());
    export(&ground.site, "core", None);
    let ended = ground.ends(ground.upload(&["core"]).env_remove("CUMULUS_AGGREGATOR_ID"), 25);
    assert!(ended.err.contains("--id is needed"), "{ended:?}");
    let ended = ground.ends(ground.upload(&["core"]).env("CUMULUS_AGGREGATOR_USER", ""), 25);
    assert!(ended.err.contains("--user is needed"), "{ended:?}");
    for (arguments, code, words) in [
        (&["-t", "other"][..], 54, "no export of 'other'"),
        (&["-t", "../core"], 23, "is no study"),
        (&["-t", "core", "--network", "a/b"], 23, "--network must be"),
        (&["-t", "core", "--user", "a:b"], 23, "--user must be"),
        (&["-t", "core", "--id", "/no/such/file"], 38, "--id"),
    ] {
        let mut command = ground.upload(&[]);
        let ended = ground.ends(command.args(arguments), code);
        assert!(ended.err.contains(words), "{ended:?}");
    }
    for url in ["ftp://x/", "https://me:geheim@x/", "https://x/?a=b", "nonsense"] {
        let mut command = ground.site.command();
        command.args(["study", "upload", "exports", "--user=u", "--id=i", "--url", url]);
        let ended = end(&mut command);
        assert_eq!(ended.code, Some(23), "{ended:?}");
        assert!(!ended.err.contains("geheim"), "{ended:?}");
    }
    let mut command = ground.upload(&[]);
    ground.ends(command.env("CUMULUS_LIBRARY_DATA_PATH", "elsewhere"), 0);
    let mut command = ground.site.command();
    command.args(["study", "upload", "nowhere", "--user=u", "--id=i"]);
    assert_eq!(end(&mut command).code, Some(54));
}

#[test]
fn the_help_tells_variables_but_not_the_id() {
    let site = crate::support::Site::new();
    let mut command = site.command();
    command.args(["study", "upload", "--help"]).env("CUMULUS_AGGREGATOR_ID", "geheim");
    let ended = end(&mut command);
    for name in ["USER", "ID", "NETWORK", "URL"] {
        assert!(ended.out.contains(&format!("CUMULUS_AGGREGATOR_{name}")), "{}", ended.out);
    }
    assert!(!ended.out.contains("geheim"), "{}", ended.out);
}

/// The most memory that a process has held, in MiB, when it has ended well.
#[cfg(target_os = "linux")]
fn peak_of(command: &mut Command) -> u64 {
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        // It only grows, and is gone with the process.
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        peak = kib.map_or(peak, |kib| kib >> 10);
        thread::sleep(Duration::from_millis(5));
    }
    let ended = Ended::from(child.wait_with_output().unwrap());
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    peak
}

#[test]
#[cfg(target_os = "linux")]
fn a_large_file_takes_no_more_memory_than_a_small_one() {
    let ground = need!(Ground::new());
    export(&ground.site, "small", None);
    let small = peak_of(&mut ground.upload(&["small"]));
    large_export(&ground.site, "large", 300);
    // Its store needs a while for it.
    let large = peak_of(ground.upload(&["large"]).env("CUMULUS_ETL_TEST_TIME_SCALE", "1"));
    assert!(small > 0 && large < small + 150, "{small} MiB, and {large} MiB of a file of 300");
    let (_, size) = fingerprint(&ground.site, "large");
    assert!(size > 300 << 20);
    assert_eq!(ground.store.objects("large/")[0].1, size);
}
