//! Builds core on an engine.

use chrono::Utc;

use super::{PREFIX, SOURCES, Sources, TableQuery, plan_bookkeeping, plan_steps, read_counts};
use crate::error::{Context, Result};
use crate::study::dialect;
use crate::study::engine::{Build, Engine, TableInfo};
use crate::study::room;

/// The function that a build calls with each table, to show its progress.
pub type Told<'a> = &'a (dyn Fn(&TableInfo) + Sync);

/// The schemas of the source tables that an engine has.
pub fn read_sources(engine: &dyn Engine) -> Result<Sources> {
    let mut tables = Vec::new();
    for name in SOURCES {
        if let Some(schema) = engine.schema(name)? {
            tables.push((name.to_owned(), schema));
        }
    }
    Ok(Sources::new(tables))
}

/// Makes all tables of core, `threads` at the same time where they don't need each other.
///
/// # Errors
/// The first table that can't be made; the message names it.
pub fn build_tables(
    build: &dyn Build,
    sources: &Sources,
    threads: usize,
    told: Told,
) -> Result<()> {
    let started = Utc::now();
    for step in plan_steps(sources) {
        room::for_each_item(&step.tables, threads, |made| make_table(build, made, told))?;
    }
    room::for_each_item(&read_counts()?, threads, |counts| {
        let name = format!("{PREFIX}__{}", counts.name);
        let info = build.make_counts(&name, counts).context(&*name)?;
        told(&info);
        Ok(())
    })?;
    let last = plan_bookkeeping(started, Utc::now())?;
    last.tables.iter().try_for_each(|made| keep_books(build, made, told))
}

/// Makes a table about the build. These tables are protected, so that those of the last build are there.
/// The build adds its transactions to those of earlier builds, and makes the other tables anew.
fn keep_books(build: &dyn Build, made: &TableQuery, told: Told) -> Result<()> {
    let TableQuery { table, columns, query, .. } = made;
    if !build.has_table(table) {
        return make_table(build, made, told);
    }
    if *table == format!("{PREFIX}__lib_transactions") {
        // With the columns' names, as Cumulus Library may have made the table in an earlier build.
        let names: Vec<_> = columns.iter().map(|column| column.name.as_str()).collect();
        let sql = format!("INSERT INTO {table} ({})\n{query}", names.join(", "));
        let info = execute(build, &sql).context(table)?;
        info.iter().for_each(told);
        return Ok(());
    }
    execute(build, &format!("DROP TABLE IF EXISTS {table}")).context(table)?;
    make_table(build, made, told)
}

fn make_table(build: &dyn Build, made: &TableQuery, told: Told) -> Result<()> {
    let info = execute(build, &made.create_sql()).context(&made.table)?;
    info.iter().for_each(told);
    Ok(())
}

fn execute(build: &dyn Build, sql: &str) -> Result<Option<TableInfo>> {
    build.execute(&dialect::parse_statement(sql)?)
}
