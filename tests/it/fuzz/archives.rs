//! Archives that strangers send. The first byte says which: a zip for `study import` (`z`), the
//! manifest of one (`m`), a spreadsheet of a study (`x`), and, since checksums of zips keep most damage
//! from what is in them: a Parquet file (`p`), and a spreadsheet's sheet, shared texts and styles,
//! separated by NULs (`s`).

use std::fs;
use std::io::{Cursor, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::LazyLock;

use arrow::array::{
    ArrayRef, BooleanArray, FixedSizeBinaryArray, Float64Array, Int64Array, ListArray, RecordBatch,
    StringArray,
};
use arrow::datatypes::Int64Type;
use cumulus_etl::parquet_bounds;
use cumulus_etl::share::import::import_archive;
use cumulus_etl::stop::Shutdown;
use cumulus_etl::store::{Storage, StoreRuntime, WorkFolder};
use cumulus_etl::study::build::read_spreadsheet;
use cumulus_etl::study::engine::datafusion::{DataFusion, Input, Limits};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding};
use parquet::file::properties::{WriterProperties, WriterVersion};
use zip::write::SimpleFileOptions;

/// Opens folders; its threads serve all inputs.
static STORAGE: LazyLock<Storage> = LazyLock::new(|| {
    let runtime = StoreRuntime::start_threads().expect("threads");
    Storage::new(runtime, Shutdown::default())
});

/// Takes the input as one of these archives, and panics where a promise is broken. Whether it is one.
pub fn check(data: &[u8]) -> bool {
    let Some((kind, rest)) = data.split_first() else { return false };
    let folder = tempfile::tempdir().expect("a temporary folder");
    match kind {
        b'z' => check_import(folder.path(), rest),
        b'm' => check_import(folder.path(), &zip_with_manifest(rest)),
        b'x' => check_spreadsheet(folder.path(), rest),
        b's' => {
            let mut parts = rest.split(|byte| *byte == 0);
            let mut part = || parts.next().unwrap_or_default().to_vec();
            check_spreadsheet(folder.path(), &workbook_of(part(), part(), part(), false))
        }
        b'p' => check_parquet(folder.path(), rest),
        _ => false,
    }
}

