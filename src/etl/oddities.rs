//! The parts of the input that are left alone.

use tracing::{info, warn};

use crate::error::{Error, Result, RunFault};
use crate::input::{Deletes, Inputs};
use crate::text::escape_controls;
use crate::ui::format_count;

/// Names of one kind that messages show.
const NAMES_SHOWN: usize = 10;

/// Says what of the input is not used, and why.
pub(super) fn report_oddities(inputs: &Inputs, deletes: &Deletes) {
    for name in &inputs.skipped {
        let shown = escape_controls(name);
        match inputs.no_resources.contains(name) {
            true => warn!("'{shown}' holds no FHIR resources, one a line; nothing of it is used"),
            false => info!("'{shown}' holds no resources of a supported type; it is left alone"),
        }
    }
    for name in inputs.not_read.iter().take(NAMES_SHOWN) {
        let shown = escape_controls(name);
        warn!("'{shown}' looks like data, but is not read; .ndjson and .jsonl are, also .gz, .zst");
    }
    for (name, why) in inputs.unusable.iter().take(NAMES_SHOWN) {
        warn!("'{name}' is left alone: {why}");
    }
    for more in [inputs.not_read.len(), inputs.unusable.len()] {
        if let Some(more) = more.checked_sub(NAMES_SHOWN).filter(|more| *more > 0) {
            warn!("The same holds for {}", format_count(more as u64, "other file"));
        }
    }
    if deletes.not_understood > 0 {
        warn!(
            count = deletes.not_understood,
            "{} below deleted/ could not be understood, and deleted nothing",
            format_count(deletes.not_understood, "request")
        );
    }
    if deletes.no_effect > 0 {
        info!(
            count = deletes.no_effect,
            "{} below deleted/ without effect, for something else than to delete or of types without a \
             table",
            format_count(deletes.no_effect, "request")
        );
    }
}

/// Conditions of `--strict` beyond rows that are taken: files and deletes that are understood.
pub(super) fn check_all_used(inputs: &Inputs, deletes: &Deletes) -> Result<()> {
    let unusable = inputs.no_resources.len() as u64;
    let mut wrong = Vec::new();
    if unusable > 0 {
        wrong
            .push(format!("{} with no FHIR resources, one a line", format_count(unusable, "file")));
    }
    if deletes.not_understood > 0 {
        wrong.push(format!("{} not understood", format_count(deletes.not_understood, "delete")));
    }
    match wrong.is_empty() {
        true => Ok(()),
        false => {
            let message = format!("--strict: {}; see above", wrong.join(", "));
            Err(Error::new(RunFault::RowsRejected, message))
        }
    }
}
