//! The main job: a folder of FHIR NDJSON becomes de-identified tables.
//!
//! [`run`] reads from top to bottom as the pipeline goes.

mod check;
mod config;
mod convert;
mod exported;
mod init;
mod oddities;
mod phi;
mod places;
mod plan;
mod publish;
mod records;
mod rejects;
mod room;
mod scrubbing;
mod servers;
mod summary;
mod worker;

pub use check::check;
pub use config::EtlConfig;
pub use convert::convert;
pub use init::init;

use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Instant;

use chrono::{DateTime, Utc};
use crossbeam_channel::bounded;
use tracing::{debug, info, warn};

use crate::bulk::NOTE_RESOURCES;
use crate::claim::{self, REJECTED};
use crate::deid::{AnonId, Anonymizer, Codebook, Mapping, PhiFolder, Scrubber};
use crate::error::Result;
use crate::fhir::ServerBase;
use crate::http::recorded_url;
use crate::input::{self, Ahead, Deletes, ExportLog, Inputs};
use crate::memory;
use crate::output::{OutputFormat, SinkOptions, Sinks, completion, layout};
use crate::stop;
use crate::store::{Folder, Hold, Mounts, WorkFolder};
use crate::text::escape_controls;
use crate::threads::{Thread, can_start, join_scoped};
use crate::ui::Progress;
use exported::Exported;
use oddities::{check_all_used, report_oddities};
use places::Places;
use plan::{Export, TablePlan};
use records::Records;
use rejects::{Rejects, RejectsTo};
use scrubbing::{Source, scrub_table};
use servers::server_bases;
use summary::{Summary, TableSummary};

/// Tables that are written and wait to be tidied.
const TABLES_TO_COMPLETE: usize = 4;

/// Tables that are written to a bucket at once.
const PUBLISHERS: usize = 3;

/// Threads that libraries may take beside those that are counted.
const SPARE: usize = 4;

/// In which forms rows are staged: what the formats of the run need.
#[derive(Clone, Copy, Debug)]
struct Forms {
    arrow: bool,
    json: bool,
}

/// What all steps of a run share.
struct Run<'a> {
    config: &'a EtlConfig,
    started: DateTime<Utc>,
    input: Folder,
    output: Folder,
    /// OUTPUT, for as long as the run lasts.
    hold: Hold,
    rejects: Rejects,
    errors_to: Option<PhiFolder>,
    work: WorkFolder,
    codebook: Arc<Codebook>,
    mapping: Mutex<Mapping>,
    /// The FHIR server's own base URLs.
    bases: Arc<[ServerBase]>,
    export: Arc<Export>,
    /// Where INPUT is a FHIR server.
    exported: Option<Exported>,
    deletes: Deletes,
    forms: Forms,
    sinks: Sinks,
    alone: Mutex<()>,
    /// Bytes of all files that will be read.
    input_bytes: u64,
    bars: bool,
}

/// What an input folder holds, and what will be made of it.
struct Found {
    inputs: Inputs,
    deletes: Deletes,
    tables: Vec<TablePlan>,
    export: Export,
    bases: Arc<[ServerBase]>,
}

