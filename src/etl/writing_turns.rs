//! How many tables are written at the same time.

use std::sync::{Mutex, MutexGuard};

use crate::memory;
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
    pub(super) fn for_output(output: &Folder) -> Self {
        let memory_is_short = memory::budget().is_tight(memory::count_cores());
        let is_alone = output.local().is_some() || memory_is_short;
        Self { tables: if is_alone { 1 } else { TABLES_TO_A_BUCKET }, turn: Mutex::default() }
    }

    /// How many tables are written at the same time.
    pub(super) fn count_tables(&self) -> usize {
        self.tables
    }

    /// Waits for the turn, if there are turns.
    pub(super) fn take_turn(&self) -> Option<MutexGuard<'_, ()>> {
        (self.tables == 1).then(|| self.turn.lock().unwrap_or_else(|e| e.into_inner()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_on_a_disk_take_turns() {
        let dir = tempfile::tempdir().unwrap();
        let disk = Folder::open(dir.path().to_str().unwrap()).unwrap();
        let turns = WritingTurns::for_output(&disk);
        assert_eq!(turns.count_tables(), 1);
        let turn = turns.take_turn();
        assert!(turn.is_some() && turns.turn.try_lock().is_err());
        drop(turn);
        assert!(turns.take_turn().is_some());
        let bucket = WritingTurns { tables: TABLES_TO_A_BUCKET, turn: Mutex::default() };
        assert!(bucket.take_turn().is_none());
    }
}
