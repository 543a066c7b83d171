//! Counts of a table's input.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::deid::{Reason, Report};

/// Rejected rows by reason.
pub(super) type Reasons = BTreeMap<Reason, u64>;

/// Counts of a table's input.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct RowCounts {
    /// Lines that are not blank.
    pub lines: u64,
    /// Rows taken, duplicates included.
    pub rows: u64,
    /// Lines not taken, by reason.
    pub rejected: Reasons,
    /// Lines of each file, taken or not.
    pub file_rows: BTreeMap<String, u64>,
    pub report: Report,
}

impl RowCounts {
    /// Lines not taken, for whatever reason.
    pub(super) fn count_rejected(&self) -> u64 {
        self.rejected.values().sum()
    }
}
