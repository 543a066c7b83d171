//! Which table a name means: one of the study at hand, of another study, or of the sources.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
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
use crate::study::StudyName;
use crate::threads::{Thread, join};

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
    /// Whether rows may come from FHIR that nobody has de-identified.
    raw: AtomicBool,
    /// Tables among those that were opened, or made, whose rows may be patients', by name in lower
    /// case.
    of_patients: Mutex<HashSet<String>>,
}

/// A table that is opened once, by whoever needs it first.
type Slot = Arc<Mutex<Option<Arc<ParquetTable>>>>;

/// A study's tables as they are so far.
#[derive(Debug)]
struct Building {
    study: StudyName,
    /// The schema whose tables are this study's.
    schema: Option<String>,
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
        let raw = AtomicBool::new(matches!(source, Source::Ndjson { .. }));
        let (opened, building) = (Mutex::default(), Mutex::default());
        let of_patients = Mutex::default();
        Self { source, database, stores, opened, building, raw, of_patients }
    }

    /// The studies' tables.
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// From now on the tables of `study` are those that [`Tables::put`] brings.
    pub fn begin(&self, study: &StudyName) {
        let (study, tables) = (study.clone(), BTreeMap::new());
        *held(&self.building) = Some(Building { study, schema: None, tables });
    }

    /// From now on the tables in this schema are those of the study that is being built.
    pub fn dedicated_schema(&self, schema: &str) {
        if let Some(building) = held(&self.building).as_mut() {
            // Names without a schema are in that one, too.
            building.schema = Some(schema.to_lowercase()).filter(|schema| schema != SCHEMA);
        }
    }

    /// The name of a table without its schema.
    pub fn whole_name(&self, schema: Option<&str>, name: &str) -> String {
        let schema = schema.map(str::to_lowercase);
        match held(&self.building).as_ref() {
            Some(Building { study, schema: Some(own), .. })
                if schema.as_ref() == Some(own) && study_of(name) != Some(&**study) =>
            {
                format!("{study}__{name}")
            }
            _ => name.to_owned(),
        }
    }

    /// Whether rows may come from FHIR that nobody has de-identified.
    pub fn is_raw(&self) -> bool {
        self.raw.load(Ordering::Relaxed)
    }

    /// See [`Tables::is_raw`].
    pub fn note_raw(&self) {
        self.raw.store(true, Ordering::Relaxed);
    }

    /// The study is as the database has it.
    pub fn end(&self) {
        let ended = held(&self.building).take();
        if let Some(ended) = ended {
            let own = |name: &String| study_of(name) == Some(&*ended.study);
            held(&self.opened).retain(|name, _| !own(name));
            held(&self.of_patients).retain(|name| !own(name));
        }
    }

    /// Adds a table of the study that is being built, or puts it in place of the one there was.
    pub fn put(&self, name: &str, table: ParquetTable, of_patients: bool) {
        self.note_patients(&name.to_lowercase(), of_patients);
        if let Some(building) = held(&self.building).as_mut() {
            building.tables.insert(name.to_lowercase(), Arc::new(table));
        }
    }

    fn note_patients(&self, lower: &str, of_patients: bool) {
        let mut noted = held(&self.of_patients);
        match of_patients {
            true => noted.insert(lower.to_owned()),
            false => noted.remove(lower),
        };
    }

    /// Whether a table's rows may be patients': it is of the lake, or was made of such tables. No
    /// table of that name has none.
    pub fn is_of_patients(&self, name: &str) -> Result<bool> {
        self.open(name)?;
        Ok(held(&self.of_patients).contains(&name.to_lowercase()))
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
            && study_of(&name) == Some(&*building.study)
        {
            return Ok(building.tables.get(&name).cloned());
        }
        let slot = held(&self.opened).entry(name.clone()).or_default().clone();
        // Others who want this table wait; those who want another don't.
        let mut slot = held(&slot);
        if slot.is_none() {
            let found = match self.stored(&name)? {
                Some(found) => Some(found),
                None => self.source.open(&name, &self.stores)?.map(|table| (table, true)),
            };
            if let Some((table, of_patients)) = found {
                self.note_patients(&name, of_patients);
                *slot = Some(Arc::new(table));
            }
        }
        Ok(slot.clone())
    }

    /// A table of a study that is built, and whether its rows may be patients'.
    fn stored(&self, name: &str) -> Result<Option<(ParquetTable, bool)>> {
        // What the main job says about itself comes from its tables alone.
        let Some(study) = StudyName::of_table(name) else { return Ok(None) };
        let Some(listing) = self.database.list(&study)? else { return Ok(None) };
        let table = listing.tables.iter().find(|table| table.name.to_lowercase() == name);
        if listing.raw && table.is_some() {
            self.note_raw();
        }
        let Some(table) = table else { return Ok(None) };
        let opened = self.open_stored(&self.database.folder(&study), table)?;
        Ok(Some((opened, table.of_patients)))
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
            names.retain(|name| study_of(name) != Some(&*building.study));
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

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        // Studies name the schema that they were written for; there is one only, and perhaps one of
        // the study's own.
        Some(Arc::new(Schema { tables: self.0.clone(), name: name.to_owned() }))
    }
}

#[derive(Debug)]
struct Schema {
    tables: Arc<Tables>,
    name: String,
}

#[async_trait]
impl SchemaProvider for Schema {
    fn table_names(&self) -> Vec<String> {
        // Asked for within asynchronous code, where this thread may not wait for a store.
        let names = std::thread::scope(|scope| {
            join(Thread::named("names").start_in(scope, || self.tables.names())?)
        });
        // There is no way to hand on an error here.
        names.map(|names| names.into_iter().collect()).unwrap_or_default()
    }

    async fn table(&self, name: &str) -> EngineResult<Option<Arc<dyn TableProvider>>> {
        let tables = self.tables.clone();
        let name = tables.whole_name(Some(&self.name), name);
        // To open a table is work for a thread that may wait.
        let opened = tokio::task::spawn_blocking(move || tables.open(&name)).await;
        match opened {
            Ok(Ok(table)) => Ok(table.map(|table| table as Arc<dyn TableProvider>)),
            Ok(Err(error)) => Err(DataFusionError::External(Box::new(error))),
            Err(error) => Err(DataFusionError::External(Box::new(error))),
        }
    }

    fn table_exist(&self, name: &str) -> bool {
        let name = self.tables.whole_name(Some(&self.name), name);
        self.table_names().contains(&name.to_lowercase())
    }
}