fn check_import(root: &Path, bytes: &[u8]) -> bool {
    let path = root.join("study.zip");
    fs::write(&path, bytes).expect("a file");
    let open = |name: &str| {
        let folder = root.join(name);
        STORAGE.open_folder(folder.to_str().expect("a path in UTF-8")).expect("it opens")
    };
    let work = root.join("work");
    fs::create_dir(&work).expect("a folder");
    let work = work.to_str().expect("a path in UTF-8");
    let new_work = || WorkFolder::create_work(Some(work), &open("work")).expect("a work folder");
    let limits = Limits { memory: 256 << 20, threads: 1 };
    let engine = DataFusion::open_database(open("db"), Input::Nothing, new_work(), &limits);
    let engine = engine.expect("an empty database");
    match import_archive(&engine, &path, &new_work()) {
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

/// Rows that are read of a file: enough to come past its first pages.
const ROWS: usize = 100_000;

fn check_parquet(root: &Path, bytes: &[u8]) -> bool {
    let path = root.join("table.parquet");
    fs::write(&path, bytes).expect("a file");
    let file = fs::File::open(&path).expect("the file");
    let table = match parquet_bounds::open_bounded(file) {
        Ok(table) => table,
        Err(error) => {
            assert!(!error.to_string().contains('\n'), "{error}");
            return false;
        }
    };
    let columns = table.schema().fields().len();
    let Ok(batches) = table.read_rows() else { return false };
    let mut rows = 0;
    for batch in batches {
        let Ok(batch) = batch else { return false };
        assert_eq!(batch.num_columns(), columns);
        rows += batch.num_rows();
        if rows > ROWS {
            break;
        }
    }
    true
}

/// An archive of a table with this manifest.
fn zip_with_manifest(manifest: &[u8]) -> Vec<u8> {
    let table = ("s__t.cube.parquet".to_owned(), parquet(3));
    zip(&[table, ("manifest.toml".to_owned(), manifest.to_vec())], true)
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

/// A Parquet file with columns of many kinds, written as `n` says.
fn parquet_of_kinds(n: usize) -> Vec<u8> {
    let rows = 1 + n * 5 % 59;
    let text = |row: usize| (!row.is_multiple_of(7)).then(|| format!("text {}", row % (n + 1)));
    let list = |row: usize| {
        (!row.is_multiple_of(5))
            .then(|| (0..row % 4).map(|m| Some((row * m) as i64)).collect::<Vec<_>>())
    };
    let fixed = (0..rows).map(|row| [row as u8; 6]);
    let fixed = FixedSizeBinaryArray::try_from_iter(fixed);
    let columns: [(&str, ArrayRef); 6] = [
        ("text", Arc::new(StringArray::from_iter((0..rows).map(text)))),
        ("number", Arc::new(Int64Array::from_iter((0..rows).map(|row| Some(row as i64 * 1000))))),
        ("decimal", Arc::new(Float64Array::from_iter((0..rows).map(|row| Some(row as f64 / 3.0))))),
        ("flag", Arc::new(BooleanArray::from_iter((0..rows).map(|row| Some(row % 3 == 0))))),
        ("list", Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>((0..rows).map(list)))),
        match fixed {
            Ok(fixed) => ("fixed", Arc::new(fixed)),
            Err(_) => ("fixed", Arc::new(BooleanArray::from(vec![true; rows]))),
        },
    ];
    let columns = columns.into_iter().enumerate().filter(|(index, _)| n % 7 > 5 || n % 6 != *index);
    let batch = RecordBatch::try_from_iter(columns.map(|(_, column)| column)).expect("a batch");
    let compression =
        [Compression::UNCOMPRESSED, Compression::SNAPPY, Compression::ZSTD(Default::default())];
    let mut properties = WriterProperties::builder()
        .set_compression(compression[n % 3])
        .set_dictionary_enabled(n % 4 < 2)
        .set_max_row_group_row_count(Some(1 + rows / (1 + n % 3)))
        .set_data_page_row_count_limit(20)
        .set_write_batch_size(10)
        .set_writer_version(match n % 2 {
            0 => WriterVersion::PARQUET_1_0,
            _ => WriterVersion::PARQUET_2_0,
        });
    if n % 4 == 3 {
        properties = properties.set_column_encoding("text".into(), Encoding::DELTA_BYTE_ARRAY);
    }
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties.build()))
        .expect("a writer");
    writer.write(&batch).expect("it is written");
    writer.close().expect("it is written");
    bytes
}

const MAIN: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
const PACKAGE: &str = "http://schemas.openxmlformats.org/package/2006";
const OFFICE: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";

/// A workbook with one sheet of text and numbers.
fn workbook(rows: usize, columns: usize, packed: bool) -> Vec<u8> {
    let [sheet, strings, styles] = workbook_parts(rows, columns);
    workbook_of(sheet, strings, styles, packed)
}

