//! Rows whose texts are larger, together, than what is held in memory: with little of it.

use std::fs::File;
use std::io::{BufWriter, Write};

use serde_json::json;

use crate::memory::run_limited;
use crate::needs::need;
use crate::support::{Site, resource};

/// The memory of a run.
const MIB: u64 = 280;

/// A text of so many bytes that no other row has.
fn long_text(row: usize, bytes: usize) -> String {
    format!("{row:08x}").repeat(bytes / 8)
}

/// Writes rows whose `language`, which is kept, has so many bytes.
fn write_rows(site: &Site, name: &str, resource_type: &str, rows: usize, bytes: usize) {
    let path = site.path("in").join(name);
    let mut file = BufWriter::new(File::create(path).unwrap());
    for n in 0..rows {
        let row =
            resource(resource_type, &format!("r{n}"), json!({"language": long_text(n, bytes)}));
        writeln!(file, "{row}").unwrap();
    }
    file.flush().unwrap();
}

/// Checks that a table has these rows with all of their texts.
fn check_rows(site: &Site, format: &str, table: &str, rows: usize, bytes: usize) {
    let mut texts: Vec<String> = site
        .table("out", format, table)
        .into_iter()
        .map(|row| row["language"].as_str().unwrap().to_owned())
        .collect();
    texts.sort_unstable();
    assert_eq!(texts.len(), rows, "{format}");
    for (n, text) in texts.iter().enumerate() {
        assert!(*text == long_text(n, bytes), "{format}: the text of row {n} is another");
    }
}

#[test]
fn texts_larger_than_a_batch_may_be_reach_their_tables() {
    // Fewer rows than a batch has at most, and more bytes than the memory. Delta once more, into the
    // table that is there.
    for (format, table, rows, bytes, runs) in
        [("deltalake", "Observation", 600, 530_000, 2), ("csv", "Patient", 76, 4 << 20, 1)]
    {
        let site = Site::new();
        write_rows(&site, "long.ndjson", table, rows, bytes);
        let option = format!("--output-format={format}");
        for _ in 0..runs {
            need!(run_limited(&site, MIB, &[&option, "--strict"]));
            check_rows(&site, format, &table.to_lowercase(), rows, bytes);
        }
    }
}
