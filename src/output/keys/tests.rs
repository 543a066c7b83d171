use std::collections::BTreeMap;

use super::*;
use crate::fhir::UNKNOWN_TIME;
use crate::memory::StagingShare;
use crate::store::Folder;

/// Keys spread over all uppermost bytes.
fn spread(number: u64) -> RowKey {
    RowKey::from(number.wrapping_mul(0x9e37_79b9_7f4a_7c15)) << 64 | RowKey::from(number)
}

#[test]
fn the_last_row_wins_and_a_delete_beats_it_however_many_keys_there_are() {
    let dir = tempfile::tempdir().unwrap();
    let phi = Folder::open(dir.path().to_str().unwrap()).unwrap();
    let work = WorkFolder::create_work(None, &phi).unwrap();
    // More than fit in memory, so that some are on disk.
    let share = StagingShare { row_bytes: 0, keys: 1 << 12 };
    let mut index = KeyIndex::new(&StagingArea { work, memory: share });
    let rows = share.keys as u64 * 2 + 100;
    for slot in 0..rows {
        // Every tenth row repeats the key of the row nine before it.
        let number = if slot % 10 == 9 { slot - 9 } else { slot };
        index.add(spread(number), slot, slot as i64).unwrap();
    }
    index.add_delete(spread(5)).unwrap();
    index.add_delete(spread(5)).unwrap();
    index.add_delete(spread(rows + 1)).unwrap();
    let mut live = Bitmap::all_set(rows);
    let (replaced, deleted) = index.resolve(&mut live).unwrap();
    let repeats = (0..rows).filter(|slot| slot % 10 == 9).count() as u64;
    assert_eq!((replaced, deleted), (repeats, 1));
    assert_eq!((live.get(0), live.get(9), live.get(5), live.get(6)), (false, true, false, true));
    assert_eq!(index.count(), rows - repeats + 1);

    let mut seen = BTreeMap::new();
    for range in [0..10, 10..200, 200..256] {
        index.scan(range, &mut |key, change| assert!(seen.insert(key, change).is_none())).unwrap();
    }
    assert_eq!(seen.len() as u64, index.count());
    assert_eq!(seen[&spread(5)], Change::Delete);
    assert_eq!(seen[&spread(0)], Change::Row { slot: 9, last_updated: 9 });
}

#[test]
fn entries_survive_the_disk() {
    let entry = KeySlot { key: spread(7), slot: 1 << 40, last_updated: UNKNOWN_TIME };
    let mut bytes = [0; ENTRY];
    bytes[..16].copy_from_slice(&entry.key.to_le_bytes());
    bytes[16..24].copy_from_slice(&entry.slot.to_le_bytes());
    bytes[24..].copy_from_slice(&entry.last_updated.to_le_bytes());
    assert!(KeySlot::parse(&bytes) == entry);
}
