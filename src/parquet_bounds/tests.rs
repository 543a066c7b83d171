use std::io::Write;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, Int64Array, LargeStringArray, ListArray, RecordBatch, StringArray,
};
use arrow::datatypes::{DataType, Field, Int32Type, Schema};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::arrow::{ARROW_SCHEMA_META_KEY, ArrowWriter, encode_arrow_schema};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;

use super::*;

fn written(columns: Vec<(&str, ArrayRef)>, properties: WriterProperties) -> Vec<u8> {
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}

fn opened(bytes: &[u8]) -> Result<BoundedFile> {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    open_bounded(file)
}

fn packed() -> parquet::file::properties::WriterPropertiesBuilder {
    WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::default()))
}

#[test]
fn usual_files_are_read_in_usual_batches() {
    let numbers: ArrayRef = Arc::new((0..100_000).collect::<Int64Array>());
    let texts: ArrayRef =
        Arc::new((0..100_000).map(|n| Some(format!("text {n}"))).collect::<StringArray>());
    let same: ArrayRef = Arc::new(StringArray::from(vec!["the same"; 100_000]));
    let lists: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(
        (0..100_000).map(|n| Some(vec![Some(n); 3])),
    ));
    let columns = vec![("n", numbers), ("t", texts), ("s", same), ("l", lists)];
    let newer = parquet::file::properties::WriterVersion::PARQUET_2_0;
    for (properties, expected) in [
        (WriterProperties::builder().build(), 8192),
        (packed().build(), 8192),
        (packed().set_dictionary_enabled(false).build(), 8192),
        // Of values that are written as what differs from the one before, any may be as long as
        // its page: batches are smaller for that.
        (packed().set_writer_version(newer).build(), 4096),
    ] {
        let reader = opened(&written(columns.clone(), properties)).unwrap().read_rows().unwrap();
        let sizes: Vec<_> = reader.map(|batch| batch.unwrap().num_rows()).collect();
        assert_eq!(sizes.iter().sum::<usize>(), 100_000);
        assert_eq!(sizes[0], expected);
    }
}

#[test]
fn a_small_file_that_becomes_large_is_refused() {
    let large: ArrayRef = Arc::new(BinaryArray::from(vec![&vec![0_u8; 200 << 20][..]]));
    for dictionary in [true, false] {
        let properties = packed().set_dictionary_enabled(dictionary).build();
        let bytes = written(vec![("x", large.clone())], properties);
        assert!(bytes.len() < 1 << 20);
        let error = opened(&bytes).unwrap_err().to_string();
        assert!(error.contains("too large"), "{error}");
    }
}

#[test]
fn one_value_of_many_rows_makes_batches_small() {
    let long = "x".repeat(1 << 20);
    let same: ArrayRef = Arc::new(StringArray::from(vec![long.as_str(); 300]));
    let properties = packed().set_dictionary_page_size_limit(8 << 20).build();
    let bytes = written(vec![("a", same.clone()), ("b", same.clone())], properties);
    let reader = opened(&bytes).unwrap().read_rows().unwrap();
    let sizes: Vec<_> = reader.map(|batch| batch.unwrap().num_rows()).collect();
    assert_eq!(sizes.iter().sum::<usize>(), 300);
    assert!(sizes[0] <= 128, "{sizes:?}");
    // The same, each value as what differs from the one before.
    let properties =
        packed().set_dictionary_enabled(false).set_encoding(Encoding::DELTA_BYTE_ARRAY).build();
    let bytes = written(vec![("a", same)], properties);
    let reader = opened(&bytes).unwrap().read_rows().unwrap();
    let sizes: Vec<_> = reader.map(|batch| batch.unwrap().num_rows()).collect();
    assert!(sizes[0] <= 256, "{sizes:?}");
}

#[test]
fn no_bytes_make_it_panic() {
    let numbers: ArrayRef = Arc::new((0..20).collect::<Int64Array>());
    let texts: ArrayRef = Arc::new((0..20).map(|n| Some(format!("{n}"))).collect::<StringArray>());
    let whole = written(vec![("n", numbers), ("t", texts)], WriterProperties::builder().build());
    for place in 0..whole.len() {
        for byte in [0, 0x7f, 0x80, 0xff] {
            let mut bytes = whole.clone();
            bytes[place] = byte;
            let _ = opened(&bytes);
        }
        let _ = opened(&whole[..place]);
    }
}

#[test]
fn an_arrow_schema_beside_the_files_own_is_not_believed() {
    let texts: ArrayRef = Arc::new(LargeStringArray::from(vec!["a", "b"]));
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![1, 2]));
    let batch = RecordBatch::try_from_iter([("t", texts), ("n", numbers)]).unwrap();
    // As it is, of other columns, and damaged in each of its bytes.
    let other = Schema::new(vec![Field::new("n", DataType::Int32, true)]);
    let mut schemas = vec![encode_arrow_schema(&batch.schema()), encode_arrow_schema(&other)];
    let whole = STANDARD.decode(&schemas[0]).unwrap();
    for place in 0..whole.len() {
        for byte in [whole[place] ^ 0x70, 0xff] {
            let mut damaged = whole.clone();
            damaged[place] = byte;
            schemas.push(STANDARD.encode(damaged));
        }
    }
    let options = ArrowWriterOptions::new().with_skip_arrow_metadata(true);
    for schema in schemas {
        let mut bytes = Vec::new();
        let mut writer =
            ArrowWriter::try_new_with_options(&mut bytes, batch.schema(), options.clone()).unwrap();
        writer.write(&batch).unwrap();
        writer.append_key_value_metadata(KeyValue::new(ARROW_SCHEMA_META_KEY.to_owned(), schema));
        writer.close().unwrap();
        let read = opened(&bytes).unwrap();
        let types: Vec<_> = read.schema().fields().iter().map(|field| field.data_type()).collect();
        assert_eq!(types, [&DataType::Utf8, &DataType::Int64]);
        let batches: Vec<_> = read.read_rows().unwrap().map(|batch| batch.unwrap()).collect();
        assert_eq!(batches[0].num_rows(), 2);
    }
}
