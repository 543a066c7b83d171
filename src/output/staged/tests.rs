use std::sync::Arc;

use arrow::array::{Array, AsArray, Int32Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Int32Type, Schema};

use super::*;
use crate::memory::Budget;
use crate::store::{Folder, WorkFolder};
use crate::table::Scratch;

fn make_area() -> (tempfile::TempDir, StagingArea) {
    let dir = tempfile::tempdir().unwrap();
    let phi = Folder::open(dir.path().to_str().unwrap()).unwrap();
    let work = WorkFolder::create_work(None, &phi).unwrap();
    (dir, StagingArea { work, memory: Budget::for_limit(None, 2).staging })
}

fn packed(lines: &[u8]) -> Block<'static, DeidentifiedLines> {
    Block::of_lines(&DeidentifiedLines::of_test(lines), &mut Scratch::default()).unwrap()
}

fn encoded(batch: RecordBatch) -> Block<'static, DeidentifiedBatch> {
    let batch = DeidentifiedBatch::from_former_output(batch);
    Block::of_batch(&batch, &mut Scratch::default()).unwrap()
}

#[test]
fn ranges_of_slots_come_back_in_the_tables_schema() {
    let (_dir, area) = make_area();
    let text = Field::new("text", DataType::Utf8, true);
    let number = Field::new("number", DataType::Int32, true);
    let schema = Arc::new(Schema::new(vec![number.clone(), text.clone()]));
    let mut staged = Staged::new(&area, schema.clone());
    let first = Schema::new(vec![text]);
    let array = StringArray::from(vec!["a", "b", "c"]);
    let batch = RecordBatch::try_new(Arc::new(first), vec![Arc::new(array)]).unwrap();
    staged.push(encoded(batch), 3).unwrap();
    let second = Schema::new(vec![number]);
    let array = Int32Array::from(vec![4, 5]);
    let batch = RecordBatch::try_new(Arc::new(second), vec![Arc::new(array)]).unwrap();
    staged.push(encoded(batch), 2).unwrap();

    let mut live = Bitmap::all_set(5);
    live.clear(1);
    let read = |range: Range<u64>| -> Vec<usize> {
        let batches = staged.read(range, &live).unwrap().map(Result::unwrap);
        batches
            .map(|found| {
                assert_eq!(found.schema(), schema);
                found.num_rows()
            })
            .collect()
    };
    assert_eq!(read(0..5), [4]);
    assert_eq!(read(1..4), [2]);
    assert_eq!(read(3..5), [2]);
    assert!(read(2..2).is_empty());
    let found = staged.read(1..4, &live).unwrap().next().unwrap().unwrap();
    let found = found.as_arrow();
    assert_eq!(found.column(1).as_string::<i32>().value(0), "c");
    assert!(found.column(0).is_null(0));
    assert_eq!(found.column(0).as_primitive::<Int32Type>().value(1), 4);
}

#[test]
fn only_live_lines_are_read() {
    let (_dir, area) = make_area();
    let mut lines = StagedLines::new(&area);
    lines.push(packed(b"{\"a\":1}\n{\"a\":2}\n"), 2).unwrap();
    lines.push(packed(b"{\"a\":3}\n"), 1).unwrap();
    let mut live = Bitmap::all_set(3);
    live.clear(0);
    let mut all = Vec::new();
    lines
        .read(&live, &mut |text, rows| {
            assert_eq!(memchr::memchr_iter(b'\n', text).count() as u64, rows);
            all.extend_from_slice(text);
            Ok(())
        })
        .unwrap();
    assert_eq!(all, b"{\"a\":2}\n{\"a\":3}\n");
}

#[test]
fn many_blocks_go_to_a_folder_that_is_gone_afterwards() {
    let (dir, area) = make_area();
    let mut lines = StagedLines::new(&area);
    let mut state = 1_u64;
    // Bytes that don't compress, so that the blocks outgrow memory.
    let mut block = || -> Vec<u8> {
        let mut bytes: Vec<u8> = (0..8 << 20)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (state >> 56) as u8 | 0x80
            })
            .collect();
        bytes.push(b'\n');
        bytes
    };
    let blocks: Vec<_> = (0..5).map(|_| block()).collect();
    for block in &blocks {
        lines.push(packed(block), 1).unwrap();
    }
    let mut next = 0;
    lines
        .read(&Bitmap::all_set(5), &mut |text, _| {
            assert!(text == blocks[next]);
            next += 1;
            Ok(())
        })
        .unwrap();
    assert_eq!(next, 5);
    drop((lines, area));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn blocks_are_joined_up_to_so_many_bytes() {
    let (_dir, area) = make_area();
    let schema = Arc::new(Schema::new(vec![Field::new("text", DataType::Utf8, true)]));
    let mut staged = Staged::new(&area, schema.clone());
    // Small ones, one that is larger than what is joined, and small ones again.
    let megabytes = [10, 10, 10, 40, 10, 10, 1];
    for megabytes in megabytes {
        let array = StringArray::from(vec!["x".repeat(megabytes << 20)]);
        let batch = RecordBatch::try_new(schema.clone(), vec![Arc::new(array)]).unwrap();
        staged.push(encoded(batch), 1).unwrap();
    }
    let live = Bitmap::all_set(megabytes.len() as u64);
    let rows = |range: Range<u64>| -> Vec<usize> {
        staged.read(range, &live).unwrap().map(|batch| batch.unwrap().num_rows()).collect()
    };
    assert_eq!(rows(0..7), [3, 1, 3]);
    assert_eq!(rows(2..6), [1, 1, 2]);
}
