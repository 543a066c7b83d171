//! The options of commands that read or make tables of studies.

use clap::Args;
use clap::builder::PossibleValue;
use tracing::{debug, warn};

use crate::claim::{self, Role};
use crate::cli::Process;
use crate::cli::declared::Layered;
use crate::cli::limits::LimitArgs;
use crate::cli::store::StoreArgs;
use crate::cli::tls::{TlsArgs, is_typed};
use crate::error::{Error, Result, SettingsFault};
use crate::store::{Folder, Storage, WorkFolder};
use crate::study::engine::Engine;
use crate::study::engine::athena::{Athena, AthenaSettings, MAX_CONCURRENT};
use crate::study::engine::datafusion::{DataFusion, Input};

const DATAFUSION: &str = "datafusion";
const ATHENA: &str = "athena";
const BALLISTA: &str = "ballista";
/// The variable that names a folder of NDJSON.
const NDJSON: &str = "CUMULUS_LIBRARY_LOAD_NDJSON_DIR";

/// Where tables of studies are, and what may be used to make them.
#[derive(Args, Debug)]
pub struct DatabaseArgs {
    /// The engine that runs the queries
    #[arg(long, value_name = "TYPE", default_value = DATAFUSION)]
    #[arg(env = "CUMULUS_LIBRARY_DB_TYPE", value_parser = describe_engines())]
    db_type: String,
    /// Folder or bucket URL with the tables of studies; with Ballista the scheduler, like
    /// `df://scheduler:50050`
    #[arg(long, value_name = "DIR", env = "CUMULUS_LIBRARY_DATABASE")]
    database: Option<String>,
    /// Ballista: folder or bucket URL with the tables of studies, for all machines the same
    #[arg(long, value_name = "DIR", env = "CUMULUS_LIBRARY_TABLES")]
    tables: Option<String>,
    #[command(flatten)]
    tls: TlsArgs,
    /// Athena: schema (Glue's database) that tables are in [default: that of `--database`]
    #[arg(long, alias = "schema_name", value_name = "NAME", env = "CUMULUS_LIBRARY_SCHEMA_NAME")]
    schema_name: Option<String>,
    /// Athena: workgroup that queries run in; it must encrypt its results
    #[arg(long, value_name = "NAME", env = "CUMULUS_LIBRARY_WORKGROUP")]
    workgroup: Option<String>,
    /// Athena: region [default: of the environment or profile]
    #[arg(long, value_name = "REGION", env = "CUMULUS_LIBRARY_REGION")]
    region: Option<String>,
    /// Athena: profile in `~/.aws` [default: the environment's credentials]
    #[arg(long, value_name = "NAME", env = "CUMULUS_LIBRARY_PROFILE")]
    profile: Option<String>,
    /// Athena: bucket URL where results, uploads and exports go [default: where the workgroup says]
    #[arg(long, value_name = "URL", env = "CUMULUS_S3_STAGING_DIR")]
    s3_staging_dir: Option<String>,
    #[command(flatten)]
    limits: LimitArgs,
    #[command(flatten)]
    store: Layered<StoreArgs>,
}

/// The values of `--db-type`.
fn describe_engines() -> [PossibleValue; 3] {
    [
        PossibleValue::new(DATAFUSION).help("the embedded engine"),
        PossibleValue::new(ATHENA).help("AWS"),
        PossibleValue::new(BALLISTA).help("a cluster"),
    ]
}

/// Where the tables come from that studies are made of.
#[derive(Args, Debug)]
pub struct InputArgs {
    /// The OUTPUT of the main job: Delta Lake, Parquet or NDJSON
    #[arg(long, value_name = "URL")]
    lake: Option<String>,
    /// FHIR NDJSON, read as it is: nothing is de-identified
    #[arg(long, value_name = "DIR", env = NDJSON)]
    load_ndjson_dir: Option<String>,
}

impl InputArgs {
    /// Whether an input is named.
    pub fn is_given(&self) -> bool {
        self.lake.is_some() || self.load_ndjson_dir.is_some()
    }

