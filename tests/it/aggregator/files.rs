//! Exports, made here.

use std::fs::File;
use std::io::{Cursor, Write};
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use sha2::{Digest, Sha256};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::support::Site;

/// A table of one column.
pub fn table(name: &str, column: ArrayRef) -> Vec<u8> {
    let batch = RecordBatch::try_from_iter([(name, column)]).unwrap();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}

/// The member that every export has.
pub const MANIFEST: &str = "manifest.toml";

pub fn counts() -> Vec<u8> {
    table("cnt", Arc::new(Int64Array::from(vec![30, 10])))
}

pub fn whole(version: i64) -> Vec<u8> {
    table("data_package_version", Arc::new(Int64Array::from(vec![version])))
}

pub fn words(version: &str) -> Vec<u8> {
    table("data_package_version", Arc::new(StringArray::from(vec![version])))
}

pub fn fraction(version: f64) -> Vec<u8> {
    table("data_package_version", Arc::new(Float64Array::from(vec![version])))
}

/// Writes `exports/<study>/<study>.zip` with these members.
pub fn export_of(site: &Site, study: &str, members: &[(&str, Vec<u8>)]) {
    site.file(&format!("exports/{study}/{study}.zip"), zip(members));
}

pub fn zip(members: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        let options = SimpleFileOptions::default().compression_method(match bytes.len() {
            0..100_000 => zip::CompressionMethod::Deflated,
            _ => zip::CompressionMethod::Stored,
        });
        zip.start_file(*name, options).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// A study's usual export; gives the names of its members.
pub fn export(site: &Site, study: &str, version: Option<Vec<u8>>) -> Vec<String> {
    export_with(site, study, version, &[])
}

/// The same with more members.
pub fn export_with(
    site: &Site,
    study: &str,
    version: Option<Vec<u8>>,
    more: &[(&str, Vec<u8>)],
) -> Vec<String> {
    let mut members = vec![
        (format!("{study}__count_month.cube.parquet"), counts()),
        (format!("{study}__count_dx.annotated_cube.parquet"), counts()),
        (format!("{study}__rates.flat.parquet"), counts()),
        (format!("{study}__meta_date.meta.parquet"), counts()),
        (MANIFEST.to_owned(), format!("study_prefix = \"{study}\"\n").into_bytes()),
    ];
    members.extend(version.map(|bytes| (format!("{study}__meta_version.meta.parquet"), bytes)));
    members.extend(more.iter().map(|(name, bytes)| ((*name).to_owned(), bytes.clone())));
    let named: Vec<_> =
        members.iter().map(|(name, bytes)| (name.as_str(), bytes.clone())).collect();
    export_of(site, study, &named);
    members.into_iter().map(|(name, _)| name).collect()
}

/// A table of so many bytes that no compression makes fewer of.
pub fn noise(length: usize) -> Vec<u8> {
    let blocks = (0..length.div_ceil(32)).flat_map(|n| Sha256::digest(n.to_le_bytes()));
    let bytes: Vec<_> = blocks.take(length).collect();
    let numbers = bytes.chunks_exact(8).map(|eight| i64::from_le_bytes(eight.try_into().unwrap()));
    table("noise", Arc::new(numbers.collect::<Int64Array>()))
}

/// Writes an export whose table of counts has so many MiB, a bit at a time.
pub fn large_export(site: &Site, study: &str, mib: usize) {
    let name = format!("exports/{study}/{study}.zip");
    site.file(&name, "");
    let mut zip = ZipWriter::new(File::create(site.path(&name)).unwrap());
    let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    let options = options.large_file(true);
    for (name, bytes) in [
        (format!("{study}__meta_date.meta.parquet"), counts()),
        (MANIFEST.to_owned(), format!("study_prefix = \"{study}\"\n").into_bytes()),
    ] {
        zip.start_file(name, options).unwrap();
        zip.write_all(&bytes).unwrap();
    }
    zip.start_file(format!("{study}__count.cube.parquet"), options).unwrap();
    let rows = (1 << 20) / 8;
    let numbers = |part: usize| -> ArrayRef {
        let number = |n: usize| ((part * rows + n) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Arc::new((0..rows).map(|n| ((number(n) >> 2) | (1 << 40)) as i64).collect::<Int64Array>())
    };
    let batch = |part| RecordBatch::try_from_iter([("cnt", numbers(part))]).unwrap();
    let properties = WriterProperties::builder().set_dictionary_enabled(false).build();
    let mut writer = ArrowWriter::try_new(&mut zip, batch(0).schema(), Some(properties)).unwrap();
    for part in 0..mib {
        writer.write(&batch(part)).unwrap();
        if part % 8 == 7 {
            writer.flush().unwrap();
        }
    }
    writer.close().unwrap();
    zip.finish().unwrap();
}

/// A file's SHA-256 and size.
pub fn fingerprint(site: &Site, study: &str) -> (String, u64) {
    let bytes = std::fs::read(site.path(&format!("exports/{study}/{study}.zip"))).unwrap();
    let hash = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    (hash, bytes.len() as u64)
}