impl Found {
    /// Looks through the folder, and says what is odd.
    fn look(config: &EtlConfig, selected: &[&'static str], folder: &Folder) -> Result<Self> {
        let inputs = input::find(folder)?;
        for file in &inputs.files {
            let (name, of) = (&file.name, &file.resource_type);
            let shown = escape_controls(name);
            debug!(file = name, bytes = file.bytes, "'{shown}' is of {of}, {} bytes", file.bytes);
        }
        let log = match &inputs.log {
            Some(name) => input::read_export_log(folder, name)?,
            None => ExportLog::default(),
        };
        let deletes = input::read_deletes(folder, &inputs.deleted)?;
        let tables = plan::tables(config, selected, &inputs, &deletes)?;
        let export = plan::export(config, &log)?;
        let bases = server_bases(config, &export)?;
        report_oddities(&inputs, &deletes);
        tell_of_notes(config, &inputs);
        Ok(Self { inputs, deletes, tables, export, bases })
    }
}

/// Runs the main job. `bars`: draw progress bars.
pub fn run(config: &EtlConfig, bars: bool) -> Result<()> {
    let clock = Instant::now();
    let started = Utc::now();
    let selected = plan::selected(config)?;
    let places = Places::open(config)?;
    places.refuse_other_uses()?;
    let Places { folder, output, phi, errors_to } = places;
    let errors_to = errors_to.map(PhiFolder::new);
    // Without secrets: the URL goes into records.
    let (mut config, mut selected) = (config.clone(), selected);
    config.threads = fitting_threads(config.threads);
    ensure_threads(config.threads)?;
    let (input, exported) = match folder {
        Some(folder) if !exported::is_server(&config.input) => (folder, None),
        _ => {
            let Some(exported) = exported::export(&config, &selected, &output, &phi, bars)? else {
                return Ok(());
            };
            selected.retain(|name| exported.types.iter().any(|known| known == name));
            // That a Group has none of a type is known now, too.
            config.allow_missing_resources = true;
            config.input = shown(&config.input);
            (exported.folder.clone(), Some(exported))
        }
    };
    let config = &config;

    info!("Looking through '{input}'");
    let Found { inputs, deletes, tables, export, bases } = Found::look(config, &selected, &input)?;

    let names: Vec<_> = tables.iter().map(|table| table.name.as_str()).collect();
    let check = || {
        layout::refuse_others(&output, &config.output_format, &plan::with_completion(&names))?;
        records::check_codebook(&output, &phi)
    };
    check()?;
    layout::warn_of_second_set(&output, &config.output_format)?;
    let mounts = Mounts::of_process();
    phi::refuse_new_codebook(&phi, config.new_codebook, &mounts)?;
    phi.create()?;
    claim::mark_phi(&phi)?;
    phi::tighten(&phi, false);
    let hold = claim::hold_output(&output, &config.output_format)?;
    if hold.has_waited() {
        check()?;
    }
    phi::warn_of_lost_tables(&output, &mounts);
    let codebook = Arc::new(phi::open_codebook(&phi, &mounts)?);
    let work = WorkFolder::create_work(config.work_dir.as_deref(), &phi)?;
    let mapping =
        Mutex::new(Mapping::open(&PhiFolder::new(phi.clone()), work.create_file()?, work.path())?);
    if let Some(folder) = &errors_to {
        folder.create()?;
    }
    claim::remove_unfinished(&output, &config.output_format, Some(&phi));

    let options = SinkOptions {
        rows_per_file: config.batch_size,
        threads: config.threads,
        optimize: !config.no_table_optimization,
    };
    let sinks = Sinks::new(&output, &config.output_format, options);
    let rejected = phi.child(REJECTED);
    let (started, stamp) = records::claim_stamp(&output, &rejected, started)?;
    let run = Run {
        config,
        started,
        input,
        output,
        hold,
        rejects: Rejects::new(rejected, started),
        errors_to,
        work,
        codebook,
        mapping,
        bases,
        export: Arc::new(export),
        exported,
        deletes,
        forms: Forms {
            arrow: config.output_format.iter().any(|format| *format != OutputFormat::Ndjson),
            json: config.output_format.contains(&OutputFormat::Ndjson),
        },
        sinks,
        alone: Mutex::default(),
        input_bytes: tables.iter().flat_map(|t| &t.files).map(|file| file.bytes).sum(),
        bars,
    };
    let records = Records::begin(&run, &stamp, &tables)?;
    let made = make_tables(&run, &tables, &records);
    run.rejects.remove_empty();
    let summary = made?;
    // These grow with every table; once a run is often enough for them.
    let optimized = run.sinks.iter().try_for_each(|sink| {
        sink.optimize(completion::TABLE)?;
        sink.optimize(completion::ENCOUNTERS).map(|_| ())
    });
    let recorded =
        optimized.and_then(|()| records.finish(&run, &phi, &inputs, &summary, clock.elapsed()));
    summary.print(&run, clock.elapsed());
    // A table that failed says more than a record that could not be written because of it.
    summary.verdict(config.strict)?;
    if config.strict {
        check_all_used(&inputs, &run.deletes)?;
    }
    recorded?;
    run.exported.as_ref().map_or(Ok(()), Exported::finish)
}

impl Run<'_> {
    /// On a disk, what needs memory and all cores is done alone. Nothing but memory would be
    /// saved by that in a bucket, where most of the time is spent waiting.
    fn alone(&self) -> Option<MutexGuard<'_, ()>> {
        let alone = self.publishers() == 1;
        alone.then(|| self.alone.lock().unwrap_or_else(|e| e.into_inner()))
    }

    /// How many tables are written at once.
    fn publishers(&self) -> usize {
        let memory_is_short = memory::budget().is_tight(memory::count_cores());
        if self.output.local().is_some() || memory_is_short { 1 } else { PUBLISHERS }
    }

    /// The rows to delete, sorted.
    fn deletes_of(&self, resource_type: &str) -> Vec<AnonId<'static>> {
        let real = self.deletes.by_type.get(resource_type).into_iter().flatten();
        let ids = real.map(|id| self.codebook.anonymize_id(resource_type, id));
        let mut ids: Vec<_> = ids.collect();
        ids.sort_unstable();
        ids
    }
}

/// Writes tables.
const PUBLISHER: Thread = Thread::for_rows("publish");
/// Completes tables once they are written.
const COMPLETER: Thread = Thread::for_rows("complete");

