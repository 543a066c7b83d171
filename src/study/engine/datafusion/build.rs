//! Changes a study's tables.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use arrow::array::{ArrayRef, AsArray, StructArray};
use arrow::datatypes::{DataType, Schema, SchemaRef};

use super::DataFusion;
use super::catalog::{Origin, TableCatalog};
use super::database::{StoredTable, StudyChange};
use super::fit;
use super::run::Runner;
use super::write::{self, TableFile};
use crate::error::{Context, Error, Result, StudyFault};
use crate::poison::ignore_poison;
use crate::study::StudyName;
use crate::study::counts::CountsTable;
use crate::study::dialect::{self, Statement, StatementCommand, TableName};
use crate::study::engine::{BatchIter, Build, Rows, Start, TableInfo};
use crate::study::protected::VOCABULARIES;
use crate::ui::{choose_form, format_count};

/// A study that is being built.
pub struct StudyBuild {
    runner: Arc<Runner>,
    /// The tables that its statements see.
    seen: Arc<TableCatalog>,
    study: StudyName,
    change: Option<StudyChange>,
    /// The schema that has this study's tables without their prefix.
    schema: Mutex<Option<String>>,
    /// Whether rows that it has may be of FHIR that nobody has de-identified.
    raw: AtomicBool,
    /// The files of its tables so far, by name in lower case; in order of their making.
    tables: Mutex<Vec<(String, StoredTable)>>,
    /// Files so far of each table, so that no name is used twice.
    numbers: Mutex<BTreeMap<String, usize>>,
    /// Held while a table is changed, by name in lower case: a statement must see the rows that another
    /// one adds to the table.
    changing: Mutex<BTreeMap<String, Arc<Mutex<()>>>>,
}

fn lock_state<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    ignore_poison(mutex.lock())
}

fn invalid_study(message: String) -> Error {
    Error::new(StudyFault::Statement, message)
}

impl StudyBuild {
    /// Waits for another run that changes the study.
    pub fn begin_study(engine: &DataFusion, study: &StudyName, start: Start<'_>) -> Result<Self> {
        let seen = engine.tables.clone();
        let change = seen.study_database().begin_change(study)?;
        let kept = change.old_tables().iter().filter(|table| start.keeps_table(&table.name));
        let kept: Vec<_> = kept.cloned().collect();
        // A study that is built again as a whole, of de-identified rows, loses the mark. With any
        // table that stays, it stays marked.
        let raw = seen.has_raw_source() || (!kept.is_empty() && change.was_raw());
        seen.begin_study(study)?;
        // From here on it ends when this is dropped.
        let build = Self {
            runner: engine.runner.clone(),
            seen,
            study: study.clone(),
            change: Some(change),
            schema: Mutex::default(),
            raw: AtomicBool::new(raw),
            tables: Mutex::default(),
            numbers: Mutex::default(),
            changing: Mutex::default(),
        };
        for table in kept {
            build.put_table(table)?;
        }
        Ok(build)
    }

    fn open_change(&self) -> Result<&StudyChange> {
        self.change.as_ref().ok_or_else(|| Error::failed("the build has ended"))
    }

    /// The whole name of a table that a statement changes.
    fn own_name(&self, table: &TableName) -> Result<String> {
        let has_prefix = matches!(table.name.split_once("__"),
            Some((study, _)) if study.eq_ignore_ascii_case(&self.study));
        let own = lock_state(&self.schema).clone();
        let in_own_schema =
            matches!((&table.schema, &own), (Some(a), Some(b)) if a.eq_ignore_ascii_case(b));
        let whole = match (has_prefix, in_own_schema) {
            (true, _) => table.name.clone(),
            // The schema stands for the prefix.
            (false, true) => format!("{}__{}", self.study, table.name),
            _ => {
                return Err(invalid_study(format!(
                    "{} is not a table of this study: its name must begin with {}__",
                    table.name, self.study
                )));
            }
        };
        let plain = |c: char| c.is_alphanumeric() || c == '_';
        // The name becomes a part of a file's path: nothing in it may lead elsewhere.
        match whole.chars().all(plain) {
            true => Ok(whole),
            false => Err(invalid_study(format!(
                "'{whole}' is no table's name: letters, digits and '_' are"
            ))),
        }
    }

