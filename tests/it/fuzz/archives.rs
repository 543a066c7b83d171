//! Archives that strangers send: zips for `study import`, and spreadsheets of studies. The first byte
//! says which (`z`, `x`).

use std::fs;
use std::io::{Cursor, Write};
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use cumulus_etl::share::import::import;
use cumulus_etl::store::{Folder, WorkFolder};
use cumulus_etl::study::build::read_spreadsheet;
use cumulus_etl::study::engine::datafusion::{DataFusion, Input, Limits};
use parquet::arrow::ArrowWriter;
use zip::write::SimpleFileOptions;

/// Takes the input as one of these archives, and panics where a promise is broken. Whether it is one.
pub fn check(data: &[u8]) -> bool {
    let Some((kind, rest)) = data.split_first() else { return false };
    let folder = tempfile::tempdir().expect("a temporary folder");
    match kind {
        b'z' => check_import(folder.path(), rest),
        b'x' => check_spreadsheet(folder.path(), rest),
        _ => false,
    }
}

fn check_import(root: &Path, bytes: &[u8]) -> bool {
    let path = root.join("study.zip");
    fs::write(&path, bytes).expect("a file");
    let open = |name: &str| {
        let folder = root.join(name);
        Folder::open(folder.to_str().expect("a path in UTF-8")).expect("it opens")
    };
    let work = root.join("work");
    fs::create_dir(&work).expect("a folder");
    let work = work.to_str().expect("a path in UTF-8");
    let new_work = || WorkFolder::create(Some(work), &open("work")).expect("a work folder");
    let limits = Limits { memory: 256 << 20, threads: 1 };
    let engine = DataFusion::open(open("db"), Input::Nothing, new_work(), &limits);
    let engine = engine.expect("an empty database");
    match import(&engine, &path, &new_work()) {
        Ok((study, tables)) => {
            assert!(!tables.is_empty());
            for table in &tables {
                let own = table.name.to_lowercase().starts_with(&format!("{study}__"));
                assert!(own, "{} is not of {study}", table.name);
            }
            true
        }
        Err(error) => {
            // Nothing was made of what is refused, and the message is one line.
            assert!(!error.to_string().contains('\n'), "{error}");
            let made = fs::read_dir(root.join("db")).into_iter().flatten().flatten();
            let tables = made.filter(|entry| entry.file_name() == "tables.json").count();
            assert_eq!(tables, 0, "{error}");
            false
        }
    }
}

fn check_spreadsheet(root: &Path, bytes: &[u8]) -> bool {
    let path = root.join("sheet.xlsx");
    fs::write(&path, bytes).expect("a file");
    let file = fs::File::open(&path).expect("the file");
    match read_spreadsheet(&path, file) {
        Ok((schema, batches)) => {
            for batch in &batches {
                assert_eq!(batch.num_columns(), schema.fields().len());
            }
            true
        }
        Err(error) => {
            assert!(!error.to_string().contains('\n'), "{error}");
            false
        }
    }
}

/// A zip of these members.
fn zip(members: &[(String, Vec<u8>)], packed: bool) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let method =
        if packed { zip::CompressionMethod::Deflated } else { zip::CompressionMethod::Stored };
    let options = SimpleFileOptions::default().compression_method(method);
    for (name, bytes) in members {
        writer.start_file(name, options).expect("a member");
        writer.write_all(bytes).expect("a member");
    }
    writer.finish().expect("a zip").into_inner()
}

fn parquet(rows: usize) -> Vec<u8> {
    let names: ArrayRef =
        Arc::new(StringArray::from_iter_values((0..rows).map(|n| format!("n{n}"))));
    let counts: ArrayRef = Arc::new(Int64Array::from_iter_values((0..rows).map(|n| 10 + n as i64)));
    let batch = RecordBatch::try_from_iter([("name", names), ("cnt", counts)]).expect("a batch");
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).expect("a writer");
    writer.write(&batch).expect("it is written");
    writer.close().expect("it is written");
    bytes
}

/// A workbook with one sheet of text and numbers.
fn workbook(rows: usize, columns: usize, packed: bool) -> Vec<u8> {
    const MAIN: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    const PACKAGE: &str = "http://schemas.openxmlformats.org/package/2006";
    const OFFICE: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let cell = |row: usize, column: usize| {
        let place = format!("{}{}", char::from(b'A' + column as u8), row + 1);
        match (row, column % 2) {
            (0, _) => format!(r#"<c r="{place}" t="inlineStr"><is><t>c{column}</t></is></c>"#),
            (_, 0) => format!(r#"<c r="{place}" t="s"><v>0</v></c>"#),
            _ => format!(r#"<c r="{place}"><v>{}.5</v></c>"#, row * 7),
        }
    };
    let row = |row: usize| {
        let cells: String = (0..columns).map(|column| cell(row, column)).collect();
        format!(r#"<row r="{}">{cells}</row>"#, row + 1)
    };
    let rows: String = (0..=rows).map(row).collect();
    let types = format!(
        r#"<Types xmlns="{PACKAGE}/content-types"><Default Extension="xml" ContentType="application/xml"/></Types>"#
    );
    let links = |target: &str, kind: &str, id: &str| {
        format!(r#"<Relationship Id="{id}" Type="{OFFICE}/{kind}" Target="{target}"/>"#)
    };
    let relations = |inner: String| {
        format!(r#"<Relationships xmlns="{PACKAGE}/relationships">{inner}</Relationships>"#)
    };
    let sheet = links("worksheets/sheet1.xml", "worksheet", "r1");
    let strings = links("sharedStrings.xml", "sharedStrings", "r2");
    let members = [
        ("[Content_Types].xml", types),
        ("_rels/.rels", relations(links("xl/workbook.xml", "officeDocument", "r1"))),
        ("xl/_rels/workbook.xml.rels", relations(sheet + &strings)),
        (
            "xl/workbook.xml",
            format!(
                r#"<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets><sheet name="s" sheetId="1" r:id="r1"/></sheets></workbook>"#
            ),
        ),
        ("xl/sharedStrings.xml", format!(r#"<sst xmlns="{MAIN}"><si><t>text</t></si></sst>"#)),
        (
            "xl/worksheets/sheet1.xml",
            format!(r#"<worksheet xmlns="{MAIN}"><sheetData>{rows}</sheetData></worksheet>"#),
        ),
    ];
    let members = members.map(|(name, text)| {
        let text = format!(r#"<?xml version="1.0" encoding="UTF-8"?>{text}"#);
        (name.to_owned(), text.into_bytes())
    });
    zip(&members, packed)
}

/// Valid inputs of each kind.
#[allow(dead_code, reason = "fuzz targets read them from files")]
pub fn seeds() -> Vec<Vec<u8>> {
    let tags = ["cube", "annotated_cube", "flat", "meta", "archive"];
    let mut seeds = Vec::new();
    for n in 0..30 {
        let mut members: Vec<_> = (0..1 + n % 3)
            .map(|m| (format!("s{n}__t{m}.{}.parquet", tags[(n + m) % 5]), parquet(n * m)))
            .collect();
        if n % 2 == 0 {
            let manifest = format!("study_prefix = 's{n}'\n").into_bytes();
            members.push(("manifest.toml".to_owned(), manifest));
        }
        seeds.push([b"z".to_vec(), zip(&members, n % 4 < 2)].concat());
    }
    for n in 0..30 {
        seeds.push([b"x".to_vec(), workbook(n, 1 + n % 6, n % 3 > 0)].concat());
    }
    seeds
}
