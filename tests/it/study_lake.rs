//! Which files of a lake are tables to a study.

use std::fs;

use serde_json::json;

use crate::support::{Ended, Site, end, patient, resource};

fn count(site: &Site, lake: &str) -> Ended {
    let sql = "SELECT count(*) AS n FROM patient";
    let ended = end(site.command().args(["study", "sql", sql, "--database=db", "--lake", lake]));
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    ended
}

fn site() -> Site {
    let site = Site::new();
    site.rows("p.ndjson", &[patient("a", "x"), patient("b", "x")]);
    site.rows("c.ndjson", &[resource("Condition", "c", json!({}))]);
    site
}

#[test]
fn what_lies_beside_the_files_of_a_table_is_no_part_of_it() {
    for format in ["parquet", "ndjson"] {
        for (place, is_said) in [
            (format!("archive/patient.000.{format}"), true),
            (format!("2024/01/old.{format}"), true),
            (format!("Copy of patient.000.{format}"), true),
            (format!("patient.000 (1).{format}"), true),
            ("README.md".to_owned(), false),
        ] {
            let site = site();
            site.run(&[&format!("--output-format={format}")]);
            let table = site.path(&format!("out/patient/patient.000.{format}"));
            let copy = site.path(&format!("out/patient/{place}"));
            fs::create_dir_all(copy.parent().unwrap()).unwrap();
            fs::copy(table, copy).unwrap();
            let ended = count(&site, "out");
            assert!(ended.out.contains('2') && !ended.out.contains('4'), "{place}: {}", ended.out);
            assert_eq!(ended.err.contains("patient: 1 file in"), is_said, "{place}: {}", ended.err);
        }
    }
}

#[test]
fn tables_of_other_programs_may_have_any_names() {
    let site = site();
    site.run(&["--output-format=parquet"]);
    let name = |name: &str| site.path(&format!("out/patient/{name}.parquet"));
    fs::rename(name("patient.000"), name("part-00000-c000.snappy")).unwrap();
    fs::copy(name("part-00000-c000.snappy"), name("part-00001-c000.snappy")).unwrap();
    let ended = count(&site, "out");
    assert!(ended.out.contains('4') && ended.err.is_empty(), "{} {}", ended.out, ended.err);
}

#[test]
fn a_lake_with_two_sets_of_tables_says_which_one_is_read() {
    let site = site();
    site.run(&["--output-format=ndjson,csv"]);
    assert_eq!(count(&site, "out").err, "");
    // A folder that only has the name of a format is none of a lake's.
    fs::create_dir(site.path("out/parquet")).unwrap();
    assert_eq!(count(&site, "out").err, "");
    site.rows("more.ndjson", &[patient("d", "x")]);
    site.run(&["--output-format=ndjson"]);
    let ended = count(&site, "out");
    assert!(ended.out.contains('2'), "{}", ended.out);
    assert!(ended.err.contains("two sets of tables"), "{}", ended.err);
    let ended = count(&site, "out/ndjson");
    assert!(ended.out.contains('2') && ended.err.is_empty(), "{} {}", ended.out, ended.err);
}