    /// The input; [`Input::Nothing`] if none is given.
    pub fn resolve_input(&self, storage: &Storage) -> Result<Input> {
        // A flag beats a variable; of two flags neither can be meant.
        let by_variable = std::env::var(NDJSON).ok();
        if self.lake.is_some()
            && self.load_ndjson_dir.is_some()
            && self.load_ndjson_dir != by_variable
        {
            let message = "--lake and --load-ndjson-dir exclude each other";
            return Err(Error::new(SettingsFault::Conflict, message));
        }
        Ok(match (&self.lake, &self.load_ndjson_dir) {
            (Some(lake), _) => Input::Lake(storage.open_folder(lake)?),
            (None, Some(folder)) => Input::Ndjson(storage.open_folder(folder)?),
            (None, None) => Input::Nothing,
        })
    }
}

/// An engine, and what it was opened with.
pub struct OpenedEngine {
    /// The engine.
    pub engine: Box<dyn Engine>,
    /// For temporary files.
    pub work: WorkFolder,
    /// Opens folders.
    pub storage: Storage,
    /// Queries that may run at the same time.
    pub threads: usize,
}

impl DatabaseArgs {
    /// Whether a database is named.
    pub fn is_given(&self) -> bool {
        self.database.is_some() || self.is_athena()
    }

    fn is_athena(&self) -> bool {
        self.db_type == ATHENA
    }

    /// Opens the engine. Athena has its own tables, and needs no input.
    pub fn open_engine(
        &self,
        process: &Process,
        input: impl FnOnce(&Storage) -> Result<Input>,
    ) -> Result<OpenedEngine> {
        self.open_for(process, None, input)
    }

    /// Opens the engine for a query, which changes nothing: where tables of a lake or of NDJSON are given, the
    /// embedded engine needs no database of studies.
    pub fn open_to_read(&self, process: &Process, input: &InputArgs) -> Result<OpenedEngine> {
        let is_embedded = !self.is_athena() && self.db_type != BALLISTA;
        if !is_embedded || self.database.is_some() || !input.is_given() {
            return self.open_engine(process, |storage| input.resolve_input(storage));
        }
        let storage = self.store.of_command(process)?;
        self.tell_of_no_effect();
        let work = self.limits.open_work(&storage)?;
        // Nothing is there, and a query makes nothing.
        let database =
            storage.open_folder(&work.path().join("no-studies").display().to_string())?;
        self.open_embedded(database, input.resolve_input(&storage)?, work, storage)
    }

    /// The same, for so many queries at the same time; without a number, as many as the engine likes.
    pub fn open_for(
        &self,
        process: &Process,
        concurrent: Option<usize>,
        input: impl FnOnce(&Storage) -> Result<Input>,
    ) -> Result<OpenedEngine> {
        let storage = self.store.of_command(process)?;
        self.tell_of_no_effect();
        if self.is_athena() {
            return self.open_athena(concurrent, storage);
        }
        if self.db_type == BALLISTA {
            return self.open_ballista(input(&storage)?, storage);
        }
        let Some(database) = &self.database else {
            return Err(Error::new(
                SettingsFault::InvalidValue,
                "--database is missing: the folder or bucket URL with the tables of studies \
                 (CUMULUS_LIBRARY_DATABASE)",
            ));
        };
        let database = storage.open_folder(database)?;
        claim::refuse_claimed(&database, "--database", &[Role::Phi, Role::Output])?;
        let work = self.limits.open_work(&storage)?;
        let input = input(&storage)?;
        refuse_raw_tables_in_output(&database, "--database", &input)?;
        self.open_embedded(database, input, work, storage)
    }

    fn open_embedded(
        &self,
        database: Folder,
        input: Input,
        work: WorkFolder,
        storage: Storage,
    ) -> Result<OpenedEngine> {
        let limits = self.limits.resolve_limits();
        let threads = limits.threads;
        debug!("queries have {} MiB of memory, {threads} at a time", limits.memory >> 20);
        let engine = DataFusion::open_database(database, input, work.clone(), &limits)?;
        Ok(OpenedEngine { engine: Box::new(engine), work, storage, threads })
    }

