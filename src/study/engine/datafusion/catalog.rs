//! Which table a name means: one of the study at hand, of another study, or of the sources.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use datafusion::catalog::{CatalogProvider, SchemaProvider, TableProvider};
use datafusion::common::{DataFusionError, Result as EngineResult};

use super::database::{Database, StoredTable};
use super::scan::{ParquetTable, ScannedFile};
use super::session::SCHEMA;
use super::source::{TableSource, files};
use super::stores::Stores;
use crate::error::{Error, Result};
use crate::poison::ignore_poison;
use crate::store::{Entry, Folder};
use crate::study::StudyName;
use crate::threads::{Thread, join_scoped};

/// All tables that a session knows.
#[derive(Debug)]
pub struct TableCatalog {
    source: TableSource,
    database: Database,
    stores: Stores,
    /// Tables that were opened, by name in lower case.
    opened: Mutex<HashMap<String, Slot>>,
    /// The tables of the study that is being built.
    unfinished: Mutex<Option<UnfinishedStudy>>,
}

/// Where rows come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// They may be patients': they are of the lake, or were made of such tables.
    pub of_patients: bool,
    /// They may be of FHIR that nobody has de-identified.
    pub raw: bool,
}

impl Origin {
    /// That of rows which are made of both.
    pub fn joined_with(self, other: Self) -> Self {
        Self { of_patients: self.of_patients || other.of_patients, raw: self.raw || other.raw }
    }
}

/// A table, and where its rows come from.
#[derive(Clone, Debug)]
struct KnownTable {
    table: Arc<ParquetTable>,
    origin: Origin,
}

/// A table that is opened once, by the first statement that needs it.
type Slot = Arc<Mutex<Option<KnownTable>>>;

/// The tables of a study that is being built, as far as they are made. The build has the list of their
/// files; its statements see the tables through this struct.
#[derive(Debug)]
struct UnfinishedStudy {
    study: StudyName,
    /// The schema whose tables are this study's.
    schema: Option<String>,
    /// By name in lower case.
    tables: BTreeMap<String, KnownTable>,
}

fn lock_state<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    ignore_poison(mutex.lock())
}

/// The study that a table's name belongs to.
pub fn study_of(table: &str) -> Option<&str> {
    table.split_once("__").map(|(study, _)| study)
}

impl TableCatalog {
    /// Tables of a source and of studies.
    pub fn new(source: TableSource, database: Database, stores: Stores) -> Self {
        let (opened, unfinished) = (Mutex::default(), Mutex::default());
        Self { source, database, stores, opened, unfinished }
    }

    /// The studies' tables.
    pub fn study_database(&self) -> &Database {
        &self.database
    }

    /// From now on the tables of `study` are those that [`TableCatalog::put_table`] brings, until
    /// [`TableCatalog::end_study`].
    ///
    /// # Errors
    /// Another study is being built: which tables names mean is known for one at a time.
    pub fn begin_study(&self, study: &StudyName) -> Result<()> {
        let mut unfinished = lock_state(&self.unfinished);
        if let Some(other) = unfinished.as_ref() {
            let message = format!("{} is being built: {study} has to wait for it", other.study);
            return Err(Error::failed(message));
        }
        let (study, tables) = (study.clone(), BTreeMap::new());
        *unfinished = Some(UnfinishedStudy { study, schema: None, tables });
        Ok(())
    }

    /// From now on the tables in this schema are those of the study that is being built.
    pub fn dedicated_schema(&self, schema: &str) {
        if let Some(unfinished) = lock_state(&self.unfinished).as_mut() {
            // Names without a schema are in that one, too.
            unfinished.schema = Some(schema.to_lowercase()).filter(|schema| schema != SCHEMA);
        }
    }

    /// The name of a table without its schema.
    pub fn whole_name(&self, schema: Option<&str>, name: &str) -> String {
        let schema = schema.map(str::to_lowercase);
        match lock_state(&self.unfinished).as_ref() {
            Some(UnfinishedStudy { study, schema: Some(own), .. })
                // With the prefix or without it: `umls.umls__x` and `umls.x` are one table.
                if schema.as_ref() == Some(own) && study_of(name) != Some(&**study) =>
            {
                format!("{study}__{name}")
            }
            _ => name.to_owned(),
        }
    }

    /// Whether all that is not a study's is FHIR that nobody has de-identified.
    pub fn has_raw_source(&self) -> bool {
        matches!(self.source, TableSource::Ndjson { .. })
    }

    /// The study is as the database has it.
    pub fn end_study(&self) {
        let ended = lock_state(&self.unfinished).take();
        if let Some(ended) = ended {
            let own = |name: &String| study_of(name) == Some(&*ended.study);
            // Opened before the build, they name files that may be gone now.
            lock_state(&self.opened).retain(|name, _| !own(name));
        }
    }

    /// Adds a table of the study that is being built, or puts it in place of the one there was.
    pub fn put_table(&self, name: &str, table: ParquetTable, origin: Origin) {
        if let Some(unfinished) = lock_state(&self.unfinished).as_mut() {
            let table = KnownTable { table: Arc::new(table), origin };
            unfinished.tables.insert(name.to_lowercase(), table);
        }
    }

