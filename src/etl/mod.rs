//! The main job: a folder of FHIR NDJSON becomes de-identified tables.
//!
//! [`run_etl`] is the recipe. Each step is a file: `folders`, `server_export`, `scan`, `prepare`,
//! `process_tables` and `records`. For each table `process_tables` calls the stages of `stages.rs`:
//! `scrub_table` (with `read_chunks`, `scrub_chunk`, `collect`) and `publish`, in the order of
//! `publish_order`.

mod backlog;
mod check;
mod collect;
mod config;
mod context;
mod convert;
mod folders;
mod former_runs;
mod init;
mod oddities;
mod phi;
mod phi_files;
mod plan;
mod prepare;
mod process_tables;
mod publish;
mod publish_order;
mod read_chunks;
mod records;
mod rejects;
mod row_counts;
mod run_input;
mod run_stamp;
mod scan;
mod scrub_chunk;
mod scrub_table;
mod server_export;
mod servers;
mod settings;
mod stages;
mod summary;
mod worker_threads;
mod writing_turns;

pub use check::check_settings;
pub use config::EtlConfig;
pub use convert::convert_output;
pub use init::make_empty_tables;

use std::time::Instant;

use chrono::Utc;
use tracing::info;

use crate::deid::{Anonymizer, Scrubber};
use crate::error::Result;
use crate::input::ReadAhead;
use crate::output::{TableSinks, completion};
use crate::store::Folder;
use crate::ui::Bars;
use collect::TableStaging;
use context::{SuccessNote, note_success};
use folders::RunFolders;
use oddities::check_all_used;
use plan::select_types;
use prepare::{Prepared, prepare_folders};
use process_tables::{ensure_threads, process_tables};
use publish::{TableCompleter, TablePublisher};
use read_chunks::InputFiles;
use records::Records;
use run_input::RunInput;
use scan::ScannedInput;
use scrub_chunk::RowForms;
use scrub_table::{RowScrubbing, TableScrubber};
use server_export::ServerExport;
use settings::SettingsInForce;
use stages::{DeletedRows, MainStages};
use summary::RunSummary;
use worker_threads::fit_threads;
use writing_turns::TABLES_TO_A_BUCKET;

/// Runs the main job.
///
/// # Errors
/// Refusals before anything is changed; tables that did not complete; the failures that `--strict` asks for.
pub fn run_etl(config: &EtlConfig, bars: &Bars) -> Result<()> {
    let (clock, began) = (Instant::now(), Utc::now());
    let selected = select_types(config)?;
    let folders = open_folders(config)?;
    let threads = fit_threads(&config.budget, config.threads);
    // Before the export, which may take hours: a limit that is too low for the tables shows first.
    ensure_threads(threads, TABLES_TO_A_BUCKET)?;
    let Some(input) = obtain_input(config, &folders, selected, bars)? else { return Ok(()) };
    let settings = SettingsInForce::of_run(config, threads, input.export.is_some());
    let scanned = scan_input(&settings, &input)?;
    let prepared = prepare_folders(&settings, &folders, &scanned.tables, began)?;
    let records = begin_records(&settings, &folders.output, &prepared, &scanned)?;
    let summary = make_tables(&settings, &input.folder, &scanned, &prepared, &records, bars)?;
    let note = SuccessNote {
        started: prepared.output.started,
        input: &settings.input,
        output: &config.output,
        export: input.export.as_ref().map(|export| (&*export.key, &*scanned.export.time)),
    };
    // An error waits here until the summary is shown: what was written is there all the same.
    let recorded = optimize_completion(&prepared.output.sinks)
        .and_then(|()| {
            records.write_manifest(&settings, &scanned.inputs, &summary, clock.elapsed())
        })
        .and_then(|()| note_if_complete(&summary, &folders.phi, &note));
    let rejected = prepared.phi.rejects.claimed_folder();
    summary.print_summary(scanned.input_bytes(), rejected.as_ref(), clock.elapsed());
    conclude_run(config.strict, &scanned, &summary, recorded)?;
    // After success only. Until then the folder knows its export, and the next run takes that up
    // rather than asking the server for another.
    input.export.as_ref().map_or(Ok(()), ServerExport::finish_export)
}

/// The folder that a run reads.
struct ReadyInput {
    folder: Folder,
    /// The types that may have tables.
    selected: Vec<&'static str>,
    /// Where INPUT is a FHIR server: what came from there.
    export: Option<ServerExport>,
}

