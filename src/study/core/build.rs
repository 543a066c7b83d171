//! Builds core on an engine.

use std::sync::Mutex;
use std::thread;

use chrono::Utc;

use super::{PREFIX, SOURCES, Sources, Statement, bookkeeping, counts, steps};
use crate::error::{Error, Result};
use crate::study::engine::{Build, Engine, TableInfo};
use crate::study::room;

/// What is told about the progress of a build.
pub type Told<'a> = &'a (dyn Fn(&TableInfo) + Sync);

/// The schemas of the source tables that an engine has.
pub fn sources(engine: &dyn Engine) -> Result<Sources> {
    let mut tables = Vec::new();
    for name in SOURCES {
        if let Some(schema) = engine.schema(name)? {
            tables.push((name.to_owned(), schema));
        }
    }
    Ok(Sources::new(tables))
}

/// Makes all tables of core; `threads` at once where they don't need each other.
///
/// # Errors
/// The first table that can't be made; the message names it.
pub fn build(build: &dyn Build, sources: &Sources, threads: usize, told: Told) -> Result<()> {
    let started = Utc::now();
    for step in steps(sources) {
        at_once(&step.statements, threads, |made| execute(build, made, told))?;
    }
    at_once(&counts()?, threads, |counts| {
        let name = format!("{PREFIX}__{}", counts.name);
        let info = build.count(&name, counts).map_err(|error| named(&name, error))?;
        told(&info);
        Ok(())
    })?;
    let last = bookkeeping(started, Utc::now())?;
    last.statements.iter().try_for_each(|made| execute(build, made, told))
}

fn execute(build: &dyn Build, made: &Statement, told: Told) -> Result<()> {
    let info = build.execute(&made.sql()).map_err(|error| named(&made.table, error))?;
    info.iter().for_each(told);
    Ok(())
}

/// The error with the table that it came up in.
fn named(table: &str, error: Error) -> Error {
    Error::new(error.exit(), format!("{table}: {error}"))
}

/// Does something with all items, several at once; ends with the first error.
fn at_once<T: Sync>(
    items: &[T],
    threads: usize,
    work: impl Fn(&T) -> Result<()> + Sync,
) -> Result<()> {
    let rest = Mutex::new(items.iter());
    let next = || rest.lock().ok()?.next();
    let worker = || {
        while let Some(item) = next() {
            if let Err(error) = work(item) {
                // The others find nothing more to do.
                if let Ok(mut rest) = rest.lock() {
                    *rest = [].iter();
                }
                return Err(error);
            }
        }
        Ok(())
    };
    thread::scope(|scope| {
        let threads = threads.clamp(1, items.len().max(1));
        let workers: Vec<_> =
            (0..threads).map(|_| room::spawn(scope, worker)).collect::<Result<_>>()?;
        // All of them end, whatever the first says.
        let ended: Vec<_> = workers.into_iter().map(room::join).collect();
        ended.into_iter().collect()
    })
}
