//! Small files that would become large: archives that are imported, spreadsheets of studies.

use std::io::{Cursor, Write};
use std::sync::Arc;

use arrow::array::{ArrayRef, BinaryArray, Int64Array, RecordBatch};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::support::{Ended, Site, children, end, patient};

fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn table(column: ArrayRef, dictionary: bool) -> Vec<u8> {
    let batch = RecordBatch::try_from_iter([("cnt", column)]).unwrap();
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_dictionary_enabled(dictionary)
        .build();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}

fn import(site: &Site, members: &[(&str, &[u8])]) -> Ended {
    site.file("a.zip", zip(members));
    let mut command = site.command();
    end(command.args(["study", "import", "-a", "a.zip", "--database", "db"]))
}

#[test]
fn archives_that_would_become_large_are_not_imported() {
    let site = Site::new();
    let counts = table(Arc::new(Int64Array::from(vec![10])), true);
    let value = vec![0_u8; 200 << 20];
    let large = |dictionary| table(Arc::new(BinaryArray::from(vec![&value[..]])), dictionary);
    let manifest = format!("x = [{}]\n", "[],".repeat(30 << 20));
    let deep = format!("x = {}{}\n", "[".repeat(1 << 20), "]".repeat(1 << 20));
    let name = "x__a.cube.parquet";
    let (first, second) = (large(true), large(false));
    for members in [
        vec![(name, &first[..])],
        vec![(name, &second[..])],
        vec![(name, &counts[..]), ("manifest.toml", manifest.as_bytes())],
        vec![(name, &counts[..]), ("manifest.toml", deep.as_bytes())],
        vec![(name, &counts[..]), ("manifest.toml", &[0xff, 0xfe])],
    ] {
        let size: usize = members.iter().map(|(_, bytes)| bytes.len()).sum();
        let ended = import(&site, &members);
        assert_eq!(ended.code, Some(72), "{size}: {ended:?}");
        assert!(ended.err.contains("is not imported"), "{size}: {ended:?}");
        assert!(!site.path("db").exists() || children(&site.path("db")).is_empty());
    }
    let ended = import(&site, &[(name, &counts), ("manifest.toml", b"study_prefix = 'x'\n")]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
}

/// A spreadsheet with these shared strings, and a cell that names the first of them.
fn spreadsheet(site: &Site, strings: &[u8], cells: &str) {
    let main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    let office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let package = "http://schemas.openxmlformats.org/package/2006/relationships";
    let related = |id: &str, kind: &str, target: &str| {
        format!("<Relationship Id=\"{id}\" Type=\"{office}/{kind}\" Target=\"{target}\"/>")
    };
    let relations =
        |text: &str| format!("<Relationships xmlns=\"{package}\">{text}</Relationships>");
    let book = format!(
        "<workbook xmlns=\"{main}\" xmlns:r=\"{office}\"><sheets><sheet name=\"A\" sheetId=\"1\" \
         r:id=\"b\"/></sheets></workbook>"
    );
    let sheet = format!("<worksheet xmlns=\"{main}\"><sheetData>{cells}</sheetData></worksheet>");
    let bytes = zip(&[
        ("_rels/.rels", relations(&related("a", "officeDocument", "xl/workbook.xml")).as_bytes()),
        (
            "xl/_rels/workbook.xml.rels",
            relations(&related("b", "worksheet", "worksheets/a.xml")).as_bytes(),
        ),
        ("xl/workbook.xml", book.as_bytes()),
        ("xl/worksheets/a.xml", sheet.as_bytes()),
        ("xl/sharedStrings.xml", strings),
    ]);
    site.file("studies/s/a.xlsx", bytes);
}

/// Builds a study that uploads a file.
fn build(site: &Site, file: &str) -> Ended {
    site.lake("patient", &[patient("a", "other")]);
    site.file(
        "studies/s/manifest.toml",
        "study_prefix = 's'\n[[stages.default]]\nfiles = ['up.workflow']\n",
    );
    let upload = format!("config_type = 'file_upload'\n[tables.up]\nfile = '{file}'\n");
    site.file("studies/s/up.workflow", upload);
    let mut command = site.command();
    command.args(["study", "build", "-t", "s", "-s", "studies", "--lake", "lake"]);
    end(command.args(["--database", "db"]))
}

#[test]
fn spreadsheets_that_would_become_large_are_refused() {
    let site = Site::new();
    let main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    let strings = |count: &str, texts: &str| {
        format!("<sst xmlns=\"{main}\" count=\"1\" uniqueCount={count}>{texts}</sst>").into_bytes()
    };
    let text = |length: usize| format!("<si><t>{}</t></si>", "x".repeat(length));
    let cell = |place: &str| format!("<row><c r=\"{place}\" t=\"s\"><v>0</v></c></row>");
    let usual = format!("{}{}", cell("A1"), cell("A2"));
    // One text of a mebibyte, in a thousand cells.
    let many: String = (1..=1000).map(|row| cell(&format!("A{row}"))).collect();
    for (strings, cells) in [
        (strings("\"1\"", &text(1000).repeat(80_000)), &usual),
        (strings("\"1\"", &text(100 << 20)), &usual),
        (strings("\"99999999999999999\"", &text(1)), &usual),
        (strings("'  4000000000'", &text(1)), &usual),
        (strings("\"1\"", &text(1 << 20)), &many),
    ] {
        spreadsheet(&site, &strings, cells);
        let ended = build(&site, "a.xlsx");
        assert_eq!(ended.code, Some(72), "{}: {ended:?}", strings.len());
        assert!(ended.err.contains("a.xlsx: "), "{ended:?}");
    }
    spreadsheet(&site, &strings("\"1\"", &text(5)), &usual);
    let ended = build(&site, "a.xlsx");
    assert_eq!(ended.code, Some(0), "{ended:?}");
}

#[test]
fn parquet_files_of_a_study_that_would_become_large_are_refused() {
    let site = Site::new();
    let value = vec![0_u8; 200 << 20];
    let large = table(Arc::new(BinaryArray::from(vec![&value[..]])), true);
    site.file("studies/s/a.parquet", large);
    let ended = build(&site, "a.parquet");
    assert_eq!(ended.code, Some(72), "{ended:?}");
    assert!(ended.err.contains("too large"), "{ended:?}");
}
