//! Tables that grow file by file: which files and which keys are there already.

use hashbrown::HashMap;

use super::FileFormat;
use crate::deid::row_key;
use crate::error::{Context, Result};
use crate::output::rows::{Bitmap, Change, split_keys};
use crate::output::table::TableRun;
use crate::store::Folder;

/// A table's files with their numbers, in order.
pub(super) fn list_files(
    folder: &Folder,
    table: &str,
    extension: &str,
) -> Result<Vec<(usize, String)>> {
    let mut files: Vec<_> = folder
        .list_direct()?
        .1
        .into_iter()
        .filter_map(|name| Some((file_number(&name, table, extension)?, name)))
        .collect();
    // By number: as text `.1000.` comes before `.999.`.
    files.sort_unstable();
    Ok(files)
}

/// The number of a table's file, from its name: `patient.007.csv`.
pub(super) fn file_number(name: &str, table: &str, extension: &str) -> Option<usize> {
    let rest = name.strip_prefix(table)?.strip_prefix('.')?;
    let number = rest.strip_suffix(extension)?.strip_suffix('.')?;
    // As this program writes them: at least three digits, and no others before them.
    // `parse` alone would take `+07`, too.
    let is_plain = number.len() >= 3 && number.bytes().all(|byte| byte.is_ascii_digit());
    let is_padded = number.len() == 3 || !number.starts_with('0');
    number.parse().ok().filter(|_| is_plain && is_padded)
}

/// Clears from `live` the rows whose keys are in `files` already. `key_bytes`: what the run's keys may
/// take; with more, the files are read several times.
pub(super) fn keep_new_rows(
    format: &dyn FileFormat,
    folder: &Folder,
    files: &[(usize, String)],
    run: &TableRun<'_>,
    live: &mut Bitmap,
    key_bytes: usize,
) -> Result<()> {
    // About 64 bytes an entry, as [`HashMap`] takes while it grows.
    let at_once = (key_bytes / 64) as u64;
    for range in split_keys(run.keys.count(), at_once.max(1)) {
        let mut slots = HashMap::new();
        run.keys.scan(range, &mut |key, change| {
            if let Change::Row { slot, .. } = change {
                slots.insert(key, slot);
            }
        })?;
        for (_, name) in files {
            visit_keys(format, folder, name, run.key_columns, &mut |columns| {
                if let Some(slot) = slots.get(&row_key(columns)) {
                    live.clear(*slot);
                }
            })?;
        }
    }
    Ok(())
}

/// Gives the key of each row of a file to `visit`. Such a file may have been cut off, or saved by
/// another program, such as a spreadsheet: rows that can't be told count as not there, and are then
/// written anew.
fn visit_keys(
    format: &dyn FileFormat,
    folder: &Folder,
    name: &str,
    columns: &[&str],
    visit: &mut dyn FnMut(&[&str]),
) -> Result<()> {
    let Some(reader) = folder.open_reader(name)? else { return Ok(()) };
    let read = format.read_keys(reader, columns, visit);
    match read.with_context(|| format!("cannot read '{}'", folder.show(name)))? {
        Readable::Whole => {}
        Readable::InPart => tracing::warn!(
            "'{}' is damaged or was changed by another program: rows of it that cannot be read are \
             written again, to a new file. Move it away if other programs do not read it either",
            folder.show(name)
        ),
    }
    Ok(())
}

/// How far a file could be understood. A refusal of the store is an error instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readable {
    /// All of it.
    Whole,
    /// It was cut off, or another program has saved it: some rows, or none, were told.
    InPart,
}

#[cfg(test)]
mod tests {
    use std::io;

    use std::ops::Range;

    use arrow::datatypes::{Schema, SchemaRef};
    use bytes::Bytes;

    use super::*;
    use crate::deid::RowKey;
    use crate::output::files::{Csv, Ndjson, Parquet};
    use crate::output::rows::{Batches, KeySource, Live, RowSource};
    use crate::output::table::Merge;
    use crate::store::Reader;

    const COLUMNS: [&str; 2] = ["encounter_id", "group_name"];

    fn keys(format: &dyn FileFormat, bytes: impl Into<Bytes>) -> (Vec<String>, Readable) {
        let mut keys = Vec::new();
        let mut visit = |columns: &[&str]| keys.push(columns.join("/"));
        let reader: Reader = Box::new(io::Cursor::new(bytes.into()));
        let readable = format.read_keys(reader, &COLUMNS, &mut visit);
        (keys, readable.unwrap())
    }