/// A sheet, its shared texts and its styles.
fn workbook_parts(rows: usize, columns: usize) -> [Vec<u8>; 3] {
    let cell = |row: usize, column: usize| {
        let place = format!("{}{}", char::from(b'A' + column as u8), row + 1);
        match (row, (column + row) % 9) {
            (0, _) => format!(r#"<c r="{place}" t="inlineStr"><is><t>c{column}</t></is></c>"#),
            (_, 0 | 2) => format!(r#"<c r="{place}" t="s"><v>{}</v></c>"#, row % 2),
            // A date, a length of time, a flag, an error, a formula's text, nothing.
            (_, 3) => format!(r#"<c r="{place}" s="1"><v>{}.25</v></c>"#, 45_000 + row),
            (_, 4) => format!(r#"<c r="{place}" s="2"><v>1.{row}</v></c>"#),
            (_, 5) => format!(r#"<c r="{place}" t="b"><v>{}</v></c>"#, row % 2),
            (_, 6) => format!(r##"<c r="{place}" t="e"><v>#N/A</v></c>"##),
            (_, 7) => format!(r#"<c r="{place}" t="str"><f>A1</f><v>t{row}</v></c>"#),
            (_, 8) => format!(r#"<c r="{place}" t="d"><v>2024-08-{row:02}</v></c>"#),
            _ => format!(r#"<c r="{place}"><v>{}.5</v></c>"#, row * 7),
        }
    };
    let row = |row: usize| {
        let cells: String = (0..columns).map(|column| cell(row, column)).collect();
        format!(r#"<row r="{}">{cells}</row>"#, row + 1)
    };
    let rows: String = (0..=rows).map(row).collect();
    let sheet = format!(r#"<worksheet xmlns="{MAIN}"><sheetData>{rows}</sheetData></worksheet>"#);
    let strings = format!(
        r#"<sst xmlns="{MAIN}" count="2" uniqueCount="2"><si><t>text</t></si><si><r><t>of</t></r><r><t xml:space="preserve"> two </t></r></si></sst>"#
    );
    let styles = format!(
        r#"<styleSheet xmlns="{MAIN}"><numFmts count="1"><numFmt numFmtId="164" formatCode="[h]:mm:ss"/></numFmts><cellXfs count="3"><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="164"/></cellXfs></styleSheet>"#
    );
    [sheet, strings, styles]
        .map(|text| format!(r#"<?xml version="1.0" encoding="UTF-8"?>{text}"#).into_bytes())
}

fn workbook_of(sheet: Vec<u8>, strings: Vec<u8>, styles: Vec<u8>, packed: bool) -> Vec<u8> {
    let types = format!(
        r#"<Types xmlns="{PACKAGE}/content-types"><Default Extension="xml" ContentType="application/xml"/></Types>"#
    );
    let links = |target: &str, kind: &str, id: &str| {
        format!(r#"<Relationship Id="{id}" Type="{OFFICE}/{kind}" Target="{target}"/>"#)
    };
    let relations = |inner: String| {
        format!(r#"<Relationships xmlns="{PACKAGE}/relationships">{inner}</Relationships>"#)
    };
    let related = links("worksheets/sheet1.xml", "worksheet", "r1")
        + &links("sharedStrings.xml", "sharedStrings", "r2")
        + &links("styles.xml", "styles", "r3");
    let book = format!(
        r#"<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets><sheet name="s" sheetId="1" r:id="r1"/></sheets></workbook>"#
    );
    let members = [
        ("[Content_Types].xml", types.into_bytes()),
        ("_rels/.rels", relations(links("xl/workbook.xml", "officeDocument", "r1")).into_bytes()),
        ("xl/_rels/workbook.xml.rels", relations(related).into_bytes()),
        ("xl/workbook.xml", book.into_bytes()),
        ("xl/sharedStrings.xml", strings),
        ("xl/styles.xml", styles),
        ("xl/worksheets/sheet1.xml", sheet),
    ];
    zip(&members.map(|(name, bytes)| (name.to_owned(), bytes)), packed)
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
        seeds.push([b"p".to_vec(), parquet_of_kinds(n)].concat());
        let parts = workbook_parts(1 + n % 12, 1 + n % 9);
        seeds.push([b"s".to_vec(), parts.join(&0)].concat());
        let mark =
            ["", "made_of_identified_data = true\n", "allowed_small_cells = ['s__t']\n"][n % 3];
        let manifest = format!("mstudy_prefix = 's'\n{mark}description = 'study {n}'\n");
        seeds.push(manifest.into_bytes());
    }
    seeds
}
