//! A synthetic bulk export that looks like an EHR's: for trying the program, testing and measuring.
//!
//! Everything follows from the seed: the same options give the same bytes, however many threads
//! write them. Patients are independent of each other, so memory does not grow with their number.
//!
//! The export holds all 20 types, linked to each other; the elements, extensions and code systems that
//! EHRs fill in, and much that must not be kept (names, numbers, narratives, notes); the ways in which
//! real servers depart from the specification. With [`DemoOptions::flaws`] there are rows, too, that
//! no one can use. With [`DemoOptions::every_element`] there is all that de-identification keeps.
//!
//! The stages: `world` counts people and rows, a `chunk` holds the rows of a few patients,
//! and `files` puts the chunks in order into files.

mod chunk;
mod codes;
mod conditions;
mod contained;
mod datatypes;
mod dates;
mod documents;
mod encounters;
mod export_log;
mod extensions;
mod files;
mod flaws;
mod json;
mod kind;
mod medications;
mod names;
mod observations;
mod odd;
mod options;
mod orders;
mod people;
mod procedures;
mod references;
mod resources;
mod rng;
mod row;
mod timing;
mod values;
mod world;

#[cfg(test)]
mod tests;

#[cfg(test)]
#[path = "../../../tests/it/needs.rs"]
#[allow(dead_code, reason = "integration tests need more")]
mod needs;

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::{fs, io, thread};

use chunk::PatientChunk;
use cumulus_base::error::{Context, Error, FolderFault, Result};
use cumulus_process::threads::{Thread, join_scoped};
use files::ExportFiles;
use kind::RowType;
use world::World;

pub use names::{identifying_strings, identifying_words};
pub use options::{DemoOptions, DemoSummary};

/// Writes an export into `dir`, which must be absent or empty (`FolderFault::NotEmpty` otherwise).
///
/// `Type.000.ndjson` … for all types, `deleted/`, `error/` and `log.ndjson`. Uses all processors;
/// `progress` is told the bytes written so far, by any of the threads.
pub fn generate_export(
    dir: &Path,
    options: &DemoOptions,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<DemoSummary> {
    let threads = thread::available_parallelism().map_or(2, usize::from);
    generate_with(dir, options, threads, progress)
}

fn generate_with(
    dir: &Path,
    options: &DemoOptions,
    threads: usize,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<DemoSummary> {
    claim_folder(dir)?;
    let world = World::new(options);
    let files = ExportFiles::new(dir, options)?;
    // One at least: an export of no patients has practitioners and places, too.
    let chunks = options.patients.div_ceil(chunk::PATIENTS).max(1);
    let next = AtomicU64::new(0);

    let work = || -> Result<chunk::MadeRows> {
        let _guard = files.stop_on_panic();
        let mut chunk = PatientChunk::default();
        let mut counts = chunk::MadeRows::default();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= chunks {
                return Ok(counts);
            }
            chunk.fill_rows(&world, number, chunks);
            files.write(number, &chunk)?;
            counts.add(&chunk.counts);
            progress(files.written_bytes());
        }
    };
    let counts = thread::scope(|scope| {
        let thread = Thread::named("demo");
        let workers = (0..threads.clamp(1, 64)).map(|_| thread.start_in(scope, work));
        // Where one can't be started, the others have no chunks left to wait for.
        let workers: Vec<_> = workers
            .collect::<Result<_>>()
            .inspect_err(|_| next.store(chunks, Ordering::Relaxed))?;
        let mut total = chunk::MadeRows::default();
        for worker in workers {
            total.add(&join_scoped(worker)?);
        }
        Ok::<_, Error>(total)
    })?;

    let mut written = files.finish_files()?;
    written.push(export_log::write_warnings(dir, options)?);
    let log_bytes = export_log::write(dir, options, &written)?;
    progress(written.iter().map(|file| file.bytes).sum::<u64>() + log_bytes);
    Ok(DemoSummary {
        files: written.len() as u64 + 1,
        bytes: written.iter().map(|file| file.bytes).sum::<u64>() + log_bytes,
        rows: RowType::ALL
            .into_iter()
            .filter(|kind| counts.rows[*kind as usize] > 0)
            .map(|kind| (kind.name(), counts.rows[kind as usize]))
            .collect(),
        duplicates: counts.duplicates,
        broken: counts.broken,
        deleted: counts.deleted,
        deleted_here: counts.deleted_here,
    })
}

/// Makes the folder; one that holds anything is left alone.
fn claim_folder(dir: &Path) -> Result<()> {
    match fs::read_dir(dir) {
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => Err(Error::new(
                FolderFault::NotEmpty,
                format!("the folder '{}' is not empty; name a new or an empty one", dir.display()),
            )),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => fs::create_dir_all(dir)
            .with_context(|| format!("cannot make the folder '{}'", dir.display())),
        Err(error) => {
            Err(error).with_context(|| format!("cannot use the folder '{}'", dir.display()))
        }
    }
}