    #[test]
    fn rows_are_known_again_in_files_that_other_programs_saved() {
        let header = "encounter_id,group_name,export_time,excluded_resources\r\n";
        let plain = format!("{header}a,g,t,\r\n\"b\",g,t,\"x,y\"\r\n");
        for text in [
            plain.clone(),
            format!("\u{feff}{plain}"),
            plain.trim_end().to_owned(),
            plain.replace("\"x,y\"", "z").replace(',', ";"),
            format!("\u{feff}{}", plain.replace("\"x,y\"", "z").replace(',', "\t")),
            plain.replace("encounter_id", " Encounter_ID "),
            plain.replace("\r\n", "\n"),
        ] {
            let expected = (vec!["a/g".to_owned(), "b/g".to_owned()], Readable::Whole);
            assert_eq!(keys(&Csv, text.clone()), expected, "{text}");
        }
        let row = r#"{"encounter_id":"a","group_name":"g"}"#;
        let text = format!("\u{feff}{row}\r\n\n\u{feff}{row}");
        let expected = (vec!["a/g".to_owned(), "a/g".to_owned()], Readable::Whole);
        assert_eq!(keys(&Ndjson, text), expected);
    }

    #[test]
    fn what_is_cut_off_counts_as_not_there_and_the_rest_as_there() {
        let text = "encounter_id,group_name,export_time,excluded_resources\r\na,g,t,\r\nb,g,t";
        let expected = (vec!["a/g".to_owned()], Readable::InPart);
        assert_eq!(keys(&Csv, text), expected);
        assert_eq!(keys(&Csv, &b"encounter_id,group_name\na,g\n\xff\xfe,g\n"[..]).0, ["a/g"]);
        let text = "{\"encounter_id\":\"a\",\"group_name\":\"g\"}\n{\"encounter_id\":\"b\",\"gr";
        assert_eq!(keys(&Ndjson, text), expected);
        for bytes in [&b""[..], b"PAR1", b"encounter;x\n", b"\0\0\0"] {
            for format in [&Parquet as &dyn FileFormat, &Csv] {
                assert_eq!(keys(format, bytes.to_vec()), (Vec::new(), Readable::InPart));
            }
        }
    }

    /// Keys of rows, each in the slot of its place.
    struct Keys(Vec<RowKey>);

    impl KeySource for Keys {
        fn count(&self) -> u64 {
            self.0.len() as u64
        }

        fn scan(&self, range: Range<u16>, visit: &mut dyn FnMut(RowKey, Change)) -> Result<()> {
            for (slot, key) in self.0.iter().enumerate() {
                if range.contains(&((key >> 120) as u16)) {
                    visit(*key, Change::Row { slot: slot as u64, last_updated: 0 });
                }
            }
            Ok(())
        }
    }

    impl RowSource for Keys {
        fn schema(&self) -> SchemaRef {
            Schema::empty().into()
        }

        fn slots(&self) -> u64 {
            self.count()
        }

        fn read<'a>(&'a self, _: Range<u64>, _: &'a dyn Live) -> Result<Batches<'a>> {
            Ok(Box::new(std::iter::empty()))
        }
    }

    #[test]
    fn rows_are_known_again_however_often_the_files_are_read() {
        // Enough that each uppermost byte occurs.
        let ids: Vec<_> = (0..1500).map(|number| format!("e{number}")).collect();
        let keys = Keys(ids.iter().map(|id| row_key(&[id, "g"])).collect());
        assert!(keys.0.iter().any(|key| key >> 120 == 0xFF));
        let folder = Folder::open("memory:///").unwrap();
        let there = ids.iter().skip(1).map(|id| format!("{id},g\n")).collect::<String>();
        folder.write("t.000.csv", format!("encounter_id,group_name\n{there}")).unwrap();
        let live = Bitmap::all_set(keys.count());
        let run = TableRun {
            name: "t",
            rows: &keys,
            lines: None,
            live: &live,
            keys: &keys,
            deletes: &[],
            merge: Merge::InsertOnly,
            key_columns: &COLUMNS,
        };
        // In one pass, in some, and in as many as there are.
        for key_bytes in [1 << 30, 64 * 200, 0] {
            let mut live = live.clone();
            let files = [(0, "t.000.csv".to_owned())];
            keep_new_rows(&Csv, &folder, &files, &run, &mut live, key_bytes).unwrap();
            let new: Vec<_> = (0..live.len()).filter(|slot| live.get(*slot)).collect();
            assert_eq!(new, [0], "{key_bytes} bytes");
        }
    }
}