    /// Says which options are for other engines than the one that runs.
    fn tell_of_no_effect(&self) {
        let athena = [
            ("--schema-name", &self.schema_name, "CUMULUS_LIBRARY_SCHEMA_NAME"),
            ("--workgroup", &self.workgroup, "CUMULUS_LIBRARY_WORKGROUP"),
            ("--region", &self.region, "CUMULUS_LIBRARY_REGION"),
            ("--profile", &self.profile, "CUMULUS_LIBRARY_PROFILE"),
            ("--s3-staging-dir", &self.s3_staging_dir, "CUMULUS_S3_STAGING_DIR"),
        ];
        let athena =
            athena.iter().filter(|(_, value, variable)| is_typed(value.as_ref(), variable));
        let tables = is_typed(self.tables.as_ref(), "CUMULUS_LIBRARY_TABLES").then_some("--tables");
        let ballista = self.tls.on_command_line().into_iter().chain(tables);
        let of_others = athena
            .map(|(name, ..)| (*name, ATHENA))
            .chain(ballista.map(|name| (name, BALLISTA)))
            .filter(|(_, engine)| *engine != self.db_type);
        for (name, engine) in of_others {
            warn!("{name} has no effect with --db-type {}: it is for {engine}", self.db_type);
        }
    }

    #[cfg(feature = "ballista")]
    fn open_ballista(&self, input: Input, storage: Storage) -> Result<OpenedEngine> {
        use crate::study::engine::datafusion::cluster::Cluster;

        let (Some(scheduler), Some(tables)) = (&self.database, &self.tables) else {
            return Err(Error::new(
                SettingsFault::InvalidValue,
                "with --db-type ballista, --database is the scheduler (df://scheduler:50050) and \
                 --tables the folder or bucket URL with the tables of studies, which all machines \
                 of the cluster reach by that name",
            ));
        };
        let cluster = Cluster::parse_url(scheduler)?;
        let tls = self.tls.read(&[cluster.host_name()])?;
        let cluster = cluster.with_tls(tls);
        let tables = storage.open_folder(tables)?;
        claim::refuse_claimed(&tables, "--tables", &[Role::Phi, Role::Output])?;
        refuse_raw_tables_in_output(&tables, "--tables", &input)?;
        let (limits, work) = (self.limits.resolve_limits(), self.limits.open_work(&storage)?);
        let threads = limits.threads;
        let engine = DataFusion::on_cluster(&cluster, tables, input, work.clone(), &limits)?;
        Ok(OpenedEngine { engine: Box::new(engine), work, storage, threads })
    }

    #[cfg(not(feature = "ballista"))]
    fn open_ballista(&self, _: Input, _: Storage) -> Result<OpenedEngine> {
        Err(crate::cli::ballista::explain_missing())
    }

    fn open_athena(&self, concurrent: Option<usize>, storage: Storage) -> Result<OpenedEngine> {
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        // Users of Cumulus Library name the schema by --database.
        let schema = given(&self.schema_name).or_else(|| given(&self.database));
        let settings = AthenaSettings {
            region: given(&self.region),
            profile: given(&self.profile),
            staging: given(&self.s3_staging_dir),
            max_concurrent: concurrent.unwrap_or(MAX_CONCURRENT),
            work_dir: self.limits.work_dir.clone(),
            pace: crate::bulk::read_pace(),
            ..AthenaSettings::new(
                &given(&self.workgroup).unwrap_or_default(),
                &schema.unwrap_or_default(),
                &storage,
            )
        };
        let engine = Athena::open_schema(&settings)?;
        let threads = settings.max_concurrent;
        Ok(OpenedEngine {
            engine: Box::new(engine),
            work: self.limits.open_work(&storage)?,
            storage,
            threads,
        })
    }
}

/// Tables that are made of rows as they are do not belong where others read.
fn refuse_raw_tables_in_output(tables: &Folder, what: &str, input: &Input) -> Result<()> {
    match input {
        Input::Ndjson(_) => claim::refuse_inside(tables, what, Role::Output),
        Input::Lake(_) | Input::Nothing => Ok(()),
    }
}
