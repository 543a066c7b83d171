//! How many tables are written at the same time.

use std::sync::{Mutex, MutexGuard};

use crate::poison::ignore_poison;
use crate::store::Folder;

/// Tables that are written to a bucket at the same time.
pub(super) const TABLES_TO_A_BUCKET: usize = 3;

/// How many tables are written at the same time.
pub(super) struct WritingTurns {
    tables: usize,
    turn: Mutex<()>,
}

impl WritingTurns {
    /// On a disk, what needs memory and all cores is done alone. Nothing but memory would be
    /// saved by that in a bucket, where most of the time is spent waiting.
    pub(super) fn for_output(output: &Folder, memory_is_short: bool) -> Self {
        let is_alone = output.local().is_some() || memory_is_short;
        Self { tables: if is_alone { 1 } else { TABLES_TO_A_BUCKET }, turn: Mutex::default() }
    }

    /// How many tables are written at the same time.
    pub(super) fn count_tables(&self) -> usize {
        self.tables
    }

    /// Waits for the turn, if there are turns.
    pub(super) fn take_turn(&self) -> Option<MutexGuard<'_, ()>> {
        (self.tables == 1).then(|| ignore_poison(self.turn.lock()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_on_a_disk_take_turns() {
        let dir = tempfile::tempdir().unwrap();
        let disk = Folder::open(dir.path().to_str().unwrap()).unwrap();
        let turns = WritingTurns::for_output(&disk, false);
        assert_eq!(turns.count_tables(), 1);
        let turn = turns.take_turn();
        assert!(turn.is_some() && turns.turn.try_lock().is_err());
        drop(turn);
        assert!(turns.take_turn().is_some());
    }

    #[test]
    fn tables_in_a_bucket_take_turns_only_where_memory_is_short() {
        let bucket = Folder::open("memory:///").unwrap();
        let turns = WritingTurns::for_output(&bucket, false);
        assert_eq!(turns.count_tables(), TABLES_TO_A_BUCKET);
        assert!(turns.take_turn().is_none());
        let turns = WritingTurns::for_output(&bucket, true);
        assert_eq!(turns.count_tables(), 1);
        assert!(turns.take_turn().is_some());
    }
}
