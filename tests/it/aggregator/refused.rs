//! Files that an upload refuses for their content, whatever they are called. No request is sent.

use std::sync::Arc;

use arrow::array::{Int64Array, StringArray};

use super::files::{MANIFEST, counts, export_of, table, zip};
use crate::support::{Ended, Site, end};

fn preview(site: &Site) -> Ended {
    let mut command = site.command();
    end(command.args(["study", "upload", "exports", "-t", "s", "--preview"]))
}

fn refused(site: &Site, why: &str, about: &str) {
    let ended = preview(site);
    assert_eq!(ended.code, Some(73), "{about}: {ended:?}");
    assert!(ended.err.contains(why), "{about}: {ended:?}");
    assert!(!ended.err.contains("Smith"), "{about}: {ended:?}");
}

/// The members of a usual export.
fn usual() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("s__count.cube.parquet", counts()),
        ("s__meta_date.meta.parquet", counts()),
        (MANIFEST, b"study_prefix = 's'\n".to_vec()),
    ]
}

const ROW: &[u8] = b"{\"resourceType\":\"Patient\",\"name\":\"Smith\"}\n";

#[test]
fn members_are_taken_by_what_they_are() {
    let site = Site::new();
    export_of(&site, "s", &usual());
    let ended = preview(&site);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    for name in [
        "raw.flat.ndjson",
        "s__rows.flat.csv",
        "s__rows.cube.",
        "s__rows.flat.parquet.gz",
        "x/s__rows.flat.parquet",
        "s__rows.parquet",
        "s__rows.flat.parquet\u{202e}",
        "Manifest.toml",
    ] {
        export_of(&site, "s", &[usual(), vec![(name, ROW.to_vec())]].concat());
        refused(&site, "holds what must not leave", name);
    }
    let mut parquet = counts();
    parquet.splice(0..4, *b"PAR2");
    let mut longer = ROW.to_vec();
    longer.extend(counts());
    for bytes in [ROW.to_vec(), parquet, longer, Vec::new()] {
        let member = ("s__rows.flat.parquet", bytes);
        export_of(&site, "s", &[usual(), vec![member]].concat());
        refused(&site, "that cannot be checked", "a table that is none");
    }
    for bytes in [ROW.to_vec(), vec![0xff; 9], b"\0\0\0".to_vec()] {
        let members = [usual()[..2].to_vec(), vec![(MANIFEST, bytes)]].concat();
        export_of(&site, "s", &members);
        refused(&site, "has a 'manifest.toml' that cannot be checked", "a manifest that is none");
    }
    // Counts are told by their column.
    let few = table("Cnt", Arc::new(Int64Array::from(vec![30, 3])));
    for kind in ["flat", "meta", "cube", "annotated_cube"] {
        let name = format!("s__few.{kind}.parquet");
        export_of(&site, "s", &[usual(), vec![(name.as_str(), few.clone())]].concat());
        refused(&site, "fewer than 10", kind);
    }
    let manifest = (MANIFEST, b"allowed_small_cells = ['S__Few']\n".to_vec());
    let members = [usual()[..2].to_vec(), vec![("s__few.cube.parquet", few), manifest]].concat();
    export_of(&site, "s", &members);
    let ended = preview(&site);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.out.contains("1 cell of s__few.cube.parquet"), "{ended:?}");
    let kinds = table("kind", Arc::new(StringArray::from(vec!["x"])));
    export_of(&site, "s", &[usual(), vec![("s__kinds.flat.parquet", kinds)]].concat());
    assert_eq!(preview(&site).code, Some(0));
}

#[test]
fn nothing_is_in_the_zip_but_its_members() {
    let site = Site::new();
    let whole = zip(&usual());
    let place = |part: &[u8]| whole.windows(part.len()).position(|w| w == part).unwrap();
    let (list, end) = (place(b"PK\x01\x02"), place(b"PK\x05\x06"));
    let put = |at: usize| {
        let mut bytes = whole.clone();
        bytes.splice(at..at, ROW.iter().copied());
        bytes
    };
    // A reader of zips finds the end of one behind other bytes.
    for (at, about) in
        [(0, "before"), (list, "between"), (end, "after the list"), (whole.len(), "at the end")]
    {
        site.file("exports/s/s.zip", put(at));
        refused(&site, "", about);
    }
    let mut comment = whole.clone();
    let length = comment.len();
    comment[length - 2] = ROW.len() as u8;
    comment.extend(ROW);
    site.file("exports/s/s.zip", comment);
    refused(&site, "more than members", "a comment");
    // The same name with another table behind it.
    let twice = zip(&[usual(), vec![("S__Count.cube.parquet", counts())]].concat());
    site.file("exports/s/s.zip", twice);
    refused(&site, "two members", "twice");
    let mut other = whole.clone();
    let name = b"s__count.cube.parquet";
    let first = place(name);
    other[first] = b'x';
    site.file("exports/s/s.zip", other);
    refused(&site, "", "another name in the list");
}
