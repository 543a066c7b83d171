//! The options of commands that read or make tables of studies.

use clap::Args;

use crate::cli::store::StoreArgs;
use crate::error::{Error, Exit, Result};
use crate::store::{Folder, StoreOptions, WorkFolder};
use crate::study::engine::datafusion::{DataFusion, Input, Limits};

/// The variable that names a folder of NDJSON.
const NDJSON: &str = "CUMULUS_LIBRARY_LOAD_NDJSON_DIR";

/// Where tables of studies are, and what may be used to make them.
#[derive(Args, Debug)]
pub struct DatabaseArgs {
    /// What runs the queries: datafusion (embedded)
    #[arg(long, value_name = "TYPE", default_value = "datafusion")]
    #[arg(env = "CUMULUS_LIBRARY_DB_TYPE", value_parser = ["datafusion", "athena"])]
    db_type: String,
    /// Folder or bucket URL with the tables of studies
    #[arg(long, value_name = "DIR", env = "CUMULUS_LIBRARY_DATABASE")]
    database: Option<String>,
    /// Schema that tables are in (Athena)
    #[arg(long, alias = "schema_name", value_name = "NAME", hide = true)]
    #[arg(env = "CUMULUS_LIBRARY_SCHEMA_NAME")]
    schema_name: Option<String>,
    /// Memory for queries, in MiB [default: half of the machine's or container's]
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u64).range(64..))]
    memory_limit: Option<u64>,
    /// Local folder for temporary files [default: the system's]
    #[arg(long, value_name = "DIR")]
    work_dir: Option<String>,
    #[command(flatten)]
    store: StoreArgs,
}

/// Where the tables come from that studies are made of.
#[derive(Args, Debug)]
pub struct InputArgs {
    /// What the main job wrote (its OUTPUT): Delta Lake, Parquet or NDJSON
    #[arg(long, value_name = "URL")]
    lake: Option<String>,
    /// FHIR NDJSON, read as it is: nothing is de-identified
    #[arg(long, value_name = "DIR", env = NDJSON)]
    load_ndjson_dir: Option<String>,
}

impl InputArgs {
    /// The input; [`Input::Nothing`] if none is given.
    pub fn input(&self, options: &StoreOptions) -> Result<Input> {
        // A flag beats a variable; of two flags neither can be meant.
        let by_variable = std::env::var(NDJSON).ok();
        if self.lake.is_some()
            && self.load_ndjson_dir.is_some()
            && self.load_ndjson_dir != by_variable
        {
            let message = "--lake and --load-ndjson-dir exclude each other";
            return Err(Error::new(Exit::ArgsConflict, message));
        }
        Ok(match (&self.lake, &self.load_ndjson_dir) {
            (Some(lake), _) => Input::Lake(Folder::open_with(lake, options)?),
            (None, Some(folder)) => Input::Ndjson(Folder::open_with(folder, options)?),
            (None, None) => Input::Nothing,
        })
    }
}

/// An engine, and what it was opened with.
pub struct Opened {
    /// The engine.
    pub engine: DataFusion,
    /// For temporary files.
    pub work: WorkFolder,
    /// How buckets are reached.
    pub options: StoreOptions,
    /// Queries that may run at once.
    pub threads: usize,
}

impl DatabaseArgs {
    /// Whether a database is named.
    pub fn is_given(&self) -> bool {
        self.database.is_some()
    }

    /// Opens the engine.
    pub fn open(&self, input: impl FnOnce(&StoreOptions) -> Result<Input>) -> Result<Opened> {
        if self.db_type == "athena" {
            return Err(Error::new(
                Exit::ServiceMissing,
                "Athena is not supported yet: --db-type datafusion runs here, without a server",
            ));
        }
        let options = self.store.of_command()?;
        let Some(database) = &self.database else {
            return Err(Error::new(
                Exit::ArgsInvalid,
                "--database is missing: the folder or bucket URL with the tables of studies \
                 (CUMULUS_LIBRARY_DATABASE)",
            ));
        };
        let database = Folder::open_with(database, &options)?;
        let mut limits = Limits::of_machine();
        if let Some(mib) = self.memory_limit {
            limits.memory = usize::try_from(mib << 20).unwrap_or(usize::MAX);
        }
        let threads = limits.threads;
        // Beside no data: what is spilled is patients' data, and must not go into a database.
        let temporary = Folder::open(&std::env::temp_dir().to_string_lossy())?;
        let work = WorkFolder::create(self.work_dir.as_deref(), &temporary)?;
        let engine = DataFusion::open(database, input(&options)?, work.clone(), &limits)?;
        Ok(Opened { engine, work, options, threads })
    }
}
