//! The last checks, and then the first changes: folders are marked and held, the codebook is begun.

use std::sync::{Arc, Mutex};

use chrono::{DateTime, Utc};

use super::folders::RunFolders;
use super::former_runs::check_codebook;
use super::phi;
use super::plan::{TablePlan, with_completion};
use super::rejects::{Rejects, RejectsTo};
use super::run_stamp::claim_stamp;
use super::settings::SettingsInForce;
use super::writing_turns::WritingTurns;
use crate::claim::{self, REJECTED};
use crate::deid::{Codebook, Mapping, PhiFolder};
use crate::error::Result;
use crate::output::{SinkOptions, TableSinks, layout};
use crate::stop::Shutdown;
use crate::store::{Folder, Hold, Mounts, WorkFolder};
use crate::table::StagingArea;

/// The parts of a run once its folders are prepared.
pub(super) struct Prepared {
    pub output: PreparedOutput,
    pub phi: PreparedPhi,
    pub staging: StagingArea,
}

/// OUTPUT, ready for a run.
pub(super) struct PreparedOutput {
    pub sinks: TableSinks,
    /// For as long as the run lasts.
    pub hold: Hold,
    pub turns: WritingTurns,
    /// When the run began, as its records have it.
    pub started: DateTime<Utc>,
    /// Whether the run is to end.
    pub shutdown: Shutdown,
}

/// A run's files in PHI: those it reads, and those it writes.
pub(super) struct PreparedPhi {
    pub codebook: Arc<Codebook>,
    pub mapping: Mutex<Mapping<Folder>>,
    pub rejects: Rejects,
    /// Where the user wants a copy of rejected rows.
    pub errors_to: Option<PhiFolder<Folder>>,
}

impl PreparedPhi {
    /// Where rejected rows go.
    pub(super) fn list_reject_folders(&self) -> Vec<RejectsTo<'_>> {
        let copy = self.errors_to.as_ref().map(RejectsTo::Copy);
        std::iter::once(RejectsTo::Phi(&self.rejects)).chain(copy).collect()
    }
}

/// Refuses what can be refused, and then marks the folders and holds OUTPUT. `began`: when the run has
/// begun.
pub(super) fn prepare_folders(
    settings: &SettingsInForce<'_>,
    folders: &RunFolders,
    tables: &[TablePlan],
    began: DateTime<Utc>,
) -> Result<Prepared> {
    let RunFolders { output, phi, errors_to, .. } = folders;
    let (config, formats) = (settings.asked, &settings.asked.output_format);
    let names: Vec<_> = tables.iter().map(|table| table.name.as_str()).collect();
    let check = || {
        layout::refuse_others(output, formats, &with_completion(&names))?;
        check_codebook(output, phi)
    };
    check()?;
    layout::warn_of_second_set(output, formats)?;
    let mounts = Mounts::of_process();
    phi::refuse_new_codebook(phi, config.new_codebook, &mounts)?;
    // The first change. All that can be refused without waiting has been refused above.
    phi.create()?;
    claim::mark_phi(phi)?;
    phi::tighten_rights(phi, false);
    let hold = claim::hold_output(output, formats)?;
    // The run before may have begun OUTPUT with another codebook, or made tables of another format.
    if hold.has_waited() {
        check()?;
    }
    phi::warn_of_lost_tables(output, &mounts);
    let codebook = Arc::new(phi::open_codebook(phi, &mounts)?);
    let (work, budget) = (WorkFolder::create_work(config.work_dir.as_deref(), phi)?, config.budget);
    let mapping = Mapping::open_mapping(
        &PhiFolder::new(phi.clone()),
        work.create_file()?,
        work.path(),
        budget.mapping_pairs,
    )?;
    let errors_to = errors_to.clone().map(PhiFolder::new);
    errors_to.as_ref().map_or(Ok(()), |folder| folder.create())?;
    claim::remove_unfinished(output, formats, Some(phi));

    let options = SinkOptions {
        rows_per_file: config.batch_size,
        threads: settings.threads,
        optimize: !config.no_table_optimization,
        memory: budget.writing,
    };
    let sinks = TableSinks::new(output, formats, options);
    let rejected = phi.child(REJECTED);
    let started = claim_stamp(output, &rejected, began)?;
    let turns = WritingTurns::for_output(output, budget.is_tight());
    let shutdown = output.shutdown().clone();
    let (mapping, rejects) = (Mutex::new(mapping), Rejects::new(rejected, started));
    let output = PreparedOutput { sinks, hold, turns, started, shutdown };
    let phi = PreparedPhi { codebook, mapping, rejects, errors_to };
    Ok(Prepared { output, phi, staging: StagingArea { work, memory: budget.staging } })
}