/// Scrubs one table after the other; meanwhile those that are scrubbed are published.
fn make_tables(run: &Run<'_>, plans: &[TablePlan], records: &Records) -> Result<Summary> {
    let scrubber = || Scrubber::new(Anonymizer::new(run.codebook.clone(), run.bases.clone()));
    let source = Source {
        input: &run.input,
        ahead: Ahead::new(&run.input, plans.iter().flat_map(|plan| &plan.files)),
        work: &run.work,
        forms: run.forms,
        threads: run.config.threads,
        scrubber: &scrubber,
        mapping: Some(&run.mapping),
        completion: Some(run.export.clone()),
        rejects: std::iter::once(RejectsTo::Phi(&run.rejects))
            .chain(run.errors_to.as_ref().map(RejectsTo::Copy))
            .collect(),
    };
    thread::scope(|scope| {
        // One waits while another is published, so that neither side often waits for the other.
        let (scrubbed_in, scrubbed_out) = bounded(1);
        let (written_in, written_out) = bounded(TABLES_TO_COMPLETE);
        // Encounter's completion rows before anything else. On a disk one table at a time, for no
        // more than one table's row groups in memory; in a bucket one waits while another works.
        let publishers = run.publishers();
        let publisher = PUBLISHER.start_in(scope, move || {
            let publish = |(plan, scrubbed, scrubbing)| {
                let table = publish::publish(run, plan, scrubbed, scrubbing);
                written_in.send(table).is_ok()
            };
            if !scrubbed_out.recv().is_ok_and(&publish) {
                return Ok(());
            }
            let publish_all = || while scrubbed_out.recv().is_ok_and(&publish) {};
            thread::scope(|scope| {
                // This thread is one of them.
                let started = (1..publishers)
                    .try_for_each(|_| PUBLISHER.start_in(scope, publish_all).map(drop));
                if started.is_ok() {
                    publish_all();
                }
                started
            })
        })?;
        let completer = COMPLETER.start_in(scope, move || {
            let mut summary = Summary::default();
            for mut table in written_out {
                publish::complete(run, &mut table);
                records.table(&table);
                summary.add(table);
            }
            // Those that are written at once may end in any order.
            let place = |table: &TableSummary| plans.iter().position(|p| p.name == table.name);
            summary.tables.sort_by_key(place);
            summary
        })?;
        for plan in plans.iter().take_while(|_| !stop::is_asked()) {
            let bytes = plan.files.iter().map(|file| file.bytes).sum();
            let progress = Progress::begin_reading(&plan.name, bytes, run.bars);
            let clock = Instant::now();
            let scrubbed =
                scrub_table(&source, plan, run.deletes_of(plan.resource_type), &progress);
            progress.end_step();
            if scrubbed_in.send((plan, scrubbed, clock.elapsed())).is_err() {
                break;
            }
        }
        drop(scrubbed_in);
        let written = join_scoped(publisher);
        let completed = join_scoped(completer);
        written.map(|()| completed)
    })
}

/// Makes sure that the threads of a run can be had, before it changes anything: else one table after
/// the other would fail.
fn ensure_threads(workers: usize) -> Result<()> {
    // One reads, one completes; what writes tables has its own, and takes some for its files.
    can_start(PUBLISHER, workers + 2 + PUBLISHERS + SPARE)
}

/// Says what memory there is and what that leads to, and how many threads it is enough for.
fn fitting_threads(wanted: usize) -> usize {
    let budget = memory::budget();
    let cores = memory::count_cores();
    let Some(limit) = &budget.limit else { return wanted };
    let threads = wanted.min(memory::Budget::for_limit(budget.limit, wanted).threads);
    if threads < wanted.min(cores) || threads < wanted && wanted != budget.threads {
        warn!(memory_limit_bytes = limit.bytes, "{limit}: {threads} threads instead of {wanted}");
    }
    if budget.is_tight(cores) {
        let mib = |bytes: usize| bytes >> 20;
        info!(
            memory_limit_bytes = limit.bytes,
            threads,
            "{limit}: {threads} threads, {} MiB of input under way, {} MiB of rows a table in \
             memory, row groups of {} MiB; the rest goes to the work folder",
            mib(budget.chunks),
            mib(budget.staged),
            mib(budget.row_group),
        );
    } else {
        debug!(memory_limit_bytes = limit.bytes, threads, "{limit}: enough for {threads} threads");
    }
    threads
}

/// Who names a server beside a folder may expect its notes, as they come with an export.
fn tell_of_notes(config: &EtlConfig, inputs: &Inputs) {
    let has_notes = |kind: &str| NOTE_RESOURCES.contains(&kind);
    let Some(url) = config.fhir_url.as_deref().filter(|_| !exported::is_server(&config.input))
    else {
        return;
    };
    if inputs.files.iter().any(|file| has_notes(file.resource_type)) {
        info!(
            "Notes are not downloaded: of a folder, this run takes --fhir-url for references only. \
             To put notes into its files, run cumulus-etl inline {} --fhir-url {}",
            config.input,
            shown(url)
        );
    }
}

/// A server's URL as records and messages may show it.
fn shown(url: &str) -> String {
    recorded_url(url).unwrap_or_else(|| url.to_owned())
}