fn open_folders(config: &EtlConfig) -> Result<RunFolders> {
    let folders = RunFolders::open_all(config)?;
    folders.refuse_other_uses()?;
    Ok(folders)
}

/// INPUT, or an export of it. `None` if the user only wanted to end an export.
fn obtain_input(
    config: &EtlConfig,
    folders: &RunFolders,
    mut selected: Vec<&'static str>,
    bars: &Bars,
) -> Result<Option<ReadyInput>> {
    let server = match &folders.input {
        RunInput::Server(server) => server,
        RunInput::Folder(folder) => {
            return Ok(Some(ReadyInput { folder: folder.clone(), selected, export: None }));
        }
    };
    let RunFolders { output, phi, .. } = folders;
    let Some(export) = server.export_files(config, &selected, output, phi, bars)? else {
        return Ok(None);
    };
    // A type that the server was not asked for must not become an empty table that is said to be
    // complete (test `types_that_were_not_asked_for_have_neither_table_nor_completion`).
    selected.retain(|name| export.types.iter().any(|known| known == name));
    Ok(Some(ReadyInput { folder: export.folder.clone(), selected, export: Some(export) }))
}

fn scan_input(settings: &SettingsInForce<'_>, input: &ReadyInput) -> Result<ScannedInput> {
    info!("Looking through '{}'", input.folder);
    let scanned = ScannedInput::scan_folder(settings, &input.selected, &input.folder)?;
    if input.export.is_none() {
        scanned.tell_of_notes(settings);
    }
    Ok(scanned)
}

fn begin_records(
    settings: &SettingsInForce<'_>,
    output: &Folder,
    prepared: &Prepared,
    scanned: &ScannedInput,
) -> Result<Records> {
    let ScannedInput { export, tables, .. } = scanned;
    let codebook_id = prepared.phi.codebook.id();
    Records::begin_run(output, prepared.output.started, settings, export, codebook_id, tables)
}

/// Scrubs and publishes all tables: joins the parts that do it.
fn make_tables(
    settings: &SettingsInForce<'_>,
    input: &Folder,
    scanned: &ScannedInput,
    prepared: &Prepared,
    records: &Records,
    bars: &Bars,
) -> Result<RunSummary> {
    let ScannedInput { tables, deletes, export, bases, .. } = scanned;
    let Prepared { output, phi, staging } = prepared;
    let (codebook, mapping) = (&phi.codebook, &phi.mapping);
    let make_scrubber = || Scrubber::new(Anonymizer::new(codebook.clone(), bases.clone()));
    let ahead = ReadAhead::new(input, tables.iter().flat_map(|table| &table.files));
    let scrubber = TableScrubber {
        input: InputFiles { folder: input, ahead },
        rows: RowScrubbing {
            make_scrubber: &make_scrubber,
            forms: RowForms::of_formats(&settings.asked.output_format),
            workers: settings.threads,
            completion: Some(export.clone()),
        },
        staging: TableStaging {
            area: staging,
            mapping: Some(mapping),
            rejects: phi.list_reject_folders(),
        },
        bytes_under_way: settings.asked.budget.chunks,
    };
    let stages = MainStages {
        scrubber,
        deletes: DeletedRows { deletes, codebook },
        publisher: TablePublisher { output, mapping, codebook },
        completer: TableCompleter { output, staging, records, export },
        bars,
    };
    let summary = process_tables(tables, output.turns.count_tables(), &stages, input.shutdown());
    phi.rejects.remove_empty();
    summary
}

/// The completion tables grow with every table; once a run is often enough for them.
fn optimize_completion(sinks: &TableSinks) -> Result<()> {
    sinks.iter().try_for_each(|sink| {
        sink.optimize_table(completion::TABLE)?;
        sink.optimize_table(completion::ENCOUNTERS).map(drop)
    })
}

fn note_if_complete(summary: &RunSummary, phi: &Folder, note: &SuccessNote<'_>) -> Result<()> {
    if summary.is_complete() { note_success(phi, note) } else { Ok(()) }
}

/// How the process ends.
fn conclude_run(
    strict: bool,
    scanned: &ScannedInput,
    summary: &RunSummary,
    recorded: Result<()>,
) -> Result<()> {
    // A table that failed says more than a record that could not be written because of it.
    summary.check_outcome(strict)?;
    if strict {
        check_all_used(&scanned.inputs, &scanned.deletes)?;
    }
    recorded
}
