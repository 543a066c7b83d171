//! Changes a study's tables.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use arrow::datatypes::{Schema, SchemaRef};

use super::DataFusion;
use super::database::{Change, StoredTable};
use super::fit;
use super::run::refused;
use super::write::{self, TableFile};
use crate::error::{Context, Error, Exit, Result};
use crate::study::counts::CountsTable;
use crate::study::dialect::{self, Command, Statement, Table};
use crate::study::engine::{BatchIter, Build, Rows, Start, TableInfo};

/// A study that is being built.
pub struct Building<'a> {
    engine: &'a DataFusion,
    study: String,
    change: Option<Change>,
    /// The tables so far, by name in lower case; in order of their making.
    tables: Mutex<Vec<(String, StoredTable)>>,
    /// Files so far of each table, so that no name is used twice.
    numbers: Mutex<BTreeMap<String, usize>>,
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn invalid(message: String) -> Error {
    Error::new(Exit::StudyInvalid, message)
}

impl<'a> Building<'a> {
    /// Waits for another run that changes the study.
    pub fn begin(engine: &'a DataFusion, study: &str, start: Start) -> Result<Self> {
        let study = study.to_lowercase();
        let change = engine.runner.tables.database().begin(&study)?;
        engine.runner.tables.begin(&study);
        let mut tables = Vec::new();
        if start == Start::AsItIs {
            for table in change.tables() {
                let opened = engine.runner.tables.open_stored(change.folder(), table)?;
                engine.runner.tables.put(&table.name, opened);
                tables.push((table.name.to_lowercase(), table.clone()));
            }
        }
        let (tables, numbers) = (Mutex::new(tables), Mutex::default());
        Ok(Self { engine, study, change: Some(change), tables, numbers })
    }

    fn change(&self) -> Result<&Change> {
        self.change.as_ref().ok_or_else(|| Error::failed("the build has ended"))
    }

    /// The whole name of a table that a statement changes.
    fn own(&self, table: &Table) -> Result<String> {
        let whole = match (&table.schema, table.name.split_once("__")) {
            (_, Some((study, _))) if study.eq_ignore_ascii_case(&self.study) => table.name.clone(),
            // The schema of a study of its own stands for the prefix.
            (Some(_), None) => format!("{}__{}", self.study, table.name),
            _ => {
                return Err(invalid(format!(
                    "{} is not a table of this study: its name must begin with {}__",
                    table.name, self.study
                )));
            }
        };
        let plain = |c: char| c.is_alphanumeric() || c == '_';
        match whole.chars().all(plain) {
            true => Ok(whole),
            false => {
                Err(invalid(format!("'{whole}' is no table's name: letters, digits and '_' are")))
            }
        }
    }

    fn plan(&self, statement: &Statement) -> Result<Rows> {
        let query = statement.command.query().ok_or_else(|| Error::failed("there is no query"))?;
        let planned = self.engine.runner.plan(query, &statement.spelling)?;
        self.engine.runner.run(planned)
    }

    /// A new file of a table.
    fn file(&self, table: &str, schema: SchemaRef) -> Result<TableFile> {
        let change = self.change()?;
        let number = {
            let mut numbers = held(&self.numbers);
            let number = numbers.entry(table.to_lowercase()).or_default();
            *number += 1;
            *number
        };
        TableFile::begin(change.folder(), change.file_name(&table.to_lowercase(), number), schema)
    }

    /// Makes a table of some rows.
    fn make(&self, name: &str, schema: SchemaRef, rows: BatchIter<'_>) -> Result<TableInfo> {
        if schema.fields().is_empty() {
            return Err(invalid(format!("{name} would have no columns")));
        }
        let mut file = self.file(name, schema)?;
        for batch in rows {
            file.write(&batch?)?;
        }
        let files = vec![file.finish()?];
        self.put(StoredTable { name: name.to_owned(), files })
    }

    fn put(&self, table: StoredTable) -> Result<TableInfo> {
        let info = TableInfo { name: table.name.clone(), rows: Some(table.rows()) };
        let opened = self.engine.runner.tables.open_stored(self.change()?.folder(), &table)?;
        self.engine.runner.tables.put(&table.name, opened);
        let lower = table.name.to_lowercase();
        let mut tables = held(&self.tables);
        match tables.iter_mut().find(|(name, _)| *name == lower) {
            Some((_, known)) => *known = table,
            None => tables.push((lower, table)),
        }
        Ok(info)
    }

    fn stored(&self, name: &str) -> Option<StoredTable> {
        let lower = name.to_lowercase();
        let tables = held(&self.tables);
        tables.iter().find(|(name, _)| *name == lower).map(|(_, table)| table.clone())
    }

    fn drop_table(&self, name: &str) {
        let lower = name.to_lowercase();
        held(&self.tables).retain(|(name, _)| *name != lower);
        self.engine.runner.tables.remove(name);
    }