    /// Runs a statement's query. Tells whether its rows may be patients'; takes note if they may be of
    /// FHIR that nobody has de-identified.
    fn run_query(&self, statement: &Statement) -> Result<(Rows, bool)> {
        let query = statement.command.query().ok_or_else(|| Error::failed("there is no query"))?;
        let origin = self.runner.origin_of(query)?;
        let planned = self.runner.plan_query(query, &statement.spelling)?;
        let rows = self.runner.run_plan(planned)?;
        // Never taken back: statements run on several threads, and another one may have set the
        // mark.
        self.raw.fetch_or(origin.raw, Ordering::Relaxed);
        Ok((rows, origin.of_patients))
    }

    /// A new file of a table.
    fn begin_file(&self, table: &str, schema: SchemaRef) -> Result<TableFile> {
        let change = self.open_change()?;
        let number = {
            // The lock ends with this block: to begin a file may mean to wait for a bucket.
            let mut numbers = lock_state(&self.numbers);
            let number = numbers.entry(table.to_lowercase()).or_default();
            *number += 1;
            *number
        };
        TableFile::begin_file(
            change.study_folder(),
            change.file_name(&table.to_lowercase(), number),
            schema,
        )
    }

    /// Makes a table of some rows, which may be `of_patients`.
    fn make_table(
        &self,
        name: &str,
        schema: SchemaRef,
        rows: BatchIter<'_>,
        of_patients: bool,
    ) -> Result<TableInfo> {
        if schema.fields().is_empty() {
            return Err(invalid_study(format!("{name} would have no columns")));
        }
        let mut file = self.begin_file(name, schema)?;
        for batch in rows {
            file.write(&batch?)?;
        }
        let files = vec![file.finish_file()?];
        self.put_table(StoredTable { name: name.to_owned(), files, counted: false, of_patients })
    }

    /// The lock of a table's changes. Nobody holds two of them.
    fn change_lock(&self, name: &str) -> Arc<Mutex<()>> {
        lock_state(&self.changing).entry(name.to_lowercase()).or_default().clone()
    }

    fn put_table(&self, table: StoredTable) -> Result<TableInfo> {
        let info = TableInfo { name: table.name.clone(), rows: Some(table.count_rows()) };
        let opened = self.seen.open_stored(self.open_change()?.study_folder(), &table)?;
        let origin =
            Origin { of_patients: table.of_patients, raw: self.raw.load(Ordering::Relaxed) };
        self.seen.put_table(&table.name, opened, origin);
        let lower = table.name.to_lowercase();
        let mut tables = lock_state(&self.tables);
        match tables.iter_mut().find(|(name, _)| *name == lower) {
            Some((_, known)) => *known = table,
            None => tables.push((lower, table)),
        }
        Ok(info)
    }

    fn find_stored(&self, name: &str) -> Option<StoredTable> {
        let lower = name.to_lowercase();
        let tables = lock_state(&self.tables);
        tables.iter().find(|(name, _)| *name == lower).map(|(_, table)| table.clone())
    }

    fn drop_table(&self, name: &str) {
        let lower = name.to_lowercase();
        lock_state(&self.tables).retain(|(name, _)| *name != lower);
        self.seen.remove_table(name);
    }

    /// Adds rows to a table.
    fn insert_rows(
        &self,
        name: &str,
        columns: &[String],
        rows: Rows,
        of_patients: bool,
    ) -> Result<TableInfo> {
        let (Some(mut table), Some(schema)) = (self.find_stored(name), self.schema(name)?) else {
            return Err(invalid_study(format!("there is no table {name} to insert into")));
        };
        let target: Vec<_> = match columns.is_empty() {
            true => schema.fields().iter().cloned().collect(),
            false => columns
                .iter()
                .map(|column| match fit::find_field(schema.fields(), column) {
                    Some((_, field)) => Ok(field.clone()),
                    None => Err(invalid_study(format!("{name} has no column '{column}'"))),
                })
                .collect::<Result<_>>()?,
        };
        if target.len() != rows.schema.fields().len() {
            let given = rows.schema.fields().len() as u64;
            let are = choose_form(given, "is", "are");
            let given = format_count(given, "column");
            let message = format!("{given} {are} inserted into {} of {name}", target.len());
            return Err(invalid_study(message));
        }
        let target = Arc::new(Schema::new(target));
        let mut file = self.begin_file(name, schema.clone())?;
        for batch in rows.batches {
            let batch = write::bring_batch(&batch?, &target).map_err(|_| {
                Error::failed(format!("a row's value does not fit into its column of {name}"))
            })?;
            // Columns of the table that the statement does not name become null.
            let whole: ArrayRef = Arc::new(StructArray::from(batch));
            let to = DataType::Struct(schema.fields().clone());
            let whole = fit::fit_array(&whole, &to).context("cannot insert")?;
            file.write(&whole.as_struct().into())?;
        }
        table.files.push(file.finish_file()?);
        table.of_patients |= of_patients;
        // No counts workflow has seen these rows: that each cell has the minimum can't be said any
        // more.
        table.counted = false;
        self.put_table(table)
    }