    /// Takes a table of the study that is being built away.
    pub fn remove_table(&self, name: &str) {
        if let Some(unfinished) = lock_state(&self.unfinished).as_mut() {
            unfinished.tables.remove(&name.to_lowercase());
        }
    }

    /// The table of this name, whatever its case. Not from asynchronous code.
    pub fn open_table(&self, name: &str) -> Result<Option<Arc<ParquetTable>>> {
        Ok(self.open_known(name)?.map(|known| known.table))
    }

    /// Where a table's rows come from. No table of that name has none.
    pub fn origin_of(&self, name: &str) -> Result<Origin> {
        Ok(self.open_known(name)?.map(|known| known.origin).unwrap_or_default())
    }

    fn open_known(&self, name: &str) -> Result<Option<KnownTable>> {
        let name = name.to_lowercase();
        if let Some(unfinished) = lock_state(&self.unfinished).as_ref()
            && study_of(&name) == Some(&*unfinished.study)
        {
            // The tables of the last build, in the database, do not count: a table that this build
            // has not made yet is not there.
            return Ok(unfinished.tables.get(&name).cloned());
        }
        let slot = lock_state(&self.opened).entry(name.clone()).or_default().clone();
        // Threads that want this table wait; those that want another one do not.
        let mut slot = lock_state(&slot);
        if slot.is_none() {
            *slot = match self.find_stored(&name)? {
                Some(known) => Some(known),
                None => self.source.open_table(&name, &self.stores)?.map(|table| KnownTable {
                    table: Arc::new(table),
                    origin: Origin { of_patients: true, raw: self.has_raw_source() },
                }),
            };
        }
        Ok(slot.clone())
    }

    /// A table of a study that is built.
    fn find_stored(&self, name: &str) -> Result<Option<KnownTable>> {
        // `etl__` is no study: the main job's own tables come from the lake alone.
        let Some(study) = StudyName::of_table(name) else { return Ok(None) };
        let Some(listing) = self.database.list(&study)? else { return Ok(None) };
        let table = listing.tables.iter().find(|table| table.name.to_lowercase() == name);
        let Some(table) = table else { return Ok(None) };
        let opened = self.open_stored(&self.database.study_folder(&study), table)?;
        let origin = Origin { of_patients: table.of_patients, raw: listing.raw };
        Ok(Some(KnownTable { table: Arc::new(opened), origin }))
    }

    /// A table of a study by its files.
    pub fn open_stored(&self, folder: &Folder, table: &StoredTable) -> Result<ParquetTable> {
        let mut schema = None;
        let mut data = Vec::new();
        for file in &table.files {
            // All files of a table were written with one schema: the first footer tells it.
            if schema.is_none() {
                let entry = Entry { name: file.name.clone(), size: file.bytes };
                schema = Some(files::read_footer(folder, &entry)?.0);
            }
            data.push(ScannedFile {
                path: folder.path(&file.name),
                size: file.bytes,
                rows: Some(file.rows),
            });
        }
        let schema = schema.unwrap_or_else(|| Arc::new(arrow::datatypes::Schema::empty()));
        ParquetTable::new(self.stores.store_of(folder)?, data, schema)
    }

    /// The names of all tables, in lower case.
    pub fn table_names(&self) -> Result<BTreeSet<String>> {
        let mut names = self.source.table_names();
        for study in self.database.list_studies()? {
            if let Some(listing) = self.database.list(&study)? {
                names.extend(listing.tables.iter().map(|table| table.name.to_lowercase()));
            }
        }
        if let Some(unfinished) = lock_state(&self.unfinished).as_ref() {
            names.retain(|name| study_of(name) != Some(&*unfinished.study));
            names.extend(unfinished.tables.keys().cloned());
        }
        Ok(names)
    }
}

/// The tables as the engine asks for them.
#[derive(Debug)]
pub struct Catalog(pub Arc<TableCatalog>);

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
    tables: Arc<TableCatalog>,
    name: String,
}

#[async_trait]
impl SchemaProvider for Schema {
    fn table_names(&self) -> Vec<String> {
        // Asked for within asynchronous code, where this thread may not wait for a store.
        let names = std::thread::scope(|scope| {
            join_scoped(Thread::named("names").start_in(scope, || self.tables.table_names())?)
        });
        // The trait has no way to hand on an error here.
        names.map(|names| names.into_iter().collect()).unwrap_or_default()
    }

    async fn table(&self, name: &str) -> EngineResult<Option<Arc<dyn TableProvider>>> {
        let tables = self.tables.clone();
        let name = tables.whole_name(Some(&self.name), name);
        // To open a table is work for a thread that may wait.
        let opened = tokio::task::spawn_blocking(move || tables.open_table(&name)).await;
        match opened {
            Ok(Ok(table)) => Ok(table.map(|table| table as Arc<dyn TableProvider>)),
            // With the causes in its own sentence: a cluster's tasks hand an error on as its text
            // alone.
            Ok(Err(error)) => Err(DataFusionError::External(Box::new(error.join_causes()))),
            Err(error) => Err(DataFusionError::External(Box::new(error))),
        }
    }

    fn table_exist(&self, name: &str) -> bool {
        let name = self.tables.whole_name(Some(&self.name), name);
        self.table_names().contains(&name.to_lowercase())
    }
}
