//! `init`: empty tables of every type, so that studies can be set up before any data comes.

use std::collections::BTreeSet;

use super::plan;
use crate::claim::{self, JOB_CONFIG, Role};
use crate::error::Result;
use crate::fhir::{self, TABLE_TYPES};
use crate::memory::Budget;
use crate::output::{OutputFormat, SinkOptions, TableSinks, completion, layout};
use crate::store::{Storage, WorkFolder};
use crate::table::{Shape, StagingArea, schema};

/// Makes the tables that `output` lacks; those that are there keep their rows.
pub fn make_empty_tables(
    output: &str,
    formats: &[OutputFormat],
    storage: &Storage,
    budget: &Budget,
) -> Result<()> {
    let output = storage.open_folder(output)?;
    claim::refuse_claimed(&output, "OUTPUT", &[Role::Phi])?;
    claim::refuse_inside(&output, "OUTPUT", Role::Phi)?;
    let names: Vec<_> = TABLE_TYPES.iter().map(|name| name.to_lowercase()).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let tables = plan::with_completion(&names);
    layout::refuse_others(&output, formats, &tables)?;
    layout::warn_of_second_set(&output, formats)?;
    let hold = claim::hold_output(&output, formats)?;
    if hold.has_waited() {
        layout::refuse_others(&output, formats, &tables)?;
    }
    claim::remove_unfinished(&output, formats, None);
    // `convert` knows an output folder by it.
    output.child(JOB_CONFIG).create()?;
    let work = WorkFolder::create_work(None, &output)?;
    let staging = StagingArea { work, memory: budget.staging };
    let options =
        SinkOptions { rows_per_file: 1, threads: 1, optimize: false, memory: budget.writing };
    let sinks = TableSinks::new(&output, formats, options);
    for sink in sinks.iter() {
        for name in TABLE_TYPES {
            if let Some(r4) = fhir::type_named(name) {
                let schema = schema::table_schema(r4, &Shape::default(), &BTreeSet::new());
                sink.create_table(&name.to_lowercase(), schema, &staging)?;
            }
        }
        sink.create_table(completion::TABLE, schema::completion_schema(), &staging)?;
        sink.create_table(completion::ENCOUNTERS, schema::completion_encounters(), &staging)?;
    }
    Ok(())
}