    /// The groupings' rows as one table, then what the annotation and the clauses make of them.
    fn count_steps(&self, name: &str, counts: &CountsTable) -> Result<TableInfo> {
        // No table of a study can be called so.
        let (source, finished) = (format!("{name}-counted"), format!("{name}-finished"));
        let quoted = |name: &str| format!("\"{name}\"");
        self.check_annotation(name, counts)?;
        // The joined and filtered rows are written once. Each grouping reads them again.
        let made = self.query_into(&source, &counts.source_sql()).and_then(|_| {
            let mut file: Option<TableFile> = None;
            // One grouping after the other: one CUBE with distinct counts took 6 to 9 GiB for five
            // columns of 650,000 rows, and these queries 1.2 GiB.
            for grouping in counts.list_groupings() {
                let rows = self.query_text(&counts.grouping_sql(grouping, &quoted(&source)))?;
                let file = match &mut file {
                    Some(file) => file,
                    none => none.insert(self.begin_file(&finished, rows.schema.clone())?),
                };
                for batch in rows.batches {
                    file.write(&batch?)?;
                }
            }
            if let Some(file) = file {
                let (name, files) = (finished.clone(), vec![file.finish_file()?]);
                self.put_table(StoredTable { name, files, counted: false, of_patients: true })?;
            }
            self.query_into(name, &counts.finish_sql(&quoted(&finished)))?;
            let table =
                self.find_stored(name).ok_or_else(|| Error::failed("the table has gone"))?;
            // Only the last step makes the mark, by which an export knows the table as counts
            // (`Engine::is_counted`).
            self.put_table(StoredTable { counted: true, ..table })
        });
        // After a failure, too: the first holds rows of patients.
        self.discard_table(&source);
        self.discard_table(&finished);
        made
    }

    /// Refuses to explain counts by rows of patients: where several of them have one value, each
    /// would be a row of the counts.
    fn check_annotation(&self, name: &str, counts: &CountsTable) -> Result<()> {
        let Some(annotation) = &counts.annotation else { return Ok(()) };
        let statement = dialect::parse_statement(&annotation.repeated_sql())?;
        let query = statement.command.query().ok_or_else(|| Error::failed("there is no query"))?;
        if !self.runner.origin_of(query)?.of_patients {
            return Ok(());
        }
        for batch in self.run_query(&statement)?.0.batches {
            if batch?.num_rows() > 0 {
                return Err(invalid_study(annotation.explain_repeats(name)));
            }
        }
        Ok(())
    }

    /// Drops a table that no statement can name, and with it its rows.
    fn discard_table(&self, name: &str) {
        let files = self.find_stored(name).map(|table| table.files).unwrap_or_default();
        self.drop_table(name);
        if let Some(change) = &self.change {
            files.iter().for_each(|file| change.remove_file(file));
        }
    }

    fn query_text(&self, sql: &str) -> Result<Rows> {
        Ok(self.run_query(&dialect::parse_statement(sql)?)?.0)
    }

    fn query_into(&self, name: &str, sql: &str) -> Result<TableInfo> {
        let statement = dialect::parse_statement(sql)?;
        let (rows, of_patients) = self.run_query(&statement)?;
        self.make_table(name, rows.schema, rows.batches, of_patients)
    }
}

