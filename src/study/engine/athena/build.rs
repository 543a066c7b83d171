//! A study while its tables are made in Athena.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard};

use arrow::datatypes::SchemaRef;
use tracing::info;

use super::counts::cube_sql;
use super::unload::quote_name;
use super::{Athena, loading, metadata, results};
use crate::error::{Error, Result, StudyFault};
use crate::poison::ignore_poison;
use crate::study::counts::CountsTable;
use crate::study::dialect::{Statement, StatementCommand};
use crate::study::engine::{BatchIter, Build, TableInfo};
use crate::study::protected::VOCABULARIES;
use crate::ui::format_count;

/// A build. Its tables are seen as soon as they are made: Athena can't show them all together.
pub(super) struct AthenaBuild<'a> {
    athena: &'a Athena,
    study: String,
    tables: Mutex<BTreeSet<String>>,
    /// Tables of rows that came with the study.
    uploads: Mutex<BTreeSet<String>>,
    before: u64,
}

impl<'a> AthenaBuild<'a> {
    pub fn new(athena: &'a Athena, study: &str, tables: BTreeSet<String>) -> Self {
        let before = athena.scanned_bytes();
        let (study, tables) = (study.to_lowercase(), Mutex::new(tables));
        Self { athena, study, tables, uploads: Mutex::default(), before }
    }

    fn lock_tables(&self) -> MutexGuard<'_, BTreeSet<String>> {
        ignore_poison(self.tables.lock())
    }

    fn lock_uploads(&self) -> MutexGuard<'_, BTreeSet<String>> {
        ignore_poison(self.uploads.lock())
    }

    /// Refuses to explain counts by rows that may be patients': where several of them have one value,
    /// each would be a row of the counts. Of other tables than vocabularies, and those that this build
    /// has uploaded, nobody knows here what they were made of.
    fn check_annotation(&self, name: &str, counts: &CountsTable) -> Result<()> {
        let Some(annotation) = &counts.annotation else { return Ok(()) };
        let parts: Vec<_> = annotation.join_table.0.iter().filter_map(|p| p.as_ident()).collect();
        let parts: Vec<_> = parts.into_iter().map(|part| part.value.to_lowercase()).collect();
        let (schema, table) = match parts.as_slice() {
            [.., schema, table] => (Some(schema.as_str()), table.as_str()),
            [table] => (None, table.as_str()),
            [] => (None, ""),
        };
        let study = table.split_once("__").map(|(study, _)| study).or(schema);
        let is_vocabulary = study.is_some_and(|study| VOCABULARIES.contains(&study));
        if is_vocabulary || (schema.is_none() && self.lock_uploads().contains(table)) {
            return Ok(());
        }
        for batch in results::run_query(&self.athena.queries, &annotation.repeated_sql())?.batches {
            if batch?.num_rows() > 0 {
                return Err(Error::new(StudyFault::Statement, annotation.explain_repeats(name)));
            }
        }
        Ok(())
    }

    fn note_made(&self, name: &str) -> TableInfo {
        self.lock_tables().insert(name.to_lowercase());
        TableInfo { name: name.to_owned(), rows: None }
    }
}

impl Build for AthenaBuild<'_> {
    fn execute(&self, statement: &Statement) -> Result<Option<TableInfo>> {
        let made = match &statement.command {
            StatementCommand::Create { name, .. } | StatementCommand::Declare { name, .. } => {
                Some(&name.name)
            }
            _ => None,
        };
        let sql = statement.text.as_str();
        let label = match made {
            Some(name) => name.clone(),
            None => sql.lines().next().unwrap_or_default().chars().take(60).collect(),
        };
        self.athena.queries.run(&label, sql)?;
        Ok(made.map(|name| self.note_made(name)))
    }

    fn check_statement(&self, _: &Statement) -> Result<()> {
        // Athena checks a statement when it runs it; tables that it names may not be there yet.
        Ok(())
    }

    fn make_counts(&self, name: &str, counts: &CountsTable) -> Result<TableInfo> {
        let name = name.to_lowercase();
        self.check_annotation(&name, counts)?;
        let sql = format!("CREATE TABLE {} AS\n{}", quote_name(&name), cube_sql(counts));
        self.athena.queries.run(&name, &sql)?;
        Ok(self.note_made(&name))
    }

    fn load_rows(&self, name: &str, schema: SchemaRef, rows: BatchIter<'_>) -> Result<TableInfo> {
        // The catalog keeps names in lower case.
        let name = name.to_lowercase();
        let info = loading::load_table(self.athena, &self.study, &name, &schema, rows)?;
        self.note_made(&name);
        self.lock_uploads().insert(name);
        Ok(info)
    }

    fn import_rows(&self, name: &str, schema: SchemaRef, rows: BatchIter<'_>) -> Result<TableInfo> {
        let name = name.to_lowercase();
        let info = loading::load_table(self.athena, &self.study, &name, &schema, rows)?;
        Ok(TableInfo { rows: info.rows, ..self.note_made(&name) })
    }

    fn has_table(&self, name: &str) -> bool {
        self.lock_tables().contains(&name.to_lowercase())
    }

    fn schema(&self, table: &str) -> Result<Option<SchemaRef>> {
        metadata::schema(&self.athena.queries, table)
    }

    fn commit_tables(self: Box<Self>) -> Result<()> {
        let bytes = self.athena.scanned_bytes() - self.before;
        info!(
            bytes,
            study = self.study,
            "{}: {} scanned in all",
            self.study,
            format_count(bytes, "byte")
        );
        Ok(())
    }
}
