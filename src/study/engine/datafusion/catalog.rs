//! Which table a name means: one of the study at hand, of another study, or of the sources.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use datafusion::catalog::{CatalogProvider, SchemaProvider, TableProvider};
use datafusion::common::{DataFusionError, Result as EngineResult};

use super::database::{Database, StoredTable};
use super::scan::{DataFile, ParquetTable};
use super::session::SCHEMA;
use super::source::{Source, files};
use super::stores::Stores;
use crate::error::Result;
use crate::store::{Entry, Folder};

/// All tables that a session knows.
#[derive(Debug)]
pub struct Tables {
    source: Source,
    database: Database,
    stores: Stores,
    /// Tables that were opened, by name in lower case.
    opened: Mutex<HashMap<String, Slot>>,
    /// The study that is being built.
    building: Mutex<Option<Building>>,
}

/// A table that is opened once, by whoever needs it first.
type Slot = Arc<Mutex<Option<Arc<ParquetTable>>>>;

/// A study's tables as they are so far.
#[derive(Debug)]
struct Building {
    study: String,
    tables: BTreeMap<String, Arc<ParquetTable>>,
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The study that a table's name belongs to.
pub fn study_of(table: &str) -> Option<&str> {
    table.split_once("__").map(|(study, _)| study)
}

impl Tables {
    /// Tables of a source and of studies.
    pub fn new(source: Source, database: Database, stores: Stores) -> Self {
        Self { source, database, stores, opened: Mutex::default(), building: Mutex::default() }
    }

    /// The studies' tables.
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// From now on the tables of `study` are those that [`Tables::put`] brings.
    pub fn begin(&self, study: &str) {
        *held(&self.building) = Some(Building { study: study.to_owned(), tables: BTreeMap::new() });
    }

    /// The study is as the database has it.
    pub fn end(&self) {
        let ended = held(&self.building).take();
        if let Some(ended) = ended {
            let own = |name: &String| study_of(name) == Some(ended.study.as_str());
            held(&self.opened).retain(|name, _| !own(name));
        }
    }

    /// Adds a table of the study that is being built, or puts it in place of the one there was.
    pub fn put(&self, name: &str, table: ParquetTable) {
        if let Some(building) = held(&self.building).as_mut() {
            building.tables.insert(name.to_lowercase(), Arc::new(table));
        }
    }

    /// Takes a table of the study that is being built away.
    pub fn remove(&self, name: &str) {
        if let Some(building) = held(&self.building).as_mut() {
            building.tables.remove(&name.to_lowercase());
        }
    }

    /// The table of this name, whatever its case. Not from asynchronous code.
    pub fn open(&self, name: &str) -> Result<Option<Arc<ParquetTable>>> {
        let name = name.to_lowercase();
        if let Some(building) = held(&self.building).as_ref()
            && study_of(&name) == Some(building.study.as_str())
        {
            return Ok(building.tables.get(&name).cloned());
        }
        let slot = held(&self.opened).entry(name.clone()).or_default().clone();
        // Others who want this table wait; those who want another don't.
        let mut slot = held(&slot);
        if slot.is_none() {
            *slot = match self.stored(&name)? {
                Some(table) => Some(Arc::new(table)),
                None => self.source.open(&name, &self.stores)?.map(Arc::new),
            };
        }
        Ok(slot.clone())
    }

    fn stored(&self, name: &str) -> Result<Option<ParquetTable>> {
        let Some(study) = study_of(name) else { return Ok(None) };
        let Some(listing) = self.database.list(study)? else { return Ok(None) };
        let table = listing.tables.iter().find(|table| table.name.to_lowercase() == name);
        table.map(|table| self.open_stored(&self.database.folder(study), table)).transpose()
    }

    /// A table of a study by its files.
    pub fn open_stored(&self, folder: &Folder, table: &StoredTable) -> Result<ParquetTable> {
        let mut schema = None;
        let mut data = Vec::new();
        for file in &table.files {
            if schema.is_none() {
                let entry = Entry { name: file.name.clone(), size: file.bytes };
                schema = Some(files::footer(folder, &entry)?.0);
            }
            data.push(DataFile {
                path: folder.path(&file.name),
                size: file.bytes,
                rows: Some(file.rows),
            });
        }
        let schema = schema.unwrap_or_else(|| Arc::new(arrow::datatypes::Schema::empty()));
        ParquetTable::new(self.stores.of(folder)?, data, schema)
    }

    /// The names of all tables, in lower case.
    pub fn names(&self) -> Result<BTreeSet<String>> {
        let mut names = self.source.tables();
        for study in self.database.studies()? {
            if let Some(listing) = self.database.list(&study)? {
                names.extend(listing.tables.iter().map(|table| table.name.to_lowercase()));
            }
        }
        if let Some(building) = held(&self.building).as_ref() {
            names.retain(|name| study_of(name) != Some(building.study.as_str()));
            names.extend(building.tables.keys().cloned());
        }
        Ok(names)
    }
}

/// The tables as the engine asks for them.
#[derive(Debug)]
pub struct Catalog(pub Arc<Tables>);

impl CatalogProvider for Catalog {
    fn schema_names(&self) -> Vec<String> {
        vec![SCHEMA.to_owned()]
    }

    fn schema(&self, _: &str) -> Option<Arc<dyn SchemaProvider>> {
        // Studies name the schema that they were written for; there is one only.
        Some(Arc::new(Schema(self.0.clone())))
    }
}

#[derive(Debug)]
struct Schema(Arc<Tables>);

#[async_trait]
impl SchemaProvider for Schema {
    fn table_names(&self) -> Vec<String> {
        // Asked for within asynchronous code, where this thread may not wait for a store.
        std::thread::scope(|scope| {
            let names = scope.spawn(|| self.0.names()).join();
            match names {
                Ok(Ok(names)) => names.into_iter().collect(),
                _ => Vec::new(),
            }
        })
    }

    async fn table(&self, name: &str) -> EngineResult<Option<Arc<dyn TableProvider>>> {
        let (tables, name) = (self.0.clone(), name.to_owned());
        // To open a table is work for a thread that may wait.
        let opened = tokio::task::spawn_blocking(move || tables.open(&name)).await;
        match opened {
            Ok(Ok(table)) => Ok(table.map(|table| table as Arc<dyn TableProvider>)),
            Ok(Err(error)) => Err(DataFusionError::External(Box::new(error))),
            Err(error) => Err(DataFusionError::External(Box::new(error))),
        }
    }

    fn table_exist(&self, name: &str) -> bool {
        self.table_names().contains(&name.to_lowercase())
    }
}