impl Build for StudyBuild {
    fn execute(&self, statement: &Statement) -> Result<Option<TableInfo>> {
        match &statement.command {
            StatementCommand::Query(_) => {
                // It changes nothing, and still has to be one that could be run.
                self.check_statement(statement)?;
                Ok(None)
            }
            StatementCommand::Create { name, if_not_exists, .. }
            | StatementCommand::Declare { name, if_not_exists, .. } => {
                let name = self.own_name(name)?;
                let lock = self.change_lock(&name);
                let _changing = lock_state(&lock);
                // Under the lock: the second of two such statements then sees the table of the
                // first.
                if *if_not_exists && let Some(table) = self.find_stored(&name) {
                    let rows = Some(table.count_rows());
                    return Ok(Some(TableInfo { name: table.name, rows }));
                }
                let (rows, of_patients) = self.run_query(statement)?;
                self.make_table(&name, rows.schema, rows.batches, of_patients).map(Some)
            }
            StatementCommand::Insert { name, columns, .. } => {
                let name = self.own_name(name)?;
                // The query may read the table that it adds to. Without the lock, of two such
                // statements each would keep only its own rows beside those of before.
                let lock = self.change_lock(&name);
                let _changing = lock_state(&lock);
                let (rows, of_patients) = self.run_query(statement)?;
                self.insert_rows(&name, columns, rows, of_patients).map(Some)
            }
            StatementCommand::Delete { name, .. } => {
                let name = self.own_name(name)?;
                let lock = self.change_lock(&name);
                let _changing = lock_state(&lock);
                // The query is of the rows that stay. Files are never changed: the table gets a new
                // one.
                let (rows, of_patients) = self.run_query(statement)?;
                self.make_table(&name, rows.schema, rows.batches, of_patients).map(Some)
            }
            StatementCommand::Drop { names, if_exists } => {
                for name in names {
                    let name = self.own_name(name)?;
                    let lock = self.change_lock(&name);
                    let _changing = lock_state(&lock);
                    if !*if_exists && !self.has_table(&name) {
                        return Err(invalid_study(format!("there is no table {name} to drop")));
                    }
                    // The files stay until the commit, as without one the study stays as it was.
                    self.drop_table(&name);
                }
                Ok(None)
            }
        }
    }

    fn check_statement(&self, statement: &Statement) -> Result<()> {
        match statement.command.query() {
            Some(query) => self.runner.plan_query(query, &statement.spelling).map(|_| ()),
            None => Ok(()),
        }
    }

    fn dedicated_schema(&self, schema: &str) {
        *lock_state(&self.schema) = Some(schema.to_owned());
        self.seen.dedicated_schema(schema);
    }

    fn make_counts(&self, name: &str, counts: &CountsTable) -> Result<TableInfo> {
        let lock = self.change_lock(name);
        let _changing = lock_state(&lock);
        self.count_steps(name, counts)
    }

    fn load_rows(&self, name: &str, schema: SchemaRef, rows: BatchIter<'_>) -> Result<TableInfo> {
        let lock = self.change_lock(name);
        let _changing = lock_state(&lock);
        let names = schema.fields().iter().map(|field| field.name().clone()).collect();
        self.make_table(name, write::table_schema(&schema, names)?, rows, false)
    }

    fn import_rows(&self, name: &str, schema: SchemaRef, rows: BatchIter<'_>) -> Result<TableInfo> {
        let lock = self.change_lock(name);
        let _changing = lock_state(&lock);
        let names = schema.fields().iter().map(|field| field.name().clone()).collect();
        // An archive does not say what its tables were made of. Only vocabularies are known to have
        // no patients.
        let of_patients = !VOCABULARIES.contains(&&*self.study);
        self.make_table(name, write::table_schema(&schema, names)?, rows, of_patients)
    }

    fn mark_raw(&self) {
        self.raw.store(true, Ordering::Relaxed);
    }

    fn has_table(&self, name: &str) -> bool {
        self.find_stored(name).is_some()
    }

    fn schema(&self, table: &str) -> Result<Option<SchemaRef>> {
        let table = self.seen.open_table(table)?;
        Ok(table.map(|table| table.spelled_schema().clone()))
    }

    fn commit_tables(mut self: Box<Self>) -> Result<()> {
        let tables = std::mem::take(&mut *lock_state(&self.tables));
        match self.change.take() {
            Some(change) => {
                let raw = self.raw.load(Ordering::Relaxed);
                change.commit_tables(tables.into_iter().map(|(_, table)| table).collect(), raw)
            }
            None => Ok(()),
        }
    }
}

impl Drop for StudyBuild {
    fn drop(&mut self) {
        self.seen.end_study();
    }
}
