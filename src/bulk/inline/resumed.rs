//! The work of an earlier run on a file.

use super::NoteSummary;
use super::row::NoteInliner;

/// The work of a killed run on a file.
#[derive(Debug, Default)]
pub(super) struct ResumedDraft {
    pub summary: NoteSummary,
    /// The lines that it was done with.
    pub lines: u64,
    /// Whether some of them lack notes that it could not have.
    pub lacking: bool,
}

impl ResumedDraft {
    /// Takes the next line as it was and as it is now.
    pub(super) fn add_line(&mut self, notes: &NoteInliner, original: &[u8], changed: &[u8]) {
        self.lines += 1;
        self.lacking |= notes.compare_rows(original, changed, &mut self.summary);
    }
}
