//! Tables of rows with long values.

use super::*;

/// A list of texts inside a struct, of which Parquet files have no statistics.
fn schema() -> SchemaRef {
    schema_with(vec![structures("note", vec![text("data")])])
}

fn note(id: &str, data: &str) -> Value {
    json!({"id": id, "status": "x", "note": [{"data": data}]})
}

#[test]
fn rows_with_long_values_are_read_in_small_batches() {
    let folder = memory();
    // As a dictionary, the same long text takes next to nothing.
    let long = "x".repeat(400 << 10);
    let rows: Vec<Value> = (0..200)
        .map(|index| match index % 2 {
            0 => note(&format!("r{index}"), &long),
            _ => note(&format!("r{index}"), "short"),
        })
        .collect();
    TestRun::new(&schema(), &rows).merge(&folder).unwrap();
    let (mut count, mut largest) = (0, 0);
    read(&folder, &mut |batch| {
        count += batch.num_rows();
        let columns = batch.as_arrow().columns();
        let bytes = columns.iter().map(|c| c.to_data().get_slice_memory_size().unwrap());
        largest = largest.max(bytes.sum::<usize>());
        Ok(())
    })
    .unwrap();
    assert_eq!(count, 200);
    // All of them are 40 MB.
    assert!(largest < 24 << 20, "{largest}");
    // A merge writes them anew.
    let done = TestRun::new(&schema(), &[note("r1", "changed")]).merge(&folder).unwrap();
    assert_eq!((done.updated, done.rows), (1, 200));
}

#[test]
fn batches_are_as_small_as_the_rows_of_their_row_group_ask() {
    let folder = memory();
    let long = "y".repeat(3 << 20);
    // Different values: no dictionary.
    let mut rows: Vec<Value> =
        (0..30).map(|index| note(&format!("l{index}"), &format!("{index}{long}"))).collect();
    rows.extend((0..20_000).map(|index| note(&format!("s{index}"), "")));
    TestRun::new(&schema(), &rows).merge(&folder).unwrap();
    let mut largest = 0;
    let mut batches = 0;
    read(&folder, &mut |batch| {
        let columns = batch.as_arrow().columns();
        let bytes = columns.iter().map(|c| c.to_data().get_slice_memory_size().unwrap());
        largest = largest.max(bytes.sum::<usize>());
        batches += 1;
        Ok(())
    })
    .unwrap();
    assert!(largest < 32 << 20, "{largest}");
    assert!(batches < 1_000, "{batches}");
}