    /// Adds rows to a table.
    fn insert(&self, name: &str, columns: &[String], rows: Rows) -> Result<TableInfo> {
        let (Some(mut table), Some(schema)) = (self.stored(name), self.schema(name)?) else {
            return Err(invalid(format!("there is no table {name} to insert into")));
        };
        let target: Vec<_> = match columns.is_empty() {
            true => schema.fields().iter().cloned().collect(),
            false => columns
                .iter()
                .map(|column| match fit::find(schema.fields(), column) {
                    Some((_, field)) => Ok(field.clone()),
                    None => Err(invalid(format!("{name} has no column '{column}'"))),
                })
                .collect::<Result<_>>()?,
        };
        if target.len() != rows.schema.fields().len() {
            return Err(invalid(format!(
                "{} columns are inserted into {} of {name}",
                rows.schema.fields().len(),
                target.len()
            )));
        }
        let target = std::sync::Arc::new(Schema::new(target));
        let mut file = self.file(name, schema.clone())?;
        for batch in rows.batches {
            let batch = write::brought(&batch?, &target).map_err(|_| {
                Error::failed(format!("a row's value does not fit into its column of {name}"))
            })?;
            let whole = arrow::array::StructArray::from(batch);
            let whole: arrow::array::ArrayRef = std::sync::Arc::new(whole);
            let to = arrow::datatypes::DataType::Struct(schema.fields().clone());
            let whole = fit::fit(&whole, &to).context("cannot insert")?;
            file.write(&arrow::array::AsArray::as_struct(&whole).into())?;
        }
        table.files.push(file.finish()?);
        self.put(table)
    }

    /// The groupings' rows as one table, then what the annotation and the clauses make of them.
    fn count_steps(&self, name: &str, counts: &CountsTable) -> Result<TableInfo> {
        let source = format!("{name}__counted_rows");
        let finished = format!("{name}__finished_rows");
        let made = self.query_into(&source, &counts.source_sql()).and_then(|_| {
            let groupings =
                counts.groupings().map(|grouping| counts.grouping_sql(grouping, &source));
            let mut table: Option<StoredTable> = None;
            let mut file: Option<TableFile> = None;
            for sql in groupings {
                let rows = self.query(&sql)?;
                if file.is_none() {
                    file = Some(self.file(&finished, rows.schema.clone())?);
                }
                for batch in rows.batches {
                    if let Some(file) = &mut file {
                        file.write(&batch?)?;
                    }
                }
            }
            if let Some(file) = file {
                table = Some(StoredTable { name: finished.clone(), files: vec![file.finish()?] });
            }
            if let Some(table) = table {
                self.put(table)?;
            }
            self.query_into(name, &counts.finish_sql(&finished))
        });
        self.drop_table(&source);
        self.drop_table(&finished);
        made
    }

    fn query(&self, sql: &str) -> Result<Rows> {
        self.plan(&dialect::parse(sql).map_err(refused)?)
    }

    fn query_into(&self, name: &str, sql: &str) -> Result<TableInfo> {
        let rows = self.query(sql)?;
        self.make(name, rows.schema, rows.batches)
    }
}

impl Build for Building<'_> {
    fn execute(&self, sql: &str) -> Result<Option<TableInfo>> {
        let statement = dialect::parse(sql).map_err(refused)?;
        match &statement.command {
            Command::Query(_) => {
                // It changes nothing, and still has to be one that could be run.
                self.check(sql)?;
                Ok(None)
            }
            Command::Create { name, if_not_exists, .. }
            | Command::Declare { name, if_not_exists, .. } => {
                let name = self.own(name)?;
                if *if_not_exists && let Some(table) = self.stored(&name) {
                    let rows = Some(table.rows());
                    return Ok(Some(TableInfo { name: table.name, rows }));
                }
                let rows = self.plan(&statement)?;
                self.make(&name, rows.schema, rows.batches).map(Some)
            }
            Command::Insert { name, columns, .. } => {
                let name = self.own(name)?;
                let rows = self.plan(&statement)?;
                self.insert(&name, columns, rows).map(Some)
            }
            Command::Delete { name, .. } => {
                let name = self.own(name)?;
                let rows = self.plan(&statement)?;
                self.make(&name, rows.schema, rows.batches).map(Some)
            }
            Command::Drop { names, if_exists } => {
                for name in names {
                    let name = self.own(name)?;
                    if !*if_exists && !self.has(&name) {
                        return Err(invalid(format!("there is no table {name} to drop")));
                    }
                    self.drop_table(&name);
                }
                Ok(None)
            }
        }
    }

    fn check(&self, sql: &str) -> Result<()> {
        let statement = dialect::parse(sql).map_err(refused)?;
        match statement.command.query() {
            Some(query) => self.engine.runner.plan(query, &statement.spelling).map(|_| ()),
            None => Ok(()),
        }
    }

    fn count(&self, name: &str, counts: &CountsTable) -> Result<TableInfo> {
        self.count_steps(name, counts)
    }

    fn load(&self, name: &str, schema: SchemaRef, rows: BatchIter<'_>) -> Result<TableInfo> {
        let names = schema.fields().iter().map(|field| field.name().clone()).collect();
        self.make(name, write::table_schema(&schema, names)?, rows)
    }

    fn has(&self, name: &str) -> bool {
        self.stored(name).is_some()
    }

    fn schema(&self, table: &str) -> Result<Option<SchemaRef>> {
        let table = self.engine.runner.tables.open(table)?;
        Ok(table.map(|table| table.spelled().clone()))
    }

    fn commit(mut self: Box<Self>) -> Result<()> {
        let tables = std::mem::take(&mut *held(&self.tables));
        match self.change.take() {
            Some(change) => change.commit(tables.into_iter().map(|(_, table)| table).collect()),
            None => Ok(()),
        }
    }
}

impl Drop for Building<'_> {
    fn drop(&mut self) {
        self.engine.runner.tables.end();
    }
}
